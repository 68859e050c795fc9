"""Diagnostic output: one JSON object a line, bounded on disk, and without secrets."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.system import LogSection
from runtime.log_setup import REDACTED, output_file, redact_text, set_up_logs

TOKEN = "123456789:AAFakeFakeFakeFakeFakeFakeFakeFake-_x"
SECRETS = {
    "telegram": (f"https://api.telegram.org/bot{TOKEN}/sendMessage", TOKEN),
    "fmp": ("https://x.com/stable/economic-calendar?from=1&apikey=S3cr3tKey&to=2", "S3cr3tKey"),
    "snake": ("GET /v1?api_key=S3cr3tKey", "S3cr3tKey"),
    "token": ("GET /v1?access_token=S3cr3tKey'", "S3cr3tKey"),
    "bearer": ("authorization: Bearer AAAA%2Fbbb.ccc-ddd==", "ccc"),
    "upper": ("GET /v1?APIKEY=S3cr3tKey", "S3cr3tKey"),
}


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Put the logging of the process back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def records(folder: Path, name: str = "driver") -> list[dict[str, Any]]:
    """Return what was written, one object a line."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("form", SECRETS)
def test_secret_in_a_text_is_redacted(form: str) -> None:
    """Whatever form a secret has in an address or a header, its value goes."""
    text, secret = SECRETS[form]

    redacted = redact_text(text)

    assert secret not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "EURUSD 1.10000:1.10010",
        "2025-03-05T12:00:00Z",
        "intent 0b3c9d/EURUSD/M15",
        "42:short",
        "Bearer",
        "1741176000000000000",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Prices, times and ids are not mistaken for secrets."""
    assert redact_text(text) == text


@pytest.mark.parametrize("form", SECRETS)
def test_secret_never_reaches_the_file(tmp_path: Path, form: str) -> None:
    """A value, an event, an exception of ours and one of a library's log are all redacted."""
    text, secret = SECRETS[form]
    set_up_logs("driver", tmp_path, LogSection(level="debug"), profile="sim")
    log = structlog.get_logger()

    log.info("feed_failed", url=text)
    log.info(text)
    log.info("feed_failed", error=OSError(text), tried=[text], answer={"url": text})
    try:
        raise OSError(text)
    except OSError:
        log.exception("feed_raised")
        logging.getLogger("library").exception("gave up on %s", text)

    written = (tmp_path / "driver.jsonl").read_text(encoding="utf-8")
    assert len(records(tmp_path)) == 5
    assert secret not in written
    assert written.count("OSError") >= 2  # both tracebacks are there


@pytest.mark.parametrize("key", ["token", "mt5_password", "API_KEY", "client_secret", "bearer"])
def test_value_under_a_secret_name_is_redacted(tmp_path: Path, key: str) -> None:
    """A secret of no known form is known by its name."""
    set_up_logs("driver", tmp_path, LogSection(), profile="sim")

    structlog.get_logger().info("logged_in", **{key: "hunter2"})

    assert records(tmp_path)[0][key] == REDACTED


def test_record_is_an_event_with_level_time_and_what_was_bound(tmp_path: Path) -> None:
    """Each line can be searched by event, level, time, profile, agent and run."""
    set_up_logs("risk", tmp_path, LogSection(), profile="paper")
    structlog.contextvars.bind_contextvars(agent="risk", run_id="r1")

    structlog.get_logger().info("limit_breached", limit="heat_max", value=0.03)

    (record,) = records(tmp_path, "risk")
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "limit_breached",
        "level": "info",
        "agent": "risk",
        "run_id": "r1",
        "profile": "paper",
        "limit": "heat_max",
        "value": 0.03,
    }


def test_level_decides_what_is_written(tmp_path: Path) -> None:
    """What is below the level is not written."""
    set_up_logs("driver", tmp_path, LogSection(level="warning"), profile="sim")
    log = structlog.get_logger()

    log.info("a")
    log.warning("b")

    assert [record["event"] for record in records(tmp_path)] == ["b"]


@pytest.mark.parametrize("library", ["httpx", "httpcore", "urllib3"])
def test_libraries_that_write_addresses_are_silent(tmp_path: Path, library: str) -> None:
    """Even at debug, no library writes each address that it opens."""
    set_up_logs("driver", tmp_path, LogSection(level="debug"), profile="sim")

    logging.getLogger(library).info("HTTP Request: POST https://x")
    logging.getLogger(library).warning("pool is full")

    assert [record["event"] for record in records(tmp_path)] == ["pool is full"]


def test_logs_are_bounded_on_disk(tmp_path: Path) -> None:
    """A file is rotated at its size, and only so many are kept."""
    set_up_logs("driver", tmp_path, LogSection(file_bytes_max=100_000, files_max=2), profile="sim")
    log = structlog.get_logger()

    for number in range(50):
        log.info("x" * 10_000, number=number)

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"driver.jsonl", "driver.jsonl.1", "driver.jsonl.2"}
    assert records(tmp_path)[-1]["number"] == 49
    assert all(path.stat().st_size <= 100_000 for path in tmp_path.iterdir())


def test_what_a_process_prints_is_bounded_over_its_starts(tmp_path: Path) -> None:
    """The file is continued while it is small, and begun anew, the last one kept, beyond that."""
    path = tmp_path / "terminal.log"
    for text in (b"one", b"two", b"three", b"four"):
        with output_file(path, 5) as file:
            file.write(text)

    assert path.read_bytes() == b"threefour"
    assert (tmp_path / "terminal.log.1").read_bytes() == b"onetwo"


def test_folder_is_private(tmp_path: Path) -> None:
    """Only the user lists the logs."""
    set_up_logs("driver", tmp_path / "logs", LogSection(), profile="sim")

    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700


def test_setting_up_again_replaces_what_was_there(tmp_path: Path) -> None:
    """A process that sets up twice writes each record once."""
    set_up_logs("first", tmp_path, LogSection(), profile="sim")
    first = logging.getLogger().handlers[0]
    set_up_logs("second", tmp_path, LogSection(), profile="sim")
    first.close()

    structlog.get_logger().info("a")

    assert records(tmp_path, "first") == []
    assert len(records(tmp_path, "second")) == 1


def test_console_shows_people_warnings_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stderr has warnings in plain text where it is no terminal, redacted; the file has all."""
    set_up_logs("driver", tmp_path, LogSection(), profile="sim", console=True)

    structlog.get_logger().info("feed_read")
    structlog.get_logger().warning("feed_failed", url=SECRETS["fmp"][0])

    shown = capsys.readouterr().err
    assert "feed_failed" in shown
    assert "S3cr3tKey" not in shown
    assert "\x1b[" not in shown
    assert "feed_read" not in shown
    assert [record["event"] for record in records(tmp_path)] == ["feed_read", "feed_failed"]


def test_lines_of_libraries_and_threads_say_the_profile_too(tmp_path: Path) -> None:
    """No line of a live run can be taken for one of a simulation, whoever wrote it."""
    set_up_logs("driver", tmp_path, LogSection(), profile="live")

    logging.getLogger("library").info("connected")
    thread = threading.Thread(target=structlog.get_logger().info, args=("looked",))
    thread.start()
    thread.join()

    assert [record["profile"] for record in records(tmp_path)] == ["live", "live"]
