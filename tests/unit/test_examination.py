"""What `doctor` finds: each line a verdict with its mend, and never a secret."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from agents.rounds.summaries import LATE_DEALS_NS_MAX
from blackboard.entry import Draft, Post
from config.settings import Settings
from runtime.book import book_of
from runtime.examination import installation, network, ports
from runtime.examination.account import account
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.examination.market import symbols
from runtime.examination.stored_models import stored_models
from runtime.machine.current import MACHINE
from runtime.model_store import MANIFEST_FILE, ModelStore
from runtime.status import write_status
from tests.builders import a_snapshot
from tests.candidates import a_candidate, forecast_evidence
from tests.feed_server import FeedServer, Reply, failing, page
from tests.journals import board_on
from tests.statuses import a_status
from tests.without_packages import without

Examine = Callable[[Settings], Iterator[Finding]]
TOKEN = "7700112233:AAcanaryTOKENcanaryTOKENcanaryTOKENcan"


def found(examine: Examine, settings: Settings) -> dict[str, Finding]:
    """Return findings by subject."""
    return {one.subject: one for one in examine(settings)}


def with_(**values: object) -> Settings:
    """Return settings with other values, by dotted names with two underscores."""
    tree: dict[str, object] = {}
    for name, value in values.items():
        *sections, last = name.split("__")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]
        place[last] = value
    return Settings.model_validate(tree)


@contextlib.contextmanager
def a_listener(host: str = "127.0.0.1") -> Iterator[int]:
    """Listen on a port of this process."""
    with contextlib.closing(socket.create_server((host, 0))) as listener:
        yield int(listener.getsockname()[1])


def test_a_missing_package_is_named_with_what_is_reduced() -> None:
    """One that nothing starts without fails; any other warns."""
    with without("xgboost", "numba"):
        findings = found(installation.packages, Settings())

    assert findings["xgboost-cpu"].verdict == WARN
    assert "boosted direction models" in findings["xgboost-cpu"].detail
    assert findings["numba"].verdict == FAIL
    assert findings["torch"] == Finding(OK, "torch", findings["torch"].detail)


def test_too_little_shared_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container gives 64 MiB unless it is told otherwise; elsewhere it is no own place."""
    monkeypatch.setattr(MACHINE, "shared_memory_bytes", lambda: 64 << 20)
    finding = found(installation.machine, Settings())["shared memory"]
    assert finding.verdict == WARN
    assert "--shm-size" in finding.mend

    monkeypatch.setattr(MACHINE, "shared_memory_bytes", lambda: None)
    assert "shared memory" not in found(installation.machine, Settings())


def test_whoever_has_a_port_is_named() -> None:
    """The terminal's own port must be free; the others take the next one."""
    with a_listener() as port:
        taken = {"terminal__port": port, "console__port": port, "cluster__dashboard_port": port}
        findings = found(ports.ports, with_(**taken))

    for subject, verdict in (("terminal port", FAIL), ("console port", WARN)):
        assert findings[subject].verdict == verdict
        assert f"process {os.getpid()}" in findings[subject].detail
    assert "will be used" in findings["dashboard port"].detail


def test_free_ports_are_fine() -> None:
    """Zero takes a free one at the start."""
    free = {"terminal__port": 0, "console__port": 0, "cluster__dashboard": False}
    findings = found(ports.ports, with_(**free))

    assert {one.verdict for one in findings.values()} == {OK}
    assert set(findings) == {"terminal port", "console port"}


def test_f43_listeners_of_the_running_system_are_examined(tmp_path: Path) -> None:
    """One that others can reach is named by its port; a system that has ended has none."""
    settings = with_(home=tmp_path)
    state = book_of(tmp_path, settings.book).state
    state.parent.mkdir(parents=True)
    assert found(ports.listeners, settings) == {}

    write_status(state, a_status())
    with a_listener("0.0.0.0") as port:
        finding = found(ports.listeners, settings)["listeners"]
    assert finding.verdict == WARN
    assert str(port) in finding.detail

    write_status(state, msgspec.structs.replace(a_status(), has_ended=True))
    assert found(ports.listeners, settings) == {}


def test_an_account_whose_deals_are_lost_is_named(tmp_path: Path) -> None:
    """One whose deals are late for a moment, or have come, is not; nor is a book without any."""
    settings = with_(home=tmp_path)
    assert found(account, settings) == {}
    board, journal = board_on(book_of(tmp_path, settings.book).journal)
    epoch = board.join("execution").epoch

    def read(at_ns: int, *, is_explained: bool) -> dict[str, Finding]:
        draft = Draft(fact=a_snapshot(is_explained=is_explained), ts_event_ns=at_ns)
        post = Post(author="execution", epoch=epoch, drafts=(draft,), read_to=0, now_ns=at_ns)
        board.post(post, at_ns)
        return found(account, settings)

    with contextlib.closing(journal):
        assert read(1, is_explained=False) == {}
        assert read(2, is_explained=True) == {}
        assert read(3, is_explained=False) == {}
        assert read(3 + LATE_DEALS_NS_MAX, is_explained=False) == {}
        assert read(4 + LATE_DEALS_NS_MAX, is_explained=False)["account"].verdict == WARN
        assert read(5 + LATE_DEALS_NS_MAX, is_explained=True) == {}


