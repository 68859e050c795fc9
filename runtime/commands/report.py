"""``report``, ``trades`` and ``export``: what a book or run came to, from its journal alone.

Nothing need be running, and a book may be written meanwhile.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blackboard.errors import ConfigError
from runtime.commands.files import OUTPUT, CsvOption, ParquetOption, write_csv
from runtime.commands.options import ConfigOption, JsonOption, load
from runtime.instants import end_of_ns, start_of_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from runtime.book import Book
    from runtime.reports.journal_wording import Cell
    from runtime.reports.record import RunRecord
    from runtime.reports.trade_journal import TradeJournal
    from runtime.reports.trade_rows import TradeRow

_console = Console(soft_wrap=True, highlight=False, markup=False)
WIDTH_MAX: Final = 400
"""Columns of the widest table."""
STYLES: Final = {"good": "green", "bad": "red", "": ""}
"""Colours of a figure by its tone."""
NameArgument = Annotated[
    str, typer.Argument(metavar="[BOOK|RUN]", help="Its name; the one used last without it.")
]
FromOption = Annotated[str, typer.Option("--from", help="First moment, ISO 8601 or a date.")]
ToOption = Annotated[str, typer.Option("--to", help="Last moment; a bare date counts whole.")]


def mount(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(report)
    app.command()(trades)
    app.command()(export)


def report(
    name: NameArgument = "",
    config: ConfigOption = None,
    from_: FromOption = "",
    to: ToOption = "",
    period: Annotated[
        str, typer.Option(help="The latest day, week or month, instead of --from and --to.")
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            help="Group by symbol, agent, voter, component, session, exit, confluence, hour, "
            "weekday, side, day, week or month."
        ),
    ] = "",
    daily: Annotated[
        bool,
        typer.Option("--daily", help="Only what each day told at its end; quick on a long book."),
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = "",
    parquet: ParquetOption = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with all of it.")] = None,
) -> None:
    """Show the trade journal: figures of all trades, and by groups; costs, slippage, drawdown.

    Trades belong to the time at which they closed. What cannot be said is a dash, null in JSON and
    an empty cell in a file.
    """
    from runtime.reports.trade_figures import JOURNAL_GROUPS

    if by and by not in JOURNAL_GROUPS:
        raise ConfigError(f"--by must be one of {', '.join(JOURNAL_GROUPS)}, was {by!r}")
    found = _book(name, config)
    if daily:
        _report_days(found, from_, to, csv, parquet, is_json=json)
        return
    from runtime.reports.journal_page import journal_page
    from runtime.reports.tables import write_text
    from runtime.reports.trade_figures import TradeFigures
    from runtime.reports.trade_journal import journal_of

    record = _part(found, from_, to, period)
    journal = journal_of(record, found.name, by)
    rows = [journal.total, *(one for groups in journal.groups.values() for one in groups)]
    if html is not None:
        whole = journal_of(record, found.name) if by else journal
        write_text(html, journal_page(record, whole))
    if _write(csv, parquet, TradeFigures, rows):
        return
    if json:
        print(msgspec.json.encode(journal).decode())
        return
    _tell(journal, record, by)
    _name_files(csv, parquet, html)


def trades(
    name: NameArgument = "",
    config: ConfigOption = None,
    from_: FromOption = "",
    to: ToOption = "",
    last: Annotated[
        int, typer.Option(min=0, help="How many closed trades, counted from the newest; 0 is all.")
    ] = 0,
    json: JsonOption = False,
    csv: CsvOption = "",
    parquet: ParquetOption = None,
) -> None:
    """List the closed trades and the open ones: prices, R, costs, who spoke for them, tickets."""
    from runtime.reports.trade_rows import TradeRow, rows_of

    found = _book(name, config)
    rows = rows_of(_part(found, from_, to, ""), last)
    if _write(csv, parquet, TradeRow, rows):
        return
    if json:
        for row in rows:
            print(msgspec.json.encode(row).decode())
        return
    _print_trades(rows)
    _name_files(csv, parquet)


def export(
    name: NameArgument = "",
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Folder of the files, one a kind.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Only facts of this kind.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the facts of a journal by kind as Parquet files, with what stands in their entries."""
    from runtime.journals.export import export as write
    from runtime.proof.lineage import entries_of

    if parquet is None:
        raise typer.BadParameter("--parquet DIR says where the files shall lie")
    counts = write(entries_of(_book(name, config).journal), parquet, kind)
    if json:
        print(msgspec.json.encode(counts).decode())
        return
    table = Table("kind", "facts")
    for each, count in counts.items():
        table.add_row(each, f"{count:,}")
    _console.print(table)
    _console.print(f"written  {parquet}")


