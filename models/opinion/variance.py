"""The variance of bars, what it adds up to over a horizon, and the loss of a forecast of it.

A bar's variance v comes from its own high and low, so the weekend gap is never in it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

VARIANCE_MIN: Final = 1e-14
"""Least variance of a bar: a thousandth of a basis point, squared. Real ones are far above it."""


def parkinson_variance(high: FloatArray, low: FloatArray) -> FloatArray:
    """Return (ln H/L)² / (4 ln 2) of each bar, shape (n_bars,), from prices inside the bar only.

    Source: Parkinson, "The extreme value method for estimating the variance of the rate of return",
    1980. Forecasts built on it scored as well as on Garman-Klass on M15, with one price less.
    """
    span = _log_ratio(high, low)
    variance: FloatArray = span * span / (4.0 * np.log(2.0))
    return variance


def forward_sums(values: FloatArray, horizon_bars: int) -> FloatArray:
    """Return the sum of the next k values of each row, shape (n_bars,); NaN in the last k rows."""
    sums = np.cumsum(values)
    ahead = np.full(len(values), np.nan)
    ahead[:-horizon_bars] = sums[horizon_bars:] - sums[:-horizon_bars]
    return ahead


def trailing_sums(values: FloatArray, window_bars: int) -> FloatArray:
    """Return the sum of each row and the k − 1 before it, shape (n_bars,); NaN in the first rows.

    The random walk's forecast of the next k variances.
    """
    sums = np.concatenate(([0.0], np.cumsum(values)))
    trailing = np.full(len(values), np.nan)
    trailing[window_bars - 1 :] = sums[window_bars:] - sums[:-window_bars]
    return trailing


def qlike(realised: FloatArray, forecast: FloatArray) -> FloatArray:
    """Return RV/h − ln(RV/h) − 1 of each row: 0 for a perfect forecast, unbounded if h is too low.

    One of the two losses that rank forecasts correctly against a noisy proxy (Patton, 2011).
    """
    ratio = realised / forecast
    return ratio - np.log(ratio) - 1.0


def random_walk_sigma_frac(variance: FloatArray, horizon_bars: int) -> float:
    """Return what the mean variance of the bars makes of the horizon; > 0, for want of a model.

    Parameters
    ----------
    variance : ndarray of shape (n_bars,), float64
        Variance of the bars to carry forward, ≥ 0.
    horizon_bars : int
        Bars ahead.
    """
    mean = float(np.mean(variance)) if len(variance) else 0.0
    return float((horizon_bars * max(mean, VARIANCE_MIN)) ** 0.5)


def _log_ratio(upper: FloatArray, lower: FloatArray) -> FloatArray:
    # Contiguous: for strided input numpy may take another code path, with another last bit.
    ratio: FloatArray = np.log(np.ascontiguousarray(upper) / np.ascontiguousarray(lower))
    return ratio
