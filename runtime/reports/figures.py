"""Every number of a run's report, computed once from its record; the page and its JSON show these.

A figure of which nothing can be said is NaN here, null in JSON and a dash on the page.
"""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from models.learning import returns
from models.learning import trade_statistics as trade_stats
from models.market.centres import centres_at_work
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    market_clock_ns,
    next_week_open_ns,
    trading_day,
    week_close_ns,
    week_open_ns,
    weekday,
)
from runtime.reports.record import ClosedTrade, EquityPoint, RunRecord

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Measured(msgspec.Struct, frozen=True):
    """A figure with its standard error."""

    value: float
    error: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What trading cost, as amounts ≥ 0; swap may be income, which is negative here."""

    spread: float
    commission: float
    swap: float
    total: float
    before_costs: float
    """What the trades would have brought without any of it."""


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """One month's return, and the trades that closed in it."""

    month: str
    """As 2018-03."""
    return_frac: float
    trades: int
    pnl: float


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of trades came to."""

    name: str
    trades: int
    wins: int
    pnl: float
    mean_r: float
    error_r: float


class Water(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall below the highest equity before, floating losses included."""

    depth_frac: float
    peak_ns: int
    trough_ns: int
    end_ns: int
    is_recovered: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a run."""

    days: int
    start_equity: float
    end_equity: float
    net_profit: float
    floating: float
    """Equity less balance at the end: profit of what is still open."""
    total_return_frac: float
    yearly_growth_frac: float
    volatility_frac: float
    sharpe: Measured
    sortino: Measured
    calmar: float
    drawdown: Water
    trades: int
    win_rate: Measured
    profit_factor: float
    expectancy_r: Measured
    expectancy: float
    best_r: float
    worst_r: float
    system_quality: float
    longest_wins: int
    longest_losses: int
    exposure_frac: float
    """Share of the open market's time with at least one position."""
    mean_hold_ns: float
    heat_frac_max: float
    costs: Costs
    months: tuple[Month, ...]
    by: dict[str, tuple[Share, ...]]
    """Groups of trades by what they are grouped by."""


GROUPS: Final[dict[str, Callable[[ClosedTrade], str]]] = {
    "symbol": lambda trade: trade.symbol,
    "voter": lambda trade: trade.voter,
    "component": lambda trade: trade.component,
    "session": lambda trade: centres_at_work(trade.opened_ns),
    "hour": lambda trade: f"{trade.opened_ns // HOUR_NS % 24:02d}",
    "weekday": lambda trade: _DAYS[weekday(trade.opened_ns)],
    "exit": lambda trade: trade.exit_reason,
    "side": lambda trade: "long" if trade.side.sign > 0 else "short",
}
"""What trades are grouped by; times are those of the entry, hours in UTC."""


def paid_out(points: Iterable[EquityPoint]) -> tuple[np.ndarray, np.ndarray]:
    """Return instants and equity, less what was paid in since the first point."""
    listed = list(points)
    if not listed:
        return np.empty(0, np.int64), np.empty(0)
    first = listed[0].deposits
    return (
        np.array([point.ts_ns for point in listed], np.int64),
        np.array([point.equity - (point.deposits - first) for point in listed]),
    )


def figures_of(record: RunRecord) -> Figures:
    """Return every figure of a run."""
    ts_ns, equity = paid_out(record.equity)
    start = float(equity[0]) if len(equity) else 0.0
    end = float(equity[-1]) if len(equity) else 0.0
    span_ns = record.identity.start_ns, record.identity.end_ns
    _, closes = returns.daily_closes(days_of(ts_ns), equity)
    daily = returns.simple_returns(start, closes)
    growth = returns.yearly_growth_frac(start, end, span_ns[1] - span_ns[0])
    water = _water(ts_ns, equity)
    trades = record.trades
    pnls = [trade.pnl for trade in trades]
    rated = rated_of(trades)
    streaks = trade_stats.longest_streaks(pnls)
    last = record.equity[-1] if record.equity else EquityPoint(0, 0.0, 0.0, 0.0)
    return Figures(
        days=len(closes),
        start_equity=start,
        end_equity=end,
        net_profit=end - start,
        floating=last.equity - last.balance,
        total_return_frac=end / start - 1.0 if start else math.nan,
        yearly_growth_frac=growth,
        volatility_frac=returns.yearly_volatility_frac(daily),
        sharpe=Measured(*returns.sharpe_ratio(daily)),
        sortino=Measured(*returns.sortino_ratio(daily)),
        calmar=returns.calmar_ratio(growth, water.depth_frac),
        drawdown=water,
        trades=len(trades),
        win_rate=Measured(*trade_stats.win_rate(pnls)),
        profit_factor=trade_stats.profit_factor(pnls),
        expectancy_r=Measured(*trade_stats.mean_with_error(rated)),
        expectancy=trade_stats.mean_with_error(pnls).value,
        best_r=max(rated, default=math.nan),
        worst_r=min(rated, default=math.nan),
        system_quality=trade_stats.system_quality(rated),
        longest_wins=streaks.wins,
        longest_losses=streaks.losses,
        exposure_frac=_exposure_frac(record),
        mean_hold_ns=mean_hold_ns(trades),
        heat_frac_max=record.heat_frac_max,
        costs=costs_of(trades),
        months=_months(record, ts_ns, equity),
        by={
            name: tuple(_share(*group) for group in grouped(trades, key).items())
            for name, key in GROUPS.items()
        },
    )


