"""One agent run again beside its own record: the same entries, the same clock, the same replies.

Where the recorded host stepped an agent follows from the journal. In virtual time an agent steps
after every commit that brought it news, and when a `Wake` falls due: all of it is repeated, and
what the agent wants at a step at which it posted nothing is a difference too. Following the clock,
only the steps that posted left a trace; at each of them the agent is given exactly what it had seen
by then. A reply that the journal does not hold is given when the record shows that the agent had
it: an agent that has asked for a history answers a symbol only with that reply.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agents.agent import Agent, Inbox
from agents.requests import ReadBars, Reply, Request, Unanswered, Wake, Woken
from blackboard.board import Filter
from blackboard.entry import Draft, Entry
from blackboard.errors import QuorumError
from blackboard.facts import PortfolioBudget
from runtime.proof.answers import Answers
from runtime.proof.divergence import Divergence, difference, unwanted
from runtime.step import guarded_step

NO_HISTORY: Final = "no history: "
"""How a fact begins its reason where its author could not read a history; then follows why."""
REPLIES_MAX: Final = 8
"""Replies in a row after which an agent that keeps asking is taken at its word."""


class Unrepeatable(QuorumError):
    """An agent asked for something whose answer nobody has."""


class Recorded(msgspec.Struct, frozen=True):
    """One post of an agent as the journal has it."""

    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """The first entry, which tells epoch, prefix and clock of all."""
        return self.entries[0]


class Replica:
    """One instance of an agent, run again.

    Parameters
    ----------
    agent : Agent
        A fresh instance, made of the settings of its recorded start.
    answers : Answers
        What the world answered.
    keys : mapping
        Seq by key of everything on the board before the commit at hand; the caller keeps it up.
    """

    def __init__(self, agent: Agent, answers: Answers, keys: Mapping[str, int]) -> None:
        self._agent = agent
        self._answers = answers
        self._keys = keys
        self._wanted = Filter(kinds=agent.declaration().reads, author=agent.name)
        self._news: deque[Entry] = deque()
        self._asked: list[ReadBars] = []
        self._wake: Wake | None = None
        self._is_new = True
        self.epoch = 0
        """Epoch of the recorded instance, 0 before its first post."""
        self.is_rebuilt = False
        """Whether it has been given what was on the board before it."""
        self.answers_from_record = 0
        """Readings that failed in the run, answered by what the agent said of them."""

    def remember(self, past: Iterable[Entry], read_to: int, stepped_ns: int | None) -> None:
        """Rebuild the agent from what was on the board when its instance began.

        Parameters
        ----------
        past : iterable of Entry
            Everything on the board so far.
        read_to : int
            Last seq that the instance had seen at its first step; what follows is news to it.
        stepped_ns : int, optional
            Market time of the step by which virtual time rebuilds an agent. Its drafts are dropped,
            there as here: they are on the board already, or are wanted again at the first turn.
        """
        for entry in past:
            if entry.seq > read_to:
                self.notice(entry)
            elif self._wanted.passes(entry):
                self._agent.see(entry)
        if stepped_ns is not None:
            self._step(stepped_ns, (), up_to=read_to)
            self._is_new = True
        self.is_rebuilt = True

    def notice(self, entry: Entry) -> None:
        """Take an entry of the board; it is seen at the next step."""
        if self._wanted.passes(entry):
            self._news.append(entry)

    def superstep(
        self, head: int, since_ns: int, now_ns: int, post: Recorded | None
    ) -> Divergence | None:
        """Repeat every step between two commits of virtual time, and compare.

        Parameters
        ----------
        head : int
            Last seq before the commit at hand.
        since_ns, now_ns : int
            Market time of the commit before it, and of itself.
        post : Recorded, optional
            What the agent posted in the commit at hand.
        """
        is_late = now_ns > since_ns
        while True:
            if self._news or self._is_new:
                at_ns = since_ns
            elif self._asked and (post is not None or is_late):
                at_ns = since_ns  # a superstep in which nobody posted left no commit
            elif self._wake is not None and self._wake.at_ns <= now_ns:
                at_ns = max(self._wake.at_ns, since_ns)
            else:
                break
            drafts = self._step(at_ns, self._replies(at_ns))
            if drafts:
                if post is None or post.first.now_ns != at_ns:
                    return unwanted(self._agent.name, drafts[0], head + 1, at_ns)
                return difference(drafts, post.entries, self._keys)
        if post is None:
            return None
        drafts = self._step(post.first.now_ns, ())
        return difference(drafts, post.entries, self._keys)

    def follow(self, post: Recorded) -> Divergence | None:
        """Repeat one step that posted while the agent followed the clock, and compare."""
        first = post.first
        drafts = self._step(first.now_ns, (), up_to=first.read_to)
        slots = {entry.key for entry in post.entries}
        for _ in range(REPLIES_MAX):
            if not self._asked or {self._key(draft) for draft in drafts} == slots:
                break
            replies = self._replies_shown(post)
            if not replies:
                break
            drafts = self._step(first.now_ns, replies, up_to=first.read_to)
        return difference(drafts, post.entries, self._keys)

    def _step(self, now_ns: int, replies: Sequence[Reply], up_to: int | None = None) -> list[Draft]:
        """Step the agent and return the drafts whose slots were free."""
        entries = []
        while self._news and (up_to is None or self._news[0].seq <= up_to):
            entries.append(self._news.popleft())
        outbox = guarded_step(self._agent, now_ns, Inbox(tuple(entries), tuple(replies)))
        self._is_new = False
        for request in outbox.requests:
            self._ask(request)
        return [draft for draft in outbox.drafts if self._key(draft) not in self._keys]

    def _ask(self, request: Request) -> None:
        match request:
            case Wake():
                self._wake = request
            case ReadBars():
                self._asked.append(request)
            case _:
                kind = type(request).__name__
                raise Unrepeatable(f"{self._agent.name} asked {kind}, whose answer nobody has")

    def _replies(self, now_ns: int) -> list[Reply]:
        """Return the replies that are due, as virtual time gives them."""
        asked, self._asked = self._asked, []
        replies = [self._answers.answer(request, now_ns) for request in asked]
        if self._wake is not None and self._wake.at_ns <= now_ns:
            replies.append(Woken(request=self._wake))
            self._wake = None
        return replies

    def _replies_shown(self, post: Recorded) -> list[Reply]:
        """Return the replies without which the recorded facts could not have been posted."""
        failures = _failures(post.entries)
        # A budget weighs all symbols together; whatever else speaks of one symbol is about it.
        has_all = any(isinstance(entry.fact, PortfolioBudget) for entry in post.entries)
        scopes = {entry.fact.scope for entry in post.entries}
        shown = [each for each in self._asked if has_all or each.symbol in scopes]
        self._asked = [each for each in self._asked if each not in shown]
        replies: list[Reply] = []
        for request in shown:
            failure = failures.get(request.symbol)
            if failure is None:
                replies.append(self._answers.answer(request, post.first.now_ns))
            else:
                self.answers_from_record += 1
                replies.append(Unanswered(request=request, reason=failure))
        return replies

    def _key(self, draft: Draft) -> str:
        return f"{self._agent.name}/{draft.slot}"


def _failures(entries: Iterable[Entry]) -> dict[str, str]:
    """Return by symbol why its history could not be read, as the facts say it."""
    reasons = {entry.fact.scope: getattr(entry.fact, "reason", "") for entry in entries}
    return {
        symbol: reason.removeprefix(NO_HISTORY)
        for symbol, reason in reasons.items()
        if isinstance(reason, str) and reason.startswith(NO_HISTORY)
    }
