"""What is at stake: risk at open stops, notional by currency, leverage, and stacked bets.

Heat adds risks as if all stops were hit together, which no correlation can exceed. Three measures
stand beside it, each for a way in which the sum deceives: bets that are one bet in a bad week
(`correlated_heat_frac`), bets on one currency (`net_currency_risks`), and stops that do not hold
their price (`slipped_frac`). Sides are +1 long and −1 short. Small compiled functions over scalars
and arrays; amounts in account currency, risks as shares of equity, all finite.
"""

from collections.abc import Iterable
from math import isnan, sqrt
from typing import Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNKNOWN_RISK_FRAC = 0.02
"""Share of equity at risk that a position counts for when its loss cannot be bounded.

That is a position without a stop and without an approval of ours, or in a symbol whose contract is
unknown. It equals the usual limit of heat: until somebody bounds it, nothing is added.
"""

FRAC_MAX = 1e6
"""Largest share reported; a nearly empty account would otherwise give infinities."""

STRESS_FROM: Final = 0.5
"""Correlation, without sign, beyond which a bad week takes two symbols for one."""

ESMA_LEVERAGE_MAJOR: Final = 30.0
ESMA_LEVERAGE_OTHER: Final = 20.0
"""Leverage at which retail clients in the European Union may open currency pairs: initial margin of
3.33 % and 5 %. Source: ESMA, Decision (EU) 2018/796, annex I."""

ESMA_MAJOR_CURRENCIES: Final = frozenset({"USD", "EUR", "JPY", "GBP", "CAD", "CHF"})
"""A pair of any two of these is a major one in the sense of that decision."""

_EQUITY_MIN = 0.01


@njit(cache=True)
def share_of_equity(amount: float, equity: float) -> float:
    """Return amount / equity within ±`FRAC_MAX`; an account worth nothing gives the bound."""
    share = amount / max(equity, _EQUITY_MIN)
    return max(-FRAC_MAX, min(share, FRAC_MAX))


@njit(cache=True)
def loss_at_stop(
    side: int,
    open_price: float,
    stop_price: float,
    lots: float,
    contract_size: float,
    account_per_quote: float,
) -> float:
    """Return the loss against the entry if the stop is hit; negative once it locks in a profit.

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
    return side * (open_price - stop_price) * lots * contract_size * account_per_quote


@njit(cache=True)
def risk_at_stop(
    side: int,
    open_price: float,
    stop_price: float,
    lots: float,
    contract_size: float,
    account_per_quote: float,
) -> float:
    """Return `loss_at_stop`, 0 once the stop locks in a profit."""
    loss = loss_at_stop(side, open_price, stop_price, lots, contract_size, account_per_quote)
    return max(0.0, loss)


@njit(cache=True)
def slipped_frac(stop_frac: float, entry_frac: float, slip_factor: float) -> float:
    """Return what a position costs if its stop is filled far beyond its price, never below 0.

    The price runs through the stop by (`slip_factor` − 1) times the distance that was at risk at
    the entry, which is the scale on which the symbol moves; so a stop that was drawn to break-even
    still costs something. Where the stop has not moved this is `slip_factor` times its risk.

    Parameters
    ----------
    stop_frac : float
        Loss at the stop as a share of equity; negative where a profit is locked in.
    entry_frac : float
        Risk at the entry as a share of equity, >= 0.
    slip_factor : float
        How many times its distance a stop is filled away, >= 1.
    """
    return max(0.0, stop_frac + (slip_factor - 1.0) * entry_frac)


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


@njit(cache=True)
def stressed_correlation(correlation: float) -> float:
    """Return the mean of a correlation and of the stressed one: halfway to a bad week.

    The stressed one is ±1 beyond ±`STRESS_FROM` and as measured below: 0.6 becomes 0.8, 0.4 stays.
    """
    if abs(correlation) <= STRESS_FROM:
        return correlation
    return 0.5 * correlation + 0.5 * (1.0 if correlation > 0.0 else -1.0)


@njit(cache=True)
def correlated_heat_frac(sides: IntArray, risks: FloatArray, correlation: FloatArray) -> float:
    """Return sqrt(f'Pf), P the stressed correlations with the sides' signs.

    Two bets whose correlation nobody knows count as one: their risks add up, whatever their sides.
    Guessing a hedge would lower the figure just where nothing is known; so without any correlation
    this is the plain sum of the risks.

    Parameters
    ----------
    sides : ndarray of shape (n_bets,), int64
        +1 long, −1 short.
    risks : ndarray of shape (n_bets,), float64
        Risk at the stop as a share of equity, each >= 0.
    correlation : ndarray of shape (n_bets, n_bets), float64
        Symmetric, of the prices' returns, in −1..1; NaN where it is not known. The diagonal is
        not read.

    Returns
    -------
    float
        In [0, Σ risks]; stressed correlations may form no proper matrix, so a negative sum is 0.
    """
    total = 0.0
    for row in range(len(risks)):
        total += risks[row] * risks[row]
        for column in range(row):
            known = correlation[row, column]
            signed = 1.0
            if not isnan(known):
                signed = sides[row] * sides[column] * stressed_correlation(known)
            total += 2.0 * risks[row] * risks[column] * signed
    return sqrt(max(0.0, total))


@njit(cache=True)
def net_currency_risks(
    bases: IntArray, profits: IntArray, sides: IntArray, risks: FloatArray, currency_count: int
) -> FloatArray:
    """Return the net risk in each currency, shape (currency_count,), as signed shares of equity.

    A long position risks its share on a rise of its base against its profit currency, so it counts
    for the one and against the other: two stops that one currency's move would hit add up, and
    opposite bets on it cancel. Currencies are numbered from 0 to `currency_count` − 1.

    Parameters
    ----------
    bases, profits, sides : ndarray of shape (n_bets,), int64
        Numbers of the two currencies; +1 long, −1 short.
    risks : ndarray of shape (n_bets,), float64
        Risk at the stop as a share of equity, each >= 0.
    currency_count : int
        How many currencies there are.
    """
    net = np.zeros(currency_count)
    for bet in range(len(risks)):
        net[bases[bet]] += sides[bet] * risks[bet]
        net[profits[bet]] -= sides[bet] * risks[bet]
    return net


def esma_leverage(currency_base: str, currency_profit: str) -> float:
    """Return the leverage at which the European rules for retail clients let a pair be opened."""
    is_major = {currency_base, currency_profit} <= ESMA_MAJOR_CURRENCIES
    return ESMA_LEVERAGE_MAJOR if is_major else ESMA_LEVERAGE_OTHER


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
