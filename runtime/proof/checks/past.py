"""The entries that later ones may name as their causes, kept while a journal is read once.

What comes at every close or minute is soon named no more and leaves after a while; what rarely
comes stays. A cause that has left is read from the journal again.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    DayCounters,
    EquityMark,
    Exposure,
    Fact,
    Quote,
    Reconciled,
    TrailingStop,
    VolatilityForecast,
    Vote,
    kind_of,
)

KEPT_MAX: Final = 50_000
"""Latest entries kept of the kinds that come at every close or minute."""

_FREQUENT: Final[tuple[type[Fact], ...]] = (
    AccountSnapshot,
    Bar,
    DayCounters,
    EquityMark,
    Exposure,
    Quote,
    Reconciled,
    TrailingStop,
    VolatilityForecast,
    Vote,
)
FREQUENT: Final = frozenset(map(kind_of, _FREQUENT))


class Past:
    """Entries by seq."""

    def __init__(self, read: Callable[[int], Entry]) -> None:
        self._read = read
        self._entries: dict[int, Entry] = {}
        self._leaving: deque[int] = deque()

    def add(self, entry: Entry) -> None:
        """Keep an entry."""
        self._entries[entry.seq] = entry
        if entry.kind in FREQUENT:
            self._leaving.append(entry.seq)
            if len(self._leaving) > KEPT_MAX:
                del self._entries[self._leaving.popleft()]

    def entries(self, seqs: Iterable[int]) -> list[Entry]:
        """Return the entries of some seqs, in order; those that do not exist are left out."""
        found = []
        for seq in sorted(seqs):
            try:
                found.append(self._entries.get(seq) or self._read(seq))
            except KeyError:
                continue
        return found
