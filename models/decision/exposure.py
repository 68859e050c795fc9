"""What is at stake: risk at open stops, notional by currency, leverage, and stacked bets.

Heat adds risks as if all stops were hit together, which no correlation can exceed. Sides are +1
long and −1 short. Small compiled functions over scalars; amounts in account currency.
"""

from collections.abc import Iterable

import msgspec
from numba import njit

UNKNOWN_RISK_FRAC = 0.02
"""Share of equity at risk that a position counts for when its loss cannot be bounded.

That is a position without a stop and without an approval of ours, or in a symbol whose contract is
unknown. It equals the usual limit of heat: until somebody bounds it, nothing is added.
"""

FRAC_MAX = 1e6
"""Largest share reported; a nearly empty account would otherwise give infinities."""

_EQUITY_MIN = 0.01


@njit(cache=True)
def share_of_equity(amount: float, equity: float) -> float:
    """Return amount / equity within ±`FRAC_MAX`; an account worth nothing gives the bound."""
    share = amount / max(equity, _EQUITY_MIN)
    return max(-FRAC_MAX, min(share, FRAC_MAX))


@njit(cache=True)
def risk_at_stop(
    side: int,
    open_price: float,
    stop_price: float,
    lots: float,
    contract_size: float,
    account_per_quote: float,
) -> float:
    """Return the loss against the entry if the stop is hit; 0 once the stop locks in a profit.

    Parameters
    ----------
    side : int
        +1 long, −1 short.
    open_price, stop_price : float
        Entry and stop, in quote currency, both > 0.
    lots : float
        Size, >= 0.
    contract_size, account_per_quote : float
        Units in one lot, and value of the quote currency in account currency.
    """
    distance = max(0.0, side * (open_price - stop_price))
    return distance * lots * contract_size * account_per_quote


@njit(cache=True)
def notional(lots: float, price: float, contract_size: float, account_per_quote: float) -> float:
    """Return the value of a position in account currency, without sign."""
    return lots * contract_size * price * account_per_quote


@njit(cache=True)
def signed_correlation(side: int, other_side: int, correlation: float) -> float:
    """Return the correlation of two positions' profits: +1 is one bet made twice.

    Long EURUSD and short USDCHF have negatively correlated prices and opposite sides, so their
    profits move together.
    """
    return side * other_side * correlation


class Holding(msgspec.Struct, frozen=True):
    """The two currencies of a position and its value."""

    currency_base: str
    currency_profit: str
    side: int
    """+1 long, −1 short."""
    notional: float
    """In account currency, without sign."""


def currency_notionals(holdings: Iterable[Holding]) -> list[tuple[str, float]]:
    """Return the signed notional in each currency, sorted by its name.

    A long position is long its base and short its profit currency. Sums run in the given order,
    so that equal input gives equal bits.
    """
    totals: dict[str, float] = {}
    for held in holdings:
        signed = held.side * held.notional
        totals[held.currency_base] = totals.get(held.currency_base, 0.0) + signed
        totals[held.currency_profit] = totals.get(held.currency_profit, 0.0) - signed
    return sorted(totals.items())
