"""When a position is left, and under which terms; compiled, shared by supervisor and simulator.

`ExitTerms` are agreed when a position is entered and stay with it: whatever is learned or set
later concerns later entries. An exit by the market needs no price of ours; one order of precedence
(`EXITS`) names why a position is closed where several reasons hold at the same close. How the stop
moves meanwhile is said in `trailing`, what lies ahead of an event in `jump`.
"""

from typing import Final, NamedTuple

from numba import njit

EXITS: Final = ("unprotected", "weekend", "blackout", "reversal", "time")
"""Why a position is closed at a close, in the order in which it is asked: what is dangerous before
what is expected, what is expected before what is only an opinion, and the clock last."""

UNPROTECTED: Final = 0
WEEKEND: Final = 1
BLACKOUT: Final = 2
REVERSAL: Final = 3
TIME: Final = 4
STAYS: Final = -1
"""Place of the exit of a position that is kept."""


class ExitTerms(NamedTuple):
    """How a position is to be left, as agreed at its entry; a zero switches a measure off."""

    break_even_r: float
    """Favourable excursion at a close, in R, from which the stop stands at entry plus costs."""
    trail_from_r: float
    """Favourable excursion at a close, in R, from which the stop trails; 0 is from the entry on."""
    trail_multiplier: float
    """Chandelier's distance in average true ranges; 0 takes the levels as they are told."""
    hold_bars_max: int
    """Closes of the trading timeframe after which the position is closed."""
    jump_sigmas: float
    """Expected jump of an event, in standard deviations of the forecast's horizon."""
    closes_before_jump: bool
    """Whether a position is closed rather than tightened if its stop lies inside that jump."""
    lock_atr: float
    """Distance in average true ranges at which a stop is locked before a jump."""


TOLERANCE_R: Final = 1e-9
"""By how much an excursion may miss its threshold in floats and still have reached it."""

UNAGREED: Final = ExitTerms(0.0, 0.0, 0.0, 0, 0.0, False, 0.0)
"""Terms of a position whose entry is not known: its stop trails as told, and nothing else."""


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
def excursion_r(
    side: int, open_price: float, bid: float, ask: float, stop_distance: float
) -> float:
    """Return how far a position stands in its favour, in units of its planned stop distance.

    Measured to the price at which it would close; 0 where the plan is not known (distance 0).
    """
    if stop_distance <= 0.0:
        return 0.0
    closing_price = bid if side > 0 else ask
    return side * (closing_price - open_price) / stop_distance


@njit(cache=True)
def has_reached(reached_r: float, threshold_r: float) -> bool:
    """Whether an excursion has reached a threshold, as prices on a grid of points tell it."""
    return reached_r >= threshold_r - TOLERANCE_R


@njit(cache=True)
def is_time_up(bars_held: int, hold_bars_max: int) -> bool:
    """Whether a position has been held through as many closes as its terms allow."""
    return 0 < hold_bars_max <= bars_held


@njit(cache=True)
def first_exit(
    is_unprotected: bool,
    is_weekend: bool,
    is_blackout: bool,
    is_reversal: bool,
    is_late: bool,
) -> int:
    """Return the place in `EXITS` of the first reason that holds, −1 if the position is kept."""
    if is_unprotected:
        return UNPROTECTED
    if is_weekend:
        return WEEKEND
    if is_blackout:
        return BLACKOUT
    if is_reversal:
        return REVERSAL
    return TIME if is_late else STAYS
