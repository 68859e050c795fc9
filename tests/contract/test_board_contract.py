"""What the board promises to everybody who posts and reads, over any journal."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec
import pytest

from blackboard.access import Access, declare
from blackboard.board import Board, BoardLimits
from blackboard.entry import Ack, Draft, Post
from blackboard.errors import JournalCorrupt, PostRefused, StaleEpoch
from blackboard.facts import Quote, Summary, Vote
from blackboard.journal import Block, Durability, Journal, Label, MemoryJournal, seal
from blackboard.reading import Filter
from runtime.journals.diskcache import DiskcacheJournal
from runtime.journals.opening import open_to_write
from tests.samples import SAMPLES

ACCESS = Access({"data": declare([Quote], []), "supervisor": declare([Summary], [Quote])})
OpenBoard = Callable[[], Board]


@pytest.fixture(params=["memory", "diskcache", "redis"])
def open_board(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBoard:
    """Open the board under test; every further call is a restart."""
    memory = MemoryJournal()
    if request.param == "redis":
        folder = request.getfixturevalue("redis_server").journal_folder(tmp_path)

    def opened() -> Board:
        journal: Journal = memory
        if request.param == "diskcache":
            journal = DiskcacheJournal(tmp_path / "journal")
        elif request.param == "redis":
            journal = open_to_write(folder, 1 << 30)
        return Board(ACCESS, journal, limits=BoardLimits(tail_entries_max=4))

    return opened


def a_quote(ts_ns: int, symbol: str = "EURUSD", ordinal: str = "") -> Draft:
    """Return a draft of a quote."""
    fact = Quote(scope=symbol, bid=1.1, ask=1.2, account_per_quote=1.0, source="test")
    return Draft(fact=fact, ts_event_ns=ts_ns, ordinal=ordinal)


def a_post(*drafts: Draft, author: str = "data", epoch: int = 1, now_ns: int = 1000) -> Post:
    """Return a post of drafts."""
    return Post(author=author, epoch=epoch, drafts=drafts, read_to=0, now_ns=now_ns)


def seqs(board: Board, after: int = 0) -> list[int]:
    """Return the seqs after a cursor."""
    return [item.entry.seq for item in board.read(after)[1]]


def test_order_is_gapless_over_restarts(open_board: OpenBoard) -> None:
    """Seqs count 1, 2, 3, ... over posts, authors and restarts of the board."""
    board = open_board()
    board.join("data")
    board.post(a_post(a_quote(1), a_quote(2)), 1000)

    board = open_board()
    epoch = board.join("data").epoch
    board.post(a_post(a_quote(3), epoch=epoch), 1000)

    assert seqs(open_board()) == [1, 2, 3]


def test_a_slot_is_filled_once(open_board: OpenBoard) -> None:
    """A repeated draft is answered with the first entry's seq and creates nothing, ever."""
    board = open_board()
    board.join("data")

    first = board.post(a_post(a_quote(1)), 1000)
    again = board.post(a_post(a_quote(1), a_quote(2)), 1000)
    epoch = open_board().join("data").epoch
    restarted = open_board().post(a_post(a_quote(1), epoch=epoch), 1000)

    assert first == (Ack(1, True),)
    assert again == (Ack(1, False), Ack(2, True))
    assert restarted == (Ack(1, False),)


def test_an_older_instance_cannot_post(open_board: OpenBoard) -> None:
    """After a younger instance has joined, the older one is refused and nothing is stored."""
    board = open_board()
    board.join("data")
    board.join("data")

    with pytest.raises(StaleEpoch, match="epoch of data must be 2, was 1"):
        board.post(a_post(a_quote(1), epoch=1), 1000)

    assert board.head == 0


@pytest.mark.parametrize(
    ("post", "message"),
    [
        (a_post(a_quote(1), author="supervisor"), "supervisor may post Summary, was Quote"),
        (a_post(a_quote(1), author="stranger"), "author must be one of data, driver, supervisor"),
        (a_post(a_quote(1), a_quote(1001)), "must not be after 1000: it is the future"),
        (a_post(msgspec.structs.replace(a_quote(1), causes=(7,))), "must be an entry before it"),
        (a_post(msgspec.structs.replace(a_quote(1), causes=("Quote/x",))), "entry before it"),
    ],
    ids=["kind", "author", "future", "cause", "slot"],
)
def test_a_post_that_breaks_a_rule_stores_nothing(
    open_board: OpenBoard, post: Post, message: str
) -> None:
    """A refusal names the rule, and no part of the post is on the board."""
    board = open_board()
    board.join("data")
    if post.author == "supervisor":
        board.join("supervisor")

    with pytest.raises(PostRefused, match=message):
        board.post(post, 1000)

    assert board.head == 0
    assert open_board().head == 0


