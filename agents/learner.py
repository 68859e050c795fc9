"""The learner: scores the voters, weighs and calibrates them, and keeps the record of the trades.

Weights, calibrations and statistics are folds over votes, bars and closed trades, and what weights
were told last sums up what is too old to count; so a rebuilt learner says what the dead one would
have said. A candidate serves only after the gate; one that fails it, or cannot be trained, is
answered all the same, so that whoever asked can go on.
"""

from collections.abc import Mapping
from typing import Final

from agents.agent import Agent, Outbox
from agents.requests import Reply
from agents.scores.adaptor import Adaptor
from agents.scores.age import kept_ns, started_from
from agents.scores.calibrator import Retraining, calibration_of, in_force, refreshed, verdict
from agents.scores.components import ComponentWatch
from agents.scores.scorecard import Record, Scorecard, columns
from agents.scores.trade_ledger import TradeLedger
from agents.training.curriculum import Curriculum
from agents.training.feature_watch import FeatureWatch
from agents.training.forecast_watch import ForecastWatch
from agents.training.vote_watch import VoteWatch
from agents.voters import CONSTANT, first_weights
from blackboard.access import Recent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    AccountSnapshot,
    Bar,
    Calibration,
    CandidateTrained,
    ComponentScores,
    DriftDetected,
    EquityMark,
    Fact,
    FeatureShift,
    Fill,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    ParametersChanged,
    RetrainRequested,
    TradeClosed,
    TradeStatistics,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
    VolatilityForecast,
    Vote,
    VoterWeights,
)
from blackboard.facts.learning import VoterWeight
from blackboard.facts.market import Timeframe
from config.agent import Mode
from config.settings import Settings
from models.decision.arbitration import calibrated
from models.learning.scoring import (
    IGNORANCE_BRIER,
    compare,
    is_proven,
    skill,
)
from models.market.sessions import bar_open_ns, next_bar_close_ns

ANSWERED_MAX: Final = 64
"""Latest answered requests that are remembered, so that one that is repeated stays answered."""


