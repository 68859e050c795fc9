"""The trading days in figures: what each held is counted, and told once when it is over.

A day ends at 17:00 New York and is told a little later, when its last close has been settled. Every
day that held something is told, also those that ended while nobody ran. What is learned of a day
after it was told counts for the day after it, so the sums of all days miss nothing.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from agents.rounds.counts import Counts, is_entry, ranked
from agents.rounds.fill_costs import FillCosts
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    FOREVER_NS,
    AccountSnapshot,
    Bar,
    DayStatistics,
    Decision,
    EquityMark,
    OrderOutcome,
    RiskRefused,
    TradeClosed,
)
from blackboard.facts.control import ReasonCount
from blackboard.facts.execution import Origin
from config.settings import Settings
from models.market.grid import closes_between
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    next_week_open_ns,
    trading_day,
    trading_day_start_ns,
    was_open_before,
)

DAYS_MAX: Final = 4
"""Days whose tallies are kept."""

REASONS_MAX: Final = 12
"""Reasons for holds and refusals that are told, the most frequent first."""

SETTLING_NS: Final = 5 * MINUTE_NS
"""Market time after the end of a day in which its last close is settled."""


class Told(NamedTuple):
    """The figures of a day, its end, and where they stand: seq of an entry, slot of a draft."""

    fact: DayStatistics
    end_ns: int
    place: int | str


@dataclass(slots=True, kw_only=True)
class _Tally(Counts):
    """What one day has held so far."""

    begun_ns: int
    equity_start: float
    equity_end: float
    deposits_start: float
    deposits_end: float
    drawdown_frac: float
    drawdown_frac_max: float
    gross_profit: float = 0.0
    gross_loss: float = 0.0
    sum_r: float = 0.0
    rated: int = 0
    held_min: float = 0.0
    commission: float = 0.0
    swap: float = 0.0
    spread_cost: float = 0.0
    slippage: float = 0.0
    unpriced: int = 0
    bars_on_time: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody worked on this day."""
        return not (self.decisions or self.trades or self.bars_on_time)


