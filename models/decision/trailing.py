"""When a stop is moved, and where a missing one is set: tighter, worth a request, and accepted.

Shared by the supervisor and the simulator; compiled. A stop only ever tightens. A broker refuses
one that lies on the wrong side of the quote or closer than its stops level, so the gap is kept from
the price that closes the position: the bid for a long, the ask for a short. Sides are +1 long and
−1 short; prices are in quote currency.
"""

import math
from typing import Final

from numba import njit

STEP_MIN_ATR: Final = 0.1
"""Least move of a stop in average true ranges: a smaller one is not worth a request."""

STEP_MIN_POINTS: Final = 2.0
"""Least move of a stop in points, where the average true range is tiny."""


@njit(cache=True)
def to_tick(price: float, point: float) -> float:
    """Return the multiple of `point` nearest to a price."""
    return math.floor(price / point + 0.5) * point


@njit(cache=True)
def stop_gap(bid: float, ask: float, stops_level_points: int, point: float) -> float:
    """Return the least distance of a stop from the closing price: spread plus stops level."""
    return ask - bid + stops_level_points * point


@njit(cache=True)
def trailed_stop(
    side: int,
    current: float,
    proposed: float,
    atr: float,
    bid: float,
    ask: float,
    gap: float,
    point: float,
) -> float:
    """Return the stop to ask for, or `current` where it stays.

    It stays if the proposal is looser, moves it by less than the least step, or lies closer to the
    market than `gap`: a proposal that the market has passed belongs to a trade entered beyond it.

    Parameters
    ----------
    side : int
        +1 long, −1 short.
    current, proposed : float
        Stop at the broker, > 0, and chandelier level.
    atr : float
        Average true range.
    bid, ask : float
        Quote at the close.
    gap : float
        Least distance from the closing price, from `stop_gap`.
    point : float
        Smallest price step, > 0.
    """
    stop = to_tick(proposed, point)
    step = side * (stop - current)
    closing_price = bid if side > 0 else ask
    room = side * (closing_price - stop)
    if step < max(STEP_MIN_ATR * atr, STEP_MIN_POINTS * point) or room < gap:
        return current
    return stop


@njit(cache=True)
def protective_stop(
    side: int, planned: float, bid: float, ask: float, gap: float, point: float
) -> float:
    """Return where to set a stop that is missing: as planned, or as near as the market allows.

    A stop further away than planned protects more than none, so a price that has passed the plan
    moves it out to `gap`. Parameters as in `trailed_stop`.
    """
    closing_price = bid if side > 0 else ask
    nearest = closing_price - side * gap
    return to_tick(min(planned, nearest) if side > 0 else max(planned, nearest), point)
