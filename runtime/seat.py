"""An agent in virtual time, with what its host keeps for it between two turns.

Both hosts use it. One turn is: hand the requests of the last step to the world, now that its
outbox is committed; step with the new entries and the replies that are due; hand in the outbox.

A restarted agent is rebuilt exactly: it is stepped once with everything that its predecessor had
seen at its last committed turn, at that turn's time. The drafts of that step are on the board
already and are dropped; its requests may or may not have been performed, so they are performed
(again). Time has stood still meanwhile, reads give the same answers, and the terminal process
answers a repeated send with the recorded reply instead of running it twice.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from agents.agent import Agent, Inbox, Outbox
from agents.requests import AwaitBroker, Reply, Request, Wake
from blackboard.entry import Entry
from blackboard.errors import PostRefused
from blackboard.facts import FOREVER_NS
from blackboard.reading import Joined
from runtime.step import guarded_step
from runtime.supersteps import Told, Turn
from runtime.world import Due, World

STANDING = (Wake, AwaitBroker)
"""Requests of which an agent has at most one of each type; a new one replaces the old."""


class Seat:
    """One agent at the table of a run in virtual time."""

    def __init__(self, agent: Agent, world: World) -> None:
        self.agent = agent
        self._world = world
        self._epoch = 0
        self._asked: list[Request] = []
        self._standing: dict[type[Request], tuple[int, Reply]] = {}
        self._due: list[tuple[int, int, Due]] = []
        self._count = 0
        self._is_new = True

    def rejoin(self, joined: Joined, entries: Sequence[Entry]) -> Turn:
        """Rebuild the agent from the entries up to `joined.read_to` and return its first turn."""
        self._epoch = joined.epoch
        if entries:
            outbox = guarded_step(self.agent, joined.now_ns, Inbox(entries=tuple(entries)))
            self._asked = outbox.requests
        return Turn(author=self.agent.name, epoch=joined.epoch, read_to=joined.read_to)

    def turn(self, told: Told) -> Turn:
        """Take one turn; raises PostRefused if the board did not take the last outbox."""
        if told.refusal:
            raise PostRefused(told.refusal)
        entries = told.entries
        self._perform(entries, told.now_ns)
        replies = self._replies(told.now_ns)
        outbox = Outbox()
        if entries or replies or self._is_new:
            outbox = guarded_step(self.agent, told.now_ns, Inbox(entries=entries, replies=replies))
        self._is_new = False
        self._asked = outbox.requests
        return Turn(
            author=self.agent.name,
            epoch=self._epoch,
            read_to=told.read_to,
            drafts=tuple(outbox.drafts),
            wake_ns=told.now_ns if outbox.requests else self._next_due_ns(),
        )

    def _perform(self, entries: tuple[Entry, ...], now_ns: int) -> None:
        asked, self._asked = self._asked, []
        mine = {entry.key for entry in entries if entry.author == self.agent.name}
        for request in asked:
            if request.needs and f"{self.agent.name}/{request.needs}" not in mine:
                continue
            due = self._world.perform(request, now_ns=now_ns, epoch=self._epoch)
            if isinstance(request, STANDING):
                self._standing[type(request)] = due.at_ns, due.reply
            else:
                self._count += 1
                heappush(self._due, (due.at_ns, self._count, due))

    def _replies(self, now_ns: int) -> tuple[Reply, ...]:
        replies = []
        while self._due and self._due[0][0] <= now_ns:
            replies.append(heappop(self._due)[2].taken())
        due = [kind for kind in STANDING if kind in self._standing]
        due = [kind for kind in due if self._standing[kind][0] <= now_ns]
        return (*replies, *(self._standing.pop(kind)[1] for kind in due))

    def _next_due_ns(self) -> int:
        instants = [at_ns for at_ns, _ in self._standing.values()]
        if self._due:
            instants.append(self._due[0][0])
        return min(instants, default=FOREVER_NS)
