"""The common work of the engines: bars of a random walk, and what is done with them.

The random walk has no drift and an annual volatility of 8 %, is sampled ten times a bar and quoted
with five decimals.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BAR_NS: Final = 15 * 60 * 1_000_000_000
BARS: Final = 100_000
BARS_PER_YEAR: Final = 252 * 96
VOLATILITY: Final = 0.08
STEPS_PER_BAR: Final = 10
START_NS: Final = 1_514_764_800 * 1_000_000_000  # 2018-01-01
DIGITS: Final = 5


class Work(NamedTuple):
    """What is done with the bars: the averages that cross, and what a cross opens."""

    fast: int = 10
    slow: int = 30
    atr: int = 14
    """Bars of Wilder's average true range, in which stop and target are counted."""
    stop_atr: float = 2.0
    target_atr: float = 3.0
    spread: float = 1e-4
    """One pip, in price."""
    warm: int = 31
    """Bars before the first signal."""
    minutes: int = 15
    """Length of a bar."""


class Prices(NamedTuple):
    """Bid prices as columns of shape (n_bars,)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


WORK: Final = Work()


def random_walk(bars: int = BARS, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Return M15 bars of a geometric Brownian motion, columns of shape (bars,)."""
    generator = np.random.default_rng(seed)
    sigma = VOLATILITY / np.sqrt(BARS_PER_YEAR * STEPS_PER_BAR)
    steps = generator.normal(-0.5 * sigma**2, sigma, size=bars * STEPS_PER_BAR)
    prices = 1.2 * np.exp(np.cumsum(steps)).reshape(bars, STEPS_PER_BAR)
    close = np.round(prices[:, -1], DIGITS)
    opened = np.concatenate((np.array([1.2]), close[:-1]))
    open_ns = START_NS + BAR_NS * np.arange(bars, dtype=np.int64)
    return {
        "open_ns": open_ns,
        "close_ns": open_ns + BAR_NS,
        "open": opened,
        "high": np.round(np.maximum(prices.max(axis=1), opened), DIGITS),
        "low": np.round(np.minimum(prices.min(axis=1), opened), DIGITS),
        "close": close,
    }


def prices_of(bars: dict[str, NDArray[Any]]) -> Prices:
    """Return the prices of columns."""
    return Prices(bars["open"], bars["high"], bars["low"], bars["close"])
