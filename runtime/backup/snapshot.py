"""One moment of a book that may be in use, as files of its own.

The journal is read inside one transaction, which keeps its moment however long the reading takes.
The terminal holds its database alone, so that one is copied as bytes until nothing has changed
while it was copied: what then lies there is what a crash at that moment would have left, which
SQLite recovers. It is copied after the journal's moment has been fixed, because a broker that knows
more than the journal is what every restart reconciles.
"""

import filecmp
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ConfigError, JournalCorrupt
from blackboard.journal import GENESIS, UNDECODABLE, Block, verify
from runtime.backup.contents import BLOCKS, DATABASES, LENGTH_BYTES, OVERRIDES, STATES
from runtime.book import Book
from runtime.clock import sleep_s
from runtime.journals.diskcache import DATABASE, FORMAT_STATE, STATE_PREFIX
from runtime.journals.format import UNNUMBERED
from runtime.journals.place import require_in_folder

_COPIES_MAX: Final = 200
"""Copies of a database before somebody must pause what writes to it."""
_COPY_PAUSE_S: Final = 0.05


class Moment(msgspec.Struct, frozen=True):
    """How far the journal had come."""

    journal_format: int
    head_seq: int
    head_hash: str


def take(book: Book, folder: Path) -> Moment:
    """Write a book's files into a folder, under the names that an archive has.

    Raises
    ------
    ConfigError
        If the book has no journal, or its terminal's database never stands still.
    JournalCorrupt
        If the journal's chain does not verify: what is broken is no backup.
    """
    require_in_folder(book, "backup")
    source = book.journal / DATABASE
    if not source.exists():
        raise ConfigError(f"no journal in {book.journal}")
    for part in ("journal", "broker", "manifests"):
        (folder / part).mkdir(mode=0o700)
    try:
        with closing(_opened(source)) as journal:
            journal.execute("BEGIN")
            journal.execute("SELECT COUNT(*) FROM Cache").fetchone()  # from here on it stands still
            for name in DATABASES:
                path = book.folder / name
                if path.exists():
                    _copy_settled(path, folder / name)
            for path in (book.folder / "manifests").glob("*.json"):
                shutil.copyfile(path, folder / "manifests" / path.name)
            if book.overrides.exists():
                shutil.copyfile(book.overrides, folder / OVERRIDES)
            states = _write_states(journal, folder / STATES)
            head_seq, head_hash = _write_blocks(journal, folder / BLOCKS)
    except sqlite3.Error as error:
        raise JournalCorrupt(f"journal {book.journal} cannot be read: {error}") from error
    raw = states.get(FORMAT_STATE)
    number = UNNUMBERED if raw is None else msgspec.msgpack.decode(raw, type=int)
    return Moment(number, head_seq, head_hash.hex())


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _write_states(journal: sqlite3.Connection, path: Path) -> dict[str, bytes]:
    rows = journal.execute(
        "SELECT key, value FROM Cache WHERE typeof(key) = 'text' AND substr(key, 1, ?) = ?",
        (len(STATE_PREFIX), STATE_PREFIX),
    )
    states = {key.removeprefix(STATE_PREFIX): value for key, value in rows}
    path.write_bytes(msgspec.msgpack.encode(states))
    return states


def _write_blocks(journal: sqlite3.Connection, path: Path) -> tuple[int, bytes]:
    head, previous = 0, GENESIS
    with path.open("wb") as file:
        for raw in _raw_blocks(journal):
            try:
                block = msgspec.msgpack.decode(raw, type=Block)
            except (*UNDECODABLE, TypeError) as error:
                raise JournalCorrupt(f"the block after {head} cannot be decoded") from error
            verify(block, head + 1, previous)
            head, previous = block.last_seq, block.hash
            file.write(len(raw).to_bytes(LENGTH_BYTES, "big") + raw)
    return head, previous


def _raw_blocks(journal: sqlite3.Connection) -> Iterator[bytes]:
    rows = journal.execute("SELECT value FROM Cache WHERE typeof(key) = 'integer' ORDER BY key")
    return (value for (value,) in rows)


def _copy_settled(source: Path, target: Path) -> None:
    for _ in range(_COPIES_MAX):
        for name in _parts(source, target):
            name[1].unlink(missing_ok=True)
            if name[0].exists():
                shutil.copyfile(*name)
        if all(_is_same(*name) for name in _parts(source, target)):
            break
        sleep_s(_COPY_PAUSE_S)
    else:
        raise ConfigError(
            f"{source} changed during each of {_COPIES_MAX} copies: stop what runs on it, or try "
            "again at a slower speed"
        )
    with closing(sqlite3.connect(target, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")  # takes in what the log holds
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise JournalCorrupt(f"{source} is damaged: {found}")


def _parts(source: Path, target: Path) -> tuple[tuple[Path, Path], ...]:
    """Return the database and its log, each with its copy."""
    return (
        (source, target),
        (source.with_name(f"{source.name}-wal"), target.with_name(f"{target.name}-wal")),
    )


def _is_same(source: Path, copy: Path) -> bool:
    try:
        return filecmp.cmp(source, copy, shallow=False)
    except FileNotFoundError:
        return not source.exists() and not copy.exists()
