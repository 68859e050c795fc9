"""What a deal books: profit, commission, swap and margin in whole cents of account currency.

Shared by the simulated terminal and the compiled simulator; the order of the factors is part of the
contract, because both must give the same cent. Sides are +1 long and −1 short.
"""

from typing import Final

import numpy as np
from numba import njit

CURRENCY_DIGITS: Final = 2
_CENTS: Final = 10.0**CURRENCY_DIGITS


@njit(cache=True)
def money(amount: float) -> float:
    """Return an amount in whole cents."""
    return float(np.rint(amount * _CENTS) / _CENTS)


@njit(cache=True)
def booked_profit(
    side: int, opened: float, closed: float, contract_size: float, lots: float, rate: float
) -> float:
    """Return the profit from an open to a close price.

    Parameters
    ----------
    side : int
        +1 long, −1 short.
    opened, closed : float
        Prices in quote currency.
    contract_size, lots : float
        Units in one lot, and the size.
    rate : float
        Value of one unit of the quote currency in account currency.
    """
    move = closed - opened if side > 0 else opened - closed
    return money(move * contract_size * lots * rate)


@njit(cache=True)
def booked_commission(per_lot: float, lots: float) -> float:
    """Return the commission of one side, as the negative amount that it is."""
    return money(-per_lot * lots)


@njit(cache=True)
def booked_swap(
    points: float, point: float, contract_size: float, lots: float, rate: float, nights: int
) -> float:
    """Return what some nights bring: points × point × contract × lots × rate × nights."""
    return money(points * point * contract_size * lots * rate * nights)


@njit(cache=True)
def held_margin(lots: float, contract_size: float, leverage: float, base_rate: float) -> float:
    """Return what an order holds back; `base_rate` values the base currency."""
    return money(lots * contract_size / leverage * base_rate)


@njit(cache=True)
def margin_level(equity: float, margin: float) -> float:
    """Return equity over margin in percent, 0 without margin."""
    return equity / margin * 100.0 if margin != 0.0 else 0.0
