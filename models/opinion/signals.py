"""Rule readings per timeframe, and the two scores they add up to: trend and reversion.

A reading lies in −1..1, positive for up. With C the close and A the average true range of the
timeframe, clip to −1..1:

=============  =============================================================================
trend
supertrend     direction of SuperTrend, −1 or +1
macd           clip(histogram ÷ (0.25 A))
cloud          +1 above both edges of Ichimoku's cloud, −1 below both, 0 inside
base_line      clip((C − Ichimoku's base line) ÷ (2 A))
donchian       side on which a close last left the channel of the bars before it
chandelier     +1 while closes hold above a long's trailing stop, −1 after a fall through it
reversion
rsi            0 while 40 ≤ RSI ≤ 60, then linear to −1 at RSI 80 and +1 at RSI 20
bollinger      u = (C − middle) ÷ half-width; 0 while abs(u) ≤ 0.5, then linear to −1 at u = 1.5
               and +1 at u = −1.5
candle         pattern that ends a move: engulfing bodies, hammer or shooting star, doji at a band
=============  =============================================================================

Candle patterns stand with reversion, because each speaks against the move before it.

A timeframe's trendiness is g = clip((ADX − 15) ÷ 20) within 0..1. A component is a reading on a
timeframe; it weighs r·g in the trend score and r·(1 − g) in the reversion score, divided by the sum
of r over the family's components on the timeframes that have finished their warm-up. r is 1 until
its record of settled outcomes says otherwise, anew every trading day (`components`). So a score is
Σ weight × reading, lies in −1..1, and shrinks where the market does not suit the family. Before the
trading timeframe has finished its own warm-up there is no score (NaN).
"""

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from models.market.bars import (
    BarArray,
    FloatArray,
    IntArray,
    Window,
    last_closed_rows,
    resample,
)
from models.market.indicators import IndicatorColumns, IndicatorPeriods, IndicatorWindow
from models.market.sessions import bar_open_ns
from models.opinion.calibration import first_barrier
from models.opinion.components import (
    DAY_SPAN_NS,
    MONTH_SPAN_NS,
    PRIOR_WEIGHT,
    ComponentRecord,
    RecordTerms,
    component_record,
    component_weight,
    nights,
)
from models.opinion.readings import Part, part_of, weigh


class Family(StrEnum):
    """A group of readings that expects the same of the market."""

    TREND = "trend"
    REVERSION = "reversion"


READINGS: Final[dict[Family, tuple[str, ...]]] = {
    Family.TREND: ("supertrend", "macd", "cloud", "base_line", "donchian", "chandelier"),
    Family.REVERSION: ("rsi", "bollinger", "candle"),
}
"""Names of each family's readings, in the order in which they are added."""


class Reading(NamedTuple):
    """One component behind a score."""

    name: str
    timeframe: str
    value: float
    weight: float


def score_of(readings: tuple[Reading, ...]) -> float:
    """Return what readings add up to: `RuleWindow.scores` at their row, to the last bit."""
    score = 0.0
    for reading in readings:  # in this order; `sum` would compensate its rounding
        score += reading.weight * reading.value
    return score


class ComponentScore(NamedTuple):
    """One component at a night: its records and the weight that it has until the next."""

    family: Family
    name: str
    timeframe: str
    day: ComponentRecord
    month: ComponentRecord
    weight: float


class _Frame(NamedTuple):
    # One timeframe of a symbol.
    timeframe: str
    length_ns: int
    indicators: IndicatorWindow

    def follow(self, base: Window) -> None:
        # Take the bins that have closed since. Most bars close none, which is seen at once.
        first_row = int(
            np.searchsorted(base.close_ns, self.indicators.window.newest_ns, side="right")
        )
        if first_row == len(base):
            return
        open_ns = bar_open_ns(int(base.close_ns[first_row]) - 1, self.length_ns)
        if base.newest_ns >= open_ns + self.length_ns:
            self.indicators.extend(resample(base.bars(first_row), self.length_ns))


