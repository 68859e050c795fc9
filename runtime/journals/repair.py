"""Making a damaged journal usable again: what cannot be trusted is set aside, never thrown away.

A board refuses a journal with a gap or a changed block. A person may then cut it at the first block
that does not follow: that block and everything after it goes into a file beside the journal, and
the sound part stays. What was cut may have named an order that the broker has: whoever repairs sets
the kill switch too, until a person has looked at the account.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from blackboard.entry import decode_entries
from blackboard.errors import JournalCorrupt
from blackboard.journal import GENESIS, UNDECODABLE, Block, verify
from runtime.book import write_durably
from runtime.clock import wall_ns
from runtime.journals.diskcache import DATABASE
from runtime.journals.place import RedisPlace, password_for, read_place

if TYPE_CHECKING:
    from runtime.journals.redis import RedisJournal


class Row(msgspec.Struct, frozen=True):
    """A row of the journal as it was found."""

    key: int
    value: object


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal has that can be trusted, and what not."""

    kept_to: int
    """Last seq of the sound part, 0 if there is none."""
    first_bad: int
    """Key of the first block that does not follow, 0 if all do."""
    blocks: int
    """How many blocks stand from there on."""
    reason: str


def examine(folder: Path) -> Cut:
    """Return where a journal stops being sound; OSError if its database cannot be read at all."""
    head, previous, reason, first_bad, bad = 0, GENESIS, "", 0, 0
    for row in _rows(folder):
        if not reason:
            try:
                block = _sound(row, head, previous)
            except JournalCorrupt as error:
                reason, first_bad = str(error), row.key
            else:
                head, previous = block.last_seq, block.hash
        if reason:
            bad += 1
    return Cut(kept_to=head, first_bad=first_bad, blocks=bad, reason=reason)


def repair(folder: Path, cut: Cut) -> Path:
    """Set aside every block from the first bad one on; return the file in which they are now.

    The file is on the disk before the first row goes; done twice, nothing more is lost.
    """
    aside = folder.parent / f"journal-cut-{wall_ns()}.msgpack"
    rows = [row for row in _rows(folder) if row.key >= cut.first_bad]
    write_durably(aside, msgspec.msgpack.encode(rows))
    place = read_place(folder)
    if place is not None:
        with closing(_on_redis(folder, place)) as journal:
            journal.cut(cut.first_bad, cut.kept_to)
        return aside
    with closing(_opened(folder)) as database, database:
        database.execute("PRAGMA synchronous = FULL")
        database.execute(
            "DELETE FROM Cache WHERE typeof(key) = 'integer' AND key >= ?", (cut.first_bad,)
        )
    return aside


def _sound(row: Row, head: int, previous: bytes) -> Block:
    if type(row.value) is not bytes:
        raise JournalCorrupt(f"block {row.key} is not plain bytes")
    try:
        block = msgspec.msgpack.decode(row.value, type=Block)
        verify(block, head + 1, previous)
        decode_entries(block.payload)
    except UNDECODABLE as error:
        raise JournalCorrupt(f"block {row.key} cannot be decoded: {error}") from error
    return block


def _rows(folder: Path) -> list[Row]:
    place = read_place(folder)
    if place is not None:
        with closing(_on_redis(folder, place)) as journal:
            journal.require_there()
            return [Row(*row) for row in journal.rows()]
    try:
        with closing(_opened(folder)) as database:
            found = database.execute(
                "SELECT key, value FROM Cache WHERE typeof(key) = 'integer' ORDER BY key"
            ).fetchall()
    except sqlite3.DatabaseError as error:
        path = folder / DATABASE
        raise OSError(f"{path} is no database ({error}): restore the folder from a copy") from error
    return [Row(key, value) for key, value in found]


def _on_redis(folder: Path, place: RedisPlace) -> "RedisJournal":
    from runtime.journals.redis import RedisJournal

    return RedisJournal(place, password_for(folder))


def _opened(folder: Path) -> sqlite3.Connection:
    path = folder / DATABASE
    if not path.exists():
        raise OSError(f"no journal in {folder}")
    return sqlite3.connect(path)
