"""What a direction model looks at when the rules point to a side: the market as that side sees it.

Everything that has a direction is multiplied by the side, so one model learns "with the signal" and
"against it" for long and short alike. Prices enter as distances in average true ranges only, so
features are stationary and symbols can be pooled. Averages have finite windows, so a row is the
same in a training over years and in the window of a running week. Row t uses bars ≤ t.

=============  =================================================================================
return_N       side · (C(t) − C(t−N)) ÷ (A √N), cut to ±4; A the mean true range of 14 bars
distance_N     side · (C − mean of N closes) ÷ (A √N), cut to ±4
place          side · place of C between the extremes of 20 bars, −1 lowest, +1 highest
calm           ln(A ÷ mean true range of 96 bars)
score          size of the rules' score
hour_sin, ..   time of the trading day on the market's clock
READING TF     side · each rule's reading on each timeframe
trendiness TF  trendiness of each timeframe
=============  =================================================================================
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numba import njit

from models.market.bars import FloatArray, IntArray
from models.market.seasonality import week_positions
from models.market.sessions import DAY_NS
from models.opinion.readings import (
    READING_COUNT,
    REVERSION_NAMES,
    TREND_NAMES,
    TRENDINESS,
)

RETURN_BARS: Final = (1, 2, 4, 8, 24, 72, 120)
DISTANCE_BARS: Final = (20, 50, 200)
RANGE_BARS: Final = 14
PLACE_BARS: Final = 20
CALM_BARS: Final = 96
LOOK_BACK_BARS: Final = max(*RETURN_BARS, *DISTANCE_BARS, CALM_BARS) + 1
"""Bars before a row without which it has no features."""
CUT: Final = 4.0
SEQUENCE_BARS: Final = 48
"""Bars that a network reads."""
CHANNELS: Final = ("return", "range", "close_place", "score", "hour_sin", "hour_cos")
"""What it reads of each."""

_RETURNS = np.array(RETURN_BARS)
_DISTANCES = np.array(DISTANCE_BARS)
_PRICE_COUNT: Final = len(RETURN_BARS) + len(DISTANCE_BARS) + 2


def feature_names(timeframes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the features in their order."""
    prices = [f"return_{bars}" for bars in RETURN_BARS]
    prices += [f"distance_{bars}" for bars in DISTANCE_BARS]
    readings = [f"{name} {frame}" for frame in timeframes for name in TREND_NAMES + REVERSION_NAMES]
    trends = [f"trendiness {frame}" for frame in timeframes]
    return (*prices, "place", "calm", "score", "hour_sin", "hour_cos", *readings, *trends)


@njit(cache=True)
def mean_true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, row: int, bars: int
) -> float:
    """Return the simple mean true range of the `bars` bars up to a row, in quote currency."""
    total = 0.0
    for bar in range(row - bars + 1, row + 1):
        total += max(high[bar], close[bar - 1]) - min(low[bar], close[bar - 1])
    return total / bars


@njit(cache=True)
def _cut(value: float) -> float:
    return min(max(value, -CUT), CUT)


@njit(cache=True)
def _price_features(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    rows: IntArray,
    sides: FloatArray,
    features: FloatArray,
) -> None:
    for place in range(len(rows)):
        row, side = rows[place], sides[place]
        if row < LOOK_BACK_BARS:
            features[place, :] = np.nan
            continue
        unit = mean_true_range(high, low, close, row, RANGE_BARS)
        usual = mean_true_range(high, low, close, row, CALM_BARS)
        if not (unit > 0.0 and usual > 0.0):
            features[place, :] = np.nan
            continue
        column = 0
        for bars in _RETURNS:
            moved = close[row] - close[row - bars]
            features[place, column] = side * _cut(moved / (unit * math.sqrt(bars)))
            column += 1
        for bars in _DISTANCES:
            total = 0.0
            for bar in range(row - bars + 1, row + 1):
                total += close[bar]
            away = close[row] - total / bars
            features[place, column] = side * _cut(away / (unit * math.sqrt(bars)))
            column += 1
        highest, lowest = high[row], low[row]
        for bar in range(row - PLACE_BARS + 1, row):
            highest, lowest = max(highest, high[bar]), min(lowest, low[bar])
        features[place, column] = side * (2.0 * (close[row] - lowest) / (highest - lowest) - 1.0)
        features[place, column + 1] = math.log(unit / usual)


