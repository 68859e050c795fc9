"""The simulated broker's terms for a symbol, from the two currencies in its name.

Majors and their crosses get plausible levels and swaps from the tables here; any other
six-letter name gets average ones by the same rules.
"""

from typing import Final

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
_PRICE_POINTS_MIN: Final = 100.0  # below, one point is more than a percent, and bars say nothing


def traits_of(symbol: str) -> SymbolTraits:
    """Return the terms of a symbol.

    Swaps follow the difference of the two overnight rates, less the broker's markup.

    Raises
    ------
    ValueError
        If the name is not six capital letters of two different currencies, or the price has too
        few points to be quoted: nobody quotes in gold.
    """
    base, profit = symbol[:3], symbol[3:]
    is_name = len(symbol) == SYMBOL_LENGTH and symbol.isascii() and symbol.isalpha()
    if not (is_name and symbol.isupper() and base != profit):
        raise ValueError(f"symbol must be two different currencies such as EURUSD, was {symbol!r}")
    digits = _METAL_DIGITS.get(base, 3 if profit == "JPY" else 5)
    carry_percent = _rate_percent(base) - _rate_percent(profit)
    price = dollars_per(base) / dollars_per(profit)
    if price * 10.0**digits < _PRICE_POINTS_MIN:
        raise ValueError(
            f"symbol must be worth {_PRICE_POINTS_MIN:g} points at least, was {symbol!r}, about "
            f"{price:.2g} with {digits} digits: is {profit + base} meant?"
        )
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


def _rate_percent(currency: str) -> float:
    return RATES_PERCENT.get(currency, _RATE_PERCENT_ELSE)
