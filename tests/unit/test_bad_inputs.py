"""What a person gets for a mistake: one clear message, a fixed exit code, and nothing lost."""

import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from blackboard.errors import ConfigError
from models.market.sessions import SECOND_NS
from runtime.book import Book, Manifest, book_of
from runtime.preparation import CLOCK_BEHIND_S_MAX, require_clock, require_same_market
from tests.bar_writers import Columns, write_parquet
from tests.builders import a_state, an_entry
from tests.command_line import CommandLine, bars_folder, m15_bars

FAILURE, USAGE, CONFIGURATION = 1, 2, 3
SHORT = ("--symbols", "EURUSD,GBPUSD", "--duration", "1h")
TRADE = ("up", "--in-process", "--speed", "max", *SHORT)


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.mark.parametrize(
    ("assignments", "messages"),
    [
        (["agents.risk.heatmax=0.1"], ["command line: agents.risk.heatmax is no setting"]),
        (["trading.risk_frac=much"], ["trading.risk_frac (command line): Input should be a valid"]),
        (["trading.risk_frac=0.2"], ["trading.risk_frac (command line)", "less than or equal"]),
        (
            ["trading.risk_frac=0.2", "terminal.port=-1", "book=a b", "nothing=1"],
            ["trading.risk_frac", "terminal.port", "book (command line)", "nothing is no setting"],
        ),
        (["agents.data.enabled=false"], ["agents.data.enabled must be true, was false"]),
        (["agents.data.enabled=shadow"], ["agents.data.enabled must be true, was shadow"]),
        (["agents.risk.enabled=false"], ["agents.risk.enabled must be true while execution runs"]),
        (["agents.risk.enabled=shadow"], ["agents.risk.enabled must be true while execution runs"]),
        (
            ["agents.risk.enabled=shadow", "agents.execution.enabled=false"],
            ["agents.risk.enabled must be true or false, was shadow"],
        ),
        (["book=../else"], ["book (command line)"]),
        (["symbols=EURUSD,EURUSD"], ["symbols must be distinct"]),
        (["symbols=BITCOIN"], ["symbols", "BITCOIN"]),
        (
            ["terminal.kind=metatrader", "profile=paper", "speed=1"],
            ["terminal.kind must be simulated here, was metatrader", "set terminal.url"],
        ),
        (
            [
                "terminal.kind=metatrader",
                "profile=paper",
                "speed=1",
                "terminal.url=http://127.0.0.1:8701",
            ],
            ["terminal.url needs the token of the process there: set TERMINAL_TOKEN"],
        ),
        (["terminal.kind=metatrader", "profile=paper"], ["speed must be 1", "was 60"]),
        (["terminal.host=0.0.0.0"], ["terminal.host must be one address, was 0.0.0.0"]),
        (["market.synthetic.start=yesterday"], ["market.synthetic.start", "yesterday"]),
        (["board.redis.url=redis://:secret@10.0.0.5:6379/0"], ["was 'redis://…@10.0.0.5:6379/0'"]),
    ],
)
def test_wrong_settings_are_named(
    quorum: CommandLine, assignments: list[str], messages: list[str]
) -> None:
    """Every value that is wrong is named in one message, and nothing has been started."""
    said = quorum.trade(
        "--duration", "1h", *(part for text in assignments for part in ("--set", text))
    )

    assert said.code == CONFIGURATION
    assert said.error.startswith("quorum: configuration: ")
    for message in messages:
        assert message in said.error
    assert list(quorum.home.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"trading:\n  min_confidenc: 0.6\n", "trading.min_confidenc"),
        (b"speed: [1]\n", "speed"),
        (b"speed: 1\nspeed: 2\n", "speed stands twice"),
        (b"{unbalanced\n", "is not YAML"),
        (b"just a sentence\n", "must hold keys and values, was a str"),
        (b"book: \xff\n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_wrong_files_are_named(
    quorum: CommandLine, tmp_path: Path, content: bytes | None, message: str
) -> None:
    """A configuration file that cannot be used is named together with what is wrong with it."""
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)

    said = quorum.trade("--config", path)

    assert said.code == CONFIGURATION
    assert message in said.error
    assert str(path) in said.error
    assert list(quorum.home.iterdir()) == []


