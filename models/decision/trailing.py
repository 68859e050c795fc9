"""When a stop is moved, and where a missing one is set: tighter, worth a request, and accepted.

Shared by the supervisor and the simulator; compiled. A stop only ever tightens. A broker refuses
one that lies on the wrong side of the quote or closer than its stops level, so the gap is kept from
the price that closes the position: the bid for a long, the ask for a short. Sides are +1 long and
−1 short; prices are in quote currency.

Three measures move a stop at a close, in the order of `MEASURES`: break-even, the chandelier, and
what is locked before an event. Each starts from what the one before it left, so their order decides
nothing but the name of the last that moved it.
"""

import math
from typing import Final, NamedTuple

from numba import njit

from models.decision.exits import ExitTerms, excursion_r, has_reached
from models.decision.jump import is_inside_jump, locked_stop

MEASURES: Final = ("break_even", "trailing", "blackout")
"""What moves a stop, in the order in which it is asked; the last that moved it gives its name."""

BREAK_EVEN: Final = 0
TRAILING: Final = 1
BLACKOUT: Final = 2
KEPT: Final = -1
"""Place of the measure where the stop stays."""

STEP_MIN_ATR: Final = 0.1
"""Least move of a stop in average true ranges: a smaller one is not worth a request."""

STEP_MIN_POINTS: Final = 2.0
"""Least move of a stop in points, where the average true range is tiny."""


TICK_TOLERANCE: Final = 1e-6
"""Share of a point by which a price may miss the grid in floats and still count as on it."""


class Stake(NamedTuple):
    """A position, as far as its stop is concerned."""

    side: int
    open_price: float
    stop_price: float
    """At the broker, > 0."""
    stop_distance: float
    """As planned at the entry, 0 where that is not known."""


class Levels(NamedTuple):
    """The market of one symbol at a close, as far as stops are concerned."""

    bid: float
    ask: float
    gap: float
    """Least distance of a stop from the closing price, from `stop_gap`."""
    point: float
    atr: float
    """Average true range; 0 where it is not known, likewise both levels."""
    long_level: float
    """Chandelier stop of a long, told at `multiplier` ranges from the extreme."""
    short_level: float
    multiplier: float
    """0 where it is not told."""
    cost_distance: float
    """Two commissions, as a distance in price; the spread lies between open and stop already."""
    jump: float
    """Jump to expect of an event ahead, 0 where none is."""


@njit(cache=True)
def to_tick(price: float, point: float) -> float:
    """Return the multiple of `point` nearest to a price."""
    return math.floor(price / point + 0.5) * point


@njit(cache=True)
def to_tick_towards(side: int, price: float, point: float) -> float:
    """Return the nearest multiple of `point` above a price (side +1), or below it (−1)."""
    if side > 0:
        return math.ceil(price / point - TICK_TOLERANCE) * point
    return math.floor(price / point + TICK_TOLERANCE) * point


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


@njit(cache=True)
def break_even_stop(side: int, open_price: float, cost_distance: float, point: float) -> float:
    """Return the stop at which a position ends without a loss, costs included, on a tick."""
    return to_tick_towards(side, open_price + side * cost_distance, point)


@njit(cache=True)
def chandelier_stop(side: int, levels: Levels, multiplier: float) -> float:
    """Return the chandelier level at the multiple that a position was entered with.

    The extreme behind the level is recovered from it: level = extreme ∓ multiplier × range. Where
    either multiple is not known, the level is taken as told.
    """
    level = levels.long_level if side > 0 else levels.short_level
    if multiplier <= 0.0 or levels.multiplier <= 0.0 or level <= 0.0:
        return level
    return level + side * (levels.multiplier - multiplier) * levels.atr


@njit(cache=True)
def tended_stop(stake: Stake, terms: ExitTerms, levels: Levels) -> tuple[float, int]:
    """Return the stop to ask for at a close, and the place in `MEASURES` of what moved it last.

    The stop of the stake and −1 where nothing moves it. Never looser than what is there.
    """
    side, stop, measure = stake.side, stake.stop_price, KEPT
    reached_r = excursion_r(side, stake.open_price, levels.bid, levels.ask, stake.stop_distance)
    if terms.break_even_r > 0.0 and has_reached(reached_r, terms.break_even_r):
        level = break_even_stop(side, stake.open_price, levels.cost_distance, levels.point)
        moved = _moved(side, stop, level, levels)
        if moved != stop:
            stop, measure = moved, BREAK_EVEN
    if terms.trail_from_r <= 0.0 or has_reached(reached_r, terms.trail_from_r):
        moved = _moved(side, stop, chandelier_stop(side, levels, terms.trail_multiplier), levels)
        if moved != stop:
            stop, measure = moved, TRAILING
    is_known = levels.jump > 0.0 and levels.atr > 0.0
    if is_known and is_inside_jump(side, stop, levels.bid, levels.ask, levels.jump):
        distance = terms.lock_atr * levels.atr
        level = locked_stop(side, levels.bid, levels.ask, levels.gap, distance)
        # Away from the market, so that rounding does not bring it closer than the gap.
        moved = _moved(side, stop, to_tick_towards(-side, level, levels.point), levels)
        if moved != stop:
            stop, measure = moved, BLACKOUT
    return stop, measure


@njit(cache=True)
def _moved(side: int, current: float, proposed: float, levels: Levels) -> float:
    return trailed_stop(
        side,
        current,
        proposed,
        levels.atr,
        levels.bid,
        levels.ask,
        levels.gap,
        levels.point,
    )
