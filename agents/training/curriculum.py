"""The learner's trainings: which is due, what came of it, and what becomes of its candidate.

One family is trained at a time. An attempt begins with a fact and ends with one: a verdict, or why
there is nothing to judge. An attempt without an end is asked for again by a learner that was
rebuilt; the world does not do it twice. While a candidate is in shadow its family waits for what
comes of that, unless somebody or an alarm asks for another.
"""

from typing import Final, NamedTuple

from agents.agent import Outbox
from agents.requests import Reply, Unanswered, Wake
from agents.training.live_losses import ADWIN, DRIFT, LOSS, LiveLosses
from agents.training.outcomes import Outcome
from agents.training.requests import Train, Trained
from agents.training.schedule import due_family, next_look_ns, timetable_of
from agents.training.succession import BASELINE, Succession
from agents.training.terms import gate_terms
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    CandidateTrained,
    DriftDetected,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
    RetrainRequested,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
)
from config.agents import LearnerSection
from models.market.sessions import DAY_NS

REQUESTED, EMERGENCY = "requested", "emergency"
ALL: Final = "all"
SHADOW: Final = "shadow"
"""Failed gate of what a learner that is in shadow itself lets through."""
TRIALS_TOLD_MAX: Final = 64
"""Trials of one attempt that become facts, the best first; the store's record has all of them."""


class Attempt:
    """One training, from the fact that began it."""

    def __init__(self, entry: Entry, fact: TrainingStarted) -> None:
        self.family = fact.scope
        self.reason = fact.reason
        self.causes = entry.causes
        self.at_ns = entry.ts_event_ns
        self.seq = entry.seq


class Wanted(NamedTuple):
    """A training that somebody, or an alarm, has asked for."""

    reason: str
    seq: int
    from_ns: int
    """When it may begin."""