def test_unknown_variable_is_refused(quorum: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in the environment does not silently leave a default in force."""
    monkeypatch.setenv("QUORUM_AGENTS__RISK__HEATMAX", "0.5")

    said = quorum.trade()

    assert said.code == CONFIGURATION
    assert "environment: QUORUM_AGENTS__RISK__HEATMAX is no setting" in said.error


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "heat"], USAGE, "--set takes key=value, was 'heat'"),
        (["--sped", "1"], USAGE, "No such option: --sped"),
        (["--seed", "many"], USAGE, "Invalid value for '--seed'"),
        (["--speed", "fast"], CONFIGURATION, "--speed must be max or a number in (0, 100000]"),
        (["--speed", "-1"], CONFIGURATION, "--speed must be max or a number"),
        (["--speed", "nan"], CONFIGURATION, "--speed must be max or a number"),
        (["--duration", "soon"], CONFIGURATION, "--duration must be a number with s, m, h or d"),
        (["--duration", "-5m"], CONFIGURATION, "--duration must be a number with s, m, h or d"),
        (["--duration", "0s"], CONFIGURATION, "--duration must be more than nothing"),
        (["--book", "a/b"], CONFIGURATION, "book (command line)"),
        (["--symbols", "EURUSD,,GBPUSD"], CONFIGURATION, "symbols"),
    ],
)
def test_wrong_options_are_named(
    quorum: CommandLine, arguments: list[str], code: int, message: str
) -> None:
    """What cannot be an option's value is said, with 2 for usage and 3 for a value."""
    said = quorum.trade(*arguments)

    assert said.code == code
    assert message in said.error
    assert list(quorum.home.iterdir()) == []


def _no_high(bars: Columns) -> None:
    del bars["high"]


def _unsorted(bars: Columns) -> None:
    bars["time"][[400, 401]] = bars["time"][[401, 400]]


def _nan(bars: Columns) -> None:
    bars["close"][1400] = np.nan


def _repeated(bars: Columns) -> None:
    bars["time"][401] = bars["time"][400]


def _without_zone(bars: Columns) -> None:
    bars["time"] = pa.array(bars["time"] // 1_000_000, pa.timestamp("ms"))


def _text_times(bars: Columns) -> None:
    bars["time"] = [f"bar {row}" for row in range(len(bars["open"]))]


def _inconsistent(bars: Columns) -> None:
    bars["high"][1400] = bars["low"][1400] - 0.001


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_high, "column high missing"),
        (_unsorted, "is before the row above it"),
        (_nan, "close must be a positive number, was nan"),
        (_repeated, "is repeated"),
        (_without_zone, "column time must be a timestamp in UTC"),
        (_text_times, "column time must be a timestamp in UTC"),
        (_inconsistent, "high"),
    ],
)
def test_wrong_bars_are_named(
    quorum: CommandLine, tmp_path: Path, spoil: Callable[[Columns], None], message: str
) -> None:
    """Data that cannot be true are refused by file and row before anything trades on them."""
    bars = m15_bars()
    spoil(bars)
    path = write_parquet(tmp_path / "bars" / "EURUSD_M15.parquet", bars)

    said = quorum.trade("--history", path.parent, "--symbols", "EURUSD")

    assert said.code == CONFIGURATION
    assert path.name in said.error
    assert message in said.error
    assert list(quorum.home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--symbols", "GBPUSD"], "GBPUSD"),
        (["--symbols", "ABCDEF"], "ABCDEF"),
        (["--from", "2018-01-18", "--to", "2018-01-17"], "start must be before end"),
        (["--from", "2018-01-13T12:00:00Z", "--to", "2018-01-13T13:00:00Z"], "has no bar from"),
        (["--from", "2017-06-01"], "market.history.start must lie in the data"),
        (["--to", "2019-06-01"], "market.history.end must lie in the data"),
        (["--from", "last week"], "market.history.start"),
    ],
)
def test_wrong_ranges_are_named(
    quorum: CommandLine, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A range or symbol that the data do not have is refused, with what they have."""
    folder = bars_folder(tmp_path / "bars", "EURUSD")

    said = quorum.trade("--history", folder, "--symbols", "EURUSD", *arguments)

    assert said.code == CONFIGURATION
    assert message in said.error
    assert list(quorum.home.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_folder_without_bars_is_named(quorum: CommandLine, tmp_path: Path, name: str) -> None:
    """A path that is not there, or holds no bars, is said to be so."""
    (tmp_path / "empty").mkdir()

    said = quorum.trade("--history", tmp_path / name, "--symbols", "EURUSD")

    assert said.code == CONFIGURATION
    assert str(tmp_path / name) in said.error


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (["status"], "nothing has run under"),
        (["agents"], "nothing has run under"),
        (["journal"], "nothing has run under"),
        (["why", "7"], "nothing has run under"),
        (["stop"], "nothing has run under"),
        (["flatten"], "nothing has run under"),
        (["status", "--book", "../../etc"], "no book or run named '../../etc'"),
    ],
)
def test_verbs_say_that_nothing_has_run(quorum: CommandLine, verb: list[str], message: str) -> None:
    """Questions about a run that never was are answered, not raised."""
    said = quorum(*verb)

    assert said.code == CONFIGURATION
    assert message in said.error


@pytest.fixture
def traded(quorum: CommandLine) -> CommandLine:
    """Give the command line after an hour of trading on the synthetic market."""
    said = quorum.trade(*SHORT)
    assert said.code == 0, said.error
    return quorum


def test_second_instance_is_refused(traded: CommandLine) -> None:
    """A book that a process holds is not touched by another one."""
    before = traded.entries()
    with book_of(traded.home, "embedded").held():
        said = traded.trade(*SHORT)

    assert said.code == CONFIGURATION
    assert "book embedded is in use by another process" in said.error
    assert traded.entries() == before


def test_unknown_ticket_is_named(traded: CommandLine) -> None:
    """A ticket that the journal does not know is no error of the program."""
    said = traded("why", "424242")

    assert said.code == CONFIGURATION
    assert "no order, deal or position with ticket 424242" in said.error


def test_taken_terminal_port_is_named(quorum: CommandLine) -> None:
    """The start is refused before Ray runs if somebody else listens on the terminal's port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = quorum("up", "--set", f"terminal.port={port}", "--set", "cluster.dashboard=false")

    assert said.code == CONFIGURATION
    assert f"terminal.port must be free on 127.0.0.1, was {port}" in said.error


def test_changed_payload_is_found(traded: CommandLine) -> None:
    """An entry that was changed after it was written stops the start; the message names it."""
    path = traded.home / "books" / "embedded" / "journal" / "cache.db"
    with sqlite3.connect(path) as database:
        rows = "SELECT rowid, value FROM Cache WHERE typeof(key) = 'integer' ORDER BY key LIMIT 1"
        rowid, value = database.execute(rows).fetchone()
        place = value.index(b"EURUSD")
        changed = value[:place] + b"EURUSX" + value[place + 6 :]
        database.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (changed, rowid))
    database.close()

    for verb in (
        TRADE,
        ["journal", "--verify"],
        ["status"],
    ):
        said = traded(*verb)

        assert said.code == FAILURE, verb
        assert "was changed after it was written" in said.error


