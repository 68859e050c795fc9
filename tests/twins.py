"""Nine agents over weeks, restarted at seeded places, each successor beside a twin.

One of the two was rebuilt from everything on the board, the other from what counts of it. Both get
the same entries and replies from then on, until the next restart; wherever they differ is kept.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from agents.agent import Agent, Inbox, Outbox
from agents.requests import (
    ReadBars,
    ReadBroker,
    ReadCalendar,
    ReadHeadlines,
    ReadQuotes,
    Reply,
    Request,
    Unanswered,
)
from blackboard.access import DRIVER, Access
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import ACCOUNT, AgentHealth, AnyFact, OperatorCommand
from blackboard.facts.control import Command, Health
from blackboard.journal import MemoryJournal
from blackboard.reading import Joined
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, WEEK_NS
from runtime.board_port import past_wanted
from runtime.council import agent_order, declarations, load_agent
from runtime.inprocess import InProcessHost, Pace
from runtime.market_world import market_world
from runtime.seat import Seat
from runtime.simulation.scenario import scenario_of
from runtime.supersteps import Release
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.market import open_market
from runtime.world import Due

READS: Final = (ReadBars, ReadBroker, ReadCalendar, ReadHeadlines, ReadQuotes)


class Twin(Agent):
    """An agent that saw everything, and one that saw what counts; the first one speaks."""

    def __init__(self, whole: Agent, bounded: Agent, past: Sequence[Entry], skipped: int) -> None:
        super().__init__(whole.settings)
        self.name = whole.name  # type: ignore[misc] # of the one it stands for
        self.skipped = skipped
        """Entries that only the first one has seen."""
        self.steps = 0
        self._whole, self._bounded = whole, bounded
        self._past: Sequence[Entry] | None = past
        self.differences: list[tuple[str, int, Outbox, Outbox]] = []

    def step(self, now_ns: int, inbox: Inbox) -> Outbox:
        """Let both step; the first time each is rebuilt from what it has."""
        past, self._past = self._past, None
        one = self._whole.step(now_ns, inbox)
        two = self._bounded.step(now_ns, inbox if past is None else Inbox(tuple(past)))
        self.steps += 1
        if one != two:
            self.differences.append((self.name, now_ns, one, two))
        return one

    def see(self, entry: Entry) -> None:
        """Nothing: both see for themselves."""

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Nothing: both act for themselves."""


