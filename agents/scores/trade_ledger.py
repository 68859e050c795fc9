"""The record of our own closed trades, and the warnings of it when they turn bad."""

from typing import Final

from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    DriftDetected,
    TradeClosed,
    TradeStatistics,
)
from blackboard.facts.execution import Origin
from config.agents import LearnerSection
from models.learning.performance import DeclineTerms, TradeRecord
from models.market.sessions import trading_day

WIN_RATE: Final = "win_rate"
"""Statistic of a DriftDetected about few winners: a warning."""
EXPECTANCY: Final = "expectancy"
"""The same about a mean R below 0 beyond chance as well, which asks for new models."""


class TradeLedger:
    """The record of our own closed trades, by symbol and for the account."""

    def __init__(self, section: LearnerSection) -> None:
        self._terms = DeclineTerms(
            trades=section.recent_trades,
            trades_min=section.recent_trades_min,
            win_rate_min=section.win_rate_min,
            loss_level=section.loss_level,
        )
        self._records: dict[str, TradeRecord] = {}
        self._start_equity: float | None = None
        self._posted: dict[str, int] = {}
        self._newest: dict[str, Entry] = {}
        self._warned_ns: dict[str, int] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case AccountSnapshot(balance=balance) if self._start_equity is None:
                self._start_equity = balance
            case TradeClosed(origin=Origin.OWN) as trade:
                for scope in (trade.scope, ACCOUNT):
                    record = self._records.setdefault(
                        scope, TradeRecord(self._start_equity or 0.0, self._terms)
                    )
                    record.add(trade.pnl, trade.r_multiple)
                    self._newest[scope] = entry
            case TradeStatistics(scope=scope, trades=trades):
                self._posted[scope] = trades
            case DriftDetected(statistic=statistic) if statistic in (WIN_RATE, EXPECTANCY):
                self._warned_ns[statistic] = entry.ts_event_ns
            case _:
                pass

    def drafts(self) -> list[Draft]:
        """Return the statistics that lag behind the trades, and the warning that follows."""
        due = [
            _statistics(scope, record, self._newest[scope])
            for scope, record in self._records.items()
            if record.trades > self._posted.get(scope, 0)
        ]
        return due + self._warnings() if due else []

    def _warnings(self) -> list[Draft]:
        newest = self._newest[ACCOUNT]
        decline = self._records[ACCOUNT].decline()
        if decline is None:
            return []
        found = [(WIN_RATE, decline.win_rate, self._terms.win_rate_min)]
        if decline.is_proven:
            found.append((EXPECTANCY, decline.p_value, self._terms.loss_level))
        return [
            Draft(
                fact=DriftDetected(
                    scope=ACCOUNT, statistic=statistic, value=value, threshold=threshold
                ),
                ts_event_ns=newest.ts_event_ns,
                ordinal=statistic if statistic == EXPECTANCY else "",
                causes=(newest.seq,),
            )
            for statistic, value, threshold in found
            if trading_day(newest.ts_event_ns) != trading_day(self._warned_ns.get(statistic, 0))
        ]


def _statistics(scope: str, record: TradeRecord, newest: Entry) -> Draft:
    fact = TradeStatistics(
        scope=scope,
        trades=record.trades,
        wins=record.wins,
        pnl=record.pnl,
        profit_factor=record.profit_factor,
        expectancy_r=record.expectancy_r,
        drawdown_frac=record.drawdown_frac,
    )
    return Draft(
        fact=fact,
        ts_event_ns=newest.ts_event_ns,
        ordinal=str(record.trades),
        causes=(newest.seq,),
    )
