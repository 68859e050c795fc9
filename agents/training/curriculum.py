"""The learner's trainings: which is due, what came of it, and who serves after it.

One family is trained at a time. An attempt begins with a fact and ends with one: a verdict, or why
there is nothing to judge. An attempt without an end is asked for again by a learner that was
rebuilt; the world does not do it twice. What serves follows from the promotions and rollbacks on
the board alone; the store is told after the board, and where an operator has changed the store, the
board follows.
"""

from typing import Final

from agents.agent import Outbox
from agents.requests import Reply, Unanswered, Wake
from agents.training.requests import (
    Champion,
    ChampionsRead,
    ModelServed,
    ReadChampions,
    ServeModel,
    Train,
    Trained,
)
from agents.training.schedule import due_family, next_look_ns, timetable_of
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    CandidateTrained,
    DriftDetected,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    RetrainRequested,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
)
from config.training import TrainingSection
from models.market.sessions import DAY_NS

BASELINE: Final = ""
REQUESTED, DRIFT, EMERGENCY = "requested", "drift", "emergency"
ALL: Final = "all"
TRIALS_TOLD_MAX: Final = 64
"""Trials of one attempt that become facts, the best first; the store's record has all of them."""
FAILED: Final = "failed"
FRESH_NS: Final = 3 * DAY_NS
"""An alarm of drift within this time of a promotion takes the model back."""
HISTORY_MAX: Final = 32
"""Latest versions that served which are remembered of a family."""


class Attempt:
    """One training, from the fact that began it."""

    def __init__(self, entry: Entry, fact: TrainingStarted) -> None:
        self.family = fact.scope
        self.reason = fact.reason
        self.at_ns = entry.ts_event_ns
        self.seq = entry.seq


