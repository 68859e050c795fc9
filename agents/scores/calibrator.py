"""From the outcomes of the voters to calibrations in force, and the verdict on a retraining.

Two ways lead to a new calibration. The scheduled refresh follows the online fit once it has proven
better than none. A retraining that was asked for trains a candidate, judges it on outcomes it has
not seen, and always ends in exactly one `GateReport`, whatever there was to train on.
"""

import hashlib
import json
from typing import Final, NamedTuple

from agents.known import Known
from agents.scores.scorecard import Outcome, Record, columns
from blackboard.entry import Draft
from blackboard.facts import (
    Calibration,
    CandidateTrained,
    GateReport,
    TrainingSkipped,
    TrialRecorded,
)
from config.agents import LearnerSection
from models.learning.scoring import (
    IDENTITY,
    PLATT_MEMORY,
    PLATT_RIDGE,
    Platt,
    Recalibration,
    refresh_platt,
    try_platt,
)

FAMILY: Final = "calibration"
"""The family of models that is trained; ``all`` asks for it too."""
TRAINABLE: Final = (FAMILY, "all")
PROMOTION_LEVEL: Final = 0.05
"""One-sided level of the gate, shared out between the voters that are tried at once."""


class Retraining(NamedTuple):
    """A request that waits for its verdict, with what was known when it was made."""

    scope: str
    ts_event_ns: int
    seq: int
    outcomes: dict[str, tuple[Outcome, ...]]
    incumbents: dict[str, Platt]


class _Tried(NamedTuple):
    # One voter's trial, with the names that the facts give it.
    voter: str
    trial: Recalibration
    version: str
    content_hash: str
    data_hash: str


def in_force(found: Known[Calibration] | None) -> Platt:
    """Return the coefficients that serve, the identity where there is no calibration."""
    return IDENTITY if found is None else Platt(found.fact.intercept, found.fact.slope)


def refreshed(record: Record, incumbent: Platt, section: LearnerSection) -> Platt:
    """Return what should serve from now on; the incumbent while there are too few outcomes."""
    if len(record.label) < section.calibration_outcomes_min:
        return incumbent
    return refresh_platt(
        record.probability_up,
        record.label,
        record.voted_ns,
        record.settled_ns,
        prior_slope=section.calibration_prior_slope,
        evidence=record.evidence,
    )


def calibration_of(
    voter: str, coefficients: Platt, outcomes: int, effective_from_ns: int
) -> Calibration:
    """Return the fact that puts a calibration in force."""
    return Calibration(
        scope=voter,
        intercept=coefficients.intercept,
        slope=coefficients.slope,
        outcomes=outcomes,
        effective_from_ns=effective_from_ns,
    )


def verdict(
    request: Retraining, section: LearnerSection, *, may_promote: bool, effective_from_ns: int
) -> list[Draft]:
    """Return everything that answers one request, the GateReport last.

    Parameters
    ----------
    request : Retraining
        The request and the outcomes known when it was made.
    section : LearnerSection
        Settings of the learner.
    may_promote : bool
        False for a learner in shadow, which judges only.
    effective_from_ns : int
        When a promoted candidate begins to serve.
    """
    if request.scope not in TRAINABLE:
        return _skipped(request, "unknown_model", f"{request.scope} is not trained here", 0, 1)
    need = section.calibration_outcomes_min
    tried = [
        _try(request, voter, section)
        for voter, outcomes in request.outcomes.items()
        if len(outcomes) >= need
    ]
    if not tried:
        have = max(map(len, request.outcomes.values()), default=0)
        return _skipped(request, "outcomes_min", "too few outcomes", have, need)
    drafts = [draft for each in tried for draft in _trial_drafts(request, each)]
    level = PROMOTION_LEVEL / len(tried)
    better = [each for each in tried if _is_better(each.trial, level)]
    served = better if may_promote else []
    drafts += [
        _draft(
            request,
            calibration_of(
                each.voter, each.trial.candidate, each.trial.train_rows, effective_from_ns
            ),
            ordinal="retraining",
        )
        for each in served
    ]
    failed_gate = "" if served else ("shadow" if better else "forecast")
    return [*drafts, _report(request, tried, failed_gate, [draft.slot for draft in drafts])]


