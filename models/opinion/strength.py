"""How strong each currency is among those that are traded, and what a pair's two ranks are worth.

A symbol's drift at row t is the smoothed return over the smoothed size of returns, both exponential
means over the same bars: −1 falling without a break, +1 rising without one, near 0 to and fro. A
currency's strength at a close is the mean drift of the symbols that hold it, with the sign that the
currency has in them. Currencies are ranked by it, equals share their ranks, and a symbol's score is

    (rank of base − rank of quote) ÷ (currencies − 1), in −1..1.

Only symbols with a bar at the very close take part; below three there is no rank to speak of.
Additions, multiplications, divisions and comparisons only, row by row, so row t is bit-identical
whatever follows it.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numba import njit

from models.market.bars import FloatArray, Window

SYMBOLS_MIN: Final = 3
"""Symbols with a bar at a close without which nothing is ranked."""


@njit(cache=True)
def smoothed_drift(close: FloatArray, period: int) -> FloatArray:
    """Return the drift of each row, shape (n_bars,), in −1..1.

    NaN in the first `period` rows; 0 where no price has moved. Row t uses bars ≤ t.

    Parameters
    ----------
    close : ndarray of shape (n_bars,)
        Closes, oldest first, > 0.
    period : int
        Bars of both exponential means, >= 1.
    """
    drift = np.full(len(close), np.nan)
    alpha = 2.0 / (period + 1.0)
    mean, size = 0.0, 0.0
    for row in range(1, len(close)):
        change = close[row] / close[row - 1] - 1.0
        mean += alpha * (change - mean)
        size += alpha * (abs(change) - size)
        if row >= period:
            drift[row] = mean / size if size > 0.0 else 0.0
    return drift


class StrengthWindow:
    """The drifts of all symbols, growing at their ends with the symbols' windows.

    Parameters
    ----------
    period : int
        Bars of the smoothing.
    """

    def __init__(self, period: int) -> None:
        self._period = period
        self._drifts: dict[str, FloatArray] = {}

    def score(self, windows: Mapping[str, Window], symbol: str, close_ns: int) -> float:
        """Return a symbol's score at a close; NaN where there is nothing to rank.

        Parameters
        ----------
        windows : mapping of str to Window
            By symbol; named as base and quote of three letters each.
        symbol : str
            One of them.
        close_ns : int
            A close.
        """
        drifts = {}
        for other, window in windows.items():
            row = window.row_of(close_ns)
            if row >= 0:
                drifts[other] = float(self._drift(other, window)[row])
        return score_of_drifts(drifts, symbol)

    def scores(self, windows: Mapping[str, Window], symbol: str, count: int) -> FloatArray:
        """Return a symbol's score at the first rows of its window, shape (count,)."""
        closes_ns = windows[symbol].close_ns[:count].tolist()
        return np.array([self.score(windows, symbol, close_ns) for close_ns in closes_ns])

    def _drift(self, symbol: str, window: Window) -> FloatArray:
        known = self._drifts.get(symbol)
        if known is None or len(known) < len(window):
            known = self._drifts[symbol] = smoothed_drift(window.close, self._period)
        return known


def score_of_drifts(drifts: Mapping[str, float], symbol: str) -> float:
    """Return (rank of base − rank of quote) ÷ (currencies − 1) at one close.

    Parameters
    ----------
    drifts : mapping of str to float
        Drift of each symbol that has a bar there; NaN takes no part.
    symbol : str
        Whose score is asked for; NaN if it takes no part itself.
    """
    known = {other: drift for other, drift in drifts.items() if drift == drift}
    if len(known) < SYMBOLS_MIN or symbol not in known:
        return float("nan")
    held: dict[str, list[float]] = {}
    for other, drift in known.items():
        held.setdefault(other[:3], []).append(drift)
        held.setdefault(other[3:6], []).append(-drift)
    strengths = {currency: sum(each) / len(each) for currency, each in held.items()}

    def rank(currency: str) -> float:
        own = strengths[currency]
        below = sum(each < own for each in strengths.values())
        equal = sum(each == own for each in strengths.values())
        return below + 0.5 * (equal - 1)

    return (rank(symbol[:3]) - rank(symbol[3:6])) / (len(strengths) - 1)
