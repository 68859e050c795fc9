"""How far a symbol is expected to move: the log-HAR on deseasonalised variance, and its yardsticks.

A bar's variance v comes from its own high and low, so the weekend gap is never in it.
Divided by its seasonal factor s it is x = v/s, and the heterogeneous autoregression (Corsi, 2009)
regresses

    y = ln(sum of the next k v / sum of the next k s)  on  1 and ln mean(x) over 1, 4 .. 480 bars.

The forecast is exp(ŷ) · mean(exp(residual)) · the sum of the next k factors. A model is fitted once
on the history of a trading week and then only filtered through it. Columns grow at their end: row t
uses bars ≤ t and is bit-identical whatever follows it and however the bars were batched, because
its sums run in one direction and every product in one order.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.seasonality import Seasonality, fit_seasonality, week_positions
from models.market.sessions import DAY_NS
from models.opinion.conformal import AdaptiveBand, error_table

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HAR_WINDOWS_BARS: Final = (1, 4, 16, 96, 480)
"""On M15 the last bar, hour, four hours, day and week."""
FLOOR_QUANTILE: Final = 0.01
"""Variances below this quantile of the training rows are lifted to it: a bar without a range has
no finite logarithm."""
RATIO_DAYS_MAX: Final = 60
"""Trailing days whose ratios set the limit of the veto."""
ATR_SCALE_MIN: Final = 0.7
ATR_SCALE_MAX: Final = 1.6
VARIANCE_MIN: Final = 1e-14
"""Least variance of a bar: a thousandth of a basis point, squared. Real ones are far above it."""
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


@dataclass(frozen=True, slots=True)
class Unfitted:
    """Why there is no model."""

    reason: str
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class VolatilityColumns:
    """Forecasts of one horizon, one row a bar; NaN while the longest window is not full."""

    sigma_frac: FloatArray
    """Standard deviation of the log return over the horizon."""
    sigma_low_frac: FloatArray
    sigma_high_frac: FloatArray
    vol_ratio: FloatArray
    """Forecast variance over what the season alone would forecast."""


def parkinson_variance(high: FloatArray, low: FloatArray) -> FloatArray:
    """Return (ln H/L)² / (4 ln 2) of each bar, shape (n_bars,), from prices inside the bar only.

    Source: Parkinson, "The extreme value method for estimating the variance of the rate of return",
    1980. Forecasts built on it scored as well as on Garman-Klass on M15, with one price less.
    """
    span = _log_ratio(high, low)
    variance: FloatArray = span * span / (4.0 * np.log(2.0))
    return variance


def har_terms(x: FloatArray) -> FloatArray:
    """Return ln mean(x) over each of the windows, shape (n_bars, 5); NaN until a window is full.

    Parameters
    ----------
    x : ndarray of shape (n_bars,), float64
        Deseasonalised variance, > 0, oldest first. Row t uses rows ≤ t.
    """
    return _terms_of_sums(np.concatenate(([0.0], np.cumsum(x))))


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


class VolatilityFilter:
    """One model carried through the bars of a week.

    Bars may come one by one or in blocks: the rows are the same to the last bit.
    """

    def __init__(self, model: VolatilityModel) -> None:
        self.model = model
        self._x_sums: FloatArray = np.zeros(1)
        self._variance_sums: FloatArray = np.zeros(1)
        self._positions: IntArray = np.empty(0, dtype=np.int64)
        self._tracks = [_Track(fit, model.coverage) for fit in model.fits]

    def __len__(self) -> int:
        return len(self._positions)

    def extend(self, close_ns: IntArray, variance: FloatArray) -> None:
        """Take the bars that follow those taken so far."""
        start = len(self)
        positions = week_positions(close_ns, self.model.seasonality.length_ns)
        floored = np.maximum(variance, self.model.variance_floor)
        x = floored / self.model.seasonality.factors[positions]
        self._x_sums = _carried_on(self._x_sums, x)
        self._variance_sums = _carried_on(self._variance_sums, floored)
        self._positions = np.concatenate((self._positions, positions))
        terms = _terms_of_sums(self._x_sums, start)
        for place, track in enumerate(self._tracks):
            log_ratio = har_log_ratio(track.fit, terms) + self.correction(place, terms, start)
            track.extend(log_ratio, self._positions, self._variance_sums)

    def extend_prices(
        self,
        close_ns: IntArray,
        opened: FloatArray,
        high: FloatArray,
        low: FloatArray,
        close: FloatArray,
    ) -> None:
        """Take the bars that follow, whole, for those who look at more than their range."""
        del opened, close
        self.extend(close_ns, parkinson_variance(high, low))

    def correction(self, place: int, terms: FloatArray, start: int) -> FloatArray | float:
        """Return what is added to a horizon's log forecast in the rows from `start` on."""
        del place, terms, start
        return 0.0

    def columns(self, fit: HarFit, rows: int) -> VolatilityColumns:
        """Return the forecasts of the newest `rows` bars for one of the model's horizons."""
        start = max(len(self) - rows, 0)
        track = next(track for track in self._tracks if track.fit is fit)
        relative = track.relative[start:]
        sigma = np.sqrt(relative * fit.ahead[self._positions[start:]])
        return VolatilityColumns(
            sigma_frac=sigma,
            sigma_low_frac=sigma * np.exp(0.5 * track.band.low[start:]),
            sigma_high_frac=sigma * np.exp(0.5 * track.band.high[start:]),
            vol_ratio=relative / fit.level,
        )


class _Track:
    # One horizon's forecasts so far, and its band.

    def __init__(self, fit: HarFit, coverage: float) -> None:
        self.fit = fit
        self.relative: FloatArray = np.empty(0)
        self.band = AdaptiveBand(fit.errors, coverage, fit.horizon_bars)

    def extend(self, log_ratio: FloatArray, positions: IntArray, variance_sums: FloatArray) -> None:
        start, horizon = len(self.relative), self.fit.horizon_bars
        self.relative = np.concatenate((self.relative, np.exp(log_ratio) * self.fit.smear))
        errors = np.full(len(log_ratio), np.nan)
        first = max(start, horizon)
        if first < len(self.relative):
            made = slice(first - horizon, len(self.relative) - horizon)
            forecast = self.relative[made] * self.fit.ahead[positions[made]]
            outcome = variance_sums[first + 1 :] - variance_sums[first + 1 - horizon : -horizon]
            errors[first - start :] = np.log(outcome / forecast)
        self.band.extend(errors)


def atr_scale(vol_ratio: float) -> float:
    """Return the factor for stop distances: the square root of the ratio, within 0.7..1.6."""
    return float(min(max(vol_ratio**0.5, ATR_SCALE_MIN), ATR_SCALE_MAX))


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


def _terms_of_sums(sums: FloatArray, from_row: int = 0) -> FloatArray:
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


def _carried_on(sums: FloatArray, values: FloatArray) -> FloatArray:
    # In one direction, so that a block adds up as its bars do one by one.
    return np.concatenate((sums, np.cumsum(np.concatenate((sums[-1:], values)))[1:]))
