"""What a board keeps in mind, within bounds: its newest entries, what is latest, what is taken.

A key names its event time, and the journal finds blocks by event time. So the keys of the newest
entries are enough: a slot whose event is newer than every one that was forgotten cannot be taken
without being among them, and an older one is looked for in the journal, exactly.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from blackboard.admission import Said
from blackboard.entry import Entry, Head, Stored, decode_stored
from blackboard.errors import JournalCorrupt
from blackboard.facts import kind_of
from blackboard.journal import GENESIS, LASTING, UNDECODABLE, Block, Journal, Label, verify_content
from blackboard.snapshot import LABELS, Snapshot, seal_snapshot

_TIME: Final = re.compile(r"-?[0-9]{1,18}|[0-9]{19}")
"""How an event time reads; one before 1938 is none that a cause can name by its slot."""
NOTHING_NS: Final = -(2**63)
"""Before every event."""


class Memory:
    """The newest entries of a board, of which the journal has all.

    Parameters
    ----------
    journal : Journal
        Where the older ones are.
    entries_max : int
        Entries, and keys, that are kept.
    """

    def __init__(self, journal: Journal, entries_max: int) -> None:
        self.head = 0
        self.hash = GENESIS
        self.latest: dict[tuple[str, str], Entry] = {}
        self._journal = journal
        self._entries_max = entries_max
        self._tail: deque[Stored] = deque()
        self._seqs: dict[str, int] = {}
        self._newest_ns = NOTHING_NS
        """Newest event time of all entries so far."""
        self._forgotten_ns = NOTHING_NS
        """Newest event time of an entry whose key is not kept."""
        self._looked_at: tuple[int, dict[str, int]] | None = None
        """The event time that was last looked for in the journal, and the keys of then."""

    def __len__(self) -> int:
        return len(self._tail)

    def start_from(self, snapshot: Snapshot) -> None:
        """Go on from a place in the chain without the entries before it."""
        self.head, self.hash = snapshot.head, snapshot.hash
        self._newest_ns = self._forgotten_ns = snapshot.newest_ns
        self.latest = {(entry.kind, entry.fact.scope): entry for entry in snapshot.latest}

    def snapshot(self, said: dict[str, Said]) -> bytes:
        """Return what `start_from` needs, and what the authors have said, as bytes."""
        snapshot = Snapshot(
            head=self.head,
            hash=self.hash,
            newest_ns=self._newest_ns,
            latest=list(self.latest.values()),
            said=said,
            labels=LABELS,
        )
        return seal_snapshot(snapshot)

    def take(self, block: Block, stored: Sequence[Stored]) -> None:
        """Add the entries of the block that follows, and forget the oldest beyond the bound."""
        self._tail.extend(stored)
        for item in stored:
            entry = item.entry
            self._seqs[entry.key] = entry.seq
            self.latest[kind_of(entry.fact), entry.fact.scope] = entry
        self._newest_ns = max(self._newest_ns, *[item.entry.ts_event_ns for item in stored])
        for _ in range(len(self._tail) - self._entries_max):
            entry = self._tail.popleft().entry
            self._seqs.pop(entry.key, None)
            if entry.ts_event_ns > self._forgotten_ns:
                self._forgotten_ns = entry.ts_event_ns
        self._looked_at = None
        self.head = block.last_seq
        self.hash = block.hash

    def seq_of(self, key: str, event_ns: int) -> int | None:
        """Return the seq of the entry with a key, None if the slot is free."""
        if event_ns > self._forgotten_ns:
            return self._seqs.get(key)
        return self._seqs.get(key) or self._seqs_of(event_ns).get(key)

    def seq_of_cause(self, key: str) -> int | None:
        """Return the seq of the entry with a key of which only the text is known."""
        if (seq := self._seqs.get(key)) is not None:
            return seq
        # Scopes and ordinals may look like times too; a look under another time finds nothing.
        seqs = (self.seq_of(key, int(part)) for part in key.split("/") if _TIME.fullmatch(part))
        return next(filter(None, seqs), None)

    def after(self, seq: int) -> Iterator[Stored]:
        """Yield the entries after a seq, those beyond the bound from the journal."""
        if (count := self.head - seq) <= len(self._tail):
            # A reader is mostly a few entries behind: from the end it costs only those.
            newest = list(islice(reversed(self._tail), count))
            newest.reverse()
            return iter(newest)
        return (
            item
            for block in self._journal.blocks(seq)
            for item in verified(block)
            if item.entry.seq > seq
        )

    def _seqs_of(self, event_ns: int) -> dict[str, int]:
        # An author that says again what it said long ago says much about few times.
        if self._looked_at is None or self._looked_at[0] != event_ns:
            found = {
                item.entry.key: item.entry.seq
                for block in map(self._journal.block, self._journal.places(event_ns))
                if block is not None
                for item in verified(block)
                if item.entry.ts_event_ns == event_ns
            }
            self._looked_at = event_ns, found
        return self._looked_at[1]


def stored_of(block: Block, wanted: Callable[[Head], bool] | None = None) -> list[Stored]:
    """Return the entries of a block, or those wanted, each beside its encoded form."""
    try:
        return decode_stored(block.payload, wanted)
    except UNDECODABLE as error:
        where = f"block {block.first_seq}..{block.last_seq}"
        raise JournalCorrupt(f"{where} cannot be decoded: {error}") from error


def labels_of(first_seq: int, stored: Sequence[Stored]) -> list[Label]:
    """Return under which event times and kinds a block with these entries is to be found."""
    entries = [item.entry for item in stored]
    labels: dict[int | str, None] = dict.fromkeys([entry.ts_event_ns for entry in entries])
    labels.update(dict.fromkeys([type(entry.fact).__name__ for entry in entries]))
    labels.update(dict.fromkeys([entry.kind + LASTING for entry in entries if entry.fact.lasts]))
    return [(label, first_seq) for label in labels]


def verified(block: Block, wanted: Callable[[Head], bool] | None = None) -> list[Stored]:
    """Return the same of a block that a board which started from a snapshot has not seen."""
    verify_content(block)
    return stored_of(block, wanted)
