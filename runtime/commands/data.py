"""``data``: bars kept on this machine, for `--history` and for learning."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from blackboard.errors import ConfigError, FeedUnavailable, TerminalUnavailable
from blackboard.facts.market import Timeframe
from config.settings import AUTO_SYMBOLS, Settings
from runtime.bar_formats.source_clock import Clocks
from runtime.bar_store.download import Fetched, Span, download, ordered_parts
from runtime.bar_store.store import DATA_FOLDER, BarStore, Gap, Held, gaps_of, problems_of
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress
from runtime.instants import end_of_ns, iso, start_of_ns
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.bar_files import FileName

if TYPE_CHECKING:
    from runtime.bar_store.reading import Source

app = typer.Typer(help="Bars kept on this machine.", no_args_is_help=True)
_console = Console(soft_wrap=True, highlight=False, markup=False)

EXIT_FOUND_ERRORS = 4

GapOption = Annotated[
    int, typer.Option("--gap-bars", min=1, help="Fewest missing bars that are told as a gap.")
]
TimeframeOption = Annotated[Timeframe, typer.Option(help="Length of the bars.")]


class BarsFrom(StrEnum):
    """Who gives bars to keep."""

    TERMINAL = "terminal"
    TWELVEDATA = "twelvedata"


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol and timeframe, for people and programs."""

    symbol: str
    timeframe: str
    bars: int
    first: str
    last: str
    gaps: int
    longest_gap: str
    problems: tuple[str, ...] = ()


