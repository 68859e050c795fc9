"""What the answers about calendar and texts tell that the board does not have yet.

Foreign text is cut and cleaned here, once, before it becomes part of a fact. An answer that cannot
be relied on is coverage unknown, never "no events".
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final, TypeGuard

from agents.news.state import News, event_key
from agents.news.texts import digest, text_drafts
from agents.requests import (
    CalendarEvent,
    CalendarRead,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Unanswered,
)
from blackboard.entry import Draft
from blackboard.facts import FOREVER_NS, MARKET, CalendarCoverage, EconomicEvent
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage
from models.market.sessions import HOUR_NS
from models.opinion.calendar_clock import SHIFT_MAX_NS, shift_since
from models.opinion.sentiment import clean_text

GLOBAL: Final = "ALL"
"""Currency of an event that concerns every symbol."""
EVENTS_PER_READ_MAX: Final = 2_000
"""Events of one answer beyond which it cannot be a calendar: coverage is unknown."""
FIGURE_LENGTH_MAX: Final = 64
"""Longest figure or name of a source that is passed on."""
SOURCE_UNKNOWN: Final = "calendar"
"""Named as the source where no answer ever said which one it was."""
CONSEQUENCES: Final = {
    Coverage.COVERED: "entries, but none in blackouts",
    Coverage.UNKNOWN: "no entries",
    Coverage.NOT_CONFIGURED: "entries at half risk",
}
"""What risk makes of each state (`agents/limits/rules.py`)."""


@dataclass(slots=True)
class NewsReading:
    """What was asked for one close, and what came back."""

    at_ns: int
    """The close; the moment of the start where the market is closed."""
    calendar: ReadCalendar | None
    headlines: ReadHeadlines | None
    covers_until_ns: int
    """How long an answer about the calendar is relied on: a source that falls silent is unknown."""
    is_due: bool
    """Whether the board's coverage asks for this reading; if not, it only notes a new source."""
    calendar_read: CalendarRead | Unanswered | None = None
    headlines_read: HeadlinesRead | Unanswered | None = None
    read_ns: int = 0
    """Market time at which the answers were first used, 0 before."""

    @property
    def is_answered(self) -> bool:
        """Whether every request has its answer, a failure included."""
        calendar_is_here = self.calendar is None or self.calendar_read is not None
        return calendar_is_here and (self.headlines is None or self.headlines_read is not None)

    def hear(self, reply: CalendarRead | HeadlinesRead | Unanswered) -> None:
        """Take an answer; an answer to anything older is passed over."""
        if reply.request == self.calendar and not isinstance(reply, HeadlinesRead):
            self.calendar_read = reply
        elif reply.request == self.headlines and not isinstance(reply, CalendarRead):
            self.headlines_read = reply


def bulletin(reading: NewsReading, news: News, currencies: frozenset[str]) -> list[Draft]:
    """Return what a reading tells and the news do not hold: events, coverage, headlines."""
    drafts: list[Draft] = []
    if reading.calendar_read is not None:
        drafts += _calendar_drafts(reading, reading.calendar_read, news, currencies)
    if reading.headlines_read is not None:
        drafts += text_drafts(
            reading.headlines_read, reading.at_ns, reading.read_ns, news, currencies
        )
    return drafts


def _calendar_drafts(
    reading: NewsReading,
    answer: CalendarRead | Unanswered,
    news: News,
    currencies: frozenset[str],
) -> list[Draft]:
    coverage, known = _coverage_of(answer, reading, news), news.coverage
    if known is not None and not reading.is_due:
        is_other = (coverage.state, coverage.source) != (known.state, known.source)
        if coverage.state is Coverage.UNKNOWN or not is_other:
            return []
    drafts: list[Draft] = []
    if _is_believed(answer, news):
        drafts += _event_drafts(answer, reading.at_ns, news, currencies)
    is_same = known is not None and _told(coverage) == _told(known)
    # Its date tells when the calendar was read; an unknown one is tried at each close anyway.
    is_dated = coverage.state is Coverage.UNKNOWN or news.coverage_ns == reading.at_ns
    if not (is_same and is_dated):
        ordinal = digest(*_told(coverage))
        drafts.append(Draft(fact=coverage, ts_event_ns=reading.at_ns, ordinal=ordinal))
    return drafts


def _is_believed(answer: CalendarRead | Unanswered, news: News) -> TypeGuard[CalendarRead]:
    """Whether events of an answer become known; those of a shifted clock would stay beside others.

    They are believed once the clock agrees again, or what was known of that time has passed.
    """
    if isinstance(answer, Unanswered) or len(answer.events) > EVENTS_PER_READ_MAX:
        return False
    return not _shift_ns(answer, news)


