"""How far a symbol is expected to move: the log-HAR on deseasonalised variance.

A bar's variance v divided by its seasonal factor s is x = v/s, and the heterogeneous autoregression
(Corsi, 2009) regresses

    y = ln(sum of the next k v / sum of the next k s)  on  1 and ln mean(x) over 1, 4 .. 480 bars.

The forecast is exp(ŷ) · mean(exp(residual)) · the sum of the next k factors. A model is fitted once
on the history of a trading week and then only filtered through it (`volatility_filter`). Row t uses
bars ≤ t and is bit-identical whatever follows it, because its sums run in one direction and every
product in one order.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.learning.drift import Reference
from models.market.seasonality import Seasonality, fit_seasonality
from models.market.sessions import DAY_NS
from models.opinion.conformal import error_table
from models.opinion.variance import VARIANCE_MIN, forward_sums

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HAR_WINDOWS_BARS: Final = (1, 4, 16, 96, 480)
"""On M15 the last bar, hour, four hours, day and week."""
FLOOR_QUANTILE: Final = 0.01
"""Variances below this quantile of the training rows are lifted to it: a bar without a range has
no finite logarithm."""
RATIO_DAYS_MAX: Final = 60
"""Trailing days whose ratios set the limit of the veto."""
_WARM_UP_BARS: Final = HAR_WINDOWS_BARS[-1] - 1


@dataclass(frozen=True, slots=True)
class HarFit:
    """The regression for one horizon."""

    horizon_bars: int
    intercept: float
    slopes: tuple[float, ...]
    smear: float
    """mean(exp(residual)), which turns the forecast of a log into that of a mean."""
    level: float
    """Mean of exp(y) over the training rows: what the season alone would forecast."""
    errors: FloatArray
    """`conformal.error_table` of ln(outcome / forecast) over the training rows."""
    ratio_limit: float
    """Quantile of the trailing ratios of forecast to season."""
    ahead: FloatArray
    """Sum of the next factors, for each bar of the week."""


@dataclass(frozen=True, slots=True)
class VolatilityModel:
    """What is fitted on one symbol's history for one trading week."""

    seasonality: Seasonality
    variance_floor: float
    fits: tuple[HarFit, ...]
    """In the order of the horizons asked for."""
    coverage: float
    """Share of outcomes that the bands should hold, in (0, 1)."""
    version: str
    """Content hash: the same bars and settings give the same text."""
    references: tuple[Reference, ...] = ()
    """What each of HAR's terms looked like in training; empty where nobody asks for drift."""


@dataclass(frozen=True, slots=True)
class Unfitted:
    """Why there is no model."""

    reason: str
    have: int
    need: int


def har_terms(x: FloatArray) -> FloatArray:
    """Return ln mean(x) over each of the windows, shape (n_bars, 5); NaN until a window is full.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), float64
        Deseasonalised variance, > 0, oldest first. Row t uses rows ≤ t.
    """
    return terms_of_sums(np.concatenate(([0.0], np.cumsum(x))))


