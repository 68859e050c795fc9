"""What a reader wants of the board, and how much of the past one that starts has to see."""

import msgspec

from blackboard.entry import Entry


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The entries from which an author is rebuilt as if it had seen all.

    Of the kinds that are not named here all count.
    """

    since: dict[str, int]
    """By kind: the seq from which on its entries count."""
    beside: frozenset[int] = frozenset()
    """Seqs that count although they are older: the newest of a scope, what it has not yet
    replaced, the first of a kind."""

    def counts(self, entry: Entry) -> bool:
        """Whether the entry has to be seen."""
        return self.may_count(entry.seq, entry.kind) or entry.fact.lasts

    def may_count(self, seq: int, kind: str) -> bool:
        """Whether an entry has to be seen, as far as that does not depend on what it says."""
        return seq >= self.since.get(kind, 0) or seq in self.beside

    @property
    def whole_from(self) -> int:
        """Seq from which on everything counts."""
        return max(self.since.values(), default=0)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries a reader wants; the cursor passes over the others."""

    kinds: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    author: str = ""
    """An author whose own entries pass whatever their kind."""
    unhurried: frozenset[str] | None = frozenset()
    """Kinds that the reader need not be told of at once; None takes every kind."""
    past: Past | None = None
    """What counts of the past for a reader that starts; None takes all."""

    def passes(self, entry: Entry) -> bool:
        """Whether the entry is wanted."""
        if self.past is not None and not self.past.counts(entry):
            return False
        if entry.author == self.author:
            return True
        fact = entry.fact
        return (self.kinds is None or type(fact).__name__ in self.kinds) and (
            self.scopes is None or fact.scope in self.scopes
        )

    def hurries(self, entry: Entry) -> bool:
        """Whether the entry is wanted at once, as an author's own always are."""
        if entry.author == self.author:
            return True
        is_unhurried = self.unhurried is None or entry.kind in self.unhurried
        return not is_unhurried and self.passes(entry)


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What a new instance of an author is told."""

    epoch: int
    """Fences every older instance of the same author."""
    read_to: int
    """Last seq that its predecessor had seen when its last post was committed."""
    now_ns: int
    """Market time of that commit, 0 if there was none."""
    past: Past | None = None
    """From what it can be rebuilt; None where everything counts."""
