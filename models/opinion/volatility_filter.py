"""A fitted forecast of volatility carried through the bars of a week, with its band.

Columns grow at their end: row t uses bars ≤ t and is bit-identical whatever follows it and however
the bars were batched.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.seasonality import week_positions
from models.opinion.conformal import AdaptiveBand
from models.opinion.variance import parkinson_variance
from models.opinion.volatility import HarFit, VolatilityModel, har_log_ratio, terms_of_sums

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ATR_SCALE_MIN: Final = 0.7
ATR_SCALE_MAX: Final = 1.6


@dataclass(frozen=True, slots=True)
class VolatilityColumns:
    """Forecasts of one horizon, one row a bar; NaN while the longest window is not full."""

    sigma_frac: FloatArray
    """Standard deviation of the log return over the horizon."""
    sigma_low_frac: FloatArray
    sigma_high_frac: FloatArray
    vol_ratio: FloatArray
    """Forecast variance over what the season alone would forecast."""


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
        terms = terms_of_sums(self._x_sums, start)
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


def _carried_on(sums: FloatArray, values: FloatArray) -> FloatArray:
    # In one direction, so that a block adds up as its bars do one by one.
    return np.concatenate((sums, np.cumsum(np.concatenate((sums[-1:], values)))[1:]))
