"""A file of economic events, and what of it is known at a moment.

Four layouts are told apart by their columns: our own CSV (time, currency, impact, title), two CSV
layouts that name the title ``event`` (with a currency, or with a country), and ForexFactory's
weekly JSON. A file that cannot be read as a whole is not read at all: a calendar with holes would
pass for days without events.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agents.requests import CalendarEvent, CalendarRead, ReadCalendar
from blackboard.errors import ConfigError
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Impact
from models.market.sessions import WEEK_NS, next_week_open_ns, week_open_ns
from runtime.feeds.calendar_page import CalendarPage
from runtime.feeds.tables import (
    FileStamp,
    Record,
    cleaned,
    csv_records,
    refuse,
    stamp_of,
    text_of,
)
from runtime.instants import instant_ns, iso

FIGURE_LENGTH_MAX: Final = 64
"""Longest figure, such as 0.3%, that is kept of a release."""
PUBLISHED_AHEAD_NS: Final = WEEK_NS
"""How long before a release it is announced."""

CURRENCIES: Final = ("AUD", "CAD", "CHF", "CNY", "EUR", "GBP", "JPY", "NZD", "USD")
"""Currencies to which an event of `All` is taken to belong."""

_COUNTRIES: Final = {
    "AU": "AUD", "AUSTRALIA": "AUD",
    "CA": "CAD", "CANADA": "CAD",
    "CH": "CHF", "SWITZERLAND": "CHF",
    "CN": "CNY", "CHINA": "CNY",
    "DE": "EUR", "GERMANY": "EUR",
    "EA": "EUR", "EU": "EUR", "EUROZONE": "EUR", "EURO AREA": "EUR",
    "ES": "EUR", "SPAIN": "EUR",
    "FR": "EUR", "FRANCE": "EUR",
    "IT": "EUR", "ITALY": "EUR",
    "GB": "GBP", "UK": "GBP", "UNITED KINGDOM": "GBP",
    "JP": "JPY", "JAPAN": "JPY",
    "NZ": "NZD", "NEW ZEALAND": "NZD",
    "US": "USD", "UNITED STATES": "USD",
}  # fmt: skip
_EVERYWHERE: Final = "ALL"
_NO_EVENT: Final = frozenset({"holiday", "none", "non-economic"})
_COLUMNS: Final = (("time", "date"), ("currency", "country"), ("title", "event"))
# Names under which a layout keeps time, place and title; the first one present counts.
_IMPACTS: Final = frozenset(impact.value for impact in Impact)
_CODE_LENGTH: Final = 3


class Layout(NamedTuple):
    """Under which names a file keeps what an event needs."""

    time: str
    place: str
    title: str


def read_calendar_file(path: Path) -> list[CalendarEvent]:
    """Read all events of a file by time, currency and title.

    Holidays and rows without a time of day are no events and are passed over.

    Raises
    ------
    ConfigError
        If there is no such file, its layout is unknown, or a row is wrong; names every problem.
    """
    try:
        events, problems = events_of_text(text_of(path))
    except ValueError as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong
    if not problems and not events:
        problems.append("has no event; an empty calendar cannot be told from a lost one")
    refuse(path, problems)
    return events


def events_of_text(text: str) -> tuple[list[CalendarEvent], list[str]]:
    """Return the events of a text by time, currency and title, and what is wrong with its rows.

    Raises
    ------
    ValueError
        If its layout is unknown.
    """
    names, records = _json_records(text) if text.lstrip()[:1] == "[" else csv_records(text)
    layout = _layout(names)
    problems: list[str] = []
    events: list[CalendarEvent] = []
    for number, record in enumerate(records, 1):
        try:
            events.extend(_events(record, layout))
        except ValueError as wrong:
            problems.append(f"row {number}: {wrong}")
    return sorted(events, key=_order), problems


def as_known(events: Iterable[CalendarEvent], now_ns: int) -> tuple[CalendarEvent, ...]:
    """Return what can be known of events: announced ones, and figures only after their release."""
    return tuple(
        event if event.scheduled_ns <= now_ns else msgspec.structs.replace(event, actual="")
        for event in events
        if event.scheduled_ns <= now_ns + PUBLISHED_AHEAD_NS
    )


class CalendarFile:
    """A calendar that is read again whenever its file has changed.

    It covers the trading weeks from its first event to its last; outside of them nothing is known.
    """

    name = "file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: FileStamp | None = None
        self._events: tuple[CalendarEvent, ...] = ()

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the events scheduled in [from_ns, until_ns), figures of later ones included.

        Raises
        ------
        ConfigError
            If the file cannot be read.
        """
        return tuple(one for one in self._fresh() if from_ns <= one.scheduled_ns < until_ns)

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now; a calendar that fails or ended is `Coverage.UNKNOWN`."""
        page = self.page(now_ns)
        if isinstance(page, str):
            return self._answer(request, Coverage.UNKNOWN, (), page)
        known = as_known(self.events(request.from_ns, request.until_ns), now_ns)
        currencies = ", ".join(sorted({event.currency for event in page.events}))
        return self._answer(request, Coverage.COVERED, known, f"covers {currencies}")

    def page(self, now_ns: int) -> CalendarPage | str:
        """Return all events of the file, or why none of them is believed at this time."""
        try:
            events = self._fresh()
        except ConfigError as wrong:
            return str(wrong)
        first_ns = week_open_ns(events[0].scheduled_ns)
        end_ns = next_week_open_ns(events[-1].scheduled_ns)
        if not first_ns <= now_ns < end_ns:
            return f"{self.path} covers {iso(first_ns)} to {iso(end_ns)}, not {iso(now_ns)}"
        return CalendarPage(events=events, from_ns=first_ns, until_ns=end_ns)

    def _fresh(self) -> tuple[CalendarEvent, ...]:
        stamp = stamp_of(self.path)
        if stamp != self._stamp:
            self._events = tuple(read_calendar_file(self.path))
            self._stamp = stamp
        return self._events

    def _answer(
        self,
        request: ReadCalendar,
        coverage: Coverage,
        events: tuple[CalendarEvent, ...],
        reason: str,
    ) -> CalendarRead:
        return CalendarRead(
            request=request,
            coverage=coverage,
            events=events,
            source=self.path.name,
            reason=reason[:TEXT_LENGTH_MAX],
        )


def _order(event: CalendarEvent) -> tuple[int, str, str]:
    return event.scheduled_ns, event.currency, event.title


def _json_records(text: str) -> tuple[tuple[str, ...], list[Record]]:
    try:
        found = msgspec.json.decode(text, type=list[dict[str, str | float | None]])
    except msgspec.MsgspecError as wrong:
        raise ValueError(f"is no JSON list of events: {wrong}") from wrong
    records: list[Record] = [
        {name.lower(): "" if value is None else str(value) for name, value in record.items()}
        for record in found
    ]
    return tuple(sorted({name for record in records for name in record})), records


def _layout(names: tuple[str, ...]) -> Layout:
    found = [next((one for one in wanted if one in names), "") for wanted in _COLUMNS]
    if "impact" not in names or not all(found):
        needed = ", ".join(" or ".join(wanted) for wanted in (*_COLUMNS, ("impact",)))
        raise ValueError(f"columns needed are {needed}; found {', '.join(names)}")
    return Layout(*found)


def _events(record: Record, layout: Layout) -> Iterator[CalendarEvent]:
    impact = record.get("impact", "").strip().lower()
    time = record.get(layout.time, "").strip()
    if impact in _NO_EVENT or not time:
        return
    title = cleaned(record.get(layout.title, ""), TEXT_LENGTH_MAX)
    if not title:
        raise ValueError(f"{layout.title} must not be empty")
    if impact not in _IMPACTS:
        raise ValueError(f"impact must be low, medium, high or holiday, was {impact!r}")
    for currency in currencies_of_place(record.get(layout.place, ""), layout.place):
        yield CalendarEvent(
            currency=currency,
            title=title,
            impact=Impact(impact),
            scheduled_ns=_scheduled_ns(time, layout.time),
            actual=_figure(record, "actual"),
            forecast=_figure(record, "forecast"),
            previous=_figure(record, "previous"),
        )


def currencies_of_place(text: str, column: str) -> tuple[str, ...]:
    """Return the currencies of a currency code, a country or `All`; ValueError for others."""
    place = text.strip().upper()
    if place == _EVERYWHERE:
        return CURRENCIES
    if place in _COUNTRIES:
        return (_COUNTRIES[place],)
    if len(place) == _CODE_LENGTH and place.isascii() and place.isalpha():
        return (place,)
    raise ValueError(f"{column} must be a currency such as EUR, or a country, was {text!r}")


def _scheduled_ns(text: str, column: str) -> int:
    try:
        return instant_ns(text)
    except ValueError as wrong:
        raise ValueError(f"{column} {wrong}") from wrong


def _figure(record: Record, name: str) -> str:
    return cleaned(record.get(name, ""), FIGURE_LENGTH_MAX)
