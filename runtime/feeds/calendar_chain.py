"""Several calendars as one: the first that is sound serves, the others bear witness.

What any of them knows counts: an event that the serving one lacks, or takes for less, is added
under the name of who says so. Where two lie hours apart, a third that agrees with one of them
decides; without it nobody can tell, and the calendar is unknown.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from agents.requests import CalendarEvent, CalendarRead, ReadCalendar
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Impact
from models.opinion.calendar_clock import Moment, shift_between
from runtime.feeds.calendar import as_known
from runtime.feeds.calendar_feeds import hours
from runtime.feeds.calendar_page import CalendarFeed, CalendarPage

_WEIGHTS = {Impact.LOW: 0, Impact.MEDIUM: 1, Impact.HIGH: 2}


class Witness(NamedTuple):
    """A sound page and who gave it."""

    name: str
    page: CalendarPage


class CalendarChain:
    """A `CalendarSource` over several calendars in their order."""

    def __init__(self, feeds: Sequence[CalendarFeed], currencies: frozenset[str]) -> None:
        """Take the calendars, the preferred one first, and the currencies that matter."""
        self._feeds = tuple(feeds)
        self._currencies = currencies

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now; without a sound calendar it is `Coverage.UNKNOWN`."""
        witnesses: list[Witness] = []
        problems: list[str] = []
        for feed in self._feeds:
            page = feed.page(now_ns)
            if isinstance(page, str):
                problems.append(f"{feed.name}: {page}")
            else:
                witnesses.append(Witness(feed.name, page))
        believed, doubts = _believed(witnesses)
        problems += doubts
        if not believed:
            names = ", ".join(feed.name for feed in self._feeds)
            return _read(request, Coverage.UNKNOWN, (), names, problems)
        serving = believed[0]
        events = self._joined(believed, request, now_ns)
        return _read(request, Coverage.COVERED, events, serving.name, [_told(believed), *problems])

    def _joined(
        self, believed: Sequence[Witness], request: ReadCalendar, now_ns: int
    ) -> tuple[CalendarEvent, ...]:
        joined: list[CalendarEvent] = []
        known: dict[Moment, int] = {}
        for name, page in believed:
            added = [
                msgspec.structs.replace(event, source=name)
                for event in as_known(page.events, now_ns)
                if request.from_ns <= event.scheduled_ns < request.until_ns
                and event.currency in self._currencies
                and _WEIGHTS[event.impact] > known.get(_moment(event), -1)
            ]
            joined += added
            for event in added:
                weight = _WEIGHTS[event.impact]
                known[_moment(event)] = max(known.get(_moment(event), -1), weight)
        return tuple(sorted(joined, key=_order))


def _believed(witnesses: Sequence[Witness]) -> tuple[list[Witness], list[str]]:
    """Return those whose clocks agree, and what is wrong with the others.

    One that another contradicts is believed only where a further one stands by it.
    """
    contradicted: dict[str, list[str]] = {each.name: [] for each in witnesses}
    backed = dict.fromkeys(contradicted, 0)
    for place, one in enumerate(witnesses):
        for other in witnesses[place + 1 :]:
            shift_ns, agree = _compared(one.page, other.page)
            if shift_ns:
                contradicted[one.name].append(f"{hours(shift_ns)} from {other.name}")
                contradicted[other.name].append(f"{hours(-shift_ns)} from {one.name}")
            elif agree:
                backed[one.name] += 1
                backed[other.name] += 1
    believed = [each for each in witnesses if not contradicted[each.name] or backed[each.name]]
    left = [each.name for each in witnesses if each not in believed]
    return believed, [f"{name}: clock shifted: {', '.join(contradicted[name])}" for name in left]


def _compared(one: CalendarPage, other: CalendarPage) -> tuple[int, bool]:
    """Return how far two pages lie apart, and whether they have moments in common."""
    from_ns, until_ns = max(one.from_ns, other.from_ns), min(one.until_ns, other.until_ns)
    ours, theirs = (
        {_moment(each) for each in page.events if from_ns <= each.scheduled_ns < until_ns}
        for page in (one, other)
    )
    return shift_between(ours, theirs), bool(ours & theirs)


def _moment(event: CalendarEvent) -> Moment:
    return event.currency, event.scheduled_ns


def _order(event: CalendarEvent) -> tuple[int, str, str]:
    return event.scheduled_ns, event.currency, event.title


def _told(believed: Sequence[Witness]) -> str:
    others = ", ".join(each.name for each in believed[1:])
    return f"{believed[0].name} serves" + (f", held against {others}" if others else "")


def _read(
    request: ReadCalendar,
    coverage: Coverage,
    events: tuple[CalendarEvent, ...],
    source: str,
    reasons: Iterable[str],
) -> CalendarRead:
    return CalendarRead(
        request=request,
        coverage=coverage,
        events=events,
        source=source,
        reason="; ".join(reasons)[:TEXT_LENGTH_MAX],
    )
