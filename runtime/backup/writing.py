"""Making an archive of a book, also while the system trades on it."""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blackboard.errors import ConfigError
from runtime.backup.contents import (
    CONTENTS,
    BackupContents,
    Item,
    is_expected,
    packing,
    require_form,
)
from runtime.backup.snapshot import take
from runtime.book import Book
from runtime.clock import wall_ns
from runtime.machine.current import MACHINE
from runtime.machine.port import sync_file


def back_up(book: Book, path: Path, version: str) -> BackupContents:
    """Write an archive; it is there whole or not at all, and replaces nothing.

    Parameters
    ----------
    book : Book
        May be in use; nothing of it is changed.
    path : Path
        Ends in ``.tar.zst`` or ``.tar.gz``.
    version : str
        Of this program.

    Raises
    ------
    ConfigError
        If the name says no form, the file exists, or the book has nothing to save.
    JournalCorrupt
        If the book is damaged.
    """
    require_form(path)
    if path.exists():
        raise ConfigError(f"{path} exists: choose another name, a backup replaces nothing")
    if book.is_run:
        raise ConfigError(f"{book.name} is a run over history: run it again instead")
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=book.folder, prefix=".backup-") as name:
        folder = Path(name)
        moment = take(book, folder)
        contents = BackupContents(
            book=book.name,
            journal_format=moment.journal_format,
            head_seq=moment.head_seq,
            head_hash=moment.head_hash,
            made_wall_ns=wall_ns(),
            version=version,
            items=tuple(_items(folder)),
        )
        try:
            _pack(folder, contents, partial, path.name)
            MACHINE.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    MACHINE.sync_folder(path.absolute().parent)
    return contents


def _items(folder: Path) -> Iterator[Item]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if is_expected(name):
            yield Item(name=name, size_bytes=path.stat().st_size, sha256=_sha256(path))


def _pack(folder: Path, contents: BackupContents, partial: Path, form: str) -> None:
    with (
        packing(partial, form) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        told = msgspec.json.format(msgspec.json.encode(contents))
        archive.addfile(_member(CONTENTS, len(told)), io.BytesIO(told))
        for item in contents.items:
            with (folder / item.name).open("rb") as file:
                archive.addfile(_member(item.name, item.size_bytes), file)
    MACHINE.make_private(partial)
    with partial.open("rb+") as file:
        sync_file(file.fileno())


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size_bytes
    member.mode = 0o600
    return member


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
