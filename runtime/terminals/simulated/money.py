"""Money of the simulated account: whole cents, and the levels at which it runs short."""

from typing import Final

from runtime.terminals.simulated.prices import normalised

CURRENCY_DIGITS: Final = 2


def money(amount: float) -> float:
    """Return an amount in whole cents."""
    return normalised(amount, CURRENCY_DIGITS)


def margin_level(equity: float, margin: float) -> float:
    """Return equity over margin in percent, 0 without margin."""
    return equity / margin * 100.0 if margin else 0.0