class Curriculum:
    """When families are trained, and what becomes of their candidates."""

    def __init__(self, section: LearnerSection, *, may_promote: bool, kept_ns: int) -> None:
        self._section = section.training
        self._gates = section.gates
        self._may_promote = may_promote
        self._table = timetable_of(section.training)
        self.is_on = section.training.when == "always"
        self._succession = Succession()
        self._live = LiveLosses(
            self._succession, gate_terms(section.gates), section.gates.shadow_days_max, kept_ns
        )
        self._attempt: Attempt | None = None
        self._asked: tuple[str, int] | None = None
        self._result: Trained | Unanswered | None = None
        self._tried_ns: dict[str, int] = {}
        self._wanted: dict[str, Wanted] = {}
        self._alarms: dict[str, Entry] = {}
        self._bar: tuple[int, int] = (0, 0)

    def see_close(self, close_ns: int, seq: int) -> None:
        """Follow the closes of the trading timeframe."""
        if close_ns > self._bar[0]:
            self._bar = close_ns, seq
            self._live.see_close(close_ns, seq)

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        self._succession.see(entry)
        self._live.see(entry)
        match entry.fact:
            case TrainingStarted() as started:
                self._attempt = Attempt(entry, started)
                self._tried_ns[started.scope] = entry.ts_event_ns
                self._wanted.pop(started.scope, None)
            case GateReport(scope=family, shadow_since_ns=0) | TrainingSkipped(scope=family):
                self._end(family, entry.ts_event_ns)
            case RetrainRequested(scope=scope):
                self._want(scope, REQUESTED, entry)
            case DriftDetected() as drift:
                self._heed(drift, entry)
            case ModelPromoted(scope=family) | ModelRolledBack(scope=family):
                self._alarms.pop(family, None)
            case _:
                pass

    def see_outcome(self, outcome: Outcome) -> None:
        """Fold what became of a close at which models have looked."""
        self._live.take(outcome)

    def hear(self, reply: Reply) -> None:
        """Take what the world says of a training or of the store."""
        match reply:
            case Trained(request=Train(family=family, attempt_ns=at_ns)):
                self._take(family, at_ns, reply)
            case Unanswered(request=Train(family=family, attempt_ns=at_ns)):
                self._take(family, at_ns, reply)
            case _:
                self._succession.hear(reply)

    def act(self, now_ns: int, effective_from_ns: int, outbox: Outbox) -> None:
        """Begin what is due, end what has come back, and let the right versions serve."""
        if not self.is_on:
            return
        self._tell_result(effective_from_ns, outbox)
        self._begin(now_ns, outbox)
        outbox.drafts += self._live.alarms()
        if self._may_promote:
            outbox.drafts += self._live.drafts(effective_from_ns)
            self._answer_drift(effective_from_ns, outbox)
        self._succession.act(self._bar, effective_from_ns, outbox)
        outbox.requests.append(Wake(at_ns=next_look_ns(now_ns, self._table)))

    def trains(self, family: str) -> bool:
        """Whether a family is trained here."""
        return self.is_on and family in self._table.families

    def owes(self, seq: int) -> bool:
        """Whether a family is still to be judged for the request of a seq."""
        is_begun = self._attempt is not None and seq in self._attempt.causes
        is_waiting = any(wanted.seq == seq for wanted in self._wanted.values())
        return self.is_on and (is_begun or is_waiting)

    def _heed(self, drift: DriftDetected, entry: Entry) -> None:
        if drift.scope == ACCOUNT and drift.statistic == "expectancy":
            self._want(ALL, EMERGENCY, entry)
        elif drift.statistic in (ADWIN, LOSS):
            # One retraining a day and family: an alarm follows its like until the model is new.
            self._want(drift.scope, DRIFT, entry, cooldown_ns=DAY_NS)
            if drift.statistic == ADWIN:
                self._alarms[drift.scope] = entry

    def _want(self, scope: str, reason: str, entry: Entry, cooldown_ns: int = 0) -> None:
        for family in self._table.families:
            tried_ns = self._tried_ns.get(family, -cooldown_ns - 1)
            if scope in (family, ALL) and entry.ts_event_ns > tried_ns:
                wanted = Wanted(reason, entry.seq, tried_ns + cooldown_ns)
                earlier = self._wanted.get(family, wanted)
                self._wanted[family] = min(earlier, wanted, key=lambda one: one.from_ns)

    def _end(self, family: str, at_ns: int) -> None:
        attempt = self._attempt
        if attempt is not None and (attempt.family, attempt.at_ns) == (family, at_ns):
            self._attempt = self._result = None

    def _take(self, family: str, at_ns: int, reply: Trained | Unanswered) -> None:
        attempt = self._attempt
        if attempt is not None and (attempt.family, attempt.at_ns) == (family, at_ns):
            self._result = reply

    def _begin(self, now_ns: int, outbox: Outbox) -> None:
        attempt = self._attempt
        if attempt is not None:
            if self._result is None and self._asked != (attempt.family, attempt.at_ns):
                self._asked = attempt.family, attempt.at_ns
                outbox.requests.append(
                    self._training(attempt.family, attempt.reason, attempt.at_ns)
                )
            return
        if not self._bar[0]:
            return  # nothing is known of the market yet
        family, reason, cause = self._due(now_ns)
        if not family:
            return
        started = Draft(
            fact=TrainingStarted(scope=family, reason=reason),
            ts_event_ns=now_ns,
            causes=(cause,),
        )
        outbox.drafts.append(started)

    def _due(self, now_ns: int) -> tuple[str, str, int]:
        for family, wanted in self._wanted.items():
            if wanted.from_ns <= now_ns:
                return family, wanted.reason, wanted.seq
        waiting = self._live.in_shadow()
        free = tuple(family for family in self._table.families if family not in waiting)
        due = due_family(now_ns, self._tried_ns, self._table._replace(families=free))
        return (due.family, due.reason, self._bar[1]) if due else ("", "", 0)

    def _training(self, family: str, reason: str, at_ns: int) -> Train:
        return Train(
            family=family,
            attempt_ns=at_ns,
            is_refresh=reason not in (REQUESTED, EMERGENCY),
            seed=self._section.seed,
        )

    def _tell_result(self, effective_from_ns: int, outbox: Outbox) -> None:
        attempt, result = self._attempt, self._result
        if attempt is None or result is None:
            return
        if isinstance(result, Unanswered) or not result.version:
            outbox.drafts.append(_skipped(attempt, result))
            return
        candidate = _candidate(attempt, result)
        serving = self._succession.serving(attempt.family)
        may_serve = result.has_passed and self._may_promote
        is_shadowed = attempt.family in self._gates.shadow_families and result.version != serving
        shadow_until_ns = 0
        if may_serve and is_shadowed:
            shadow_until_ns = effective_from_ns + int(self._gates.shadow_days_min * DAY_NS)
        serves = may_serve and not shadow_until_ns
        report = _draft(
            attempt,
            GateReport(
                scope=attempt.family,
                version=result.version,
                is_promoted=serves,
                failed_gate=result.failed_gate or ("" if may_serve else SHADOW),
                detail=result.detail,
                shadow_until_ns=shadow_until_ns,
            ),
            causes=(candidate.slot,),
        )
        outbox.drafts += [*_trials(attempt, result), candidate, report]
        if serves and result.version != serving:
            promoted = ModelPromoted(
                scope=attempt.family,
                version=result.version,
                content_hash=result.content_hash,
                effective_from_ns=effective_from_ns,
            )
            outbox.drafts.append(_draft(attempt, promoted, causes=(report.slot,)))
        elif result.is_baseline_due and self._may_promote and serving:
            back = self._succession.rolled_back(
                attempt.family, BASELINE, "beaten by the baseline", effective_from_ns
            )
            outbox.drafts.append(_draft(attempt, back, causes=(report.slot,)))

    def _answer_drift(self, effective_from_ns: int, outbox: Outbox) -> None:
        for family, entry in self._alarms.items():
            failed = self._live.after_drift(family, entry.ts_event_ns)
            if failed is not None and not self._succession.has_failed(family):
                outbox.drafts += self._succession.taken_back(
                    family,
                    f"{DRIFT}: {failed}",
                    effective_from_ns,
                    entry.ts_event_ns,
                    (entry.seq,),
                )


