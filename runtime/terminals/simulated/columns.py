"""Minutes of one symbol, column by column."""

import numpy as np
from numpy.typing import NDArray

from runtime.terminals.simulated.source import SymbolTraits


class Columns:
    """A block of minutes of one symbol, column by column; `ask_over` is the spread in price."""

    __slots__ = ("ask_over", "close", "high", "low", "open", "open_ns")

    def __init__(
        self, minutes: NDArray[np.void], traits: SymbolTraits, spread_factor: float
    ) -> None:
        self.open_ns: NDArray[np.int64] = np.ascontiguousarray(minutes["open_ns"])
        self.open: NDArray[np.float64] = np.ascontiguousarray(minutes["open"])
        self.high: NDArray[np.float64] = np.ascontiguousarray(minutes["high"])
        self.low: NDArray[np.float64] = np.ascontiguousarray(minutes["low"])
        self.close: NDArray[np.float64] = np.ascontiguousarray(minutes["close"])
        points = np.rint(minutes["spread_points"] * spread_factor)
        self.ask_over: NDArray[np.float64] = points * traits.point

    def rows(self, from_ns: int, until_ns: int) -> tuple[int, int]:
        """Return the rows of the minutes that open in [from_ns, until_ns)."""
        first, last = self.open_ns.searchsorted((from_ns, until_ns))
        return int(first), int(last)
