"""Money of the simulated account: whole cents, and the levels at which it runs short."""

from typing import Final

from runtime.terminals.simulated.prices import normalised

CURRENCY_DIGITS: Final = 2
STOP_OUT_LEVEL: Final = 30.0
"""Margin level in percent below which the broker closes the largest loser."""
MARGIN_CALL_LEVEL: Final = 50.0
"""Margin level in percent at which a broker warns; shown only."""


def money(amount: float) -> float:
    """Return an amount in whole cents."""
    return normalised(amount, CURRENCY_DIGITS)


def margin_level(equity: float, margin: float) -> float:
    """Return equity over margin in percent, 0 without margin."""
    return equity / margin * 100.0 if margin else 0.0
