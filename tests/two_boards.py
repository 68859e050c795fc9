"""A board that remembers little beside one that remembers all, led through the same chances."""

from collections.abc import Callable
from typing import Any

import numpy as np

from blackboard.access import Access, Recent, declare
from blackboard.board import Board, BoardLimits
from blackboard.entry import Draft, Post
from blackboard.facts import Quote, Summary
from blackboard.journal import Durability, Journal, MemoryJournal
from blackboard.past import past_of
from blackboard.reading import Filter, Past
from tests.samples import SAMPLES

TICK_NS = 20_000_000_000
"""Three steps of the walk are a minute of the flood's bound."""
ACCESS = Access(
    {
        "data": declare([Quote], [Summary], {Summary: Recent(3 * TICK_NS, with_first=True)}),
        "supervisor": declare([Summary], [Quote], {Quote: Recent(9 * TICK_NS)}),
    }
)
AUTHORS = ("data", "supervisor")
SYMBOLS = ("EURUSD", "A/5", "17")
ORDINALS = ("", "1", "x/7")
ENTRIES_PER_MIN_MAX = 20
ENDLESS = BoardLimits(
    tail_entries_max=2**40,
    snapshot_entries=2**40,
    author_entries_per_min_max=ENTRIES_PER_MIN_MAX,
)


class TwoBoards:
    """The same posts for both; whatever they answer must be the same."""

    def __init__(
        self, open_journal: Callable[[], Journal], seed: int, tail: int, snapshot_entries: int
    ) -> None:
        self._open_journal = open_journal
        self._limits = BoardLimits(
            tail_entries_max=tail,
            snapshot_entries=snapshot_entries,
            author_entries_per_min_max=ENTRIES_PER_MIN_MAX,
        )
        self.rng = np.random.default_rng(seed)
        self.now_ns = 0
        self.said: list[tuple[str, Draft]] = []
        self.journal = open_journal()
        self.small = Board(ACCESS, self.journal, limits=self._limits)
        self.great = Board(ACCESS, MemoryJournal(), limits=ENDLESS)
        for author in AUTHORS:
            self.join(author)

    def step(self) -> None:
        """Let some time pass, and both boards take what comes."""
        self.now_ns += int(self.rng.integers(0, 3))
        if self.rng.random() < 0.05:
            self.join(AUTHORS[int(self.rng.integers(2))])
        posts = [self.a_post() for _ in range(int(self.rng.integers(1, 4)))]
        known_ns = self.now_ns * TICK_NS
        small = [str(answer) for answer in self.small.commit(posts, known_ns)]
        assert small == [str(answer) for answer in self.great.commit(posts, known_ns)]
        assert len(self.small._memory) <= self._limits.tail_entries_max
        assert len(self.small._memory._seqs) <= self._limits.tail_entries_max

    def join(self, author: str) -> None:
        """Admit a new instance to both."""
        assert self.small.join(author) == self.great.join(author)

    def restart(self) -> None:
        """End the board that remembers little, and start it from its journal."""
        self.journal.close()
        self.journal = self._open_journal()
        self.small = Board(ACCESS, self.journal, limits=self._limits)
        self.compare()

    def lose(self) -> None:
        """Make the board that remembers all anew from what the other's journal still has."""
        journal = MemoryJournal()
        for block in self.journal.blocks():
            journal.append(block, {}, Durability.SAFE)
        found = {name: self.journal.state(name) for name in ("epochs", "turns", "now")}
        states = {name: value for name, value in found.items() if value is not None}
        journal.append(None, states, Durability.SAFE)
        self.great = Board(ACCESS, journal, limits=ENDLESS)

    def compare(self) -> None:
        """Both have the same chain and say the same of it."""
        small, great = self.small, self.great
        assert (small.head, small.head_hash) == (great.head, great.head_hash)
        for symbol in SYMBOLS:
            assert small.latest(Quote, symbol) == great.latest(Quote, symbol)
        assert _pulses(small) == _pulses(great)
        after = int(self.rng.integers(0, small.head + 1))
        limit = int(self.rng.integers(1, 9))
        assert small.read(after, limit=limit) == great.read(after, limit=limit)
        assert small.read(after) == great.read(after)
        for author in AUTHORS:
            wanted = self.counting_for(author)
            counting = [item for item in great.read(after)[1] if wanted.passes(item.entry)]
            assert small.read(after, wanted) == (great.head, counting)
            cursor, batch = small.read(after, wanted, limit)
            assert batch == counting[: len(batch)]
            assert cursor == (batch[-1].entry.seq if len(batch) < len(counting) else great.head)

    def counting_for(self, author: str) -> Filter:
        """Return what an author that starts has to see, taken from all there is."""
        declared, small = ACCESS.declarations[author], self.small
        past = past_of(small._journal, small._memory, declared.recent, 0)
        assert past == self.past_by_hand(declared.recent)
        return Filter(kinds=declared.reads, author=author, past=past)

    def past_by_hand(self, spans: dict[str, Recent]) -> Past:
        """Return the same, found by looking at every entry."""
        entries = [item.entry for item in self.great.read(0)[1]]
        newest_ns = max((entry.known_at_ns for entry in entries), default=0)
        since, beside = {}, set()
        for kind, recent in spans.items():
            young = [e.seq for e in entries if e.known_at_ns >= newest_ns - recent.span_ns]
            since[kind] = min(young, default=1)
            old = {e.fact.scope: e.seq for e in entries if e.kind == kind}
            beside |= {seq for seq in old.values() if seq < since[kind]}
            if recent.with_first:
                beside |= {e.seq for e in [e for e in entries if e.kind == kind][:1]}
        return Past(since=since, beside=frozenset(beside))

    def a_post(self) -> Post:
        """Return a post of some drafts, new, old and said before."""
        author = AUTHORS[int(self.rng.integers(2))]
        drafts = tuple(self.a_draft(author) for _ in range(int(self.rng.integers(0, 6))))
        self.said += [(author, draft) for draft in drafts]
        epoch = self.great.epoch(author)
        return Post(
            author=author, epoch=epoch, drafts=drafts, read_to=self.great.head, now_ns=self.now_ns
        )

    def a_draft(self, author: str) -> Draft:
        """Return a draft; events are of now as often as of any time before."""
        rng = self.rng
        if self.said and rng.random() < 0.2:
            other, draft = self.said[int(rng.integers(len(self.said)))]
            if other == author:
                return draft
        fact: Any = SAMPLES["Summary"]
        if author == "data":
            symbol = SYMBOLS[int(rng.integers(len(SYMBOLS)))]
            fact = Quote(scope=symbol, bid=1.1, ask=1.2, account_per_quote=1.0, source="test")
        return Draft(
            fact=fact,
            ts_event_ns=self.now_ns
            if rng.random() < 0.5
            else int(rng.integers(-3, self.now_ns + 1)),
            ordinal=ORDINALS[int(rng.integers(len(ORDINALS)))],
            causes=self.some_causes(),
        )

    def some_causes(self) -> tuple[int | str, ...]:
        """Return causes, most of them there: by seq, or by a slot that may be anybody's."""
        if not self.said or self.rng.random() < 0.5:
            return ()
        slot = self.said[int(self.rng.integers(len(self.said)))][1].slot
        seq = int(self.rng.integers(1, self.great.head + 2))
        return ((seq,), (slot,), (seq, slot))[int(self.rng.integers(3))]


def _pulses(board: Board) -> dict[str, tuple[int, int]]:
    return {
        author: (pulse.entries, pulse.last_known_ns)
        for author, pulse in board.pulses.items()
        if pulse.entries
    }
