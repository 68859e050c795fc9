"""``backtest``: the council over history, and what it came to beside doing nothing and chance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from models.market.sessions import DAY_NS
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load, seconds_of
from runtime.commands.progress import progress

if TYPE_CHECKING:
    from config.loading import LoadedSettings
    from runtime.reports.tear_sheet import Sheet, Written

_console = Console(soft_wrap=True, highlight=False)
DURATION_SYNTHETIC = "28d"
"""How much of the synthetic market is traded if nobody says."""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(backtest)


def backtest(
    history: Annotated[str, typer.Option(help="Folder with recorded bars to trade over.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment of history, ISO 8601.")] = "",
    to: Annotated[str, typer.Option(help="Last moment of history; a bare date counts whole.")] = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market.")] = None,
    duration: Annotated[
        str, typer.Option(help="Market time to trade, as 28d; all of it over history.")
    ] = "",
    spread_factor: Annotated[
        float | None, typer.Option(help="Factor on the spreads of the market.")
    ] = None,
    commission: Annotated[
        float | None, typer.Option(help="Commission of one lot and side, in account currency.")
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the tear sheet; that of the run without it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the council over a market at full speed and write a tear sheet.

    Results stand beside no trade and the symbols held. The folder of the run keeps the journal, so
    `why` and `journal` work on it.
    """
    loaded = load(
        config,
        set_,
        **{
            "market.history.path": history or None,
            "market.history.start": from_ or None,
            "market.history.end": to or None,
            "market.synthetic.seed": seed,
            "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
            "terminal.spread_factor": spread_factor,
            "terminal.commission_per_lot": commission,
        },
    )
    is_history = bool(loaded.settings.market.history.path)
    duration = duration or ("" if is_history else DURATION_SYNTHETIC)
    sheet, written = _run(loaded, seconds_of(duration), out, json=json)
    if json:
        print(msgspec.json.encode(sheet).decode())
        return
    _tell(sheet, written)


def _run(
    loaded: "LoadedSettings", duration_s: float, out: Path | None, *, json: bool
) -> tuple["Sheet", "Written"]:
    from runtime.backtest import run_council, tear_sheet_of
    from runtime.preparation import StartOptions, prepare

    options = StartOptions(speed="max", duration_s=duration_s, in_process=True, is_fresh=True)
    start = prepare(loaded, options)
    days = (start.plan.end_ns - start.plan.start_ns) / DAY_NS
    with progress(_console, "days", round(days), is_quiet=json) as advance:
        run_council(start, options, advance)
    return tear_sheet_of(start, out)


def _tell(sheet: "Sheet", written: "Written") -> None:
    from runtime.reports.tiles import percent, tiles_of

    one = sheet.identity
    _console.print(f"\n[black on yellow] {one.marker} [/] {', '.join(one.symbols)}")
    table = Table("figure", "value", "error")
    for tile in tiles_of(one, sheet.figures):
        table.add_row(tile.name, tile.text, tile.error)
    _console.print(table)
    beside = Table("beside it", "return", "5 % of runs below", "5 % above", "deepest fall")
    for end in sheet.baselines:
        edges = (percent(end.low_frac), percent(end.high_frac)) if end.runs > 1 else ("", "")
        beside.add_row(end.name, percent(end.return_frac), *edges, percent(-end.drawdown_frac))
    _console.print(beside)
    _console.print(sheet.verdict, markup=False)
    _console.print(f"tear sheet  {written.page}", markup=False)
    _console.print(f"numbers     {written.numbers}", markup=False)
