"""The embedded journal refuses what is not its own, and names what it cannot use."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from blackboard.entry import store
from blackboard.errors import JournalCorrupt
from blackboard.journal import GENESIS, Durability, seal
from runtime.journals.diskcache import BytesDisk, DiskcacheJournal
from tests.builders import a_quote, an_entry

Change = Callable[[sqlite3.Connection], object]


def journal_with(folder: Path, seqs: int = 2) -> DiskcacheJournal:
    """Return a journal of one block with some entries."""
    entries = [an_entry(a_quote(), seq=seq) for seq in range(1, seqs + 1)]
    payload, _ = store(entries)
    journal = DiskcacheJournal(folder)
    journal.append(seal(1, seqs, payload, GENESIS), {"epochs": b"1"}, Durability.SAFE)
    return journal


def changed(folder: Path, change: Change) -> DiskcacheJournal:
    """Return a journal whose database somebody else has changed."""
    journal_with(folder).close()
    database = sqlite3.connect(folder / "cache.db")
    with database:
        change(database)
    database.close()
    return DiskcacheJournal(folder)


def test_the_newest_entry_is_found_without_the_others(tmp_path: Path) -> None:
    """A start asks what a book came to; an empty journal has nothing."""
    empty = DiskcacheJournal(tmp_path / "empty")
    journal = journal_with(tmp_path / "journal", seqs=3)

    newest = journal.newest()

    assert empty.newest() is None
    assert newest is not None
    assert newest.seq == 3
    empty.close()
    journal.close()


def test_what_was_logged_is_written_back_when_there_is_time(tmp_path: Path) -> None:
    """A post is not kept waiting for it, and the journal holds the same before and after."""
    journal = DiskcacheJournal(tmp_path)
    journal.append(None, {"large": bytes(2_000_000)}, Durability.SAFE)
    logged = (tmp_path / "cache.db").stat().st_size

    journal.tidy()

    assert logged < 1_000_000 < (tmp_path / "cache.db").stat().st_size
    assert journal.state("large") == bytes(2_000_000)
    journal.close()


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_a_row_that_would_run_code_or_open_a_file_is_refused(tmp_path: Path, mode: int) -> None:
    """Modes of diskcache for files, texts and pickles never leave the database."""
    journal = changed(tmp_path, lambda db: db.execute("UPDATE Cache SET mode = ?", (mode,)))

    with pytest.raises(JournalCorrupt, match="not plain bytes"):
        list(journal.blocks())
    with pytest.raises(JournalCorrupt, match="not plain bytes"):
        journal.state("epochs")
    journal.close()


def test_keys_and_values_of_other_types_are_refused() -> None:
    """Nothing is ever pickled on its way in, nor unpickled on its way out."""
    disk = BytesDisk("unused")

    with pytest.raises(TypeError, match="int or str, was float"):
        disk.put(1.5)
    with pytest.raises(TypeError, match="bytes only, was str"):
        disk.store("text", False)
    with pytest.raises(JournalCorrupt, match="pickled"):
        disk.get(b"", False)
    assert disk.get("state/epochs", True) == "state/epochs"


def test_a_database_that_lost_its_table_is_named(tmp_path: Path) -> None:
    """Whoever reads learns which journal cannot be read."""
    journal = journal_with(tmp_path)
    other = sqlite3.connect(tmp_path / "cache.db")
    with other:
        other.execute("DROP TABLE Cache")
    other.close()

    with pytest.raises(JournalCorrupt, match="cannot be read"):
        journal.state("epochs")
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        journal.newest()
    journal.close()


def test_a_locked_database_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of another process refuses the order path; nothing is set aside for it."""

    def locked(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("diskcache.Cache", locked)

    with pytest.raises(OSError, match="cannot be opened: database is locked"):
        DiskcacheJournal(tmp_path)
