"""The newest bars of each symbol on the board, which new ones and quotes are held against."""

from collections import deque
from typing import Final

import numpy as np

from blackboard.facts import Bar
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import DAY_NS
from models.market.validation import CONTEXT_BARS

KNOWN_NS: Final = 28 * DAY_NS
"""Age beyond which a bar says nothing of a new one."""
BarRow = tuple[int, float, float, float, float, int, int]
"""Close, prices, tick volume and spread of a bar on the board, in the order of `BAR_DTYPE`."""


class KnownBars:
    """As many bars of each symbol as a validation looks at."""

    def __init__(self) -> None:
        self._rows: dict[str, deque[BarRow]] = {}

    def see(self, bar: Bar, close_ns: int) -> None:
        """Fold one bar."""
        rows = self._rows.setdefault(bar.scope, deque(maxlen=CONTEXT_BARS))
        prices = (bar.open, bar.high, bar.low, bar.close)
        rows.append((close_ns, *prices, bar.tick_volume, bar.spread_points))

    def newest_ns(self, symbol: str) -> int:
        """Return the close of a symbol's newest bar, 0 before the first."""
        rows = self._rows.get(symbol)
        return rows[-1][0] if rows else 0

    def of(self, symbol: str, at_ns: int) -> BarArray:
        """Return what is known of a symbol at a time."""
        rows = [row for row in self._rows.get(symbol, ()) if row[0] > at_ns - KNOWN_NS]
        return np.array(rows, dtype=BAR_DTYPE)
