"""A journal whose server does not answer: nobody fails for it, and nothing is stored twice."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from blackboard.board import Board
from blackboard.entry import Ack, Draft
from blackboard.errors import BoardUnavailable, JournalFenced, JournalUnavailable, PostRefused
from blackboard.journal import Block, Durability, Label, MemoryJournal
from blackboard.reading import Filter
from runtime.board_service import BoardService
from tests.contract.test_board_contract import ACCESS, a_post, a_quote, seqs


class DistantJournal(MemoryJournal):
    """A journal whose answers are lost while it is away, whether it stored the block or not."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = self.stores = False
        self.is_fenced = False

    def append(
        self,
        block: Block | None,
        states: Mapping[str, bytes],
        durability: Durability,
        labels: Collection[Label] = (),
    ) -> None:
        """Store a block once, and answer if there is a way."""
        if self.is_fenced:
            raise JournalFenced("another one has been started")
        is_known = block is not None and block in list(self.blocks())
        if not is_known and (self.stores or not self.is_away):
            super().append(block, states, durability, labels)
        if self.is_away:
            raise JournalUnavailable("Redis does not answer")


@pytest.fixture
def journal() -> DistantJournal:
    """Return a journal that answers."""
    return DistantJournal()


async def posted(service: BoardService, *drafts: Draft) -> tuple[Ack, ...] | Exception:
    """Return what became of a post."""
    try:
        return await service.post(a_post(*drafts))
    except (BoardUnavailable, PostRefused) as error:
        return error


@pytest.mark.parametrize("stores", [False, True], ids=["not stored", "stored, answer lost"])
def test_posts_fail_while_it_is_away_and_are_stored_once(
    journal: DistantJournal, stores: bool
) -> None:
    """The board goes on with what it was about, and authors learn their seqs by asking again."""
    board = Board(ACCESS, journal)
    board.join("data")

    async def outage() -> list[tuple[Ack, ...] | Exception]:
        service = BoardService(board, lambda: 1000)
        journal.is_away, journal.stores = True, stores
        first = await posted(service, a_quote(1))
        assert service.away == "Redis does not answer"
        assert not service.failure
        second = await posted(service, a_quote(2))
        journal.is_away = False
        answers = [first, second, await posted(service, a_quote(2), a_quote(1))]
        assert service.away == ""
        return answers

    first, second, third = asyncio.run(outage())

    assert isinstance(first, BoardUnavailable)
    assert isinstance(second, BoardUnavailable)
    assert third == (Ack(2, True), Ack(1, False))
    assert seqs(board) == seqs(Board(ACCESS, journal)) == [1, 2]


def test_nobody_joins_past_what_may_be_stored(journal: DistantJournal) -> None:
    """A new instance is not told of a place in the order that may be taken."""
    board = Board(ACCESS, journal)
    board.join("data")
    journal.is_away = journal.stores = True
    with pytest.raises(JournalUnavailable):
        board.post(a_post(a_quote(1)), 1000)
    with pytest.raises(JournalUnavailable):
        board.join("data")
    journal.is_away = False

    assert board.join("data").epoch == 2
    assert seqs(board) == [1]


def test_readers_are_told_of_what_a_join_has_brought_there(journal: DistantJournal) -> None:
    """Whoever had posted it may be gone: nobody waits until somebody posts again."""
    board = Board(ACCESS, journal)
    board.join("data")

    async def told() -> list[int]:
        service = BoardService(board, lambda: 1000)
        journal.is_away = True
        assert isinstance(await posted(service, a_quote(1)), BoardUnavailable)
        journal.is_away = False
        reading = asyncio.create_task(service.read(0, Filter(), 10, timeout_s=60.0))
        await asyncio.sleep(0)
        service.join("data")
        _, stored = await asyncio.wait_for(reading, 5.0)
        return [item.entry.seq for item in stored]

    assert asyncio.run(told()) == [1]


def test_a_board_that_was_fenced_refuses_for_good(journal: DistantJournal) -> None:
    """Another board writes: this one stores nothing, says why, and its run ends by it."""
    board = Board(ACCESS, journal)
    board.join("data")
    journal.is_fenced = True

    async def fenced() -> tuple[tuple[Ack, ...] | Exception, str]:
        service = BoardService(board, lambda: 1000)
        return await posted(service, a_quote(1)), service.failure

    answer, failure = asyncio.run(fenced())

    assert isinstance(answer, PostRefused)
    assert failure == "another one has been started"
    assert seqs(board) == []