class Outages:
    """A world that does not answer at seeded times."""

    def __init__(self, world: TerminalWorld, rng: np.random.Generator, span: range) -> None:
        self._world = world
        starts = sorted(int(rng.integers(span.start, span.stop)) for _ in range(6))
        lengths = (HOUR_NS, 3 * HOUR_NS, 5 * HOUR_NS, DAY_NS, 2 * DAY_NS, HOUR_NS)
        self._times = [range(at, at + length) for at, length in zip(starts, lengths, strict=True)]
        self._kinds = [READS[int(rng.integers(len(READS)))] for _ in starts]

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer, or not."""
        for each, kind in zip(self._times, self._kinds, strict=True):
            if now_ns in each and isinstance(request, kind):
                reply: Reply = Unanswered(request=request, reason="an outage")
                return Due(now_ns, reply)
        return self._world.perform(request, now_ns=now_ns, epoch=epoch)

    def broker_mark(self) -> tuple[object, ...]:
        """Return what changes with the book."""
        return self._world.broker_mark()

    def close(self) -> None:
        """Nothing is held."""


def sayings(rng: np.random.Generator, span: range) -> list[tuple[int, AnyFact]]:
    """Return what a person asks and what becomes of agents, each over a few hours later."""
    said: list[tuple[int, AnyFact]] = []
    for command in (Command.PAUSE, Command.FLATTEN, Command.CLOSE, Command.RETRAIN):
        at_ns = int(rng.integers(span.start, span.stop))
        argument = "all" if command in (Command.CLOSE, Command.RETRAIN) else ""
        said.append((at_ns, _order(command, argument)))
        said.append((at_ns + 5 * HOUR_NS, _order(Command.RESUME)))
    for agent in ("sentiment", "risk", "data"):
        at_ns = int(rng.integers(span.start, span.stop))
        said.append((at_ns, _health(agent, Health.DOWN)))
        said.append((at_ns + 2 * HOUR_NS, _health(agent, Health.HEALTHY)))
    return sorted(said, key=lambda each: each[0])


def _order(command: Command, argument: str = "") -> OperatorCommand:
    return OperatorCommand(scope=ACCOUNT, command=command, origin="test", argument=argument)


def _health(agent: str, health: Health) -> AgentHealth:
    return AgentHealth(scope=agent, health=health, mode="true", restarts=1, reason="test")


class TwinHost(InProcessHost):
    """A host that restarts agents, each time as twins."""

    def __init__(self, settings: Settings, span: range, seed: int) -> None:
        self.settings = settings
        self.twins: list[Twin] = []
        self._rng = np.random.default_rng([seed, 9])
        plain = market_world(open_market(settings).source, settings, span.start)
        self.world = Outages(plain, self._rng, span)
        declared = declarations(settings)
        agents = {name: load_agent(name, settings) for name in agent_order(settings)}
        board = Board(Access(declared), MemoryJournal())
        super().__init__(
            board,
            agents,
            self.world,
            start_ns=span.start,
            end_ns=span.stop,
            pace=self._let_the_driver_speak,
        )
        self._driver_epoch = board.join(DRIVER).epoch
        self._sayings = sayings(self._rng, span)
        bounded = [name for name in agents if declared[name].recent]
        middle_ns = (span.start + span.stop) // 2
        self._due = {
            name: sorted(int(self._rng.integers(middle_ns, span.stop)) for _ in range(4))
            for name in bounded
        }

    def _let_the_driver_speak(self, jump_ns: int) -> Pace:
        if not self._sayings or self._sayings[0][0] > jump_ns:
            return Pace.JUMP
        _, fact = self._sayings.pop(0)
        now_ns = self.board.now_ns
        draft = Draft(fact=fact, ts_event_ns=now_ns, ordinal=str(len(self._sayings)))
        post = Post(
            author=DRIVER,
            epoch=self._driver_epoch,
            drafts=(draft,),
            read_to=self.board.head,
            now_ns=now_ns,
        )
        self.supersteps.inject(post)
        return Pace.SETTLE

    def _step(self, released: list[Release]) -> None:
        for release in released:
            due = self._due.get(release.author, [])
            if not release.has_ended and due and due[0] <= release.now_ns:
                due.pop(0)
                again = self._restarted(release.author)
                if again is not None:
                    super()._step([again])
            else:
                super()._step([release])

    def _restarted(self, name: str) -> Release | None:
        self.supersteps.leave(name)
        joined = self.board.join(name)
        whole = self._past(name, Joined(epoch=0, read_to=joined.read_to, now_ns=0))
        bounded = self._past(name, joined)
        assert set(bounded) <= set(whole)
        one, two = (load_agent(name, self.settings) for _ in range(2))
        twin = Twin(one, two, bounded, len(whole) - len(bounded))
        self.twins.append(twin)
        self._seats[name] = Seat(twin, self.world)
        return self.supersteps.hand_in(self._seats[name].rejoin(joined, whole))

    def _past(self, name: str, joined: Joined) -> list[Entry]:
        _, stored = self.board.read(0, past_wanted(self._filters[name], joined))
        return [item.entry for item in stored if item.entry.seq <= joined.read_to]


def twins_of(seed: int, weeks: int, **limits: float) -> TwinHost:
    """Return a run of some weeks that has come to its end, with limits of risk of its own."""
    scenario = scenario_of(seed, Path("nowhere"))
    values = scenario.settings.model_dump(mode="json")
    values["agents"]["risk"].update(limits)
    span = range(scenario.start_ns, scenario.start_ns + weeks * WEEK_NS)
    host = TwinHost(Settings.model_validate(values), span, seed)
    host.run()
    return host