@pytest.mark.parametrize("state", ["epochs", "turns", "now"])
def test_changed_state_is_found(traded: CommandLine, state: str) -> None:
    """What stands beside the entries is not guessed if it cannot be read."""
    path = traded.home / "books" / "embedded" / "journal" / "cache.db"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE Cache SET value = x'c1' WHERE key = ?", (f"state/{state}",))
    database.close()

    said = traded.trade(*SHORT)

    assert said.code == FAILURE
    assert f"state {state} cannot be decoded" in said.error


def test_journal_of_other_bytes_is_refused(traded: CommandLine) -> None:
    """A file that is no journal is left as it is."""
    path = traded.home / "books" / "embedded" / "journal" / "cache.db"
    path.write_bytes(b"not a database, and long enough to tell " * 100)

    for verb in (TRADE, ["status"], ["why", "1"]):
        said = traded(*verb)

        assert said.code == FAILURE, verb
        assert f"journal {path.parent} cannot be opened" in said.error


@pytest.mark.parametrize("seed", range(12))
def test_damaged_journal_is_never_a_traceback(traded: CommandLine, seed: int) -> None:
    """Wherever bytes of the file are changed, a reader gets the old entries or a message."""
    path = traded.home / "books" / "embedded" / "journal" / "cache.db"
    before = traded.entries()
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8).copy()
    generator = np.random.default_rng(seed)
    content[generator.integers(0, len(content), 200)] ^= np.uint8(0x5A)
    path.write_bytes(content.tobytes())

    said = traded("journal", "--verify")

    if said.code == 0:
        assert f"{len(before)} entries" in said.out
    else:
        assert said.code == FAILURE
        assert said.error.startswith("quorum: failed: ")