class Days:
    """The days that are not told yet, and the latest that is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._length_ns = settings.timeframe.length_ns
        self._costs = FillCosts()
        self._tallies: dict[int, _Tally] = {}
        self._newest: Told | None = None
        self._begun_ns = 0
        """When the first entry was known: closes before it are owed by nobody."""
        self._account: AccountSnapshot | None = None
        self._drawdown_frac = 0.0

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        self._begun_ns = self._begun_ns or entry.known_at_ns
        self._costs.see(entry)
        match entry.fact:
            case DayStatistics() as told:
                self._newest = Told(told, entry.ts_event_ns, entry.seq)
                for end_ns in [each for each in self._tallies if each <= entry.ts_event_ns]:
                    del self._tallies[end_ns]
            case AccountSnapshot() as account:
                day = self._day(entry)
                day.equity_end, day.deposits_end = account.equity, account.deposits
                if self._account is None:
                    day.equity_start, day.deposits_start = account.equity, account.deposits
                self._account = account
            case EquityMark(drawdown_frac=drawdown_frac):
                day = self._day(entry)
                day.drawdown_frac = self._drawdown_frac = drawdown_frac
                day.drawdown_frac_max = max(day.drawdown_frac_max, drawdown_frac)
            case TradeClosed() as trade:
                self._count_trade(self._day(entry), trade, entry.ts_event_ns)
            case Decision() | RiskRefused() as fact:
                self._day(entry).count(fact)
            case OrderOutcome() as order if is_entry(order):
                self._day(entry).count(order)
            case Bar(timeframe=self._settings.timeframe) if self._is_on_time(entry):
                self._day(entry).bars_on_time += 1
            case _:
                pass

    def due(self, now_ns: int) -> list[Draft]:
        """Return the figures of the days that are over and not told, oldest first."""
        drafts: list[Draft] = []
        # Each names the one before it, so that a reader walks from day to day past all else.
        before = None if self._newest is None else self._newest.place
        for end_ns, day in sorted(self._tallies.items()):
            if end_ns + SETTLING_NS <= now_ns and not day.is_idle:
                drafts.append(self._draft(end_ns, day, () if before is None else (before,)))
                before = drafts[-1].slot
        return drafts

    def latest(self, now_ns: int) -> Told | None:
        """Return the figures of the latest day that is over, None before the first."""
        due = self.due(now_ns)
        if not due:
            return self._newest
        draft = due[-1]
        assert isinstance(draft.fact, DayStatistics)
        return Told(draft.fact, draft.ts_event_ns, draft.slot)

    def next_ns(self, now_ns: int) -> int:
        """Return when the next figures fall due, `FOREVER_NS` while no day holds anything."""
        due = (end_ns + SETTLING_NS for end_ns in self._tallies)
        return min((at_ns for at_ns in due if at_ns > now_ns), default=FOREVER_NS)

    def _is_on_time(self, entry: Entry) -> bool:
        close_ns = entry.ts_event_ns
        return (
            self._begun_ns < close_ns
            and entry.known_at_ns < close_ns + self._length_ns
            and entry.fact.scope in self._settings.symbols
        )

    def _count_trade(self, day: _Tally, trade: TradeClosed, closed_ns: int) -> None:
        cost = self._costs.close(trade, closed_ns)
        day.count(trade)
        day.gross_profit += max(trade.pnl, 0.0)
        day.gross_loss -= min(trade.pnl, 0.0)
        if trade.origin is Origin.OWN:
            day.rated += 1
            day.sum_r += trade.r_multiple
        day.held_min += (closed_ns - trade.opened_ns) / MINUTE_NS
        day.commission -= trade.commission + trade.fee
        day.swap -= trade.swap
        if math.isnan(cost.slippage):
            day.unpriced += 1
        else:
            day.spread_cost += cost.spread
            day.slippage += cost.slippage

    def _day(self, entry: Entry) -> _Tally:
        end_ns = day_end_ns(entry.ts_event_ns)
        if self._newest is not None and end_ns <= self._newest.end_ns:
            end_ns = day_end_ns(self._newest.end_ns + 1)
        found = self._tallies.get(end_ns)
        if found is None:
            found = self._tallies[end_ns] = self._begin(end_ns)
            if len(self._tallies) > DAYS_MAX:
                del self._tallies[min(self._tallies)]
        return found

    def _begin(self, end_ns: int) -> _Tally:
        equity, deposits = 0.0, 0.0
        if self._account is not None:
            equity, deposits = self._account.equity, self._account.deposits
        return _Tally(
            begun_ns=max(self._begun_ns, trading_day_start_ns(end_ns - 1)),
            equity_start=equity,
            equity_end=equity,
            deposits_start=deposits,
            deposits_end=deposits,
            drawdown_frac=self._drawdown_frac,
            drawdown_frac_max=self._drawdown_frac,
        )

    def _draft(self, end_ns: int, day: _Tally, causes: tuple[int | str, ...]) -> Draft:
        expected = closes_between(day.begun_ns, end_ns, self._length_ns)
        owed = max(expected * len(self._settings.symbols), day.bars_on_time)
        fact = DayStatistics(
            scope=ACCOUNT,
            day=trading_day(end_ns - 1).isoformat(),
            equity_start=day.equity_start,
            equity_end=day.equity_end,
            deposits=day.deposits_end - day.deposits_start,
            pnl=day.gross_profit - day.gross_loss,
            holds=day.holds.total(),
            held_by=_reasons(day.holds),
            refusals=day.refusals.total(),
            refused_by=_reasons(day.refusals),
            bars_expected=owed,
            **{name: getattr(day, name) for name in _COPIED},
        )
        return Draft(fact=fact, ts_event_ns=end_ns, causes=causes)


_COPIED: Final = (
    *("drawdown_frac", "drawdown_frac_max", "entries", "trades", "wins", "gross_profit"),
    *("gross_loss", "sum_r", "rated", "held_min", "commission", "swap", "spread_cost", "slippage"),
    *("unpriced", "decisions", "bars_on_time"),
)


def day_end_ns(ts_ns: int) -> int:
    """Return the end of the trading day to which an instant belongs; its end belongs to it.

    What happens while the market is closed belongs to the first day of the week after.
    """
    end_ns = trading_day_start_ns(trading_day_start_ns(ts_ns - 1) + DAY_NS + DAY_NS // 2)
    if was_open_before(end_ns):
        return end_ns
    return day_end_ns(next_week_open_ns(ts_ns - 1) + 1)


def _reasons(counts: Counter[str]) -> tuple[ReasonCount, ...]:
    first = ranked(counts, REASONS_MAX)
    return tuple(ReasonCount(scope=reason, count=count) for reason, count in first)
