"""A history put in order, so that an invariant can be read off it in a few lines.

Nothing here is taken from the code under test: times are the recorders', and whose an order is
follows from its magic number.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, TypeVar, cast

import msgspec

from blackboard.facts import AgentHealth, ExitIntent, Fact, OrderSubmitting, SymbolSpec
from blackboard.facts.control import Health
from runtime.simulation.history import (
    BrokerRequest,
    BrokerState,
    Deal,
    History,
    JournalEntry,
    JournalLoss,
    SymbolTerms,
)

MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 60 * MINUTE_NS

ACTION_DEAL: Final = 1
ACTION_PENDING: Final = 5
ACTION_SLTP: Final = 6
ACTION_REMOVE: Final = 8
KIND_BALANCE: Final = 2
KIND_CREDIT: Final = 3
FUNDING: Final = frozenset({KIND_BALANCE, KIND_CREDIT})
"""Deals that move equity without a trade."""
REASON_EXPERT: Final = 3
SEQUENCE_BITS: Final = 32
"""A magic number of ours is the strategy's number above so many bits."""

FLATTEN: Final = "flatten"
"""Reason of an exit that a person asked for: it closes everything."""

LOTS_TOLERANCE: Final = 1e-6
MONEY_TOLERANCE: Final = 0.011
"""Sums of amounts that are each rounded to a hundredth."""
SLACK_NS: Final = 2 * MINUTE_NS
"""How long agents may take to act on what is on the board, and the recorder's grain of M1."""

DEAFENING: Final = frozenset(
    {"F5", "F6", "F8", "F17", "F18", "F21", "F22", "F25", "F26", "F28", "F29", "F30", "F32", "F42"}
)
"""Families during which the broker cannot be read or nothing can be posted."""

_DOWN: Final = frozenset({Health.DOWN, Health.QUARANTINED})

