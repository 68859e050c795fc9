"""The disk under a simulated board: a journal that fails, and that a power cut leaves behind.

It keeps the contract of `blackboard.journal.Journal`: an append stores a block with its states or
raises and stores neither. What it adds is the difference between written and synced. The death of
the process loses nothing; a power cut may lose what was appended after the last full sync, from
any append on, as a disk that writes its queue in order would.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec

from blackboard.journal import SNAPSHOT_STATE, Block, Durability, Label, block_at
from blackboard.snapshot import standing_snapshot


class _Append(msgspec.Struct, frozen=True):
    block: Block | None
    states: dict[str, bytes]


class SimulatedDisk:
    """A journal that outlives its board.

    Parameters
    ----------
    refusal : callable
        Returns why the next append fails, empty if it does not.
    told : callable
        Given every block whose append returns.
    """

    def __init__(self, refusal: Callable[[], str], told: Callable[[Block], None]) -> None:
        self._refusal = refusal
        self._told = told
        self._blocks: list[Block] = []
        self._states: dict[str, bytes] = {}
        self._places: dict[int | str, dict[int, int]] = {}
        """By label and first seq: the number of the append that first told of it."""
        self._appends = 0
        self._unsynced: list[_Append] = []
        self._synced_states: dict[str, bytes] = {}
        self._synced_blocks = 0

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store a block, the named states and the labels."""
        if reason := self._refusal():
            raise OSError(reason)
        if block is not None:
            self._blocks.append(block)
        self._states.update(states)
        self._appends += 1
        for label, first_seq in labels:
            self._places.setdefault(label, {}).setdefault(first_seq, self._appends)
        if durability is Durability.FULL:
            self._unsynced.clear()
            self._synced_states = dict(self._states)
            self._synced_blocks = len(self._blocks)
        else:
            self._unsynced.append(_Append(block, dict(states)))
        if block is not None:
            self._told(block)

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Yield the blocks that hold a seq greater than `after_seq`, in order."""
        first = bisect_right(self._blocks, after_seq, key=lambda block: block.last_seq)
        return iter(self._blocks[first:])

    def block(self, first_seq: int) -> Block | None:
        """Return the block that begins with a seq, None if none does."""
        return block_at(self._blocks, first_seq)

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Yield the first seqs, from one on, of the blocks stored under a label, in order."""
        return iter(sorted(seq for seq in self._places.get(label, ()) if seq >= from_seq))

    def state(self, name: str) -> bytes | None:
        """Return a named state, None if it was never stored."""
        return self._states.get(name)

    @property
    def head(self) -> int:
        """Last seq that is written, 0 in an empty journal."""
        return self._blocks[-1].last_seq if self._blocks else 0

    def close(self) -> None:
        """Keep everything: the next board opens the same disk."""

    def cut_power(self, kept_frac: float) -> int:
        """Lose what was not synced but for the first `kept_frac` of it; return how many appends."""
        kept = self._unsynced[: int(len(self._unsynced) * kept_frac)]
        lost = len(self._unsynced) - len(kept)
        del self._blocks[self._synced_blocks :]
        self._states = dict(self._synced_states)
        self._appends -= lost
        for seqs in self._places.values():
            for first_seq in [seq for seq, number in seqs.items() if number > self._appends]:
                del seqs[first_seq]
        for append in kept:
            if append.block is not None:
                self._blocks.append(append.block)
            self._states.update(append.states)
        # What is left was read back from the disk, so it is on the disk.
        self._unsynced = []
        self._synced_states, self._synced_blocks = dict(self._states), len(self._blocks)
        return lost

    def damage(self, back: int) -> int:
        """Flip a bit in the payload of a block, `back` from the newest; return its first seq."""
        place = max(0, len(self._blocks) - 1 - back)
        block = self._blocks[place]
        payload = bytearray(block.payload)
        payload[len(payload) // 2] ^= 0x40
        self._blocks[place] = msgspec.structs.replace(block, payload=bytes(payload))
        return block.first_seq

    @property
    def snapshot_head(self) -> int:
        """Last seq of the blocks that a board need not read, 0 where it must read all."""
        snapshot = standing_snapshot(self)
        return snapshot.head if snapshot else 0

    def tear_snapshot(self) -> None:
        """Leave only the first half of the snapshot."""
        snapshot = self._states[SNAPSHOT_STATE]
        self._states[SNAPSHOT_STATE] = snapshot[: len(snapshot) // 2]

    def truncate(self, first_seq: int) -> None:
        """Give up the blocks from one seq on, as a repair does that quarantines them."""
        while self._blocks and self._blocks[-1].first_seq >= first_seq:
            self._blocks.pop()
        self._unsynced = []
        self._synced_states, self._synced_blocks = dict(self._states), len(self._blocks)
