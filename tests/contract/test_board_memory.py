"""A board that keeps little in mind, over any journal: bounded, exact, and soon up again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard.access import Access, Recent, declare
from blackboard.board import Board, BoardLimits
from blackboard.entry import Ack, Draft
from blackboard.errors import JournalCorrupt, PostRefused
from blackboard.facts import FOREVER_NS, Calibration, Fact, Reconciled, VoterWeights
from blackboard.journal import SNAPSHOT_STATE, Block, Durability, Journal, MemoryJournal
from blackboard.reading import Filter
from blackboard.snapshot import standing_snapshot
from runtime.journals.diskcache import DiskcacheJournal
from tests.contract.test_board_contract import ACCESS, a_post, a_quote, seqs
from tests.contract.test_journal_contract import OpenJournal, open_journal
from tests.samples import SAMPLES
from tests.two_boards import TwoBoards

__all__ = ["open_journal"]
LIMITS = BoardLimits(tail_entries_max=3, snapshot_entries=4)
ROOT = Path(__file__).parents[2]


class CountingJournal(MemoryJournal):
    """A journal that counts the blocks it gives out, and notes which times were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.looked: list[int] = []

    def blocks(self, after_seq: int = 0) -> Iterator[Block]:
        """Count each block."""
        for block in super().blocks(after_seq):
            self.given += 1
            yield block

    def places(self, label: int | str, from_seq: int = 0) -> Iterator[int]:
        """Note the time."""
        if isinstance(label, int):
            self.looked.append(label)
        return super().places(label, from_seq)


def board_of(journal: Journal, quotes: int = 0, limits: BoardLimits = LIMITS) -> Board:
    """Return a board with so many quotes, one at each event time from 1 on."""
    board = Board(ACCESS, journal, limits=limits)
    epoch = board.join("data").epoch
    for ts_ns in range(board.head + 1, board.head + quotes + 1):
        board.post(a_post(a_quote(ts_ns), epoch=epoch), 1000)
    return board


def as_earlier(journal: Journal) -> MemoryJournal:
    """Return what an earlier version would have written: no event times, no snapshot."""
    earlier = MemoryJournal()
    for block in journal.blocks():
        earlier.append(block, {}, Durability.SAFE)
    return earlier


@pytest.mark.parametrize("seed", [1, 2])
def test_p6_little_memory_answers_like_all_over_any_journal(
    open_journal: OpenJournal, seed: int
) -> None:
    """Old events, repetitions, causes by slot and restarts are answered as if nothing was gone."""
    boards = TwoBoards(open_journal, seed, tail=7, snapshot_entries=11)
    for step in range(60):
        boards.step()
        if step % 11 == 5:
            boards.restart()
        if step % 23 == 7:
            boards.small.rest()
            boards.restart()
    boards.compare()


def test_a_start_reads_no_more_than_a_snapshot_leaves() -> None:
    """However long the journal, what is read is the snapshot's block and those after it."""
    read = []
    for quotes in (40, 400):
        journal = CountingJournal()
        board_of(journal, quotes)
        journal.given = 0

        board = Board(ACCESS, journal, limits=LIMITS)

        assert board.head == quotes
        read.append(journal.given)
    assert max(read) <= LIMITS.snapshot_entries + 2


def test_an_ordered_stop_leaves_nothing_to_read() -> None:
    """After `rest` a start reads one block, that on which the snapshot stands."""
    journal = CountingJournal()
    board_of(journal, 10).rest()
    journal.given = 0

    board = Board(ACCESS, journal, limits=LIMITS)

    assert journal.given == 1
    assert board.head == 10
    assert board.pulses["data"].entries == 10


def test_what_is_newer_than_all_that_was_forgotten_is_not_looked_for() -> None:
    """New events cost no reading; an old one costs that of its blocks."""
    journal = CountingJournal()
    board = board_of(journal, 20)
    journal.given = 0

    board.post(a_post(a_quote(21), a_quote(22)), 1000)
    assert (journal.given, journal.looked) == (0, [])

    assert board.post(a_post(a_quote(5)), 1000) == (Ack(5, False),)
    assert journal.looked == [5]


def test_a_journal_of_an_earlier_version_goes_on(open_journal: OpenJournal) -> None:
    """Without event times and snapshot it is read once; both are there from then on."""
    written = board_of(MemoryJournal(), 9)
    journal = open_journal()
    for block in written._journal.blocks():
        journal.append(block, {}, Durability.SAFE)

    board = board_of(journal)

    assert board.post(a_post(a_quote(2)), 1000) == (Ack(2, False),)
    assert board.post(a_post(a_quote(10)), 1000) == (Ack(10, True),)
    snapshot = standing_snapshot(journal)
    assert snapshot is not None
    assert snapshot.head == 9


