"""What the closed trades say: their record so far, and whether it has turned bad.

R is a trade's profit in units of the risk at entry. The record is a fold over trades in the order
in which they closed and keeps a bounded memory.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import stdtr


@dataclass(frozen=True, slots=True)
class DeclineTerms:
    """When the latest trades count as bad."""

    trades: int = 50
    """Latest trades that are looked at."""
    trades_min: int = 30
    win_rate_min: float = 0.40
    """Alone a low win rate means little: a reward-to-risk of 3 lives at 35 %."""
    loss_level: float = 0.05
    """One-sided level at which the mean R counts as below 0."""


USUAL_TERMS: Final = DeclineTerms()


@dataclass(frozen=True, slots=True)
class Decline:
    """A record with few winners; it has turned bad where its mean R is below 0 beyond chance."""

    win_rate: float
    p_value: float
    trades: int
    is_proven: bool
    """Whether the mean R is below 0 beyond chance."""


def profit_over_loss(won: float, lost: float) -> float:
    """Return what the wins brought over what the losses took; NaN where nothing was lost."""
    return won / lost if lost > 0.0 else math.nan


class TradeRecord:
    """Running statistics of closed trades.

    Parameters
    ----------
    start_equity : float
        Equity before the first trade, in account currency; 0 if unknown.
    terms : DeclineTerms
        When the latest trades count as bad.
    """

    def __init__(self, start_equity: float, terms: DeclineTerms = USUAL_TERMS) -> None:
        self.start_equity = start_equity
        self._terms = terms
        self.trades = 0
        self.wins = 0
        self.pnl = 0.0
        self.drawdown_frac = 0.0
        """Largest fall of the cumulated P&L from its peak, over the equity at that peak."""
        self._peak_pnl = 0.0
        self._gross_profit = 0.0
        self._gross_loss = 0.0
        self._sum_r = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=terms.trades)

    def add(self, pnl: float, r_multiple: float) -> None:
        """Take one more closed trade: its profit after costs, and the same in R."""
        self.trades += 1
        self.pnl += pnl
        self._sum_r += r_multiple
        self._recent.append((pnl, r_multiple))
        if pnl > 0.0:
            self.wins += 1
            self._gross_profit += pnl
        else:
            self._gross_loss -= pnl
        self._peak_pnl = max(self._peak_pnl, self.pnl)
        peak_equity = self.start_equity + self._peak_pnl
        if peak_equity > 0.0:
            fall = (self._peak_pnl - self.pnl) / peak_equity
            self.drawdown_frac = max(self.drawdown_frac, fall)

    @property
    def profit_factor(self) -> float:
        """Gross profit over gross loss, 0 while there is no loss."""
        factor = profit_over_loss(self._gross_profit, self._gross_loss)
        return 0.0 if math.isnan(factor) else factor

    @property
    def expectancy_r(self) -> float:
        """Mean R of a trade, 0 before the first."""
        return self._sum_r / self.trades if self.trades else 0.0

    def decline(self) -> Decline | None:
        """Return the evidence that the latest trades are bad, None while few of them lose."""
        count = len(self._recent)
        if count < self._terms.trades_min:
            return None
        rate = sum(pnl > 0.0 for pnl, _ in self._recent) / count
        if rate >= self._terms.win_rate_min:
            return None
        p_value = loss_p_value([r_multiple for _, r_multiple in self._recent])
        return Decline(rate, p_value, count, is_proven=p_value < self._terms.loss_level)


def loss_p_value(r_multiples: Sequence[float]) -> float:
    """Return the one-sided chance of so low a mean R if the true one were 0 (Student's t).

    1 where nothing can be said: fewer than two trades.
    """
    count = len(r_multiples)
    if count < 2:
        return 1.0
    mean = math.fsum(r_multiples) / count
    variance = math.fsum((r - mean) ** 2 for r in r_multiples) / (count - 1)
    if variance == 0.0:
        return 0.0 if mean < 0.0 else 1.0
    return float(stdtr(count - 1, mean / math.sqrt(variance / count)))