@app.command("download")
def fetch(
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    timeframe: TimeframeOption = Timeframe.M1,
    from_: Annotated[str, typer.Option("--from", help="First moment, ISO 8601.")] = "",
    to: Annotated[str, typer.Option(help="Last moment; a bare date counts whole.")] = "",
    source: Annotated[
        BarsFrom, typer.Option(help="Who gives the bars; twelvedata needs TWELVEDATA_API_KEY.")
    ] = BarsFrom.TERMINAL,
    gap_bars: GapOption = 60,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch closed bars from the terminal, or Twelve Data, into data/ under the home.

    Only what is missing before and after the bars that are here already is asked for. Without
    --from it is a year. The folder is one that --history takes.
    """
    names = [name.strip() for name in symbols.split(",")] if symbols else None
    settings = load(config, set_, symbols=names).settings
    store = BarStore(settings.home / DATA_FOLDER)
    try:
        reading = _reader_of(source, settings)
        fetched = _download(store, reading, settings, timeframe, from_, to, is_quiet=json)
    except (TerminalUnavailable, FeedUnavailable) as error:
        raise ConfigError(f"{source}: {error}") from error
    if json:
        print(msgspec.json.encode(fetched).decode())
        return
    for one in fetched:
        _console.print(f"{one.symbol}: {one.added} new bars")
    _tell([_line(store, FileName(one.symbol, timeframe), gap_bars) for one in fetched])
    _console.print(f"use them: python launch.py backtest --history {store.folder}")


@app.command("import")
def take_in(
    path: Annotated[Path, typer.Argument(help="A file, or a folder with all below it.")],
    gap_bars: GapOption = 60,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Take bars of HistData, Dukascopy, Twelve Data, FMP or MetaTrader into data/ under the home.

    The format is found in each file, and the clock with it; market.history.zone names one that
    nothing tells. A wrong file is refused with its line, and nothing of the others is kept then.
    """
    from runtime.bar_store.importing import bar_files_in, import_files

    settings = load(config, set_).settings
    if not path.exists():
        raise ConfigError(f"PATH: there is no {path}")
    files = bar_files_in(path)
    store = BarStore(settings.home / DATA_FOLDER)
    clocks = Clocks(ServerClock(settings.terminal.server_zone), settings.market.history.zone)
    done = count(1)
    with progress(_console, "files", 2 * len(files), is_quiet=json) as advance:
        imported = import_files(store, files, clocks, lambda name: advance(next(done), name))
    if json:
        print(msgspec.json.encode(imported).decode())
        return
    for one in imported:
        left_out = f", {one.outside} outside the FX week left out" if one.outside else ""
        _console.print(f"{one.file}: {one.added} new of {one.bars} bars{left_out}")
        if one.origin:
            _console.print(f"  {one.origin}")
    names = dict.fromkeys(FileName(one.symbol, Timeframe(one.timeframe)) for one in imported)
    _tell([_line(store, name, gap_bars) for name in names])
    _console.print(f"use them: python launch.py backtest --history {store.folder}")


@app.command("list")
def listed(
    gap_bars: GapOption = 60,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """List what is here: symbols, timeframes, spans and gaps."""
    store = BarStore(load(config, set_).settings.home / DATA_FOLDER)
    lines = [_line(store, name, gap_bars) for name in store.names()]
    _show(lines, store, json)


@app.command()
def verify(
    gap_bars: GapOption = 60,
    config: ConfigOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Read every bar and tell what is wrong: order, grid, zone, prices; exit code 4 if anything."""
    store = BarStore(load(config, set_).settings.home / DATA_FOLDER)
    lines = [
        _line(store, name, gap_bars, tuple(problems_of(store.files(*name), name.timeframe)))
        for name in store.names()
    ]
    _show(lines, store, json)
    problems = [text for line in lines for text in line.problems]
    if not json:
        _console.print(f"{len(problems)} problems in {sum(line.bars for line in lines):,} bars")
    if problems:
        raise typer.Exit(EXIT_FOUND_ERRORS)


def _download(
    store: BarStore,
    reading: "AbstractContextManager[Source]",
    settings: Settings,
    timeframe: Timeframe,
    start: str,
    end: str,
    *,
    is_quiet: bool,
) -> list[Fetched]:
    with reading as source:
        names = settings.symbols if settings.symbols != AUTO_SYMBOLS else source.symbols
        wanted = _span(start, end, source.now_ns, timeframe)
        total = sum(
            len(ordered_parts(store.held(name, timeframe), wanted, source.part_bars))
            for name in names
        )
        done = count(1)
        with progress(_console, "parts", total, is_quiet=is_quiet) as advance:
            return [
                download(
                    store,
                    source.read,
                    name,
                    timeframe,
                    wanted,
                    lambda symbol: advance(next(done), symbol),
                    source.part_bars,
                )
                for name in names
            ]


def _reader_of(source: BarsFrom, settings: Settings) -> "AbstractContextManager[Source]":
    if source is BarsFrom.TWELVEDATA:
        from runtime.bar_store.twelvedata_reading import twelvedata_reader

        return twelvedata_reader(settings)
    from runtime.bar_store.reading import reader

    return reader(settings)


def _span(start: str, end: str, now_ns: int, timeframe: Timeframe) -> Span:
    last_ns = now_ns // timeframe.length_ns * timeframe.length_ns
    until_ns = min(_moment(end_of_ns, "--to", end) if end else last_ns, last_ns)
    from_ns = _moment(start_of_ns, "--from", start) if start else _year_before_ns(until_ns)
    if from_ns >= until_ns:
        raise ConfigError(f"--from must lie before {iso(until_ns)}, was {iso(from_ns)}")
    return Span(from_ns, until_ns)


def _moment(read: Callable[[str], int], option: str, text: str) -> int:
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from error


def _year_before_ns(ts_ns: int) -> int:
    moment = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    day = min(moment.day, 28)
    return int(moment.replace(year=moment.year - 1, day=day).timestamp()) * 1_000_000_000


def _line(
    store: BarStore, name: FileName, gap_bars: int, problems: tuple[str, ...] = ()
) -> HeldLine:
    try:
        held = store.held(*name)
    except ConfigError as error:
        held = Held(*name, np.empty(0, dtype=np.int64))
        problems = problems or (str(error),)
    gaps = [] if problems else gaps_of(held, gap_bars)
    opens = held.open_ns
    return HeldLine(
        symbol=name.symbol,
        timeframe=name.timeframe.value,
        bars=len(opens),
        first=iso(int(opens[0])) if len(opens) else "",
        last=iso(int(opens[-1])) if len(opens) else "",
        gaps=len(gaps),
        longest_gap=_words(gaps[0]) if gaps else "",
        problems=problems,
    )


def _words(gap: Gap) -> str:
    return f"{gap.bars} bars after {iso(gap.from_ns)}"


def _show(lines: list[HeldLine], store: BarStore, json: bool) -> None:
    if json:
        print(msgspec.json.encode(lines).decode())
    elif lines:
        _tell(lines)
        for line in lines:
            for text in line.problems:
                _console.print(text)
    else:
        _console.print(f"nothing in {store.folder}; python launch.py data download fetches bars")


def _tell(lines: list[HeldLine]) -> None:
    table = Table("symbol", "timeframe", "bars", "first", "last", "gaps", "longest gap")
    for line in lines:
        table.add_row(
            line.symbol,
            line.timeframe,
            f"{line.bars:,}",
            line.first,
            line.last,
            str(line.gaps),
            line.longest_gap,
        )
    _console.print(table)
