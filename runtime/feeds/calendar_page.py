"""What one calendar of several says, and the port behind which each stands."""

from typing import Protocol

import msgspec

from agents.requests import CalendarEvent


class CalendarPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are believed, and of which time they are all."""

    events: tuple[CalendarEvent, ...]
    from_ns: int
    until_ns: int


class CalendarFeed(Protocol):
    """One calendar of several."""

    @property
    def name(self) -> str:
        """How the settings and every event call it."""

    def page(self, now_ns: int) -> CalendarPage | str:
        """Return what it says as of now, or why nothing of it is believed; never raises."""
