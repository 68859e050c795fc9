"""What a run or book has recorded: its commits in order, and what each of its starts was made of.

The journal holds what was posted; the manifests beside it hold the settings, the code and the
market of every start, and the seq from which each of them wrote.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import msgspec

from blackboard.chain import commits_of
from blackboard.entry import Entry, decode_entries
from blackboard.errors import ConfigError
from blackboard.journal import Block
from config.settings import Settings
from runtime.book import Book, Manifest
from runtime.journals.opening import open_journal

HISTORY = "history"
"""Kind of market whose runs have always been in virtual time."""

Tell = Callable[[int, int], None]
"""Told now and then up to which seq the reading has come, and its market time."""


def to_nobody(_seq: int, _now_ns: int) -> None:
    """Tell nobody."""


class RecordedStart(msgspec.Struct, frozen=True, kw_only=True):
    """One start of a run or book, as its manifest has it."""

    first_seq: int
    """First seq that this start could write."""
    is_virtual: bool
    """Whether it ran in supersteps of virtual time."""
    settings: Settings
    data: dict[str, str]
    """Source of the market: kind, path or seed, content hash."""
    code_hash: str


class Recording:
    """A journal with the starts that wrote it; verifies the hash chain while it is read."""

    def __init__(
        self, blocks: Callable[[int], Iterator[Block]], starts: Sequence[RecordedStart], head: int
    ) -> None:
        self._blocks = blocks
        self.starts = tuple(starts)
        self.head = head

    def commits(self) -> Iterator[list[Entry]]:
        """Yield the entries of every commit of the board, in order."""
        return commits_of(self._blocks(0))

    def entries(self, up_to: int) -> Iterator[Entry]:
        """Yield the entries up to a seq, in order."""
        for commit in self.commits():
            for entry in commit:
                if entry.seq > up_to:
                    return
                yield entry

    def entry(self, seq: int) -> Entry:
        """Return the entry at a place in the order; raise KeyError if there is none."""
        for block in self._blocks(seq - 1):
            for entry in decode_entries(block.payload):
                if entry.seq == seq:
                    return entry
            break
        raise KeyError(seq)

    def start_of(self, seq: int) -> RecordedStart:
        """Return the start that wrote a seq."""
        return next(start for start in reversed(self.starts) if start.first_seq <= seq)


@contextmanager
def open_recording(book: Book) -> Iterator[Recording]:
    """Open what a book has recorded, for as long as it is read."""
    with closing(open_journal(book.journal)) as journal:
        newest = journal.newest()
        head = newest.seq if newest else 0
        yield Recording(journal.blocks, read_starts(book), head)


def read_starts(book: Book) -> tuple[RecordedStart, ...]:
    """Return the starts of a book, oldest first.

    Raises
    ------
    ConfigError
        If there is no manifest, or if several differ and do not say from where on they hold.
    """
    manifests = book.manifests()
    if not manifests:
        raise ConfigError(
            f"{book.folder} has no manifest: nobody can tell what its run was made of"
        )
    if len(manifests) == 1 or all(each.first_seq for each in manifests[1:]):
        # What a start wrote that did not note its beginning ends where the next one begins.
        manifests[0] = msgspec.structs.replace(manifests[0], first_seq=1)
    elif len({each.settings_hash for each in manifests}) == 1:
        manifests = [msgspec.structs.replace(manifests[-1], first_seq=1)]
    else:
        raise ConfigError(
            f"{book.folder} was started with different settings by a version that did not record "
            "from which entry on each of them held"
        )
    return tuple(_start(each) for each in manifests)


def _start(manifest: Manifest) -> RecordedStart:
    return RecordedStart(
        first_seq=manifest.first_seq,
        is_virtual=manifest.is_virtual or manifest.data.get("kind") == HISTORY,
        settings=Settings.model_validate_json(msgspec.json.encode(manifest.settings)),
        data=manifest.data,
        code_hash=manifest.code_hash,
    )
