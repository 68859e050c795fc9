"""A centre's session and a week in figures and words, each told once when it is over.

A pure fold: every entry counts towards the periods that hold its event time. Only the latest
finished period of a kind is told. The week ends on Sunday, when the weekend's training has had its
verdicts. The trading day is told elsewhere: `agents.rounds.days`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agents.rounds.counts import Counts, ranked
from agents.rounds.days import SETTLING_NS
from agents.rounds.summaries import TEXT_LENGTH_MAX, verdict_of
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    FOREVER_NS,
    AccountSnapshot,
    Decision,
    EquityMark,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    OrderOutcome,
    RiskRefused,
    Summary,
    TradeClosed,
    TrainingSkipped,
    TrialRecorded,
    VoterWeights,
)
from config.agents import SupervisorSection
from models.market.centres import session_end_ns
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    next_week_open_ns,
    trading_day,
)

PERIODS_MAX: Final = 4
"""Periods of a kind whose tallies are kept."""

REASONS_MAX: Final = 5
"""Reasons for holds and refusals that a digest names, the most frequent first."""

VERDICTS_MAX: Final = 12
"""Verdicts that a digest tells, the latest."""

VERDICT_LENGTH_MAX: Final = 140

WEEK_OPEN_HOUR: Final = 17
"""Hour of Sunday in New York at which the market opens."""

SESSION, WEEK = "session", "week"


class Period(NamedTuple):
    """What one digest is about; two of a kind never end together."""

    event: str
    end_ns: int
    title: str


@dataclass(slots=True, kw_only=True)
class Tally(Counts):
    """What one period held."""

    title: str
    equity_start: float
    equity: float
    pnl: float = 0.0
    trials: Counter[str] = field(default_factory=Counter)
    verdicts: list[str] = field(default_factory=list)

    def is_empty(self, event: str) -> bool:
        """Whether nothing was decided in it, nor, in a week, learned."""
        return not (self.decisions or (event == WEEK and self.verdicts))


class Periods:
    """The tallies of the latest periods, and what is due of them."""

    def __init__(self, section: SupervisorSection) -> None:
        self._section = section
        self._tallies: dict[str, dict[int, Tally]] = {SESSION: {}, WEEK: {}}
        self._told_ns: Counter[str] = Counter()
        self._equity = 0.0
        self._currency = ""
        self._drawdown_frac = 0.0

    def see(self, entry: Entry) -> None:
        """Count one entry."""
        match entry.fact:
            case Summary(event=event) if event in self._tallies:
                self._told_ns[event] = max(self._told_ns[event], entry.ts_event_ns)
            case AccountSnapshot() as account:
                self._currency = account.currency
                self._equity = self._equity or account.equity
                self._count(entry)
                self._equity = account.equity
            case EquityMark(drawdown_frac=drawdown_frac):
                self._drawdown_frac = drawdown_frac
            case Decision() | RiskRefused() | OrderOutcome() | TradeClosed() | TrialRecorded():
                self._count(entry)
            case GateReport() | TrainingSkipped() | ModelPromoted() | ModelRolledBack() as learned:
                self._count(entry, verdict_of(learned)[:VERDICT_LENGTH_MAX])
            case _:
                pass

    def due(self, now_ns: int, state: str, weights: VoterWeights | None) -> list[Draft]:
        """Return the digests of the latest finished periods that are not told."""
        return [
            Draft(
                fact=Summary(
                    scope=ACCOUNT,
                    event=event,
                    title=tally.title,
                    text="\n".join(self._lines(event, tally, state, weights))[:TEXT_LENGTH_MAX],
                ),
                ts_event_ns=end_ns,
                ordinal=event,
            )
            for event in self._tallies
            for end_ns, tally in self._finished(event, now_ns)
        ]

    def next_ns(self, now_ns: int) -> int:
        """Return when the next digest falls due, `FOREVER_NS` while no period holds anything."""
        due = [
            end_ns + SETTLING_NS
            for event, tallies in self._tallies.items()
            for end_ns in tallies
            if end_ns > self._told_ns[event]
        ]
        return min((at_ns for at_ns in due if at_ns > now_ns), default=FOREVER_NS)

    def _finished(self, event: str, now_ns: int) -> Iterator[tuple[int, Tally]]:
        tallies = self._tallies[event]
        end_ns = max((each for each in tallies if each + SETTLING_NS <= now_ns), default=0)
        if end_ns > self._told_ns[event] and not tallies[end_ns].is_empty(event):
            yield end_ns, tallies[end_ns]

    def _count(self, entry: Entry, verdict: str = "") -> None:
        for period in periods_of(self._section, entry.ts_event_ns):
            _add(self._tally(period), entry, verdict)

    def _tally(self, period: Period) -> Tally:
        tallies = self._tallies[period.event]
        found = tallies.get(period.end_ns)
        if found is None:
            found = Tally(title=period.title, equity_start=self._equity, equity=self._equity)
            tallies[period.end_ns] = found
            if len(tallies) > PERIODS_MAX:
                del tallies[min(tallies)]
        return found

    def _lines(
        self, event: str, tally: Tally, state: str, weights: VoterWeights | None
    ) -> Iterator[str]:
        change = tally.equity - tally.equity_start
        yield f"state {state}"
        yield f"equity {tally.equity:.2f} {self._currency}, {change:+.2f} on the {event}"
        yield f"drawdown {self._drawdown_frac:.2%}"
        yield f"entries {tally.entries}"
        yield f"trades closed {tally.trades}, won {tally.wins}, P&L {tally.pnl:+.2f}"
        yield f"decisions {tally.decisions}, held by {_ranked(tally.holds)}"
        yield f"refused by risk: {_ranked(tally.refusals)}"
        if event == SESSION:
            return
        if weights is not None:
            scored = ((one.scope, one.skill) for one in weights.weights if one.outcomes)
            told = ", ".join(f"{name} {skill:+.3f}" for name, skill in scored)
            yield f"skill {told or 'of nobody known yet'}"
        yield f"configurations tried: {_ranked(tally.trials)}"
        yield from (f"verdict: {each}" for each in tally.verdicts)


def periods_of(section: SupervisorSection, ts_ns: int) -> Iterator[Period]:
    """Yield the periods that hold an instant; one that ends with it holds it."""
    for name in section.session_summaries:
        if end_ns := session_end_ns(name, ts_ns - 1):
            yield Period(SESSION, end_ns, f"{name} {trading_day(end_ns - 1).isoformat()}")
    week_ns = week_end_ns(ts_ns, section.week_summary_hour_new_york)
    yield Period(WEEK, week_ns, f"Week to {trading_day(week_ns - 2 * DAY_NS).isoformat()}")


def week_end_ns(ts_ns: int, hour_new_york: int) -> int:
    """Return the first Sunday, at or after an instant, at that hour in New York.

    Daylight saving changes early on a Sunday, so noon and the opening are on one clock.
    """
    before_open_ns = (WEEK_OPEN_HOUR - hour_new_york) * HOUR_NS
    end_ns = next_week_open_ns(ts_ns) - before_open_ns
    if end_ns < ts_ns:
        end_ns = next_week_open_ns(next_week_open_ns(ts_ns)) - before_open_ns
    return end_ns


def _add(tally: Tally, entry: Entry, verdict: str) -> None:
    tally.count(entry.fact)
    match entry.fact:
        case AccountSnapshot(equity=equity):
            tally.equity = equity
        case TradeClosed(pnl=pnl):
            tally.pnl += pnl
        case TrialRecorded(scope=family):
            tally.trials[family] += 1
        case GateReport() | TrainingSkipped() | ModelPromoted() | ModelRolledBack():
            tally.verdicts = [*tally.verdicts, verdict][-VERDICTS_MAX:]
        case _:
            pass


def _ranked(counts: Counter[str]) -> str:
    first = ranked(counts, REASONS_MAX)
    return ", ".join(f"{reason} {count}" for reason, count in first) or "nothing"
