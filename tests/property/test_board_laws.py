"""Laws of a board with little memory: it answers like one that has forgotten nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboard.board import Board
from blackboard.chain import read_all
from blackboard.errors import JournalCorrupt
from blackboard.journal import SNAPSHOT_STATE, MemoryJournal
from runtime.simulation.disk import SimulatedDisk
from tests.two_boards import ACCESS, TwoBoards

seeds = st.integers(0, 2**32 - 1)
tails = st.integers(1, 40)
intervals = st.integers(1, 60)


@given(seed=seeds, tail=tails, interval=intervals)
def test_a_board_with_little_memory_answers_like_one_with_all(
    seed: int, tail: int, interval: int
) -> None:
    """Acks, refusals, lineage and chain are the same, over old events, repetitions and restarts."""
    journal = MemoryJournal()
    boards = TwoBoards(lambda: journal, seed, tail, interval)

    for _ in range(40):
        boards.step()
        chance = boards.rng.random()
        if chance < 0.1:
            boards.small.rest()
        if chance < 0.2:
            boards.restart()
    boards.compare()


@given(seed=seeds, tail=tails, interval=intervals)
@settings(max_examples=50)
def test_f28_a_disk_that_fails_leaves_a_board_that_answers_like_one_with_all(
    seed: int, tail: int, interval: int
) -> None:
    """Refused appends, power cuts and torn snapshots cost what they took, and nothing else."""
    refusals = [""]
    disk = SimulatedDisk(lambda: refusals[-1], lambda _: None)
    boards = TwoBoards(lambda: disk, seed, tail, interval)

    for _ in range(40):
        match boards.rng.integers(12):
            case 0:
                boards.restart()
            case 1 if disk.state(SNAPSHOT_STATE):
                disk.tear_snapshot()
                assert disk.snapshot_head == 0
                boards.restart()
            case 2:
                disk.cut_power(float(boards.rng.random()))
                boards.lose()
                boards.restart()
            case 3:
                refusals.append("no space left on device")
                boards.restart()  # a full disk can be read
                refused = _refused(boards)
                refusals.pop()
                assert refused
            case 4:
                boards.small.rest()
            case _:
                pass
        boards.step()
    boards.compare()


def _refused(boards: TwoBoards) -> bool:
    try:
        boards.small.commit([boards.a_post()], boards.now_ns)
    except OSError:
        return True
    return False


@given(seed=seeds, back=st.integers(0, 15))
@settings(max_examples=30)
def test_f28_a_changed_block_is_never_taken_for_the_past(seed: int, back: int) -> None:
    """After the snapshot it stops the start; before, it is found by whoever reads it."""
    disk = SimulatedDisk(lambda: "", lambda _: None)
    boards = TwoBoards(lambda: disk, seed, 20, 10)
    for _ in range(20):
        boards.step()
    snapshot_head = disk.snapshot_head

    first_seq = disk.damage(back)

    with pytest.raises(JournalCorrupt, match=f"block {first_seq}"):
        list(read_all(disk))
    if next(disk.blocks(first_seq - 1)).last_seq >= snapshot_head:
        with pytest.raises(JournalCorrupt, match=f"block {first_seq}"):
            Board(ACCESS, disk)
    else:
        board = Board(ACCESS, disk)
        with pytest.raises(JournalCorrupt, match=f"block {first_seq}"):
            board.read(first_seq - 1)
