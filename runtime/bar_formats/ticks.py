"""Ticks as minutes: what a terminal would have shown of them."""

from pathlib import Path

import numpy as np

from models.market.sessions import MINUTE_NS
from runtime.bar_formats.read_file import ReadFile
from runtime.instants import iso
from runtime.terminals.simulated.bar_files import FloatArray, IntArray


def minutes_of(
    path: Path, origin: str, tick_ns: IntArray, bid: FloatArray, ask: FloatArray
) -> ReadFile:
    """Return the M1 bars of ticks; a minute without a tick has none.

    The spread of a bar is the wider of its first and its last tick's, as it is for files with bid
    and ask; its tick volume is the number of ticks.

    Parameters
    ----------
    path, origin
        Of the file.
    tick_ns : ndarray of shape (n_ticks,), int64
        UTC; equal times are common, falling ones an error.
    bid, ask : ndarray of shape (n_ticks,), float64
        In quote currency.

    Raises
    ------
    ValueError
        If a tick is before the one above it, or its ask is not above 0 and its bid.
    """
    for is_wrong, text in (
        (np.diff(tick_ns, prepend=tick_ns[:1]) < 0, "is before the tick above it; times must rise"),
        (~((bid > 0.0) & (ask >= bid) & np.isfinite(ask)), "must have 0 < bid <= ask"),
    ):
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise ValueError(
                f"line {row + 1} ({iso(int(tick_ns[row]))}): bid {bid[row]}, ask {ask[row]} {text} "
                f"({int(is_wrong.sum())} such ticks)"
            )
    minute = tick_ns // MINUTE_NS
    first = np.flatnonzero(np.diff(minute, prepend=minute[:1] - 1))
    last = np.append(first[1:], len(minute)) - 1
    spread = ask - bid
    return ReadFile(
        path,
        origin,
        minute[first] * MINUTE_NS,
        {
            "open": bid[first],
            "high": np.maximum.reduceat(bid, first),
            "low": np.minimum.reduceat(bid, first),
            "close": bid[last],
        },
        np.maximum(spread[first], spread[last]),
        (last - first + 1).astype(np.int64),
    )
