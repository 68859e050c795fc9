"""Whether the journal is one order: gapless, no slot filled twice, no effect before its cause."""

from collections.abc import Iterator

from blackboard.entry import Entry
from runtime.proof.checks.check import Check


class Gapless(Check):
    """Seqs count from 1 without a gap, and no author's clock is ahead of the board's order."""

    name = "gapless"

    def __init__(self) -> None:
        super().__init__()
        self._head = 0

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield a gap, and a prefix that reaches behind the entry itself."""
        self.checked += 1
        if entry.seq != self._head + 1:
            yield f"seq must be {self._head + 1}, was {entry.seq}"
        self._head = entry.seq
        if entry.read_to >= entry.seq:
            yield f"read_to must be below {entry.seq}, was {entry.read_to}"


class UniqueKeys(Check):
    """A slot is filled once, by the author and with the fact that its key names."""

    name = "unique_keys"

    def __init__(self) -> None:
        super().__init__()
        self._seqs: dict[str, int] = {}

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield a slot that was filled before, and a key that is not the entry's."""
        self.checked += 1
        first = self._seqs.setdefault(entry.key, entry.seq)
        if first != entry.seq:
            yield f"key {entry.key} was taken by seq {first}"
        head = f"{entry.author}/{entry.kind}/{entry.fact.scope}/"
        if not entry.key.startswith(head):
            yield f"key must begin with {head}, was {entry.key}"


class CausesBefore(Check):
    """What a fact follows from stands before it."""

    name = "causes"

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield causes that do not lie before the entry."""
        self.checked += len(entry.causes)
        late = [seq for seq in entry.causes if not 0 < seq < entry.seq]
        if late:
            yield f"causes must lie in 1..{entry.seq - 1}, was {late[0]}"
