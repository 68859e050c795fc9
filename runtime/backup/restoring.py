"""Making a book of an archive: everything is verified before the book is there.

An archive may come from anywhere. Files are written under names that stand in its contents and that
this program knows; nothing else of a member counts, and links, devices, folders, repetitions and
whatever is larger than it says end the work. The journal is built anew from its blocks; a database
is taken only if its tables are exactly those that this program makes.
"""

import hashlib
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from blackboard.entry import decode_entries
from blackboard.errors import ConfigError, JournalCorrupt
from blackboard.journal import GENESIS, SNAPSHOT_STATE, UNDECODABLE, Block, Durability, verify
from config.settings import Settings
from runtime.backup.contents import (
    ARCHIVE_FORMAT,
    BLOCKS,
    CONTENTS,
    CONTENTS_BYTES_MAX,
    DATABASES,
    LENGTH_BYTES,
    STATES,
    BackupContents,
    Item,
    is_expected,
    unpacking,
)
from runtime.book import Book, book_of
from runtime.journals.diskcache import FORMAT_STATE, DiskcacheJournal
from runtime.journals.format import FORMAT, UNNUMBERED, require_format
from runtime.machine.current import MACHINE
from runtime.terminals.sqlite_file import SqliteFile

ITEMS_MAX: Final = 100_000
_CHUNK_BYTES: Final = 1 << 20
_BLOCK_BYTES_MAX: Final = 1 << 30
_ROOM_FACTOR: Final = 3
"""Room on the disk for the files and for the journal that is built of them, twice its blocks."""
_BROKEN: Final = (tarfile.TarError, EOFError, zlib.error, ValueError, msgspec.DecodeError)
"""What unpacking raises where the bytes are not what was packed; pyarrow raises ValueError."""


def restore(path: Path, home: Path, name: str = "") -> tuple[Book, BackupContents]:
    """Make a new book of an archive.

    Parameters
    ----------
    path : Path
        The archive.
    home : Path
        Folder of the state.
    name : str
        Of the book; empty for the name that it had.

    Raises
    ------
    ConfigError
        If the file is no archive of this program, something in it is not what its contents say, the
        book exists, or the disk has no room. Nothing of it is left.
    JournalCorrupt
        If the journal's chain does not verify.
    """
    try:
        with unpacking(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            contents = _contents(archive)
            book = book_of(home, _named(name or contents.book))
            if book.folder.exists():
                raise ConfigError(f"book {book.name} exists: --book NAME restores beside it")
            with _building(book, contents) as folder:
                _unpack(archive, contents, folder)
                _build_journal(folder, contents)
                _require_databases(folder)
                folder.rename(book.folder)
    except _BROKEN as error:
        raise ConfigError(f"{path} is no sound backup: {error}") from error
    except OSError as error:
        if error.errno is not None:  # the system's own, of the disk
            raise
        raise ConfigError(f"{path} is no sound backup: {error}") from error
    MACHINE.sync_folder(book.folder.parent)
    return book, contents


def _contents(archive: tarfile.TarFile) -> BackupContents:
    first = archive.next()
    if first is None or first.name != CONTENTS or not first.isreg():
        raise ConfigError(f"no backup of this program: it must begin with {CONTENTS}")
    if first.size > CONTENTS_BYTES_MAX:
        raise ConfigError(f"{CONTENTS} has {first.size} bytes, at most {CONTENTS_BYTES_MAX}")
    file = archive.extractfile(first)
    contents = msgspec.json.decode(file.read() if file else b"", type=BackupContents)
    if contents.archive_format != ARCHIVE_FORMAT:
        raise ConfigError(
            f"the archive has format {contents.archive_format}, this version reads {ARCHIVE_FORMAT}"
        )
    if contents.journal_format < UNNUMBERED:
        raise ConfigError(f"no journal has format {contents.journal_format}")
    names = [item.name for item in contents.items]
    if unknown := [each for each in names if not is_expected(each)]:
        raise ConfigError(f"no book has a file {unknown[0]!r}")
    if len(names) > ITEMS_MAX or len(set(names)) < len(names):
        raise ConfigError(f"{CONTENTS} must name each file once, and at most {ITEMS_MAX}")
    if not {BLOCKS, STATES} <= set(names):
        raise ConfigError("the archive has no journal")
    return contents


def _named(name: str) -> str:
    try:
        return Settings.model_validate({"book": name}).book
    except ValueError as error:
        raise ConfigError(f"a book cannot be named {name!r}: a-z, 0-9, - and _ only") from error


@contextmanager
def _building(book: Book, contents: BackupContents) -> Iterator[Path]:
    """Give a folder beside the books; nothing is left of it unless it was renamed."""
    book.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size = sum(item.size_bytes for item in contents.items)
    free = shutil.disk_usage(book.folder.parent).free
    if min(item.size_bytes for item in contents.items) < 0 or size * _ROOM_FACTOR > free:
        raise ConfigError(
            f"{size} bytes are packed, which need {_ROOM_FACTOR} times as many; {free} are free"
        )
    folder = book.folder.with_name(f".restoring-{book.name}")
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was cut off
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: tarfile.TarFile, contents: BackupContents, folder: Path) -> None:
    missing = {item.name: item for item in contents.items}
    while (member := archive.next()) is not None:
        item = missing.pop(member.name, None)
        file = archive.extractfile(member) if member.isreg() else None
        if item is None or file is None or member.size != item.size_bytes:
            raise ConfigError(f"{member.name!r} is not what {CONTENTS} says")
        _write(file, item, folder / item.name)
    if missing:
        raise ConfigError(f"{min(missing)} is missing")


