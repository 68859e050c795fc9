"""What every journal promises, whatever it stores its blocks in."""

import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import diskcache
import pytest

from blackboard.errors import JournalCorrupt
from blackboard.journal import GENESIS, Block, Durability, Journal, MemoryJournal, seal
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.opening import open_to_write

OpenJournal = Callable[[], Journal]


@pytest.fixture(params=["memory", "diskcache", "redis"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> OpenJournal:
    """Open the journal under test, the same one again at every call."""
    if request.param == "memory":
        journal = MemoryJournal()
        return lambda: journal
    if request.param == "redis":
        folder = request.getfixturevalue("redis_server").journal_folder(tmp_path)
        return lambda: open_to_write(folder, 1 << 30)
    return lambda: DiskcacheJournal(tmp_path / "journal")


def chain(count: int) -> list[Block]:
    """Return a chain of blocks with 1, 2, 3, ... entries."""
    blocks: list[Block] = []
    first, previous = 1, GENESIS
    for length in range(1, count + 1):
        block = seal(first, first + length - 1, b"payload %d" % length, previous)
        blocks.append(block)
        first, previous = block.last_seq + 1, block.hash
    return blocks


def test_blocks_come_back_in_order(open_journal: OpenJournal) -> None:
    """What was appended is there, unchanged and in order, after the journal is opened again."""
    blocks = chain(5)
    journal = open_journal()
    for block in blocks:
        journal.append(block, {}, Durability.SAFE)
    journal.close()

    assert list(open_journal().blocks()) == blocks


@pytest.mark.parametrize(("after", "first"), [(0, 1), (1, 2), (2, 2), (3, 4), (9, 7), (15, None)])
def test_reading_starts_at_the_block_that_holds_the_next_seq(
    open_journal: OpenJournal, after: int, first: int | None
) -> None:
    """A cursor in the middle of a block gets that block; blocks start at 1, 2, 4, 7, 11."""
    journal = open_journal()
    for block in chain(5):
        journal.append(block, {}, Durability.SAFE)

    found = [block.first_seq for block in journal.blocks(after)]

    assert found[:1] == ([] if first is None else [first])
    assert all(low < high for low, high in pairwise(found))


def test_states_replace_each_other(open_journal: OpenJournal) -> None:
    """A named state holds its last value, with and without a block beside it."""
    journal = open_journal()

    journal.append(None, {"now": b"1", "epochs": b"a"}, Durability.FULL)
    journal.append(chain(1)[0], {"now": b"2"}, Durability.UNSYNCED)

    assert journal.state("now") == b"2"
    assert journal.state("epochs") == b"a"
    assert journal.state("missing") is None


@pytest.mark.parametrize(("label", "other"), [(70, 71), (-5, -6), (2**62, 70), ("Bar", "BarH")])
def test_blocks_are_found_by_label(
    open_journal: OpenJournal, label: int | str, other: int | str
) -> None:
    """Each place comes under every label it was stored under, once, also where told later."""
    first, second, _ = blocks = chain(3)
    journal = open_journal()
    journal.append(first, {}, Durability.SAFE, [(label, 1), (other, 1)])
    journal.append(second, {}, Durability.FULL, [(label, 2)])
    journal.append(blocks[2], {}, Durability.SAFE)
    journal.append(None, {}, Durability.SAFE, [(label, 2), (other, 4), (label, 900)])
    journal.close()

    journal = open_journal()

    assert list(journal.places(label)) == [1, 2, 900]
    assert list(journal.places(label, 2)) == [2, 900]
    assert list(journal.places(other)) == [1, 4]
    assert [journal.block(seq) for seq in (1, 2, 3, 4, 900)] == [*blocks[:2], None, blocks[2], None]


def test_a_label_may_have_many_places(open_journal: OpenJournal) -> None:
    """More than a page of them come back whole and in order, from any one on."""
    journal = open_journal()
    journal.append(None, {}, Durability.SAFE, [("Quote", seq) for seq in range(2500, 0, -1)])

    assert list(journal.places("Quote")) == list(range(1, 2501))
    assert list(journal.places("Quote", 1001)) == list(range(1001, 2501))


def test_a_new_journal_finds_nothing_by_label(open_journal: OpenJournal) -> None:
    """Asking before anything was stored is no error."""
    journal = open_journal()
    assert [*journal.places(70), *journal.places("Bar")] == []
    assert journal.block(1) is None


def test_folder_is_private(tmp_path: Path) -> None:
    """Nobody else on the machine can read a journal."""
    DiskcacheJournal(tmp_path / "journal").close()

    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700


def test_a_pickled_row_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    """A row that asks to be unpickled is an error, not code."""
    journal = DiskcacheJournal(tmp_path / "journal")
    journal.append(chain(1)[0], {"now": b"1"}, Durability.SAFE)
    journal.close()
    with sqlite3.connect(tmp_path / "journal" / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = ?", (diskcache.core.MODE_PICKLE,))
    database.close()

    opened = DiskcacheJournal(tmp_path / "journal")

    with pytest.raises(JournalCorrupt, match="not plain bytes"):
        list(opened.blocks())
    with pytest.raises(JournalCorrupt, match="not plain bytes"):
        opened.state("now")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A journal that cannot be opened says which one and why."""
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "cache.db").write_bytes(b"this is not a database, and it is long enough to tell" * 20)

    with pytest.raises(JournalCorrupt, match=f"journal {folder} cannot be opened"):
        DiskcacheJournal(folder)


def test_a_full_journal_stores_nothing_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk takes no more, neither block nor states are there, and OSError says so."""
    journal = DiskcacheJournal(tmp_path / "journal")
    first, second = chain(2)
    journal.append(first, {"now": b"1"}, Durability.SAFE)
    journal._cache._sql("PRAGMA max_page_count = 1")

    big = seal(2, 3, b"x" * 1_000_000, first.hash)
    with pytest.raises(OSError, match="cannot be written"):
        journal.append(big, {"now": b"2"}, Durability.SAFE)

    assert list(journal.blocks()) == [first]
    assert journal.state("now") == b"1"
    del second


def test_a_journal_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    """Beyond its size a journal refuses whole appends, keeps what it has, and says why."""
    first, second = chain(2)
    journal = DiskcacheJournal(tmp_path / "journal", bytes_max=1_000_000)
    journal.append(first, {"now": b"1"}, Durability.SAFE)
    big = seal(2, 3, b"x" * 1_000_000, first.hash)

    with pytest.raises(OSError, match=r"is full: \d+ bytes of 1000000 \(board.journal_bytes_max"):
        journal.append(big, {"now": b"2"}, Durability.SAFE)

    assert list(journal.blocks()) == [first]
    assert journal.state("now") == b"1"
    journal.append(second, {"now": b"3"}, Durability.SAFE)
    assert list(journal.blocks()) == [first, second]


def test_a_full_journal_goes_on_with_a_higher_limit(tmp_path: Path) -> None:
    """What was refused for its size is taken once there is room, after what is there already."""
    first, _ = chain(2)
    big = seal(2, 3, b"x" * 1_000_000, first.hash)
    journal = DiskcacheJournal(tmp_path / "journal", bytes_max=1_000_000)
    journal.append(first, {}, Durability.SAFE)
    with pytest.raises(OSError, match="is full"):
        journal.append(big, {}, Durability.SAFE)
    journal.close()

    roomy = DiskcacheJournal(tmp_path / "journal", bytes_max=3_000_000)
    roomy.append(big, {}, Durability.SAFE)

    assert list(roomy.blocks()) == [first, big]
