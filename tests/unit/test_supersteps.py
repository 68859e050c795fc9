"""Virtual time: the same board whatever is killed, and whenever."""

from collections.abc import Mapping

import numpy as np
import pytest

from agents.agent import Agent, Outbox
from agents.requests import ReadSymbols, Reply, Request, SymbolsRead, Wake, Woken
from blackboard.access import Access
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.errors import PostRefused, StaleEpoch
from blackboard.facts import LimitBreached, OperatorCommand, Summary
from blackboard.facts.control import Command
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.settings import Settings
from runtime.inprocess import InProcessHost
from runtime.seat import Seat
from runtime.supersteps import Release, Supersteps, Turn
from runtime.world import Due

START_NS, END_NS, STEP_NS = 5, 100, 10


class Clerk(Agent):
    """Reads the world at every tenth instant and posts what it has read."""

    name = "data"
    posts = (Summary,)
    reads = (OperatorCommand,)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.posted_ns = 0
        self.read: list[str] = []

    def see(self, entry: Entry) -> None:
        """Note what stands on the board."""
        if isinstance(entry.fact, Summary):
            self.posted_ns = entry.ts_event_ns
            self.read = []

    def hear(self, reply: Reply) -> None:
        """Take the world's answer."""
        if isinstance(reply, SymbolsRead):
            self.read.append(reply.skipped[0][1])

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Read, then post, then wait."""
        # An answer may come twice after a death, so it counts only for the time it was made.
        fresh = f"at {now_ns}" in self.read
        if self.posted_ns < now_ns and not fresh:
            outbox.requests.append(ReadSymbols(symbols=("EURUSD",)))
        elif self.posted_ns < now_ns:
            fact = Summary(scope="account", event="x", title="read", text=f"at {now_ns}")
            outbox.drafts.append(Draft(fact=fact, ts_event_ns=now_ns))
        outbox.requests.append(Wake(at_ns=now_ns // STEP_NS * STEP_NS + STEP_NS))


class Judge(Agent):
    """Answers every summary with a breach."""

    name = "risk"
    posts = (LimitBreached,)
    reads = (Summary,)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.open: dict[int, Entry] = {}

    def see(self, entry: Entry) -> None:
        """Keep what has no answer yet."""
        if isinstance(entry.fact, Summary):
            self.open[entry.ts_event_ns] = entry
        else:
            self.open.pop(entry.ts_event_ns, None)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Answer."""
        for ts_ns, entry in self.open.items():
            fact = LimitBreached(
                scope="account", limit="x", value=float(ts_ns), threshold=1.0, consequence="none"
            )
            outbox.drafts.append(Draft(fact=fact, ts_event_ns=ts_ns, causes=(entry.seq,)))


class Echo:
    """A world whose answers depend on the time at which they are asked for."""

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer."""
        del epoch
        if isinstance(request, Wake):
            return Due(request.at_ns, Woken(request=request))
        return Due(now_ns, SymbolsRead(specs=(), skipped=(("EURUSD", f"at {now_ns}"),)))

    def broker_mark(self) -> tuple[object, ...]:
        """Nothing changes."""
        return ()

    def close(self) -> None:
        """Nothing is held."""


def agents() -> dict[str, Agent]:
    """Return fresh instances of both."""
    return {"data": Clerk(Settings()), "risk": Judge(Settings())}


def a_board(journal: MemoryJournal) -> Board:
    """Return the board over a journal."""
    return Board(Access({name: agent.declaration() for name, agent in agents().items()}), journal)


def filters() -> Mapping[str, Filter]:
    """Return what each agent reads."""
    return {
        name: Filter(kinds=agent.declaration().reads, author=name)
        for name, agent in agents().items()
    }


def run_undisturbed() -> Board:
    """Return the board of a run without a kill."""
    board = a_board(MemoryJournal())
    InProcessHost(board, agents(), Echo(), start_ns=START_NS, end_ns=END_NS).run()
    return board


def content(board: Board) -> list[tuple[object, ...]]:
    """Return what a run has said, without who lived how often."""
    return [
        (i.entry.seq, i.entry.key, i.entry.fact, i.entry.causes, i.entry.known_at_ns)
        for i in board.read(0)[1]
    ]


class Hospital:
    """Runs the agents and kills them, or the board, between any two calls."""

    def __init__(self, seed: int, chance: float) -> None:
        self.random = np.random.default_rng(seed)
        self.chance = chance
        self.journal = MemoryJournal()
        self.kills = 0
        self.start_board()
        self.seats = {name: Seat(agent, Echo()) for name, agent in agents().items()}
        self.turns = {name: self.join(name) for name in self.seats}

    def start_board(self) -> None:
        """Rebuild the board from its journal; everything it had in memory is lost."""
        self.board = a_board(self.journal)
        self.supersteps = Supersteps(self.board, filters(), START_NS, END_NS)

    def join(self, name: str) -> Turn:
        """Join an agent and rebuild it."""
        self.supersteps.leave(name)
        joined = self.board.join(name)
        entries = [i.entry for i in self.board.read(0, filters()[name])[1]]
        past = [entry for entry in entries if entry.seq <= joined.read_to]
        return self.seats[name].rejoin(joined, past)

    def strikes(self) -> bool:
        """Whether something dies now."""
        hit = bool(self.random.random() < self.chance)
        self.kills += hit
        return hit

    def revive(self, name: str) -> None:
        """Replace an agent by a new instance that knows nothing."""
        self.seats[name] = Seat(agents()[name], Echo())
        self.turns[name] = self.join(name)

    def run(self) -> Board:
        """Run to the end of the market's time."""
        while True:
            for name in list(self.turns):
                if self.strikes():
                    self.revive(name)
                release = self.supersteps.hand_in(self.turns[name])
                if release is not None and self.take(release):
                    return self.board
            if self.strikes():
                self.start_board()
                continue
            released, _, jump_ns = self.supersteps.settle()
            if self.strikes():  # after the commit, before anybody has heard of it
                self.start_board()
                continue
            if jump_ns is not None:
                released = self.supersteps.jump(jump_ns)
            ends = [self.take(release) for release in released]  # everybody takes his turn
            if any(ends):
                return self.board

    def take(self, release: Release) -> bool:
        """Let an agent take its turn, unless it dies first; return whether the run is over."""
        if release.has_ended:
            return True
        name = release.author
        if self.strikes():
            self.revive(name)
            return False
        self.turns[name] = self.seats[name].turn(release.told())
        return False


