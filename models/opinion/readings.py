"""The readings behind the scores, compiled; `signals` says what each of them means.

A vote asks for one row of each timeframe, a fit for all of them: both run through here.

Only additions, multiplications, divisions and comparisons are used: a vectorised exponential may
round differently at the end of an array, and row t would then depend on what follows.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.market.bars import FloatArray, IntArray
from models.market.indicators import IndicatorColumns

BoolArray = NDArray[np.bool_]

TREND_READINGS: Final = 6
REVERSION_READINGS: Final = 3
"""How many readings each family has."""

MACD_FULL_ATR: Final = 0.25
"""Histogram, in average true ranges, that reads as full strength."""
BASE_LINE_FULL_ATR: Final = 2.0
"""Distance from Ichimoku's base line, in average true ranges, that reads as full strength."""
RSI_DEAD: Final = 10.0
"""Distance of RSI from 50 up to which it says nothing."""
RSI_FULL: Final = 30.0
"""Distance of RSI from 50 from which it says all."""
BAND_DEAD: Final = 0.5
"""The same for the distance from the middle band, in half-widths."""
BAND_FULL: Final = 1.5
ADX_RANGING: Final = 15.0
"""ADX at which a market does not trend at all."""
ADX_TRENDING: Final = 35.0
"""ADX at which a market does nothing else."""


class Part(NamedTuple):
    """One family on one timeframe, over rows of the trading timeframe."""

    values: FloatArray
    """Readings, shape (n_readings, n_rows); 0 in the warm-up."""
    trust: FloatArray
    """How much the market suits the family, 0..1, shape (n_rows,)."""
    is_warm: BoolArray


@njit(cache=True, error_model="numpy")
def trend_readings(close: FloatArray, columns: IndicatorColumns, rows: IntArray) -> FloatArray:
    """Return the trend family's readings at some rows, shape (n_readings, n_rows).

    In the order of `signals.READINGS`; NaN in the warm-up.
    """
    readings = np.empty((TREND_READINGS, len(rows)))
    for place, row in enumerate(rows):
        atr = columns.atr[row]
        readings[0, place] = columns.supertrend_direction[row]
        readings[1, place] = _ratio(columns.macd_histogram[row], MACD_FULL_ATR * atr)
        readings[2, place] = _cloud(
            close[row], columns.ichimoku_span_a[row], columns.ichimoku_span_b[row]
        )
        distance = close[row] - columns.ichimoku_base[row]
        readings[3, place] = _ratio(distance, BASE_LINE_FULL_ATR * atr)
        readings[4, place] = columns.donchian_direction[row]
        readings[5, place] = columns.chandelier_direction[row]
    return readings


@njit(cache=True, error_model="numpy")
def reversion_readings(close: FloatArray, columns: IndicatorColumns, rows: IntArray) -> FloatArray:
    """Return the reversion family's readings at some rows, as `trend_readings` does."""
    readings = np.empty((REVERSION_READINGS, len(rows)))
    for place, row in enumerate(rows):
        is_warm = not np.isnan(columns.adx[row])
        middle = columns.bollinger_middle[row]
        offset = (close[row] - middle) / (columns.bollinger_upper[row] - middle)
        readings[0, place] = _against(columns.rsi[row] - 50.0, RSI_DEAD, RSI_FULL, is_warm)
        readings[1, place] = _against(offset, BAND_DEAD, BAND_FULL, is_warm)
        readings[2, place] = columns.candle[row]
    return readings


@njit(cache=True)
def trendiness(adx: float) -> float:
    """Return how much of a trend there is, 0 ranging to 1 trending; NaN where ADX is."""
    return _clipped((adx - ADX_RANGING) / (ADX_TRENDING - ADX_RANGING), 0.0)


@njit(cache=True, error_model="numpy")
def part_of(
    close: FloatArray, columns: IndicatorColumns, rows: IntArray, is_trend: bool
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the fields of a `Part`; a row of −1 stands before the first closed bar."""
    trust = np.zeros(len(rows))
    is_warm = np.zeros(len(rows), np.bool_)
    if not len(close):
        values = np.zeros((TREND_READINGS if is_trend else REVERSION_READINGS, len(rows)))
    elif is_trend:
        values = trend_readings(close, columns, rows)
    else:
        values = reversion_readings(close, columns, rows)
    for place, row in enumerate(rows):
        is_warm[place] = row >= 0 and not np.isnan(columns.adx[row])
        if is_warm[place]:
            trend = trendiness(columns.adx[row])
            trust[place] = trend if is_trend else 1.0 - trend
        else:
            values[:, place] = 0.0
    return values, trust, is_warm


@njit(cache=True)
def weigh(trust: FloatArray, is_warm: BoolArray, records: FloatArray) -> FloatArray:
    """Return the weight of each component at each row, shape (n_frames, n_readings, n_rows).

    Parameters
    ----------
    trust, is_warm : ndarray of shape (n_frames, n_rows)
        Of each timeframe's part.
    records : ndarray of shape (n_frames, n_readings, n_rows)
        What each component has been worth lately.
    """
    weights = np.empty(records.shape)
    frames, readings, rows = records.shape
    for row in range(rows):
        total = 0.0
        for frame in range(frames):
            for reading in range(readings):
                total += records[frame, reading, row] if is_warm[frame, row] else 0.0
        total = total if total > 0.0 else 1.0
        for frame in range(frames):
            for reading in range(readings):
                weight = trust[frame, row] * records[frame, reading, row] / total
                weights[frame, reading, row] = weight
    return weights


@njit(cache=True)
def _clipped(value: float, low: float) -> float:
    # NaN stays NaN.
    if value < low:
        return low
    return 1.0 if value > 1.0 else value


@njit(cache=True, error_model="numpy")
def _ratio(distance: float, full: float) -> float:
    # A range of 0 leaves no scale: nothing has moved, so nothing is said.
    return 0.0 if full == 0.0 else _clipped(distance / full, -1.0)


@njit(cache=True)
def _cloud(close: float, span_a: float, span_b: float) -> float:
    if np.isnan(span_a) or np.isnan(span_b):
        return np.nan
    if close > max(span_a, span_b):
        return 1.0
    return -1.0 if close < min(span_a, span_b) else 0.0


@njit(cache=True, error_model="numpy")
def _against(distance: float, dead: float, full: float, is_warm: bool) -> float:
    # Undefined after the warm-up means that nothing has moved, so nothing is said.
    if np.isnan(distance):
        return 0.0 if is_warm else np.nan
    size = _clipped((abs(distance) - dead) / (full - dead), 0.0)
    return -size if distance > 0.0 else size