def test_one_refused_post_does_not_stop_the_others(open_board: OpenBoard) -> None:
    """In a block of several posts each is taken or refused alone."""
    board = open_board()
    board.join("data")

    answers = board.commit([a_post(a_quote(2000)), a_post(a_quote(1))], 1000)

    assert isinstance(answers[0], PostRefused)
    assert answers[1] == (Ack(1, True),)


def test_causes_may_name_drafts_of_the_same_post(open_board: OpenBoard) -> None:
    """A draft can derive from one before it in the same post, by its slot."""
    board = open_board()
    board.join("data")
    parent = a_quote(1)
    child = msgspec.structs.replace(a_quote(2), causes=(parent.slot,))

    board.post(a_post(parent, child), 1000)

    assert board.entry(2).causes == (1,)


def test_a_lagging_reader_is_served_from_the_journal(open_board: OpenBoard) -> None:
    """A reader further back than the memory reaches gets every entry, in order, in batches too."""
    board = open_board()
    board.join("data")
    for ts_ns in range(1, 11):
        board.post(a_post(a_quote(ts_ns), now_ns=ts_ns), 1000)

    cursor, batch = board.read(2, limit=3)

    assert seqs(board) == list(range(1, 11))
    assert [item.entry.seq for item in batch] == [3, 4, 5]
    assert cursor == 5


@pytest.mark.parametrize(
    ("after", "limit", "read"),
    [
        (0, 1, [1]),
        (0, 2, [1, 2, 3, 4]),  # the limit falls into the post of three: all of it comes along
        (0, 4, [1, 2, 3, 4]),
        (2, 1, [3, 4]),  # what is left of a post that was begun elsewhere is not parted either
        (4, 1, [5, 6]),
    ],
)
def test_a_post_is_never_parted(
    open_board: OpenBoard, after: int, limit: int, read: list[int]
) -> None:
    """A limited batch ends with a whole post, and the cursor stands on its last entry."""
    board = open_board()
    board.join("data")
    for now_ns, size in ((100, 1), (200, 3), (300, 2)):
        quotes = [a_quote(now_ns, ordinal=str(place)) for place in range(size)]
        board.post(a_post(*quotes, now_ns=now_ns), 1000)

    cursor, batch = board.read(after, limit=limit)

    assert [item.entry.seq for item in batch] == read
    assert cursor == read[-1]


def test_a_post_is_not_parted_by_what_a_filter_leaves_out(open_board: OpenBoard) -> None:
    """The wanted entries of a post come together, whatever stands between them."""
    board = open_board()
    board.join("data")
    board.post(a_post(a_quote(1), a_quote(1, "GBPUSD"), a_quote(2), now_ns=100), 1000)
    board.post(a_post(a_quote(3), now_ns=200), 1000)

    cursor, batch = board.read(0, Filter(scopes=frozenset({"EURUSD"})), limit=1)

    assert [item.entry.seq for item in batch] == [1, 3]
    assert cursor == 3


def test_a_filter_passes_over_entries_but_not_over_the_cursor(open_board: OpenBoard) -> None:
    """A reader of other kinds gets nothing and goes on from the head."""
    board = open_board()
    board.join("data")
    board.post(a_post(a_quote(1), a_quote(2, "GBPUSD")), 1000)

    assert board.read(0, Filter(kinds=frozenset({"Vote"}))) == (2, [])
    scoped = board.read(0, Filter(scopes=frozenset({"GBPUSD"})))[1]
    assert [item.entry.seq for item in scoped] == [2]


def test_a_cursor_beyond_the_head_must_be_rebuilt(open_board: OpenBoard) -> None:
    """A reader that knows more than the board does is told so instead of waiting for ever."""
    with pytest.raises(PostRefused, match="rebuild"):
        open_board().read(1)


def test_latest_history_and_time_travel(open_board: OpenBoard) -> None:
    """The latest of a kind and scope, its history, and what was known and valid at a past time."""
    board = open_board()
    board.join("data")
    short = msgspec.structs.replace(
        a_quote(1), fact=msgspec.structs.replace(a_quote(1).fact, valid_until_ns=60)
    )
    board.post(a_post(short, now_ns=50), 50)
    board.post(a_post(a_quote(2), now_ns=100), 100)

    latest = board.latest(Quote, "EURUSD")

    assert latest is not None
    assert latest.seq == 2
    assert [entry.seq for entry in board.history(Quote, "EURUSD")] == [1, 2]
    assert [entry.seq for entry in board.history(Quote, limit=1)] == [2]
    assert {entry.seq for entry in board.at(55).values()} == {1}
    assert board.at(70) == {}
    assert {entry.seq for entry in board.at(100).values()} == {2}


