"""``ablate``: what a recorded run would have been without one agent."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from runtime.commands.options import ConfigOption, JsonOption, load
from runtime.picture import clock_text

if TYPE_CHECKING:
    from runtime.proof.ablate import Ablation
    from runtime.proof.trades import Trade

SHOWN_MAX = 20
"""Trades shown of each kind; `--json` has them all."""

_console = Console(soft_wrap=True, highlight=False, markup=False)


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(ablate)


def ablate(
    name: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Its name; the one used last without it.")
    ] = "",
    without: Annotated[
        str,
        typer.Option(help="technical, lstm_vol, sentiment, sentiment_vote, portfolio or learner."),
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Decide a recorded run again without what one agent contributed, and compare the trades.

    The run must have been one in virtual time (over history, or with --in-process --speed max). It
    is first decided again as it was; if that does not give its own trades to the cent, nothing is
    said.
    """
    from runtime.book import find_book
    from runtime.proof.ablate import ablate as ablated

    found = find_book(load(config).settings.home.absolute(), name)
    ablation = ablated(found.folder, without)
    if json:
        print(msgspec.json.encode(ablation).decode())
        return
    for line in _lines(ablation):
        _console.print(line)


def _lines(ablation: "Ablation") -> Iterator[str]:
    yield f"run {ablation.run}: decided again, its {ablation.trades} trades are reproduced"
    yield (
        f"without {ablation.without}: {ablation.trades_without} trades, P&L "
        f"{ablation.pnl_without:+,.2f} instead of {ablation.pnl:+,.2f}; "
        f"{ablation.without} brought {ablation.pnl_difference:+,.2f}"
    )
    for title, trades in (("not made", ablation.lost), ("made only", ablation.gained)):
        yield f"{title} without it: {len(trades)}, P&L {sum(one.pnl for one in trades):+,.2f}"
        yield from (f"  {_text(one)}" for one in trades[:SHOWN_MAX])
    yield f"made in both, ending otherwise: {len(ablation.changed)}"
    for pair in ablation.changed[:SHOWN_MAX]:
        yield f"  {_text(pair.recorded)}"
        yield f"    without it {pair.without.lots:g} lots, {_end(pair.without)}"


def _text(trade: "Trade") -> str:
    opened = clock_text(trade.opened_ns)
    return f"{opened} {trade.side} {trade.lots:g} {trade.symbol} {_end(trade)}"


def _end(trade: "Trade") -> str:
    return (
        f"{trade.reason} {clock_text(trade.closed_ns)} {trade.pnl:+,.2f} {trade.r_multiple:+.2f} R"
    )