def _try(request: Retraining, voter: str, section: LearnerSection) -> _Tried:
    record = columns(request.outcomes[voter])
    trial = try_platt(
        record.probability_up,
        record.label,
        record.voted_ns,
        record.settled_ns,
        incumbent=request.incumbents[voter],
        prior_slope=section.calibration_prior_slope,
        evidence=record.evidence,
    )
    coefficients = f"{trial.candidate.intercept!r} {trial.candidate.slope!r}"
    content_hash = hashlib.sha256(f"{voter} {coefficients}".encode()).hexdigest()
    data = hashlib.sha256()
    for column in record:
        data.update(column.tobytes())
    version = f"{FAMILY}.{voter}/{content_hash[:12]}"
    return _Tried(voter, trial, version, content_hash, data.hexdigest())


def _is_better(trial: Recalibration, level: float) -> bool:
    return trial.comparison.gain > 0.0 and trial.comparison.p_value < level


def _trial_drafts(request: Retraining, tried: _Tried) -> list[Draft]:
    trained_until_ns = request.outcomes[tried.voter][-1].settled_ns
    configuration = {"memory": PLATT_MEMORY, "ridge": PLATT_RIDGE, "voter": tried.voter}
    trial = TrialRecorded(
        scope=FAMILY,
        trial_id=f"{tried.version}@{request.ts_event_ns}",
        parameters=json.dumps(configuration, sort_keys=True),
        score=tried.trial.candidate_brier,
        data_hash=tried.data_hash,
    )
    candidate = CandidateTrained(
        scope=FAMILY,
        version=tried.version,
        content_hash=tried.content_hash,
        rows=tried.trial.train_rows,
        trained_until_ns=trained_until_ns,
    )
    return [
        _draft(request, trial, ordinal=tried.voter),
        _draft(request, candidate, ordinal=tried.voter),
    ]


def _report(request: Retraining, tried: list[_Tried], failed_gate: str, slots: list[str]) -> Draft:
    combined = hashlib.sha256("".join(each.content_hash for each in tried).encode()).hexdigest()
    fact = GateReport(
        scope=request.scope,
        version=f"{FAMILY}/{combined[:12]}",
        is_promoted=not failed_gate,
        failed_gate=failed_gate,
        detail="; ".join(map(_sentence, tried)),
    )
    return _draft(request, fact, causes=tuple(slots))


def _sentence(tried: _Tried) -> str:
    trial = tried.trial
    return (
        f"{tried.voter}: Brier {trial.candidate_brier:.5f} against {trial.incumbent_brier:.5f} "
        f"on {trial.judged_rows} outcomes, p {trial.comparison.p_value:.3f}"
    )


def _skipped(request: Retraining, gate: str, reason: str, have: int, need: int) -> list[Draft]:
    skipped = _draft(
        request, TrainingSkipped(scope=request.scope, reason=reason, have=have, need=need)
    )
    report = GateReport(
        scope=request.scope,
        version="",
        is_promoted=False,
        failed_gate=gate,
        detail=f"{reason}: {have} of {need}; the incumbent stays",
    )
    return [skipped, _draft(request, report, causes=(skipped.slot,))]


def _draft(
    request: Retraining,
    fact: TrialRecorded | CandidateTrained | GateReport | TrainingSkipped | Calibration,
    ordinal: str = "",
    causes: tuple[str, ...] = (),
) -> Draft:
    return Draft(
        fact=fact,
        ts_event_ns=request.ts_event_ns,
        ordinal=ordinal,
        causes=(request.seq, *causes),
    )
