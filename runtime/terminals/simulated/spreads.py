"""Which spread is usual: by symbol, hour in New York, and distance from a release."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.requests import CalendarEvent
from blackboard.facts.news import Impact
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, market_clock_ns

RELEASE_MINUTES: Final = 10
"""Minutes after a release in which the spread is wider."""

_POINTS: Final = {
    "AUDUSD": 11.0,
    "EURCHF": 16.0,
    "EURGBP": 12.0,
    "EURJPY": 15.0,
    "EURUSD": 10.5,
    "GBPJPY": 22.0,
    "GBPUSD": 13.0,
    "NZDUSD": 15.0,
    "USDCAD": 13.5,
    "USDCHF": 14.0,
    "USDJPY": 10.5,
    "XAGUSD": 25.0,
    "XAUUSD": 25.0,
}
_POINTS_ELSE: Final = 24.0
# By hour of the market clock: 17:00, 18:00, ... 16:00 New York. Shaped after recorded EURUSD,
# whose median is 2.6 pips in the hour after the day ends, 1.8 in the next, and 1.1 to 1.3 by day.
_BY_HOUR: Final = np.array([
    2.5, 1.7, 1.25, 1.15, 1.1, 1.1, 1.1, 1.1, 1.1, 1.05, 1.0, 1.0,
    1.0, 1.0, 1.05, 1.1, 1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 1.15, 1.5,
])  # fmt: skip
# Payrolls of 2014-05-02: 1.1 pips before, 11 in the last minute, 15 in the first, 2.5 in the next.
_RELEASE: Final = {Impact.HIGH: 9.0, Impact.MEDIUM: 3.0, Impact.LOW: 0.0}
_RELEASE_LIFE_MIN: Final = 2.5
_RELEASE_BEFORE: Final = 0.4  # share that the minute before the release already shows


def usual_spread_points(symbol: str, open_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the spread that is usual at each minute.

    Parameters
    ----------
    symbol : str
        Canonical name.
    open_ns : ndarray of shape (n_minutes,), int64
        Opens in nanoseconds UTC.

    Returns
    -------
    ndarray of shape (n_minutes,), float64
        Points, not rounded.
    """
    # Daylight saving switches on full hours of UTC, so all minutes of one share a market hour.
    hours, of_minute = np.unique(open_ns // HOUR_NS, return_inverse=True)
    market_hours = [market_clock_ns(int(hour) * HOUR_NS) % DAY_NS // HOUR_NS for hour in hours]
    factors = _BY_HOUR[np.asarray(market_hours, dtype=np.int64)]
    return _POINTS.get(symbol, _POINTS_ELSE) * factors[of_minute]


def release_widening(
    events: Iterable[CalendarEvent], open_ns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the factor of releases on the spread at each minute, 1 away from them.

    Parameters
    ----------
    events : iterable of CalendarEvent
        Releases of the symbol's two currencies; the widest one counts.
    open_ns : ndarray of shape (n_minutes,), int64, rising
        Opens in nanoseconds UTC.
    """
    widening = np.ones(len(open_ns))
    for event in events:
        from_ns = event.scheduled_ns - MINUTE_NS
        until_ns = event.scheduled_ns + RELEASE_MINUTES * MINUTE_NS
        rows = slice(*np.searchsorted(open_ns, (from_ns, until_ns)))
        age_min = (open_ns[rows] - event.scheduled_ns) / MINUTE_NS
        shape = np.where(age_min < 0.0, _RELEASE_BEFORE, np.exp(-age_min / _RELEASE_LIFE_MIN))
        widening[rows] = np.maximum(widening[rows], 1.0 + _RELEASE[event.impact] * shape)
    return widening
