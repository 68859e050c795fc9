"""What a scheduled event may do to a position: the jump to expect, and the stop before it.

A jump goes through a stop and fills beyond it, so a stop that lies inside the expected jump bounds
nothing any more: the loss is the jump's. Before the event there is still a market, and the stop can
be moved to where what the position is worth now is kept, or the position closed. The size of the
jump is a convention, not an estimate: a multiple of the forecast's standard deviation, because the
forecast knows the hour of the week and not the event. Compiled; sides and prices as in `trailing`.
"""

import math
from typing import Final

from numba import njit

from models.decision.sizing import floor_to_step

RANGE_PER_SIGMA: Final = 1.5957691216057308
"""Expected range of a Brownian motion over its standard deviation, √(8/π): Feller (1951)."""


@njit(cache=True)
def is_event_ahead(close_ns: int, from_ns: int, until_ns: int, length_ns: int) -> bool:
    """Whether a close is the last before a blackout, or lies in it and before its event.

    A blackout lies evenly around its event. A position opens at no close within it, so what is
    found there was there at the close before, and is asked again in case that was refused.

    Parameters
    ----------
    close_ns : int
        The close.
    from_ns, until_ns : int
        Beginning and end of the blackout.
    length_ns : int
        Length of a bar.
    """
    event_ns = from_ns + (until_ns - from_ns) // 2
    return from_ns <= close_ns + length_ns and close_ns < event_ns


@njit(cache=True)
def sigma_from_range(atr: float, price: float, horizon_bars: int) -> float:
    """Return the standard deviation over a horizon that an average true range stands for.

    In place of a forecast that abstains: a Brownian motion with that range, as a fraction of the
    price.
    """
    return atr / price / RANGE_PER_SIGMA * math.sqrt(horizon_bars)


@njit(cache=True)
def jump_distance(price: float, sigma_frac: float, jump_sigmas: float) -> float:
    """Return the jump to expect of an event, in quote currency; 0 where none is reckoned with."""
    return jump_sigmas * sigma_frac * price


@njit(cache=True)
def is_inside_jump(side: int, stop_price: float, bid: float, ask: float, jump: float) -> bool:
    """Whether a jump against the position would go through its stop."""
    closing_price = bid if side > 0 else ask
    return side * (closing_price - stop_price) < jump


@njit(cache=True)
def locked_stop(side: int, bid: float, ask: float, gap: float, distance: float) -> float:
    """Return the stop that keeps what a position is worth, a distance or the broker's gap away."""
    closing_price = bid if side > 0 else ask
    return closing_price - side * max(gap, distance)


@njit(cache=True)
def kept_lots(
    lots: float, stop_distance: float, jump: float, step_lots: float, lots_min: float
) -> float:
    """Return what may stay of a position so that the jump costs no more than its stop would.

    Rounded down to the broker's step; where less than the smallest lot may stay, or less than that
    would have to leave, the smallest that can be done to that end is done.

    Parameters
    ----------
    lots : float
        Size of the position, > 0.
    stop_distance : float
        From the price that closes it to its stop, in quote currency; 0 or less keeps nothing.
    jump : float
        Expected jump against it, > `stop_distance`.
    step_lots, lots_min : float
        Steps and smallest size that the broker takes, > 0.

    Returns
    -------
    float
        In [0, lots - lots_min], 0 or at least `lots_min`.
    """
    if stop_distance <= 0.0:
        return 0.0
    kept = floor_to_step(min(lots * stop_distance / jump, lots - lots_min), step_lots)
    return kept if kept >= lots_min else 0.0
