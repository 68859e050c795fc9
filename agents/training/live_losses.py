"""How models do since they were let in: in shadow, and while they serve.

A candidate in shadow is held against what serves; after its days and outcomes it is promoted, or
refused with the test that it failed. A fresh model is held against the version before it, every
trading day, and taken back where it loses by more than chance; whoever has served for a month is
held against the baseline every week. All of it is a fold over outcomes, so a learner that was
rebuilt comes to the same verdicts.
"""

from dataclasses import dataclass, field
from typing import Final

from agents.training.outcomes import UNTRAINED, Outcome, Pair, evidence_of
from agents.training.succession import BASELINE, Reign, Succession
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    CandidateTrained,
    DriftDetected,
    GateReport,
    ModelPromoted,
    ModelRolledBack,
)
from models.learning.drift import RenewedStream
from models.learning.promotion import (
    demotion_findings,
    independent_outcomes,
    rollback_findings,
    shadow_findings,
    staleness_findings,
)
from models.learning.verdict import DAY_NS, FRESH_DAYS, Finding, GateTerms
from models.market.sessions import trading_day_start_ns, week_open_ns

ADWIN: Final = "adwin"
"""Statistic of a DriftDetected about losses; its value is their mean logarithm since the change,
its threshold the one before."""
LOSS: Final = "loss"
"""The same about the mean loss of the latest days, beyond what validation had promised."""
STALE_DAYS: Final = 5
"""Days of losses that are held against those of the validation."""
ROLLBACK, DEMOTION, DRIFT = "rollback", "demoted", "drift"
UNTOLD_NS_MAX: Final = 3 * DAY_NS
"""For how long an alarm, or the end of a reign, waits for a learner that may tell it."""
BELOW: Final = {"lstm": "har"}
"""Family whose champion answers where that of another has none: its baseline, if it serves."""


@dataclass(slots=True)
class Shadow:
    """A candidate that forecasts and does not count."""

    version: str
    content_hash: str
    since_ns: int
    until_ns: int
    seq: int
    """Of the report that let it in."""
    pair: Pair = field(default_factory=Pair)
    """Beside what serves."""
    verdict: Finding | None = None
    """The failed test, or the last one that was passed; None while it is too early."""
    newest: Outcome | None = None


@dataclass(slots=True)
class Tenure:
    """A version that serves, and how it does."""

    reign: Reign
    stream: RenewedStream
    beside_before: Pair = field(default_factory=Pair)
    beside_baseline: Pair = field(default_factory=Pair)
    day_ns: int = 0
    week_ns: int = 0
    ended_by: tuple[str, Finding, Outcome] | None = None
    """How its reign ends, the failed test, and the outcome that failed it last."""
    alarms: dict[str, Draft] = field(default_factory=dict)

    def forget(self, close_ns: int, kept_ns: int) -> None:
        """Let go of losses that are too old at a close, and of what nobody was to tell of them."""
        for pair in (self.beside_before, self.beside_baseline):
            pair.forget(close_ns - kept_ns)
        for statistic, draft in list(self.alarms.items()):
            if draft.ts_event_ns < close_ns - UNTOLD_NS_MAX:
                del self.alarms[statistic]
        if self.ended_by is not None and self.ended_by[2].settled_ns < close_ns - UNTOLD_NS_MAX:
            self.ended_by = None