def fit_har(
    variance: FloatArray,
    factors: FloatArray,
    terms: FloatArray,
    seasonality: Seasonality,
    horizon_bars: int,
    *,
    veto_quantile: float,
) -> HarFit:
    """Fit one horizon on every row whose terms are full and whose outcome is among the rows.

    Parameters
    ----------
    variance, factors : ndarray of shape (n_bars,), float64
        Variance of each bar and its seasonal factor, > 0.
    terms : ndarray of shape (n_bars, 5), float64
        `har_terms` of their quotient.
    seasonality : Seasonality
        Season that the factors came from.
    horizon_bars : int
        Bars ahead.
    veto_quantile : float
        Quantile of the trailing ratios that becomes their limit.
    """
    last = len(variance) - horizon_bars
    target = np.log(
        forward_sums(variance, horizon_bars)[_WARM_UP_BARS:last]
        / forward_sums(factors, horizon_bars)[_WARM_UP_BARS:last]
    )
    rows = terms[_WARM_UP_BARS:last]
    design = np.column_stack((np.ones(len(rows)), rows))
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    residual = target - _linear(float(solution[0]), tuple(map(float, solution[1:])), rows)
    smear = float(np.mean(np.exp(residual)))
    level = float(np.mean(np.exp(target)))
    trailing = terms[_WARM_UP_BARS:][-RATIO_DAYS_MAX * (DAY_NS // seasonality.length_ns) :]
    log_ratio = _linear(float(solution[0]), tuple(map(float, solution[1:])), trailing)
    return HarFit(
        horizon_bars=horizon_bars,
        intercept=float(solution[0]),
        slopes=tuple(map(float, solution[1:])),
        smear=smear,
        level=level,
        errors=error_table(residual - np.log(smear)),
        ratio_limit=float(np.quantile(np.exp(log_ratio) * (smear / level), veto_quantile)),
        ahead=seasonality.ahead(horizon_bars),
    )


def fit_volatility(
    close_ns: IntArray,
    variance: FloatArray,
    length_ns: int,
    horizons_bars: tuple[int, ...],
    *,
    coverage: float,
    veto_quantile: float,
    rows_min: int,
) -> VolatilityModel | Unfitted:
    """Fit season and regressions on a symbol's history, or say what is missing.

    Parameters
    ----------
    close_ns : ndarray of shape (n_bars,), int64
        Closes in nanoseconds UTC, strictly increasing.
    variance : ndarray of shape (n_bars,), float64
        Variance of each bar, ≥ 0.
    length_ns : int
        Length of a bar.
    horizons_bars : tuple of int
        Horizons to fit.
    coverage : float
        Share of outcomes that the bands should hold, in (0, 1).
    veto_quantile : float
        See `fit_har`.
    rows_min : int
        Rows that the regression needs beyond its longest window and horizon.
    """
    need = HAR_WINDOWS_BARS[-1] + max(horizons_bars) + rows_min
    if len(variance) < need:
        return Unfitted("too few bars", len(variance), need)
    moving = variance[variance > 0.0]
    if len(moving) < need // 2:
        return Unfitted("too few bars that move", len(moving), need // 2)
    floor = max(float(np.quantile(moving, FLOOR_QUANTILE)), VARIANCE_MIN)
    floored = np.maximum(variance, floor)
    seasonality = fit_seasonality(close_ns, np.log(floored), length_ns)
    factors = seasonality.at(close_ns)
    terms = har_terms(floored / factors)
    fits = tuple(
        fit_har(
            floored,
            factors,
            terms,
            seasonality,
            horizon,
            veto_quantile=veto_quantile,
        )
        for horizon in horizons_bars
    )
    version = f"har/{content_hash(seasonality, floor, fits)}"
    return VolatilityModel(seasonality, floor, fits, coverage, version)


def har_log_ratio(fit: HarFit, terms: FloatArray) -> FloatArray:
    """Return ŷ, HAR's log of the next variances over the next factors, shape (n_bars,)."""
    return _linear(fit.intercept, fit.slopes, terms)


def content_hash(seasonality: Seasonality, floor: float, fits: tuple[HarFit, ...]) -> str:
    """Return twelve hex digits that change with any number of a model."""
    digest = hashlib.sha256(seasonality.factors.tobytes())
    digest.update(np.array([floor]).tobytes())
    for fit in fits:
        numbers = (fit.intercept, *fit.slopes, fit.smear, fit.level)
        digest.update(np.array([fit.horizon_bars, fit.ratio_limit, *numbers]).tobytes())
        digest.update(fit.errors.tobytes())
    return digest.hexdigest()[:12]


def terms_of_sums(sums: FloatArray, from_row: int = 0) -> FloatArray:
    """Return HAR's terms of the rows from one on, of the running sums of x that begin with 0."""
    terms = np.full((len(sums) - 1 - from_row, len(HAR_WINDOWS_BARS)), np.nan)
    for column, window in enumerate(HAR_WINDOWS_BARS):
        end = max(window, from_row + 1)
        means = (sums[end:] - sums[end - window : -window]) / window
        terms[end - 1 - from_row :, column] = np.log(means)
    return terms


def _linear(intercept: float, slopes: tuple[float, ...], terms: FloatArray) -> FloatArray:
    # Not a matrix product: BLAS may add in another order for one row than for many.
    total = np.full(len(terms), intercept)
    for column, slope in enumerate(slopes):
        total += slope * np.ascontiguousarray(terms[:, column])
    return total
