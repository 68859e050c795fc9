"""What a minute does to an open position, and where prices lie on the grid: pessimistic fills.

Shared by the simulated terminal, by the order path and by the compiled simulator. A long position
closes on bids, a short one on asks. A stop goes before a target inside a minute; it fills at its
price, or at the minute's open if that lies beyond it. A target fills at its price, also where the
minute opens beyond it. A limit fills at its price and no better, and only where the market went
through it; what it opens meets the minute's stop at once, and its target from the next minute on.
Sides are +1 long and −1 short; prices are in quote currency.
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

NO_HIT: Final = 0
STOP_HIT: Final = 1
TARGET_HIT: Final = 2
"""What a minute brings to a position."""

NO_ROW: Final = -1
"""Place of a minute that does not exist."""

LIMIT_THROUGH_POINTS: Final = 1
"""How far prices must go through a limit before it counts as filled."""

GRID_TOLERANCE: Final = 1e-6
"""Share of a point by which a price may miss the grid and still count as on it."""


@njit(cache=True)
def normalised(price: float, digits: int) -> float:
    """Return a price in whole points, as the float that its decimal text denotes."""
    scale = 10.0**digits
    return float(np.rint(price * scale) / scale)


@njit(cache=True)
def tightened(price: float, side: int, digits: int) -> float:
    """Round a stop to the grid towards the market: up for a long position, down for a short one."""
    scale = 10.0**digits
    scaled = price * scale
    if side > 0:
        return math.ceil(scaled - GRID_TOLERANCE) / scale
    return math.floor(scaled + GRID_TOLERANCE) / scale


@njit(cache=True)
def closing_price(bid: float, ask_over: float, side: int, digits: int) -> float:
    """Return the price at which a position of a side closes: the bid, or the ask above it."""
    return bid if side > 0 else normalised(bid + ask_over, digits)


@njit(cache=True)
def hit_of(side: int, stop: float, target: float, low: float, high: float) -> int:
    """Return what the extremes of closing prices bring; a stop or target of 0 is none."""
    worst, best = (low, high) if side > 0 else (high, low)
    if stop != 0.0 and (worst - stop) * side <= 0.0:
        return STOP_HIT
    if target != 0.0 and (best - target) * side >= 0.0:
        return TARGET_HIT
    return NO_HIT


@njit(cache=True)
def fill_of(hit: int, side: int, stop: float, target: float, opened: float) -> float:
    """Return the price of a hit, 0 without one; `opened` is the closing price at the open."""
    if hit == STOP_HIT:
        return min(opened, stop) if side > 0 else max(opened, stop)
    return target if hit == TARGET_HIT else 0.0


@njit(cache=True)
def limit_bound(side: int, limit: float, through: float, digits: int) -> float:
    """Return the price that must be reached for a limit to count as filled.

    Who waits at a price stands in a queue: that the market touches it fills nobody for certain. One
    that goes `through` it by a distance has filled everybody there.
    """
    return normalised(limit - side * through, digits)


@njit(cache=True)
def first_hit_row(
    side: int,
    stop: float,
    target: float,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    ask_over: NDArray[np.float64],
    digits: int,
    first: int,
    last: int,
) -> int:
    """Return the first minute that touches a stop or a target, `NO_ROW` if none does.

    Parameters
    ----------
    side, stop, target
        The position; a level of 0 is none.
    low, high, ask_over : ndarray of shape (n_minutes,), float64
        Bids of the minutes, and the spread in quote currency.
    digits : int
        Decimal places of the symbol's prices.
    first, last : int
        Rows to search, the last one excluded. Row t is judged by itself alone.
    """
    for row in range(first, last):
        lowest = closing_price(low[row], ask_over[row], side, digits)
        highest = closing_price(high[row], ask_over[row], side, digits)
        if hit_of(side, stop, target, lowest, highest) != NO_HIT:
            return row
    return NO_ROW
