"""What became of every vote, and the weights that follow from it: a fold over votes and bars.

A vote is open until a later bar of its symbol settles it. The weights of the voters move at each
settlement, in journal order; within one bar in the order of the votes' closes, then of the voters.
A voter is judged on its vote as it served, which is after the calibration in force at its close.
What is old is forgotten; of that the weights keep what they need, and every fact of them says it.
"""

import math
from collections import deque
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.known import InForce, known
from agents.scores.age import kept_ns, open_ns
from agents.voters import CONSTANT, VOTERS, latecomers, live_voters, voters_of, weighing_terms
from blackboard.entry import Entry
from blackboard.facts import Bar, Calibration, Vote, VoterWeights
from config.agent import Mode
from config.settings import Settings
from models.decision.arbitration import calibrated
from models.learning.scoring import brier, settle
from models.learning.weighing import Weighing, judge, unjudged

OPEN_VOTES_MAX: Final = 4096
"""Open votes of one symbol; the oldest are forgotten unjudged."""
JUDGED_MAX: Final = 4096
"""Latest judgements that are remembered: more than come before the weights of them return."""


class Outcome(NamedTuple):
    """One settled vote."""

    probability_up: float
    """As it was posted."""
    served_up: float
    """After the calibration in force at its close."""
    label: float
    """1 up, 0 down, 0.5 neither."""
    voted_ns: int
    settled_ns: int
    evidence: float
    """What it counts for, 1 over the voter's votes that were open when it was settled."""


class Record(NamedTuple):
    """Settled votes of one voter as columns of shape (n_outcomes,), in order of settlement."""

    probability_up: NDArray[np.float64]
    served_up: NDArray[np.float64]
    label: NDArray[np.float64]
    voted_ns: NDArray[np.int64]
    settled_ns: NDArray[np.int64]
    evidence: NDArray[np.float64]


class _OpenVote(NamedTuple):
    # A vote that no bar has settled yet.

    voter: str
    probability_up: float
    served_up: float
    voted_ns: int
    reference: float
    distance: float
    upper: float
    lower: float
    last_bar: int
    """Count of the symbol's bars at which the horizon ends."""


class _Judgement(NamedTuple):
    # What one outcome says of the live voters.

    bar_seq: int
    excess: list[float | None]
    evidence: list[float]


