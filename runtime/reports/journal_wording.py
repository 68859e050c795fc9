"""The trade journal in words: the rows that the page and the terminal both show."""

import math
from datetime import datetime
from typing import Final, NamedTuple

from runtime.reports.daily import DayRow
from runtime.reports.record import RunIdentity
from runtime.reports.tiles import (
    DASH,
    Tile,
    percent,
    plain,
    signed,
    tiles_of,
    tone_of,
    with_error,
)
from runtime.reports.trade_figures import ALL, TradeFigures
from runtime.reports.trade_journal import TradeJournal
from runtime.reports.trade_rows import TradeRow
from runtime.reports.wording import EXITS, VOTERS, told

GROUP_HEADS: Final = (
    *("trades", "won", "profit", "factor", "mean R", "wins, R", "losses, R", "Sharpe"),
    *("fall", "costs", "slippage", "hours"),
)
TRADE_HEADS: Final = (
    *("closed", "trade", "lots", "from", "to", "profit", "R", "costs", "ended by"),
    *("spoken for by", "ticket"),
)
DAY_HEADS: Final = (
    *("day", "trades", "won", "profit", "factor", "mean R", "costs", "slippage"),
    *("equity", "fall", "decisions", "holds", "refusals", "bars on time"),
)
TEXTS: Final = frozenset({"trade", "ended by", "spoken for by"})
"""Columns that hold words."""
WORDS: Final = {"voter": VOTERS, "exit": EXITS}
"""Words for the names of groups, by what they are groups of."""


class Cell(NamedTuple):
    """A text, and its tone where its sign is its message."""

    text: str
    tone: str = ""


def tiles_of_journal(identity: RunIdentity, journal: TradeJournal) -> tuple[Tile, ...]:
    """Return the figures of the tear sheet, and those that the journal has beside them."""
    total, data = journal.total, journal.data
    slippage_r = total.slippage_r
    return (
        *tiles_of(identity, journal.figures),
        Tile(
            name="Mean win and mean loss, in R",
            text=f"{plain(total.mean_win_r)} / {plain(total.mean_loss_r)}",
            says="What a trade that won brought, and one that did not.",
        ),
        Tile(
            name="Slippage against the simulator",
            text=signed(total.slippage).lstrip("+"),
            error=f"{plain(slippage_r, 3)} R a trade" if math.isfinite(slippage_r) else "",
            says=f"What fills were worse than the simulator's; known of {total.slippage_trades} of "
            f"{total.trades} trades.",
            tone=tone_of(-total.slippage),
        ),
        Tile(
            name="Bars on time",
            text=percent(data.on_time_frac, 2).lstrip("+"),
            says=f"{data.bars_on_time:,} of {data.bars_expected:,} closes on {data.days} days.",
        ),
    )


def group_name(one: TradeFigures) -> str:
    """Return what a group is called."""
    return ALL if not one.by else told(WORDS[one.by], one.name) if one.by in WORDS else one.name


def group_cells(one: TradeFigures) -> tuple[Cell, ...]:
    """Return the figures of a group below `GROUP_HEADS`."""
    return (
        Cell(f"{one.trades:,}"),
        Cell(f"{one.wins:,}"),
        Cell(signed(one.pnl), tone_of(one.pnl)),
        Cell(plain(one.profit_factor).lstrip("+")),
        Cell(with_error(one.expectancy_r.value, one.expectancy_r.error)),
        Cell(plain(one.mean_win_r)),
        Cell(plain(one.mean_loss_r)),
        Cell(with_error(one.sharpe.value, one.sharpe.error)),
        Cell(percent(0.0 - one.drawdown_frac, 2)),
        Cell(signed(0.0 - one.costs.total)),
        Cell(signed(0.0 - one.slippage)),
        Cell(f"{one.mean_hold_h:.1f}" if math.isfinite(one.mean_hold_h) else DASH),
    )


def trade_cells(row: TradeRow) -> tuple[Cell, ...]:
    """Return a trade below `TRADE_HEADS`."""
    paid = None
    if row.spread_cost is not None and row.commission is not None and row.swap is not None:
        paid = row.commission + row.swap - row.spread_cost
    return (
        Cell(time_text(row.closed) if row.closed else "open"),
        Cell(f"{row.symbol} {row.side}"),
        Cell(f"{row.lots:g}"),
        Cell(f"{row.open_price:g}"),
        Cell(DASH if row.close_price is None else f"{row.close_price:g}"),
        Cell(_amount(row.pnl), tone_of(row.pnl or 0.0)),
        Cell(DASH if row.r_multiple is None else plain(row.r_multiple)),
        Cell(_amount(paid)),
        Cell(told(EXITS, row.exit_reason) or DASH),
        Cell(f"{told(VOTERS, row.voter)}, {row.component}"),
        Cell(str(row.ticket)),
    )


def day_cells(row: DayRow) -> tuple[Cell, ...]:
    """Return a day below `DAY_HEADS`."""
    return (
        Cell(row.day),
        Cell(str(row.trades)),
        Cell(str(row.wins)),
        Cell(signed(row.pnl), tone_of(row.pnl)),
        Cell(plain(row.profit_factor).lstrip("+")),
        Cell(plain(row.expectancy_r)),
        Cell(signed(0.0 - row.commission - row.swap - row.spread_cost)),
        Cell(signed(0.0 - row.slippage)),
        Cell(f"{row.equity_end:,.2f}"),
        Cell(percent(0.0 - row.drawdown_frac_max, 2)),
        Cell(f"{row.decisions:,}"),
        Cell(f"{row.holds:,}"),
        Cell(f"{row.refusals:,}"),
        Cell(percent(row.on_time_frac, 2).lstrip("+")),
    )


def time_text(moment: datetime) -> str:
    """Return an instant as people read it, UTC."""
    return f"{moment:%Y-%m-%d %H:%M}"


def _amount(value: float | None) -> str:
    return DASH if value is None else signed(value)
