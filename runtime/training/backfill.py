"""More history for a training that has too little: the parts that `data download` would fetch.

What a terminal answers at once may be less than it holds. So the missing parts are asked for one by
one, as many in one training as the settings allow, and kept where `data download` keeps them: the
next training, and a person, go on from there.
"""

from collections.abc import Callable

import numpy as np

from agents.requests import BarsRead, ReadBars
from blackboard.facts.market import Timeframe
from models.market.bars import BarArray
from runtime.bar_store.download import Span, ordered_parts
from runtime.bar_store.store import BarStore

Read = Callable[[ReadBars], BarsRead]
"""Reads closed bars; raises TerminalUnavailable."""


def backfilled(
    store: BarStore,
    read: Read,
    symbol: str,
    timeframe: Timeframe,
    known: BarArray,
    wanted: Span,
    parts_max: int,
) -> BarArray:
    """Return the bars that are known with all that is kept and can be fetched, oldest first.

    Parameters
    ----------
    store : BarStore
        Where bars are kept.
    read : callable
        Reads a part.
    symbol, timeframe
        Whose bars they are.
    known : BarArray
        What the terminal has answered at once.
    wanted : Span
        Opens of the bars that would be enough; nothing that closed later than its end is returned.
    parts_max : int
        Parts that are asked for at most. Older ones wait for the next training.
    """
    if len(known):
        store.add(symbol, timeframe, known)
    length_ns = timeframe.length_ns
    for part in ordered_parts(store.held(symbol, timeframe), wanted)[:parts_max]:
        request = ReadBars(
            symbol=symbol,
            timeframe=timeframe,
            from_ns=part.from_ns,
            until_ns=min(part.until_ns + length_ns - 1, wanted.until_ns),
        )
        bars = read(request).bars
        if len(bars):
            store.add(symbol, timeframe, bars)
    kept = store.bars(symbol, timeframe)
    is_wanted = (kept["close_ns"] > wanted.from_ns) & (kept["close_ns"] <= wanted.until_ns)
    merged = np.concatenate((known, kept[is_wanted]))
    _, first = np.unique(merged["close_ns"], return_index=True)
    bars_of: BarArray = merged[first]
    return bars_of