T = TypeVar("T", bound=Fact)
K = TypeVar("K")
V = TypeVar("V")


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that a run has broken."""

    promise: str
    """P1 to P12, or the fault whose expectation was not met (F44)."""
    invariant: str
    """Name of the broken invariant."""
    at_ns: int
    text: str
    seqs: tuple[int, ...] = ()
    """Entries of the journal that show it."""


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """A fact beside its entry, and the true time at which the journal had it."""

    fact: T
    entry: JournalEntry
    at_ns: int

    @property
    def seq(self) -> int:
        """Place in the journal."""
        return self.entry.seq


class Record:
    """One history, indexed."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.limits = history.limits
        self.entries = history.entries
        self.requests = history.requests
        self.states = history.states
        self.deals = history.deals
        self.terms: dict[str, SymbolTerms] = {each.symbol: each for each in history.symbols}
        committed_ns: dict[int, int] = {}
        for commit in history.commits:  # a seq that was lost and given again has its later time
            committed_ns.update(
                dict.fromkeys(_seqs(commit.first_seq, commit.last_seq), commit.at_ns)
            )
        self._said: defaultdict[type[Fact], list[Said[Fact]]] = defaultdict(list)
        for entry in history.entries:
            at_ns = committed_ns.get(entry.seq, entry.known_at_ns)
            self._said[type(entry.fact)].append(Said(entry.fact, entry, at_ns))
        self._state_times = [state.at_ns for state in history.states]
        self._lost = [
            (loss, Said(entry.fact, entry, self._committed_ns(entry, loss.at_ns)))
            for loss in history.journal_losses
            for entry in loss.entries
        ]

    # What the journal says.

    def all(self, kind: type[T]) -> Sequence[Said[T]]:
        """Return everything said of one kind, in order."""
        return cast(Sequence[Said[T]], self._said.get(kind, ()))

    def last_before(self, kind: type[T], seq: int) -> Said[T] | None:
        """Return the last thing said of a kind before a place in the journal."""
        said = self.all(kind)
        place = bisect_left(said, seq, key=lambda each: each.seq)
        return said[place - 1] if place else None

    def last_until(self, kind: type[T], at_ns: int) -> Said[T] | None:
        """Return the last thing said of a kind up to a true time."""
        said = self.all(kind)
        place = bisect_right(said, at_ns, key=lambda each: each.at_ns)
        return said[place - 1] if place else None

    def lost(self, kind: type[T]) -> Iterator[tuple[JournalLoss, Said[T]]]:
        """Yield what was said of one kind and is not in the journal any more, with its loss."""
        for loss, said in self._lost:
            if isinstance(said.fact, kind):
                yield loss, cast(Said[T], said)

    def known(self, kind: type[T], at_ns: int) -> list[Said[T]]:
        """Return everything of one kind that the board held at a true time, in order.

        The journal at the end does not tell it: what it lost was on the board till then.
        """
        held = [said for said in self.all(kind) if said.at_ns <= at_ns]
        held += [said for loss, said in self.lost(kind) if said.at_ns <= at_ns < loss.at_ns]
        return sorted(held, key=lambda said: said.seq)

    def _committed_ns(self, entry: JournalEntry, until_ns: int) -> int:
        times = [
            commit.at_ns
            for commit in self.history.commits
            if commit.first_seq <= entry.seq <= commit.last_seq and commit.at_ns <= until_ns
        ]
        return max(times, default=entry.known_at_ns)

    @cached_property
    def submissions(self) -> dict[int, Said[OrderSubmitting]]:
        """What was announced first under each magic number."""
        found: dict[int, Said[OrderSubmitting]] = {}
        for said in self.all(OrderSubmitting):
            found.setdefault(said.fact.magic, said)
        return found

    @cached_property
    def _canonical(self) -> dict[str, str]:
        return {said.fact.terminal_name: said.fact.scope for said in self.all(SymbolSpec)}

    def symbol(self, name: str) -> str:
        """Return the canonical name of what the broker may call otherwise."""
        return name if name in self.terms else self._canonical.get(name, name)

    # Whose it is.

    def is_ours(self, magic: int) -> bool:
        """Whether a magic number is one of the strategy's."""
        return magic >> SEQUENCE_BITS == self.limits.strategy_magic

    def sent(self) -> Iterator[BrokerRequest]:
        """Yield the council's requests that reached the broker, repeated answers aside."""
        return (each for each in self.requests if not (each.is_emergency or each.is_repetition))

    def executed(self) -> Iterator[BrokerRequest]:
        """Yield those of them that changed the broker's book."""
        return (each for each in self.sent() if each.is_executed)

    def entries_sent(self) -> Iterator[BrokerRequest]:
        """Yield the council's requests that would open a position."""
        return (each for each in self.sent() if opens(each))

    def announced(self, request: BrokerRequest) -> Said[OrderSubmitting] | None:
        """Return what the journal announced of a request."""
        said = self.submissions.get(request.magic)
        is_same = said is not None and said.fact.intent_id == request.request_id
        if said is not None and is_same and said.at_ns <= request.at_ns:
            return said
        # Where flipped bits took the announcement, its magic number may have been given again, to
        # another intent or to the same. A power cut excuses nothing: announcements are synced.
        for loss, lost in self.lost(OrderSubmitting):
            marks = (lost.fact.magic, lost.fact.intent_id)
            is_it = marks == (request.magic, request.request_id)
            if is_it and request.at_ns <= loss.at_ns and not loss.is_power_cut:
                return lost
        return said

    @cached_property
    def openers(self) -> dict[int, Deal]:
        """The first opening deal of each position, by ticket."""
        found: dict[int, Deal] = {}
        for deal in self.deals:
            if deal.entry == "IN":
                found.setdefault(deal.position_ticket, deal)
        return found

    def forgotten_ns(self, ticket: int) -> int | None:
        """Return when flipped bits took the announcement of the order that opened a position.

        From then on it is ours by its magic, and nobody's by the board, which can only take it for
        a stranger's and leave it to the person who looks at the account after the repair. None if
        the announcement was kept, or was made again before the position was opened.
        """
        opener = self.openers.get(ticket)
        if opener is None:
            return None
        kept = self.submissions.get(opener.magic)
        if kept and kept.fact.comment == opener.comment and kept.at_ns <= opener.made_ns:
            return None
        losses = (
            loss.at_ns
            for loss, lost in self.lost(OrderSubmitting)
            if lost.fact.magic == opener.magic and not loss.is_power_cut
        )
        return min(losses, default=None)

    def is_forgotten(self, ticket: int) -> bool:
        """Whether the board cannot know any more that a position is ours."""
        return self.forgotten_ns(ticket) is not None

    def owns(self, ticket: int) -> bool:
        """Whether a position was opened by an order of ours."""
        opener = self.openers.get(ticket)
        return opener is not None and self.is_ours(opener.magic)

    @cached_property
    def flatten_ids(self) -> frozenset[str]:
        """Intents to close everything, whoever opened it."""
        exits = self.all(ExitIntent)
        return frozenset(said.fact.intent_id for said in exits if said.fact.reason == FLATTEN)

    # What the broker had.

    def state_until(self, at_ns: int) -> BrokerState | None:
        """Return the broker's book at a time."""
        place = bisect_right(self._state_times, at_ns)
        return self.states[place - 1] if place else None

    def states_within(self, from_ns: int, until_ns: int) -> Sequence[BrokerState]:
        """Return every state that held at some moment of a period."""
        first = max(0, bisect_left(self._state_times, from_ns) - 1)
        return self.states[first : bisect_right(self._state_times, until_ns)]

    # What was done to it.

    def is_deaf(self, from_ns: int, until_ns: int) -> bool:
        """Whether something that keeps agents from reading or posting touches a period."""
        return any(begun <= until_ns and ended >= from_ns for begun, ended in self.deaf_times)

    @cached_property
    def deaf_times(self) -> tuple[tuple[int, int], ...]:
        """Times in which agents could not read or post, in order of their beginning.

        While faults of some families last, and while the board says that an agent is down: that is
        an absence with a name, for which trading is restricted.
        """
        faults = self.history.faults
        struck = [(f.from_ns, f.until_ns) for f in faults if f.family in DEAFENING]
        return tuple(sorted([*struck, *self._down_times()]))

    def _down_times(self) -> Iterator[tuple[int, int]]:
        since: dict[str, int] = {}
        for said in self.all(AgentHealth):
            if said.fact.health in _DOWN:
                since.setdefault(said.fact.scope, said.at_ns)
            elif said.fact.scope in since:
                yield since.pop(said.fact.scope), said.at_ns
        yield from ((begun_ns, self.history.ended_ns) for begun_ns in since.values())

    def is_faulty(self, families: frozenset[str], from_ns: int, until_ns: int) -> bool:
        """Whether a fault of some families touches a period."""
        return any(
            fault.family in families and fault.from_ns <= until_ns and fault.until_ns >= from_ns
            for fault in self.history.faults
        )

    @property
    def known_within_ns(self) -> int:
        """How long after a change at the broker the board must know of it."""
        return self.limits.reconcile_ns + self.limits.send_timeout_ns + SLACK_NS


def opens(request: BrokerRequest) -> bool:
    """Whether a request would open a position."""
    return request.action == ACTION_DEAL and request.position_ticket == 0


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Return values by key, keys in the order of their first value."""
    found: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)


def _seqs(first: int, last: int) -> range:
    return range(first, last + 1)
