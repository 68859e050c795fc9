"""A file that was read whole: what every text format becomes."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from runtime.bar_formats.text_table import TextTable
from runtime.terminals.simulated.bar_files import (
    PRICES,
    BarColumns,
    FloatArray,
    IntArray,
)


class ReadFile:
    """Bars in memory, as a `BarsFile`.

    Parameters
    ----------
    path : Path
        Where they were read.
    origin : str
        Format and clock, for people.
    open_ns : ndarray of shape (n_bars,), int64
        Opens in UTC, as they stand in the file.
    prices : dict of ndarray of shape (n_bars,), float64
        Bid by name, in quote currency.
    spread : ndarray of shape (n_bars,), float64, optional
        Ask less bid in quote currency.
    tick_volume : ndarray of shape (n_bars,), int64, optional
        Price changes of each bar.
    """

    def __init__(
        self,
        path: Path,
        origin: str,
        open_ns: IntArray,
        prices: dict[str, FloatArray],
        spread: FloatArray | None = None,
        tick_volume: IntArray | None = None,
    ) -> None:
        self.path = path
        self.origin = origin
        self.open_ns = open_ns
        self._prices = prices
        self._spread = spread
        self._tick_volume = np.zeros_like(open_ns) if tick_volume is None else tick_volume

    def columns(self, first: int, last: int, point: float) -> BarColumns:
        """Return the rows [first, last)."""
        return BarColumns(
            {name: values[first:last] for name, values in self._prices.items()},
            None if self._spread is None else self._spread[first:last],
            self._tick_volume[first:last],
        )


class TextBars:
    """Bars of a text file, whose prices are read when they are asked for."""

    def __init__(
        self,
        table: TextTable,
        origin: str,
        open_ns: IntArray,
        names: tuple[str, ...] = PRICES,
        kept: IntArray | None = None,
    ) -> None:
        self.path = table.path
        self.origin = origin
        self._table = table
        self._names = names
        self._kept = kept
        self.open_ns: IntArray = open_ns if kept is None else open_ns[kept]

    def columns(self, first: int, last: int, point: float) -> BarColumns:
        """Return the rows [first, last)."""
        rows = pa.array(
            np.arange(first, last) if self._kept is None else self._kept[first:last], pa.int64()
        )
        prices = {
            name: self._table.floats(column, rows)
            for name, column in zip(PRICES, self._names, strict=True)
        }
        return BarColumns(prices, None, np.zeros(last - first, dtype=np.int64))
