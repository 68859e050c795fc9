"""The parity certificate: a recorded run's six deciding agents say again exactly what they said.

What stands at the border of the world (data, sentiment, execution, the driver and the operator) is
played back from the journal, and so is what came of a training. The other six are made anew of the
recorded settings and stepped with the recorded prefixes and clocks, and every fact they want is
compared with the one on the board: value, key, time and causes. Each agent sees the recorded
entries, never what was said again, so one difference does not hide another behind it, and the first
is named by its place in the one order.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from blackboard.entry import Entry
from runtime.council import ORDER, agent_order, load_agent
from runtime.proof.answers import Answers, MarketAnswers, MarketGone
from runtime.proof.decisions_hash import HASHED_KINDS, decisions_hash
from runtime.proof.divergence import Divergence, missing, raised
from runtime.proof.recording import RecordedStart, Recording, Tell, to_nobody
from runtime.proof.replica import Recorded, Replica, Unrepeatable
from runtime.proof.stored_models import ModelGone, StoredModels
from runtime.source_hash import code_hash
from runtime.step import AgentFault

BOUNDARY: Final = ("data", "sentiment", "execution")
"""Agents that bring what the world said; their entries are played back."""
RERUN: Final = tuple(name for name in ORDER if name not in BOUNDARY)
"""Agents that are run again."""
TELL_EVERY: Final = 500
"""Commits between two notes of the progress."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison came to."""

    run: str
    holds: bool
    """Whether every fact of all agents was run again and is identical."""
    entries: int
    facts: int
    """Facts that were said again, identically."""
    by_agent: dict[str, int]
    """The same for each agent."""
    decisions_hash: str
    """Of the whole journal, where it holds."""
    starts: int
    is_same_code: bool
    """Whether this code is the one that every start was recorded with."""
    answers_from_record: int
    """Readings that had failed, answered by what the agents said of them."""
    divergence: Divergence | None = None
    unproven: tuple[str, ...] = ()
    """What could not be run again, and why."""


AnswersOf = Callable[[RecordedStart], Answers]


def certify(
    recording: Recording,
    run: str,
    *,
    answers_of: AnswersOf = MarketAnswers,
    models: Path | None = None,
    tell: Tell = to_nobody,
) -> Certificate:
    """Run the six agents again over a recording and return the certificate.

    `models` is the folder of what was trained; without it whoever serves a model is not shown.
    """
    rerun = _Rerun(recording, answers_of, StoredModels(models))
    divergence: Divergence | None = None
    hashed: list[Entry] = []
    count = 0
    for number, commit in enumerate(recording.commits()):
        divergence = rerun.take(commit)
        if divergence is not None:
            break
        count += len(commit)
        hashed += [entry for entry in commit if entry.kind in HASHED_KINDS]
        if number % TELL_EVERY == 0:
            tell(commit[-1].seq, commit[-1].known_at_ns)
    holds = divergence is None and not rerun.unproven
    now = code_hash()
    return Certificate(
        run=run,
        holds=holds,
        entries=count,
        facts=sum(rerun.counts.values()),
        by_agent=rerun.counts,
        decisions_hash=decisions_hash(hashed) if holds else "",
        starts=len(recording.starts),
        is_same_code=all(start.code_hash == now for start in recording.starts),
        answers_from_record=rerun.answers_from_record,
        divergence=divergence,
        unproven=tuple(f"{name}: {why}" for name, why in rerun.unproven.items()),
    )


