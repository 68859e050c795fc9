"""What the world said of trainings and of the store, told back from the facts that followed.

A training happens outside of the journal, like a deal at the broker: what came of it is known by
the facts of its end. They are turned back into the reply, and the learner must say all of them
again, each in its place, with nothing more and nothing less.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from agents.requests import ReadModel, Unanswered
from agents.training.requests import (
    Champion,
    ChampionsRead,
    ReadChampions,
    Train,
    Trained,
    TriedConfiguration,
)
from blackboard.entry import Entry
from blackboard.facts import (
    CandidateTrained,
    Fact,
    GateReport,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    TrainingSkipped,
    TrialRecorded,
)

SHADOW: Final = "shadow"
"""Gate of a candidate that has passed every gate of a learner that promotes nothing itself."""
NOT_LOADED: Final = "not_loaded: "
"""How ModelFailed begins where the store gave the files, and the agent could not use them."""


def trained_of(request: Train, entries: Iterable[Entry]) -> Trained | None:
    """Return what came of a training by the facts of its end, None if they are not among these."""
    end = [
        entry.fact
        for entry in entries
        if entry.fact.scope == request.family and entry.ts_event_ns == request.attempt_ns
    ]
    for fact in end:
        if isinstance(fact, TrainingSkipped):
            return Trained(request=request, reason=fact.reason, have=fact.have, need=fact.need)
    candidate = next((fact for fact in end if isinstance(fact, CandidateTrained)), None)
    report = next((fact for fact in end if isinstance(fact, GateReport)), None)
    if candidate is None or report is None:
        return None
    return _judged(request, candidate, report, end)


def _judged(
    request: Train, candidate: CandidateTrained, report: GateReport, end: Sequence[Fact]
) -> Trained:
    trials = [fact for fact in end if isinstance(fact, TrialRecorded)]
    is_in_shadow = report.failed_gate == SHADOW or report.shadow_until_ns > 0
    return Trained(
        request=request,
        version=candidate.version,
        content_hash=candidate.content_hash,
        rows=candidate.rows,
        trained_until_ns=candidate.trained_until_ns,
        validation_loss=candidate.validation_loss,
        data_hash=trials[0].data_hash if trials else "",
        trials=tuple(
            TriedConfiguration(trial_id=one.trial_id, parameters=one.parameters, score=one.score)
            for one in trials
        ),
        has_passed=report.is_promoted or is_in_shadow,
        is_baseline_due=any(isinstance(fact, ModelRolledBack) for fact in end),
        failed_gate="" if is_in_shadow else report.failed_gate,
        detail=report.detail,
    )


def champions_of(request: ReadChampions, entries: Iterable[Entry]) -> ChampionsRead:
    """Return what the store must have said for the learner to follow it; nothing if it did not.

    What follows from the store alone names one cause, the close; what follows from a training or a
    failure names two.
    """
    champions = []
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, ModelPromoted | ModelRolledBack) or len(entry.causes) != 1:
            continue
        champions.append(
            Champion(
                family=fact.scope,
                version=fact.version,
                content_hash=fact.content_hash if isinstance(fact, ModelPromoted) else "",
                reason=fact.reason if isinstance(fact, ModelRolledBack) else "",
            )
        )
    return ChampionsRead(request=request, champions=tuple(champions))


def refused_model(request: ReadModel, entries: Iterable[Entry]) -> Unanswered | None:
    """Return the store's refusal of a model as its reader told of it, None if it told of none."""
    for entry in entries:
        match entry.fact:
            case ModelFailed(version=request.version, was_serving=False, reason=reason):
                if not reason.startswith(NOT_LOADED):
                    return Unanswered(request=request, reason=reason)
            case _:
                pass
    return None