def _book(name: str, config: Path | None) -> "Book":
    from runtime.book import find_book

    return find_book(load(config).settings.home.absolute(), name)


def _part(book: "Book", from_: str, to: str, period: str) -> "RunRecord":
    from runtime.reports.journal_record import record_of
    from runtime.reports.trade_journal import part_of

    span = _instant("--from", start_of_ns, from_), _instant("--to", end_of_ns, to)
    return part_of(record_of(book), *span, period)


def _instant(option: str, read: "Callable[[str], int]", text: str) -> int | None:
    try:
        return read(text) if text else None
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from error


def _write(
    csv: str, parquet: Path | None, kind: type[msgspec.Struct], rows: "Sequence[msgspec.Struct]"
) -> bool:
    """Write the files that are asked for; return whether the output is one of them."""
    if parquet is not None:
        from runtime.reports.tables import write_parquet

        write_parquet(parquet, kind, rows)
    if csv:
        write_csv(kind, rows, csv)
    return csv == OUTPUT


def _report_days(
    book: "Book", from_: str, to: str, csv: str, parquet: Path | None, *, is_json: bool
) -> None:
    from runtime.reports.daily import DayRow, row_of, sum_of, told_days
    from runtime.reports.journal_wording import DAY_HEADS, day_cells

    from_ns = _instant("--from", start_of_ns, from_) or 0
    to_ns = _instant("--to", end_of_ns, to)
    days = [day for day in told_days(book, from_ns) if to_ns is None or day.end_ns <= to_ns]
    rows = [row_of(day) for day in days]
    if _write(csv, parquet, DayRow, rows):
        return
    if is_json:
        for day in days:
            print(msgspec.json.encode(day.figures).decode())
        return
    if days:
        rows.append(row_of(sum_of(days)))
    _print_table(DAY_HEADS, [day_cells(row) for row in rows])
    _name_files(csv, parquet)


def _tell(journal: "TradeJournal", record: "RunRecord", by: str) -> None:
    from runtime.reports.journal_wording import (
        GROUP_HEADS,
        Cell,
        group_cells,
        group_name,
        tiles_of_journal,
        time_text,
    )

    span = f"{time_text(journal.start)} to {time_text(journal.end)} UTC"
    _console.print(f" {journal.marker}  trade journal of {journal.book}, {span}")
    table = Table("figure", "value", "error")
    for tile in tiles_of_journal(record.identity, journal):
        table.add_row(tile.name, tile.text, tile.error)
    _console.print(table)
    if by:
        groups = (*journal.groups[by], journal.total)
        rows = [(Cell(group_name(one)), *group_cells(one)) for one in groups]
        _print_table((by, *GROUP_HEADS), rows)
    if journal.open_trades:
        _print_trades(journal.open_trades)
    for note in journal.notes:
        _console.print(f"note: {note}")


def _print_trades(rows: "Sequence[TradeRow]") -> None:
    from runtime.reports.journal_wording import TRADE_HEADS, trade_cells

    _print_table(TRADE_HEADS, [trade_cells(row) for row in rows])


def _print_table(heads: "Sequence[str]", rows: "Iterable[Sequence[Cell]]") -> None:
    from runtime.reports.journal_wording import TEXTS

    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for place, head in enumerate(heads):
        is_text = place == 0 or head in TEXTS
        table.add_column(head, no_wrap=True, justify="left" if is_text else "right")
    for row in rows:
        table.add_row(*(Text(cell.text, style=STYLES[cell.tone]) for cell in row))
    # Figures that are cut in half say something else: in a narrow window its lines go on below.
    wide = Console(width=WIDTH_MAX)
    width = max(_console.width, wide.measure(table).maximum)
    Console(width=width, soft_wrap=True, highlight=False).print(table)


def _name_files(*paths: object) -> None:
    for path in paths:
        if path:
            _console.print(f"written  {path}")
