"""What doing nothing clever would have brought: holding every symbol without leverage."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def held_equity(
    deposit: float,
    bids: FloatArray,
    account_per_quote: FloatArray,
    entry_costs: FloatArray,
    nightly_swaps: FloatArray,
) -> FloatArray:
    """Return the equity of an account that buys every symbol at once and holds, unleveraged.

    Each symbol gets the same share of the deposit as notional, so that together they are worth the
    deposit: leverage 1:1. Row t uses prices ≤ t. NaN in gives NaN out.

    Parameters
    ----------
    deposit : float
        What the account begins with, in account currency, > 0.
    bids : ndarray of shape (n_points, n_symbols), float64
        Price of each symbol at each point, in its profit currency.
    account_per_quote : ndarray of shape (n_points, n_symbols), float64
        Worth of one unit of the profit currency in account currency.
    entry_costs : ndarray of shape (n_symbols,), float64
        Spread and commission of entering and leaving, as a fraction of the notional.
    nightly_swaps : ndarray of shape (n_points, n_symbols), float64
        Swap booked between the point before and this one, per unit of base currency, in profit
        currency; the first row is ignored.

    Returns
    -------
    ndarray of shape (n_points,), float64
        Equity in account currency. The costs of both ends are booked at the first point.
    """
    share = deposit / bids.shape[1]
    units = share / (bids[0] * account_per_quote[0])
    moved = (bids - bids[0]) * account_per_quote
    swaps = nightly_swaps * account_per_quote
    swaps[0] = 0.0
    gained = units * (moved + np.cumsum(swaps, axis=0))
    equity: FloatArray = deposit - share * entry_costs.sum() + gained.sum(axis=1)
    return equity