def days_of(ts_ns: np.ndarray) -> np.ndarray:
    """Return the number of the trading day that holds each instant; its end belongs to it."""
    # A snapshot at 17:00 New York tells of the day that has just ended.
    return np.array(
        [market_clock_ns(int(moment) - MINUTE_NS) // DAY_NS for moment in ts_ns], np.int64
    )


def open_time_ns(start_ns: int, end_ns: int) -> int:
    """Return for how long the market is open between two instants."""
    total, moment = 0, week_open_ns(start_ns)
    while moment < end_ns:
        total += max(min(week_close_ns(moment), end_ns) - max(moment, start_ns), 0)
        moment = next_week_open_ns(moment)
    return total


def _water(ts_ns: np.ndarray, equity: np.ndarray) -> Water:
    fall = returns.deepest_fall(equity)
    at = [int(ts_ns[row]) if len(ts_ns) else 0 for row in fall[1:4]]
    return Water(
        depth_frac=fall.depth_frac,
        peak_ns=at[0],
        trough_ns=at[1],
        end_ns=at[2],
        is_recovered=fall.is_recovered,
    )


def _exposure_frac(record: RunRecord) -> float:
    open_ns = open_time_ns(record.identity.start_ns, record.identity.end_ns)
    if not open_ns:
        return math.nan
    spans = [(one.opened_ns, one.closed_ns) for one in record.trades]
    spans += [(opened_ns, record.identity.end_ns) for opened_ns in record.open_since_ns]
    return sum(open_time_ns(*span) for span in trade_stats.united(spans)) / open_ns


def costs_of(trades: Iterable[ClosedTrade]) -> Costs:
    """Return what trades cost; NaN where a part of it is not known."""
    listed = list(trades)
    spread = math.fsum(trade.spread_cost for trade in listed)
    commission = -math.fsum(trade.commission for trade in listed)
    swap = -math.fsum(trade.swap for trade in listed)
    total = spread + commission + swap
    pnl = math.fsum(trade.pnl for trade in listed)
    # Adding 0 turns a negative zero into what people expect.
    return Costs(
        spread=spread + 0.0,
        commission=commission + 0.0,
        swap=swap + 0.0,
        total=total + 0.0,
        before_costs=pnl + total,
    )


def _months(record: RunRecord, ts_ns: np.ndarray, equity: np.ndarray) -> tuple[Month, ...]:
    numbers = np.array([_month(int(moment) - MINUTE_NS) for moment in ts_ns], np.int64)
    if not len(numbers):
        return ()
    months, changes = returns.monthly_returns(numbers, float(equity[0]), equity)
    found = []
    for number, change in zip(months.tolist(), changes.tolist(), strict=True):
        pnls = [one.pnl for one in record.trades if _month(one.closed_ns - MINUTE_NS) == number]
        found.append(
            Month(
                month=f"{number // 12:04d}-{number % 12 + 1:02d}",
                return_frac=change,
                trades=len(pnls),
                pnl=math.fsum(pnls),
            )
        )
    return tuple(found)


def _month(ts_ns: int) -> int:
    day = trading_day(ts_ns)
    return day.year * 12 + day.month - 1


def rated_of(trades: Iterable[ClosedTrade]) -> list[float]:
    """Return the results in R of the trades whose risk is known."""
    return [trade.r_multiple for trade in trades if trade.risk > 0.0]


def mean_hold_ns(trades: Iterable[ClosedTrade]) -> float:
    """Return for how long trades were held on average, NaN without one."""
    spans = [float(trade.closed_ns - trade.opened_ns) for trade in trades]
    return trade_stats.mean_with_error(spans).value


def grouped(
    trades: Iterable[ClosedTrade], key: Callable[[ClosedTrade], str]
) -> dict[str, list[ClosedTrade]]:
    """Return trades by what they are grouped by, in the order in which groups are shown."""
    groups: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        groups.setdefault(key(trade), []).append(trade)
    return {name: groups[name] for name in sorted(groups, key=_place)}


def _share(name: str, trades: list[ClosedTrade]) -> Share:
    mean = trade_stats.mean_with_error(rated_of(trades))
    return Share(
        name=name,
        trades=len(trades),
        wins=sum(trade.pnl > 0.0 for trade in trades),
        pnl=math.fsum(trade.pnl for trade in trades),
        mean_r=mean.value,
        error_r=mean.error,
    )


def _place(name: str) -> tuple[int, str]:
    return (_DAYS.index(name) if name in _DAYS else 0, name)


def day_text(ts_ns: int) -> str:
    """Return a date as people read it, UTC."""
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%d %b %Y").lstrip("0")
