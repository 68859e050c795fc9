"""Digests for people: the trading day, worded from its figures, and sessions and weeks beside it.

A digest of the day is due after the configured hour in New York, and only the latest finished day
is told.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from agents.rounds.days import SETTLING_NS, Days, Told
from agents.rounds.periods import Periods
from agents.rounds.summaries import TEXT_LENGTH_MAX, verdict_of
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    FOREVER_NS,
    AccountSnapshot,
    DayStatistics,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    PortfolioBudget,
    Summary,
    TrainingSkipped,
    VoterWeights,
)
from blackboard.facts.control import ReasonCount
from config.settings import Settings
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    from_market_clock_ns,
    market_clock_ns,
)

REASONS_MAX: Final = 5
"""Reasons for holds and refusals that a digest names, the most frequent first."""

MARKET_CLOCK_LEAD_NS: Final = 7 * HOUR_NS
"""What the market clock is ahead of New York's wall time."""

DAY: Final = "day"


class Digests:
    """The figures and digests that are due, and what is told beside the figures of a day."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._days = Days(settings)
        self._periods = Periods(settings.agents.supervisor)
        self._told_ns = 0
        self._currency = ""
        self._verdict = ""
        self._budgets: dict[str, float] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        self._days.see(entry)
        self._periods.see(entry)
        match entry.fact:
            case Summary(event=event) if event == DAY:
                self._told_ns = max(self._told_ns, entry.ts_event_ns)
            case AccountSnapshot(currency=currency):
                self._currency = currency
            case PortfolioBudget(scope=symbol, multiplier=multiplier):
                self._budgets[symbol] = multiplier
            case GateReport() | TrainingSkipped() | ModelPromoted() | ModelRolledBack() as learned:
                self._verdict = verdict_of(learned)
            case _:
                pass

    def due(self, now_ns: int, state: str, weights: VoterWeights | None) -> list[Draft]:
        """Return the figures of finished days, the digest of the latest, and those of periods."""
        return [
            *self._days.due(now_ns),
            *self._of_day(now_ns, state, weights, self._days.latest(now_ns)),
            *self._periods.due(now_ns, state, weights),
        ]

    def next_ns(self, now_ns: int) -> int:
        """Return when the next of them falls due, `FOREVER_NS` while nothing was told of."""
        day = self._days.latest(now_ns)
        due_ns = self._digest_ns(day.end_ns) + SETTLING_NS if day is not None else 0
        return min(
            self._days.next_ns(now_ns),
            self._periods.next_ns(now_ns),
            due_ns if due_ns > now_ns else FOREVER_NS,
        )

    def _of_day(
        self, now_ns: int, state: str, weights: VoterWeights | None, day: Told | None
    ) -> Iterator[Draft]:
        if day is None or not day.fact.decisions:
            return
        at_ns = self._digest_ns(day.end_ns)
        if at_ns <= self._told_ns or now_ns < at_ns + SETTLING_NS:
            return
        yield Draft(
            fact=Summary(
                scope=ACCOUNT,
                event=DAY,
                title=f"Day {day.fact.day}",
                text="\n".join(self._lines(day.fact, state, weights))[:TEXT_LENGTH_MAX],
            ),
            ts_event_ns=at_ns,
            ordinal=DAY,
            causes=(day.place,),
        )

    def _digest_ns(self, end_ns: int) -> int:
        return at_hour_ns(end_ns, self._settings.agents.supervisor.summary_hour_new_york)

    def _lines(self, day: DayStatistics, state: str, weights: VoterWeights | None) -> Iterator[str]:
        change = day.equity_end - day.equity_start
        yield f"state {state}"
        yield f"equity {day.equity_end:.2f} {self._currency}, {change:+.2f} on the day"
        yield f"drawdown {day.drawdown_frac:.2%}"
        yield f"entries {day.entries}"
        yield f"trades closed {day.trades}, won {day.wins}, P&L {day.pnl:+.2f}"
        yield f"decisions {day.decisions}, held by {_ranked(day.held_by)}"
        yield f"refused by risk: {_ranked(day.refused_by)}"
        yield f"bars on time {day.bars_on_time} of {day.bars_expected}"
        if weights is not None:
            yield "weights " + _listed((one.scope, one.weight) for one in weights.weights)
            if scored := [(one.scope, one.skill) for one in weights.weights if one.outcomes]:
                yield "skill " + _listed(scored)
        if self._budgets:
            yield "budgets " + _listed(sorted(self._budgets.items()))
        if self._verdict:
            yield f"last verdict: {self._verdict}"


def at_hour_ns(ts_ns: int, hour_new_york: int) -> int:
    """Return the first instant, at or after one, at which New York's clock shows a full hour."""
    shift_ns = hour_new_york * HOUR_NS + MARKET_CLOCK_LEAD_NS
    days = -((shift_ns - market_clock_ns(ts_ns)) // DAY_NS)
    return from_market_clock_ns(days * DAY_NS + shift_ns)


def _ranked(counts: Iterable[ReasonCount]) -> str:
    shown = [f"{each.scope} {each.count}" for each in counts][:REASONS_MAX]
    return ", ".join(shown) or "nothing"


def _listed(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values)
