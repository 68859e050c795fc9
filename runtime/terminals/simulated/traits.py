"""The simulated broker's terms for a symbol, from the two currencies in its name.

Majors and their crosses get plausible levels, swaps and spreads from the tables here; any other
six-letter name gets average ones by the same rules.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import DAY_NS, HOUR_NS, market_clock_ns
from runtime.terminals.simulated.source import SymbolTraits

SYMBOL_LENGTH: Final = 6

RATES_PERCENT: Final = {
    "AUD": 4.1,
    "CAD": 2.8,
    "CHF": 0.5,
    "EUR": 2.5,
    "GBP": 4.5,
    "JPY": 0.5,
    "NZD": 3.8,
    "USD": 4.4,
    "XAG": 0.0,
    "XAU": 0.0,
}
"""Plausible overnight rates; they make the swaps and the synthetic rate decisions."""

DOLLARS: Final = {
    "AUD": 0.63,
    "CAD": 0.70,
    "CHF": 1.12,
    "EUR": 1.08,
    "GBP": 1.27,
    "JPY": 1.0 / 149.0,
    "NZD": 0.57,
    "USD": 1.0,
    "XAG": 32.0,
    "XAU": 2_900.0,
}
"""Plausible value of one unit of a currency in dollars."""

_RATE_PERCENT_ELSE: Final = 3.0
_DOLLARS_ELSE: Final = 1.0
_SWAP_MARKUP_PERCENT: Final = 0.6  # a year, on either side: what a retail broker keeps
_NIGHTS_A_YEAR: Final = 365
_METAL_DIGITS: Final = {"XAG": 3, "XAU": 2}
_METAL_CONTRACT: Final = {"XAG": 5_000.0, "XAU": 100.0}
_FX_CONTRACT: Final = 100_000.0

_SPREAD_POINTS: Final = {
    "AUDUSD": 11.0,
    "EURCHF": 16.0,
    "EURGBP": 12.0,
    "EURJPY": 15.0,
    "EURUSD": 10.5,
    "GBPJPY": 22.0,
    "GBPUSD": 14.0,
    "NZDUSD": 15.0,
    "USDCAD": 14.0,
    "USDCHF": 14.0,
    "USDJPY": 10.5,
    "XAGUSD": 25.0,
    "XAUUSD": 25.0,
}
_SPREAD_POINTS_ELSE: Final = 24.0
# By hour of the market clock: 17:00, 18:00, ... 16:00 New York. Shaped after recorded EURUSD quotes,
# whose median is 2.6 pips in the hour after the day ends, 1.8 in the next, and 1.1 to 1.3 by day.
_SPREAD_BY_HOUR: Final = np.array([
    2.5, 1.7, 1.25, 1.15, 1.1, 1.1, 1.1, 1.1, 1.1, 1.05, 1.0, 1.0,
    1.0, 1.0, 1.05, 1.1, 1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 1.15, 1.5,
])  # fmt: skip


def traits_of(symbol: str) -> SymbolTraits:
    """Return the terms of a symbol.

    Swaps follow the difference of the two overnight rates, less the broker's markup.

    Raises
    ------
    ValueError
        If the name is not six capital letters of two different currencies.
    """
    base, profit = symbol[:3], symbol[3:]
    is_name = len(symbol) == SYMBOL_LENGTH and symbol.isascii() and symbol.isalpha()
    if not (is_name and symbol.isupper() and base != profit):
        raise ValueError(f"symbol must be two different currencies such as EURUSD, was {symbol!r}")
    digits = _METAL_DIGITS.get(base, 3 if profit == "JPY" else 5)
    carry_percent = _rate_percent(base) - _rate_percent(profit)
    price = dollars_per(base) / dollars_per(profit)
    points_per_percent = price * 10.0**digits / 100.0 / _NIGHTS_A_YEAR
    return SymbolTraits(
        name=symbol,
        digits=digits,
        currency_base=base,
        currency_profit=profit,
        contract_size=_METAL_CONTRACT.get(base, _FX_CONTRACT),
        swap_long_points=round((carry_percent - _SWAP_MARKUP_PERCENT) * points_per_percent, 2),
        swap_short_points=round((-carry_percent - _SWAP_MARKUP_PERCENT) * points_per_percent, 2),
    )


def dollars_per(currency: str) -> float:
    """Return a plausible value of a currency in dollars, 1 where nothing better is known."""
    return DOLLARS.get(currency, _DOLLARS_ELSE)


def usual_spread_points(symbol: str, open_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the spread that is usual at each minute, from the symbol and the hour in New York.

    Parameters
    ----------
    symbol : str
        Canonical name.
    open_ns : ndarray of shape (n_minutes,), int64, in order
        Opens in nanoseconds UTC.

    Returns
    -------
    ndarray of shape (n_minutes,), float64
        Points, not rounded.
    """
    # Daylight saving switches on full hours of UTC, so all minutes of one share a market hour.
    hours, of_minute = np.unique(open_ns // HOUR_NS, return_inverse=True)
    market_hours = [market_clock_ns(int(hour) * HOUR_NS) % DAY_NS // HOUR_NS for hour in hours]
    factors = _SPREAD_BY_HOUR[np.asarray(market_hours, dtype=np.int64)]
    return _SPREAD_POINTS.get(symbol, _SPREAD_POINTS_ELSE) * factors[of_minute]


def _rate_percent(currency: str) -> float:
    return RATES_PERCENT.get(currency, _RATE_PERCENT_ELSE)
