"""The grid of bar closes: which close was the last, and how many lie between two.

Closes are numbered as if weekends did not exist, so the difference of two numbers counts the bars
that an open market owes between them.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    TRADING_WEEK_DAYS,
    bar_open_ns,
    is_open,
    market_clock_ns,
    was_open_before,
    week_close_ns,
    week_open_ns,
)

Instants = TypeVar("Instants", int, NDArray[np.int64])

_WEEK_DAYS = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, Monday is 0


def last_bar_close_ns(ts_ns: int, length_ns: int) -> int:
    """Return the last close of a bar at or before an instant, weekends passed over."""
    close_ns = bar_open_ns(ts_ns, length_ns)
    if was_open_before(close_ns):
        return close_ns
    if is_open(ts_ns):
        return week_close_ns(week_open_ns(ts_ns) - 1)
    return week_close_ns(ts_ns)


def market_opens_ns(close_ns: NDArray[np.int64], length_ns: int) -> NDArray[np.int64]:
    """Return the opens of bars on the market's own clock; see `sessions.market_clock_ns`.

    Parameters
    ----------
    close_ns : ndarray of shape (n_bars,), int64
        Closes in nanoseconds UTC, any order, each later than 1970 by more than a bar.
    length_ns : int
        Length of a bar.
    """
    opens_ns = close_ns - length_ns
    hours, places = np.unique(opens_ns // HOUR_NS, return_inverse=True)
    shifts_ns = [market_clock_ns(int(hour) * HOUR_NS) - int(hour) * HOUR_NS for hour in hours]
    shifted: NDArray[np.int64] = opens_ns + np.array(shifts_ns, dtype=np.int64)[places]
    return shifted


def weekdays(market_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days of the trading week of market clock readings; 5 and 6 are the weekend."""
    return (market_ns // DAY_NS + _EPOCH_WEEKDAY) % _WEEK_DAYS


def bar_numbers(close_ns: NDArray[np.int64], length_ns: int) -> NDArray[np.int64]:
    """Return the place of each close in the row of all closes of open markets.

    Closes must lie on the grid and inside the week; neighbours differ by exactly one, also across
    a weekend.
    """
    return _numbers(market_opens_ns(close_ns, length_ns), length_ns)


def _numbers(market_ns: Instants, length_ns: int) -> Instants:
    days = market_ns // DAY_NS + _EPOCH_WEEKDAY
    working_days = days // _WEEK_DAYS * TRADING_WEEK_DAYS + days % _WEEK_DAYS
    return working_days * (DAY_NS // length_ns) + market_ns % DAY_NS // length_ns


def closes_between(earlier_ns: int, later_ns: int, length_ns: int) -> int:
    """Return how many closes lie after one instant, up to and with another."""
    first, last = (
        _numbers(market_clock_ns(last_bar_close_ns(ts_ns, length_ns) - length_ns), length_ns)
        for ts_ns in (earlier_ns, later_ns)
    )
    return last - first
