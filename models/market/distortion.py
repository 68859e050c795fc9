"""Minutes made worse on purpose: larger moves, gaps, and flash crashes.

All three act on the logarithm of prices, so crosses keep agreeing with their majors where both are
made worse alike. A distortion of a minute depends on its own time only, never on what was asked
before; row t uses nothing later than its own minute.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINUTE_NS: Final = 60_000_000_000
CRASH_FALL_MIN: Final = 8
"""Minutes in which a flash crash falls: 7 October 2016 took sterling down within a few."""
CRASH_RETURN_MIN: Final = 40
"""Minutes in which most of it is taken back."""
CRASH_KEPT: Final = 0.3
"""Share of the fall that stays."""


class Shock(NamedTuple):
    """Something that happens to a price: by how much its logarithm moves, and when."""

    at_ns: int
    size: float
    """Signed, in log price."""


class Prices(NamedTuple):
    """Minutes of one symbol, each of shape (n_minutes,); bids in quote currency, > 0."""

    open_ns: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


def amplified(prices: Prices, reference: float, factor: float) -> Prices:
    """Return the prices with every move `factor` times as large, seen from a reference price.

    ``p' = reference · (p / reference) ** factor``: each log return is multiplied, so is volatility.

    Parameters
    ----------
    prices : Prices
        Minutes; NaN stays NaN.
    reference : float
        Price that stays where it is, > 0; the same for all minutes of a symbol.
    factor : float
        At least 1, else highs and lows would still be right but nothing would be worse.
    """
    return prices._replace(
        **{
            name: reference * (getattr(prices, name) / reference) ** factor
            for name in ("open", "high", "low", "close")
        }
    )


def gapped(prices: Prices, gaps: Sequence[Shock]) -> Prices:
    """Return the prices with jumps between two minutes; the level stays moved afterwards.

    The minute that holds a gap's instant is the first on the new level.
    """
    times = np.array([gap.at_ns for gap in gaps], np.int64)
    levels = np.concatenate(([0.0], np.cumsum([gap.size for gap in gaps])))
    before = np.searchsorted(times // MINUTE_NS * MINUTE_NS, prices.open_ns, side="right")
    offset = levels[before]
    return _moved(prices, offset, offset)


def crashed(prices: Prices, crashes: Sequence[Shock]) -> Prices:
    """Return the prices with flash crashes: a fall in minutes, most of it back within an hour.

    A minute's low and high hold the extremes of what the crash does within it.
    """
    start, end = np.zeros(len(prices.open_ns)), np.zeros(len(prices.open_ns))
    for crash in crashes:
        start += crash.size * _crash_shape(prices.open_ns - crash.at_ns)
        end += crash.size * _crash_shape(prices.open_ns + MINUTE_NS - crash.at_ns)
    return _moved(prices, start, end)


def crash_share(open_ns: IntArray, crashes: Sequence[Shock]) -> FloatArray:
    """Return for each minute whether a crash runs in it, 1 while it does and 0 elsewhere."""
    share = np.zeros(len(open_ns))
    for crash in crashes:
        age = open_ns - crash.at_ns
        last_ns = (CRASH_FALL_MIN + CRASH_RETURN_MIN) * MINUTE_NS
        share[(age > -MINUTE_NS) & (age < last_ns)] = 1.0
    return share


def _crash_shape(age_ns: IntArray) -> FloatArray:
    """Return the share of a crash's depth at an age: 0, down to 1, back to `CRASH_KEPT`."""
    minutes = age_ns / MINUTE_NS
    corners = (0.0, float(CRASH_FALL_MIN), float(CRASH_FALL_MIN + CRASH_RETURN_MIN))
    shape: FloatArray = np.interp(minutes, corners, (0.0, 1.0, CRASH_KEPT))
    return shape


def _moved(prices: Prices, start: FloatArray, end: FloatArray) -> Prices:
    """Return the prices moved in log by what holds at each minute's start and end."""
    first, last = np.exp(start), np.exp(end)
    opens, closes = prices.open * first, prices.close * last
    highs = np.maximum.reduce((prices.high * np.maximum(first, last), opens, closes))
    lows = np.minimum.reduce((prices.low * np.minimum(first, last), opens, closes))
    return Prices(prices.open_ns, opens, highs, lows, closes)
