"""A board with one agent under test on it and one author who says everything that agent reads."""

from agents.agent import Agent, Inbox
from agents.requests import Request
from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import AnyFact, Fact
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from tests.builders import T0_NS

WORLD = "world"
STEPS_MAX = 50
"""Steps after which an agent that still finds something to post counts as never at rest."""


class Desk:
    """Posts what the world says and steps the agent until it has nothing more to add."""

    def __init__(self, agent: Agent) -> None:
        kind = type(agent)
        access = Access({kind.name: kind.declaration(), WORLD: declare(kind.reads, [])})
        self.board = Board(access, MemoryJournal())
        self._epochs = {name: self.board.join(name).epoch for name in (kind.name, WORLD)}
        self.now_ns = T0_NS
        self.agent = agent
        self.requests: list[Request] = []
        self._cursor = 0

    def say(
        self, *facts: AnyFact, ts_ns: int | None = None, ordinal: str = "", read_to: int = -1
    ) -> list[int]:
        """Post facts of the world, true now if not said otherwise; return their seqs."""
        ts = self.now_ns if ts_ns is None else ts_ns
        drafts = [
            Draft(fact=fact, ts_event_ns=ts, ordinal=f"{ordinal}{place}")
            for place, fact in enumerate(facts, self.board.head)
        ]
        return self._post(WORLD, drafts, self.board.head if read_to < 0 else read_to)

    def run(self, now_ns: int | None = None) -> list[Entry]:
        """Step the agent until it is at rest; return what it posted."""
        self.now_ns = self.now_ns if now_ns is None else now_ns
        before = self.board.head
        for _ in range(STEPS_MAX):
            if not self.step():
                break
        else:
            raise AssertionError("the agent never comes to rest")
        return [e for e in self.entries(after=before) if e.author == self.agent.name]

    def step(self) -> bool:
        """Step the agent once; return whether anything new came onto the board."""
        kind = type(self.agent)
        wanted = Filter(kinds=kind.declaration().reads, author=kind.name)
        self._cursor, batch = self.board.read(self._cursor, wanted)
        outbox = self.agent.step(self.now_ns, Inbox(tuple(item.entry for item in batch)))
        self.requests = outbox.requests
        head = self.board.head
        self._post(kind.name, outbox.drafts, self._cursor)
        return self.board.head > head

    def replace(self, agent: Agent) -> list[Draft]:
        """Put a fresh agent in place, give it the whole board at once, return what it wants."""
        self.agent = agent
        self._cursor, batch = self.board.read(0)
        return agent.step(self.now_ns, Inbox(tuple(item.entry for item in batch))).drafts

    def restart(self, agent: Agent) -> None:
        """Put a fresh agent in place that has seen what counts of the past, as a host does."""
        kind, joined = type(agent), self.board.join(agent.name)
        wanted = Filter(kinds=kind.declaration().reads, author=kind.name, past=joined.past)
        self._epochs[kind.name] = joined.epoch
        self._cursor, batch = self.board.read(0, wanted)
        for item in batch:
            agent.see(item.entry)
        self.agent = agent

    def entries(self, after: int = 0) -> list[Entry]:
        """Return the entries of the board in order."""
        return [item.entry for item in self.board.read(after)[1]]

    def latest(self, kind: type[Fact]) -> Fact:
        """Return the newest fact of a kind, whatever its scope."""
        return self.board.history(kind, limit=1)[-1].fact

    def count(self, kind: type[Fact]) -> int:
        """Return how many facts of a kind are on the board."""
        return len(self.board.history(kind, limit=1_000_000))

    def _post(self, author: str, drafts: list[Draft], read_to: int) -> list[int]:
        post = Post(
            author=author,
            epoch=self._epochs[author],
            drafts=tuple(drafts),
            read_to=read_to,
            now_ns=self.now_ns,
        )
        return [ack.seq for ack in self.board.post(post, self.now_ns)]
