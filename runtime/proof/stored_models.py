"""The models of a recorded run, read again from its store, and facts held against what is stored.

Every byte of a version is checked by the store. Where it has forgotten a version, nobody knows what
the version would say, and whoever served it cannot be run again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.requests import ModelRead, ReadModel, Reply, Unanswered
from blackboard.entry import Entry
from blackboard.errors import ArtefactRefused, QuorumError
from blackboard.facts import CandidateTrained, GateReport, ModelPromoted, TrialRecorded
from runtime.artefacts.registry import TrialRegistry, TrialRow
from runtime.artefacts.version import ModelRefused, Refusal
from runtime.model_store import ModelStore
from runtime.proof.divergence import Divergence, stored_otherwise

REPEATABLE: Final = frozenset({Refusal.EXPIRED, Refusal.WRONG_SCHEMA})
"""Refusals that a reader gets at the same moment again, whatever has become of the store."""
_VERSION_DIGITS: Final = 12


class ModelGone(QuorumError):
    """A model that was read in the run cannot be read any more."""


class StoredModels:
    """The store of a run, where there still is one.

    Parameters
    ----------
    folder : Path, optional
        Folder of the models; where there is none no version is stored.
    """

    def __init__(self, folder: Path | None) -> None:
        is_there = folder is not None and folder.is_dir()
        self._store = ModelStore(folder) if folder is not None and is_there else None
        self._known: TrialRegistry | None = None

    def answer(self, request: ReadModel, now_ns: int) -> Reply:
        """Return the files of a version, or the refusal that its reader got.

        Raises
        ------
        ModelGone
            If the version is not stored any more, or is not what was stored.
        """
        try:
            if self._store is None:
                raise ModelRefused(Refusal.MISSING, request.version)
            stored = self._store.read(
                request.family,
                request.version,
                now_ns=now_ns,
                feature_schema=request.feature_schema or None,
            )
        except ModelRefused as error:
            if error.refusal in REPEATABLE:
                return Unanswered(request=request, reason=str(error))
            if error.refusal is Refusal.MISSING:
                raise ModelGone(f"model {request.version} is no longer stored") from error
            raise ModelGone(f"model {request.version} cannot be read: {error}") from error
        return ModelRead(request=request, files=tuple(stored.files.items()))

    def check(self, entry: Entry) -> Divergence | None:
        """Return the first field of a training's fact in which the store has something else."""
        for field, recorded, stored in self._pairs(entry):
            if recorded != stored:
                return stored_otherwise(entry, field, repr(recorded), repr(stored))
        return None

    def _pairs(self, entry: Entry) -> Iterator[tuple[str, object, object]]:
        match entry.fact:
            case CandidateTrained() | ModelPromoted() as fact:
                yield from self._of_version(fact)
            case TrialRecorded() as trial:
                row = self._trial(trial)
                for name in ("parameters", "score", "data_hash") if row else ():
                    yield name, getattr(trial, name), getattr(row, name)
            case GateReport(scope=family, version=version, detail=detail, shadow_since_ns=0):
                registry = self._registry()
                judged = registry.judged(family) if registry else ()
                details = [row.detail for row in judged if row.version == version]
                if details and detail not in details:
                    yield "detail", detail, details[-1]
            case _:
                pass

    def _of_version(
        self, fact: CandidateTrained | ModelPromoted
    ) -> Iterator[tuple[str, object, object]]:
        family, _, name = fact.version.partition("/")
        if family != fact.scope or not fact.content_hash:
            return  # it is computed on the board, or a person let something unreadable serve
        yield "version", name, fact.content_hash[:_VERSION_DIGITS]
        try:
            manifest = self._store.manifest(family, fact.version) if self._store else None
        except ModelRefused:
            return  # whoever reads it will be told
        if manifest is None:
            return
        yield "content_hash", fact.content_hash, manifest.content_hash
        if isinstance(fact, CandidateTrained):
            yield "rows", fact.rows, manifest.rows
            yield "trained_until_ns", fact.trained_until_ns, manifest.trained_until_ns

    def _trial(self, trial: TrialRecorded) -> TrialRow | None:
        registry = self._registry()
        for row in registry.of(trial.scope) if registry else ():
            if isinstance(row, TrialRow) and row.trial_id == trial.trial_id:
                return row
        return None

    def _registry(self) -> TrialRegistry | None:
        if self._known is None and self._store is not None:
            try:
                self._known = self._store.registry()
            except ArtefactRefused:
                self._store = None  # a store whose record is broken proves nothing
        return self._known
