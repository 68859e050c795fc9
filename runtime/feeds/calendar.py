"""A file of economic events, and what of it is known at a moment.

Four layouts are told apart by their columns: our own CSV (time, currency, impact, title), two CSV
layouts that name the title ``event`` (with a currency, or with a country), and ForexFactory's
weekly JSON. A file that cannot be read as a whole is not read at all: a calendar with holes would
pass for days without events.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agents.requests import CalendarEvent, CalendarRead, ReadCalendar
from blackboard.errors import ConfigError
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Impact
from models.market.sessions import DAY_NS, WEEK_NS, next_week_open_ns, week_open_ns
from runtime.instants import instant_ns, iso

FILE_BYTES_MAX: Final = 50_000_000
"""Largest calendar that is read."""
PROBLEMS_MAX: Final = 20
"""Problems of one file that a message names; the rest are counted."""
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
_TITLES: Final = ("title", "event")
_PLACES: Final = ("currency", "country")
_TIMES: Final = ("time", "date")
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
    rows = _json_rows if _begins_json(raw := _raw(path)) else _csv_rows
    problems: list[str] = []
    events: list[CalendarEvent] = []
    try:
        names, records = rows(raw)
        layout = _layout(names)
    except ValueError as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong
    for number, record in enumerate(records, 1):
        try:
            events.extend(_events(record, layout))
        except ValueError as wrong:
            problems.append(f"{path}: row {number}: {wrong}")
    if problems:
        more = len(problems) - PROBLEMS_MAX
        tail = [f"{path}: and {more} more"] if more > 0 else []
        raise ConfigError("\n".join([*problems[:PROBLEMS_MAX], *tail]))
    if not events:
        raise ConfigError(f"{path}: has no event; an empty calendar cannot be told from a lost one")
    return sorted(events, key=_order)


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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
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
        try:
            events = self._fresh()
        except ConfigError as wrong:
            return self._answer(request, Coverage.UNKNOWN, (), str(wrong))
        first_ns = week_open_ns(events[0].scheduled_ns)
        end_ns = next_week_open_ns(events[-1].scheduled_ns)
        if not first_ns <= now_ns < end_ns:
            reason = f"{self.path} covers {iso(first_ns)} to {iso(end_ns)}, not {iso(now_ns)}"
            return self._answer(request, Coverage.UNKNOWN, (), reason)
        known = as_known(self.events(request.from_ns, request.until_ns), now_ns)
        currencies = ", ".join(sorted({event.currency for event in events}))
        return self._answer(request, Coverage.COVERED, known, f"covers {currencies}")

    def _fresh(self) -> tuple[CalendarEvent, ...]:
        stamp = _stamp(self.path)
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
