"""Reading a journal without a board: its entries in order, the hash chain verified on the way."""

from collections.abc import Callable, Iterable, Iterator

from blackboard.entry import Entry, decode_entries
from blackboard.errors import JournalCorrupt
from blackboard.journal import GENESIS, UNDECODABLE, Block, Journal, verify
from blackboard.snapshot import standing_snapshot


def read_all(journal: Journal, wanted: Callable[[Entry], bool] = lambda _: True) -> Iterator[Entry]:
    """Yield the entries of a journal in order without building a board, verifying the chain."""
    for commit in commits_of(journal.blocks()):
        yield from (entry for entry in commit if wanted(entry))


def read_new(journal: Journal) -> Iterator[Entry]:
    """Yield what a board would read to start, the entries after the snapshot, verifying them."""
    snapshot = standing_snapshot(journal)
    if snapshot is None:
        yield from read_all(journal)
        return
    for commit in commits_of(journal.blocks(snapshot.head), snapshot.head, snapshot.hash):
        yield from commit


def commits_of(
    blocks: Iterable[Block], head: int = 0, previous_hash: bytes = GENESIS
) -> Iterator[list[Entry]]:
    """Yield the entries of each commit of a journal's blocks, in order, verifying the chain."""
    for block in blocks:
        verify(block, head + 1, previous_hash)
        head, previous_hash = block.last_seq, block.hash
        try:
            entries = decode_entries(block.payload)
        except UNDECODABLE as error:
            where = f"block {block.first_seq}..{block.last_seq}"
            raise JournalCorrupt(f"{where} cannot be decoded: {error}") from error
        yield entries
