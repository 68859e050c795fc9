"""How volatile each bar of the trading week usually is.

The largest single gain in forecasting intraday volatility. The season is kept on the market's own
clock (New York plus seven hours, see `models.market.sessions`), on which daylight saving never
moves a slot and the week is five whole days: a table with one factor for each bar of the week is
the whole model. Logs of variance are averaged, not variances: their seasonal is far less noisy
(Martens, Chang, Taylor, "A comparison of seasonal adjustment methods when forecasting intraday
volatility", 2002).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import DAY_NS, HOUR_NS, TRADING_WEEK_DAYS, market_clock_ns

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SMOOTHING_SLOTS: Final = 2
"""Neighbours on either side that a slot of the day is averaged with."""
SMOOTHING_NS: Final = HOUR_NS // 2
"""How far a neighbour may be away: an hour earlier is another market."""
WEEKDAY_PRIOR_DAYS: Final = 10.0
"""Days of data at which a weekday's own factor gets half its say: weekdays differ by much less than
one day differs from the next."""
OPEN_PRIOR_WEEKS: Final = 4.0
"""Weeks of data at which the week's opening bar gets half of its own factor."""
HOUR_PRIOR_WEEKS: Final = 4.0
"""Weeks of data at which a bar of the week gets half of its own factor, where bars are an hour or
longer. Shorter ones are too many for that."""
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday, Monday is 0
_WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Seasonality:
    """The usual variance of each bar of the trading week, up to a common level."""

    length_ns: int
    factors: FloatArray
    """Shape (bars of a week,), all > 0; the first bar opens on Sunday at 17:00 New York."""

    def at(self, close_ns: IntArray) -> FloatArray:
        """Return the factor of each bar, shape (n_bars,)."""
        factors: FloatArray = self.factors[week_positions(close_ns, self.length_ns)]
        return factors

    def ahead(self, horizon_bars: int) -> FloatArray:
        """Return, for each bar of the week, the sum of the factors of the bars that follow it.

        The week's last bar is followed by the next week's first: bars count, not clock time.
        """
        steps = [np.roll(self.factors, -step) for step in range(1, horizon_bars + 1)]
        ahead: FloatArray = np.sum(steps, axis=0)
        return ahead


def week_positions(close_ns: IntArray, length_ns: int) -> IntArray:
    """Return the place of each bar in its trading week, 0 for the bar that opens the week.

    Parameters
    ----------
    close_ns : ndarray of shape (n_bars,), int64
        Closes in nanoseconds UTC.
    length_ns : int
        Length of a bar; it divides a day.

    Returns
    -------
    ndarray of shape (n_bars,), int64
        In [0, bars of a week). A stray weekend bar counts as one of the following days.
    """
    open_ns = close_ns - length_ns
    hours, hour_of_bar = np.unique(open_ns // HOUR_NS, return_inverse=True)
    # Daylight saving switches on full hours, so all bars of an hour share one shift.
    shifts = [market_clock_ns(int(hour) * HOUR_NS) - int(hour) * HOUR_NS for hour in hours]
    market_ns = open_ns + np.array(shifts, dtype=np.int64)[hour_of_bar]
    day = (market_ns // DAY_NS + _EPOCH_WEEKDAY) % _WEEK_DAYS
    slots = DAY_NS // length_ns
    position: IntArray = day * slots + market_ns % DAY_NS // length_ns
    return position % (TRADING_WEEK_DAYS * slots)


def fit_seasonality(
    close_ns: IntArray,
    log_variance: FloatArray,
    length_ns: int,
    *,
    weekday_prior_days: float = WEEKDAY_PRIOR_DAYS,
    open_prior_weeks: float = OPEN_PRIOR_WEEKS,
    hour_prior_weeks: float = HOUR_PRIOR_WEEKS,
) -> Seasonality:
    """Fit the season: time of day, times a shrunk weekday, times the week's opening bar.

    Bars of an hour or longer have a factor of their own each, shrunk towards that product.

    Every row is used, so pass training rows only.

    Parameters
    ----------
    close_ns : ndarray of shape (n_bars,), int64
        Closes in nanoseconds UTC.
    log_variance : ndarray of shape (n_bars,), float64
        Log of each bar's variance; finite, at least one bar.
    length_ns : int
        Length of a bar; it divides a day.
    weekday_prior_days, open_prior_weeks, hour_prior_weeks : float
        Strength of the pull towards no such effect; infinity leaves the effect out.
    """
    if not len(log_variance) or not np.isfinite(log_variance).all():
        raise ValueError("log_variance must hold at least one bar and be finite: floor it first")
    slots = DAY_NS // length_ns
    positions = week_positions(close_ns, length_ns)
    reach = min(SMOOTHING_SLOTS, SMOOTHING_NS // length_ns, (slots - 1) // 2)
    table = np.tile(_time_of_day(positions % slots, log_variance, slots, reach), TRADING_WEEK_DAYS)
    day_effects = _shrunk_means(
        positions // slots,
        log_variance - table[positions],
        TRADING_WEEK_DAYS,
        weekday_prior_days * slots,
    )
    table += np.repeat(day_effects, slots)
    is_open = positions == 0
    opening = _shrunk_means(
        positions[is_open], (log_variance - table[positions])[is_open], 1, open_prior_weeks
    )
    table[0] += opening[0]
    if length_ns >= HOUR_NS:
        rest = log_variance - table[positions]
        table += _shrunk_means(positions, rest, len(table), hour_prior_weeks)
    return Seasonality(length_ns=length_ns, factors=np.exp(table))


def _time_of_day(slot: IntArray, log_variance: FloatArray, slots: int, reach: int) -> FloatArray:
    counts = np.bincount(slot, minlength=slots)
    sums = np.bincount(slot, weights=log_variance, minlength=slots)
    means = np.full(slots, log_variance.mean())  # what a slot without a bar is taken to be
    np.divide(sums, counts, out=means, where=counts > 0)
    rolled = [np.roll(means, step) for step in range(-reach, reach + 1)]
    smooth: FloatArray = np.mean(rolled, axis=0)
    return smooth


def _shrunk_means(
    group: IntArray, values: FloatArray, groups: int, prior_rows: float
) -> FloatArray:
    counts = np.bincount(group, minlength=groups)
    sums = np.bincount(group, weights=values, minlength=groups)
    shrunk: FloatArray = sums / np.maximum(counts + prior_rows, 1.0)
    return shrunk