def test_lineage_names_every_ancestor_once(open_board: OpenBoard) -> None:
    """The lineage of an entry is the entry and all it derives from, newest first."""
    board = open_board()
    board.join("data")
    board.post(a_post(a_quote(1), a_quote(2), a_quote(3)), 1000)
    for ts_ns, causes in ((4, (1, 3)), (5, (4, 1))):
        draft = msgspec.structs.replace(a_quote(ts_ns), causes=causes)
        board.post(a_post(draft), 1000)

    assert [entry.seq for entry in board.lineage(5)] == [5, 4, 3, 1]


def test_joining_tells_where_the_predecessor_stopped(open_board: OpenBoard) -> None:
    """A new instance learns what its predecessor had seen at its last committed post."""
    board = open_board()
    board.join("data")
    board.post(a_post(a_quote(1)), 1000)
    board.commit([Post(author="data", epoch=1, drafts=(), read_to=1, now_ns=1000)], 1000)

    joined = open_board().join("data")

    assert (joined.epoch, joined.read_to, joined.now_ns) == (2, 1, 1000)


def test_market_time_survives_and_never_goes_back(open_board: OpenBoard) -> None:
    """A rebuilt board goes on from the stored market time, which cannot be turned back."""
    open_board().advance(500)

    board = open_board()

    assert board.now_ns == 500
    with pytest.raises(ValueError, match="at least 500"):
        board.advance(499)


@pytest.mark.parametrize("defect", ["changed", "missing", "undecodable"])
def test_a_damaged_journal_is_refused(defect: str) -> None:
    """A block that was changed, lost or does not decode stops the start and is named."""
    journal = MemoryJournal()
    board = Board(ACCESS, journal)
    board.join("data")
    for ts_ns in (1, 2, 3):
        board.post(a_post(a_quote(ts_ns)), 1000)
    damage(journal._blocks, defect)

    with pytest.raises(JournalCorrupt, match=r"block 2\.\.2|block 3\.\.3"):
        Board(ACCESS, journal)


def damage(blocks: list[Block], defect: str) -> None:
    """Break the second of three blocks."""
    if defect == "missing":
        del blocks[1]
    elif defect == "changed":
        payload = blocks[1].payload.replace(b"EURUSD", b"GBPUSD")
        blocks[1] = msgspec.structs.replace(blocks[1], payload=payload)
    else:
        blocks[1:] = [seal(2, 2, b"\xc1", blocks[0].hash)]


def test_an_error_of_the_journal_changes_nothing() -> None:
    """When the journal cannot store a block, the board holds none of it and goes on."""

    class FullJournal(MemoryJournal):
        is_full = False

        def append(
            self,
            block: Block | None,
            states: Mapping[str, bytes],
            durability: Durability,
            labels: Collection[Label] = (),
        ) -> None:
            """Refuse while full."""
            if self.is_full:
                raise OSError("no space left on device")
            super().append(block, states, durability, labels)

    journal = FullJournal()
    board = Board(ACCESS, journal)
    board.join("data")
    journal.is_full = True
    with pytest.raises(OSError, match="no space"):
        board.post(a_post(a_quote(1)), 1000)
    assert board.head == 0

    journal.is_full = False

    assert board.post(a_post(a_quote(1)), 1000) == (Ack(1, True),)


def test_facts_about_orders_are_synced_fully() -> None:
    """A block that holds an order fact asks the journal to survive a power cut, others do not."""
    asked: list[Durability] = []

    class Recording(MemoryJournal):
        def append(
            self,
            block: Block | None,
            states: Mapping[str, bytes],
            durability: Durability,
            labels: Collection[Label] = (),
        ) -> None:
            """Note what was asked."""
            if block is not None:
                asked.append(durability)
            super().append(block, states, durability, labels)

    intent = SAMPLES["OrderIntent"]
    access = Access({"supervisor": declare([type(intent), Vote, Summary], [])})
    board = Board(access, Recording())
    board.join("supervisor")

    for fact in (SAMPLES["Summary"], intent):
        board.post(a_post(Draft(fact=fact, ts_event_ns=1), author="supervisor"), 1000)

    assert asked == [Durability.SAFE, Durability.FULL]


def test_p5_p6_what_moves_money_or_limits_survives_a_power_cut() -> None:
    """Orders, fills, marks, limits and states are synced; what can be read again is not."""
    from blackboard.synced import SYNCED_KINDS

    assert {"OrderSubmitting", "Fill", "PositionChanged", "TradeClosed"} <= SYNCED_KINDS
    assert {"EquityMark", "LimitBreached", "Lock", "TradingStateChanged"} <= SYNCED_KINDS
    assert not {"Bar", "Quote", "Vote", "AccountSnapshot"} & SYNCED_KINDS
