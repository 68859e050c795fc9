"""Fetching bars from a terminal in parts that it can answer, and only those that are not here yet.

Each part is kept as soon as it was read, so a download that is cut off goes on where it stopped.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from agents.requests import BarsRead, ReadBars
from blackboard.facts.market import Timeframe
from runtime.bar_store.store import BarStore, Held

PART_BARS: Final = 20_000
"""Bars of an open market that one part asks for: two weeks of M1."""

Read = Callable[[ReadBars], BarsRead]
"""Reads closed bars; raises TerminalUnavailable."""


class Span(NamedTuple):
    """A time in which bars opened: [from, until)."""

    from_ns: int
    until_ns: int


class Fetched(msgspec.Struct, frozen=True):
    """What a download brought of one symbol."""

    symbol: str
    read: int
    added: int


def missing_spans(held: Held, wanted: Span) -> list[Span]:
    """Return what of a span lies before or after what is held; holes inside are the source's."""
    if not len(held.open_ns):
        return [wanted]
    first_ns = int(held.open_ns[0])
    next_ns = int(held.open_ns[-1]) + held.timeframe.length_ns
    sides = (
        Span(wanted.from_ns, min(wanted.until_ns, first_ns)),
        Span(max(wanted.from_ns, next_ns), wanted.until_ns),
    )
    return [side for side in sides if side.from_ns < side.until_ns]


def parts_of(span: Span, timeframe: Timeframe, part_bars: int = 0) -> list[Span]:
    """Cut a span into parts of so many bars, `PART_BARS` without a number, the oldest first."""
    length_ns = (part_bars or PART_BARS) * timeframe.length_ns
    starts = range(span.from_ns, span.until_ns, length_ns)
    return [Span(start, min(start + length_ns, span.until_ns)) for start in starts]


def download(
    store: BarStore,
    read: Read,
    symbol: str,
    timeframe: Timeframe,
    wanted: Span,
    advance: Callable[[str], None],
    part_bars: int = 0,
) -> Fetched:
    """Fetch what is missing of one symbol.

    Parameters
    ----------
    store : BarStore
        Where it is kept.
    read : callable
        Reads a part.
    symbol, timeframe
        What is fetched.
    wanted : Span
        Opens of the bars that should be there.
    advance : callable
        Told the symbol after each part.
    part_bars : int
        Bars asked for at once; `PART_BARS` without a number.
    """
    read_bars = added = 0
    for part in ordered_parts(store.held(symbol, timeframe), wanted, part_bars):
        request = ReadBars(
            symbol=symbol,
            timeframe=timeframe,
            from_ns=part.from_ns,
            until_ns=part.until_ns + timeframe.length_ns - 1,
        )
        bars = read(request).bars
        read_bars += len(bars)
        added += store.add(symbol, timeframe, bars) if len(bars) else 0
        advance(symbol)
    return Fetched(symbol, read_bars, added)


def ordered_parts(held: Held, wanted: Span, part_bars: int = 0) -> list[Span]:
    """Return the parts to fetch, in an order in which what is held grows without a hole.

    Cut off after any part, it has none that a later download would take for one of the source.
    """
    parts: list[Span] = []
    for span in missing_spans(held, wanted):
        cut = parts_of(span, held.timeframe, part_bars)
        is_before = len(held.open_ns) and span.from_ns < int(held.open_ns[0])
        parts += reversed(cut) if is_before else cut
    return parts
