"""What a spread usually is at a time of day.

Spreads have a season: narrow in London's hours, wide at the rollover. A fixed ceiling is too high
for the one and too low for the other, so a spread is held against the median of its own hour. The
hour is that of the market's own clock (`models.market.sessions`), on which daylight saving moves
nothing. A median, because one release must not make the next wide spread look usual.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.market.sessions import DAY_NS, HOUR_NS, market_clock_ns

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAJORS: Final = frozenset({"EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD"})
"""Symbols whose spreads are the narrowest, and have the narrower limit."""

SPREAD_SLOTS: Final = DAY_NS // HOUR_NS
"""Times of day that are told apart."""

SPREADS_PER_SLOT_MAX: Final = 120
"""Latest spreads of a slot that count: thirty trading days, at four quotes an hour."""

SPREAD_AGE_NS_MAX: Final = 60 * DAY_NS
"""Age beyond which a spread says nothing of today's, where quotes are rarer or were missing."""


def spread_slot(ts_ns: int) -> int:
    """Return the hour of the trading day that holds an instant, 0 from 17:00 New York."""
    return market_clock_ns(ts_ns) % DAY_NS // HOUR_NS


@njit(cache=True)
def usual_spread(spreads: FloatArray, samples_min: int) -> float:
    """Return the median of the earlier spreads of one slot, NaN where they are too few.

    Parameters
    ----------
    spreads : ndarray of shape (n_samples,), float64
        Earlier spreads of the slot, in points, finite.
    samples_min : int
        Fewest samples that say what is usual, >= 1.
    """
    if len(spreads) < samples_min:
        return np.nan
    return float(np.median(spreads))


@njit(cache=True)
def usual_spreads(spreads: FloatArray, slots: IntArray, samples_min: int) -> FloatArray:
    """Return for each quote of one symbol what its spread usually is, shape (n_quotes,).

    Row t uses rows < t: a quote is never measured by itself. NaN while its slot has fewer than
    `samples_min` earlier quotes, of which the latest `SPREADS_PER_SLOT_MAX` count.

    Parameters
    ----------
    spreads : ndarray of shape (n_quotes,), float64
        Ask less bid in points, oldest first, finite.
    slots : ndarray of shape (n_quotes,), int64
        Slot of each quote, from `spread_slot`.
    samples_min : int
        Fewest earlier samples of a slot, >= 1.
    """
    kept = np.zeros((SPREAD_SLOTS, SPREADS_PER_SLOT_MAX))
    seen = np.zeros(SPREAD_SLOTS, dtype=np.int64)
    usual = np.empty(len(spreads))
    for row in range(len(spreads)):
        slot = slots[row]
        count = min(seen[slot], SPREADS_PER_SLOT_MAX)
        usual[row] = usual_spread(kept[slot, :count], samples_min)
        kept[slot, seen[slot] % SPREADS_PER_SLOT_MAX] = spreads[row]
        seen[slot] += 1
    return usual
