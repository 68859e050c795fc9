"""What the deals of an account come to: paid in, earned, and the most that it ever had.

A high-water mark that was lost is rebuilt from here: it rises with what was earned and moves with
what was paid in and out, so a withdrawal is no drawdown and a deposit no profit. Credit is the
broker's money: it moves the equity as a payment does, and never the balance.
"""

from dataclasses import dataclass
from typing import Final

from runtime.terminals import constants as mt5
from runtime.terminals.structures import TradeDeal

CENT: Final = 0.01
"""What sums of rounded amounts may lie apart."""

_FUNDING: Final = frozenset({mt5.DEAL_TYPE_BALANCE, mt5.DEAL_TYPE_CREDIT})
"""Deals that move equity without a trade: deposits, withdrawals, credit given and taken back."""


@dataclass(slots=True)
class DealSums:
    """Running sums over deals in the order of time.

    Plain additions: the built-in sum compensates, and would depend on where it was cut.
    """

    deposits: float = 0.0
    """Paid in less paid out, credit included."""
    balance: float = 0.0
    credit: float = 0.0
    peak: float = 0.0
    """Highest that balance and credit have been, moved by what was paid in and out since."""

    def add(self, deal: TradeDeal) -> None:
        """Add the next deal."""
        amount = deal.profit + deal.swap + deal.commission + deal.fee
        if deal.type == mt5.DEAL_TYPE_CREDIT:
            self.credit += amount
        else:
            self.balance += amount
        if deal.type in _FUNDING:
            self.deposits += amount
            self.peak += amount
        self.peak = max(self.peak, self.balance + self.credit)

    def explain(self, balance: float) -> bool:
        """Whether the deals make the balance that the terminal shows."""
        return abs(self.balance - balance) <= CENT