class LearnerAgent(Agent):
    """Posts weights and calibrations on a slow grid, statistics at closed trades, and verdicts."""

    name = "learner"
    posts = (
        VoterWeights,
        Calibration,
        TradeStatistics,
        GateReport,
        TrainingStarted,
        TrainingSkipped,
        TrialRecorded,
        CandidateTrained,
        ModelPromoted,
        ModelRolledBack,
        ParametersChanged,
        DriftDetected,
        ModelFailed,
    )
    reads = (
        AccountSnapshot,
        Bar,
        ComponentScores,
        EquityMark,
        FeatureShift,
        Fill,
        ModelFailed,
        ModelPromoted,
        ModelRolledBack,
        RetrainRequested,
        TradeClosed,
        VolatilityForecast,
        Vote,
    )
    unhurried = reads

    @classmethod
    def recent_on(cls, timeframe: Timeframe) -> Mapping[type[Fact], Recent]:
        """Return how much of each abundant kind it starts from."""
        return started_from(timeframe)

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._section = settings.agents.learner
        self._is_judging_only = settings.mode(self.name) is Mode.SHADOW
        self._scores = Scorecard(settings)
        self._adaptor = Adaptor(settings)
        self._components = ComponentWatch(self._section.component_alarm_errors)
        self._ledger = TradeLedger(self._section)
        self._curriculum = Curriculum(
            self._section,
            may_promote=not self._is_judging_only,
            kept_ns=kept_ns(settings.timeframe),
        )
        self._forecasts = ForecastWatch(settings)
        self._words = VoteWatch(settings)
        self._features = FeatureWatch()
        self._published_ns = 0
        self._told_ns = 0
        self._open: dict[tuple[str, int], Retraining] = {}
        self._held: set[tuple[str, int]] = set()
        self._answered: dict[tuple[str, int], None] = {}

    def warm_up(self) -> None:
        """Calibrate a chance of nobody, as from the first calibration on every vote is."""
        calibrated(0.5, 0.0, 1.0)

    def see(self, entry: Entry) -> None:
        """Fold what is scored, what was asked, and what was said already."""
        self._curriculum.see(entry)
        self._adaptor.see(entry)
        self._features.see(entry)
        for outcome in (*self._forecasts.see(entry), *self._words.see(entry)):
            self._curriculum.see_outcome(outcome)
        match entry.fact:
            case Bar() as bar:
                self._scores.see_bar(entry, bar)
                self._curriculum.see_close(self._scores.close_ns, entry.seq)
            case Vote() as vote:
                self._scores.see_vote(entry, vote)
            case ComponentScores() as scores:
                self._components.see(entry, scores)
            case Calibration() as calibration:
                self._scores.see_calibration(entry, calibration)
            case VoterWeights() as weights:
                self._scores.see_weights(entry, weights)
                self._note_weights(entry.ts_event_ns)
            case RetrainRequested(scope=scope):
                self._ask(scope, entry)
            case GateReport(scope=scope):
                self._answer(scope, entry)
            case _:
                self._ledger.see(entry)

    def hear(self, reply: Reply) -> None:
        """Take what came of a training, and what the store says."""
        self._curriculum.hear(reply)
        self._adaptor.hear(reply)

    def act(self, now_ns: int, outbox: Outbox) -> None:
        """Post statistics, alarms, weights and verdicts that are due."""
        outbox.drafts += self._ledger.drafts()
        outbox.drafts += self._components.drafts()
        outbox.drafts += self._features.drafts()
        self._publish(now_ns, outbox)
        if not self._is_judging_only:
            self._adaptor.act(outbox)
        effective_from_ns = next_bar_close_ns(now_ns, self.settings.timeframe.length_ns)
        for place, request in self._open.items():
            if self._curriculum.owes(request.seq):
                self._held.add(place)  # who asks for all is answered when all are judged
                continue
            at_ns = now_ns if place in self._held else request.ts_event_ns
            outbox.drafts += verdict(
                request._replace(ts_event_ns=at_ns),
                self._section,
                may_promote=not self._is_judging_only,
                effective_from_ns=effective_from_ns,
            )
        self._curriculum.act(now_ns, effective_from_ns, outbox)

    def _ask(self, scope: str, entry: Entry) -> None:
        place = (scope, entry.ts_event_ns)
        if place in self._answered or self._curriculum.trains(scope):
            return
        incumbents = {
            voter: in_force(calibrations.at(entry.ts_event_ns))
            for voter, calibrations in self._scores.calibrations.items()
        }
        self._open.setdefault(
            place, Retraining(*place, entry.seq, self._scores.outcomes(), incumbents)
        )

    def _answer(self, scope: str, entry: Entry) -> None:
        place = (scope, entry.ts_event_ns)
        for waiting, request in self._open.items():
            if waiting[0] == scope and request.seq in entry.causes:
                place = waiting
        self._open.pop(place, None)
        self._held.discard(place)
        self._answered[place] = None
        if len(self._answered) > ANSWERED_MAX:
            del self._answered[next(iter(self._answered))]

    def _publish(self, now_ns: int, outbox: Outbox) -> None:
        close_ns = self._scores.close_ns
        if not close_ns or not self._is_due(close_ns):
            return
        effective_from_ns = next_bar_close_ns(close_ns, self.settings.timeframe.length_ns)
        if now_ns >= effective_from_ns:
            return
        records = {voter: columns(kept) for voter, kept in self._scores.outcomes().items()}
        outbox.drafts.append(self._draft(self._weights(records, effective_from_ns)))
        if not self._is_judging_only:
            outbox.drafts += self._refresh(records, effective_from_ns)

    def _is_due(self, close_ns: int) -> bool:
        """At the first close, then on the grid, and late if the grid's close was missed.

        What is told of voters in shadow alone leaves the weights as they are, and their place on
        the grid too: otherwise a voter that weighs nothing would decide when the others' weights
        move.
        """
        if not self._told_ns:
            return True
        grid_ns = bar_open_ns(close_ns, self._section.publish_timeframe.length_ns)
        is_moved = min(grid_ns, self._scores.live_settled_ns) > self._published_ns
        return is_moved or min(grid_ns, self._scores.settled_ns) > self._told_ns

    def _note_weights(self, close_ns: int) -> None:
        if not self._told_ns or self._scores.live_settled_ns > self._published_ns:
            self._published_ns = close_ns
        self._told_ns = close_ns

    def _weights(self, records: dict[str, Record], effective_from_ns: int) -> VoterWeights:
        by_voter, weighing = first_weights(self.settings), self._scores.weighing
        hedged = dict(zip(by_voter, weighing.hedged, strict=True))
        log_odds = dict(zip(self._scores.live, weighing.log_odds, strict=True))
        if not self._is_judging_only:
            by_voter = dict(zip(by_voter, weighing.weights, strict=True))
        weights = [
            self._judged(
                voter,
                records[voter],
                weight=by_voter.get(voter, 0.0),
                hedged=hedged.get(voter, 0.0),
                log_odds=log_odds.get(voter, 0.0),
            )
            for voter in self._scores.voters
        ]
        constant = VoterWeight(
            scope=CONSTANT,
            weight=by_voter[CONSTANT],
            brier=IGNORANCE_BRIER,
            skill=0.0,
            outcomes=0,
            is_proven=False,
            hedged=hedged[CONSTANT],
        )
        return VoterWeights(
            scope=ACCOUNT, weights=(*weights, constant), effective_from_ns=effective_from_ns
        )

    def _judged(
        self, voter: str, record: Record, *, weight: float, hedged: float, log_odds: float
    ) -> VoterWeight:
        loss = (record.served_up - record.label) ** 2
        ignorance = (0.5 - record.label) ** 2
        mean_brier = float(loss.mean()) if len(loss) else IGNORANCE_BRIER
        comparison = compare(record.voted_ns, record.settled_ns, ignorance - loss)
        return VoterWeight(
            scope=voter,
            weight=weight,
            brier=mean_brier,
            skill=skill(mean_brier),
            outcomes=len(loss),
            is_proven=is_proven(comparison, len(loss), self._section.proof_outcomes_min),
            hedged=hedged,
            log_odds=log_odds,
        )

    def _refresh(self, records: dict[str, Record], effective_from_ns: int) -> list[Draft]:
        drafts = []
        for voter, record in records.items():
            incumbent = in_force(self._scores.calibrations[voter].at(effective_from_ns))
            coefficients = refreshed(record, incumbent, self._section)
            if coefficients != incumbent:
                fact = calibration_of(voter, coefficients, len(record.label), effective_from_ns)
                drafts.append(self._draft(fact))
        return drafts

    def _draft(self, fact: VoterWeights | Calibration) -> Draft:
        return Draft(
            fact=fact,
            ts_event_ns=self._scores.close_ns,
            timeframe=self.settings.timeframe.value,
            causes=(self._scores.bar_seq,),
        )
