"""No secret in any output: known fakes are set, what uses them fails, everything is read."""

import json
import logging
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from agents.requests import HeadlinesRead, ReadBars, ReadCalendar, ReadHeadlines, ReadSecondPrices
from blackboard.facts import Timeframe
from config.secrets import SECRET_SOURCES, load_secrets
from config.settings import Settings
from config.system import LogSection
from models.market.sessions import DAY_NS
from runtime.backup.contents import unpacking
from runtime.feeds.price_feeds import open_price_feeds
from runtime.feeds.sources import open_calendar, open_headlines
from runtime.log_setup import set_up_logs
from runtime.mailbox import STOP_LETTER, leave
from tests.builders import T0_NS
from tests.canaries import CANARIES, leaking, leaks
from tests.command_line import CommandLine, Said
from tests.feed_server import FeedServer, Reply, failing, page, too_many

PAGES = (
    *("/", "/console.js", "/metrics", "/api/overview", "/api/council", "/api/limits"),
    *(
        "/api/symbol?name=EURUSD",
        "/api/journal",
        "/api/learning",
        "/api/trail?seq=1",
        "/nowhere",
    ),
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every secret, and put back what a process does with a traceback."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line with every call to the network failing."""

    def fail(self: httpx.Client, method: str, url: object, **_: object) -> httpx.Response:
        raise httpx.ConnectError(f"{method} {url} failed: apikey={CANARIES['FMP_API_KEY']}")

    async def fail_later(
        self: httpx.AsyncClient, method: str, url: object, **_: object
    ) -> httpx.Response:
        raise httpx.ConnectError(f"{method} {url} failed")

    monkeypatch.setattr(httpx.Client, "request", fail)
    monkeypatch.setattr(httpx.AsyncClient, "request", fail_later)
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


class Reader:
    """Reads every page of the console while a run serves it, and then asks the run to stop."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.told: dict[str, bytes] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        state = self._home / "books" / "embedded" / "cluster.json"
        while not self._ended.is_set() and len(self.told) < len(PAGES):
            try:
                url = json.loads(state.read_bytes())["console_url"]
                token = (self._home / "console.token").read_text()
                for path in PAGES:
                    self.told[path] = self._page(url + path, token)
            except (OSError, ValueError, KeyError):
                self._ended.wait(0.02)
        leave(state.parent / "mailbox", STOP_LETTER)

    def _page(self, url: str, token: str) -> bytes:
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=10.0) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return bytes(error.read())


def said_by(quorum: CommandLine) -> Iterator[Said]:
    """Yield what every verb says that tells of a run, of the machine or of the settings."""
    for verb in (
        ("status",),
        ("agents",),
        ("doctor", "--online"),
        ("config", "show"),
        ("config", "show", "--json"),
        ("config", "secrets"),
        ("config", "schema"),
        ("journal", "--last", "100000", "--json"),
        ("logs", "--last", "1000"),
        ("why", "1"),
        ("audit",),
        ("models",),
        ("learn", "status"),
        ("version", "--json"),
        ("clean", "--days", "0"),
        ("backup", quorum.home / "saved.tar.zst"),
    ):
        yield quorum(*verb)


def test_p10_no_secret_reaches_any_output(quorum: CommandLine, tmp_path: Path) -> None:
    """A run whose messenger and second source fail, its pages, files, backup and every verb.

    The second source answers that it does not know the key.
    """
    with FeedServer() as server, Reader(quorum.home) as reader:
        server.serve("/time_series", failing(401))
        outside = ("agents.data.second_source=twelvedata", f"feeds.twelvedata.url={server.url('')}")
        ran = quorum(
            *("up", "--in-process", "--speed", "20000", "--duration", "90s"),
            *("--symbols", "EURUSD"),
            *(part for text in outside for part in ("--set", text)),
        )
    assert ran.code == 0
    assert set(reader.told) == set(PAGES)
    for path, content in reader.told.items():
        assert leaks(content) == [], path
    for one in (ran, *said_by(quorum)):
        assert leaks(one.out + one.error) == []
        assert "Traceback" not in one.error

    files = [path for path in quorum.home.rglob("*") if path.is_file()]
    kinds = {".db", ".sqlite", ".json", ".jsonl", ".token", ".zst"}
    assert {path.suffix for path in files} >= kinds
    assert leaking(files) == {}
    with unpacking(quorum.home / "saved.tar.zst") as archive:
        assert leaks(archive.read()) == []
    logs = "".join(path.read_text() for path in quorum.home.rglob("*.jsonl"))
    assert "telegram" in logs  # it was tried, and it failed


def outside(server: FeedServer, home: Path) -> Settings:
    """Return settings in which every feed that takes a key is a server on this machine."""
    soon = {"deadline_s": 1.0, "read_timeout_s": 0.2, "connect_timeout_s": 0.2, "tries_max": 1}
    named = ("fmp", "twelvedata", "fixer", "event_registry", "x")
    return Settings.model_validate(
        {
            "profile": "paper",
            "speed": 1.0,
            "home": str(home),
            "terminal": {"kind": "metatrader", "conversion_sources": ["twelvedata", "fixer"]},
            "feeds": soon | {name: {"url": server.url(f"/{name}")} for name in named},
            "agents": {
                "data": {"second_source": "twelvedata"},
                "sentiment": {
                    "calendar_sources": ["fmp"],
                    "texts": {"sources": ["event_registry", "x"]},
                },
            },
        }
    )


FAULTS = {
    "401": failing(401, "your key canary is wrong"),
    "429": too_many(),
    "500": failing(500),
    "page": page(),
    "silent": Reply(is_silent=True),
    "cut": Reply(b"x" * 100, cut_after=5),
    "redirected": Reply(status=302, headers=(("Location", "http://127.0.0.1:9/"),)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_p10_no_feed_that_fails_tells_its_key(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What each of them answers to its reader, logs, keeps and prints, in every way of failing."""
    monkeypatch.chdir(tmp_path)
    set_up_logs("data", tmp_path / "logs", LogSection(level="debug"), profile="paper", console=True)
    with FeedServer() as server:
        monkeypatch.setattr(server, "reply", lambda asked: _noted(server, asked, FAULTS[fault]))
        settings = outside(server, tmp_path / "var")
        prices = open_price_feeds(settings)
        bars = ReadBars(
            symbol="EURUSD", timeframe=Timeframe.M15, from_ns=T0_NS - DAY_NS, until_ns=T0_NS
        )
        told: list[object] = [
            open_calendar(settings).read(
                ReadCalendar(from_ns=T0_NS, until_ns=T0_NS + DAY_NS), T0_NS
            ),
            prices.second.read(ReadSecondPrices(bars=(bars,)), "USD", T0_NS),
            prices.rates.rate("EUR", "USD", T0_NS),
        ]
        texts = open_headlines(settings, is_virtual=False)
        read = texts.read(ReadHeadlines(after_ns=0, limit=10), T0_NS)
        assert isinstance(read, HeadlinesRead)
        told.append(read)
        prices.close()
        keyed = {asked.path.split("/")[1] for asked in server.asked if leaks(str(asked))}
    # They had their keys; X is asked below the path of its version, 2.
    assert keyed == {"fmp", "twelvedata", "fixer", "event_registry", "2"}
    said = capsys.readouterr()
    assert leaks(repr(told) + said.out + said.err) == []
    assert leaking(tmp_path.rglob("*")) == {}


def _noted(server: FeedServer, asked: object, reply: Reply) -> Reply:
    server.asked.append(asked)  # type: ignore[arg-type]
    return reply


def test_p10_no_traceback_tells_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that holds every secret, logged, and as the last word of process and thread."""
    set_up_logs("risk", tmp_path, LogSection(), profile="sim", console=True)
    spoken = " ".join(CANARIES.values())
    try:
        raise RuntimeError(spoken) from ValueError(spoken)
    except RuntimeError as error:
        structlog.get_logger().exception("crashed", request={"login": spoken}, cause=error)
        logging.getLogger("a.library").exception("failed: %s", error)
        sys.excepthook(type(error), error, error.__traceback__)
        crash = error

    def end() -> None:
        raise crash

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()

    told = capsys.readouterr().err
    assert told.count("RuntimeError: ***") >= 3
    assert leaks(told) == []
    assert leaking(tmp_path.rglob("*")) == {}


def test_p10_no_secret_is_shown_by_what_holds_it() -> None:
    """Printed, listed or dumped, the secrets are stars; none is missing among the canaries."""
    secrets = load_secrets()

    assert set(CANARIES) == set(SECRET_SOURCES)
    assert sorted(secrets.values()) == sorted(CANARIES.values())
    assert all(secrets.present().values())
    shown = f"{secrets!r} {secrets} {secrets.model_dump()} {secrets.model_dump_json()}"
    assert leaks(shown) == []
