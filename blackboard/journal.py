"""The durable log's contract, and the journal in memory.

A journal is a chain of blocks. A block is what one commit of the board stored: an encoded array of
entries with consecutive seqs, and a hash over the block before it and its own payload. Beside the
blocks a journal keeps a few named states (epochs, clock), written in the same transaction, and by
which event times and kinds each block can be found.
"""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import islice
from typing import Final, Protocol

import msgspec

from blackboard.errors import JournalCorrupt

GENESIS = b"\x00" * 32
"""Hash before the first block."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What decoding of changed bytes can raise: a text that is no UTF-8 has an error of its own."""

SNAPSHOT_STATE: Final = "snapshot"
"""State from which a board starts. It promises that every block up to its own is found by its
labels, so whoever writes a journal anew leaves it out."""

Label = tuple[int | str, int]
"""An event time or a kind, and the first seq of a block that has an entry of it."""
LASTING: Final = "!"
"""Behind a kind it stands for those of its facts that last."""


class Durability(IntEnum):
    """What a block must survive before it is acknowledged."""

    UNSYNCED = 0
    """The death of the process; enough for a run over history, which can be run again."""
    SAFE = 1
    """The death of the process at any moment."""
    FULL = 2
    """A power cut; what is about orders, limits or states takes this."""


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One commit of the board."""

    first_seq: int
    last_seq: int
    previous_hash: bytes
    payload: bytes
    hash: bytes


def chain_hash(previous_hash: bytes, first_seq: int, last_seq: int, payload: bytes) -> bytes:
    """Return the hash that ties a block to the one before it."""
    head = b"%d %d " % (first_seq, last_seq)
    return hashlib.sha256(previous_hash + head + payload).digest()


def seal(first_seq: int, last_seq: int, payload: bytes, previous_hash: bytes) -> Block:
    """Make the block that follows the one with `previous_hash`."""
    return Block(
        first_seq=first_seq,
        last_seq=last_seq,
        previous_hash=previous_hash,
        payload=payload,
        hash=chain_hash(previous_hash, first_seq, last_seq, payload),
    )


def verify(block: Block, expected_first_seq: int, previous_hash: bytes) -> None:
    """Raise JournalCorrupt unless the block continues the chain unchanged."""
    where = f"block {block.first_seq}..{block.last_seq}"
    if block.first_seq != expected_first_seq:
        raise JournalCorrupt(f"{where} must start at seq {expected_first_seq}: entries are missing")
    if block.previous_hash != previous_hash:
        raise JournalCorrupt(f"{where} does not follow the block before it")
    verify_content(block)


def verify_content(block: Block) -> None:
    """Raise JournalCorrupt unless the block says what its hash stands for."""
    own = chain_hash(block.previous_hash, block.first_seq, block.last_seq, block.payload)
    if own != block.hash:
        raise JournalCorrupt(
            f"block {block.first_seq}..{block.last_seq} was changed after it was written"
        )


def stands(journal: "Journal", seq: int, block_hash: bytes) -> bool:
    """Whether the journal has come to a seq by the block with this hash; one block is read."""
    if seq == 0:
        return block_hash == GENESIS
    for block in islice(journal.blocks(seq - 1), 1):
        verify_content(block)
        return (block.last_seq, block.hash) == (seq, block_hash)
    return False


class Journal(Protocol):
    """Where blocks survive.

    `append` returns only when all it was given has the asked durability. It either stores all of it
    or raises `JournalCorrupt`, `JournalFenced` or `OSError` and stores nothing. Only
    `JournalUnavailable` leaves open which it was: the same append again tells, and stores nothing
    twice. Blocks come back in order, unverified: the board verifies the chain.
    """

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store a block, if there is one, named states and labels in one transaction."""

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""

    def block(self, first_seq: int) -> Block | None:
        """Return the block that begins with a seq, None if none does."""

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Yield the first seqs, from one on, of the blocks stored under a label, in order.

        There may be no such block any more, or one without such an entry, where a repair has cut.
        """

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""

    def close(self) -> None:
        """Release what is held; everything acknowledged stays."""


def block_at(blocks: Sequence[Block], first_seq: int) -> Block | None:
    """Return the block that begins with a seq, of blocks in order."""
    place = bisect_left(blocks, first_seq, key=lambda block: block.first_seq)
    found = blocks[place] if place < len(blocks) else None
    return found if found is not None and found.first_seq == first_seq else None


class MemoryJournal:
    """The journal of tests and of runs that need no memory."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._states: dict[str, bytes] = {}
        self._places: defaultdict[int | str, dict[int, None]] = defaultdict(dict)

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store a block, the named states and the labels."""
        del durability  # memory has only one kind
        if block is not None:
            self._blocks.append(block)
        self._states.update(states)
        for label, first_seq in labels:
            self._places[label][first_seq] = None

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""
        return (block for block in self._blocks if block.last_seq > after_seq)

    def block(self, first_seq: int) -> Block | None:
        """Return the block that begins with a seq, None if none does."""
        return block_at(self._blocks, first_seq)

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Yield the first seqs, from one on, of the blocks stored under a label, in order."""
        return iter(sorted(seq for seq in self._places.get(label, ()) if seq >= from_seq))

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""
        return self._states.get(name)

    def close(self) -> None:
        """Nothing is held."""
