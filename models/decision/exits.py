"""Where stops trail: chandelier levels. Whether a stop moves there is `trailing`'s to say."""

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
