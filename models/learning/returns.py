"""What an equity curve says: return, risk, and the ratio of both with its standard error.

Returns are those of trading days, which end at 17:00 New York, so a weekend is no day without
movement. Figures of which nothing can be said are NaN: a ratio of fewer than `RETURNS_MIN` returns,
a growth a year of less than `YEAR_SHARE_MIN` of a year. NaN in any input raises ValueError.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TRADING_DAYS_A_YEAR: Final = 260
"""Monday to Friday, 52 weeks: the FX market has no other holidays that empty a whole day."""
RETURNS_MIN: Final = 20
"""A month of days: below it the standard error of a ratio is as large as any ratio of interest."""
YEAR_SHARE_MIN: Final = 1.0 / 12.0
"""Growth of a shorter time, raised to a whole year, is a number without meaning."""
YEAR_NS: Final = int(365.25 * 86_400) * 1_000_000_000


class Ratio(NamedTuple):
    """A ratio a year with its standard error; both NaN where nothing can be said."""

    value: float
    error: float


class Fall(NamedTuple):
    """The deepest fall of a curve below its highest value before."""

    depth_frac: float
    peak_row: int
    trough_row: int
    end_row: int
    """First row at which the peak was reached again, the last row if it never was."""
    is_recovered: bool


_UNKNOWN: Final = Ratio(math.nan, math.nan)


def daily_closes(day: IntArray, equity: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return each day's last equity.

    Parameters
    ----------
    day : ndarray of shape (n_points,), int64, not falling
        Number of the trading day of each point.
    equity : ndarray of shape (n_points,), float64
        Equity in account currency, > 0.

    Returns
    -------
    tuple of ndarray of shape (n_days,)
        Days that have a point, and the equity of their last one.
    """
    _require_finite(equity)
    if len(day) == 0:
        return day, equity
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    return day[last], equity[last]


def simple_returns(start_equity: float, closes: FloatArray) -> FloatArray:
    """Return the simple return of each day, the first one against what the account began with.

    Row t uses closes ≤ t. Shape (n_days,), as a fraction.
    """
    _require_finite(closes)
    before = np.concatenate(([start_equity], closes[:-1])) if len(closes) else closes
    result: FloatArray = closes / before - 1.0
    return result


def yearly_growth_frac(start_equity: float, end_equity: float, length_ns: int) -> float:
    """Return the compound growth a year (CAGR); NaN for less than a month or an equity ≤ 0.

    From less than a year it is an extrapolation, which whoever shows it must say.
    """
    years = length_ns / YEAR_NS
    if years < YEAR_SHARE_MIN or start_equity <= 0.0 or end_equity <= 0.0:
        return math.nan
    return float((end_equity / start_equity) ** (1.0 / years) - 1.0)


def yearly_volatility_frac(returns: FloatArray) -> float:
    """Return the standard deviation of daily returns, a year; NaN for too few returns."""
    _require_finite(returns)
    if len(returns) < RETURNS_MIN:
        return math.nan
    return float(np.std(returns, ddof=1)) * math.sqrt(TRADING_DAYS_A_YEAR)


def sharpe_ratio(returns: FloatArray) -> Ratio:
    """Return mean over standard deviation of daily returns, a year, with its standard error.

    Without a riskless rate: the margin of an FX account earns none. The error is that of the delta
    method, which holds for skewed and heavy-tailed returns but not for dependent ones. Source:
    Mertens, "Comments on variance of the IID estimator in Lo (2002)", 2002.
    """
    _require_finite(returns)
    if len(returns) < RETURNS_MIN:
        return _UNKNOWN
    mean, deviation = float(np.mean(returns)), float(np.std(returns, ddof=1))
    if deviation == 0.0:
        return _UNKNOWN
    excess = returns - mean
    influence = excess / deviation - mean / (2.0 * deviation**3) * (excess**2 - deviation**2)
    return _yearly(mean / deviation, influence)


def sortino_ratio(returns: FloatArray) -> Ratio:
    """Return mean over downside deviation of daily returns, a year, with its standard error.

    The downside deviation is the root of the mean square of the returns below 0, taken over all
    returns. Source: Sortino, Price, "Performance measurement in a downside risk framework", 1994.
    """
    _require_finite(returns)
    losses = np.minimum(returns, 0.0)
    square = float(np.mean(losses**2)) if len(returns) else 0.0
    if len(returns) < RETURNS_MIN or square == 0.0:
        return _UNKNOWN
    mean, downside = float(np.mean(returns)), math.sqrt(square)
    influence = (returns - mean) / downside - mean / (2.0 * downside**3) * (losses**2 - square)
    return _yearly(mean / downside, influence)


def _yearly(daily: float, influence: FloatArray) -> Ratio:
    scale = math.sqrt(TRADING_DAYS_A_YEAR)
    error = float(np.std(influence, ddof=1)) / math.sqrt(len(influence))
    return Ratio(daily * scale, error * scale)


def under_water_frac(equity: FloatArray) -> FloatArray:
    """Return the share by which each point lies below the highest before it, ≤ 0.

    Row t uses points ≤ t. Shape (n_points,).
    """
    _require_finite(equity)
    result: FloatArray = equity / np.maximum.accumulate(equity) - 1.0
    return result


def deepest_fall(equity: FloatArray) -> Fall:
    """Return the deepest fall of an equity curve; its depth is 0 where the curve never falls."""
    if len(equity) == 0:
        return Fall(0.0, 0, 0, 0, is_recovered=True)
    water = under_water_frac(equity)
    trough = int(np.argmin(water))
    peak = int(np.argmax(equity[: trough + 1]))
    back = np.flatnonzero(equity[trough:] >= equity[peak])
    end = trough + int(back[0]) if len(back) else len(equity) - 1
    return Fall(-float(water[trough]), peak, trough, end, is_recovered=bool(len(back)))


def calmar_ratio(growth_frac: float, fall_frac: float) -> float:
    """Return growth a year over the deepest fall; NaN where either is unknown or nothing fell.

    Source: Young, "Calmar ratio: a smoother tool", Futures, 1991.
    """
    return growth_frac / fall_frac if fall_frac > 0.0 else math.nan


def monthly_returns(
    month: IntArray, start_equity: float, closes: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return the months that have a close, and the return of each against the one before.

    Parameters
    ----------
    month : ndarray of shape (n_days,), int64, not falling
        Number of the month of each close.
    start_equity : float
        Equity before the first day.
    closes : ndarray of shape (n_days,), float64
        Equity at the end of each day.
    """
    months, last = daily_closes(month, closes)
    return months, simple_returns(start_equity, last)


def _require_finite(values: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("equity and returns must be finite: a gap is no return of 0")
