"""Bringing a book's journal from an earlier format to the present one.

Block by block the entries are read as plain data, converted, and sealed into a new chain, in a
file beside the old one. The old journal is kept, with what was done to it. The last step puts one
file in the other's place: whatever happens before it, the book is as it was.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from blackboard.chain import read_all
from blackboard.entry import decode_entries
from blackboard.errors import ConfigError
from blackboard.journal import (
    GENESIS,
    SNAPSHOT_STATE,
    UNDECODABLE,
    Block,
    Durability,
    seal,
    verify,
)
from runtime.book import Book, write_durably
from runtime.clock import wall_ns
from runtime.journals.conversions import converted
from runtime.journals.diskcache import DATABASE, FORMAT_STATE, DiskcacheJournal
from runtime.journals.format import FORMAT, require_format
from runtime.journals.place import require_in_folder
from runtime.machine.current import MACHINE
from runtime.machine.port import sync_file

RECORD_FILE: Final = "upgrade.json"
"""Beside the old journal that is kept."""
_BUILDING: Final = "journal.upgrading"
_LEFT_OUT: Final = (FORMAT_STATE, SNAPSHOT_STATE)
"""States of the old journal that do not hold for the new one."""


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a journal."""

    from_format: int
    to_format: int
    entries: int
    changed: dict[str, int]
    """Entries that the present format says otherwise, by kind."""
    old_head_hash: str
    """Hash of the old chain's newest block, hexadecimal: it stands for the whole old journal."""
    new_head_hash: str
    upgraded_wall_ns: int


class _Chain:
    """The new chain while it grows."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.entries = 0
        self.changed: Counter[str] = Counter()
        self.old_hash = self.new_hash = GENESIS

    def blocks(self, old: DiskcacheJournal) -> Iterator[Block]:
        """Yield the blocks of a journal as the present format has them."""
        for block in old.blocks():
            verify(block, self.entries + 1, self.old_hash)
            new = seal(block.first_seq, block.last_seq, self._payload(block), self.new_hash)
            self.old_hash, self.new_hash, self.entries = block.hash, new.hash, block.last_seq
            yield new

    def _payload(self, block: Block) -> bytes:
        try:
            entries: list[dict[str, Any]] = msgspec.msgpack.decode(block.payload)
            for entry in entries:
                fact = converted(entry["fact"], self.number)
                if fact != entry["fact"]:
                    self.changed[fact["kind"]] += 1
                    entry["fact"] = fact
            payload = msgspec.msgpack.encode(entries)
            decode_entries(payload)
        except (*UNDECODABLE, KeyError, TypeError) as error:
            where = f"block {block.first_seq}..{block.last_seq}"
            raise ConfigError(
                f"{where} of format {self.number} cannot be said in format {FORMAT}: {error}; "
                "the book is as it was"
            ) from error
        return payload


def kept_folder(book: Book, number: int) -> Path:
    """Return where the journal of an earlier format is kept."""
    return book.folder / f"journal-format-{number}"


def upgrade(book: Book) -> Upgrade | None:
    """Bring a book that this process holds to the present format; None if it has it already.

    Raises
    ------
    ConfigError
        If the book has no journal, a later format, or entries that cannot be converted.
    JournalCorrupt
        If the old chain does not verify.
    """
    require_in_folder(book, "upgrade")
    if not (book.journal / DATABASE).exists():
        raise ConfigError(f"no journal in {book.journal}")
    building = book.folder / _BUILDING
    shutil.rmtree(building, ignore_errors=True)  # of an attempt that was cut off
    with closing(DiskcacheJournal(book.journal, number=None)) as old:
        if old.number == FORMAT:
            return None
        if old.number > FORMAT:
            require_format(book.journal, old.number)
        done = _build(old, building)
    _keep(book, done)
    MACHINE.replace(building / DATABASE, book.journal / DATABASE)
    MACHINE.sync_folder(book.journal)
    shutil.rmtree(building)
    return done


def _build(old: DiskcacheJournal, folder: Path) -> Upgrade:
    chain = _Chain(old.number)
    with closing(DiskcacheJournal(folder)) as new:
        for block in chain.blocks(old):
            new.append(block, {}, Durability.UNSYNCED)
        states = {name: raw for name, raw in old.states().items() if name not in _LEFT_OUT}
        new.append(None, states, Durability.FULL)
        count = sum(1 for _ in read_all(new))
    if count != chain.entries:
        raise ConfigError(f"{count} of {chain.entries} entries came over; the book is as it was")
    _sync(folder / DATABASE)
    return Upgrade(
        from_format=chain.number,
        to_format=FORMAT,
        entries=chain.entries,
        changed=dict(sorted(chain.changed.items())),
        old_head_hash=chain.old_hash.hex(),
        new_head_hash=chain.new_hash.hex(),
        upgraded_wall_ns=wall_ns(),
    )


def _keep(book: Book, done: Upgrade) -> None:
    log = book.journal / f"{DATABASE}-wal"
    if log.exists() and log.stat().st_size:
        raise ConfigError(f"{book.journal} is being read by another process: end that first")
    kept = kept_folder(book, done.from_format)
    kept.mkdir(mode=0o700, exist_ok=True)
    partial = kept / f".{DATABASE}"
    shutil.copyfile(book.journal / DATABASE, partial)
    MACHINE.make_private(partial)
    _sync(partial)
    MACHINE.replace(partial, kept / DATABASE)
    write_durably(kept / RECORD_FILE, msgspec.json.format(msgspec.json.encode(done)))


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        sync_file(file.fileno())
