"""What came of a training, in figures that people and programs read."""

import msgspec
import numpy as np

from models.learning.candidate import Candidate, ForecastEvidence, TextEvidence, Untrained
from models.opinion.tone import macro_f1
from runtime.artefacts.registry import JudgedRow
from runtime.instants import iso


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One family's training."""

    family: str
    version: str = ""
    rows: int = 0
    trials: int = 0
    trained_until: str = ""
    score: str = ""
    """Mean loss, or mean daily return, on days that training has not seen."""
    baseline: str = ""
    """The same of what serves where no model has earned its place."""
    gate: str = ""
    """The test of the gates that it failed, empty where it passed or there is no candidate."""
    reason: str = ""
    """Why there is no candidate, by how much it failed, or what it passed."""
    is_promoted: bool = False
    """Whether it serves from now on."""


def outcome_of(
    family: str, result: Candidate | Untrained, verdict: JudgedRow | None = None
) -> Outcome:
    """Return what a training came to, with the verdict on its candidate."""
    if isinstance(result, Untrained):
        reason = f"{result.reason}: {result.have} of {result.need}"
        return Outcome(family=family, reason=reason)
    score, baseline = _figures(result)
    return Outcome(
        family=family,
        version=verdict.version if verdict else "",
        rows=result.rows,
        trials=len(result.trials),
        trained_until=iso(result.trained_until_ns),
        score=score,
        baseline=baseline,
        gate=verdict.failed_gate if verdict else "",
        reason=verdict.detail if verdict else "",
    )


def _figures(candidate: Candidate) -> tuple[str, str]:
    evidence = candidate.evidence
    if isinstance(evidence, ForecastEvidence):
        if not len(evidence.loss):
            return "no rows", ""
        means = float(np.mean(evidence.loss)), float(np.mean(evidence.baseline_loss))
        return f"loss {means[0]:.4f}", f"loss {means[1]:.4f}"
    if isinstance(evidence, TextEvidence):
        said = evidence.said, evidence.baseline_said
        scores = [f"macro-F1 {macro_f1(evidence.label, each):.3f}" for each in said]
        return scores[0], scores[1]
    if not len(evidence.day_returns):
        return "no days", ""
    means = float(np.mean(evidence.day_returns)), float(np.mean(evidence.champion_day_returns))
    return f"{means[0]:+.4%} a day", f"{means[1]:+.4%} a day"
