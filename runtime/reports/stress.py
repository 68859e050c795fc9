"""What a strategy does in markets that were made worse on purpose, beside the market as it was.

Whether a limit held is read from what happened, trade by trade, not from what risk management said
of itself.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from blackboard.facts.control import TradingState
from config.agents import RiskSection
from config.settings import Settings
from models.market.sessions import trading_day
from runtime.reports.figures import figures_of
from runtime.reports.record import ClosedTrade, RunRecord

TOLERANCE: Final = 1e-6
"""Share by which rounding may pass a limit."""


class StressDial(NamedTuple):
    """One way of making a market worse."""

    name: str
    about: str
    settings: dict[str, object]


class LimitCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The furthest that a limit was used."""

    limit: str
    largest: float
    allowed: float

    @property
    def is_held(self) -> bool:
        """Whether it was never exceeded."""
        return self.largest <= self.allowed * (1.0 + TOLERANCE)


class StressCase(msgspec.Struct, frozen=True, kw_only=True):
    """One market and what became of the account in it."""

    name: str
    about: str
    trades: int
    return_frac: float
    drawdown_frac: float
    worst_r: float
    breakers: tuple[str, ...]
    """States that a safety rule led to, with its reason."""
    checks: tuple[LimitCheck, ...]

    @property
    def exceeded(self) -> tuple[str, ...]:
        """Limits that did not hold."""
        return tuple(
            f"{one.limit} {one.largest:g} over {one.allowed:g}"
            for one in self.checks
            if not one.is_held
        )


class StressTable(msgspec.Struct, frozen=True, kw_only=True):
    """The market as it was, then the worse ones."""

    cases: tuple[StressCase, ...]


def dials(settings: Settings) -> tuple[StressDial, ...]:
    """Return the ways in which a market is made worse, beside how it is set already."""
    spread = settings.terminal.spread_factor
    volatility = tuple(
        StressDial(
            f"volatility_{factor:g}",
            f"every move × {factor:g}",
            {"market.stress.volatility_factor": factor},
        )
        for factor in (1.5, 2.0, 3.0)
    )
    spreads = tuple(
        StressDial(
            f"spread_{factor:g}",
            f"spreads × {factor:g}",
            {"terminal.spread_factor": min(spread * factor, 20.0)},
        )
        for factor in (2.0, 5.0)
    )
    return (
        *volatility,
        *spreads,
        StressDial("gaps", "three jumps of 1 % a week", {"market.stress.gaps_a_week": 3.0}),
        StressDial(
            "crashes",
            "a flash crash of 4 % a week, spreads × 8 in it",
            {"market.stress.crashes_a_week": 1.0},
        ),
    )


def case_of(name: str, about: str, record: RunRecord, settings: Settings) -> StressCase:
    """Return what a run under stress came to."""
    figures = figures_of(record)
    tripped = {
        f"{one.state} ({one.reason})": None
        for one in record.states
        if one.state != TradingState.ACTIVE and one.reason != "start"
    }
    return StressCase(
        name=name,
        about=about,
        trades=figures.trades,
        return_frac=figures.total_return_frac,
        drawdown_frac=figures.drawdown.depth_frac,
        worst_r=figures.worst_r,
        breakers=tuple(tripped),
        checks=limit_checks(record, settings.agents.risk),
    )


def limit_checks(record: RunRecord, risk: RiskSection) -> tuple[LimitCheck, ...]:
    """Return how far the limits were used that every entry has to respect."""
    trades = record.trades
    by_symbol: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        by_symbol.setdefault(trade.symbol, []).append(trade)
    in_a_symbol = max((_most_at_once(each) for each in by_symbol.values()), default=0)
    days = Counter(trading_day(trade.opened_ns) for trade in trades)
    return (
        LimitCheck(
            limit="risk_frac_max", largest=_largest_risk(record), allowed=risk.risk_frac_max
        ),
        LimitCheck(
            limit="positions_max", largest=_most_at_once(trades), allowed=risk.positions_max
        ),
        LimitCheck(
            limit="positions_per_symbol_max",
            largest=in_a_symbol,
            allowed=risk.positions_per_symbol_max,
        ),
        LimitCheck(
            limit="entries_per_day_max",
            largest=max(days.values(), default=0),
            allowed=risk.entries_per_day_max,
        ),
        LimitCheck(
            limit="entries while they were not allowed",
            largest=_forbidden_entries(record),
            allowed=0,
        ),
    )


def _largest_risk(record: RunRecord) -> float:
    times = [point.ts_ns for point in record.equity]
    largest = 0.0
    for trade in record.trades:
        row = bisect_right(times, trade.opened_ns - 1) - 1
        equity = record.equity[max(row, 0)].equity
        largest = max(largest, trade.risk / equity if equity > 0.0 else math.inf)
    return largest


def _most_at_once(trades: Sequence[ClosedTrade]) -> int:
    # At one instant a position that closes makes room for one that opens.
    events = sorted(
        [(trade.opened_ns, 1) for trade in trades] + [(trade.closed_ns, -1) for trade in trades]
    )
    most = count = 0
    for _, change in events:
        count += change
        most = max(most, count)
    return most


def _forbidden_entries(record: RunRecord) -> int:
    times = [change.ts_ns for change in record.states]
    found = 0
    for trade in record.trades:
        row = bisect_right(times, trade.opened_ns - 1) - 1
        state = TradingState(record.states[row].state) if row >= 0 else TradingState.ACTIVE
        found += state.strictness >= TradingState.REDUCING.strictness
    return found
