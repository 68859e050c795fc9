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

Only additions, multiplications, divisions and comparisons are used: a vectorised exponential may
round differently at the end of an array, and row t would then depend on what follows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from models.market.bars import (
    BarArray,
    FloatArray,
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
    component_records,
    component_weight,
    first_judged,
    nights,
)
from models.opinion.readings import (
    REVERSION_NAMES,
    ROW_SIZE,
    TREND_NAMES,
    TRENDINESS,
    WARM,
    read_rows,
)


class Family(StrEnum):
    """A group of readings that expects the same of the market."""

    TREND = "trend"
    REVERSION = "reversion"


READINGS: Final[dict[Family, tuple[str, ...]]] = {
    Family.TREND: TREND_NAMES,
    Family.REVERSION: REVERSION_NAMES,
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


class _Frame:
    # One timeframe of a symbol.

    def __init__(self, timeframe: str, length_ns: int, indicators: IndicatorWindow) -> None:
        self.timeframe = timeframe
        self.length_ns = length_ns
        self.indicators = indicators
        self._due_ns = 0

    def follow(self, base: Window) -> None:
        # Take the bins that have closed since. Most bars close none, which is seen at once.
        if base.newest_ns < self._due_ns:
            return
        first_row = int(
            np.searchsorted(base.close_ns, self.indicators.window.newest_ns, side="right")
        )
        if first_row == len(base):
            return
        open_ns = bar_open_ns(int(base.close_ns[first_row]) - 1, self.length_ns)
        if base.newest_ns >= open_ns + self.length_ns:
            self.indicators.extend(resample(base.bars(first_row), self.length_ns))
        # No bin that is open now ends before the one in which the next instant lies.
        newest_ns = self.indicators.window.newest_ns
        self._due_ns = bar_open_ns(newest_ns, self.length_ns) + self.length_ns


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
        self._said = np.empty((ROW_SIZE * len(self._frames), max(2 * len(history), 512)))
        self._read(0)
        self._components = [
            (family, reading, frame.timeframe)
            for family in Family
            for frame in self._frames
            for reading in READINGS[family]
        ]
        self._places = np.array(
            [start + place for family in Family for start, place, _ in self._of_family(family)]
        )
        """Row of each component among all that is said."""
        self._nights: list[int] = []
        self._scored: list[tuple[ComponentScore, ...]] = []
        self._weights: list[list[float]] = [[PRIOR_WEIGHT] * len(self._components)]
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
        self._read(len(self.window) - len(bars))
        self._score_nights((nights(self.window.close_ns[before:]) + before).tolist())

    def scores(self, family: Family, rows: slice = slice(None)) -> FloatArray:
        """Return a family's score at some rows, in −1..1; NaN before the warm-up is complete."""
        numbers = np.arange(len(self.window))[rows]
        said = self._said[:, : len(self.window)][:, rows]
        records = np.array(self._weights).T[:, np.searchsorted(self._nights, numbers, "right")]
        score, total = np.zeros((2, len(numbers)))
        components = self._of_family(family)
        for start, _, place in components:
            total += np.where(said[start + WARM] > 0.0, records[place], 0.0)
        total[total <= 0.0] = 1.0
        for start, reading, place in components:
            trend = said[start + TRENDINESS]
            trust = trend if family is Family.TREND else 1.0 - trend
            voice = trust * records[place] / total * said[start + reading]
            score += np.where(said[start + WARM] > 0.0, voice, 0.0)
        return np.where(said[WARM] > 0.0, score, np.nan)

    def _of_family(self, family: Family) -> list[tuple[int, int, int]]:
        # Of each component: where its timeframe's rows begin, which of them is its own, and its
        # place among all components; in the order in which `readings` are added.
        names = READINGS[family]
        first = 0 if family is Family.TREND else len(TREND_NAMES)
        place = 0 if family is Family.TREND else len(self._frames) * len(TREND_NAMES)
        return [
            (number * ROW_SIZE, first + i, place + number * len(names) + i)
            for number in range(len(self._frames))
            for i in range(len(names))
        ]

    def readings(self, family: Family, row: int) -> tuple[Reading, ...]:
        """Return what the score of one row adds up from; timeframes in warm-up are left out."""
        said = self._said[:, row].tolist()
        weights = self._weights[bisect_right(self._nights, row)]
        names = READINGS[family]
        first = 0 if family is Family.TREND else len(TREND_NAMES)
        place = 0 if family is Family.TREND else len(self._frames) * len(TREND_NAMES)
        warm: list[tuple[str, int, float, list[float]]] = []
        total = 0.0
        for number, frame in enumerate(self._frames):
            start = number * ROW_SIZE
            if said[start + WARM]:
                trend = said[start + TRENDINESS]
                trust = trend if family is Family.TREND else 1.0 - trend
                records = weights[place : place + len(names)]
                warm.append((frame.timeframe, start + first, trust, records))
                for record in records:
                    total += record
            place += len(names)
        total = total if total > 0.0 else 1.0
        return tuple(
            Reading(name, timeframe, said[start + i], trust * records[i] / total)
            for timeframe, start, trust, records in warm
            for i, name in enumerate(names)
        )

    def said(self, rows: slice) -> FloatArray:
        """Return all readings at some rows, shape (timeframes, ROW_SIZE, rows); see `readings`."""
        count = len(self.window)
        view = self._said[:, :count][:, rows].reshape(len(self._frames), ROW_SIZE, -1)
        view.flags.writeable = False
        return view

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

    def _read(self, first: int) -> None:
        # The readings of all timeframes as the rows from `first` on see them.
        count = len(self.window)
        if count > self._said.shape[1]:
            grown = np.empty((len(self._said), 2 * count))
            grown[:, :first] = self._said[:, :first]
            self._said = grown
        times_ns = self.window.close_ns[first:]
        for number, frame in enumerate(self._frames):
            window = frame.indicators.window
            rows = last_closed_rows(times_ns, window.close_ns)
            start = number * ROW_SIZE
            said = self._said[start : start + ROW_SIZE, first:count]
            read_rows(window.close, frame.indicators.table, rows, said)

    def _score_nights(self, rows: list[int]) -> None:
        if not rows:
            return
        terms, window = self._terms, self.window
        # What lies before the longest record of the first night no record looks at.
        start = first_judged(window.close_ns, rows[0], terms.horizon_bars, MONTH_SPAN_NS)
        span = slice(start, rows[-1] + 1)
        said = self._said[:, span]
        labels, ends = first_barrier(
            window.high[span],
            window.low[span],
            window.close[span],
            np.arange(said.shape[1]),
            terms.barrier_atr * self.columns.atr[span],
            terms.horizon_bars,
        )
        for row in rows:
            judged = (labels, ends, window.close_ns[span], row - start, terms.horizon_bars)
            days = component_records(said, self._places, *judged, DAY_SPAN_NS)
            months = component_records(said, self._places, *judged, MONTH_SPAN_NS)
            scored = tuple(
                ComponentScore(
                    *component,
                    day,
                    month,
                    component_weight(*month, terms.shrink_outcomes, terms.weight_min),
                )
                for component, day, month in zip(self._components, days, months, strict=True)
            )
            self._nights.append(row)
            self._scored.append(scored)
            self._weights.append([score.weight for score in scored])
