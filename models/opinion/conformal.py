"""Bands that keep their promise when the market changes: adaptive conformal inference.

A band between two quantiles of past errors holds its share only while errors stay what they were.
Here each end has a level of its own, which falls a little whenever an outcome lay beyond it and
rises a little whenever none did, so that in the long run the promised share lies inside whatever
the market does. Source: Gibbs, Candès, "Adaptive conformal inference under distribution shift",
arXiv 2106.00170.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ADAPTATION_RATE: Final = 0.01
"""How much one outcome moves the level of an end."""
TABLE_SIZE: Final = 401
"""Quantiles kept of the errors, evenly from the least to the largest."""


def error_table(errors: FloatArray) -> FloatArray:
    """Return the quantiles of the errors that bands are cut from, shape (TABLE_SIZE,)."""
    table: FloatArray = np.quantile(errors, np.linspace(0.0, 1.0, TABLE_SIZE))
    return table


class AdaptiveBand:
    """The band of one forecaster and horizon on its way through the bars.

    Rows may come one by one or in blocks: the bands are the same to the last bit.

    Parameters
    ----------
    table : ndarray of shape (TABLE_SIZE,), float64
        `error_table` of ln(outcome / forecast).
    coverage : float
        Share of outcomes that the band should hold, in (0, 1).
    horizon_bars : int
        Bars until an outcome is known.
    """

    def __init__(self, table: FloatArray, coverage: float, horizon_bars: int) -> None:
        self._table = table
        self._target = (1.0 - coverage) / 2.0
        self._horizon_bars = horizon_bars
        self._levels = np.array([self._target, self._target])
        self.low: FloatArray = np.empty(0)
        """Lower end on the scale of the errors, shape (n_rows,), ≤ 0."""
        self.high: FloatArray = np.empty(0)
        """Upper end, ≥ 0."""

    def extend(self, errors: FloatArray) -> None:
        """Take the errors that became known at the next rows, NaN where none did.

        Row t's error is that of the forecast made at row t − horizon; its band uses rows ≤ t.
        """
        start = len(self.low)
        self.low = np.concatenate((self.low, np.empty(len(errors))))
        self.high = np.concatenate((self.high, np.empty(len(errors))))
        _adapt(
            errors, self._table, self._target, self._horizon_bars, self._levels, start, self.low,
            self.high,
        )  # fmt: skip


@njit(cache=True)
def _adapt(
    errors: FloatArray,
    table: FloatArray,
    target: float,
    horizon_bars: int,
    levels: FloatArray,
    start: int,
    low: FloatArray,
    high: FloatArray,
) -> None:
    for place in range(len(errors)):
        row = start + place
        error = errors[place]
        if row >= horizon_bars and not np.isnan(error):
            below = 1.0 if error < low[row - horizon_bars] else 0.0
            above = 1.0 if error > high[row - horizon_bars] else 0.0
            levels[0] += ADAPTATION_RATE * (target - below)
            levels[1] += ADAPTATION_RATE * (target - above)
        low[row] = min(_quantile(table, levels[0]), 0.0)
        high[row] = max(_quantile(table, 1.0 - levels[1]), 0.0)


@njit(cache=True)
def _quantile(table: FloatArray, level: float) -> float:
    # A level outside 0..1 asks for more than was ever seen: the extreme stands for it.
    place = min(max(level, 0.0), 1.0) * (len(table) - 1)
    below = min(int(place), len(table) - 2)
    share = place - below
    return float(table[below] * (1.0 - share) + table[below + 1] * share)
