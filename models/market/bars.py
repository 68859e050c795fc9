"""A symbol's window of closed bars as columns.

A window starts at an anchor and grows at its end only, so a column computed over it is the same at
row t whatever follows. Prices are bid, in quote currency; times are the bars' closes.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import HOUR_NS, MINUTE_NS, trading_day_start_ns

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

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DAY_STEP_NS: Final = 25 * HOUR_NS + 30 * MINUTE_NS
"""From a trading day's start into the next one, though daylight saving makes days of 23 to 25 h."""


def empty_bars() -> BarArray:
    """Return an array of no bars."""
    return np.empty(0, dtype=BAR_DTYPE)


def one_bar(
    close_ns: int,
    open: float,
    high: float,
    low: float,
    close: float,
    tick_volume: int = 0,
    spread_points: int = 0,
) -> BarArray:
    """Return an array of one bar."""
    return np.array([(close_ns, open, high, low, close, tick_volume, spread_points)], BAR_DTYPE)


class Window:
    """One symbol's closed bars from an anchor on, growing at the end only.

    Columns are read-only views of shape (n_bars,), oldest first; a view taken earlier keeps its
    length and its values. Appending costs amortised constant time.
    """

    def __init__(self, bars: BarArray | None = None, capacity: int = 4096) -> None:
        self._length = 0
        self._columns = {
            name: np.empty(max(capacity, 1), dtype=BAR_DTYPE[name])
            for name in BAR_DTYPE.names or ()
        }
        self._views: dict[str, NDArray[Any]] = {}
        if bars is not None:
            self.extend(bars)

    def __len__(self) -> int:
        return self._length

    @property
    def close_ns(self) -> IntArray:
        """Closes of the bars, in nanoseconds UTC."""
        return self._view("close_ns")

    @property
    def open(self) -> FloatArray:
        """First prices."""
        return self._view("open")

    @property
    def high(self) -> FloatArray:
        """Highest prices."""
        return self._view("high")

    @property
    def low(self) -> FloatArray:
        """Lowest prices."""
        return self._view("low")

    @property
    def close(self) -> FloatArray:
        """Last prices."""
        return self._view("close")

    @property
    def newest_ns(self) -> int:
        """Close of the last bar, 0 if there is none."""
        return int(self._columns["close_ns"][self._length - 1]) if self._length else 0

    def extend(self, bars: BarArray) -> None:
        """Append bars; raise ValueError, and change nothing, if one is not later than the last."""
        times_ns = [self.newest_ns, *bars["close_ns"].tolist()]
        if not all(one < next_one for one, next_one in pairwise(times_ns)):
            raise ValueError(f"close_ns must increase beyond {self.newest_ns}")
        end = self._length + len(bars)
        self._reserve(end)
        for name, column in self._columns.items():
            column[self._length : end] = bars[name]
        self._length = end
        self._views.clear()

    def bars(self, from_row: int = 0) -> BarArray:
        """Return a copy of the bars from a row on."""
        copied = np.empty(self._length - from_row, dtype=BAR_DTYPE)
        for name, column in self._columns.items():
            copied[name] = column[from_row : self._length]
        return copied

    def row_of(self, close_ns: int) -> int:
        """Return the row of the bar with this close, −1 if there is none."""
        row = int(np.searchsorted(self.close_ns, close_ns))
        return row if row < self._length and self.close_ns[row] == close_ns else -1

    def _view(self, name: str) -> NDArray[Any]:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = self._columns[name][: self._length]
            view.flags.writeable = False
        return view

    def _reserve(self, length: int) -> None:
        capacity = len(self._columns["close_ns"])
        if length <= capacity:
            return
        for name, column in self._columns.items():
            grown = np.empty(max(length, 2 * capacity), dtype=column.dtype)
            grown[: self._length] = column[: self._length]
            self._columns[name] = grown


def bin_opens_ns(times_ns: IntArray, length_ns: int) -> IntArray:
    """Return the open of the bar of a length that holds each instant, as `bar_open_ns` does.

    Trading days are few and their starts costly, so each is looked up once.
    """
    if not len(times_ns):
        return np.empty(0, dtype=np.int64)
    starts = [trading_day_start_ns(int(times_ns[0]))]
    while (following := trading_day_start_ns(starts[-1] + _DAY_STEP_NS)) <= times_ns[-1]:
        starts.append(following)
    starts_ns = np.array(starts, dtype=np.int64)
    day_ns = starts_ns[np.searchsorted(starts_ns, times_ns, side="right") - 1]
    opens_ns: IntArray = day_ns + (times_ns - day_ns) // length_ns * length_ns
    return opens_ns


def resample(bars: BarArray, length_ns: int) -> BarArray:
    """Return the closed bars of a higher timeframe.

    A bin counts only when its last moment has passed: a later bar exists, or the newest bar closes
    with it. Bins follow the trading day (see `sessions`), bins without a bar are left out. More
    bars change no bin that was returned before.

    Parameters
    ----------
    bars : BarArray
        Bars of a timeframe that divides `length_ns`.
    length_ns : int
        Length of the higher timeframe, in nanoseconds.

    Returns
    -------
    BarArray
        ``tick_volume`` is the sum, ``spread_points`` that of the bin's last bar.
    """
    if not len(bars):
        return empty_bars()
    closes_ns = bin_opens_ns(bars["close_ns"] - 1, length_ns) + length_ns
    starts = np.flatnonzero(np.diff(closes_ns, prepend=closes_ns[0] - 1))
    ends = np.append(starts[1:], len(bars)) - 1
    bins = np.empty(len(starts), dtype=BAR_DTYPE)
    bins["close_ns"] = closes_ns[starts]
    bins["open"] = bars["open"][starts]
    bins["high"] = np.maximum.reduceat(bars["high"], starts)
    bins["low"] = np.minimum.reduceat(bars["low"], starts)
    bins["close"] = bars["close"][ends]
    bins["tick_volume"] = np.add.reduceat(bars["tick_volume"], starts)
    bins["spread_points"] = bars["spread_points"][ends]
    is_closed = bins["close_ns"] <= bars["close_ns"][-1]
    # A gap lets the bin's last bar stand before its close; any later bin proves that it is over.
    is_closed[:-1] = True
    closed: BarArray = bins[is_closed]
    return closed


def last_closed_rows(close_ns: IntArray, higher_close_ns: IntArray) -> IntArray:
    """Return for each close the row of the last higher bar that had closed by then, −1 if none.

    This is the only way from a bar to a higher timeframe: the bar that is still open at row t is
    never seen.
    """
    rows: IntArray = np.searchsorted(higher_close_ns, close_ns, side="right") - 1
    return rows
