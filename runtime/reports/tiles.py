"""The figures at the head of a tear sheet, each with a sentence that says what it means."""

import math
from typing import Final

import msgspec

from models.learning.returns import RETURNS_MIN
from models.learning.trade_statistics import SQN_TRADES_MIN
from models.market.sessions import DAY_NS, HOUR_NS
from runtime.reports.figures import Figures, Measured, day_text
from runtime.reports.record import RunIdentity

_YEAR_DAYS: Final = 365.25
DASH: Final = "–"
MINUS: Final = "−"


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One figure."""

    name: str
    text: str
    says: str
    error: str = ""
    tone: str = ""
    """``good`` or ``bad`` where its sign is its message."""


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as percent with its sign, a dash for NaN."""
    if not math.isfinite(value):
        return DASH
    return f"{100.0 * value:+.{digits}f} %".replace("-", MINUS)


def plain(value: float, digits: int = 2) -> str:
    """Return a number with its sign, a dash for NaN."""
    return f"{value:+.{digits}f}".replace("-", MINUS) if math.isfinite(value) else DASH


def signed(amount: float) -> str:
    """Return an amount of money with its sign, a dash for NaN."""
    return f"{amount:+,.2f}".replace("-", MINUS) if math.isfinite(amount) else DASH


def with_error(value: float, error: float) -> str:
    """Return a figure with its standard error, where that is known."""
    return f"{plain(value)} ± {error:.2f}" if math.isfinite(error) else plain(value)


def tiles_of(identity: RunIdentity, figures: Figures) -> tuple[Tile, ...]:
    """Return the figures in the order in which they are shown."""
    return (*_money(identity, figures), *_ratios(figures), *_of_trades(figures))


def _money(identity: RunIdentity, figures: Figures) -> tuple[Tile, ...]:
    days = (identity.end_ns - identity.start_ns) / DAY_NS
    share = days / _YEAR_DAYS
    extrapolated = f" Extrapolated from {days:.0f} days." if share < 1.0 else ""
    fall = figures.drawdown
    until = "until it was made up for" if fall.is_recovered else "and not made up for by the end"
    length = (fall.end_ns - fall.peak_ns) / DAY_NS
    fallen = f"From {day_text(fall.peak_ns)}: {length:.0f} days {until}."
    return (
        Tile(
            name="Result",
            text=f"{signed(figures.net_profit)} {identity.currency}",
            says=f"From {figures.start_equity:,.2f} to {figures.end_equity:,.2f}, after all costs.",
            tone=tone_of(figures.net_profit),
        ),
        Tile(
            name="Return",
            text=percent(figures.total_return_frac, 2),
            says="The result as a share of the deposit.",
            tone=tone_of(figures.total_return_frac),
        ),
        Tile(
            name="Growth a year",
            text=percent(figures.yearly_growth_frac),
            says=f"If every year went like this.{extrapolated}"
            if math.isfinite(figures.yearly_growth_frac)
            else "Less than a month says nothing of a year.",
            tone=tone_of(figures.yearly_growth_frac),
        ),
        Tile(
            name="Deepest fall (drawdown)",
            text=percent(-fall.depth_frac, 2),
            says=fallen if fall.depth_frac else "The account never fell.",
            tone=tone_of(-fall.depth_frac),
        ),
    )


def _ratios(figures: Figures) -> tuple[Tile, ...]:
    few = f" Fewer than {RETURNS_MIN} days say nothing." if figures.days < RETURNS_MIN else ""
    return (
        Tile(
            name="Swings (volatility)",
            text=percent(figures.volatility_frac).lstrip("+"),
            says=f"Usual size of a year's ups and downs, from daily changes.{few}",
        ),
        _ratio("Return for the swings (Sharpe)", figures.sharpe, "Above 1 is good; within two "
               "standard errors (±) of 0 it may be chance."),
        _ratio("Return for the losing days (Sortino)", figures.sortino, "The same, but only falls "
               "count as risk."),
        Tile(
            name="Growth for the deepest fall (Calmar)",
            text=plain(figures.calmar),
            says="Growth a year over the deepest fall.",
            tone=tone_of(figures.calmar),
        ),
    )  # fmt: skip


def _ratio(name: str, ratio: Measured, says: str) -> Tile:
    return Tile(
        name=name,
        text=plain(ratio.value),
        error=f"± {ratio.error:.2f}" if math.isfinite(ratio.error) else "",
        says=says,
        tone=tone_of(ratio.value),
    )


def _of_trades(figures: Figures) -> tuple[Tile, ...]:
    hold = figures.mean_hold_ns / HOUR_NS
    few = f" Needs {SQN_TRADES_MIN} trades." if figures.trades < SQN_TRADES_MIN else ""
    return (
        Tile(
            name="Trades",
            text=f"{figures.trades:,}",
            says=f"Held for {hold:.1f} hours on average." if figures.trades else "None closed.",
        ),
        Tile(
            name="Won",
            text=percent(figures.win_rate.value).lstrip("+"),
            error=_percent_error(figures.win_rate.error),
            says=f"Longest rows: {figures.longest_wins} wins, {figures.longest_losses} losses.",
        ),
        Tile(
            name="Won for each unit lost (profit factor)",
            text=plain(figures.profit_factor).lstrip("+"),
            says="Above 1 the wins outweigh the losses.",
        ),
        _ratio("Mean result of a trade, in R", figures.expectancy_r, "1 R is what a trade risks at "
               f"its stop. Best {plain(figures.best_r)}, worst {plain(figures.worst_r)}."),
        Tile(
            name="System quality (SQN)",
            text=plain(figures.system_quality),
            says=f"Mean R against its spread, by Van Tharp: above 1.6 is usable.{few}",
            tone=tone_of(figures.system_quality),
        ),
        Tile(
            name="Time in the market",
            text=percent(figures.exposure_frac).lstrip("+"),
            says="Share of open hours with at least one position.",
        ),
        Tile(
            name="Most at risk at once (heat)",
            text=percent(figures.heat_frac_max, 2).lstrip("+"),
            says="Share of the account that all stops together would have lost.",
        ),
        Tile(
            name="Costs",
            text=f"{figures.costs.total:,.2f}" if math.isfinite(figures.costs.total) else DASH,
            says="Spread, commission and overnight interest.",
        ),
    )  # fmt: skip


def _percent_error(error: float) -> str:
    return f"± {100.0 * error:.1f}" if math.isfinite(error) else ""


def tone_of(value: float) -> str:
    """Return the tone of a figure whose sign is its message."""
    return "good" if value > 0.0 else "bad" if value < 0.0 else ""