class RuleWindow:
    """A window of the trading timeframe with all higher ones, its indicators and its scores.

    Grows at its end. What it says of row t is the same, to the last bit, whether later bars were
    appended before it was asked or not, and however they were batched.

    Parameters
    ----------
    history : BarArray
        Closed bars of the trading timeframe from the anchor on; may be empty.
    timeframes : tuple of (str, int)
        Name and length in nanoseconds: the trading timeframe, then longer ones.
    periods : IndicatorPeriods
        Lengths of the indicators, the same on each timeframe.
    terms : RecordTerms
        How components are scored and weighed.
    """

    def __init__(
        self,
        history: BarArray,
        timeframes: tuple[tuple[str, int], ...],
        periods: IndicatorPeriods,
        terms: RecordTerms,
    ) -> None:
        (name, length_ns), *higher = timeframes
        self._base = _Frame(name, length_ns, IndicatorWindow(history, periods))
        self._higher = [
            _Frame(name, length_ns, IndicatorWindow(resample(history, length_ns), periods))
            for name, length_ns in higher
        ]
        self._terms = terms
        self._components = [
            (family, reading, frame.timeframe)
            for family in Family
            for frame in self._frames
            for reading in READINGS[family]
        ]
        self._nights: list[int] = []
        self._scored: list[tuple[ComponentScore, ...]] = []
        self._weights = np.full((1, len(self._components)), PRIOR_WEIGHT)
        self._score_nights(nights(self.window.close_ns).tolist())

    @property
    def window(self) -> Window:
        """Bars of the trading timeframe."""
        return self._base.indicators.window

    @property
    def columns(self) -> IndicatorColumns:
        """Indicators of the trading timeframe."""
        return self._base.indicators.columns

    @property
    def _frames(self) -> tuple[_Frame, ...]:
        return (self._base, *self._higher)

    def extend(self, bars: BarArray) -> None:
        """Append bars of the trading timeframe, and what closes and is scored with them."""
        before = max(len(self.window) - 1, 0)
        self._base.indicators.extend(bars)
        for frame in self._higher:
            frame.follow(self.window)
        self._score_nights((nights(self.window.close_ns[before:]) + before).tolist())

    def scores(self, family: Family, rows: slice = slice(None)) -> FloatArray:
        """Return a family's score at some rows, in −1..1; NaN before the warm-up is complete."""
        is_warm = ~np.isnan(self.columns.atr[rows])
        score = np.zeros(len(is_warm))
        for part, weights in self._weighted(family, rows):
            for value, weight in zip(part.values, weights, strict=True):
                score += weight * value
        return np.where(is_warm, score, np.nan)

    def readings(self, family: Family, row: int) -> tuple[Reading, ...]:
        """Return what the score of one row adds up from; timeframes in warm-up are left out."""
        weighted = self._weighted(family, slice(row, row + 1))
        return tuple(
            Reading(name, frame.timeframe, value, weight)
            for frame, (part, weights) in zip(self._frames, weighted, strict=True)
            if part.is_warm[0]
            for name, value, weight in zip(
                READINGS[family], part.values[:, 0].tolist(), weights[:, 0].tolist(), strict=True
            )
        )

    def indicators_at(self, row: int) -> Iterator[tuple[str, str, float]]:
        """Yield timeframe, name and value of every indicator as row `row` sees it."""
        times_ns = self.window.close_ns[row : row + 1]
        for frame in self._frames:
            place = int(last_closed_rows(times_ns, frame.indicators.window.close_ns)[0])
            if place >= 0:
                for name, column in frame.indicators.columns._asdict().items():
                    yield frame.timeframe, name, float(column[place])

    def component_scores(self, row: int) -> tuple[ComponentScore, ...]:
        """Return the scores taken at a row; empty if it is not the first of a trading day."""
        place = bisect_left(self._nights, row)
        is_night = place < len(self._nights) and self._nights[place] == row
        return self._scored[place] if is_night else ()

    def _weighted(self, family: Family, rows: slice) -> list[tuple[Part, FloatArray]]:
        # Each timeframe of a family with the weights of its readings at the rows.
        parts = self._parts(family, rows)
        weights = weigh(
            np.stack([part.trust for part in parts]),
            np.stack([part.is_warm for part in parts]),
            self._records_in_force(family, rows),
        )
        return list(zip(parts, weights, strict=True))

    def _records_in_force(self, family: Family, rows: slice) -> FloatArray:
        # The records of the family's readings, shape (n_frames, n_readings, n_rows).
        numbers = np.arange(*rows.indices(len(self.window)))
        in_force = self._weights[np.searchsorted(self._nights, numbers, side="right")].T
        frames, count = len(self._frames), len(READINGS[family])
        first = 0 if family is Family.TREND else frames * len(READINGS[Family.TREND])
        own = in_force[first : first + frames * count]
        return np.ascontiguousarray(own).reshape(frames, count, len(numbers))

    def _parts(self, family: Family, rows: slice) -> list[Part]:
        times_ns = self.window.close_ns[rows]
        return [_part(frame, family, times_ns) for frame in self._frames]

    def _score_nights(self, rows: list[int]) -> None:
        if not rows:
            return
        terms, window = self._terms, self.window
        span = slice(0, rows[-1] + 1)
        values = [
            value for family in Family for p in self._parts(family, span) for value in p.values
        ]
        labels, ends = first_barrier(
            window.high[span],
            window.low[span],
            window.close[span],
            np.arange(span.stop),
            terms.barrier_atr * self.columns.atr[span],
            terms.horizon_bars,
        )
        for row in rows:
            scored = tuple(
                _component_score(
                    component,
                    value,
                    labels,
                    ends,
                    window.close_ns,
                    row,
                    terms,
                )
                for component, value in zip(self._components, values, strict=True)
            )
            self._nights.append(row)
            self._scored.append(scored)
        table = [[score.weight for score in scored] for scored in self._scored]
        self._weights = np.array([[PRIOR_WEIGHT] * len(self._components), *table])


def _component_score(
    component: tuple[Family, str, str],
    values: FloatArray,
    labels: FloatArray,
    ends: IntArray,
    close_ns: IntArray,
    night: int,
    terms: RecordTerms,
) -> ComponentScore:
    judged = (values, labels, ends, close_ns, night, terms.horizon_bars)
    month = component_record(*judged, MONTH_SPAN_NS)
    weight = component_weight(*month, terms.shrink_outcomes, terms.weight_min)
    return ComponentScore(*component, component_record(*judged, DAY_SPAN_NS), month, weight)


def _part(frame: _Frame, family: Family, times_ns: IntArray) -> Part:
    window = frame.indicators.window
    rows = last_closed_rows(times_ns, window.close_ns)
    is_trend = family is Family.TREND
    return Part(*part_of(window.close, frame.indicators.columns, rows, is_trend))
