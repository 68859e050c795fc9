"""Have HAR's terms moved from what they looked like in training? By population stability index.

The terms stand on deseasonalised variance, so the mix of hours does not count as drift. Rows of
neighbouring bars share most of their windows and cluster besides: of a term every row counts that
is a window, and at least four hours of M15, after the one before, in training and lately alike.
Measured on M15 2018, fitted on the first half and looked at daily over four weeks: a warning on
1, 8, 0 and 66 % of the days of EURUSD, GBPUSD, AUDUSD and USDJPY; with every fourth row 33, 55, 8
and 94 %.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.learning.drift import FeatureDrift, Reference, feature_drift, reference_of
from models.opinion.volatility import HAR_WINDOWS_BARS, VolatilityModel, har_terms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

THINNED_BARS: Final = 16
"""Fewest bars between two rows that count."""
NAMES: Final = tuple(f"ln_mean_x_{bars}" for bars in HAR_WINDOWS_BARS)


def term_references(
    model: VolatilityModel, close_ns: IntArray, variance: FloatArray
) -> tuple[Reference, ...]:
    """Return what each term looked like over training rows, shape of a tuple (5,).

    Parameters
    ----------
    model : VolatilityModel
        Its season and floor.
    close_ns : ndarray of shape (n_bars,), int64
        Closes of the training rows, oldest first.
    variance : ndarray of shape (n_bars,), float64
        Parkinson variance of each, >= 0.
    """
    terms = _terms(model, close_ns, variance)
    found = []
    for place, step in enumerate(_steps()):
        reference = reference_of(terms[:, place])
        found.append(reference._replace(rows=max(reference.rows // step, 1)))
    return tuple(found)


def term_drifts(
    model: VolatilityModel, close_ns: IntArray, variance: FloatArray
) -> tuple[FeatureDrift, ...]:
    """Return how far each term of the latest rows has moved; empty without references.

    The parameters are those of `term_references`, of bars lately.
    """
    if not model.references:
        return ()
    terms = _terms(model, close_ns, variance)
    return tuple(
        feature_drift(reference, terms[::-1][::step, place])
        for place, (reference, step) in enumerate(zip(model.references, _steps(), strict=True))
    )


def _terms(model: VolatilityModel, close_ns: IntArray, variance: FloatArray) -> FloatArray:
    floored = np.maximum(variance, model.variance_floor)
    return har_terms(floored / model.seasonality.at(np.ascontiguousarray(close_ns)))


def _steps() -> tuple[int, ...]:
    return tuple(max(window, THINNED_BARS) for window in HAR_WINDOWS_BARS)
