"""Whether one row of losses lies below others by more than luck, for losses that overlap.

Sources: Diebold, Mariano, "Comparing predictive accuracy" (1995), with the small-sample factor of
Harvey, Leybourne, Newbold (1997); Hansen, "A test for superior predictive ability" (2005).
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

FloatArray = NDArray[np.float64]

SPA_DRAWS: Final = 1000


class Difference(NamedTuple):
    """A mean difference of losses; below 0 the first loses less."""

    mean: float
    error: float
    p_value: float
    """One-sided chance of so low a mean without any real difference; 1 where nothing differs."""


def diebold_mariano(loss: FloatArray, other: FloatArray, *, horizon: int, lags: int) -> Difference:
    """Return how far losses lie below others, with an error that knows of overlap.

    Newey-West's variance with Bartlett weights, the factor √((T + 1 − 2h + h(h − 1)/T)/T), and
    Student's t with T − 1 degrees.

    Parameters
    ----------
    loss, other : ndarray of shape (n_rows,), float64, oldest first
        Losses on the same rows; NaN gives NaN.
    horizon : int
        Rows until an outcome is known, ≥ 1.
    lags : int
        Lags of the variance, ≥ horizon − 1.
    """
    difference = loss - other
    rows = len(difference)
    if rows < 2:
        return Difference(float(np.sum(difference)), math.inf, 1.0)
    mean = float(np.mean(difference))
    rest = difference - mean
    variance = float(rest @ rest)
    for lag in range(1, min(lags, rows - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(rest[lag:] @ rest[:-lag])
    factor = (rows + 1.0 - 2.0 * horizon + horizon * (horizon - 1.0) / rows) / rows
    if variance <= 0.0 or factor <= 0.0:
        return Difference(mean, 0.0 if variance <= 0.0 else math.inf, 1.0)
    error = math.sqrt(variance / (rows * rows) / factor)
    return Difference(mean, error, float(stdtr(rows - 1, mean / error)))


def superior_predictive_ability(loss: FloatArray, rivals: FloatArray, *, seed: int) -> float:
    """Return the consistent p of the test that no rival loses less than a benchmark.

    Stationary bootstrap with blocks of √n rows. A rival that never differs from the benchmark is
    left out; without any other, p is 1.

    Parameters
    ----------
    loss : ndarray of shape (n_rows,), float64, oldest first
        Of the benchmark.
    rivals : ndarray of shape (n_rows, n_rivals), float64
        Of all that were tried, not of the chosen one only.
    seed : int
        Of the bootstrap.
    """
    gain = loss[:, None] - rivals
    gain = gain[:, np.ptp(gain, axis=0) > 0.0]
    rows = len(gain)
    if not gain.size:
        return 1.0
    mean = gain.mean(axis=0)
    counts = _bootstrap_counts(rows, math.sqrt(rows), np.random.default_rng(seed))
    drawn = counts @ gain / rows - mean
    deviation = np.maximum(np.sqrt(np.mean(drawn**2, axis=0)), 1e-300)
    found = float(np.max(np.maximum(mean / deviation, 0.0)))
    # A rival that is far behind cannot have the largest gain, so it is not moved up to the null.
    is_near = mean / deviation >= -math.sqrt(2.0 * math.log(math.log(max(rows, 3))))
    null = np.where(is_near, drawn, drawn + mean) / deviation
    largest = np.maximum(null.max(axis=1), 0.0)
    return float(np.mean(largest >= found))


def _bootstrap_counts(rows: int, block: float, generator: np.random.Generator) -> FloatArray:
    # How often each row was drawn, shape (draws, rows): means need no more than that.
    starts = generator.random((SPA_DRAWS, rows)) < 1.0 / block
    starts[:, 0] = True
    first = generator.integers(rows, size=(SPA_DRAWS, rows))
    place = np.maximum.accumulate(np.where(starts, np.arange(rows), 0), axis=1)
    drawn = (np.take_along_axis(first, place, axis=1) + np.arange(rows) - place) % rows
    flat = drawn + rows * np.arange(SPA_DRAWS)[:, None]
    counted = np.bincount(flat.ravel(), minlength=SPA_DRAWS * rows).reshape(SPA_DRAWS, rows)
    counts: FloatArray = counted.astype(np.float64)
    return counts
