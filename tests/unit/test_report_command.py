"""``report``, ``trades`` and ``export`` over books on disk: finished, empty, and being written."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import (
    AnyFact,
    Decision,
    Fill,
    OrderIntent,
    TradeClosed,
)
from blackboard.journal import Block, Durability
from models.market.sessions import DAY_NS
from runtime.book import Book, Manifest, book_of, remember_latest
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.export import ENTRY_COLUMNS, KINDS, export
from runtime.proof.lineage import entries_of
from runtime.reports.daily import told_days
from runtime.reports.journal_record import JournalFold, record_of
from runtime.terminals.simulated.market import open_market
from tests.builders import T0_NS, a_snapshot, a_trade
from tests.command_line import CommandLine
from tests.recorded_run import a_run, entries_of_run, sealed
from tests.samples import SAMPLES


def a_manifest() -> Manifest:
    """Return the manifest of the recorded run."""
    start = a_run()[1]
    return Manifest(
        run_id="1",
        profile="sim",
        book="recorded",
        started_wall_ns=0,
        version="0",
        code_hash="c",
        settings=start.settings.model_dump(mode="json"),
        settings_hash="s",
        data=start.data,
        arguments=[],
    )


def a_book(home: Path, *, is_empty: bool = False) -> Book:
    """Return the recorded run as a book on disk, or one that was only begun."""
    book = book_of(home, "recorded")
    book.folder.mkdir(parents=True)
    journal = DiskcacheJournal(book.journal)
    for block in [] if is_empty else sealed(a_run()[0]):
        journal.append(block, {}, Durability.UNSYNCED)
    journal.close()
    book.write_manifest(a_manifest())
    remember_latest(home, book)
    return book


@pytest.fixture
def line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line on a home of its own."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


def closed() -> list[TradeClosed]:
    """Return the closed trades of the recorded run."""
    return [entry.fact for entry in entries_of_run() if isinstance(entry.fact, TradeClosed)]


def test_the_report_of_a_run_is_what_its_journal_holds(line: CommandLine) -> None:
    """JSON, CSV and the table are made of the same trades; nothing need be running."""
    a_book(line.home)
    trades = closed()

    told = json.loads(line("report", "recorded", "--json").out)
    rows = list(csv.DictReader(io.StringIO(line("report", "--by", "exit", "--csv", "-").out)))

    assert told["total"]["trades"] == len(trades) > 0
    assert told["total"]["pnl"] == pytest.approx(math.fsum(trade.pnl for trade in trades))
    assert told["total"]["costs"]["commission"] == pytest.approx(
        -math.fsum(trade.commission + trade.fee for trade in trades)
    )
    assert told["total"]["slippage_trades"] == len(trades)
    assert {row["name"]: int(row["trades"]) for row in rows if row["by"] == "exit"} == Counter(
        trade.reason for trade in trades
    )
    assert rows[0]["name"] == "all"
    assert float(rows[0]["pnl"]) == told["total"]["pnl"]
    assert "stop reached" in line("report", "--by", "exit").out


def test_the_trades_of_a_run_name_their_orders(line: CommandLine, tmp_path: Path) -> None:
    """Every closed trade is a row, with the intent and the deals that stand in the journal."""
    a_book(line.home)
    intents = {e.fact.intent_id for e in entries_of_run() if isinstance(e.fact, OrderIntent)}
    deals = {str(e.fact.deal_ticket) for e in entries_of_run() if isinstance(e.fact, Fill)}

    rows = [json.loads(each) for each in line("trades", "--json").out.splitlines()]
    said = line("trades", "--last", "3", "--csv", tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_bytes().decode()
    stored = list(csv.DictReader(io.StringIO(text, newline="")))

    done = [row for row in rows if row["status"] == "closed"]
    assert [row["ticket"] for row in done] == [trade.ticket for trade in closed()]
    assert {row["intent_id"] for row in done} <= intents
    assert {deal for row in done for deal in row["deal_tickets"].split()} <= deals
    assert {row["agent"] for row in done} <= {"technical", "sentiment", "unknown"}
    assert [row["ticket"] for row in stored if row["status"] == "closed"] == [
        str(trade.ticket) for trade in closed()[-3:]
    ]
    assert f"written  {tmp_path / 't.csv'}" in said.out


def test_the_journal_is_written_as_csv(line: CommandLine) -> None:
    """A line an entry, the newest asked for, oldest first."""
    a_book(line.home)
    newest = [entry for entry in entries_of_run() if isinstance(entry.fact, TradeClosed)][-2:]

    said = line("journal", "--kind", "TradeClosed", "--last", "2", "--csv", "-")

    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [int(row["seq"]) for row in rows] == [entry.seq for entry in newest]
    assert [row["author"] for row in rows] == ["execution", "execution"]


def test_spreads_are_those_of_the_quotes_where_no_minutes_are_kept() -> None:
    """Of a broker's book the market cannot be opened: quotes on the board tell nearly the same."""
    start = a_run()[1]
    market = open_market(start.settings)
    folds = [JournalFold(start.settings, market), JournalFold(start.settings, None)]
    for entry in entries_of_run():
        for fold in folds:
            fold.add(entry)

    by_minute, by_quote = (
        math.fsum(trade.spread_cost for trade in fold.record(a_manifest()).trades) for fold in folds
    )

    assert by_quote == pytest.approx(by_minute, rel=0.1)
    assert by_quote > 0.0


