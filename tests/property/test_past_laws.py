"""An agent that starts sees all of its past, however posts fall into the batches it is read in."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import Quote
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter, Joined
from runtime.board_port import BoardPort, ReadAnswer, read_past

WANTED = Filter(kinds=frozenset({"Quote"}), author="data")


class _Port:
    """The way to a board in the same process."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def read(self, after: int, wanted: Filter, limit: int, *_: float) -> ReadAnswer:
        read_to, batch = self._board.read(after, wanted, limit)
        return ReadAnswer(read_to=read_to, entries=[item.entry for item in batch])


@given(sizes=st.lists(st.integers(1, 5), max_size=12), limit=st.integers(1, 7))
def test_the_past_is_read_to_its_head(sizes: list[int], limit: int) -> None:
    """A batch that ends with the rest of a post is longer than was asked for, and not the last."""
    board = Board(Access({"data": declare([Quote], [])}), MemoryJournal())
    joined = board.join("data")
    for now_ns, size in enumerate(sizes, start=1):
        board.post(_post(now_ns, size), now_ns)

    past = asyncio.run(_read(_Port(board), joined, limit))  # type: ignore[arg-type]

    assert [entry.seq for entry in past] == list(range(1, sum(sizes) + 1))


async def _read(port: BoardPort, joined: Joined, limit: int) -> list[Entry]:
    return [
        entry async for batch in read_past(port, WANTED, joined, limit) for entry in batch.entries
    ]


def _post(now_ns: int, size: int) -> Post:
    quote = Quote(scope="EURUSD", bid=1.1, ask=1.2, account_per_quote=1.0, source="test")
    drafts = tuple(
        Draft(fact=quote, ts_event_ns=now_ns, ordinal=str(place)) for place in range(size)
    )
    return Post(author="data", epoch=1, drafts=drafts, read_to=0, now_ns=now_ns)
