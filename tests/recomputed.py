"""The numbers of a tear sheet once more, straight from a journal, by other means than ours.

Shares no function with `runtime/reports` or `models/learning`: plain loops over entries, the
standard library's statistics, pandas for days and months.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Decision,
    Exposure,
    OrderIntent,
    RiskApproved,
    RiskRefused,
    TradeClosed,
    Vote,
)
from blackboard.facts.decision import Side
from runtime.terminals.simulated.source import MarketSource

MINUTE = 60_000_000_000
SHIFT = pd.Timedelta(hours=7)
"""Trading days end at 17:00 New York, which seven hours more turn into midnight."""


def market_time(ts_ns: int) -> pd.Timestamp:
    """Return New York's wall time plus seven hours."""
    return pd.Timestamp(ts_ns, tz="UTC").tz_convert("America/New_York").tz_localize(None) + SHIFT


class Recomputed:
    """Figures of one journal."""

    def __init__(
        self, entries: Iterable[Entry], source: MarketSource, spread_factor: float
    ) -> None:
        self.entries: dict[int, Any] = {entry.seq: entry for entry in entries}
        self.source = source
        self.spread_factor = spread_factor
        self.traits = {one.name: one for one in source.traits()}
        self.trades = self.of(TradeClosed)
        self.snapshots = self.of(AccountSnapshot)
        self.equity = [entry.fact.equity for entry in self.snapshots]
        self.pnls = [entry.fact.pnl for entry in self.trades]
        self.rs = [entry.fact.r_multiple for entry in self.trades]

    def of(self, kind: type) -> list[Any]:
        """Return the entries of a kind, in order."""
        return [entry for entry in self.entries.values() if isinstance(entry.fact, kind)]

    def daily(self) -> pd.Series:
        """Return the returns of trading days."""
        days = [market_time(one.ts_event_ns - MINUTE).date() for one in self.snapshots]
        closes = pd.Series(self.equity).groupby(days).last()
        return closes.div(closes.shift(fill_value=self.equity[0])).sub(1.0)

    def sharpe(self) -> float:
        """Return the ratio of a year of 260 days."""
        returns = list(self.daily())
        return float(statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(260))

    def sortino(self) -> float:
        """Return the same for falls only."""
        returns = list(self.daily())
        falls = [min(one, 0.0) ** 2 for one in returns]
        return float(statistics.mean(returns) / math.sqrt(statistics.mean(falls)) * math.sqrt(260))

    def drawdown(self) -> float:
        """Return the deepest fall."""
        highest, deepest = 0.0, 0.0
        for one in self.equity:
            highest = max(highest, one)
            deepest = max(deepest, (highest - one) / highest)
        return deepest

    def months(self) -> dict[str, float]:
        """Return the change of each month."""
        ends: dict[str, float] = {}
        for one, equity in zip(self.snapshots, self.equity, strict=True):
            ends[market_time(one.ts_event_ns - MINUTE).strftime("%Y-%m")] = equity
        before = self.equity[0]
        changes = {}
        for month, equity in ends.items():
            changes[month] = equity / before - 1.0
            before = equity
        return changes

    def streaks(self) -> tuple[int, int]:
        """Return the longest rows of wins and losses."""
        signs = "".join("w" if pnl > 0 else "l" if pnl < 0 else "0" for pnl in self.pnls)
        wins = max(map(len, signs.replace("0", "l").split("l")))
        return wins, max(map(len, signs.replace("0", "w").split("w")))

    def exposure(self, end_ns: int, still_open: list[int]) -> float:
        """Return the share of open minutes in which a position was held, counted one by one."""
        spans = [(one.fact.opened_ns, one.ts_event_ns) for one in self.trades]
        spans += [(since, end_ns) for since in still_open]
        first = self.snapshots[0].ts_event_ns
        minutes = pd.date_range(
            pd.Timestamp(first, tz="UTC"), pd.Timestamp(end_ns, tz="UTC"), freq="min",
            inclusive="left",
        )  # fmt: skip
        days = (minutes.tz_convert("America/New_York").tz_localize(None) + SHIFT).day_of_week
        opened = minutes[days < 5].as_unit("ns").asi8
        held = sum(any(a < one + MINUTE and one < b for a, b in spans) for one in opened.tolist())
        return held / len(opened)

    def groups(self, key: Callable[[Any, TradeClosed], str]) -> dict[str, tuple[int, float]]:
        """Return number and profit of the trades of each group."""
        counts: Counter[str] = Counter()
        sums: dict[str, float] = {}
        for entry in self.trades:
            name = key(entry, entry.fact)
            counts[name] += 1
            sums[name] = sums.get(name, 0.0) + entry.fact.pnl
        return {name: (counts[name], sums[name]) for name in counts}

    def leaders(self) -> dict[int, tuple[str, str]]:
        """Return voter and reading behind each trade, by its ticket, walked along the causes."""
        found = {}
        for entry in self.trades:
            intent = next(
                one for one in self.of(OrderIntent) if one.fact.intent_id == entry.fact.intent_id
            )
            parents = [self.entries[seq] for seq in intent.causes]
            decision = next(one for one in parents if isinstance(one.fact, Decision))
            sign = 1 if entry.fact.side is Side.BUY else -1
            pulls = {
                share.scope: sign * share.weight * (share.probability_up - 0.5)
                for share in decision.fact.shares
                if not share.abstains
            }
            voter = max(pulls, key=lambda name: pulls[name])
            vote = next(
                self.entries[seq].fact
                for seq in decision.causes
                if isinstance(self.entries[seq].fact, Vote)
                and self.entries[seq].fact.voter == voter
            )
            loudest = sorted(vote.evidence, key=lambda one: -sign * one.weight * one.value)[0]
            found[entry.fact.ticket] = (voter, f"{loudest.name} {loudest.scope}")
        return found

    def risk(self, trade: TradeClosed) -> float:
        """Return what the approval of a trade put at risk."""
        approval: RiskApproved = next(
            one.fact for one in self.of(RiskApproved) if one.fact.intent_id == trade.intent_id
        )
        return approval.risk_account * trade.lots / approval.lots

    def frame(self, symbol: str, from_ns: int, until_ns: int) -> pd.DataFrame:
        """Return minutes with bid and ask."""
        minutes = self.source.minutes(symbol, from_ns, until_ns)
        frame = pd.DataFrame({name: minutes[name] for name in minutes.dtype.names or ()})
        points = (frame["spread_points"] * self.spread_factor).round()
        frame["over"] = points * self.traits[symbol].point
        return frame

    def excursions(self, entry: Entry) -> tuple[float, float, float]:
        """Return how far a trade went wrong and right, in R, and what its spread cost."""
        trade = entry.fact
        assert isinstance(trade, TradeClosed)
        is_inside = trade.reason in ("stop", "target", "stop_out")
        until = entry.ts_event_ns - (MINUTE if is_inside else 0)
        frame = self.frame(trade.scope, trade.opened_ns - trade.opened_ns % MINUTE, until)
        over = 0.0 if trade.side is Side.BUY else frame["over"]
        prices = [*(frame["low"] + over), *(frame["high"] + over), trade.close_price]
        sign = 1 if trade.side is Side.BUY else -1
        moves = [sign * (price - trade.open_price) for price in prices] + [0.0]
        worth = self.worth(trade.scope, entry.ts_event_ns) * trade.lots * 100_000
        week = 7 * 24 * 60 * MINUTE
        ends = [self.frame(trade.scope, at - week, at + 1)["over"].iloc[-1]
                for at in (trade.opened_ns, until)]  # fmt: skip
        risk = self.risk(trade)
        return -min(moves) * worth / risk, max(moves) * worth / risk, sum(ends) / 2 * worth

    def worth(self, symbol: str, at_ns: int) -> float:
        """Return dollars for one unit of the profit currency at the close of the last minute."""
        currency = self.traits[symbol].currency_profit
        if currency == "USD":
            return 1.0
        week = 7 * 24 * 60 * MINUTE
        if f"USD{currency}" in self.traits:
            closes = self.frame(f"USD{currency}", at_ns - week, at_ns - MINUTE + 1)["close"]
            return 1.0 / float(closes.iloc[-1])
        closes = self.frame(f"{currency}USD", at_ns - week, at_ns - MINUTE + 1)["close"]
        return float(closes.iloc[-1])

    def gates(self) -> Counter[str]:
        """Return how often each gate was the first to block."""
        return Counter(one.fact.blocked_by for one in self.of(Decision) if one.fact.blocked_by)

    def refusals(self) -> Counter[str]:
        """Return how often risk refused for each reason."""
        return Counter(one.fact.reason for one in self.of(RiskRefused))

    def heat(self) -> float:
        """Return the largest share of the account at risk."""
        return float(max(one.fact.heat_frac for one in self.of(Exposure)))