def test_symbols_are_told_with_their_filling() -> None:
    """How an order is filled follows from each symbol's own mask."""
    findings = list(symbols(with_(symbols=["EURUSD", "USDJPY"])))

    assert Finding(OK, "filling", "whole or not at all: EURUSD, USDJPY") in findings


def test_models_are_held_against_their_seals(tmp_path: Path) -> None:
    """What serves is named; a manifest that was edited fails with the way back."""
    settings = with_(home=tmp_path)
    assert found(stored_models, settings) == {}
    store = ModelStore(tmp_path / "models" / "synthetic")
    manifest = store.put(a_candidate(forecast_evidence()), 1)
    assert "baselines serve" in found(stored_models, settings)["models, synthetic"].detail

    store.promote(manifest.family, manifest.version, 2)
    sound = found(stored_models, settings)["models, synthetic"]
    assert sound.verdict == OK
    assert manifest.version in sound.detail

    path = store.folder / manifest.version / MANIFEST_FILE
    path.write_bytes(path.read_bytes().replace(b'"rows"', b'"Rows"'))
    edited = found(stored_models, settings)[f"model {manifest.version}"]
    assert edited.verdict == FAIL
    assert edited.mend == f"python launch.py models rollback {manifest.family}"


def test_a_record_of_trials_that_was_edited_fails(tmp_path: Path) -> None:
    """A row that was taken out breaks the chain."""
    store = ModelStore(tmp_path / "models" / "real")
    store.put(a_candidate(forecast_evidence()), 1)
    record = store.folder / "registry.jsonl"
    record.write_bytes(record.read_bytes().replace(b"trial", b"Trial", 1))

    assert found(stored_models, with_(home=tmp_path))["models, real"].verdict == FAIL


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Serve the network on this machine."""
    with FeedServer() as server:
        yield server


@pytest.fixture
def asked(server: FeedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return settings whose feeds and messenger are that server, with their keys set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("FMP_API_KEY", "canary-key-of-fmp")
    return with_(
        profile="paper",
        speed=1.0,
        terminal__kind="metatrader",
        agents__sentiment__calendar_sources=["fmp", "weekly_json"],
        telegram__base_url=server.url(""),
        feeds__fmp__url=server.url("/fmp"),
        feeds__weekly_json__url=server.url("/weekly"),
    )


def test_feeds_and_the_bot_are_asked_only_online(server: FeedServer, asked: Settings) -> None:
    """What answers is reachable, also where it wants a key, which is not sent."""
    server.serve("/fmp", failing(401))
    server.serve("/weekly", Reply(b"[]"))
    server.serve(f"/bot{TOKEN}/getMe", Reply(b'{"ok": true, "result": {"username": "a_bot"}}'))
    assert found(network.keys, asked)["keys"].verdict in {OK, WARN}
    assert server.asked == []

    findings = found(network.online, asked)

    assert findings["feed fmp"] == Finding(OK, "feed fmp", "127.0.0.1 answers")
    assert findings["feed weekly_json"].verdict == OK
    assert findings["telegram"].detail == "the bot is @a_bot"
    assert findings["clock, online"].verdict == OK
    assert all("canary" not in str(each) for each in server.asked if each.path == "/fmp")


@pytest.mark.parametrize(
    ("reply", "verdict", "text"),
    [
        (failing(401), FAIL, "refuses the token (401)"),
        (failing(404), FAIL, "refuses the token (404)"),
        (page(), WARN, "no answer"),
        (Reply(b"x" * 100, cut_after=5), WARN, "does not answer"),
        (Reply(b'{"ok": true, "result": 7}'), WARN, "no answer"),
    ],
)
def test_p10_a_messenger_that_fails_is_told_without_its_token(
    server: FeedServer, asked: Settings, reply: Reply, verdict: str, text: str
) -> None:
    """The address holds the token, so nothing of it is in any finding."""
    server.serve(f"/bot{TOKEN}/getMe", reply)

    findings = found(network.online, asked)

    assert findings["telegram"].verdict == verdict
    assert text in findings["telegram"].detail
    assert "canary" not in str(findings)


def test_a_feed_that_fails_is_named(server: FeedServer, asked: Settings) -> None:
    """An error of its own, or no answer at all."""
    server.serve("/fmp", failing(503))
    server.serve("/weekly", Reply(b"[]", cut_after=0))

    findings = found(network.online, asked)

    assert findings["feed fmp"].detail == "127.0.0.1 answers with 503"
    assert findings["feed weekly_json"].verdict in {OK, WARN}


@pytest.mark.parametrize(
    ("skew_s", "verdict"), [(0.0, OK), (-4.9, OK), (20.0, WARN), (-61.0, FAIL), (3600.0, FAIL)]
)
def test_f26_a_clock_that_is_off_is_told(skew_s: float, verdict: str) -> None:
    """Seconds are a warning, a minute fails: bars and blackouts would be dated wrongly."""
    finding = network._clock(skew_s)

    assert finding.verdict == verdict
    assert ("behind" if skew_s < -5.0 else "s ") in finding.detail
