"""One agent run again beside its own record: the same entries, the same clock, the same replies.

Where the recorded host stepped an agent follows from the journal. In virtual time an agent steps
after every commit that brought it news, and when a `Wake` falls due: all of it is repeated, and
what the agent wants at a step at which it posted nothing is a difference too. Following the clock,
only the steps that posted left a trace; at each of them the agent is given exactly what it had seen
by then. A reply that the journal does not hold is given when the record shows that the agent had
it: an agent that has asked for a history answers a symbol only with that reply, and whoever says
what a trained model says names its version. What came of a training is told back from the facts of
its end (`runtime.proof.training_replies`).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agents.agent import Agent, Inbox
from agents.requests import ReadBars, ReadModel, Reply, Request, Unanswered, Wake, Woken
from agents.training.requests import (
    ModelServed,
    NoteShadow,
    ReadChampions,
    ServeModel,
    ShadowNoted,
    Train,
    Trained,
)
from blackboard.entry import Draft, Entry
from blackboard.errors import QuorumError
from blackboard.facts import FOREVER_NS, CandidateTrained, ModelPromoted, PortfolioBudget
from blackboard.reading import Filter
from models.market.sessions import SECOND_NS
from models.opinion.forecaster import FAMILY as FORECASTER
from runtime.forecaster_folder import read_forecaster
from runtime.proof.answers import Answers
from runtime.proof.divergence import Divergence, difference, unwanted
from runtime.proof.naming import models_named
from runtime.proof.stored_models import StoredModels
from runtime.proof.training_replies import champions_of, refused_model, trained_of
from runtime.step import guarded_step

NO_HISTORY: Final = "no history: "
"""How a fact begins its reason where its author could not read a history; then follows why."""
NO_RESULT: Final = "no result is recorded"
"""Reason of a training that was due in virtual time and of whose end nothing is on the board."""
REPLIES_MAX: Final = 8
"""Replies in a row after which an agent that keeps asking is taken at its word."""


_Asked = ReadBars | ReadModel | ReadChampions | ServeModel | NoteShadow
"""What is answered at the next step; a training is answered when it is over."""


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
    models : StoredModels
        What was trained, where it is still stored.
    keys : mapping
        Seq by key of everything on the board before the commit at hand; the caller keeps it up.
    """

    def __init__(
        self, agent: Agent, answers: Answers, models: StoredModels, keys: Mapping[str, int]
    ) -> None:
        self._agent = agent
        self._answers = answers
        self._models = models
        self._keys = keys
        self._wanted = Filter(kinds=agent.declaration().reads, author=agent.name)
        self._news: deque[Entry] = deque()
        self._asked: list[_Asked] = []
        self._trainings: list[tuple[int, Train]] = []
        self._versions: dict[str, str] = {}
        self._given: set[str] = set()
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
                self._note_version(entry)
        if stepped_ns is not None:
            self._step(stepped_ns, (), up_to=read_to)
            self._is_new = True
        self.is_rebuilt = True

    def notice(self, entry: Entry) -> None:
        """Take an entry of the board; it is seen at the next step."""
        if self._wanted.passes(entry):
            self._news.append(entry)
            self._note_version(entry)

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
            elif self._next_due_ns() <= now_ns:
                at_ns = max(self._next_due_ns(), since_ns)
            else:
                break
            is_its_time = post is not None and post.first.now_ns == at_ns
            said = post.entries if post is not None and is_its_time else ()
            drafts = self._step(at_ns, self._replies(at_ns, said))
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
        drafts = self._step(first.now_ns, self._models_shown(post), up_to=first.read_to)
        slots = {entry.key for entry in post.entries}
        for _ in range(REPLIES_MAX):
            is_waiting = self._asked or self._trainings
            if not is_waiting or {self._key(draft) for draft in drafts} == slots:
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
            self._ask(request, now_ns)
        return [draft for draft in outbox.drafts if self._key(draft) not in self._keys]

    def _ask(self, request: Request, now_ns: int) -> None:
        match request:
            case Wake():
                self._wake = request
            case Train(attempt_ns=attempt_ns):
                seconds = self._agent.settings.agents.learner.training.duration_s
                due_ns = max(now_ns, attempt_ns + seconds * SECOND_NS)
                self._trainings.append((due_ns, request))
            case ReadChampions():
                # Where the clock is followed, a question that nothing came of is left open.
                self._asked = [each for each in self._asked if not isinstance(each, ReadChampions)]
                self._asked.append(request)
            case ReadModel():
                self._given.discard(request.version)
                self._asked.append(request)
            case ReadBars() | ServeModel() | NoteShadow():
                self._asked.append(request)
            case _:
                kind = type(request).__name__
                raise Unrepeatable(f"{self._agent.name} asked {kind}, whose answer nobody has")

    def _next_due_ns(self) -> int:
        instants = [due_ns for due_ns, _ in self._trainings]
        if self._wake is not None:
            instants.append(self._wake.at_ns)
        return min(instants, default=FOREVER_NS)

    def _replies(self, now_ns: int, said: Sequence[Entry]) -> list[Reply]:
        """Return the replies that are due, as virtual time gives them."""
        asked, self._asked = self._asked, []
        replies = [self._reply(request, now_ns, said) for request in asked]
        for due in [due for due in self._trainings if due[0] <= now_ns]:
            self._trainings.remove(due)
            _, request = due
            trained = trained_of(request, said)
            replies.append(trained or Trained(request=request, reason=NO_RESULT, need=1))
        if self._wake is not None and self._wake.at_ns <= now_ns:
            replies.append(Woken(request=self._wake))
            self._wake = None
        return replies

    def _reply(self, request: _Asked, now_ns: int, said: Sequence[Entry]) -> Reply:
        """Return what the world answered to one request at a step that said something."""
        match request:
            case ReadBars():
                return self._answers.answer(request, now_ns)
            case ReadModel(family=family) if family == FORECASTER:
                # A folder that has changed since shows: a vote names the content of its model.
                return read_forecaster(
                    request, self._agent.settings.agents.technical.forecaster_folder
                )
            case ReadModel():
                refused = refused_model(request, said)
                if refused is None:
                    return self._models.answer(request, now_ns)
                self.answers_from_record += 1
                return refused
            case ReadChampions():
                return champions_of(request, said)
            case ServeModel():
                # A store that did not take it was not followed; then nothing to follow is recorded.
                return ModelServed(request=request)
            case NoteShadow():
                return ShadowNoted(request=request)

    def _models_shown(self, post: Recorded) -> list[Reply]:
        """Return the models that recorded facts name and that the agent has not been given yet.

        They are given with the entries of the step: an agent that steps without one would answer by
        what served before, and keep to that for the close.
        """
        replies: list[Reply] = []
        for version in models_named(post.entries, self._versions.keys() - self._given):
            self._given.add(version)
            self._asked = [
                each
                for each in self._asked
                if not (isinstance(each, ReadModel) and each.version == version)
            ]
            request = ReadModel(family=self._versions[version], version=version, feature_schema=())
            # It was read before it expired, at a moment that nobody knows.
            replies.append(self._reply(request, 0, post.entries))
        return replies

    def _replies_shown(self, post: Recorded) -> list[Reply]:
        """Return the replies without which the recorded facts could not have been posted."""
        replies = self._bars_shown(post)
        shown = [each for each in self._asked if _is_shown(each, post)]
        self._asked = [each for each in self._asked if each not in shown]
        replies += [self._reply(each, post.first.now_ns, post.entries) for each in shown]
        for due in list(self._trainings):
            trained = trained_of(due[1], post.entries)
            if trained is not None:
                self._trainings.remove(due)
                replies.append(trained)
        return replies

    def _bars_shown(self, post: Recorded) -> list[Reply]:
        failures = _failures(post.entries)
        # A budget weighs all symbols together; whatever else speaks of one symbol is about it.
        has_all = any(isinstance(entry.fact, PortfolioBudget) for entry in post.entries)
        scopes = {entry.fact.scope for entry in post.entries}
        asked = [each for each in self._asked if isinstance(each, ReadBars)]
        shown = [each for each in asked if has_all or each.symbol in scopes]
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

    def _note_version(self, entry: Entry) -> None:
        if isinstance(entry.fact, CandidateTrained | ModelPromoted) and entry.fact.version:
            self._versions[entry.fact.version] = entry.fact.scope

    def _key(self, draft: Draft) -> str:
        return f"{self._agent.name}/{draft.slot}"


def _is_shown(request: _Asked, post: Recorded) -> bool:
    match request:
        case ReadBars():
            return False  # a history is shown by its symbol
        case ReadChampions():
            return bool(champions_of(request, post.entries).champions)
        case ReadModel() | ServeModel() | NoteShadow():
            return True


def _failures(entries: Iterable[Entry]) -> dict[str, str]:
    """Return by symbol why its history could not be read, as the facts say it."""
    reasons = {entry.fact.scope: getattr(entry.fact, "reason", "") for entry in entries}
    return {
        symbol: reason.removeprefix(NO_HISTORY)
        for symbol, reason in reasons.items()
        if isinstance(reason, str) and reason.startswith(NO_HISTORY)
    }
