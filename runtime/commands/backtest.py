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
    from runtime.preparation import Start
    from runtime.reports.stress import StressTable
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
    random_runs: Annotated[
        int, typer.Option(min=0, max=10_000, help="Runs with random entries; 0 leaves them out.")
    ] = 200,
    stress: Annotated[
        bool, typer.Option("--stress", help="Run again over worse markets; takes eight runs.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the council over a market at full speed and write a tear sheet.

    Results stand beside no trade, the symbols held, and random entries. The folder of the run keeps
    the journal, so `why` and `journal` work on it. With --stress the exit code is 1 if a limit was
    exceeded.
    """
    values: dict[str, object] = {
        "market.history.path": history or None,
        "market.history.start": from_ or None,
        "market.history.end": to or None,
        "market.synthetic.seed": seed,
        "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
        "terminal.spread_factor": spread_factor,
        "terminal.commission_per_lot": commission,
    }
    loaded = load(config, set_, **values)
    is_history = bool(loaded.settings.market.history.path)
    duration_s = seconds_of(duration or ("" if is_history else DURATION_SYNTHETIC))
    start = _run(loaded, duration_s, "days", is_quiet=json)
    table = _stress(start, (config, set_, values), duration_s, is_quiet=json) if stress else None
    from runtime.backtest import tear_sheet_of

    sheet, written = tear_sheet_of(start, out, table, random_runs)
    if json:
        print(msgspec.json.encode(sheet).decode())
    else:
        _tell(sheet, written)
    if table is not None and any(case.exceeded for case in table.cases):
        raise typer.Exit(1)


def _run(loaded: "LoadedSettings", duration_s: float, what: str, *, is_quiet: bool) -> "Start":
    from runtime.backtest import run_council
    from runtime.preparation import StartOptions, prepare

    options = StartOptions(speed="max", duration_s=duration_s, in_process=True, is_fresh=True)
    start = prepare(loaded, options)
    days = (start.plan.end_ns - start.plan.start_ns) / DAY_NS
    with progress(_console, what, round(days), is_quiet=is_quiet) as advance:
        run_council(start, options, advance)
    return start


def _stress(
    base: "Start",
    asked: tuple[Path | None, list[str] | None, dict[str, object]],
    duration_s: float,
    *,
    is_quiet: bool,
) -> "StressTable":
    from runtime.backtest import case_of_run
    from runtime.reports.stress import StressTable, dials

    config, assignments, values = asked
    cases = [case_of_run(base, "base", "as it was")]
    for dial in dials(base.plan.settings):
        loaded = load(config, assignments, **{**values, **dial.settings})
        start = _run(loaded, duration_s, f"days, {dial.about}", is_quiet=is_quiet)
        cases.append(case_of_run(start, dial.name, dial.about))
    return StressTable(cases=tuple(cases))


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
    if sheet.stress is not None:
        _console.print(_stress_rows(sheet.stress))
    _console.print(sheet.verdict, markup=False)
    _console.print(f"tear sheet  {written.page}", markup=False)
    _console.print(f"numbers     {written.numbers}", markup=False)


def _stress_rows(stress: "StressTable") -> Table:
    from runtime.reports.tiles import percent, plain

    table = Table("market", "trades", "return", "deepest fall", "worst R", "tripped", "limits")
    for one in stress.cases:
        table.add_row(
            one.about,
            str(one.trades),
            percent(one.return_frac),
            percent(-one.drawdown_frac),
            plain(one.worst_r),
            ", ".join(one.breakers) or "none",
            "; ".join(one.exceeded) or "held",
        )
    return table
