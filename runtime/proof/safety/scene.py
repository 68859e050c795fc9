"""A board with real agents on it, and one author who says everything that they read.

A case tells a story on it and asks for an entry. Nothing of the agents is replaced: what answers
is what trades.
"""

from collections.abc import Sequence
from typing import NamedTuple, get_args

import msgspec

from agents.agent import Agent, Inbox
from agents.requests import Reply, Request
from agents.voters import VOTERS
from blackboard.access import DRIVER, Access, Declaration, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.errors import InvariantBroken
from blackboard.facts import AnyFact, OperatorCommand, Vote
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.settings import Settings

WORLD = "world"
ROUNDS_MAX = 200
"""Rounds after which agents that still find something to post count as never at rest."""


class Answer(NamedTuple):
    """What became of an order that a case asked for."""

    order: str
    reason: str
    """Code of the refusal, empty if it was permitted."""


class Scene:
    """Real agents around a board in memory, in a market time that the case moves."""

    def __init__(self, settings: Settings, kinds: Sequence[type[Agent]], now_ns: int) -> None:
        self.settings = settings
        self._kinds = kinds
        every = declare(get_args(AnyFact), [])
        declared: dict[str, Declaration] = {WORLD: every, **dict.fromkeys(VOTERS.values(), every)}
        declared |= {kind.name: kind.declaration() for kind in kinds}
        self._board = Board(Access(declared), MemoryJournal())
        self._epochs = {name: self._board.join(name).epoch for name in (*declared, DRIVER)}
        self.now_ns = now_ns
        self._agents: list[Agent] = []
        self._cursors: dict[str, int] = {}
        self._replies: dict[str, list[Reply]] = {}
        self.restart()

    def restart(self) -> None:
        """Replace every agent by a new one, which knows nothing but what the board holds."""
        self._agents = [kind(self.settings) for kind in self._kinds]
        self._cursors = {agent.name: 0 for agent in self._agents}
        self._replies = {agent.name: [] for agent in self._agents}

    def close(self) -> None:
        """Leave nothing behind; all of it is in memory."""

    def answer(self, request: Request) -> Reply | None:
        """Return what the world answers to a request; None, the usual, leaves it unanswered."""
        del request
        return None

    def say(self, *facts: AnyFact) -> None:
        """Let the world say something, true now; votes and commands come from whom they must."""
        author = WORLD
        match facts[0]:
            case OperatorCommand():
                author = DRIVER
            case Vote(voter=voter):
                author = VOTERS[voter]
            case _:
                pass
        drafts = [
            Draft(fact=fact, ts_event_ns=self.now_ns, ordinal=str(place))
            for place, fact in enumerate(facts, self._board.head)
        ]
        self._post(author, drafts, self._board.head)

    def settle(self) -> None:
        """Step the agents in turn until none has anything more to post."""
        for _ in range(ROUNDS_MAX):
            if not any(self._step(agent) for agent in self._agents):
                return
        raise InvariantBroken("the agents of a proof never come to rest")

    def entries(self) -> list[Entry]:
        """Return the board's entries in order."""
        return [item.entry for item in self._board.read(0)[1]]

    def facts(self, kind: type[msgspec.Struct]) -> list[AnyFact]:
        """Return the board's facts of a kind in order."""
        return [entry.fact for entry in self.entries() if isinstance(entry.fact, kind)]

    def _step(self, agent: Agent) -> bool:
        wanted = Filter(kinds=type(agent).declaration().reads, author=agent.name)
        cursor, batch = self._board.read(self._cursors[agent.name], wanted)
        self._cursors[agent.name] = cursor
        replies = tuple(self._replies[agent.name])
        outbox = agent.step(self.now_ns, Inbox(tuple(item.entry for item in batch), replies))
        head = self._board.head
        self._post(agent.name, outbox.drafts, cursor)
        answers = [self.answer(request) for request in outbox.requests]
        self._replies[agent.name] = [reply for reply in answers if reply is not None]
        return self._board.head > head or bool(self._replies[agent.name])

    def _post(self, author: str, drafts: Sequence[Draft], read_to: int) -> None:
        post = Post(
            author=author,
            epoch=self._epochs[author],
            drafts=tuple(drafts),
            read_to=read_to,
            now_ns=self.now_ns,
        )
        self._board.post(post, self.now_ns)
