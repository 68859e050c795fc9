"""F30: an agent that floods the board is refused, counted, and nobody else notices."""

import pytest

from blackboard.access import Access, declare
from blackboard.board import Board, BoardLimits
from blackboard.entry import Ack, Draft, Post
from blackboard.errors import PostRefused
from blackboard.facts import AccountSnapshot, OrderOutcome, Quote
from blackboard.journal import MemoryJournal
from models.market.sessions import MINUTE_NS
from tests.builders import a_quote, a_snapshot, an_outcome

ACCESS = Access(
    {
        "data": declare([Quote], []),
        "execution": declare([AccountSnapshot, OrderOutcome], []),
    }
)
NOW_NS = 1_000 * MINUTE_NS


def a_board(journal: MemoryJournal | None = None) -> Board:
    """Return a board on which an author may add five entries a minute."""
    limits = BoardLimits(author_entries_per_min_max=5)
    board = Board(ACCESS, journal or MemoryJournal(), limits=limits)
    board.join("data")
    board.join("execution")
    return board


def quotes(board: Board, first: int, count: int) -> Post:
    """Return a post of so many quotes of the data agent."""
    drafts = tuple(Draft(fact=a_quote(), ts_event_ns=first + i) for i in range(count))
    epoch = board.epoch("data")
    return Post(author="data", epoch=epoch, drafts=drafts, read_to=0, now_ns=NOW_NS)


def said_by_execution(*facts: AccountSnapshot | OrderOutcome, first: int = 0) -> Post:
    """Return a post of the execution agent."""
    drafts = tuple(Draft(fact=fact, ts_event_ns=first + i) for i, fact in enumerate(facts))
    return Post(author="execution", epoch=1, drafts=drafts, read_to=0, now_ns=NOW_NS)


def test_f30_a_flood_is_refused_with_its_reason_until_the_minute_is_over() -> None:
    """Five entries fit into a minute: the sixth is refused, and the next minute begins anew."""
    board = a_board()
    board.post(quotes(board, 0, 3), NOW_NS)
    with pytest.raises(PostRefused, match="data may add 5 entries a minute, was 6: flood"):
        board.post(quotes(board, 10, 3), NOW_NS + MINUTE_NS - 1)

    board.post(quotes(board, 20, 2), NOW_NS + MINUTE_NS - 1)
    board.post(quotes(board, 30, 5), NOW_NS + MINUTE_NS)
    assert board.head == 10


def test_f30_posts_of_one_block_count_together_and_those_of_others_do_not() -> None:
    """The bound holds for an author, not for a post, and a neighbour's facts are not its own."""
    board = a_board()
    posts = [
        quotes(board, 0, 4),
        said_by_execution(a_snapshot(), a_snapshot()),
        quotes(board, 10, 2),
        quotes(board, 20, 1),
    ]

    answers = board.commit(posts, NOW_NS)

    assert [isinstance(answer, PostRefused) for answer in answers] == [False, False, True, False]
    assert board.head == 7


def test_f30_what_was_refused_is_counted_by_author() -> None:
    """The picture shows who is refused how often; a name that nobody declared is not kept."""
    board = a_board()
    for first in (0, 10, 20):
        board.commit([quotes(board, first, 4)], NOW_NS)
    stranger = Post(author="nobody", epoch=1, drafts=(), read_to=0, now_ns=NOW_NS)
    board.commit([stranger], NOW_NS)

    assert {name: (p.entries, p.refused) for name, p in board.pulses.items()} == {"data": (4, 2)}


def test_f30_a_repetition_adds_nothing_and_is_always_answered() -> None:
    """A restarted author that says again what it has said is no flood."""
    board = a_board()
    board.post(quotes(board, 0, 5), NOW_NS)

    again = board.post(quotes(board, 0, 5), NOW_NS)

    assert again == tuple(Ack(seq, created=False) for seq in range(1, 6))


def test_f30_what_an_order_came_to_is_taken_beyond_the_bound() -> None:
    """Money that moved must be known; snapshots alone are bounded like everybody's facts."""
    board = a_board()
    board.post(said_by_execution(*[a_snapshot()] * 5), NOW_NS)
    with pytest.raises(PostRefused, match="flood"):
        board.post(said_by_execution(a_snapshot(), first=10), NOW_NS)

    board.post(said_by_execution(an_outcome("EURUSD-1"), a_snapshot(), first=10), NOW_NS)

    assert board.head == 7


def test_f30_a_rebuilt_board_goes_on_counting() -> None:
    """Killing the board does not open the gate again within the minute."""
    journal = MemoryJournal()
    before = a_board(journal)
    before.post(quotes(before, 0, 5), NOW_NS)

    after = a_board(journal)
    with pytest.raises(PostRefused, match="was 6"):
        after.post(quotes(after, 10, 1), NOW_NS)
