"""Calendars from the network, each with its shape and what makes an answer of it believable.

An answer is a `CalendarPage` with the time that it covers, or the reason why it is none. A page
that is empty, old, or on another clock is no page: it would pass for days without events.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import msgspec

from agents.requests import CalendarEvent
from blackboard.facts.news import TEXT_LENGTH_MAX, Impact
from config.feeds import FeedsSection
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    new_york_offset_ns,
    next_week_open_ns,
    week_open_ns,
)
from models.opinion.calendar_clock import shift_from_new_york
from runtime.feeds.answers import Answered, Refused
from runtime.feeds.calendar import FIGURE_LENGTH_MAX, currencies_of_place, events_of_text
from runtime.feeds.calendar_page import CalendarPage
from runtime.feeds.feed_client import FeedCall, FeedClient
from runtime.feeds.json_answers import decode_json, depth_of
from runtime.feeds.tables import cleaned
from runtime.instants import instant_ns

DAYS_BEFORE: Final = 2
DAYS_AHEAD: Final = 8
"""Days around today that are asked for: enough that an answer without events is none."""
RELEASED_AFTER_NS: Final = 6 * HOUR_NS
"""Time after a release by which its figure is there."""
RELEASES_MIN: Final = 5
"""Releases of the last days, none of which has its figure, that show a feed to stand still."""
EARLY_NS: Final = 20 * MINUTE_NS
FIGURES_EARLY_MIN: Final = 2
"""Figures given so long before their release that show a feed's clock to be late."""

_NO_EVENT: Final = frozenset({"none", "holiday", "non-economic"})
_FMP_TIME: Final = "%Y-%m-%d %H:%M:%S"
_OFFSETS: Final = ("-05:00", "-04:00")
_DATED: Final = re.compile(r'"date"\s*:\s*"([^"]{16,40})"')


class _FMPRow(msgspec.Struct):
    """One row of `stable/economic-calendar`.

    Source: site.financialmodelingprep.com/developer/docs/stable/economics-calendar; dates are UTC
    without offset, figures numbers or null, the impact Low, Medium, High or None.
    """

    date: str
    event: str
    country: str | None = None
    currency: str | None = None
    impact: str | None = None
    previous: float | str | None = None
    estimate: float | str | None = None
    actual: float | str | None = None
    unit: str | None = None