def _shift_ns(answer: CalendarRead, news: News) -> int:
    """Return by how far a source has moved most of what it told of this time before, else 0."""
    period = answer.request
    from_ns, until_ns = period.from_ns - SHIFT_MAX_NS, period.until_ns + SHIFT_MAX_NS
    before = [
        (f"{fact.source}\n{fact.scope}\n{fact.title}", fact.scheduled_ns)
        for fact in (event.fact for event in news.events.values())
        if from_ns <= fact.scheduled_ns <= until_ns
    ]
    facts = (_event_fact(event, answer.source) for event in answer.events)
    now = [(f"{fact.source}\n{fact.scope}\n{fact.title}", fact.scheduled_ns) for fact in facts]
    return shift_since(_told_once(now), _told_once(before))


def _told_once(named: list[tuple[str, int]]) -> dict[str, int]:
    counts = Counter(name for name, _ in named)
    return {name: at_ns for name, at_ns in named if counts[name] == 1}


def _coverage_of(
    answer: CalendarRead | Unanswered, reading: NewsReading, news: News
) -> CalendarCoverage:
    if isinstance(answer, Unanswered):
        source = news.coverage.source if news.coverage else SOURCE_UNKNOWN
        return _coverage(Coverage.UNKNOWN, source, f"unanswered: {answer.reason}", 0)
    count = len(answer.events)
    if count > EVENTS_PER_READ_MAX:
        reason = f"more than {EVENTS_PER_READ_MAX} events"
        return _coverage(Coverage.UNKNOWN, answer.source, reason, count)
    lost = 0 if count else _known_of(answer, news)
    if lost and answer.coverage is Coverage.COVERED:
        reason = f"empty, but {lost} events of this time are known from it"
        return _coverage(Coverage.UNKNOWN, answer.source, reason, 0)
    if answer.coverage is Coverage.COVERED and (shift_ns := _shift_ns(answer, news)):
        reason = f"clock shifted: {shift_ns / HOUR_NS:+g} h since its earlier answer"
        return _coverage(Coverage.UNKNOWN, answer.source, reason, count)
    until_ns = reading.covers_until_ns if answer.coverage is Coverage.COVERED else FOREVER_NS
    return _coverage(answer.coverage, answer.source, answer.reason, count, until_ns)


def _known_of(answer: CalendarRead, news: News) -> int:
    """Return how many events of the period asked for the same source has told before."""
    period = answer.request
    source = clean_text(answer.source, FIGURE_LENGTH_MAX)
    return sum(
        event.fact.source == source and period.from_ns <= event.fact.scheduled_ns <= period.until_ns
        for event in news.events.values()
    )


def _coverage(
    state: Coverage, source: str, reason: str, event_count: int, until_ns: int = FOREVER_NS
) -> CalendarCoverage:
    return CalendarCoverage(
        scope=MARKET,
        valid_until_ns=until_ns,
        state=state,
        source=clean_text(source, FIGURE_LENGTH_MAX),
        reason=clean_text(reason, TEXT_LENGTH_MAX),
        event_count=event_count,
        consequence=CONSEQUENCES[state],
    )


def _told(coverage: CalendarCoverage) -> tuple[str, str, str]:
    return coverage.state.value, coverage.source, coverage.reason


def _event_drafts(
    answer: CalendarRead, at_ns: int, news: News, currencies: frozenset[str]
) -> list[Draft]:
    wanted = currencies | {GLOBAL}
    drafts: dict[str, Draft] = {}
    for event in answer.events:
        is_asked = answer.request.from_ns <= event.scheduled_ns <= answer.request.until_ns
        if not is_asked or event.currency not in wanted:
            continue
        fact = _event_fact(event, answer.source)
        known = news.events.get(event_key(fact))
        if known is None or known.fact != fact:
            draft = Draft(fact=fact, ts_event_ns=at_ns, ordinal=digest(*event_key(fact)))
            drafts.setdefault(draft.slot, draft)
    return [drafts[slot] for slot in sorted(drafts)]


def _event_fact(event: CalendarEvent, source: str) -> EconomicEvent:
    return EconomicEvent(
        scope=event.currency,
        title=clean_text(event.title, TEXT_LENGTH_MAX) or "untitled",
        impact=event.impact,
        scheduled_ns=event.scheduled_ns,
        source=clean_text(event.source or source, FIGURE_LENGTH_MAX),
        actual=clean_text(event.actual, FIGURE_LENGTH_MAX),
        forecast=clean_text(event.forecast, FIGURE_LENGTH_MAX),
        previous=clean_text(event.previous, FIGURE_LENGTH_MAX),
    )
