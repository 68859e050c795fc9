"""Where stops trail: chandelier levels, and the rule that a stop only ever tightens.

Small compiled functions that agents call for one close and the simulator for every bar. Sides are
+1 long and −1 short.
"""

from numba import njit


@njit(cache=True)
def chandelier_levels(
    highest_high: float, lowest_low: float, atr: float, multiplier: float
) -> tuple[float, float]:
    """Return the chandelier stops of a long and of a short position.

    Source: Chuck LeBeau's chandelier exit. Works on scalars and on arrays of one shape. NaN in any
    input gives NaN; row t uses bars ≤ t, because its inputs do.

    Parameters
    ----------
    highest_high, lowest_low : float
        Extremes of the chandelier's bars, in quote currency.
    atr : float
        Average true range, in quote currency, >= 0.
    multiplier : float
        Distance from the extreme in average true ranges, > 0.

    Returns
    -------
    tuple of float
        Long stop ``highest_high − multiplier × atr``, short stop ``lowest_low + multiplier × atr``.
    """
    return highest_high - multiplier * atr, lowest_low + multiplier * atr


@njit(cache=True)
def tightened_stop(side: int, current: float, proposed: float) -> float:
    """Return the stop nearer to the market: the higher for a long, the lower for a short.

    A proposal that is NaN, or would loosen the stop, leaves it as it is. A current stop of 0 means
    that there is none, so that any proposal tightens.

    Parameters
    ----------
    side : int
        +1 long, −1 short.
    current, proposed : float
        Stop prices, in quote currency.

    Returns
    -------
    float
        The stop to hold.
    """
    if current == 0.0 and proposed > 0.0:
        return proposed
    return proposed if side * (proposed - current) > 0.0 else current