def test_full_journal_ends_the_run_and_the_next_one_goes_on(quorum: CommandLine) -> None:
    """At its size limit a journal takes nothing more; with room again the book continues."""
    said = quorum.trade(*SHORT, "--duration", "10d", "--set", "board.journal_bytes_max=1000000")

    assert said.code == FAILURE
    assert "is full: " in said.error
    assert "of 1000000 (board.journal_bytes_max)" in said.error
    kept = quorum.entries()
    assert kept

    again = quorum.trade(*SHORT)

    assert again.code == 0, again.error
    grown = quorum.entries()
    assert grown[: len(kept)] == kept
    assert len(grown) > len(kept)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a megabyte and a half, where that is allowed."""
    folder = tmp_path / "home"
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_ends_the_run_and_the_next_one_goes_on(
    small_disk: Path, quorum: CommandLine
) -> None:
    """A disk without room ends the run with a message; what was acknowledged is still there."""
    said = quorum.trade(*SHORT, "--duration", "30d")

    assert said.code == FAILURE
    assert "quorum: failed: " in said.error
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    kept = quorum.entries()
    assert kept

    again = quorum.trade(*SHORT)

    assert again.code == 0, again.error
    assert quorum.entries()[: len(kept)] == kept


def test_no_permission_to_write_is_named(
    quorum: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state folder that cannot be made is an error of the machine, said in a sentence."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("QUORUM_HOME", str(tmp_path / "file"))

    said = quorum.trade(*SHORT)

    assert said.code == FAILURE
    assert str(tmp_path / "file") in said.error


def test_a_book_keeps_its_market(tmp_path: Path) -> None:
    """A book begun on one synthetic market is not continued on another; the refusal names both."""
    book = Book(tmp_path / "books" / "embedded")
    began = {"kind": "synthetic", "seed": "1", "start": "2025-03-03T12:00:00+00:00"}
    manifest = Manifest(
        run_id="1",
        profile="sim",
        book="embedded",
        started_wall_ns=1,
        version="1",
        code_hash="",
        settings={},
        settings_hash="",
        data=began,
        arguments=[],
    )
    book.folder.mkdir(parents=True)
    require_same_market(book, began)
    book.write_manifest(manifest)
    require_same_market(book, began)

    with pytest.raises(ConfigError, match=r"seed 1, .* asks for .* seed 2, .*another --book"):
        require_same_market(book, {**began, "seed": "2"})


def test_a_book_does_not_go_on_before_its_newest_entry(tmp_path: Path) -> None:
    """A clock that was set back by more than its usual corrections is named with both times."""
    book = Book(tmp_path / "books" / "live")
    newest = an_entry(a_state())
    back_ns = int(CLOCK_BEHIND_S_MAX * SECOND_NS)

    require_clock(book, None, 0)
    require_clock(book, newest, newest.known_at_ns - back_ns)

    with pytest.raises(ConfigError, match=r"2025-03-05T12:00:00Z; it is 2025-03-05T11:54:59Z"):
        require_clock(book, newest, newest.known_at_ns - back_ns - SECOND_NS)


def test_a_ledger_of_another_layout_is_refused(quorum: CommandLine) -> None:
    """A book of an earlier release is named with what it has; nothing in it is changed."""
    ledger = quorum.home / "books" / "embedded" / "broker" / "ledger.sqlite"
    ledger.parent.mkdir(parents=True)
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("PRAGMA user_version = 1")

    said = quorum(*TRADE)

    assert said.code == FAILURE
    assert f"{ledger}: " in said.error
    assert "has layout 1" in said.error


def test_a_search_needs_a_market_that_ends(quorum: CommandLine) -> None:
    """Without history there is nothing to search to the end of, and no attempt is made."""
    said = quorum("walkforward")
    assert said.code == CONFIGURATION
    assert "walkforward needs --history" in said.error
