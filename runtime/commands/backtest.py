"""``backtest``: the council over history, and what it came to beside doing nothing and chance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runtime.commands.options import ConfigOption, JsonOption, SetOption, load, seconds_of
from runtime.commands.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.loading import LoadedSettings
    from runtime.backtest import Backtest
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
    compiled: Annotated[
        bool,
        typer.Option("--compiled", help="Opinions are kept, decisions and trades compiled."),
    ] = False,
    random_runs: Annotated[
        int, typer.Option(min=0, max=10_000, help="Runs with random entries; 0 leaves them out.")
    ] = 200,
    stress: Annotated[
        bool, typer.Option("--stress", help="Run again over worse markets; takes eight runs.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the council over a market at full speed and write a tear sheet beside three baselines.

    The folder of the run keeps the journal, so `why` and `journal` work on it. With --compiled six
    agents form their opinions once, which are kept, and the compiled simulator decides and trades
    over them: the next one with other parameters takes a moment, and leaves no journal. With
    --stress the exit code is 1 if a limit was exceeded.
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
    from runtime.backtest import tear_sheet_of

    run = _run(loaded, duration_s, "days", is_compiled=compiled, is_quiet=json)
    table = None
    if stress:
        table = _stress(
            run,
            lambda worse: load(config, set_, **{**values, **worse}),
            duration_s,
            is_compiled=compiled,
            is_quiet=json,
        )
    sheet, written = tear_sheet_of(run, out, table, random_runs)
    if json:
        print(msgspec.json.encode(sheet).decode())
    else:
        _tell(sheet, written)
    if table is not None and any(case.exceeded for case in table.cases):
        raise typer.Exit(1)


def _run(
    loaded: "LoadedSettings", duration_s: float, what: str, *, is_compiled: bool, is_quiet: bool
) -> "Backtest":
    from runtime.backtest import days_of, run_compiled, run_full

    run = run_compiled if is_compiled else run_full
    with progress(_console, what, days_of(loaded, duration_s), is_quiet=is_quiet) as advance:
        return run(loaded, duration_s, advance)


def _stress(
    base: "Backtest",
    loaded_with: "Callable[[dict[str, object]], LoadedSettings]",
    duration_s: float,
    *,
    is_compiled: bool,
    is_quiet: bool,
) -> "StressTable":
    from runtime.reports.stress import StressTable, case_of, dials

    settings = base.start.plan.settings
    cases = [case_of("base", "as it was", base.record, settings)]
    for dial in dials(settings):
        loaded, what = loaded_with(dial.settings), f"days, {dial.about}"
        run = _run(loaded, duration_s, what, is_compiled=is_compiled, is_quiet=is_quiet)
        cases.append(case_of(dial.name, dial.about, run.record, run.start.plan.settings))
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
