"""The indicators once more, as recursions that carry their columns on from bar to bar.

The library computes a whole window at a time, which is right for a history and far too
slow for one more bar. These compiled recursions restate its formulae (TA-Lib's seeds: a simple mean
of the first values) and are held to its columns by test. A row is computed from the rows before it
alone, so it cannot depend on how bars were batched.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from models.market.bars import FloatArray

if TYPE_CHECKING:  # it imports this module
    from models.market.indicators import IndicatorPeriods

STATE_SIZE: Final = 18
"""Numbers that one row hands to the next; all begin as 0."""
_EPSILON: Final = float(np.finfo(np.float64).eps)
"""Stands for a range of 0, as in the library."""

# Places in the state.
_GAIN, _LOSS, _FAST, _SLOW, _SIGNAL, _ATR, _BAND_ATR = 0, 1, 2, 3, 4, 5, 6
_UPPER, _LOWER, _DIRECTION = 7, 8, 9
_UP_SUM, _DOWN_SUM, _ADX, _ADX_COUNT = 10, 11, 12, 13
_BREAKOUT, _LONG_STOP, _SHORT_STOP, _CHANDELIER = 14, 15, 16, 17

ENGULFING, HAMMER, DOJI = 1.0, 1.0, 0.5
"""What a candle pattern reads: a body or a wick that turned the price says all, a doji that only
stopped it at the band says half."""
_WICK_BODIES: Final = 2.0
"""A hammer's long wick in bodies, at least."""
_DOJI_BODY_FRAC: Final = 0.1
"""A doji's body as a share of its range, at most."""


@njit(cache=True)
def _smoothed(before: float, value: float, index: int, length: int, alpha: float) -> float:
    # Exponential mean seeded with the mean of its first `length` values; `index` counts from 0. Up
    # to the seed the state holds their sum.
    if index < length - 1:
        return before + value
    if index == length - 1:
        return (before + value) / length
    return (1.0 - alpha) * before + alpha * value


@njit(cache=True)
def _mean(values: FloatArray, row: int, length: int) -> float:
    total = 0.0
    for i in range(row - length + 1, row + 1):
        total += values[i]
    return total / length


@njit(cache=True)
def _highest(values: FloatArray, row: int, length: int) -> float:
    most = float(values[row])
    for i in range(row - length + 1, row):
        most = max(most, float(values[i]))
    return most


@njit(cache=True)
def _lowest(values: FloatArray, row: int, length: int) -> float:
    least = float(values[row])
    for i in range(row - length + 1, row):
        least = min(least, float(values[i]))
    return least


@njit(cache=True)
def _middle(high: FloatArray, low: FloatArray, row: int, length: int) -> float:
    return 0.5 * (_lowest(low, row, length) + _highest(high, row, length))


@njit(cache=True)
def _true_range(high: FloatArray, low: FloatArray, close: FloatArray, row: int) -> float:
    before, extent = float(close[row - 1]), float(high[row] - low[row])
    if extent == 0.0:
        extent = _EPSILON
    return max(extent, abs(float(high[row]) - before), abs(before - float(low[row])))


@njit(cache=True)
def _carry_momentum(
    close: FloatArray, row: int, periods: "IndicatorPeriods", state: FloatArray
) -> None:
    change = close[row] - close[row - 1] if row else 0.0
    alpha = 1.0 / periods.rsi
    if row:
        state[_GAIN] = _smoothed(state[_GAIN], max(change, 0.0), row - 1, periods.rsi, alpha)
        state[_LOSS] = _smoothed(state[_LOSS], max(-change, 0.0), row - 1, periods.rsi, alpha)
    fast = min(periods.macd_fast, periods.macd_slow)
    slow = max(periods.macd_fast, periods.macd_slow)
    state[_FAST] = _smoothed(state[_FAST], close[row], row, fast, 2.0 / (fast + 1))
    state[_SLOW] = _smoothed(state[_SLOW], close[row], row, slow, 2.0 / (slow + 1))
    if row >= slow - 1:
        signal = periods.macd_signal
        macd = state[_FAST] - state[_SLOW]
        state[_SIGNAL] = _smoothed(state[_SIGNAL], macd, row - slow + 1, signal, 2.0 / (signal + 1))