def test_a_run_reads_and_answers_once_at_each_instant() -> None:
    """Undisturbed, every instant has one reading and one answer, known at that instant."""
    board = run_undisturbed()

    entries = [item.entry for item in board.read(0)[1]]
    texts = [entry.fact.text for entry in entries[::2] if isinstance(entry.fact, Summary)]

    assert [entry.ts_event_ns for entry in entries[::2]] == [5, *range(10, 101, 10)]
    assert all(entry.known_at_ns == entry.ts_event_ns for entry in entries)
    assert texts == [f"at {entry.ts_event_ns}" for entry in entries[::2]]


@pytest.mark.parametrize("seed", range(40))
def test_killing_agents_and_board_changes_nothing(seed: int) -> None:
    """Whatever dies between any two calls, the journal says the same as without a death."""
    hospital = Hospital(seed, chance=0.08)

    board = hospital.run()

    assert hospital.kills > 0
    assert content(board) == content(run_undisturbed())


def test_an_older_instance_is_turned_away() -> None:
    """A turn of an instance that has been replaced is refused."""
    board = a_board(MemoryJournal())
    supersteps = Supersteps(board, filters(), START_NS, END_NS)
    old = board.join("data").epoch
    board.join("data")

    with pytest.raises(StaleEpoch, match="epoch of data must be 2, was 1"):
        supersteps.hand_in(Turn(author="data", epoch=old, read_to=0))


def test_a_refused_outbox_is_told_to_its_author() -> None:
    """An agent whose post breaks a rule learns so at its next turn; the others go on."""
    board = a_board(MemoryJournal())
    supersteps = Supersteps(board, filters(), START_NS, END_NS)
    fact = Summary(scope="account", event="x", title="t", text="t")
    future = Draft(fact=fact, ts_event_ns=START_NS + 1)
    for name in ("data", "risk"):
        epoch = board.join(name).epoch
        supersteps.hand_in(Turn(author=name, epoch=epoch, read_to=0))
        drafts = (future,) if name == "data" else ()
        supersteps.hand_in(Turn(author=name, epoch=epoch, read_to=0, drafts=drafts))

    released, _, _ = supersteps.settle()

    assert [release.author for release in released] == ["data"]
    with pytest.raises(PostRefused, match="future"):
        Seat(agents()["data"], Echo()).turn(released[0].told())


def test_an_operators_command_waits_for_the_next_superstep() -> None:
    """A command that comes while agents step is committed with them, first, and wakes."""
    board = a_board(MemoryJournal())
    supersteps = Supersteps(board, filters(), START_NS, END_NS)
    epoch = board.join("driver").epoch
    command = OperatorCommand(scope="account", command=Command.PAUSE, origin="test")
    draft = Draft(fact=command, ts_event_ns=START_NS)
    for name in ("data", "risk"):
        instance = board.join(name).epoch
        supersteps.hand_in(Turn(author=name, epoch=instance, read_to=0))
        supersteps.hand_in(Turn(author=name, epoch=instance, read_to=0, wake_ns=50))

    supersteps.inject(
        Post(author="driver", epoch=epoch, drafts=(draft,), read_to=0, now_ns=START_NS)
    )
    released, answers, jump_ns = supersteps.settle()

    assert [release.author for release in released] == ["data"]
    (answer,) = answers
    assert not isinstance(answer, PostRefused)
    assert [ack.created for ack in answer] == [True]
    assert jump_ns is None