class LiveLosses:
    """Records and verdicts of all families; its `drafts` are due until they are on the board.

    Parameters
    ----------
    succession : Succession
        Who serves; it has seen an entry before this has.
    terms : GateTerms
        Days and outcomes of the shadow.
    shadow_days_max : float
        Days after which a candidate without enough outcomes is refused.
    kept_ns : int
        For how long an outcome counts.
    """

    def __init__(
        self, succession: Succession, terms: GateTerms, shadow_days_max: float, kept_ns: int
    ) -> None:
        self._succession = succession
        self._terms = terms
        self._shadow_max_ns = int(shadow_days_max * DAY_NS)
        self._kept_ns = kept_ns
        self._trained: dict[str, CandidateTrained] = {}
        self._shadows: dict[str, Shadow] = {}
        self._tenures: dict[str, Tenure] = {}

    def see(self, entry: Entry) -> None:
        """Fold a fact about models."""
        match entry.fact:
            case CandidateTrained(version=version) as trained:
                self._trained[version] = trained
                if len(self._trained) > _CANDIDATES_MAX:
                    del self._trained[next(iter(self._trained))]
            case GateReport(scope=family) as report:
                self._report(family, report, entry)
            case ModelPromoted(scope=family) | ModelRolledBack(scope=family):
                self._begin(family)
            case DriftDetected(scope=family, statistic=statistic) if family in self._tenures:
                self._tenures[family].alarms.pop(statistic, None)
            case _:
                pass

    def in_shadow(self) -> frozenset[str]:
        """Return the families that have a candidate in shadow."""
        return frozenset(self._shadows)

    def take(self, outcome: Outcome) -> None:
        """Fold one outcome."""
        for family, shadow in self._shadows.items():
            if shadow.verdict is None and outcome.close_ns > shadow.since_ns:
                self._watch(family, shadow, outcome)
        for family, tenure in self._tenures.items():
            is_of_it = outcome.close_ns >= tenure.reign.effective_from_ns
            if is_of_it and outcome.loss_of(tenure.reign.version) is not None:
                self._follow(family, tenure, outcome)

    def see_close(self, close_ns: int, seq: int) -> None:
        """Forget what is too old; end the shadows whose time is over, whoever was asked in them."""
        for tenure in self._tenures.values():
            tenure.forget(close_ns, self._kept_ns)
        for shadow in self._shadows.values():
            shadow.pair.forget(close_ns - self._kept_ns)
            if shadow.verdict is None and close_ns - shadow.since_ns > self._shadow_max_ns:
                record = shadow.pair.record(shadow.since_ns, close_ns)
                shadow.verdict = shadow_findings(record, self._terms)[-1]
                shadow.newest = Outcome(close_ns, close_ns, (), (seq,))

    def alarms(self) -> list[Draft]:
        """Return the alarms about models that serve which are not on the board yet."""
        return [draft for tenure in self._tenures.values() for draft in tenure.alarms.values()]

    def drafts(self, effective_from_ns: int) -> list[Draft]:
        """Return the verdicts, promotions and rollbacks that are due and not on the board yet."""
        drafts = []
        for family, shadow in self._shadows.items():
            if shadow.verdict is not None and shadow.newest is not None:
                drafts += self._judged(family, shadow, shadow.verdict, effective_from_ns)
        for family, tenure in self._tenures.items():
            if tenure.ended_by is None or self._succession.has_failed(family):
                continue
            word, finding, outcome = tenure.ended_by
            drafts += self._succession.taken_back(
                family,
                f"{word}: {finding}",
                effective_from_ns,
                outcome.settled_ns,
                outcome.causes,
                BASELINE if word == DEMOTION else None,
            )
        return drafts

    def after_drift(self, family: str, at_ns: int) -> Finding | None:
        """Return the test by which an alarm takes a fresh model back, None where it stays."""
        tenure = self._tenures.get(family)
        if tenure is None or at_ns < tenure.reign.at_ns:
            return None
        record = tenure.beside_before.record(tenure.reign.effective_from_ns, at_ns)
        last = rollback_findings(record._replace(since_ns=tenure.reign.at_ns), has_drifted=True)[-1]
        return None if last.is_passed else last

    def _report(self, family: str, report: GateReport, entry: Entry) -> None:
        shadow = self._shadows.get(family)
        if report.shadow_until_ns:
            trained = self._trained.get(report.version)
            self._shadows[family] = Shadow(
                version=report.version,
                content_hash=trained.content_hash if trained else "",
                since_ns=entry.now_ns,
                until_ns=report.shadow_until_ns,
                seq=entry.seq,
            )
        elif shadow is not None and report.version == shadow.version:
            del self._shadows[family]

    def _begin(self, family: str) -> None:
        reign = self._succession.reign(family)
        self._tenures.pop(family, None)
        if reign is None or reign.version == BASELINE:
            return
        # So that alarms that may still be told follow from what is kept.
        stream = RenewedStream(self._kept_ns - UNTOLD_NS_MAX)
        self._tenures[family] = Tenure(reign, stream)
        shadow = self._shadows.get(family)
        if shadow is not None and shadow.version == reign.version:
            del self._shadows[family]  # a person has let it serve

    def _watch(self, family: str, shadow: Shadow, outcome: Outcome) -> None:
        serving = self._answering(family, outcome)
        shadow.pair.add(outcome, shadow.version, serving)
        if outcome.settled_ns < shadow.until_ns:
            return
        record = shadow.pair.record(shadow.since_ns, outcome.settled_ns)
        last = shadow_findings(record, self._terms)[-1]
        if last.is_passed or last.name not in ("days", "outcomes"):
            shadow.verdict, shadow.newest = last, outcome

    def _follow(self, family: str, tenure: Tenure, outcome: Outcome) -> None:
        version = tenure.reign.version
        tenure.beside_before.add(outcome, version, self._named(family, outcome))
        tenure.beside_baseline.add(outcome, version, self._baseline(family, outcome))
        loss = outcome.loss_of(version)
        assert loss is not None, "asked before"
        alarm = tenure.stream.add(outcome.close_ns, outcome.settled_ns, loss)
        if alarm is not None and alarm.is_worse:
            self._alarm(family, tenure, outcome, ADWIN, alarm.after, alarm.before)
        day_ns, week_ns = (
            trading_day_start_ns(outcome.settled_ns), week_open_ns(outcome.settled_ns),
        )  # fmt: skip
        is_new_day, is_new_week = day_ns > tenure.day_ns > 0, week_ns > tenure.week_ns > 0
        tenure.day_ns, tenure.week_ns = day_ns, week_ns
        if is_new_day:
            self._look(family, tenure, outcome, is_new_week=is_new_week)

    def _look(self, family: str, tenure: Tenure, outcome: Outcome, *, is_new_week: bool) -> None:
        """Make the tests of a trading day, and those of a week where one begins."""
        reign, now_ns = tenure.reign, outcome.settled_ns
        beside_before = tenure.beside_before.record(reign.effective_from_ns, now_ns)
        is_fresh = now_ns - reign.effective_from_ns <= FRESH_DAYS * DAY_NS
        if is_fresh and independent_outcomes(beside_before) >= self._terms.shadow_outcomes_min:
            last = rollback_findings(beside_before, has_drifted=False)[-1]
            if not last.is_passed:
                tenure.ended_by = ROLLBACK, last, outcome
                return
        beside_baseline = tenure.beside_baseline.record(reign.effective_from_ns, now_ns)
        found = demotion_findings(evidence_of(beside_baseline)) if is_new_week else ()
        if found and not found[-1].is_passed:
            tenure.ended_by = DEMOTION, found[-1], outcome
            return
        trained = self._trained.get(reign.version)
        since_ns = max(now_ns - STALE_DAYS * DAY_NS, reign.effective_from_ns)
        if trained is not None and since_ns > reign.effective_from_ns:
            recent = tenure.beside_baseline.record(since_ns, now_ns)
            for finding in staleness_findings(recent, trained.validation_loss):
                if not finding.is_passed:
                    self._alarm(family, tenure, outcome, LOSS, finding.value, finding.threshold)

    def _alarm(
        self,
        family: str,
        tenure: Tenure,
        outcome: Outcome,
        statistic: str,
        value: float,
        threshold: float,
    ) -> None:
        tenure.alarms[statistic] = Draft(
            fact=DriftDetected(scope=family, statistic=statistic, value=value, threshold=threshold),
            ts_event_ns=outcome.settled_ns,
            ordinal=tenure.reign.version if statistic == ADWIN else f"{statistic} {family}",
            causes=outcome.causes,
        )

    def _named(self, family: str, outcome: Outcome) -> str:
        """Return what served before the present version, by the name that the outcome has for it.

        Where that was the baseline, it is what answers in the place of the family.
        """
        before = self._succession.before(family)
        return before if before != BASELINE else self._baseline(family, outcome)

    def _answering(self, family: str, outcome: Outcome) -> str:
        serving = self._succession.serving(family)
        is_there = serving != BASELINE and outcome.loss_of(serving) is not None
        return serving if is_there else self._baseline(family, outcome)

    def _baseline(self, family: str, outcome: Outcome) -> str:
        below = self._succession.serving(BELOW[family]) if family in BELOW else BASELINE
        return below if below and outcome.loss_of(below) is not None else UNTRAINED

    def _judged(
        self, family: str, shadow: Shadow, verdict: Finding, effective_from_ns: int
    ) -> list[Draft]:
        assert shadow.newest is not None
        causes = (shadow.seq, *shadow.newest.causes)
        at_ns = shadow.newest.settled_ns
        report = Draft(
            fact=GateReport(
                scope=family,
                version=shadow.version,
                is_promoted=verdict.is_passed,
                failed_gate="" if verdict.is_passed else f"{verdict.gate}.{verdict.name}",
                detail=str(verdict),
                shadow_since_ns=shadow.since_ns,
            ),
            ts_event_ns=at_ns,
            ordinal=shadow.version,
            causes=causes,
        )
        if not verdict.is_passed:
            return [report]
        promoted = ModelPromoted(
            scope=family,
            version=shadow.version,
            content_hash=shadow.content_hash,
            effective_from_ns=effective_from_ns,
        )
        draft = Draft(
            fact=promoted,
            ts_event_ns=at_ns,
            ordinal=shadow.version,
            causes=(report.slot, shadow.seq),
        )
        return [report, draft]


_CANDIDATES_MAX: Final = 64
