"""A book goes into one file and comes out of it the same, or not at all."""

import io
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from blackboard.entry import Ack, Draft, Entry, Post
from blackboard.errors import ConfigError, JournalCorrupt, OtherFormat
from blackboard.journal import SNAPSHOT_STATE
from config.agent import Mode
from runtime.backup.contents import (
    BLOCKS,
    CONTENTS,
    STATES,
    BackupContents,
    is_expected,
    packing,
    unpacking,
)
from runtime.backup.restoring import restore
from runtime.backup.writing import back_up
from runtime.book import Book, book_of
from runtime.journals.diskcache import DATABASE
from runtime.overrides import keep_override, read_overrides
from runtime.proof.lineage import entries_of
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from tests.journals import board_on
from tests.unit.test_repair import folder as journal_of_five

__all__ = ["journal_of_five"]
TOKEN = "a token that must stay where it is"
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def book(tmp_path: Path, journal_of_five: Path) -> Book:
    """Return a book of five entries with a ledger, a manifest, a token and a log."""
    book = book_of(tmp_path / "var", "paper")
    book.folder.mkdir(parents=True)
    journal_of_five.rename(book.journal)
    SqliteLedger(book.ledger).close()
    (book.folder / "manifests").mkdir()
    (book.folder / "manifests" / "1-2-3.json").write_text("{}")
    keep_override(book, "sentiment", Mode.SHADOW)
    book.terminal_token.write_text(TOKEN)
    book.logs.mkdir()
    (book.logs / "driver.jsonl").write_text(TOKEN)
    return book


@pytest.fixture(params=[".tar.gz", ".tar.zst"])
def archive(request: pytest.FixtureRequest, tmp_path: Path, book: Book) -> Path:
    """Return a backup of the book in either form."""
    path = tmp_path / f"saved{request.param}"
    back_up(book, path, "0.1.0")
    return path


