"""A live board tells at once of what hurries a reader, of the rest later, and tidies in quiet."""

import asyncio
from collections.abc import Iterable

import pytest

from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Post
from blackboard.facts import OrderIntent, Quote
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.settings import Settings
from runtime.board_service import QUIET_S, BoardService
from runtime.council import ORDER, load_agent
from runtime.simulation.loop import VirtualLoop, VirtualTime
from tests.builders import a_quote, an_intent

TIMEOUT_S, LINGER_S = 5.0, 0.25
RISK = Filter(
    kinds=frozenset({"Quote", "OrderIntent"}), author="risk", unhurried=frozenset({"Quote"})
)
ALL_UNHURRIED = Filter(unhurried=None)
QUOTE = Draft(fact=a_quote(), ts_event_ns=1)
INTENT = Draft(fact=an_intent(), ts_event_ns=2)


def heard(wanted: Filter, posts: Iterable[tuple[float, str, Draft]]) -> tuple[float, list[str]]:
    """Return when a reader is answered and with which kinds; posts come at seconds."""
    facts = (Quote, OrderIntent)
    authors = ("data", "supervisor", "risk")
    board = Board(Access({each: declare(facts, facts) for each in authors}), MemoryJournal())
    for author in authors:
        board.join(author)
    time = VirtualTime(0)
    loop = VirtualLoop(time)

    def post_by(service: BoardService, post: Post) -> None:
        loop.create_task(service.post(post))

    async def read() -> tuple[float, list[str]]:
        service = BoardService(board, lambda: 10)
        for at_s, author, draft in posts:
            post = Post(author=author, epoch=1, drafts=(draft,), read_to=0, now_ns=5)
            loop.call_later(at_s, post_by, service, post)
        _, stored = await service.read(0, wanted, 100, TIMEOUT_S, LINGER_S)
        return time.process_s(), [item.entry.kind for item in stored]

    try:
        return loop.run_until_complete(read())
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("wanted", "posts", "at_s", "kinds"),
    [
        (RISK, [(1.0, "supervisor", INTENT)], 1.0, ["OrderIntent"]),
        (RISK, [(1.0, "data", QUOTE)], 1.25, ["Quote"]),
        (
            RISK,
            [(1.0, "data", QUOTE), (1.1, "supervisor", INTENT)],
            1.1,
            ["Quote", "OrderIntent"],
        ),
        (RISK, [(1.0, "risk", QUOTE)], 1.0, ["Quote"]),
        (ALL_UNHURRIED, [(1.0, "supervisor", INTENT)], 1.25, ["OrderIntent"]),
        (RISK, [], TIMEOUT_S, []),
    ],
    ids=["hurried", "unhurried", "both", "its own", "all unhurried", "nothing"],
)
def test_what_hurries_ends_the_wait(
    wanted: Filter, posts: list[tuple[float, str, Draft]], at_s: float, kinds: list[str]
) -> None:
    """The answer holds everything since the cursor, in order, whatever it was that ended it."""
    answered_s, told = heard(wanted, posts)

    assert answered_s == pytest.approx(at_s, abs=1e-6)
    assert told == kinds


@pytest.mark.parametrize("name", ORDER)
def test_agents_name_only_what_they_read(name: str) -> None:
    """A kind that an agent does not read would be said to come later and never come."""
    agent = load_agent(name, Settings())

    assert set(agent.unhurried) <= set(agent.reads)


def test_the_journal_is_tidied_when_nothing_is_posted() -> None:
    """Once, a while after the last of several posts, so that none of them waits for it."""
    board = Board(Access({"data": declare([Quote], [])}), MemoryJournal())
    board.join("data")
    time = VirtualTime(0)
    loop = VirtualLoop(time)
    tidied: list[float] = []

    async def post_three() -> None:
        service = BoardService(board, lambda: 10, lambda: tidied.append(time.process_s()))
        for ts_ns in (1, 2, 3):
            draft = Draft(fact=a_quote(), ts_event_ns=ts_ns)
            await service.post(Post(author="data", epoch=1, drafts=(draft,), read_to=0, now_ns=5))
            await asyncio.sleep(QUIET_S / 2.0)
        await asyncio.sleep(10.0)

    try:
        loop.run_until_complete(post_three())
    finally:
        loop.close()

    assert tidied == [pytest.approx(2.0 * QUIET_S, abs=1e-6)]