class Curriculum:
    """When families are trained, and what becomes of their candidates."""

    def __init__(self, section: TrainingSection, *, may_promote: bool) -> None:
        self._section = section
        self._may_promote = may_promote
        self._table = timetable_of(section)
        self.is_on = section.when == "always"
        self._attempt: Attempt | None = None
        self._asked: tuple[str, int] | None = None
        self._result: Trained | Unanswered | None = None
        self._tried_ns: dict[str, int] = {}
        self._wanted: dict[str, tuple[str, int]] = {}
        self._served: dict[str, list[tuple[str, int, int]]] = {}
        self._failures: dict[str, Entry] = {}
        self._alarms: dict[str, Entry] = {}
        self._unsettled: dict[str, ServeModel] = {}
        self._sent: set[tuple[str, int]] = set()
        self._champions: tuple[Champion, ...] = ()
        self._polled_ns = 0
        self._bar: tuple[int, int] = (0, 0)

    def see_close(self, close_ns: int, seq: int) -> None:
        """Follow the closes of the trading timeframe."""
        if close_ns > self._bar[0]:
            self._bar = close_ns, seq

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case TrainingStarted() as started:
                self._attempt = Attempt(entry, started)
                self._tried_ns[started.scope] = entry.ts_event_ns
                self._wanted.pop(started.scope, None)
            case GateReport(scope=family) | TrainingSkipped(scope=family):
                self._end(family, entry.ts_event_ns)
            case RetrainRequested(scope=scope):
                self._want(scope, REQUESTED, entry)
            case DriftDetected(scope=scope, statistic="expectancy") if scope == ACCOUNT:
                self._want(ALL, EMERGENCY, entry)
            case DriftDetected(scope=family):
                self._want(family, DRIFT, entry)
                self._alarms[family] = entry
            case ModelFailed(scope=family) as failed if failed.version == self.serving(family):
                self._failures[family] = entry
            case ModelPromoted() | ModelRolledBack() as order:
                self._order(order, entry)
            case _:
                pass

    def hear(self, reply: Reply) -> None:
        """Take what the world says of a training or of the store."""
        match reply:
            case Trained(request=Train(family=family, attempt_ns=at_ns)):
                self._take(family, at_ns, reply)
            case Unanswered(request=Train(family=family, attempt_ns=at_ns)):
                self._take(family, at_ns, reply)
            case ModelServed(request=ServeModel(family=family)):
                self._unsettled.pop(family, None)
            case ChampionsRead(champions=champions):
                self._champions = champions
            case _:
                pass

    def act(self, now_ns: int, effective_from_ns: int, outbox: Outbox) -> None:
        """Begin what is due, end what has come back, and let the right versions serve."""
        if not self.is_on:
            return
        self._tell_result(effective_from_ns, outbox)
        self._begin(now_ns, outbox)
        self._roll_back(effective_from_ns, outbox)
        self._follow_store(effective_from_ns, outbox)
        self._tell_store(outbox)
        outbox.requests.append(Wake(at_ns=next_look_ns(now_ns, self._table)))

    def trains(self, family: str) -> bool:
        """Whether a family is trained here."""
        return self.is_on and family in self._table.families

    def serving(self, family: str) -> str:
        """Return the version that was promoted last, empty for the baseline."""
        served = self._served.get(family)
        return served[-1][0] if served else BASELINE

    def _want(self, scope: str, reason: str, entry: Entry) -> None:
        for family in self._table.families:
            is_newer = entry.ts_event_ns > self._tried_ns.get(family, -1)
            if scope in (family, ALL) and is_newer:
                self._wanted.setdefault(family, (reason, entry.seq))

    def _end(self, family: str, at_ns: int) -> None:
        attempt = self._attempt
        if attempt is not None and (attempt.family, attempt.at_ns) == (family, at_ns):
            self._attempt = self._result = None

    def _order(self, order: ModelPromoted | ModelRolledBack, entry: Entry) -> None:
        family, at_ns = order.scope, entry.ts_event_ns
        served = self._served.setdefault(family, [])
        served.append((order.version, at_ns, entry.seq))
        del served[:-HISTORY_MAX]
        self._failures.pop(family, None)
        self._alarms.pop(family, None)
        reason = order.reason if isinstance(order, ModelRolledBack) else ""
        self._unsettled[family] = ServeModel(
            family=family, version=order.version, reason=reason, at_ns=at_ns
        )

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
        for family, (reason, cause) in self._wanted.items():
            return family, reason, cause
        due = due_family(now_ns, self._tried_ns, self._table)
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
        serves = result.has_passed and self._may_promote
        report = _draft(
            attempt,
            GateReport(
                scope=attempt.family,
                version=result.version,
                is_promoted=serves,
                failed_gate=result.failed_gate or ("" if serves else "shadow"),
                detail=result.detail,
            ),
            causes=(candidate.slot,),
        )
        outbox.drafts += [*_trials(attempt, result), candidate, report]
        if serves and result.version != self.serving(attempt.family):
            promoted = ModelPromoted(
                scope=attempt.family,
                version=result.version,
                content_hash=result.content_hash,
                effective_from_ns=effective_from_ns,
            )
            outbox.drafts.append(_draft(attempt, promoted, causes=(report.slot,)))
        elif result.is_baseline_due and self._may_promote and self.serving(attempt.family):
            back = self._rolled_back(
                attempt.family, BASELINE, "beaten by the baseline", effective_from_ns
            )
            outbox.drafts.append(_draft(attempt, back, causes=(report.slot,)))

    def _roll_back(self, effective_from_ns: int, outbox: Outbox) -> None:
        for family, entry in self._failures.items():
            reason = getattr(entry.fact, "reason", FAILED)
            self._take_back(family, entry, f"{FAILED}: {reason}", effective_from_ns, outbox)
        for family, entry in self._alarms.items():
            served = self._served.get(family, [])
            is_fresh = any(
                0 <= entry.ts_event_ns - at_ns <= FRESH_NS for _, at_ns, _ in served[-1:]
            )
            if is_fresh and family not in self._failures and self._may_promote:
                self._take_back(family, entry, DRIFT, effective_from_ns, outbox)

    def _take_back(
        self, family: str, entry: Entry, reason: str, effective_from_ns: int, outbox: Outbox
    ) -> None:
        if not self.serving(family):
            return
        outbox.drafts.append(
            Draft(
                fact=self._rolled_back(family, self._before(family), reason, effective_from_ns),
                ts_event_ns=entry.ts_event_ns,
                ordinal=self.serving(family),
                causes=(entry.seq, self._served[family][-1][2]),
            )
        )

    def _before(self, family: str) -> str:
        """Return the version that served before the present one and was not taken back."""
        stack: list[str] = []
        for version, _, _ in self._served[family]:
            if version in stack:
                del stack[stack.index(version) + 1 :]
            else:
                stack.append(version)
        return stack[-2] if len(stack) > 1 else BASELINE

    def _rolled_back(
        self, family: str, version: str, reason: str, effective_from_ns: int
    ) -> ModelRolledBack:
        return ModelRolledBack(
            scope=family,
            version=version,
            replaced_version=self.serving(family),
            reason=reason,
            effective_from_ns=effective_from_ns,
        )

    def _follow_store(self, effective_from_ns: int, outbox: Outbox) -> None:
        close_ns, seq = self._bar
        for champion in self._champions:
            family = champion.family
            if family in self._unsettled or champion.version == self.serving(family):
                continue
            if champion.version and not champion.reason:
                fact: ModelPromoted | ModelRolledBack = ModelPromoted(
                    scope=family,
                    version=champion.version,
                    content_hash=champion.content_hash,
                    effective_from_ns=effective_from_ns,
                )
            else:
                fact = self._rolled_back(
                    family, champion.version, champion.reason, effective_from_ns
                )
            outbox.drafts.append(
                Draft(fact=fact, ts_event_ns=close_ns, ordinal=champion.version, causes=(seq,))
            )
        self._champions = ()
        if close_ns > self._polled_ns:
            self._polled_ns = close_ns
            outbox.requests.append(ReadChampions(after_ns=close_ns))

    def _tell_store(self, outbox: Outbox) -> None:
        for family, request in self._unsettled.items():
            if (family, request.at_ns) not in self._sent:
                self._sent.add((family, request.at_ns))
                outbox.requests.append(request)


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
