"""``walkforward``: parameters searched window by window, with an honest verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runtime.commands.learning import store_of
from runtime.commands.options import ConfigOption, JsonOption, SetOption, load
from runtime.commands.progress import progress
from runtime.instants import instant_ns

if TYPE_CHECKING:
    from runtime.training.search_report import SearchReport

HEADS: Final = {
    "confluence_min": "agree",
    "min_confidence": "conf.",
    "atr_multiplier": "stop",
    "target_atr_multiplier": "target",
    "min_rr_ratio": "ratio",
}
"""Short names for a table that fits 80 columns."""

_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(walkforward)


def walkforward(
    history: Annotated[str, typer.Option(help="Folder with recorded bars.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment to search.")] = "",
    to: Annotated[str, typer.Option(help="Last moment; a bare date counts whole.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Cores; more than one takes Ray.")] = 1,
    address: Annotated[
        str, typer.Option(help="Spread the jobs over the Ray cluster at this address.")
    ] = "",
    config: ConfigOption = None,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help="Let a winner that passes serve.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Search confluence, threshold, stop, target and reward for risk on rolling windows.

    Each window chooses on its past and is scored on what follows. The winner is written as
    best_params.json; it serves only if it passes the gates, which is seldom and is said.
    """
    loaded = load(
        config,
        set_,
        **{
            "market.history.path": history or None,
            "market.history.start": from_ or None,
            "market.history.end": to or None,
            "symbols": [name.strip() for name in symbols.split(",")] if symbols else None,
            "cluster.address": address or None,
        },
    )
    from blackboard.errors import ConfigError
    from models.learning.best_params import FAMILY
    from runtime.training.walkforward import found_by

    store = store_of(loaded.settings)
    with progress(_console, "percent searched", 100, is_quiet=json) as advance:
        try:
            report, written, passed = found_by(
                loaded.settings, jobs, out, store, lambda share, word: advance(100 * share, word)
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error
    if passed and promote:
        store.promote(FAMILY, passed, instant_ns(report.windows[-1].out_until))
    if json:
        print(msgspec.json.encode(report).decode())
    else:
        _tell(report, written)


def _tell(report: "SearchReport", folder: Path) -> None:
    heads = ("judged from", "Sharpe", "R", "trades", "as set", *HEADS.values())
    table = Table(*heads, box=None, padding=(0, 1, 0, 0))
    for one in report.windows:
        table.add_row(
            one.out_from[:10],
            _plain(one.sharpe),
            f"{one.expectancy_r:+.3f}",
            str(one.trades),
            _plain(one.settings_sharpe),
            *_values(one.values, one.at_ends),
        )
    now = _values(report.values, report.at_ends)
    table.add_row("all; now", _plain(report.sharpe), "", "", _plain(report.settings_sharpe), *now)
    _console.print(table)
    for line in _lines(report):
        _console.print(line)
    _console.print(f"written  {folder}")


def _lines(report: "SearchReport") -> Iterator[str]:
    yield "Sharpe ratios are yearly, `as set` is that of the settings; stop and target in ATR"
    if report.at_ends or any(one.at_ends for one in report.windows):
        yield "*  at an end of the grid, and the setting could go further"
    yield (
        f"trials   {report.trials}, worth {report.effective_trials:g} independent ones; "
        f"{report.years:g} years bear {report.trials_borne} at a Sharpe ratio of 1"
    )
    if report.plateau is not None:
        yield f"plateau  beside the winner {report.plateau:g} of its score"
    yield f"verdict  {'passed' if report.passed else 'nothing passed'}; {report.verdict}"
    yield f"version  {report.version}"
    yield (
        f"took     {report.search_s:g} s, {report.processor_s:g} s of processor time, "
        f"{report.busiest_s:g} s on the busiest of {report.jobs}"
    )


def _values(values: dict[str, float], ends: tuple[str, ...]) -> Iterator[str]:
    for name in HEADS:
        yield f"{values[name]:.4g}{'*' if name in ends else ''}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"
