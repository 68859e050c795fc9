"""One agent beside a real board, in virtual time, with the rest of the world played by a function.

The steps are those of a host: entries and replies in, drafts posted, then requests answered. The
agent can be killed before any step; its successor gets the whole journal in one inbox.
"""

from collections.abc import Callable, Iterable

from agents.agent import Agent, Inbox
from agents.requests import Reply, Request, Wake, Woken
from blackboard.access import Access, Declaration, declare
from blackboard.board import Board
from blackboard.entry import Draft, Entry, Post
from blackboard.facts import Fact
from blackboard.journal import MemoryJournal
from blackboard.reading import Filter
from config.settings import Settings

STEPS_MAX = 10_000
"""Steps after which an agent that never comes to rest is an error."""
NEIGHBOUR = "neighbour"
"""Author of everything that other agents would post."""

World = Callable[[Request, int], Reply | None]
"""Answers a request at a market time; None never answers."""


class LoneAgent:
    """An agent, its board, and the time."""

    def __init__(
        self,
        make: type[Agent],
        settings: Settings,
        world: World,
        *,
        now_ns: int,
        neighbour_posts: Iterable[type[Fact]] = (),
        kill_before: frozenset[int] = frozenset(),
    ) -> None:
        self._make, self._settings, self.world = make, settings, world
        self._kill_before = kill_before
        neighbour = declare(neighbour_posts, [])
        declarations: dict[str, Declaration] = {
            make.name: make.declaration(),
            NEIGHBOUR: neighbour,
        }
        self.board = Board(Access(declarations), MemoryJournal())
        self._neighbour_epoch = self.board.join(NEIGHBOUR).epoch
        self.now_ns = now_ns
        self.steps = 0
        self.requests: list[Request] = []
        """Everything that was asked, standing requests excepted."""
        self._start()
        self.settle()

    def post(self, *drafts: Draft) -> None:
        """Let the neighbour post, and the agent come to rest."""
        self.tell(*drafts)
        self.settle()

    def tell(self, *drafts: Draft) -> None:
        """Let the neighbour post, and the agent learn of it later."""
        self._commit(NEIGHBOUR, self._neighbour_epoch, drafts)

    def settle(self) -> None:
        """Step until nothing new comes."""
        while self._step():
            assert self.steps < STEPS_MAX, "the agent never comes to rest"

    def advance_to(self, until_ns: int) -> None:
        """Let the time pass, with a stop wherever the agent wants to be woken."""
        while self.wake_ns <= until_ns:
            self.now_ns = max(self.now_ns, self.wake_ns)
            self._replies.append(Woken(request=Wake(at_ns=self.wake_ns)))
            self.settle()
        self.now_ns = until_ns

    def restart(self) -> None:
        """Kill the agent and let its successor come to rest."""
        self._start()
        self.settle()

    def entries(self, kind: type[Fact] | None = None) -> list[Entry]:
        """Return what the agent posted, in order."""
        _, stored = self.board.read(0)
        own = [item.entry for item in stored if item.entry.author == self._make.name]
        return [each for each in own if kind is None or isinstance(each.fact, kind)]

    def asked(self, kind: type[Request]) -> list[Request]:
        """Return what the agent asked of one kind, in order."""
        return [request for request in self.requests if isinstance(request, kind)]

    def _start(self) -> None:
        self._agent = self._make(self._settings)
        self._epoch = self.board.join(self._make.name).epoch
        self._cursor = 0
        self._replies: list[Reply] = []
        self._is_fresh = True
        self.wake_ns = 2**63 - 1

    def _step(self) -> bool:
        self.steps += 1
        if self.steps in self._kill_before:
            self._start()
        wanted = Filter(kinds=self._agent.declaration().reads, author=self._make.name)
        cursor, stored = self.board.read(self._cursor, wanted)
        if not (self._is_fresh or stored or self._replies):
            return False
        replies, self._replies, self._is_fresh = tuple(self._replies), [], False
        inbox = Inbox(tuple(item.entry for item in stored), replies)
        outbox = self._agent.step(self.now_ns, inbox)
        self._commit(self._make.name, self._epoch, outbox.drafts, cursor)
        self._cursor = cursor
        for request in outbox.requests:
            self._take(request)
        return True

    def _commit(self, author: str, epoch: int, drafts: Iterable[Draft], read_to: int = 0) -> None:
        post = Post(
            author=author, epoch=epoch, drafts=tuple(drafts), read_to=read_to, now_ns=self.now_ns
        )
        self.board.post(post, known_at_ns=self.now_ns)

    def _take(self, request: Request) -> None:
        if isinstance(request, Wake):
            self.wake_ns = request.at_ns
            return
        self.requests.append(request)
        reply = self.world(request, self.now_ns)
        if reply is not None:
            self._replies.append(reply)