@njit(cache=True)
def _carry_range(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    row: int,
    periods: "IndicatorPeriods",
    state: FloatArray,
) -> None:
    extent = _true_range(high, low, close, row)
    state[_ATR] = _smoothed(state[_ATR], extent, row - 1, periods.atr, 1.0 / periods.atr)
    length = periods.supertrend
    state[_BAND_ATR] = _smoothed(state[_BAND_ATR], extent, row - 1, length, 1.0 / length)
    if row < length:
        return
    half = periods.supertrend_multiplier * state[_BAND_ATR]
    middle = 0.5 * (high[row] + low[row])
    upper, lower = middle + half, middle - half
    if row > length:
        if close[row] > state[_UPPER]:
            state[_DIRECTION] = 1.0
        elif close[row] < state[_LOWER]:
            state[_DIRECTION] = -1.0
        elif state[_DIRECTION] > 0.0:
            lower = max(lower, state[_LOWER])
        else:
            upper = min(upper, state[_UPPER])
    else:
        state[_DIRECTION] = 1.0  # the library's: up until proven otherwise
    state[_UPPER], state[_LOWER] = upper, lower


@njit(cache=True)
def _carry_direction(
    high: FloatArray, low: FloatArray, row: int, periods: "IndicatorPeriods", state: FloatArray
) -> None:
    up, down = high[row] - high[row - 1], low[row - 1] - low[row]
    rise = up if up > down and up >= _EPSILON else 0.0
    fall = down if down > up and down >= _EPSILON else 0.0
    # The smoothed range divides both sums and cancels in their index.
    length = periods.adx
    if row >= length:  # until then the sums build up
        state[_UP_SUM] -= state[_UP_SUM] / length
        state[_DOWN_SUM] -= state[_DOWN_SUM] / length
    state[_UP_SUM] += rise
    state[_DOWN_SUM] += fall
    both = state[_UP_SUM] + state[_DOWN_SUM]
    if row >= length and both > 0.0:
        index = 100.0 * abs(state[_UP_SUM] - state[_DOWN_SUM]) / both
        state[_ADX] = _smoothed(state[_ADX], index, int(state[_ADX_COUNT]), length, 1.0 / length)
        state[_ADX_COUNT] += 1.0


@njit(cache=True)
def _carry_breakout(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    row: int,
    periods: "IndicatorPeriods",
    state: FloatArray,
) -> None:
    # The side on which a close last left the channel of the bars before it, and the side on which
    # one last passed the trailing stop of the bars before it. Both hold until the opposite happens.
    length = periods.donchian
    if row >= length:
        if close[row] > _highest(high, row - 1, length):
            state[_BREAKOUT] = 1.0
        elif close[row] < _lowest(low, row - 1, length):
            state[_BREAKOUT] = -1.0
    if row < periods.chandelier - 1 or row < periods.atr:
        return
    distance = periods.chandelier_multiplier * state[_ATR]
    long_stop = _highest(high, row, periods.chandelier) - distance
    short_stop = _lowest(low, row, periods.chandelier) + distance
    if state[_CHANDELIER] == 0.0:
        state[_CHANDELIER] = 1.0  # as SuperTrend: up until proven otherwise
    else:
        if close[row] > state[_SHORT_STOP]:
            state[_CHANDELIER] = 1.0
        elif close[row] < state[_LONG_STOP]:
            state[_CHANDELIER] = -1.0
        if close[row - 1] > state[_LONG_STOP]:
            long_stop = max(long_stop, state[_LONG_STOP])
        if close[row - 1] < state[_SHORT_STOP]:
            short_stop = min(short_stop, state[_SHORT_STOP])
    state[_LONG_STOP], state[_SHORT_STOP] = long_stop, short_stop


@njit(cache=True)
def _engulfs(open_: FloatArray, close: FloatArray, row: int) -> int:
    # +1 where a rising body holds the whole falling body before it and is larger, −1 mirrored.
    body, before = close[row] - open_[row], close[row - 1] - open_[row - 1]
    if abs(body) <= abs(before) or body * before >= 0.0:
        return 0
    if body > 0.0:
        return 1 if open_[row] <= close[row - 1] and close[row] >= open_[row - 1] else 0
    return -1 if open_[row] >= close[row - 1] and close[row] <= open_[row - 1] else 0


@njit(cache=True)
def _rejects(open_: float, high: float, low: float, close: float) -> int:
    # +1 for a hammer, −1 for a shooting star: one long wick, and hardly any on the other side.
    body = abs(close - open_)
    above, below = high - max(open_, close), min(open_, close) - low
    if body > 0.0 and below >= _WICK_BODIES * body and above <= body:
        return 1
    if body > 0.0 and above >= _WICK_BODIES * body and below <= body:
        return -1
    return 0


