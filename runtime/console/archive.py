"""The journal as the console reads it: single entries, pages of them, lineages, an instant.

Blocks are looked up by seq, so a page of a long journal costs what it shows and not what lies
before it. A block is held against its own hash; the chain as a whole is what ``audit`` checks.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from blackboard.entry import Entry, decode_entries
from blackboard.errors import JournalCorrupt
from blackboard.journal import UNDECODABLE, Block, verify_content
from runtime.journals.opening import KeptJournal, open_journal

PAGE_MAX: Final = 200
"""Entries on one page."""
SCANNED_MAX: Final = 200_000
"""Entries that one question looks through at most; the answer says how far it has come."""
LINEAGE_MAX: Final = 400
"""Entries of a tree of causes."""
_STRETCH: Final = 2_000


class Archive:
    """Reads one journal; each call opens it anew, because another process writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entry(self, seq: int) -> Entry | None:
        """Return the entry at a place in the order, None where there is none."""
        if seq < 1:
            return None
        with self._opened() as journal:
            return next(_between(journal, seq - 1, seq), None)

    def page(self, before: int, wanted: Callable[[Entry], bool], limit: int) -> "Page":
        """Return the newest wanted entries with a seq below `before`, newest first."""
        found: list[Entry] = []
        upper = before - 1
        lowest = max(0, upper - SCANNED_MAX)
        with self._opened() as journal:
            while upper > lowest and len(found) < limit:
                lower = max(lowest, upper - _STRETCH)
                stretch = [*_between(journal, lower, upper)]
                found += [entry for entry in reversed(stretch) if wanted(entry)]
                upper = lower
        shown = found[: min(limit, PAGE_MAX)]
        has_more = len(found) > len(shown) or upper > 0
        next_before = shown[-1].seq if len(found) > len(shown) else upper + 1
        return Page(shown, next_before if has_more else 0)

    def lineage(self, seq: int) -> dict[int, Entry]:
        """Return an entry and what it derives from, by seq, the nearest first; at most 400."""
        found: dict[int, Entry] = {}
        waiting = deque([seq])
        with self._opened() as journal:
            while waiting and len(found) < LINEAGE_MAX:
                each = waiting.popleft()
                if each in found:
                    continue
                for entry in _between(journal, each - 1, each):
                    found[each] = entry
                    waiting += entry.causes
        return found

    def chain(self, newest: Entry) -> Iterator[Entry]:
        """Yield an entry, its cause of the same kind, that one's, and so on, newest first."""
        with self._opened() as journal:
            entry: Entry | None = newest
            while entry is not None:
                yield entry
                causes = (next(_between(journal, seq - 1, seq), None) for seq in entry.causes)
                entry = next((each for each in causes if each and each.kind == newest.kind), None)

    def until(self, time_ns: int) -> Iterator[Entry]:
        """Yield the entries that were known at a time, oldest first."""
        with self._opened() as journal:
            for entry in _between(journal, 0, None):
                if entry.known_at_ns > time_ns:
                    return
                yield entry

    @contextmanager
    def _opened(self) -> Iterator[KeptJournal]:
        journal = open_journal(self._folder)
        try:
            yield journal
        finally:
            journal.close()


class Page:
    """Entries, newest first, and the `before` of the page that follows, 0 at the beginning."""

    def __init__(self, entries: list[Entry], next_before: int) -> None:
        self.entries = entries
        self.next_before = next_before


def _between(journal: KeptJournal, after: int, last: int | None) -> Iterator[Entry]:
    for block in journal.blocks(after):
        if last is not None and block.first_seq > last:
            return
        for entry in _entries(block):
            if entry.seq > after and (last is None or entry.seq <= last):
                yield entry


def _entries(block: Block) -> list[Entry]:
    verify_content(block)
    try:
        return decode_entries(block.payload)
    except UNDECODABLE as error:
        where = f"block {block.first_seq}..{block.last_seq}"
        raise JournalCorrupt(f"{where} cannot be decoded: {error}") from error
