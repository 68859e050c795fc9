"""One agent before a real board: others post, it takes turns, and it can be rebuilt at any time."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from agents.agent import Agent, Inbox, Outbox
from agents.requests import BarsRead, ReadBars, Reply
from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import AnyFact, Bar, BarHistory, Fact, Timeframe, Vote
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter, Past
from models.market.bars import BarArray

F = TypeVar("F", bound=Fact)

OTHERS = ("data", "technical", "lstm_vol", "sentiment", "execution", "learner", "supervisor")
M15 = Timeframe.M15


class Said(NamedTuple, Generic[F]):
    """A fact as it stands on the board."""

    fact: F
    ts_event_ns: int
    key: str


class Stage:
    """A board, an agent and a market time that the test moves."""

    def __init__(self, make: Callable[[], Agent]) -> None:
        self.make = make
        self.agent = make()
        kinds = AnyFact.__args__
        declared = {other: declare(kinds, kinds) for other in OTHERS if other != self.agent.name}
        declared[self.agent.name] = type(self.agent).declaration()
        self.board = Board(Access(declared), MemoryJournal())
        for author in declared:
            self.board.join(author)
        self.cursor = 0

    def post(self, author: str, now_ns: int, *drafts: Draft) -> None:
        """Let somebody post."""
        epoch = self.board.epoch(author)
        self.board.post(
            Post(author=author, epoch=epoch, drafts=drafts, read_to=0, now_ns=now_ns), now_ns
        )

    def turn(
        self, now_ns: int, replies: Iterable[Reply] = (), *, past: Past | None = None
    ) -> Outbox:
        """Give the agent what is new, post what it drafts, and return its outbox."""
        entries = self._entries(past)
        outbox = self.agent.step(now_ns, Inbox(entries=entries, replies=tuple(replies)))
        self.cursor = self.board.head
        self.post(self.agent.name, now_ns, *outbox.drafts)
        return outbox

    def rebuild(self, now_ns: int, replies: Iterable[Reply] = ()) -> Outbox:
        """Replace the agent by a new one that gets the whole journal in one inbox, then answers.

        Returns all that it drafted and asked in both turns.
        """
        self.agent = self.make()
        self.cursor = 0
        first, second = self.turn(now_ns), self.turn(now_ns, replies)
        return Outbox(
            drafts=first.drafts + second.drafts, requests=first.requests + second.requests
        )

    def restart(self, now_ns: int) -> int:
        """Replace the agent by a new one that gets what counts; return how much it does not get."""
        self.agent = self.make()
        self.cursor = 0
        past = self.board.join(self.agent.name).past
        skipped = len(self._entries(None)) - len(self._entries(past))
        self.turn(now_ns, past=past)
        self.turn(now_ns)
        return skipped

    def facts(self, kind: type[F]) -> list[F]:
        """Return all facts of a kind on the board, oldest first."""
        return [said.fact for said in self.entries(kind)]

    def entries(self, kind: type[F]) -> list[Said[F]]:
        """Return all facts of a kind with their time and key, oldest first."""
        return [
            Said(entry.fact, entry.ts_event_ns, entry.key)
            for entry in self.board.history(kind, limit=1_000_000)
            if isinstance(entry.fact, kind)
        ]

    def _entries(self, past: Past | None) -> tuple[Entry, ...]:
        kind = type(self.agent)
        wanted = Filter(kinds=kind.declaration().reads, author=kind.name, past=past)
        _, stored = self.board.read(self.cursor, wanted)
        return tuple(item.entry for item in stored)


def bar_drafts(symbol_bars: dict[str, BarArray], row: int) -> list[Draft]:
    """Return one close of several symbols."""
    return [
        Draft(
            fact=Bar(
                scope=symbol,
                timeframe=M15,
                open=float(bars["open"][row]),
                high=float(bars["high"][row]),
                low=float(bars["low"][row]),
                close=float(bars["close"][row]),
                tick_volume=int(bars["tick_volume"][row]),
                spread_points=int(bars["spread_points"][row]),
                source="test",
            ),
            ts_event_ns=int(bars["close_ns"][row]),
            timeframe="M15",
        )
        for symbol, bars in symbol_bars.items()
    ]


def history_drafts(
    symbol_bars: dict[str, BarArray], rows: int, now_ns: int, anchor_ns: int
) -> list[Draft]:
    """Name the first `rows` bars of each symbol, from an anchor on, as its history."""
    return [
        Draft(
            fact=BarHistory(
                scope=symbol,
                timeframe=M15,
                anchor_ns=anchor_ns,
                last_close_ns=int(bars["close_ns"][rows - 1]),
                bar_count=int((bars["close_ns"][:rows] > anchor_ns).sum()),
                source="test",
            ),
            ts_event_ns=now_ns,
            timeframe="M15",
        )
        for symbol, bars in symbol_bars.items()
    ]


def read_bars(outbox: Outbox) -> list[ReadBars]:
    """Return the readings of bars that an outbox asks for."""
    return [request for request in outbox.requests if isinstance(request, ReadBars)]


def history_replies(
    requests: Iterable[ReadBars], symbol_bars: dict[str, BarArray]
) -> list[BarsRead]:
    """Answer each reading with the bars of its period."""
    replies = []
    for request in requests:
        bars = symbol_bars[request.symbol]
        known = bars[bars["close_ns"] <= request.until_ns]
        replies.append(BarsRead(request=request, bars=known, source="test"))
    return replies


def vote_draft(
    symbol: str,
    close_ns: int,
    probability_up: float,
    *,
    voter: str = "technical.trend",
    reference: float = 1.1,
    distance: float = 0.001,
    horizon_bars: int = 4,
    abstains: bool = False,
) -> Draft:
    """Return a vote on one close."""
    return Draft(
        fact=Vote(
            scope=symbol,
            voter=voter,
            timeframe=M15,
            probability_up=probability_up,
            abstains=abstains,
            reason="test",
            horizon_bars=horizon_bars,
            reference_price=reference,
            barrier_distance=distance,
            model="test",
        ),
        ts_event_ns=close_ns,
        timeframe="M15",
        ordinal=voter,
    )
