"""What closed trades say: how often they win, how much, for how long, and in which rows.

R is a trade's profit in units of the risk at entry. Figures of which nothing can be said are NaN.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from models.learning.performance import profit_over_loss

SQN_TRADES_MIN: Final = 30
"""Fewest trades for which Tharp calls the number meaningful."""
SQN_TRADES_MAX: Final = 100
"""Trades that count at most, lest many poor trades look like a good system."""


class Mean(NamedTuple):
    """A mean with its standard error; the error is NaN for fewer than two values."""

    value: float
    error: float


class Streaks(NamedTuple):
    """Longest rows of wins and of losses."""

    wins: int
    losses: int


def win_rate(pnls: Sequence[float]) -> Mean:
    """Return the share of trades with a profit, and its standard error; NaN without a trade.

    The error is half the width of Wilson's interval at one standard deviation, which is not 0 where
    all trades won. Source: Wilson, "Probable inference", 1927.
    """
    count = len(pnls)
    if count == 0:
        return Mean(math.nan, math.nan)
    rate = sum(pnl > 0.0 for pnl in pnls) / count
    error = math.sqrt(rate * (1.0 - rate) / count + 0.25 / count**2) / (1.0 + 1.0 / count)
    return Mean(rate, error)


def profit_factor(pnls: Sequence[float]) -> float:
    """Return what the wins brought over what the losses took; NaN where nothing was lost."""
    won = math.fsum(pnl for pnl in pnls if pnl > 0.0)
    lost = -math.fsum(pnl for pnl in pnls if pnl < 0.0)
    return profit_over_loss(won, lost)


def mean_with_error(values: Sequence[float]) -> Mean:
    """Return mean and standard error; the mean of nothing is NaN."""
    count = len(values)
    if count == 0:
        return Mean(math.nan, math.nan)
    mean = math.fsum(values) / count
    return Mean(mean, _deviation(values, mean) / math.sqrt(count))


def system_quality(r_multiples: Sequence[float]) -> float:
    """Return Tharp's system quality number: √n · mean R / standard deviation of R.

    n counts up to `SQN_TRADES_MAX`. NaN below `SQN_TRADES_MIN` trades, or where all are equal.
    Source: Tharp, "Definitive guide to position sizing", 2008.
    """
    count = len(r_multiples)
    if count < SQN_TRADES_MIN:
        return math.nan
    mean = math.fsum(r_multiples) / count
    deviation = _deviation(r_multiples, mean)
    return math.sqrt(min(count, SQN_TRADES_MAX)) * mean / deviation if deviation else math.nan


def longest_streaks(pnls: Iterable[float]) -> Streaks:
    """Return the longest rows of wins and of losses; what brought nothing ends both."""
    longest = {1: 0, -1: 0, 0: 0}
    for sign, run in groupby(pnls, key=_sign):
        longest[sign] = max(longest[sign], sum(1 for _ in run))
    return Streaks(longest[1], longest[-1])


def united(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that cover the same time without overlapping, in order; empty ones go."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if last <= first:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _deviation(values: Sequence[float], mean: float) -> float:
    if len(values) < 2:
        return math.nan
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _sign(pnl: float) -> int:
    return (pnl > 0.0) - (pnl < 0.0)