def _write(file: IO[bytes], item: Item, path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    digest = hashlib.sha256()
    with path.open("wb") as target:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    if digest.hexdigest() != item.sha256:
        raise ConfigError(f"{item.name} has another SHA-256 than when it was packed")


def _build_journal(folder: Path, contents: BackupContents) -> None:
    number = contents.journal_format
    require_format(folder / "journal", max(number, FORMAT))
    states = msgspec.msgpack.decode((folder / STATES).read_bytes(), type=dict[str, bytes])
    head, previous = 0, GENESIS
    with closing(DiskcacheJournal(folder / "journal", number=number)) as journal:
        for block in _blocks(folder / BLOCKS):
            verify(block, head + 1, previous)
            if number == FORMAT:
                _require_readable(block)
            journal.append(block, {}, Durability.UNSYNCED)
            head, previous = block.last_seq, block.hash
        states.pop(FORMAT_STATE, None)
        states.pop(SNAPSHOT_STATE, None)
        journal.append(None, states, Durability.FULL)
    if (head, previous.hex()) != (contents.head_seq, contents.head_hash):
        raise JournalCorrupt(
            f"the journal ends at entry {head}, the backup was made at {contents.head_seq}"
        )
    (folder / BLOCKS).unlink()
    (folder / STATES).unlink()


def _blocks(path: Path) -> Iterator[Block]:
    with path.open("rb") as file:
        while head := file.read(LENGTH_BYTES):
            length = int.from_bytes(head, "big")
            if length > _BLOCK_BYTES_MAX:
                raise JournalCorrupt(f"a block of {length} bytes, at most {_BLOCK_BYTES_MAX}")
            try:
                yield msgspec.msgpack.decode(file.read(length), type=Block)
            except UNDECODABLE as error:
                raise JournalCorrupt(f"a block cannot be decoded: {error}") from error


def _require_readable(block: Block) -> None:
    try:
        decode_entries(block.payload)
    except UNDECODABLE as error:
        where = f"block {block.first_seq}..{block.last_seq}"
        raise JournalCorrupt(f"{where} cannot be decoded: {error}") from error


def _require_databases(folder: Path) -> None:
    for name, kind in DATABASES.items():
        path = folder / name
        if not path.exists():
            continue
        try:
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                found = _schema(database)
                sound = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{name} is no database: {error}") from error
        if not sound or found != _own_schema(kind):
            raise ConfigError(f"{name} is damaged, or of another version of this program")


def _schema(database: sqlite3.Connection) -> tuple[int, list[str]]:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    rows = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY sql")
    return version, [sql for (sql,) in rows]


def _own_schema(kind: type[SqliteFile]) -> tuple[int, list[str]]:
    with closing(sqlite3.connect(":memory:")) as database:
        for statement in kind.layout:
            database.execute(statement)
        return kind.layout_version, _schema(database)[1]