def test_blocks_of_an_earlier_version_after_the_snapshot_are_found() -> None:
    """Who went back to an earlier version and forward again finds what it stored meanwhile."""
    journal = MemoryJournal()
    board_of(journal, 6).rest()
    meanwhile = as_earlier(journal)
    board_of(meanwhile, 6)
    for block in meanwhile.blocks(6):
        journal.append(block, {}, Durability.SAFE)

    board = board_of(journal, 1)

    assert [
        board.post(a_post(a_quote(ts_ns), epoch=2), 1000)[0] for ts_ns in (3, 7, 9, 13, 14)
    ] == [Ack(3, False), Ack(7, False), Ack(9, False), Ack(13, False), Ack(14, True)]


@pytest.mark.parametrize("is_earlier", [False, True])
def test_what_lasts_counts_however_old(open_journal: OpenJournal, is_earlier: bool) -> None:
    """Of an abundant kind the first, what lasts, and the span; in older journals too."""
    recent: dict[type[Fact], Recent] = {Reconciled: Recent(3, with_first=True)}
    access = Access({"execution": declare([Reconciled], [], recent)})
    clean = msgspec.structs.replace(SAMPLES["Reconciled"], is_clean=True, sequence_floor=0)
    board = Board(access, MemoryJournal() if is_earlier else open_journal())
    board.join("execution")
    for now_ns in range(1, 21):
        fact = msgspec.structs.replace(clean, is_clean=now_ns != 7)
        draft = Draft(fact=fact, ts_event_ns=now_ns)
        board.post(a_post(draft, author="execution", now_ns=now_ns), now_ns)
    journal = board._journal
    if is_earlier:
        journal = open_journal()
        for block in board._journal.blocks():
            journal.append(block, {}, Durability.SAFE)

    board = Board(access, journal, limits=LIMITS)
    past = board.join("execution").past
    _, stored = board.read(0, Filter(kinds=frozenset(), author="execution", past=past))

    assert [item.entry.seq for item in stored] == [1, 7, 17, 18, 19, 20]


def test_what_holds_counts_until_the_time_of_the_next_has_come(open_journal: OpenJournal) -> None:
    """However old it is: who starts in between would go on with nothing."""
    recent: dict[type[Fact], Recent] = {Calibration: Recent(3)}
    board = Board(Access({"learner": declare([Calibration], [], recent)}), open_journal())
    board.join("learner")

    def counting(now_ns: int, scope: str = "", begins_ns: int = 0) -> list[int]:
        fact = msgspec.structs.replace(
            SAMPLES["Calibration"], scope=scope, effective_from_ns=begins_ns
        )
        drafts = [Draft(fact=fact, ts_event_ns=now_ns)] if scope else []
        epoch = board.epoch("learner")
        board.post(a_post(*drafts, author="learner", now_ns=now_ns, epoch=epoch), now_ns)
        wanted = Filter(kinds=frozenset(), author="learner", past=board.join("learner").past)
        return [item.entry.seq for item in board.read(0, wanted)[1]]

    counting(1, "trend", begins_ns=2)
    counting(2, "sentiment", begins_ns=3)
    counting(3, "trend", begins_ns=4)
    assert counting(20, "trend", begins_ns=21) == [2, 3, 4]
    assert counting(20, "reversion", begins_ns=21) == [2, 3, 4, 5]
    assert counting(21) == [2, 4, 5]


def test_without_a_sum_of_what_came_before_everything_counts(open_journal: OpenJournal) -> None:
    """Weights of an earlier version do not say what they follow from; the next ones do."""
    recent: dict[type[Fact], Recent] = {VoterWeights: Recent(3, from_sum=True)}
    board = Board(Access({"learner": declare([VoterWeights], [], recent)}), open_journal())
    assert board.join("learner").past is None
    weights = SAMPLES["VoterWeights"]
    assert isinstance(weights, VoterWeights)
    (weight,) = weights.weights

    for now_ns, hedged in enumerate((0.0, 1.0), start=1):
        told = msgspec.structs.replace(weight, hedged=hedged)
        fact = msgspec.structs.replace(weights, weights=(told,))
        draft = Draft(fact=fact, ts_event_ns=now_ns)
        epoch = board.epoch("learner")
        board.post(a_post(draft, author="learner", now_ns=now_ns, epoch=epoch), now_ns)
        assert (board.join("learner").past is None) == (hedged == 0.0)


