"""The durable log's contract, and the journal in memory.

A journal is a chain of blocks. A block is what one commit of the board stored: an encoded array of
entries with consecutive seqs, and a hash over the block before it and its own payload. Beside the
blocks a journal keeps a few named states (epochs, clock), written in the same transaction.
"""

import hashlib
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Protocol

import msgspec

from blackboard.errors import JournalCorrupt

GENESIS = b"\x00" * 32
"""Hash before the first block."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What decoding of changed bytes can raise: a text that is no UTF-8 has an error of its own."""


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
    if chain_hash(previous_hash, block.first_seq, block.last_seq, block.payload) != block.hash:
        raise JournalCorrupt(f"{where} was changed after it was written")


class Journal(Protocol):
    """Where blocks survive.

    `append` returns only when the block and the states have the asked durability. It either stores
    both or raises `JournalCorrupt`, `JournalFenced` or `OSError` and stores neither. Only
    `JournalUnavailable` leaves open which it was: the same append again tells, and stores nothing
    twice. Blocks come back in order, unverified: the board verifies the chain.
    """

    def append(
        self, block: Block | None, states: Mapping[str, bytes], durability: Durability
    ) -> None:
        """Store a block, if there is one, and the named states in one transaction."""

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""

    def close(self) -> None:
        """Release what is held; everything acknowledged stays."""


class MemoryJournal:
    """The journal of tests and of runs that need no memory."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._states: dict[str, bytes] = {}

    def append(
        self, block: Block | None, states: Mapping[str, bytes], durability: Durability
    ) -> None:
        """Store a block and the named states."""
        del durability  # memory has only one kind
        if block is not None:
            self._blocks.append(block)
        self._states.update(states)

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""
        return (block for block in self._blocks if block.last_seq > after_seq)

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""
        return self._states.get(name)

    def close(self) -> None:
        """Nothing is held."""