def test_a_page_is_written(line: CommandLine, tmp_path: Path) -> None:
    """``--html`` writes one page with all groups, whatever is grouped by beside it."""
    a_book(line.home)

    line("report", "--by", "side", "--html", tmp_path / "j.html")

    page = (tmp_path / "j.html").read_text(encoding="utf-8")
    assert "Trade journal of recorded" in page
    assert "By what ended the trade" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "--by", "colour"), "--by must be one of symbol, voter"),
        (("report", "--from", "yesterday"), "--from must be a time"),
        (("report", "--html", "nowhere/at/all.html"), "there is no folder"),
        (("trades", "--csv", "nowhere/at/all.csv"), "there is no folder"),
        (("export", "--parquet", ".", "--kind", "Trade"), "--kind must be one of AccountSnapshot"),
    ],
)
def test_bad_input_is_named(line: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 3 and the option, its value, and what is allowed."""
    a_book(line.home)

    said = line(*arguments)

    assert said.code == 3
    assert words in said.error


def test_a_book_that_was_only_begun_has_a_report(line: CommandLine) -> None:
    """No entry yet: no trades and nothing known, and no error."""
    a_book(line.home, is_empty=True)

    told = json.loads(line("report", "--json").out)

    assert (told["total"]["trades"], told["total"]["sharpe"]["value"]) == (0, None)
    assert line("report", "--by", "day").code == 0
    assert line("trades", "--json").out == ""
    assert line("report", "--daily", "--json").out == ""


def drafts(*facts: AnyFact, ts_ns: int) -> tuple[Draft, ...]:
    """Return facts as drafts of one instant."""
    return tuple(
        Draft(fact=fact, ts_event_ns=ts_ns, ordinal=str(place)) for place, fact in enumerate(facts)
    )


def an_open_board(book: Book) -> Board:
    """Return a board that writes the journal of a book."""
    every = declare(AnyFact.__args__, AnyFact.__args__)
    board = Board(Access({"supervisor": every}), DiskcacheJournal(book.journal))
    board.join("supervisor")
    return board


def post(board: Board, *said: Draft) -> list[int]:
    """Let the supervisor post; return the seqs."""
    told = Post(
        author="supervisor",
        epoch=board.epoch("supervisor"),
        drafts=said,
        read_to=board.head,
        now_ns=T0_NS + 30 * DAY_NS,
    )
    return [ack.seq for ack in board.post(told, T0_NS + 30 * DAY_NS)]


def test_a_book_that_is_being_written_is_read(tmp_path: Path) -> None:
    """What is acknowledged is in the report, and what comes is in the next."""
    book = a_book(tmp_path, is_empty=True)
    board = an_open_board(book)
    post(board, *drafts(a_snapshot(), a_trade(pnl=-20.0), ts_ns=T0_NS))

    before = record_of(book)
    post(board, *drafts(a_trade(pnl=5.0, ticket=2), ts_ns=T0_NS + 1))
    after = record_of(book)

    assert [trade.pnl for trade in before.trades] == [-20.0]
    assert [trade.pnl for trade in after.trades] == [-20.0, 5.0]


def test_the_days_of_a_book_are_walked_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day names the one before it, so what lies between two of them is never looked at."""
    book = a_book(tmp_path, is_empty=True)
    board = an_open_board(book)
    figures = SAMPLES["DayStatistics"]
    seq = 0
    for day in range(3):
        end_ns = T0_NS + day * DAY_NS
        post(board, *drafts(*(a_trade() for _ in range(20)), ts_ns=end_ns))
        (seq,) = post(board, Draft(fact=figures, ts_event_ns=end_ns, causes=(seq,) if seq else ()))
    looked_at: list[int] = []
    seen = DiskcacheJournal.blocks

    def counted(self: DiskcacheJournal, after_seq: int = 0) -> Iterator[Block]:
        for block in seen(self, after_seq):
            looked_at.append(block.first_seq)
            yield block

    monkeypatch.setattr(DiskcacheJournal, "blocks", counted)
    monkeypatch.setattr("runtime.console.archive._STRETCH", 2)
    days = told_days(book, T0_NS)

    assert [day.end_ns for day in days] == [T0_NS + DAY_NS, T0_NS + 2 * DAY_NS]
    assert {day.figures for day in days} == {figures}
    assert 1 not in looked_at


def test_every_kind_is_exported_with_its_entry(tmp_path: Path) -> None:
    """Rows are those of the journal, in order; lists are JSON; nothing unfinished is left."""
    entries = entries_of_run()
    counts = export(entries, tmp_path / "facts")

    assert counts == Counter(entry.kind for entry in entries)
    decisions = [entry for entry in entries if isinstance(entry.fact, Decision)]
    rows = parquet.read_table(tmp_path / "facts" / "Decision.parquet").to_pylist()
    assert [row["seq"] for row in rows] == [entry.seq for entry in decisions]
    for row, entry in zip(rows, decisions, strict=True):
        fact = entry.fact
        assert isinstance(fact, Decision)
        assert (row["author"], row["causes"]) == ("supervisor", list(entry.causes))
        assert (row["action"], row["confidence"]) == (fact.action.value, fact.confidence)
        assert len(json.loads(row["gates"])) == len(fact.gates)
    assert {path.suffix for path in (tmp_path / "facts").iterdir()} == {".parquet"}


def test_every_fact_fits_its_columns(tmp_path: Path) -> None:
    """A sample of each kind is written, and no field hides one of its entry."""
    board = Board(
        Access({"supervisor": declare(AnyFact.__args__, [])}),
        DiskcacheJournal(tmp_path / "journal"),
    )
    board.join("supervisor")
    post(board, *drafts(*SAMPLES.values(), ts_ns=T0_NS))

    counts = export(entries_of(tmp_path / "journal"), tmp_path / "facts")

    assert counts == dict.fromkeys(sorted(KINDS), 1)
    for kind in KINDS.values():
        assert not set(kind.__struct_fields__) & set(ENTRY_COLUMNS)


def test_one_kind_alone_in_groups_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds one group at most; the file holds all of them."""
    monkeypatch.setattr("runtime.journals.export.ROWS_IN_MEMORY_MAX", 7)

    counts = export(entries_of_run(), tmp_path, "TradeClosed")

    table = parquet.ParquetFile(tmp_path / "TradeClosed.parquet")
    assert counts == {"TradeClosed": len(closed())}
    assert table.num_row_groups == math.ceil(len(closed()) / 7)
    assert table.metadata.num_rows == len(closed())


def test_an_export_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """A journal that turns out to be damaged replaces no file and leaves no half one."""
    export(entries_of_run(), tmp_path, "TradeClosed")
    before = (tmp_path / "TradeClosed.parquet").read_bytes()

    def broken() -> Iterator[Entry]:
        yield from entries_of_run()[:2000]
        raise OSError("block 7 cannot be read")

    with pytest.raises(OSError, match="block 7"):
        export(broken(), tmp_path, "TradeClosed")

    assert [path.name for path in tmp_path.iterdir()] == ["TradeClosed.parquet"]
    assert (tmp_path / "TradeClosed.parquet").read_bytes() == before
