"""How an entry meets the market: at once, or at a limit that rests; compiled, shared as `exits` is.

A calm market comes back to a price a little away, and a limit is paid for waiting there; a moving
one does not, and a limit misses what it was right about. So a limit rests only where the volatility
forecast says that it is calm and no event lies ahead. Sides are +1 long and −1 short; prices are in
quote currency.
"""

from typing import Final

from numba import njit

from models.decision.fills import tightened

MINUTE_NS: Final = 60_000_000_000


@njit(cache=True)
def is_calm(has_forecast: bool, vol_ratio: float, calm_vol_ratio_max: float) -> bool:
    """Whether the forecast, over the symbol's usual level, allows a limit; silence does not."""
    return has_forecast and vol_ratio <= calm_vol_ratio_max


@njit(cache=True)
def resting_distance(limit_atr: float, atr: float, stops_level_points: int, point: float) -> float:
    """Return how far from the market a limit is set, at least as far as the broker asks for."""
    return max(limit_atr * atr, stops_level_points * point)


@njit(cache=True)
def resting_price(side: int, bid: float, ask: float, distance: float, digits: int) -> float:
    """Return where an entry waits: a distance from what the market asks, rounded away from it."""
    market = ask if side > 0 else bid
    return tightened(market - side * distance, -side, digits)


@njit(cache=True)
def resting_end_ns(
    close_ns: int, limit_bars: int, length_ns: int, week_close_ns: int, friday_flat_min: int
) -> int:
    """Return when a limit placed at a close ends: after its bars, before the weekend's flat time.

    What is not after the close means that nothing may rest any more.
    """
    flat_ns = week_close_ns - friday_flat_min * MINUTE_NS
    return min(close_ns + limit_bars * length_ns, flat_ns)