def direction_features(
    prices: tuple[FloatArray, FloatArray, FloatArray],
    close_ns: IntArray,
    length_ns: int,
    said: FloatArray,
    scores: FloatArray,
    rows: IntArray,
    sides: FloatArray,
) -> FloatArray:
    """Return the features of some rows, shape (n_rows, n_features), in the order of the names.

    NaN in a row before `LOOK_BACK_BARS` and where no price has moved. Row t uses bars ≤ t.

    Parameters
    ----------
    prices : tuple of ndarray of shape (n_bars,)
        High, low and close, in quote currency.
    close_ns : ndarray of shape (n_bars,)
        Closes.
    length_ns : int
        Length of a bar.
    said : ndarray of shape (n_timeframes, ROW_SIZE, n_bars)
        Readings of the rules.
    scores : ndarray of shape (n_bars,)
        See `meta_label.ensemble_scores`.
    rows, sides : ndarray of shape (n_rows,)
        Rows to look at, and the side that looks.
    """
    priced = np.empty((len(rows), _PRICE_COUNT))
    _price_features(*prices, rows, sides, priced)
    readings = said[:, :READING_COUNT, rows] * sides
    readings = readings.reshape(-1, len(rows)).T  # (row, timeframe × reading)
    clock = _clock(close_ns[rows], length_ns)
    parts = (priced, np.abs(scores[rows])[:, None], clock, readings, said[:, TRENDINESS, rows].T)
    return np.hstack(parts)


def direction_sequences(
    prices: tuple[FloatArray, FloatArray, FloatArray],
    close_ns: IntArray,
    length_ns: int,
    scores: FloatArray,
    rows: IntArray,
    sides: FloatArray,
) -> FloatArray:
    """Return what a network reads before each row, shape (n_rows, SEQUENCE_BARS, CHANNELS).

    The last step is the row itself. All in ranges of the row's own mean true range; what has a
    direction is multiplied by the side. NaN before `LOOK_BACK_BARS`. Row t uses bars ≤ t.
    See `direction_features`.
    """
    high, low, close = prices
    read = np.full((len(rows), SEQUENCE_BARS, len(CHANNELS)), np.nan)
    for place, (row, side) in enumerate(zip(rows.tolist(), sides.tolist(), strict=True)):
        if row < LOOK_BACK_BARS:
            continue
        bars = slice(row - SEQUENCE_BARS + 1, row + 1)
        before = close[row - SEQUENCE_BARS : row]
        unit = mean_true_range(high, low, close, row, RANGE_BARS)
        spread = high[bars] - low[bars]
        middle = 2.0 * close[bars] - high[bars] - low[bars]
        is_moved = spread > 0.0
        unit = unit if unit > 0.0 else np.nan
        read[place, :, 0] = side * np.clip((close[bars] - before) / unit, -CUT, CUT)
        read[place, :, 1] = np.minimum(spread / unit, CUT)
        read[place, :, 2] = side * np.where(is_moved, middle / np.where(is_moved, spread, 1.0), 0.0)
        read[place, :, 3] = side * np.nan_to_num(scores[bars])
        read[place, :, 4:] = _clock(close_ns[bars], length_ns)
    return read


@lru_cache(maxsize=8)
def _clock_table(slots: int) -> FloatArray:
    # One value a slot: a vectorised sine may round differently at the end of an array.
    angles = [2.0 * math.pi * slot / slots for slot in range(slots)]
    return np.array([(math.sin(angle), math.cos(angle)) for angle in angles])


def _clock(close_ns: IntArray, length_ns: int) -> FloatArray:
    slots = DAY_NS // length_ns
    clock: FloatArray = _clock_table(slots)[week_positions(close_ns, length_ns) % slots]
    return clock
