"""The common work in compiled loops: the practical limit, and the same with our fills.

`bare` is what a person would write for this work alone. `with_our_fills` meets the same signals
with the functions by which the terminal and the simulator fill and close: prices in whole points,
stop before target, gaps at the open.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.market import DIGITS, FloatArray, Prices, Work
from models.decision.fills import NO_HIT, closing_price, fill_of, hit_of

LONG: Final = 1
SHORT: Final = -1


@njit(cache=True)
def bare(prices: Prices, work: Work) -> tuple[int, float]:  # noqa: C901 - one loop, as bare as it gets
    """Return the number of trades and their summed result in price; one pass over the bars."""
    opened, high, low, close = prices
    sum_fast = sum_slow = atr = result = 0.0
    entry = stop = target = 0.0
    fast, slow, spread = work.fast, work.slow, work.spread
    side = pending = trades = 0
    was_above = False
    for t in range(close.shape[0]):
        if pending != 0 and side == 0:
            side = pending
            entry = opened[t] + spread if side > 0 else opened[t]
        pending = 0
        if side > 0:
            if low[t] <= stop:
                result += min(opened[t], stop) - entry
                side = 0
                trades += 1
            elif high[t] >= target:
                result += target - entry
                side = 0
                trades += 1
        elif side < 0:
            if high[t] + spread >= stop:
                result += entry - max(opened[t] + spread, stop)
                side = 0
                trades += 1
            elif low[t] + spread <= target:
                result += entry - target
                side = 0
                trades += 1
        before = close[t - 1] if t else opened[t]
        span = max(high[t], before) - min(low[t], before)
        atr = span if t == 0 else atr + (span - atr) / work.atr
        sum_fast += close[t]
        sum_slow += close[t]
        if t >= fast:
            sum_fast -= close[t - fast]
        if t >= slow:
            sum_slow -= close[t - slow]
        is_above = sum_fast * slow > sum_slow * fast
        if t >= work.warm and is_above != was_above and side == 0:
            pending = 1 if is_above else -1
            stop = close[t] - pending * work.stop_atr * atr
            target = close[t] + pending * work.target_atr * atr
        was_above = is_above
    return trades, result


@njit(cache=True)
def signals(prices: Prices, work: Work) -> tuple[NDArray[np.int8], FloatArray]:
    """Return the side that each close speaks for, 0 for none, and the average true range.

    Row t uses bars ≤ t. What a voter would be: the other engines compute it inside their run.
    """
    opened, high, low, close = prices
    side = np.zeros(close.shape[0], np.int8)
    ranges = np.empty(close.shape[0])
    fast, slow = work.fast, work.slow
    sum_fast = sum_slow = atr = 0.0
    was_above = False
    for t in range(close.shape[0]):
        before = close[t - 1] if t else opened[t]
        span = max(high[t], before) - min(low[t], before)
        atr = span if t == 0 else atr + (span - atr) / work.atr
        ranges[t] = atr
        sum_fast += close[t]
        sum_slow += close[t]
        if t >= fast:
            sum_fast -= close[t - fast]
        if t >= slow:
            sum_slow -= close[t - slow]
        is_above = sum_fast * slow > sum_slow * fast
        if t >= work.warm and is_above != was_above:
            side[t] = LONG if is_above else SHORT
        was_above = is_above
    return side, ranges


@njit(cache=True)
def with_our_fills(
    prices: Prices, work: Work, wanted: NDArray[np.int8], ranges: FloatArray
) -> tuple[int, float]:
    """Return the number of trades and their summed result in price, by `models.decision.fills`."""
    opened, high, low, close = prices
    spread = work.spread
    trades = side = pending = 0
    result = entry = stop = target = 0.0
    for t in range(close.shape[0]):
        if pending != 0:
            side = pending
            entry = closing_price(opened[t], spread, -side, DIGITS)
            pending = 0
        if side != 0:
            worst = closing_price(low[t], spread, side, DIGITS)
            best = closing_price(high[t], spread, side, DIGITS)
            hit = hit_of(side, stop, target, worst, best)
            if hit != NO_HIT:
                met = closing_price(opened[t], spread, side, DIGITS)
                result += side * (fill_of(hit, side, stop, target, met) - entry)
                trades += 1
                side = 0
        if side == 0 and wanted[t] != 0:
            pending = int(wanted[t])
            stop = close[t] - pending * work.stop_atr * ranges[t]
            target = close[t] + pending * work.target_atr * ranges[t]
    return trades, result