@njit(cache=True)
def candle_reading(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    row: int,
    middle: float,
    upper: float,
) -> float:
    """Return what a closed bar's shape says of a reversal, in −1..1, positive for up.

    A pattern counts only against the move that it may end: an upward one where the bar reached
    below the middle band, a downward one where it reached above. Engulfing bodies go before long
    wicks (hammer, shooting star), these before a doji that touched the outer band.

    Parameters
    ----------
    open_, high, low, close : ndarray of shape (n_bars,)
        Closed bars, oldest first; rows `row` and `row` − 1 are read.
    row : int
        At least 1.
    middle, upper : float
        Bollinger bands at the row; the lower lies as far below the middle.
    """
    side = _engulfs(open_, close, row)
    strength = ENGULFING
    if side == 0:
        side = _rejects(float(open_[row]), float(high[row]), float(low[row]), float(close[row]))
        strength = HAMMER
    if (side > 0 and low[row] < middle) or (side < 0 and high[row] > middle):
        return strength * side
    extent = high[row] - low[row]
    if extent > 0.0 and abs(close[row] - open_[row]) <= _DOJI_BODY_FRAC * extent:
        lower = middle - (upper - middle)
        if low[row] <= lower and high[row] < upper:
            return DOJI
        if high[row] >= upper and low[row] > lower:
            return -DOJI
    return 0.0


@njit(cache=True)
def _deviation(values: FloatArray, row: int, length: int, mean: float) -> float:
    total = 0.0
    for i in range(row - length + 1, row + 1):
        total += (values[i] - mean) ** 2
    return float(np.sqrt(total / length))


@njit(cache=True)
def carry_on(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    start: int,
    warm_up: int,
    periods: "IndicatorPeriods",
    state: FloatArray,
    table: FloatArray,
) -> None:
    """Compute the rows from `start` on, each from the state that the row before left.

    Parameters
    ----------
    open_, high, low, close : ndarray of shape (n_bars,)
        The whole window, oldest first.
    start : int
        First row to compute; the state is that after row `start` − 1.
    warm_up : int
        Bars until every column has a value; earlier rows are NaN.
    periods : IndicatorPeriods
        Lengths and multiples.
    state : ndarray of shape (STATE_SIZE,)
        Changed in place.
    table : ndarray of shape (n_columns, >= n_bars)
        Columns in the order of `IndicatorColumns`; rows from `start` on are written.
    """
    kijun = periods.ichimoku_kijun
    for row in range(start, len(close)):
        _carry_momentum(close, row, periods, state)
        if row:
            _carry_range(high, low, close, row, periods, state)
            _carry_direction(high, low, row, periods, state)
            _carry_breakout(high, low, close, row, periods, state)
        if row < warm_up - 1:
            table[:, row] = np.nan
            continue
        moves = state[_GAIN] + state[_LOSS]
        table[0, row] = 100.0 * state[_GAIN] / moves if moves > 0.0 else np.nan
        table[1, row] = state[_FAST] - state[_SLOW] - state[_SIGNAL]
        table[2, row] = state[_ATR]
        table[3, row] = state[_ADX] if state[_ADX_COUNT] >= periods.adx else np.nan
        mean = _mean(close, row, periods.bollinger)
        table[4, row] = mean
        table[5, row] = mean + periods.bollinger_deviations * _deviation(
            close, row, periods.bollinger, mean
        )
        table[6, row] = state[_DIRECTION]
        table[7, row] = _middle(high, low, row, periods.ichimoku_tenkan)
        table[8, row] = _middle(high, low, row, kijun)
        table[9, row] = 0.5 * (
            _middle(high, low, row - kijun, periods.ichimoku_tenkan)
            + _middle(high, low, row - kijun, kijun)
        )
        table[10, row] = _middle(high, low, row - kijun, periods.ichimoku_senkou)
        table[11, row] = _highest(high, row, periods.chandelier)
        table[12, row] = _lowest(low, row, periods.chandelier)
        table[13, row] = state[_BREAKOUT]
        table[14, row] = state[_CHANDELIER]
        table[15, row] = candle_reading(
            open_, high, low, close, row, float(table[4, row]), float(table[5, row])
        )
