"""A symbol's window of closed bars as columns.

A window starts at an anchor and grows at its end only, so a column computed over it is the same at
row t whatever follows. Prices are bid, in quote currency; times are the bars' closes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

BAR_DTYPE: Final = np.dtype(
    [
        ("close_ns", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("tick_volume", np.int64),
        ("spread_points", np.int32),
    ]
)
"""One closed bar; ``close_ns`` is its close in nanoseconds UTC."""

BarArray = NDArray[np.void]
"""Structured array of `BAR_DTYPE`, oldest first, ``close_ns`` strictly increasing."""


def empty_bars() -> BarArray:
    """Return an array of no bars."""
    return np.empty(0, dtype=BAR_DTYPE)
