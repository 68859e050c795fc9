"""What the simulated terminal needs of a market: the minutes of each symbol and its terms of trade.

A source knows the whole course of its market, also what is later than the simulated now; the
terminal alone decides what is visible. A source never changes: the same question gets the same
answer, whatever was asked before.
"""

from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.requests import CalendarEvent

MINUTE_DTYPE: Final = np.dtype(
    [
        ("open_ns", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("spread_points", np.int32),
        ("tick_volume", np.int64),
    ]
)
"""One step of the market; ``open_ns`` is its open in UTC, prices are bid in quote currency."""

MinuteArray = NDArray[np.void]
"""Structured array of `MINUTE_DTYPE`, oldest first, ``open_ns`` strictly increasing."""

ENDLESS_NS: Final = 2**63 - 1
"""`MarketSource.end_ns` of a market that never ends."""

_RATES_PERCENT: Final = {
    "AUD": 4.0,
    "CAD": 3.0,
    "CHF": 0.5,
    "EUR": 2.5,
    "GBP": 4.5,
    "JPY": 0.5,
    "NZD": 3.8,
    "USD": 4.3,
}
# Plausible levels of the overnight rates; they make the swaps and nothing else.
_RATE_PERCENT_ELSE: Final = 3.0
_SWAP_MARKUP_PERCENT: Final = 0.6  # what a retail broker keeps on either side, a year
_LEVELS: Final = {
    "AUDUSD": 0.65, "EURUSD": 1.10, "GBPUSD": 1.28, "NZDUSD": 0.60,
    "USDCAD": 1.40, "USDCHF": 0.88, "USDJPY": 148.0,
}  # fmt: skip
_LEVEL_ELSE: Final = 1.0
_NIGHTS_A_YEAR: Final = 365
_SYMBOL_LENGTH: Final = 6


class SymbolTraits(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's terms of trade at the simulated broker."""

    name: str
    digits: int
    currency_base: str
    currency_profit: str
    contract_size: float = 100_000.0
    volume_min_lots: float = 0.01
    volume_max_lots: float = 100.0
    volume_step_lots: float = 0.01
    swap_long_points: float
    """What a long position of one lot is paid a night, in points; mostly negative."""
    swap_short_points: float
    stops_level_points: int = 0
    freeze_level_points: int = 0

    @property
    def point(self) -> float:
        """Smallest price step, in quote currency."""
        return float(f"1e-{self.digits}")


class MarketSource(Protocol):
    """A market's whole course."""

    @property
    def start_ns(self) -> int:
        """First moment at which the account can trade; what lies before is history."""

    @property
    def end_ns(self) -> int:
        """Moment at which the market ends, `ENDLESS_NS` if it does not."""

    @property
    def has_calendar(self) -> bool:
        """Whether `events` answers; a source without a calendar never means 'no events'."""

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol, in the order in which they were asked for."""

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return all steps with ``from_ns <= open_ns < until_ns``, whatever the simulated now is."""

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the events scheduled in [from_ns, until_ns), by time, then currency, then title."""


def traits_of(symbol: str) -> SymbolTraits:
    """Return the terms of an FX symbol by rule, from its two currencies.

    Swaps follow the difference of plausible overnight rates less the broker's markup; a currency
    without a rate here counts as average. Two-digit metals have a contract of their own.

    Raises
    ------
    ValueError
        If the name is not six capital letters of two different currencies.
    """
    base, profit = symbol[:3], symbol[3:]
    if len(symbol) != _SYMBOL_LENGTH or not (symbol.isascii() and symbol.isalpha()):
        raise ValueError(f"symbol must be six letters, two currencies, was {symbol!r}")
    if not symbol.isupper() or base == profit:
        raise ValueError(f"symbol must be two different currencies in capitals, was {symbol!r}")
    digits = _digits(base, profit)
    carry = _rate_percent(base) - _rate_percent(profit)
    points_per_percent = _level(base, profit) * 10.0**digits / 100.0 / _NIGHTS_A_YEAR
    return SymbolTraits(
        name=symbol,
        digits=digits,
        currency_base=base,
        currency_profit=profit,
        contract_size=_CONTRACT_SIZES.get(base, 100_000.0),
        swap_long_points=round((carry - _SWAP_MARKUP_PERCENT) * points_per_percent, 2),
        swap_short_points=round((-carry - _SWAP_MARKUP_PERCENT) * points_per_percent, 2),
    )


_CONTRACT_SIZES: Final = {"XAU": 100.0, "XAG": 5_000.0}


def _digits(base: str, profit: str) -> int:
    if base == "XAU":
        return 2
    return 3 if profit == "JPY" or base == "XAG" else 5


def _rate_percent(currency: str) -> float:
    if currency in ("XAU", "XAG"):
        return 0.0
    return _RATES_PERCENT.get(currency, _RATE_PERCENT_ELSE)


def _level(base: str, profit: str) -> float:
    return dollars_per(base) / dollars_per(profit)


def dollars_per(currency: str) -> float:
    """Return a plausible price of a currency in dollars, 1 where nothing better is known."""
    if currency in ("XAU", "XAG"):
        return 2_600.0 if currency == "XAU" else 30.0
    if f"{currency}USD" in _LEVELS:
        return _LEVELS[f"{currency}USD"]
    return 1.0 / _LEVELS.get(f"USD{currency}", _LEVEL_ELSE)