class Scorecard:
    """Open votes, outcomes and weights of all voters.

    Memory is bounded by age, by `OPEN_VOTES_MAX` for a symbol and ``outcomes_per_voter_max`` for a
    voter.
    """

    def __init__(self, settings: Settings) -> None:
        section = settings.agents.learner
        self.live = live_voters(settings)
        """Voters that share the weight with the constant expert, in order."""
        self.shadow = voters_of(settings, Mode.SHADOW)
        """Voters that are scored and weigh nothing."""
        self._terms = weighing_terms(settings)
        self.weighing = unjudged(len(self.live), self._terms, latecomers(self.live))
        """Of the live voters, the constant expert's last."""
        self._judged: deque[_Judgement] = deque(maxlen=JUDGED_MAX)
        self.close_ns = 0
        """Newest close of any symbol."""
        self.bar_seq = 0
        """Seq of the newest bar."""
        self.settled_ns = 0
        """Close at which a vote was settled last."""
        self.live_settled_ns = 0
        """Close at which a vote of a live voter was settled last: only these move weights."""
        self.calibrations: dict[str, InForce[Calibration]] = {
            voter: InForce() for voter in (*self.live, *self.shadow)
        }
        self._timeframe = settings.timeframe
        self._kept_ns, self._open_ns = kept_ns(settings.timeframe), open_ns(settings.timeframe)
        self._places = {voter: place for place, voter in enumerate(VOTERS)}
        self._closes_ns = dict.fromkeys(settings.symbols, 0)
        self._bars = dict.fromkeys(settings.symbols, 0)
        self._open: dict[str, deque[_OpenVote]] = {
            symbol: deque(maxlen=OPEN_VOTES_MAX) for symbol in settings.symbols
        }
        self._open_count = dict.fromkeys(self.calibrations, 0)
        self._outcomes: dict[str, deque[Outcome]] = {
            voter: deque(maxlen=section.outcomes_per_voter_max) for voter in self.calibrations
        }

    @property
    def voters(self) -> tuple[str, ...]:
        """All voters that are scored, the live ones first."""
        return tuple(self.calibrations)

    def see_calibration(self, entry: Entry, fact: Calibration) -> None:
        """Note a calibration of a voter that is scored."""
        if fact.scope in self.calibrations:
            self.calibrations[fact.scope].add(fact.effective_from_ns, known(fact, entry))

    def see_weights(self, entry: Entry, fact: VoterWeights) -> None:
        """Go on from what own weights say, so that nothing older than them has to be judged."""
        if not fact.sums_up:
            return
        self.weighing = self._told(fact)
        while self._judged and self._judged[0].bar_seq <= max(entry.causes):
            self._judged.popleft()
        for judgement in self._judged:
            self._judge(judgement)

    def see_vote(self, entry: Entry, vote: Vote) -> None:
        """Open a vote on its symbol's newest close; later ones and abstentions are not judged."""
        is_scored = VOTERS.get(vote.voter) == entry.author and vote.voter in self.calibrations
        is_current = self._closes_ns.get(vote.scope, -1) == entry.ts_event_ns
        if vote.abstains or not (is_scored and is_current) or vote.timeframe is not self._timeframe:
            return
        waiting = self._open[vote.scope]
        if len(waiting) == OPEN_VOTES_MAX:
            self._open_count[waiting[0].voter] -= 1
        self._open_count[vote.voter] += 1
        waiting.append(
            _OpenVote(
                voter=vote.voter,
                probability_up=vote.probability_up,
                served_up=self._served_up(vote, entry.ts_event_ns),
                voted_ns=entry.ts_event_ns,
                reference=vote.reference_price,
                distance=vote.barrier_distance,
                upper=vote.reference_price + vote.barrier_distance,
                lower=vote.reference_price - vote.barrier_distance,
                last_bar=self._bars[vote.scope] + vote.horizon_bars,
            )
        )

    def see_bar(self, entry: Entry, bar: Bar) -> None:
        """Settle what the bar settles; a bar that is no newer than its symbol's changes nothing."""
        close_ns = entry.ts_event_ns
        is_next = close_ns > self._closes_ns.get(bar.scope, close_ns)
        if not is_next or bar.timeframe is not self._timeframe:
            return
        self._closes_ns[bar.scope] = close_ns
        self._bars[bar.scope] += 1
        self.close_ns, self.bar_seq = max(close_ns, self.close_ns), entry.seq
        self._forget()
        self._settle(bar, close_ns)

    def outcomes(self) -> dict[str, tuple[Outcome, ...]]:
        """Return the outcomes kept of every voter, oldest first."""
        return {voter: tuple(kept) for voter, kept in self._outcomes.items()}

    def _forget(self) -> None:
        """Let go of what is too old at the newest close."""
        for waiting in self._open.values():
            while waiting and waiting[0].voted_ns < self.close_ns - self._open_ns:
                self._open_count[waiting.popleft().voter] -= 1
        for kept in self._outcomes.values():
            while kept and kept[0].settled_ns < self.close_ns - self._kept_ns:
                kept.popleft()

    def _told(self, fact: VoterWeights) -> Weighing:
        """Return what weights follow from; who had no part yet is still without a record.

        The part of a voter that has left goes to the others in proportion.
        """
        told = {each.scope: each for each in fact.weights if each.hedged > 0.0}
        first = unjudged(len(self.live), self._terms)
        kept = [told[each].hedged if each in told else 0.0 for each in (*self.live, CONSTANT)]
        total = 1.0 if told.keys() <= {*self.live, CONSTANT} else math.fsum(kept)
        return Weighing(
            tuple(part / total for part in kept),
            tuple(
                told[each].log_odds if each in told else odds
                for each, odds in zip(self.live, first.log_odds, strict=True)
            ),
        )

    def _judge(self, judgement: _Judgement) -> None:
        self.weighing = judge(self.weighing, judgement.excess, judgement.evidence, self._terms)

    def _served_up(self, vote: Vote, close_ns: int) -> float:
        found = self.calibrations[vote.voter].at(close_ns)
        if found is None:
            return vote.probability_up
        return float(calibrated(vote.probability_up, found.fact.intercept, found.fact.slope))

    def _settle(self, bar: Bar, close_ns: int) -> None:
        count = self._bars[bar.scope]
        still_open: deque[_OpenVote] = deque(maxlen=OPEN_VOTES_MAX)
        settled: list[tuple[_OpenVote, float]] = []
        for vote in self._open[bar.scope]:
            # Most bars touch nothing: asked first, because every open vote meets every bar.
            if bar.high < vote.upper and bar.low > vote.lower and count < vote.last_bar:
                still_open.append(vote)
                continue
            prices = (bar.high, bar.low, bar.close)
            is_last = count >= vote.last_bar
            label = settle(vote.reference, vote.distance, *prices, is_last=is_last)
            if label is not None:
                settled.append((vote, label))
        self._open[bar.scope] = still_open
        if settled:
            self.settled_ns = close_ns
            if any(vote.voter in self.live for vote, _ in settled):
                self.live_settled_ns = close_ns
            self._score(settled, close_ns)

    def _score(self, settled: list[tuple[_OpenVote, float]], close_ns: int) -> None:
        settled.sort(key=lambda pair: (pair[0].voted_ns, self._places[pair[0].voter]))
        # Votes that are open together are decided by the same bars, so they share one's worth.
        evidence = {voter: 1.0 / count for voter, count in self._open_count.items() if count}
        for vote, _ in settled:
            self._open_count[vote.voter] -= 1
        excess: dict[int, dict[str, float]] = {}
        for vote, label in settled:
            self._outcomes[vote.voter].append(
                Outcome(
                    vote.probability_up,
                    vote.served_up,
                    label,
                    vote.voted_ns,
                    close_ns,
                    evidence[vote.voter],
                )
            )
            over_constant = brier(vote.served_up, label) - brier(0.5, label)
            excess.setdefault(vote.voted_ns, {})[vote.voter] = over_constant
        # Losses over that of the constant expert, whose own is 0 then: voters with barriers of
        # their own may be judged by different labels.
        for losses in excess.values():
            judgement = _Judgement(
                self.bar_seq,
                [losses.get(voter) for voter in self.live],
                [evidence.get(voter, 1.0) for voter in self.live],
            )
            self._judged.append(judgement)
            self._judge(judgement)


def columns(outcomes: tuple[Outcome, ...]) -> Record:
    """Return outcomes as columns."""
    fields = tuple(zip(*outcomes, strict=True)) if outcomes else ((),) * len(Outcome._fields)
    raw, served, label, voted_ns, settled_ns, evidence = fields
    return Record(
        probability_up=np.array(raw, dtype=np.float64),
        served_up=np.array(served, dtype=np.float64),
        label=np.array(label, dtype=np.float64),
        voted_ns=np.array(voted_ns, dtype=np.int64),
        settled_ns=np.array(settled_ns, dtype=np.int64),
        evidence=np.array(evidence, dtype=np.float64),
    )
