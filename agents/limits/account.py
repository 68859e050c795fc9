"""The account against its marks: equity mark, day counters, and the limits that are crossed.

Each reading builds on what the board holds of the reading before, so it is the same after a
restart. Readings are taken one at a time for that reason: the next waits for the mark of the last.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import NamedTuple

import msgspec

from agents.limits.reasons import Reason
from agents.limits.view import ControlView, Seen
from blackboard.entry import Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    DayCounters,
    EquityMark,
    LimitBreached,
    OperatorCommand,
    RiskApproved,
    TradeClosed,
)
from blackboard.facts.control import Command
from blackboard.facts.execution import Origin
from config.agents import RiskSection
from models.decision.drawdown import (
    MARK_MIN,
    advance_mark,
    drawdown_frac,
    first_mark,
    shifted_start,
)
from models.decision.exposure import share_of_equity
from models.market.sessions import HOUR_NS, trading_day

SNAPSHOTS_WAITING_MAX = 10_000
"""Readings of the account that wait for their mark; beyond it the oldest is passed over."""

DRAWDOWN_LIMITS = (Reason.DRAWDOWN_HALTED, Reason.DRAWDOWN_REDUCING)
"""Limits whose breach the supervisor must answer before anything is entered; strictest first."""


class Reading(NamedTuple):
    """One limit beside its value now."""

    limit: Reason
    value: float
    threshold: float
    consequence: str

    @property
    def is_exceeded(self) -> bool:
        """Whether the limit is reached: it is the value at which the consequence holds."""
        return self.value >= self.threshold


@dataclass(slots=True)
class Tally:
    """What the latest trading day has brought, counted from facts."""

    day: str = ""
    entries: int = 0
    realised: float = 0.0
    consecutive_losses: int = 0
    closes_ns: deque[int] = field(default_factory=deque)
    """Closes of the approved intents of the latest hour, oldest first."""

    def roll_to(self, day: str) -> None:
        """Begin a new day; losses in a row go on."""
        if day > self.day:
            self.day, self.entries, self.realised = day, 0, 0.0

    def entries_of(self, day: str) -> int:
        """Return the intents approved in a day."""
        return self.entries if day == self.day else 0

    def enter(self, close_ns: int) -> None:
        """Count the approval of an intent."""
        day = day_of(close_ns)
        self.roll_to(day)
        if day == self.day:
            self.entries += 1
        self.closes_ns.append(close_ns)
        while self.closes_ns[0] <= close_ns - HOUR_NS:
            self.closes_ns.popleft()

    def entries_of_hour(self, close_ns: int) -> int:
        """Return the intents approved in the hour that ends with a close."""
        return entries_of_hour(self.closes_ns, close_ns)

    def realised_of(self, day: str) -> float:
        """Return the profit of trades closed in a day."""
        return self.realised if day == self.day else 0.0


def entries_of_hour(closes_ns: Sequence[int], close_ns: int) -> int:
    """Return how many closes lie in the hour that ends with a close, itself included."""
    return sum(close_ns - HOUR_NS < each_ns <= close_ns for each_ns in closes_ns)


def day_of(ts_ns: int) -> str:
    """Return the trading day as ISO date."""
    return trading_day(ts_ns).isoformat()


class AccountView:
    """Readings of the account, the marks made of them, and the breaches that stand."""

    def __init__(self, limits: RiskSection) -> None:
        self._limits = limits
        self._snapshots: dict[tuple[int, str], Seen[AccountSnapshot]] = {}
        self.snapshot: Seen[AccountSnapshot] | None = None
        """Reading that the latest mark was made of."""
        self.mark: Seen[EquityMark] | None = None
        self.counters: Seen[DayCounters] | None = None
        self.tally = Tally()
        self.raised: dict[str, int] = {}
        """Seq of the latest breach of each limit that has been exceeded since."""
        self._may_begin_anew = False
        """Whether a person resumed after hearing that the mark cannot be rebuilt."""
        self._unhealed: set[str] = set()
        """Drawdown limits breached since the drawdown from the high-water mark was last below."""
        self._begun_anew: set[str] = set()
        """Those of them after whose breach trading has begun again, with a mark of its own."""
        self._was_explained = False
        """Whether a mark was made of deals that make the balance."""

    def see(self, entry: Entry) -> None:
        """Fold one entry into the view."""
        match entry.fact:
            case AccountSnapshot() as snapshot:
                self._wait(Seen(snapshot, entry))
            case EquityMark() as mark:
                self._take_mark(Seen(mark, entry))
            case DayCounters() as counters:
                self.counters = Seen(counters, entry)
            case LimitBreached() as breach:
                self._note_breach(breach, entry)
            case RiskApproved():
                self.tally.enter(entry.ts_event_ns)
            case TradeClosed() as closed:
                self._count_trade(closed, day_of(entry.ts_event_ns))
            case OperatorCommand(command=Command.RESUME):
                self._may_begin_anew = Reason.HIGH_WATER_MARK in self.raised
            case _:
                pass

    @property
    def next_snapshot(self) -> Seen[AccountSnapshot] | None:
        """The oldest reading without a mark that a mark can be made of."""
        return next((seen for seen in self._snapshots.values() if self._can_mark(seen.fact)), None)

    @property
    def unexplained(self) -> Seen[AccountSnapshot] | None:
        """The oldest reading that no mark can be made of, if that has not been posted yet."""
        if Reason.HIGH_WATER_MARK in self.raised:
            return None
        oldest = next(iter(self._snapshots.values()), None)
        return None if oldest is None or self._can_mark(oldest.fact) else oldest

    def _can_mark(self, snapshot: AccountSnapshot) -> bool:
        # The first mark rests on the deals. Where they do not make the balance, what the account
        # once had is unknown, and only a person may have the mark begin with what it has now.
        return self.mark is not None or snapshot.is_explained or self._may_begin_anew

    def _before(self, now: AccountSnapshot) -> EquityMark:
        """Return the mark that a reading goes on from.

        Deals that come late were paid in before a mark that could not know of them.
        """
        assert self.mark is not None, "the first reading goes on from none"
        is_late = now.is_explained and not self._was_explained
        before = self.mark.fact
        return msgspec.structs.replace(before, deposits=now.deposits) if is_late else before

    def covers(self, close_ns: int) -> bool:
        """Whether a reading of the account at or after a close has its mark."""
        return self.mark is not None and self.mark.ts_ns >= close_ns

    def next_mark(self, seen: Seen[AccountSnapshot], control: ControlView) -> EquityMark:
        """Return the mark after a reading."""
        now = seen.fact
        if self.mark is None:
            mark = first_mark(now.equity, now.deposits, now.peak_balance)
        else:
            before = self._before(now)
            paid_in = now.deposits - before.deposits
            mark = advance_mark(before.high_water_mark, paid_in, now.equity)
        return EquityMark(
            scope=ACCOUNT,
            equity=now.equity,
            high_water_mark=mark,
            drawdown_frac=drawdown_frac(now.equity, mark),
            deposits=now.deposits,
            probation_mark=self._probation_mark(now, control),
        )

    def next_counters(self, seen: Seen[AccountSnapshot]) -> DayCounters:
        """Return the counters after a reading; a new day or week starts with its equity."""
        now, day = seen.fact, day_of(seen.ts_ns)
        equity = max(now.equity, MARK_MIN)
        start, week_start = equity, equity
        if self.counters is not None and self.mark is not None:
            before = self.counters.fact
            paid_in = now.deposits - self._before(now).deposits
            if day == before.day:
                start = shifted_start(before.start_equity, paid_in)
            if _week(day) == _week(before.day):
                week_start = shifted_start(before.week_start_equity, paid_in)
        return DayCounters(
            scope=ACCOUNT,
            day=day,
            start_equity=start,
            week_start_equity=week_start,
            entries=self.tally.entries_of(day),
            realised=self.tally.realised_of(day),
            consecutive_losses=self.tally.consecutive_losses,
        )

    @property
    def margin_use_frac(self) -> float:
        """Share of equity that is bound as margin, as of the latest reading with a mark."""
        return 0.0 if self.snapshot is None else margin_use_frac(self.snapshot.fact)

    def readings(
        self, mark: EquityMark, counters: DayCounters, margin_use: float
    ) -> tuple[Reading, ...]:
        """Return every watched limit beside its value."""
        limits = self._limits
        day_loss = drawdown_frac(mark.equity, counters.start_equity)
        week_loss = drawdown_frac(mark.equity, counters.week_start_equity)
        return (
            self._breaker(Reason.DRAWDOWN_HALTED, mark, limits.drawdown_halted, "HALTED"),
            self._breaker(Reason.DRAWDOWN_REDUCING, mark, limits.drawdown_reducing, "REDUCING"),
            Reading(Reason.DAILY_LOSS, day_loss, limits.daily_loss_max, "no entry this day"),
            Reading(Reason.WEEKLY_LOSS, week_loss, limits.weekly_loss_max, "no entry this week"),
            Reading(
                Reason.LOSSES_IN_A_ROW,
                float(counters.consecutive_losses),
                float(limits.consecutive_losses_max),
                f"no entry for {limits.losses_cooldown_min} min",
            ),
            Reading(Reason.MARGIN_USE, margin_use, limits.margin_use_max, "no entry this day"),
        )

    def crossed(
        self, mark: EquityMark, counters: DayCounters, snapshot: AccountSnapshot
    ) -> list[Reading]:
        """Return the limits that are exceeded and have no breach since they were last below."""
        return [
            reading
            for reading in self.readings(mark, counters, margin_use_frac(snapshot))
            if reading.is_exceeded and reading.limit not in self.raised
        ]

    def unanswered_breach(self, control: ControlView) -> str:
        """Return the strictest drawdown breach that the trading state does not yet reflect."""
        for limit in DRAWDOWN_LIMITS:
            if limit in self.raised and not control.has_answered(self.raised[limit]):
                return limit
        return ""

    def sizing_drawdown_frac(self, control: ControlView) -> float:
        """Return the drawdown that shrinks risk: on probation against its own mark."""
        assert self.mark is not None, "the first rule makes sure that there is one"
        mark = self.mark.fact
        if control.is_probation and mark.probation_mark > 0.0:
            return float(drawdown_frac(mark.equity, mark.probation_mark))
        return mark.drawdown_frac

    def _wait(self, seen: Seen[AccountSnapshot]) -> None:
        self._snapshots[seen.ts_ns, seen.ordinal] = seen
        if len(self._snapshots) > SNAPSHOTS_WAITING_MAX:
            del self._snapshots[next(iter(self._snapshots))]

    def _take_mark(self, seen: Seen[EquityMark]) -> None:
        known = self._snapshots.pop((seen.ts_ns, seen.ordinal), None)
        self.snapshot = known or self.snapshot
        if self.mark is None:
            self.raised.pop(Reason.HIGH_WATER_MARK, None)
            self._pass_over(seen)
        elif _begins_anew(self._before(known.fact) if known else self.mark.fact, seen.fact):
            self._begun_anew.update(self.raised.keys() & set(DRAWDOWN_LIMITS))
        self.mark = seen
        self._was_explained |= known is None or known.fact.is_explained
        if self.counters is None:
            return
        # After a start old readings are gone: whether margin was too high then, nobody asks again.
        margin_use = inf if known is None else self.margin_use_frac
        for reading in self.readings(seen.fact, self.counters.fact, margin_use):
            if not reading.is_exceeded:
                self.raised.pop(reading.limit, None)
        for limit in DRAWDOWN_LIMITS:
            if seen.fact.drawdown_frac < getattr(self._limits, limit):
                self._unhealed.discard(limit)
                self._begun_anew.discard(limit)

    def _note_breach(self, breach: LimitBreached, entry: Entry) -> None:
        self.raised[breach.limit] = entry.seq
        if breach.limit not in DRAWDOWN_LIMITS:
            return
        self._unhealed.add(breach.limit)
        if self.mark is not None and self.mark.ts_ns != entry.ts_event_ns:
            # A breach follows its own mark. Of old ones whoever starts sees those of probations
            # alone, so there was none any more when this one happened.
            ended = msgspec.structs.replace(self.mark.fact, probation_mark=0.0)
            self.mark = Seen(ended, self.mark.entry)

    def _pass_over(self, first: Seen[EquityMark]) -> None:
        # What was read before the first mark adds nothing to it.
        waiting = self._snapshots.items()
        self._snapshots = {key: seen for key, seen in waiting if seen.ts_ns >= first.ts_ns}

    def _count_trade(self, closed: TradeClosed, day: str) -> None:
        self.tally.roll_to(day)
        if day == self.tally.day:
            self.tally.realised += closed.pnl
        if closed.origin is Origin.OWN:
            lost = closed.pnl < 0.0
            self.tally.consecutive_losses = self.tally.consecutive_losses + 1 if lost else 0

    def _breaker(
        self, limit: Reason, mark: EquityMark, threshold: float, consequence: str
    ) -> Reading:
        # Once a breach has led back to trading, the high-water mark would either trip at once
        # again or never; the mark of the new beginning trips after as deep a fall from there. A
        # limit that is breached during a probation has not led back yet: by the probation's mark
        # its breach would seem over at the next reading.
        value = mark.drawdown_frac
        if limit in self._begun_anew and mark.probation_mark > 0.0:
            value = float(drawdown_frac(mark.equity, mark.probation_mark))
        return Reading(limit, value, threshold, consequence)

    def _probation_mark(self, now: AccountSnapshot, control: ControlView) -> float:
        # It outlives the probation until the drawdown from the high-water mark has healed.
        if self.mark is None or not (control.is_probation or self._unhealed):
            return 0.0
        before = self._before(now)
        is_raised = any(limit in self.raised for limit in DRAWDOWN_LIMITS)
        if (before.probation_mark == 0.0 or is_raised) and self._may_enter_again(control):
            return max(now.equity, MARK_MIN)
        if before.probation_mark == 0.0:
            return 0.0
        paid_in = now.deposits - before.deposits
        return float(advance_mark(before.probation_mark, paid_in, now.equity))

    def _may_enter_again(self, control: ControlView) -> bool:
        return control.may_enter and not self.unanswered_breach(control)


def _begins_anew(before: EquityMark, after: EquityMark) -> bool:
    """Whether a probation's mark was set to the equity and not continued: continued, none falls."""
    if after.probation_mark == 0.0 or before.probation_mark == 0.0:
        return after.probation_mark > 0.0
    paid_in = after.deposits - before.deposits
    continued = advance_mark(before.probation_mark, paid_in, after.equity)
    return bool(after.probation_mark < continued)


def margin_use_frac(snapshot: AccountSnapshot) -> float:
    """Return the share of equity that is bound as margin: 1 over the terminal's margin level."""
    return float(share_of_equity(snapshot.margin, snapshot.equity)) if snapshot.margin else 0.0


def _week(day: str) -> tuple[int, int]:
    year, week, _ = date.fromisoformat(day).isocalendar()
    return year, week
