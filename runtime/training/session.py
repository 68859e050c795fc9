"""One training from bars to verdict: trained, stored, rehearsed, judged, noted.

The verdict is made here and not in an agent: its bootstraps take seconds, and no step of an agent
may. What happens to the verdict is the learner's to decide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from models.learning.candidate import Candidate, ForecastEvidence, Untrained
from models.learning.verdict import Registry, Rehearsal, Serving, quarter_of
from runtime.artefacts.registry import JudgedRow, TrialRegistry, TrialRow
from runtime.artefacts.version import ModelManifest, ModelRefused
from runtime.clock import process_s
from runtime.model_store import ModelStore
from runtime.training.judgement import judged
from runtime.training.lesson import Lesson
from runtime.training.outcome import Outcome, outcome_of
from runtime.training.trainers import LEARNS_FROM_TEXTS, RECITALS, TRAINERS

_MS_PER_S: Final = 1000.0


class Graduation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a training."""

    outcome: Outcome
    manifest: ModelManifest | None = None
    """None where there is no candidate."""
    trials: tuple[TrialRow, ...] = ()
    has_passed: bool = False
    is_baseline_due: bool = False
    validation_loss: float = 0.0
    """Mean loss on rows that training had not seen; 0 for families that forecast nothing."""
    failed_gate: str = ""
    detail: str = ""
    reason: str = ""
    have: int = 0
    need: int = 0


def graduate(
    family: str,
    lesson: Lesson,
    store: ModelStore,
    *,
    now_ns: int,
    is_refresh: bool,
    is_timed: bool = True,
) -> Graduation:
    """Train a family on a lesson and judge what comes of it; nothing serves by it yet.

    Parameters
    ----------
    family : str
        One of the table of trainers.
    lesson : Lesson
        What it learns from; the champion is added from the store.
    store : ModelStore
        Where the candidate goes, and what was tried before.
    now_ns : int
        Market time of the attempt.
    is_refresh : bool
        Whether a schedule or an alarm of drift asked for it.
    is_timed : bool
        Whether the time that the model takes to answer counts; a clock is not the same twice.
    """
    short = shortest(lesson)
    needs_bars = family not in LEARNS_FROM_TEXTS
    if needs_bars and short < lesson.settings.agents.learner.training.bars_min:
        need = lesson.settings.agents.learner.training.bars_min
        return _untrained(family, Untrained("too few bars", short, need))
    if family not in TRAINERS:
        return _untrained(family, Untrained("nobody trains this family", 0, 1))
    lesson = replace(lesson, champion=_champion(store, family, now_ns), now_ns=now_ns)
    try:
        trained = TRAINERS[family](lesson)
        if isinstance(trained, Untrained):
            return _untrained(family, trained)
        return present(
            trained, lesson, store, now_ns=now_ns, is_refresh=is_refresh, is_timed=is_timed
        )
    except ModuleNotFoundError as error:
        return _untrained(family, Untrained(f"the package {error.name} is missing", 0, 1))


def present(
    trained: Candidate,
    lesson: Lesson,
    store: ModelStore,
    *,
    now_ns: int,
    is_refresh: bool,
    is_timed: bool = True,
) -> Graduation:
    """Store, rehearse and judge a candidate, and note the verdict; for the rest see `graduate`."""
    family = trained.family
    earlier = store.registry()
    try:
        manifest = store.put(trained, now_ns)
        rehearsal = _rehearsed(trained, lesson, store, manifest, is_timed=is_timed)
    except ModelRefused as error:
        return _untrained(family, Untrained(str(error), 0, 1))
    known = _known(earlier, family, manifest, now_ns)
    if known is None:
        verdict = judged(
            trained,
            lesson,
            registry_of(earlier, family, now_ns),
            rehearsal,
            is_refresh=is_refresh,
        )
        known = JudgedRow(
            family=family,
            at_ns=now_ns,
            version=manifest.version,
            is_promoted=verdict.is_promoted,
            failed_gate=verdict.failed_gate,
            detail=verdict.detail,
            effective_trials=verdict.effective_trials,
            is_baseline_due=bool(lesson.champion) and verdict.serving is Serving.BASELINE,
        )
        store.note_verdict(known)
    return Graduation(
        outcome=outcome_of(family, trained, known),
        manifest=manifest,
        trials=tuple(_trials(store.registry(), family, manifest.data_hash)),
        has_passed=known.is_promoted,
        is_baseline_due=known.is_baseline_due,
        validation_loss=_validation_loss(trained),
        failed_gate=known.failed_gate,
        detail=known.detail,
    )


def _validation_loss(candidate: Candidate) -> float:
    evidence = candidate.evidence
    if isinstance(evidence, ForecastEvidence) and len(evidence.loss):
        return float(np.mean(evidence.loss))
    return 0.0


def shortest(lesson: Lesson) -> int:
    """Return the bars of the symbol that has the fewest."""
    return min(map(len, lesson.bars.values()), default=0)


def registry_of(registry: TrialRegistry, family: str, now_ns: int) -> Registry:
    """Return what was tried in a family before: over all time, and in this quarter."""
    verdicts = registry.judged(family)
    quarter = quarter_of(now_ns)
    return Registry(
        effective_trials=sum(row.effective_trials for row in verdicts),
        attempts=sum(quarter_of(row.at_ns) == quarter for row in verdicts),
    )


def _untrained(family: str, result: Untrained) -> Graduation:
    return Graduation(
        outcome=outcome_of(family, result),
        reason=result.reason,
        have=result.have,
        need=result.need,
    )


def _champion(store: ModelStore, family: str, now_ns: int) -> Mapping[str, bytes]:
    version = store.registry().champion(family)
    if not version:
        return {}
    try:
        return store.read(family, version, now_ns=now_ns).files
    except ModelRefused:
        return {}  # it serves nobody either


def _rehearsed(
    candidate: Candidate,
    lesson: Lesson,
    store: ModelStore,
    manifest: ModelManifest,
    *,
    is_timed: bool,
) -> Rehearsal | None:
    family = candidate.family
    recite = RECITALS.get(family)
    if recite is None:
        return None
    saved = recite(candidate.files, lesson)
    stored = store.read(family, manifest.version)
    began_s = process_s()
    loaded = recite(stored.files, lesson)
    elapsed_ms = (process_s() - began_s) * _MS_PER_S
    return Rehearsal(
        feature_schema=loaded.features,
        saved=saved.said,
        loaded=loaded.said,
        low=loaded.low,
        high=loaded.high,
        latency_ms=np.array([elapsed_ms / max(len(loaded.said), 1)] if is_timed else []),
    )


def _known(
    registry: TrialRegistry, family: str, manifest: ModelManifest, now_ns: int
) -> JudgedRow | None:
    """Return the verdict of the same attempt, made before somebody was interrupted."""
    for row in registry.judged(family):
        if (row.version, row.at_ns) == (manifest.version, now_ns):
            return row
    return None


def _trials(registry: TrialRegistry, family: str, data_hash: str) -> Iterator[TrialRow]:
    for row in registry.of(family):
        if isinstance(row, TrialRow) and row.data_hash == data_hash:
            yield row
