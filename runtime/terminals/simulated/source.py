"""What the simulated terminal needs of a market: the minutes of each symbol and its terms of trade.

A source knows the whole course of its market, also what is later than the simulated now; the
terminal alone decides what is visible. A source never changes: the same question gets the same
answer, whatever was asked before. Sources are not thread-safe.
"""

from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.requests import CalendarEvent
from runtime.terminals import constants as mt5

MINUTE_DTYPE: Final = np.dtype(
    [
        ("open_ns", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("spread_points", np.int32),
        ("tick_volume", np.int64),
    ]
)
"""One step of the market; ``open_ns`` is its open in UTC, prices are bid in quote currency."""

MinuteArray = NDArray[np.void]
"""Structured array of `MINUTE_DTYPE`, oldest first, ``open_ns`` strictly increasing, read-only."""

ENDLESS_NS: Final = 2**63 - 1
"""`MarketSource.end_ns` of a market that never ends."""


class SymbolTraits(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's terms of trade at the simulated broker."""

    name: str
    digits: int
    currency_base: str
    currency_profit: str
    contract_size: float = 100_000.0
    volume_min_lots: float = 0.01
    volume_max_lots: float = 100.0
    volume_step_lots: float = 0.01
    swap_long_points: float
    """What a long position is paid a night, in points; mostly negative."""
    swap_short_points: float
    swap_triple_day: int = mt5.DAY_OF_WEEK_WEDNESDAY
    """Day at whose end three nights are booked, 0 for Sunday as in the package."""
    stops_level_points: int = 0
    freeze_level_points: int = 0

    @property
    def point(self) -> float:
        """Smallest price step, in quote currency."""
        return float(f"1e-{self.digits}")


class MarketSource(Protocol):
    """A market's whole course."""

    @property
    def start_ns(self) -> int:
        """First moment at which the account can trade; what lies before is history."""

    @property
    def end_ns(self) -> int:
        """Moment at which the market ends, `ENDLESS_NS` if it does not."""

    @property
    def has_calendar(self) -> bool:
        """Whether `events` answers; a source without a calendar never means 'no events'."""

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol, in the order in which they were asked for."""

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return all steps with ``from_ns <= open_ns < until_ns``, also those later than now."""

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the events scheduled in [from_ns, until_ns), by time, then currency, then title.

        They hold what *will* be released; `runtime.feeds.calendar.as_known` leaves what is known.
        """