class _Rerun:
    """The replicas of all agents on their way through the journal."""

    def __init__(self, recording: Recording, answers_of: AnswersOf, models: StoredModels) -> None:
        self._recording = recording
        self._models = models
        self._answers_of = answers_of
        self._keys: dict[str, int] = {}
        self._start: RecordedStart | None = None
        self._answers: Answers | None = None
        self._replicas: dict[str, Replica] = {}
        self._head = 0
        self._now_ns = 0
        self.counts = dict.fromkeys(RERUN, 0)
        self.unproven: dict[str, str] = {}
        self._retired_answers = 0

    @property
    def answers_from_record(self) -> int:
        """Readings answered by what the agents said of them."""
        known = sum(each.answers_from_record for each in self._replicas.values())
        return self._retired_answers + known

    def take(self, commit: list[Entry]) -> Divergence | None:
        """Run the agents up to a commit, compare it, and show it to them."""
        self._begin(self._recording.start_of(commit[0].seq), commit[0].known_at_ns)
        posts = list(_posts(commit))
        found = [
            divergence
            for name in self._names()
            if (divergence := self._compare(name, posts, commit[0].known_at_ns)) is not None
        ]
        checks = (self._models.check(entry) for entry in commit)
        found += [divergence for divergence in checks if divergence is not None]
        if found:
            return min(found, key=lambda each: each.seq)
        for entry in commit:
            self._keys[entry.key] = entry.seq
            if entry.author in self.counts and entry.author not in self.unproven:
                self.counts[entry.author] += 1
            for replica in self._replicas.values():
                replica.notice(entry)
        self._head, self._now_ns = commit[-1].seq, commit[-1].known_at_ns
        return None

    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in RERUN if name not in self.unproven)

    def _begin(self, start: RecordedStart, now_ns: int) -> None:
        if start is self._start:
            return
        self._start, self._answers = start, self._answers_of(start)
        self._now_ns = self._now_ns or now_ns
        self._retired_answers = self.answers_from_record
        names = [name for name in agent_order(start.settings) if name in RERUN]
        self._replicas = {name: self._made(name) for name in names}
        if self._head and start.is_virtual:
            for name in names:
                self._rebuild(name, self._head)

    def _made(self, name: str) -> Replica:
        assert self._start is not None, "a replica belongs to a start"
        assert self._answers is not None, "a start has its answers"
        agent = load_agent(name, self._start.settings)
        return Replica(agent, self._answers, self._models, self._keys)

    def _compare(self, name: str, posts: list[Recorded], now_ns: int) -> Divergence | None:
        mine = [post for post in posts if post.first.author == name]
        replica = self._replicas.get(name)
        if replica is None:
            return missing(mine[0].first) if mine else None
        try:
            return self._repeat(name, mine, now_ns)
        except (MarketGone, ModelGone, Unrepeatable) as error:
            self.unproven[name] = f"from seq {self._head + 1} on: {error}"
        except AgentFault as error:
            return raised(name, self._head + 1, now_ns, error)
        return None

    def _repeat(self, name: str, posts: list[Recorded], now_ns: int) -> Divergence | None:
        assert self._start is not None, "nothing is repeated before the first start"
        if self._start.is_virtual:
            replica = self._instance(name, posts[0].first.epoch if posts else 0, self._head)
            post = posts[0] if posts else None
            return replica.superstep(self._head, self._now_ns, now_ns, post)
        for post in posts:
            replica = self._instance(name, post.first.epoch, post.first.read_to)
            divergence = replica.follow(post)
            if divergence is not None:
                return divergence
        return None

    def _instance(self, name: str, epoch: int, read_to: int) -> Replica:
        """Return the replica of an agent, made anew where the agent was."""
        replica = self._replicas[name]
        if epoch in (0, replica.epoch):
            return replica
        if replica.epoch or not replica.is_rebuilt:
            replica = self._rebuild(name, read_to)
        replica.epoch = epoch
        return replica

    def _rebuild(self, name: str, read_to: int) -> Replica:
        assert self._start is not None, "nothing is rebuilt before the first start"
        self._retired_answers += self._replicas[name].answers_from_record
        replica = self._replicas[name] = self._made(name)
        replica.remember(
            self._recording.entries(self._head),
            read_to,
            self._now_ns if self._start.is_virtual else None,
        )
        return replica


def _posts(commit: list[Entry]) -> Iterator[Recorded]:
    """Yield the posts of a commit: what one author added in one piece stands together."""
    for _, entries in groupby(commit, lambda e: (e.author, e.epoch, e.read_to, e.now_ns)):
        yield Recorded(tuple(entries))
