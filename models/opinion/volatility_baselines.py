"""The yardsticks of a volatility forecast: what it has to be better than to be worth anything.

Each forecasts the sum of the next k variances, up to a constant factor that `levelled` removes, so
that a method is compared by its shape and not by the level of its proxy. Every row uses bars ≤ t.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.market.seasonality import Seasonality
from models.opinion.variance import forward_sums, trailing_sums
from models.opinion.volatility import HarFit, fit_har, har_log_ratio, har_terms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EWMA_DECAY: Final = 0.94
"""RiskMetrics' daily decay, the usual yardstick on any timeframe."""
ATR_BARS: Final = 14
RANDOM_WALK: Final = "random walk"
HAR_DESEASONALISED: Final = "HAR deseasonalised"


@dataclass(frozen=True, slots=True)
class VarianceSeries:
    """One symbol's bars as forecasters of variance see them; all of shape (n_bars,)."""

    close_ns: IntArray
    log_return: FloatArray
    """ln close/open of the bar."""
    log_range: FloatArray
    """ln high/low of the bar."""
    variance: FloatArray
    """Of the bar, > 0: floor it first."""


@dataclass(frozen=True, slots=True)
class GarchFit:
    """GARCH(1,1) with Student's t on returns of unit deviation: s² ← omega + alpha r² + beta s²."""

    omega: float
    alpha: float
    beta: float
    scale: float
    """Factor from returns to those of unit deviation."""


def fit_garch(log_return: FloatArray) -> GarchFit:
    """Fit on training rows; once a window, because a fit costs a hundred thousand filter steps.

    Source: Bollerslev, "Generalized autoregressive conditional heteroskedasticity", 1986; the
    likelihood and its optimiser are those of `arch`.

    Parameters
    ----------
    log_return : ndarray of shape (n_rows,), float64
        Returns without the gaps between bars; training rows only, finite.
    """
    from arch import arch_model

    scale = 1.0 / float(log_return.std())
    model = arch_model(
        log_return * scale, vol="GARCH", p=1, q=1, dist="t", mean="Zero", rescale=False
    )
    found = model.fit(disp="off", show_warning=False).params
    return GarchFit(
        omega=float(found["omega"]),
        alpha=float(found["alpha[1]"]),
        beta=float(found["beta[1]"]),
        scale=scale,
    )


def garch_sums(log_return: FloatArray, fit: GarchFit, horizon_bars: int) -> FloatArray:
    """Return the forecast sum of the next k variances, shape (n_rows,), in the returns' own unit.

    The recursion starts at 1, the unit's variance. Summed step by step, because the closed form
    divides by 1 − alpha − beta, which a fit may put at 0.
    """
    sums: FloatArray = _garch_sums(
        log_return * fit.scale, fit.omega, fit.alpha, fit.beta, horizon_bars
    )
    unscaled: FloatArray = sums / fit.scale**2
    return unscaled


def ewma(values: FloatArray, decay: float = EWMA_DECAY) -> FloatArray:
    """Return the exponentially weighted mean, shape (n_bars,), which starts at the first value."""
    means: FloatArray = _ewma(values, decay)
    return means


def atr_variance(log_range: FloatArray, window_bars: int = ATR_BARS) -> FloatArray:
    """Return the squared mean of ln H/L over a window, shape (n_bars,): what an ATR would say."""
    mean = trailing_sums(log_range, window_bars) / window_bars
    return mean * mean


def levelled(forecast: FloatArray, outcome: FloatArray, rows: slice) -> FloatArray:
    """Return the forecast times the factor that gives it the outcome's mean over training rows."""
    factor = float(outcome[rows].mean() / forecast[rows].mean())
    return forecast * factor


def har_forecast(variance: FloatArray, factors: FloatArray, fit: HarFit) -> FloatArray:
    """Return HAR's forecast of the next k variances, shape (n_bars,); NaN in its warm-up."""
    ahead = forward_sums(factors, fit.horizon_bars)
    return np.exp(har_log_ratio(fit, har_terms(variance / factors))) * fit.smear * ahead


def baseline_forecasts(
    series: VarianceSeries, season: Seasonality, horizon_bars: int, train_rows: int
) -> dict[str, FloatArray]:
    """Return the forecasts of all yardsticks by name, each of shape (n_bars,).

    Parameters
    ----------
    series : VarianceSeries
        One symbol.
    season : Seasonality
        Fitted on training rows.
    horizon_bars : int
        k. Season and forecasts count bars, not clock time.
    train_rows : int
        Bars known when the models are fitted; outcomes lie among them too.

    Returns
    -------
    dict
        Forecasts of the sum of the next k variances; NaN while a window is not full, and in the
        last k rows of those that know the season by the bars that came.
    """
    variance, factors = series.variance, season.at(series.close_ns)
    ahead = forward_sums(factors, horizon_bars)
    flat = np.ones(len(variance))
    unseasonal = Seasonality(season.length_ns, np.ones_like(season.factors))
    known = slice(0, train_rows - horizon_bars)

    def har(divisors: FloatArray, by: Seasonality) -> FloatArray:
        terms = har_terms(variance[:train_rows] / divisors[:train_rows])
        fit = fit_har(
            variance[:train_rows], divisors[:train_rows], terms, by, horizon_bars, veto_quantile=0.5
        )
        return har_forecast(variance, divisors, fit)

    def garch(returns: FloatArray) -> FloatArray:
        return garch_sums(returns, fit_garch(returns[known]), horizon_bars)

    return {
        RANDOM_WALK: trailing_sums(variance, horizon_bars),
        "EWMA of squared returns": ewma(series.log_return**2),
        "EWMA of variance": ewma(variance),
        "ATR": atr_variance(series.log_range),
        "GARCH-t": garch(series.log_return),
        "HAR": har(flat, unseasonal),
        "season alone": ahead,
        "EWMA of deseasonalised variance": ewma(variance / factors) * ahead,
        "GARCH-t deseasonalised": garch(series.log_return / np.sqrt(factors))
        / horizon_bars
        * ahead,
        HAR_DESEASONALISED: har(factors, season),
    }


@njit(cache=True)
def _ewma(values: FloatArray, decay: float) -> FloatArray:
    means = np.empty(len(values))
    mean = values[0] if len(values) else 0.0
    for row in range(len(values)):
        mean = decay * mean + (1.0 - decay) * values[row]
        means[row] = mean
    return means


@njit(cache=True)
def _garch_sums(
    unit_return: FloatArray, omega: float, alpha: float, beta: float, horizon_bars: int
) -> FloatArray:
    sums = np.empty(len(unit_return))
    variance = 1.0
    for row in range(len(unit_return)):
        variance = omega + alpha * unit_return[row] ** 2 + beta * variance
        step, total = variance, variance
        for _ in range(horizon_bars - 1):
            step = omega + (alpha + beta) * step
            total += step
        sums[row] = total
    return sums
