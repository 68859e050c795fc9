"""How far a symbol's prices have gone since the server's midnight.

The extremes of a whole day are accumulated once; row t of them knows the minutes up to t only.
"""

from typing import NamedTuple

import numpy as np

from models.market.sessions import MINUTE_NS
from runtime.terminals.simulated.columns import Columns


class Extremes(NamedTuple):
    """First, last, highest and lowest prices of a day so far."""

    open: float
    close: float
    bid_high: float
    bid_low: float
    ask_high: float
    ask_low: float


class Day:
    """One symbol's minutes from a midnight on."""

    def __init__(self, midnight_ns: int, columns: Columns) -> None:
        self.midnight_ns = midnight_ns
        self._columns = columns
        self._bid_high = np.maximum.accumulate(columns.high)
        self._bid_low = np.minimum.accumulate(columns.low)
        self._ask_high = np.maximum.accumulate(columns.high + columns.ask_over)
        self._ask_low = np.minimum.accumulate(columns.low + columns.ask_over)

    def until(self, now_ns: int) -> Extremes | None:
        """Return the extremes at a moment, None before the day's first minute.

        Of the minute that still runs only the open counts.
        """
        columns = self._columns
        row = int(columns.open_ns.searchsorted(now_ns, side="right")) - 1
        if row < 0:
            return None
        opened = float(columns.open[0])
        if columns.open_ns[row] <= now_ns - MINUTE_NS:
            return Extremes(opened, float(columns.close[row]), *self._extremes(row))
        bid = float(columns.open[row])
        ask = bid + float(columns.ask_over[row])
        if row == 0:
            return Extremes(opened, bid, bid, bid, ask, ask)
        bid_high, bid_low, ask_high, ask_low = self._extremes(row - 1)
        return Extremes(
            opened,
            bid,
            max(bid_high, bid),
            min(bid_low, bid),
            max(ask_high, ask),
            min(ask_low, ask),
        )

    def _extremes(self, row: int) -> tuple[float, float, float, float]:
        return (
            float(self._bid_high[row]),
            float(self._bid_low[row]),
            float(self._ask_high[row]),
            float(self._ask_low[row]),
        )
