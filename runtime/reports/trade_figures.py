"""What a set of closed trades came to: the figures of the trade journal, for all and for groups.

A part of the trades has no equity of its own. Its daily returns are what its trades brought, on the
day on which they closed, over the equity that the account had when that day began; its drawdown is
that of the sum of its results. The figures of all trades together are those of the equity curve,
floating losses included, as the tear sheet has them. Figures of which nothing can be said are NaN.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.voters import VOTERS
from models.learning import returns
from models.learning import trade_statistics as trade_stats
from models.learning.performance import TradeRecord
from models.market.sessions import HOUR_NS, MINUTE_NS, trading_day
from runtime.reports.figures import (
    GROUPS,
    Costs,
    Measured,
    costs_of,
    days_of,
    figures_of,
    grouped,
    mean_hold_ns,
    paid_out,
    rated_of,
)
from runtime.reports.record import UNKNOWN, ClosedTrade, RunRecord

ALL: Final = "all"

JOURNAL_GROUPS: Final[dict[str, Callable[[ClosedTrade], str]]] = {
    **GROUPS,
    "agent": lambda trade: VOTERS.get(trade.voter, trade.voter),
    "confluence": lambda trade: confluence_text(trade.confluence),
    "day": lambda trade: trading_day(trade.closed_ns - MINUTE_NS).isoformat(),
    "week": lambda trade: f"{trading_day(trade.closed_ns - MINUTE_NS):%G-W%V}",
    "month": lambda trade: f"{trading_day(trade.closed_ns - MINUTE_NS):%Y-%m}",
}
"""What the journal groups by: as the tear sheet, and by what an agents' journal tells beside it."""


class TradeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some closed trades; money in account currency."""

    by: str
    """What these are a group by, empty for all."""
    name: str
    trades: int
    wins: int
    win_rate: Measured
    pnl: float
    profit_factor: float
    expectancy_r: Measured
    """Mean result in units of the risk."""
    mean_win_r: float
    mean_loss_r: float
    """Of the trades that brought nothing too."""
    sharpe: Measured
    sortino: Measured
    drawdown_frac: float
    costs: Costs
    slippage: float
    """What fills were worse than the simulator's, summed over the trades of which it is known."""
    slippage_trades: int
    """How many these are."""
    slippage_r: float
    """Mean of it a trade, in units of the risk."""
    mean_hold_h: float
    """Hours."""


def total_of(record: RunRecord) -> TradeFigures:
    """Return the figures of all trades of a record, with the ratios of its equity."""
    figures = figures_of(record)
    return msgspec.structs.replace(
        _figures("", ALL, record.trades, _Days(record)),
        sharpe=figures.sharpe,
        sortino=figures.sortino,
        drawdown_frac=figures.drawdown.depth_frac,
    )


def groups_of(record: RunRecord, by: str) -> tuple[TradeFigures, ...]:
    """Return the figures of the trades grouped by one of `JOURNAL_GROUPS`."""
    days = _Days(record)
    groups = grouped(record.trades, JOURNAL_GROUPS[by])
    return tuple(_figures(by, name, trades, days) for name, trades in groups.items())


def confluence_text(confluence: float) -> str:
    """Return the name of the group of trades with this share of timeframes on their side."""
    return f"{confluence:.2f}" if math.isfinite(confluence) else UNKNOWN


class _Days:
    """The trading days of a record, and what the account had when each began."""

    def __init__(self, record: RunRecord) -> None:
        ts_ns, equity = paid_out(record.equity)
        self.numbers, closes = returns.daily_closes(days_of(ts_ns), equity)
        self.start_equity = float(equity[0]) if len(equity) else 0.0
        self._before = np.concatenate(([self.start_equity], closes[:-1]))[: len(closes)]

    def returns_of(self, trades: Sequence[ClosedTrade]) -> NDArray[np.float64]:
        """Return what trades brought on each day, as a share of the equity before it."""
        pnl = np.zeros(len(self.numbers))
        if len(pnl):
            closed = days_of(np.array([trade.closed_ns for trade in trades], np.int64))
            # A close younger than the last reading of the account belongs to its day.
            places = np.minimum(np.searchsorted(self.numbers, closed), len(pnl) - 1)
            np.add.at(pnl, places, np.array([trade.pnl for trade in trades]))
        changes: NDArray[np.float64] = pnl / self._before
        return changes


def _figures(by: str, name: str, trades: Sequence[ClosedTrade], days: _Days) -> TradeFigures:
    pnls = [trade.pnl for trade in trades]
    daily = days.returns_of(trades)
    known = [trade for trade in trades if math.isfinite(trade.slippage)]
    path = TradeRecord(days.start_equity)
    for trade in trades:
        path.add(trade.pnl, trade.r_multiple)
    return TradeFigures(
        by=by,
        name=name,
        trades=len(trades),
        wins=sum(pnl > 0.0 for pnl in pnls),
        win_rate=Measured(*trade_stats.win_rate(pnls)),
        pnl=math.fsum(pnls),
        profit_factor=trade_stats.profit_factor(pnls),
        expectancy_r=Measured(*trade_stats.mean_with_error(rated_of(trades))),
        mean_win_r=_mean(rated_of(trade for trade in trades if trade.pnl > 0.0)),
        mean_loss_r=_mean(rated_of(trade for trade in trades if trade.pnl <= 0.0)),
        sharpe=Measured(*returns.sharpe_ratio(daily)),
        sortino=Measured(*returns.sortino_ratio(daily)),
        drawdown_frac=path.drawdown_frac,
        costs=costs_of(trades),
        slippage=math.fsum(trade.slippage for trade in known) if known else math.nan,
        slippage_trades=len(known),
        slippage_r=_mean([trade.slippage / trade.risk for trade in known if trade.risk > 0.0]),
        mean_hold_h=mean_hold_ns(trades) / HOUR_NS,
    )


def _mean(values: Sequence[float]) -> float:
    return trade_stats.mean_with_error(values).value