class FMPCalendar:
    """The economic calendar of Financial Modeling Prep."""

    name = "fmp"

    def __init__(self, client: FeedClient, section: FeedsSection) -> None:
        self._client = client
        self._depth_max = section.json_depth_max

    def page(self, now_ns: int) -> CalendarPage | str:
        """Ask for the days around now."""
        first_ns = (now_ns // DAY_NS - DAYS_BEFORE) * DAY_NS
        end_ns = first_ns + (DAYS_BEFORE + DAYS_AHEAD) * DAY_NS
        dates = (("from", _date(first_ns)), ("to", _date(end_ns)))
        call = FeedCall(url=self._client.url, parameters=dates)
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return answer.reason
        rows = decode_json(answer, list[_FMPRow], self._depth_max)
        if isinstance(rows, Refused):
            return rows.reason
        try:
            events = tuple(event for row in rows for event in _fmp_events(row))
        except ValueError:
            return "not in the expected form (a time)"
        in_time = tuple(event for event in events if first_ns <= event.scheduled_ns < end_ns)
        problem = _problem(in_time, now_ns) or _standstill(in_time, now_ns)
        if problem:
            return problem
        self._client.keep(call, answer)
        return CalendarPage(events=in_time, from_ns=first_ns, until_ns=end_ns)


class WeeklyJSONCalendar:
    """The calendar of the current week in the form that ForexFactory publishes."""

    name = "weekly_json"

    def __init__(self, client: FeedClient, section: FeedsSection) -> None:
        self._client = client
        self._depth_max = section.json_depth_max

    def page(self, now_ns: int) -> CalendarPage | str:
        """Read this week's events; those of another week are stale."""
        call = FeedCall(url=self._client.url)
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return answer.reason
        page = self._parsed(answer, now_ns)
        if isinstance(page, CalendarPage):
            self._client.keep(call, answer)
        return page

    def _parsed(self, answer: Answered, now_ns: int) -> CalendarPage | str:
        if depth_of(answer.body) > self._depth_max:
            return "not in the expected form (nested too deep)"
        if not answer.body.strip(b"[] \r\n\t"):
            return "empty: no event of any currency"
        try:
            text = answer.body.decode("utf-8-sig")
            events, problems = events_of_text(text)
            is_summer_wrong = any(map(_has_wrong_offset, _DATED.findall(text)))
        except ValueError:
            return "not in the expected form"
        if problems:
            return f"not in the expected form ({len(problems)} rows)"
        if not events:
            return "empty: holidays only"
        from_ns = week_open_ns(events[0].scheduled_ns)
        until_ns = next_week_open_ns(events[-1].scheduled_ns)
        if not from_ns <= now_ns < until_ns:
            return f"stale: events of {_date(from_ns)} to {_date(until_ns)}"
        if is_summer_wrong:
            return "clock shifted: an offset that New York has not on that day"
        if problem := _problem(tuple(events), now_ns):
            return problem
        return CalendarPage(
            events=tuple(events),
            from_ns=from_ns,
            until_ns=until_ns,
        )


def _fmp_events(row: _FMPRow) -> list[CalendarEvent]:
    level = (row.impact or "none").strip().lower()
    if level in _NO_EVENT:
        return []
    moment = datetime.strptime(row.date.strip(), _FMP_TIME).replace(tzinfo=UTC)
    try:
        currencies = currencies_of_place(row.currency or row.country or "", "currency")
    except ValueError:
        return []  # a country whose currency nobody here trades
    return [
        CalendarEvent(
            currency=currency,
            title=cleaned(row.event, TEXT_LENGTH_MAX) or "untitled",
            # A word that is not known is taken for the strictest one.
            impact=Impact(level) if level in set(Impact) else Impact.HIGH,
            scheduled_ns=int(moment.timestamp()) * SECOND_NS,
            actual=_figure(row.actual, row.unit),
            forecast=_figure(row.estimate, row.unit),
            previous=_figure(row.previous, row.unit),
        )
        for currency in currencies
    ]


def _figure(value: float | str | None, unit: str | None) -> str:
    if value is None:
        return ""
    text = f"{value:g}" if isinstance(value, int | float) else value
    return cleaned(text + (unit or ""), FIGURE_LENGTH_MAX)


def _problem(events: Collection[CalendarEvent], now_ns: int) -> str:
    if not events:
        return "empty: no event of any currency"
    early = sum(bool(e.actual) and e.scheduled_ns > now_ns + EARLY_NS for e in events)
    if early >= FIGURES_EARLY_MIN:
        return f"clock shifted: {early} figures before their release"
    dollar = [(event.title, event.scheduled_ns) for event in events if event.currency == "USD"]
    if shift_ns := shift_from_new_york(dollar):
        return f"clock shifted: {hours(shift_ns)} off New York's hours of release"
    return ""


def _standstill(events: Collection[CalendarEvent], now_ns: int) -> str:
    due = [
        event
        for event in events
        if event.scheduled_ns <= now_ns - RELEASED_AFTER_NS and (event.forecast or event.previous)
    ]
    if len(due) >= RELEASES_MIN and not any(event.actual for event in due):
        return f"stale: none of {len(due)} past releases has its figure"
    return ""


def _has_wrong_offset(text: str) -> bool:
    """Whether a time has one of New York's offsets, and not the one of its day."""
    if not text.endswith(_OFFSETS):
        return False
    offset_h = -int(text[-5:-3])
    return new_york_offset_ns(instant_ns(text)) != offset_h * HOUR_NS


def hours(length_ns: int) -> str:
    """Return a shift as people read it, as +1 h or −5.5 h."""
    return f"{length_ns / HOUR_NS:+g} h".replace("-", "−")


def _date(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // SECOND_NS, UTC):%Y-%m-%d}"
