"""Bars of no market, to run a computation once before it is needed: imports and compilation."""

import numpy as np

from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import DAY_NS, next_bar_close_ns, week_open_ns

_SOME_DAY_NS = 20_000 * DAY_NS


def sample_bars(count: int, length_ns: int) -> BarArray:
    """Return bars from the open of a week on: a short wave on a long one, so that all rules speak.

    Parameters
    ----------
    count : int
        How many.
    length_ns : int
        Length of a bar in nanoseconds.
    """
    closes_ns = [next_bar_close_ns(week_open_ns(_SOME_DAY_NS), length_ns)]
    while len(closes_ns) < count:
        closes_ns.append(next_bar_close_ns(closes_ns[-1], length_ns))
    steps = np.arange(count + 1)
    prices = 1.1 + 0.01 * np.sin(0.05 * steps) + 0.001 * np.sin(1.7 * steps)
    bars = np.zeros(count, dtype=BAR_DTYPE)
    bars["close_ns"] = closes_ns[:count]
    bars["open"], bars["close"] = prices[:-1], prices[1:]
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 1e-4
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 1e-4
    return bars
