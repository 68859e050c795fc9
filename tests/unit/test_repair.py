"""A damaged journal is cut where it stops being sound, and what is cut is kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from blackboard.chain import read_all
from blackboard.entry import Ack, Draft, Post
from blackboard.errors import JournalCorrupt
from blackboard.facts import ACCOUNT, OperatorCommand
from blackboard.facts.control import Command
from blackboard.journal import Block
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.repair import Row, examine, repair
from tests.command_line import CommandLine
from tests.journals import board_on


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a journal of five blocks with one entry each."""
    folder = tmp_path / "journal"
    board, journal = board_on(folder)
    epoch = board.join("driver").epoch
    for number in range(5):
        fact = OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="test")
        draft = Draft(fact=fact, ts_event_ns=number, ordinal=str(number))
        board.post(
            Post(author="driver", epoch=epoch, drafts=(draft,), read_to=0, now_ns=number), number
        )
    journal.close()
    return folder


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line on a state folder of its own."""
    return CommandLine(tmp_path / "var", monkeypatch, capsys)


def damage(folder: Path, key: int, value: object) -> None:
    """Replace the row of a block."""
    with closing(sqlite3.connect(folder / "cache.db")) as database, database:
        database.execute("UPDATE Cache SET value = ? WHERE key = ?", (value, key))


def kept(folder: Path) -> list[int]:
    """Return the seqs that a reader gets."""
    journal = DiskcacheJournal(folder)
    try:
        return [entry.seq for entry in read_all(journal)]
    finally:
        journal.close()


def test_a_sound_journal_needs_nothing(folder: Path) -> None:
    """Nothing is found where nothing is wrong."""
    cut = examine(folder)
    assert (cut.kept_to, cut.blocks, cut.reason) == (5, 0, "")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"torn", "block 4 cannot be decoded"),
        (b"", "block 4 cannot be decoded"),
        ("text", "block 4 is not plain bytes"),
    ],
)
def test_f28_a_torn_tail_is_cut_and_kept(folder: Path, value: object, reason: str) -> None:
    """The sound part stays, the rest is in a file as it was found, and a board starts again."""
    damage(folder, 4, value)
    with pytest.raises(JournalCorrupt):
        board_on(folder)
    cut = examine(folder)
    assert (cut.kept_to, cut.first_bad, cut.blocks) == (3, 4, 2)
    assert reason in cut.reason

    aside = repair(folder, cut)

    assert kept(folder) == [1, 2, 3]
    rows = msgspec.msgpack.decode(aside.read_bytes(), type=list[Row])
    assert [row.key for row in rows] == [4, 5]
    assert rows[0].value == value
    board, journal = board_on(folder)
    assert board.head == 3
    assert board.join("driver").epoch == 2  # fences outlive the cut
    journal.close()


def test_f28_what_is_cut_below_a_snapshot_takes_the_snapshot_with_it(folder: Path) -> None:
    """A board goes on from the sound part: slots that were cut are free, the others are taken."""
    board, journal = board_on(folder)
    board.rest()
    journal.close()
    damage(folder, 3, b"torn")
    repair(folder, examine(folder))

    board, journal = board_on(folder)
    epoch = board.join("driver").epoch
    fact = OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="test")
    drafts = tuple(Draft(fact=fact, ts_event_ns=n, ordinal=str(n)) for n in (4, 1))
    answers = board.post(Post(author="driver", epoch=epoch, drafts=drafts, read_to=0, now_ns=9), 9)
    journal.close()

    assert board.head == 3
    assert answers == (Ack(3, True), Ack(2, False))


def test_f28_a_flipped_bit_is_found_by_the_chain(folder: Path) -> None:
    """One bit in the middle of a payload makes its block and all after it untrusted."""
    with closing(sqlite3.connect(folder / "cache.db")) as database, database:
        (raw,) = database.execute("SELECT value FROM Cache WHERE key = 2").fetchone()
    block = msgspec.msgpack.decode(raw, type=Block)
    payload = bytearray(block.payload)
    payload[len(payload) // 2] ^= 1
    changed = msgspec.structs.replace(block, payload=bytes(payload))
    damage(folder, 2, msgspec.msgpack.encode(changed))

    cut = examine(folder)

    assert (cut.kept_to, cut.first_bad, cut.blocks) == (1, 2, 4)
    assert "changed after it was written" in cut.reason


def test_f28_a_missing_block_is_a_gap(folder: Path) -> None:
    """What follows a gap cannot be trusted."""
    with closing(sqlite3.connect(folder / "cache.db")) as database, database:
        database.execute("DELETE FROM Cache WHERE key = 3")
    cut = examine(folder)
    assert (cut.kept_to, cut.first_bad) == (2, 4)
    assert "entries are missing" in cut.reason


def test_f28_a_database_that_is_none_is_left_alone(folder: Path) -> None:
    """Where nothing can be read nothing is cut."""
    (folder / "cache.db").write_bytes(b"no database at all" * 100)
    for side in folder.glob("cache.db-*"):
        side.unlink()
    with pytest.raises(OSError, match="restore the folder from a copy"):
        examine(folder)


def test_f28_the_verb_repairs_and_sets_the_kill_switch(quorum: CommandLine) -> None:
    """Without --yes it only tells; with it the sound part stays and no entry leaves by itself."""
    folder = quorum.home / "books" / "demo" / "journal"
    board, journal = board_on(folder)
    epoch = board.join("driver").epoch
    for number in range(3):
        fact = OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="test")
        draft = Draft(fact=fact, ts_event_ns=number, ordinal=str(number))
        board.post(
            Post(author="driver", epoch=epoch, drafts=(draft,), read_to=0, now_ns=number), number
        )
    journal.close()
    damage(folder, 3, b"torn")

    told = quorum("repair", "--book", "demo")
    assert "sound up to entry 2, 1 blocks after it" in told.out
    with pytest.raises(JournalCorrupt):
        kept(folder)

    done = quorum("repair", "--book", "demo", "--yes")
    assert done.code == 0
    assert kept(folder) == [1, 2]
    assert (quorum.home / "STOP").exists()
    assert "nothing to repair" in quorum("repair", "--book", "demo").out