def members_of(archive: Path) -> Members:
    """Return what is packed."""
    with unpacking(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        return [
            (member, file.read() if (file := tar.extractfile(member)) else b"") for member in tar
        ]


def repacked(archive: Path, change: Callable[[Members], Members | None]) -> Path:
    """Return an archive beside another, with something else in it."""
    members = members_of(archive)
    members = change(members) or members
    path = archive.with_name(f"other-{archive.name}")
    path.unlink(missing_ok=True)
    with packing(path, path.name) as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        for member, content in members:
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def entries(book: Book) -> list[Entry]:
    """Return the whole history of a book."""
    return list(entries_of(book.journal))


def test_a_restored_book_has_the_same_history(archive: Path, book: Book, tmp_path: Path) -> None:
    """Every entry, the states and the ledger come back; the next post follows the last."""
    made, contents = restore(archive, tmp_path / "elsewhere")

    assert made == book_of(tmp_path / "elsewhere", "paper")
    assert entries(made) == entries(book)
    assert contents.head_seq == 5
    board, journal = board_on(made.journal)
    assert (board.head, board.head_hash) == (5, contents.head_hash)
    assert board.join("driver").epoch == 2
    journal.close()
    SqliteLedger(made.ledger).close()
    assert (made.folder / "manifests" / "1-2-3.json").read_text() == "{}"
    assert read_overrides(made) == {"sentiment": Mode.SHADOW}
    parts = {"journal", "broker", "manifests", "agents.json"}
    assert {path.name for path in made.folder.iterdir()} == parts


def test_a_restored_journal_knows_what_was_said_before_its_snapshot(
    book: Book, tmp_path: Path
) -> None:
    """The snapshot of the old place is left behind: it promises more than the archive holds."""
    board, journal = board_on(book.journal)
    board.rest()
    journal.close()
    back_up(book, tmp_path / "rested.tar.gz", "0.1.0")

    made, _ = restore(tmp_path / "rested.tar.gz", tmp_path / "elsewhere")

    board, journal = board_on(made.journal)
    assert journal.state(SNAPSHOT_STATE) is None
    said = next(iter(entries(made)))
    draft = Draft(fact=said.fact, ts_event_ns=said.ts_event_ns, ordinal="0")
    epoch = board.join("driver").epoch
    post = Post(author="driver", epoch=epoch, drafts=(draft,), read_to=0, now_ns=9)
    assert board.post(post, 9) == (Ack(1, False),)
    journal.close()


def test_files_of_a_restored_book_are_private(archive: Path, tmp_path: Path) -> None:
    """Nobody else reads what was restored, nor the archive."""
    made, _ = restore(archive, tmp_path / "elsewhere")

    found = [archive, *(path for path in made.folder.rglob("*") if path.is_file())]
    assert {path.stat().st_mode & 0o077 for path in found} == {0}


def test_neither_token_nor_log_is_packed(archive: Path) -> None:
    """An archive may lie on another machine."""
    members = members_of(archive)

    assert {member.name for member, _ in members} == {
        *(CONTENTS, BLOCKS, STATES),
        *("broker/ledger.sqlite", "manifests/1-2-3.json", "agents.json"),
    }
    assert all(TOKEN.encode() not in content for _, content in members)


def test_a_book_that_somebody_writes_is_copied_at_one_moment(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is posted while the backup reads is not in it, and is in the journal."""
    from runtime.backup import snapshot

    board, journal = board_on(book.journal)
    copied = snapshot._copy_settled

    def copy_while_another_posts(source: Path, target: Path) -> None:
        board.join("driver")
        copied(source, target)

    monkeypatch.setattr(snapshot, "_copy_settled", copy_while_another_posts)
    back_up(book, tmp_path / "saved.tar.gz", "0.1.0")
    made, _ = restore(tmp_path / "saved.tar.gz", tmp_path / "elsewhere")

    restored, its_journal = board_on(made.journal)
    assert (board.join("driver").epoch, restored.join("driver").epoch) == (3, 2)
    journal.close()
    its_journal.close()


def test_a_ledger_that_its_terminal_holds_is_copied(book: Book, tmp_path: Path) -> None:
    """The lock keeps others from the database, not from its bytes; its log is taken in."""
    held = SqliteLedger(book.ledger)
    held.raise_epoch(41)
    back_up(book, tmp_path / "saved.tar.gz", "0.1.0")
    held.close()

    made, _ = restore(tmp_path / "saved.tar.gz", tmp_path / "elsewhere")

    with closing(SqliteLedger(made.ledger)) as ledger:
        assert ledger.epoch() == 41


def test_a_ledger_that_never_stands_still_is_refused(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many copies the person is told what to stop, and no half file is left."""
    monkeypatch.setattr("runtime.backup.snapshot._is_same", lambda *_: False)
    monkeypatch.setattr("runtime.backup.snapshot._COPY_PAUSE_S", 0.0)

    with pytest.raises(ConfigError, match=r"ledger\.sqlite changed during each of 200 copies"):
        back_up(book, tmp_path / "saved.tar.gz", "0.1.0")
    assert not list(tmp_path.glob("*saved*"))


def test_what_exists_is_never_overwritten(archive: Path, book: Book, tmp_path: Path) -> None:
    """Neither a file by a backup nor a book by a restore; another name restores beside it."""
    with pytest.raises(ConfigError, match="exists: choose another name"):
        back_up(book, archive, "0.1.0")
    with pytest.raises(ConfigError, match="book paper exists: --book NAME"):
        restore(archive, tmp_path / "var")

    beside, _ = restore(archive, tmp_path / "var", "copy")
    assert entries(beside) == entries(book)


@pytest.mark.parametrize("name", ["../outside", "/tmp/x", "a/b", "..", "A", "x" * 41])
def test_a_name_that_leads_elsewhere_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    """The book's name in the command line is no path, and neither is the archive's."""
    with pytest.raises(ConfigError, match="a book cannot be named"):
        restore(archive, tmp_path / "elsewhere", name)

    renamed = with_contents(archive, lambda told: msgspec.structs.replace(told, book=name))
    with pytest.raises(ConfigError, match="a book cannot be named"):
        restore(renamed, tmp_path / "elsewhere")


def with_contents(archive: Path, change: Callable[[BackupContents], BackupContents]) -> Path:
    """Return an archive whose contents tell something else."""

    def changed(members: Members) -> None:
        told = msgspec.json.decode(members[0][1], type=BackupContents)
        members[0] = (members[0][0], msgspec.json.encode(change(told)))

    return repacked(archive, changed)


def a_link(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    """Return a member that is no file."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def replaced(members: Members, name: str, member: tarfile.TarInfo) -> Members:
    """Return members with another one in the place of one."""
    return [(member, b"") if each.name == name else (each, text) for each, text in members]


KINDS = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
    "folder": tarfile.DIRTYPE,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_refused(archive: Path, tmp_path: Path, kind: str) -> None:
    """A link or a device under a good name writes nothing and leaves nothing."""
    hostile = repacked(
        archive, lambda members: replaced(members, STATES, a_link(STATES, KINDS[kind]))
    )

    with pytest.raises(ConfigError, match="'journal/states' is not what"):
        restore(hostile, tmp_path / "elsewhere")
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "journal/../x", "books/x", ""])
def test_a_member_that_leads_elsewhere_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    """Neither as a member that nobody announced nor as one that the contents name."""
    extra = repacked(archive, lambda members: [*members, (tarfile.TarInfo(name), b"x")])
    with pytest.raises(ConfigError, match=r"is not what|no sound backup"):
        restore(extra, tmp_path / "elsewhere")

    def named(told: BackupContents) -> BackupContents:
        items = (msgspec.structs.replace(told.items[0], name=name), *told.items)
        return msgspec.structs.replace(told, items=items)

    with pytest.raises(ConfigError, match="no book has a file"):
        restore(with_contents(extra, named), tmp_path / "elsewhere")
    assert left(tmp_path) == []


def left(tmp_path: Path) -> list[str]:
    """Return what stands among the books, and anything that escaped."""
    books = tmp_path / "elsewhere" / "books"
    escaped = tmp_path.rglob("escaped")
    return sorted(path.name for path in [*(books.iterdir() if books.exists() else []), *escaped])


def test_a_changed_byte_is_found(archive: Path, tmp_path: Path) -> None:
    """Each file is held against its SHA-256."""

    def flip(members: Members) -> Members:
        return [
            (member, bytes([text[0] ^ 1]) + text[1:] if member.name == BLOCKS else text)
            for member, text in members
        ]

    with pytest.raises(ConfigError, match="journal/blocks has another SHA-256"):
        restore(repacked(archive, flip), tmp_path / "elsewhere")
    assert left(tmp_path) == []


def test_a_broken_chain_is_found(book: Book, tmp_path: Path) -> None:
    """A journal that was changed is neither packed nor, where the hashes fit, restored."""
    back_up(book, tmp_path / "sound.tar.gz", "0.1.0")
    with closing(sqlite3.connect(book.journal / DATABASE)) as database, database:
        database.execute("DELETE FROM Cache WHERE key = 3")
    with pytest.raises(JournalCorrupt, match="must start at seq 3"):
        back_up(book, tmp_path / "saved.tar.gz", "0.1.0")

    shorter = with_contents(
        tmp_path / "sound.tar.gz", lambda told: msgspec.structs.replace(told, head_seq=4)
    )
    with pytest.raises(JournalCorrupt, match="ends at entry 5, the backup was made at 4"):
        restore(shorter, tmp_path / "elsewhere")
    assert left(tmp_path) == []


def test_a_file_larger_than_it_says_is_refused(archive: Path, tmp_path: Path) -> None:
    """Nothing is written beyond what the contents announce, nor what the disk can hold."""

    def grow(members: Members) -> Members:
        return [
            (member, text + b"\0" * 10_000 if member.name == STATES else text)
            for member, text in members
        ]

    with pytest.raises(ConfigError, match="'journal/states' is not what"):
        restore(repacked(archive, grow), tmp_path / "elsewhere")

    def huge(told: BackupContents) -> BackupContents:
        items = tuple(msgspec.structs.replace(item, size_bytes=1 << 60) for item in told.items)
        return msgspec.structs.replace(told, items=items)

    with pytest.raises(ConfigError, match="are free"):
        restore(with_contents(archive, huge), tmp_path / "elsewhere")


def test_a_strange_database_is_refused(book: Book, tmp_path: Path) -> None:
    """A table or trigger that this program does not make is not opened by its terminal."""
    with closing(sqlite3.connect(book.ledger)) as database, database:
        database.execute("CREATE TRIGGER x AFTER INSERT ON fence BEGIN DELETE FROM deals; END")
    back_up(book, tmp_path / "saved.tar.gz", "0.1.0")

    with pytest.raises(ConfigError, match=r"ledger\.sqlite is damaged, or of another version"):
        restore(tmp_path / "saved.tar.gz", tmp_path / "elsewhere")
    assert left(tmp_path) == []


@pytest.mark.parametrize("length", [0, 1, 100, 5000])
def test_a_file_that_was_cut_off_is_refused(archive: Path, tmp_path: Path, length: int) -> None:
    """Half an archive makes no book."""
    whole = archive.read_bytes()
    cut = archive.with_name(f"cut-{archive.name}")
    cut.write_bytes(whole[: min(length, len(whole) // 2)])

    with pytest.raises((ConfigError, OSError)):
        restore(cut, tmp_path / "elsewhere")
    assert left(tmp_path) == []


def test_a_journal_of_a_later_format_is_refused(archive: Path, tmp_path: Path) -> None:
    """It needs the program that wrote it."""
    later = with_contents(archive, lambda told: msgspec.structs.replace(told, journal_format=99))

    with pytest.raises(OtherFormat, match="a later version"):
        restore(later, tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["saved.zip", "saved", "saved.tar"])
def test_other_forms_are_refused(book: Book, tmp_path: Path, name: str) -> None:
    """The name says how it is packed."""
    with pytest.raises(ConfigError, match=r"must end in \.tar\.zst or \.tar\.gz"):
        back_up(book, tmp_path / name, "0.1.0")


def test_only_known_names_belong_into_an_archive() -> None:
    """A name is a way within the book, and nowhere else."""
    assert is_expected("manifests/1796120021-971761-16726.json")
    for name in ("terminal.token", "manifests/../x.json", "manifests/x.json\n", "models/key"):
        assert not is_expected(name)
