"""What a journal on Redis promises beyond the contract: one writer, no doubles, nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard.board import Board
from blackboard.entry import Ack
from blackboard.errors import ConfigError, JournalCorrupt, JournalFenced, JournalUnavailable
from blackboard.journal import Durability, seal
from config.system import BoardSection
from runtime.backup.snapshot import take
from runtime.book import Book
from runtime.journals.opening import lay_journal, open_journal, open_to_write
from runtime.journals.place import read_place
from runtime.journals.redis import RedisJournal
from runtime.journals.repair import Row, examine, repair
from runtime.journals.upgrade import upgrade
from tests.contract.test_board_contract import ACCESS, a_post, a_quote, seqs
from tests.contract.test_journal_contract import chain
from tests.redis_server import RedisProcess, needs_redis

pytestmark = needs_redis
ROOM = 1 << 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a server that the test may kill."""
    server = RedisProcess(tmp_path / "redis")
    yield server
    server.send(signal.SIGCONT)
    server.kill()


def test_a_board_that_is_older_stores_nothing_any_more(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """Once a younger board writes, an older one gets neither block nor state into the journal."""
    folder = redis_server.journal_folder(tmp_path)
    older = open_to_write(folder, ROOM)
    first, second, _ = chain(3)
    older.append(first, {"now": b"1"}, Durability.FULL)
    younger = open_to_write(folder, ROOM)

    with pytest.raises(JournalFenced, match="written by board 2, this was board 1"):
        older.append(second, {"now": b"2"}, Durability.FULL)
    with pytest.raises(JournalFenced):
        older.append(None, {"epochs": b"2"}, Durability.FULL)
    younger.append(second, {}, Durability.FULL)

    assert list(younger.blocks()) == [first, second]
    assert (younger.state("now"), younger.state("epochs")) == (b"1", None)


def test_reading_a_journal_takes_it_from_nobody(redis_server: RedisProcess, tmp_path: Path) -> None:
    """A verb that reads beside the running board leaves it the writer."""
    folder = redis_server.journal_folder(tmp_path)
    writer = open_to_write(folder, ROOM)
    first, second, _ = chain(3)
    writer.append(first, {}, Durability.FULL)

    assert list(open_journal(folder).blocks()) == [first]
    writer.append(second, {}, Durability.FULL)
    assert list(open_journal(folder).blocks(1)) == [second]


def test_a_block_that_does_not_follow_is_refused(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """A gap never enters the journal: who has seen more than the server holds is told so."""
    journal = open_to_write(redis_server.journal_folder(tmp_path), ROOM)
    first, _, third = chain(3)
    journal.append(first, {}, Durability.FULL)

    with pytest.raises(JournalCorrupt, match="has come to entry 1, and entry 4 follows"):
        journal.append(third, {}, Durability.FULL)

    assert list(journal.blocks()) == [first]


def test_a_journal_on_redis_takes_no_more_than_its_limit(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """Beyond its size it refuses whole appends and keeps what it has."""
    journal = open_to_write(redis_server.journal_folder(tmp_path), 1_000_000)
    first, second, _ = chain(3)
    journal.append(first, {"now": b"1"}, Durability.FULL)

    with pytest.raises(OSError, match=r"is full: \d+ bytes of 1000000 \(board.journal_bytes_max"):
        journal.append(seal(2, 3, b"x" * 1_000_000, first.hash), {"now": b"2"}, Durability.FULL)

    assert journal.state("now") == b"1"
    journal.append(second, {}, Durability.FULL)
    assert list(journal.blocks()) == [first, second]


def test_many_blocks_are_read_page_by_page(redis_server: RedisProcess, tmp_path: Path) -> None:
    """A journal of several pages comes back whole and in order, from any place."""
    journal = open_to_write(redis_server.journal_folder(tmp_path), ROOM)
    blocks = chain(250)
    for block in blocks:
        journal.append(block, {}, Durability.SAFE)

    assert list(journal.blocks()) == blocks
    assert list(journal.blocks(blocks[120].last_seq)) == blocks[121:]


def test_a_post_whose_answer_is_lost_is_stored_once(
    own_server: RedisProcess, tmp_path: Path
) -> None:
    """While the server hangs posts fail as unavailable; afterwards nothing is missing or doubled.

    The first append reaches the frozen server and is carried out when it wakes; the board brings
    the same block again, and the author its post.
    """
    folder = own_server.journal_folder(tmp_path)
    board = Board(ACCESS, open_to_write(folder, ROOM))
    board.join("data")
    board.post(a_post(a_quote(1)), 1000)
    own_server.send(signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="does not answer"):
            board.post(a_post(a_quote(2)), 1000)
    own_server.send(signal.SIGCONT)

    assert board.post(a_post(a_quote(3)), 1000) == (Ack(3, True),)
    assert board.post(a_post(a_quote(2)), 1000) == (Ack(2, False),)
    assert seqs(Board(ACCESS, open_to_write(folder, ROOM))) == [1, 2, 3]


def test_a_server_that_was_killed_has_everything_acknowledged(
    own_server: RedisProcess, tmp_path: Path
) -> None:
    """After kill -9 of the server and its start the same board goes on, gapless."""
    folder = own_server.journal_folder(tmp_path)
    board = Board(ACCESS, open_to_write(folder, ROOM))
    board.join("data")
    for ts_ns in range(1, 40):
        board.post(a_post(a_quote(ts_ns)), 1000)
    own_server.kill()
    with pytest.raises(JournalUnavailable):
        board.post(a_post(a_quote(40)), 1000)
    own_server.start()

    assert board.post(a_post(a_quote(40)), 1000) == (Ack(40, False),)
    assert board.join("data").epoch == 2
    assert seqs(Board(ACCESS, open_to_write(folder, ROOM))) == list(range(1, 41))


POSTER = """
import sys
from pathlib import Path
from blackboard.board import Board
from runtime.journals.opening import open_to_write
from tests.contract.test_board_contract import ACCESS, a_post, a_quote
board = Board(ACCESS, open_to_write(Path(sys.argv[1]), 1 << 30))
epoch, ts_ns = board.join("data").epoch, board.head
while True:
    ts_ns += 1
    (ack,) = board.post(a_post(a_quote(ts_ns), epoch=epoch), ts_ns + 1000)
    print(ack.seq, flush=True)
"""


def test_p6_a_board_killed_under_load_loses_nothing_acknowledged(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """`kill -9` of the board's process among its posts: all it had acknowledged is there."""
    folder = redis_server.journal_folder(tmp_path)
    acknowledged = 0
    for posts in (30, 45):
        with subprocess.Popen(
            [sys.executable, "-c", POSTER, str(folder)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout is not None
            for _ in range(posts):
                acknowledged = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split(b"\n")[:-1]  # a line that was torn is none
            acknowledged = int(rest[-1]) if rest else acknowledged

    found = seqs(Board(ACCESS, open_to_write(folder, ROOM)))
    assert len(found) >= acknowledged > 70
    assert found == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("appendonly", "no", "appendonly of Redis at .* must be yes, was no"),
        ("appendfsync", "everysec", "appendfsync of Redis at .* must be always, was everysec"),
        ("maxmemory", "64mb", "maxmemory-policy of Redis at .* must be noeviction"),
    ],
)
def test_a_server_that_would_lose_facts_is_refused(
    tmp_path: Path, option: str, value: str, message: str
) -> None:
    """What the server is configured to forget it never gets; the error says what to set."""
    server = RedisProcess(tmp_path / "redis", **{"maxmemory_policy": "allkeys-lru", option: value})
    try:
        with pytest.raises(ConfigError, match=message):
            server.journal_folder(tmp_path)
    finally:
        server.kill()


def test_a_weaker_promise_is_accepted_where_it_was_asked_for(tmp_path: Path) -> None:
    """With board.redis.fsync everysec a server may have it."""
    server = RedisProcess(tmp_path / "redis", appendfsync="everysec")
    try:
        folder = server.journal_folder(tmp_path, fsync="everysec")
        open_to_write(folder, ROOM).append(chain(1)[0], {}, Durability.FULL)
    finally:
        server.kill()


def test_a_password_is_needed_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right one nothing starts and the error does not tell it; with it, the board."""
    server = RedisProcess(tmp_path / "redis", requirepass="correct-horse")
    try:
        for wrong in ("", "battery-staple"):
            monkeypatch.setenv("REDIS_PASSWORD", wrong)
            with pytest.raises(ConfigError, match="refuses this user") as refusal:
                server.journal_folder(tmp_path)
            assert "staple" not in str(refusal.value)
        monkeypatch.setenv("REDIS_PASSWORD", "correct-horse")
        folder = server.journal_folder(tmp_path)
        monkeypatch.delenv("REDIS_PASSWORD")
        assert open_to_write(folder, ROOM).newest() is None
    finally:
        server.kill()
    private = folder / "password"
    assert private.stat().st_mode & 0o777 == 0o600
    assert "correct-horse" not in (folder / "place.json").read_text()


def test_a_server_without_the_journal_is_found_out(
    own_server: RedisProcess, tmp_path: Path
) -> None:
    """A server that has lost its data never passes for an empty journal."""
    folder = own_server.journal_folder(tmp_path)
    journal = open_to_write(folder, ROOM)
    own_server.kill()
    shutil.rmtree(own_server.folder / "appendonlydir")
    own_server.start()

    with pytest.raises(JournalCorrupt, match="has no journal"):
        journal.append(chain(1)[0], {}, Durability.FULL)
    for opened in (open_journal, lambda place: open_to_write(place, ROOM)):
        with pytest.raises(JournalCorrupt, match="has no journal"):
            opened(folder)


def test_a_book_keeps_its_journal_where_it_began(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """Neither can a book of Redis go on in its folder, nor one of a folder on Redis."""
    on_redis = Book(redis_server.journal_folder(tmp_path).parent)
    with pytest.raises(ConfigError, match="has its journal at redis://"):
        lay_journal(on_redis, BoardSection(), "again")
    in_folder = Book(tmp_path / "plain")
    open_to_write(in_folder.journal, ROOM).close()
    wanted = BoardSection(journal="redis", redis=redis_server.section)
    with pytest.raises(ConfigError, match="has its journal in "):
        lay_journal(in_folder, wanted, "again")
    for verb in (upgrade, lambda book: take(book, tmp_path / "archive")):
        with pytest.raises(ConfigError, match="takes journals in folders alone"):
            verb(on_redis)
    elsewhere = redis_server.section.model_copy(update={"url": "redis://127.0.0.1:1/0"})
    with pytest.raises(ConfigError, match=r"this start asks for redis://127\.0\.0\.1:1/0"):
        lay_journal(on_redis, BoardSection(journal="redis", redis=elsewhere), "again")


def test_nobody_there_is_said_in_time(redis_server: RedisProcess, tmp_path: Path) -> None:
    """A server that is not there makes the start fail with its address."""
    nowhere = redis_server.section.model_copy(update={"url": "redis://127.0.0.1:1/0"})
    with pytest.raises(JournalUnavailable, match=r"redis://127\.0\.0\.1:1/0 does not answer"):
        lay_journal(Book(tmp_path / "b"), BoardSection(journal="redis", redis=nowhere), "1")


def test_a_late_claim_takes_the_journal_from_nobody(
    redis_server: RedisProcess, tmp_path: Path
) -> None:
    """A claim counts from the number that was read, so one that comes late does nothing."""
    folder = redis_server.journal_folder(tmp_path)
    place = read_place(folder)
    assert place is not None
    writers = [RedisJournal(place, "") for _ in range(2)]
    writers[0].claim()
    before = writers[0]._writer
    writers[1].claim()
    from runtime.journals.redis import _CLAIM

    late = writers[0]._server.client.eval(_CLAIM, 1, writers[0]._mark, before)

    assert late == 0
    writers[1].append(chain(1)[0], {}, Durability.FULL)


@pytest.mark.parametrize(("key", "kept"), [(4, [1, 2, 3]), (1, [])])
def test_a_block_that_was_changed_is_cut_with_what_follows(
    redis_server: RedisProcess, tmp_path: Path, key: int, kept: list[int]
) -> None:
    """Repair sets the bad block and all after it aside; a board goes on from the sound part."""
    folder = redis_server.journal_folder(tmp_path)
    board = Board(ACCESS, open_to_write(folder, ROOM))
    board.join("data")
    for ts_ns in range(1, 7):
        board.post(a_post(a_quote(ts_ns)), 1000)
    place = read_place(folder)
    assert place is not None
    import redis

    client: Any = redis.Redis(port=redis_server.port)
    blocks = f"{{{place.key}}}:blocks"
    rows = client.xrange(blocks, min=f"{key}-0")
    client.xdel(blocks, *(each for each, _ in rows))
    client.execute_command(
        "XSETID", blocks, f"{key - 1}-0", "ENTRIESADDED", 9, "MAXDELETEDID", "0-0"
    )
    for place_of_row, (each, fields) in enumerate(rows):
        client.xadd(blocks, {b"b": b"torn"} if place_of_row == 0 else fields, id=each)
    client.close()
    with pytest.raises(JournalCorrupt, match="cannot be decoded"):
        Board(ACCESS, open_to_write(folder, ROOM))

    cut = examine(folder)
    aside = repair(folder, cut)

    assert (cut.kept_to, cut.first_bad) == (key - 1, key)
    assert [row.key for row in msgspec.msgpack.decode(aside.read_bytes(), type=list[Row])] == [
        int(each.split(b"-")[0]) for each, _ in rows
    ]
    assert not examine(folder).blocks
    board = Board(ACCESS, open_to_write(folder, ROOM))
    assert seqs(board) == kept
    epoch = board.join("data").epoch
    board.post(a_post(a_quote(9), epoch=epoch), 1000)
    assert seqs(Board(ACCESS, open_to_write(folder, ROOM))) == [*kept, key]