def _trials(attempt: Attempt, result: Trained) -> list[Draft]:
    # The best of them; the store's record holds all.
    trials = sorted(result.trials, key=lambda one: (-one.score, one.trial_id))
    return [
        _draft(
            attempt,
            TrialRecorded(
                scope=attempt.family,
                trial_id=one.trial_id,
                parameters=one.parameters,
                score=one.score,
                data_hash=result.data_hash,
            ),
            ordinal=one.trial_id,
        )
        for one in trials[:TRIALS_TOLD_MAX]
    ]


def _candidate(attempt: Attempt, result: Trained) -> Draft:
    return _draft(
        attempt,
        CandidateTrained(
            scope=attempt.family,
            version=result.version,
            content_hash=result.content_hash,
            rows=result.rows,
            trained_until_ns=result.trained_until_ns,
            validation_loss=result.validation_loss,
        ),
    )


def _skipped(attempt: Attempt, result: Trained | Unanswered) -> Draft:
    if isinstance(result, Unanswered):
        fact = TrainingSkipped(scope=attempt.family, reason=result.reason, have=0, need=1)
    else:
        fact = TrainingSkipped(
            scope=attempt.family, reason=result.reason, have=result.have, need=result.need
        )
    return _draft(attempt, fact)


def _draft(
    attempt: Attempt,
    fact: TrialRecorded
    | CandidateTrained
    | GateReport
    | TrainingSkipped
    | ModelPromoted
    | ModelRolledBack,
    ordinal: str = "",
    causes: tuple[str, ...] = (),
) -> Draft:
    return Draft(
        fact=fact, ts_event_ns=attempt.at_ns, ordinal=ordinal, causes=(attempt.seq, *causes)
    )