def torn(raw: bytes) -> bytes:
    """Return the first half."""
    return raw[: len(raw) // 2]


def flipped(raw: bytes) -> bytes:
    """Return it with one bit changed in the middle."""
    place = len(raw) // 2
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


@pytest.mark.parametrize("change", [torn, flipped, lambda _: b"", lambda _: b"\xc0" * 40])
def test_f28_a_snapshot_that_cannot_be_trusted_counts_for_nothing(
    open_journal: OpenJournal, change: Callable[[bytes], bytes]
) -> None:
    """Torn, changed or strange: the whole journal is read, and the board is the same."""
    journal = open_journal()
    board_of(journal, 10).rest()
    raw = journal.state(SNAPSHOT_STATE)
    assert raw is not None
    journal.append(None, {SNAPSHOT_STATE: change(raw)}, Durability.FULL)

    board = board_of(journal, 1)

    assert seqs(board) == list(range(1, 12))
    assert board.post(a_post(a_quote(3), epoch=2), 1000) == (Ack(3, False),)


def test_f28_a_snapshot_whose_block_was_cut_counts_for_nothing() -> None:
    """After a repair another past follows; the slots that were cut are free, the others taken."""
    journal = MemoryJournal()
    board_of(journal, 10).rest()
    del journal._blocks[4:]

    board = board_of(journal)
    again = board.post(a_post(a_quote(4), a_quote(9), a_quote(5), epoch=2), 1000)
    board.post(a_post(*map(a_quote, range(20, 30)), epoch=2), 1000)

    assert again == (Ack(4, False), Ack(5, True), Ack(6, True))
    assert board.post(a_post(a_quote(9), a_quote(8), epoch=2), 1000) == (
        Ack(5, False),
        Ack(17, True),
    )


def test_f28_a_changed_block_under_the_snapshot_stops_the_start() -> None:
    """A snapshot stands on its block; where that was changed nothing can be built on it."""
    journal = MemoryJournal()
    board_of(journal, 10).rest()
    last = journal._blocks[-1]
    payload = last.payload.replace(b"EURUSD", b"GBPUSD")
    journal._blocks[-1] = msgspec.structs.replace(last, payload=payload)

    with pytest.raises(JournalCorrupt, match=r"block 10\.\.10 was changed"):
        Board(ACCESS, journal, limits=LIMITS)


def test_a_full_disk_can_still_be_read() -> None:
    """A start writes nothing: what it found missing goes with the first that is stored."""

    class FullJournal(MemoryJournal):
        is_full = False

        def append(self, *arguments: Any) -> None:
            """Refuse while full."""
            if self.is_full:
                raise OSError("no space left on device")
            super().append(*arguments)

    journal = FullJournal()
    board_of(journal, 6)
    journal.is_full = True

    board = Board(ACCESS, journal, limits=LIMITS)

    assert seqs(board) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(OSError, match="no space"):
        board.rest()
    journal.is_full = False
    board.rest()
    assert board.post(a_post(a_quote(2)), 1000) == (Ack(2, False),)


def test_an_event_beyond_all_time_is_the_future(open_journal: OpenJournal) -> None:
    """The last moment that a journal can name is taken; one more is refused."""
    board = board_of(open_journal())
    for ts_ns in (FOREVER_NS, -FOREVER_NS):
        board.post(a_post(a_quote(ts_ns), now_ns=2**64 - 1), 1000)
    with pytest.raises(PostRefused, match="it is the future"):
        board.post(a_post(a_quote(FOREVER_NS + 1), now_ns=2**64 - 1), 1000)
    assert board.head == 2


def test_a_cause_that_never_was_is_refused_however_its_slot_reads() -> None:
    """A slot that names no time, or a forgotten one, is looked for and not found."""
    board = board_of(MemoryJournal(), 10)
    for slot in ("Quote/x", "Quote/EURUSD//2/7", "Quote/2/2/2/2", "--5/٣/" + "-" * 5 + "9" * 5000):
        draft = a_quote(11)
        strange = type(draft)(fact=draft.fact, ts_event_ns=11, causes=(slot,))
        with pytest.raises(PostRefused, match="must be an entry before it"):
            board.post(a_post(strange), 1000)


POSTER = """
import sys
from pathlib import Path
from typing import Any
from blackboard.board import Board
from runtime.journals.diskcache import DiskcacheJournal
from tests.contract.test_board_memory import ACCESS, LIMITS, a_post, a_quote
board = Board(ACCESS, DiskcacheJournal(Path(sys.argv[1])), limits=LIMITS)
epoch, ts_ns = board.join("data").epoch, board.head
while True:
    ts_ns += 1
    (ack,) = board.post(a_post(a_quote(ts_ns), epoch=epoch, now_ns=ts_ns), ts_ns)
    print(ack.seq, flush=True)
"""


def test_p6_a_board_killed_among_its_snapshots_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """`kill -9` at any moment: what was acknowledged is there, in order, and taken for ever."""
    folder = tmp_path / "journal"
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

    journal = DiskcacheJournal(folder)
    board = Board(ACCESS, journal, limits=LIMITS)

    assert board.head >= acknowledged > 70
    assert seqs(board) == list(range(1, board.head + 1))
    assert standing_snapshot(journal) is not None
    epoch = board.join("data").epoch
    repeated = [a_quote(ts_ns) for ts_ns in range(1, board.head + 1)]
    answers = board.post(a_post(*repeated, epoch=epoch), 1000)
    assert answers == tuple(Ack(seq, False) for seq in range(1, board.head + 1))
    journal.close()
