"""The folder of trained models: immutable versions, who serves, and every trial ever made.

A version is written beside its place, synced, and renamed into it in one step; only then a row of
the registry names it. So a power cut leaves an unnamed folder or a whole version, never half of
one. What is read is held against its sealed manifest byte by byte first; whatever does not fit is
refused with a reason, and whoever serves goes on serving.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from models.learning.candidate import Candidate
from runtime.artefacts.registry import (
    BASELINE,
    JudgedRow,
    ServingRow,
    ShadowRow,
    TrialRegistry,
    trial_rows,
)
from runtime.artefacts.seal import Seal
from runtime.artefacts.version import (
    ModelManifest,
    ModelRefused,
    Refusal,
    StoredModel,
    check_file,
    content_of,
    manifest_of,
)
from runtime.book import write_atomically
from runtime.machine.current import MACHINE
from runtime.machine.port import lock, sync_file

MANIFEST_FILE: Final = "manifest.json"
SEAL_FILE: Final = "manifest.seal"
KEPT_MAX: Final = 3
"""Versions of a family that are kept besides the one that serves: those that served last, and those
that were trained last."""
LOCK_WAIT_S: Final = 30.0


class ModelStore:
    """One folder of models; several processes may use it.

    What `put` returned survives a power cut; putting the same candidate again changes nothing.
    """

    def __init__(self, folder: Path, code_hash: str = "", expiry_days: int = 90) -> None:
        """Take the folder and make it where there is none.

        Parameters
        ----------
        folder : Path
            Usually ``models`` under the home.
        code_hash : str
            Hash of the sources that train and serve, for the manifests.
        expiry_days : int
            Days of market time after its training's end on which a version is refused.
        """
        self.folder = folder
        self._code_hash = code_hash
        self._expiry_days = expiry_days
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            self._seal = Seal(folder)

    def put(self, candidate: Candidate, now_ns: int) -> ModelManifest:
        """Store a candidate as a version and note its trials; it does not serve yet.

        Raises
        ------
        ModelRefused
            If a file is of no allowed kind, or holds numbers that are not finite.
        """
        for name, content in candidate.files.items():
            check_file(name, content)
        manifest = manifest_of(
            candidate,
            code_hash=self._code_hash,
            stored_ns=now_ns,
            expiry_days=self._expiry_days,
        )
        with self._locked():
            registry = self._registry()
            place = self._place(manifest.family, manifest.version)
            if not self._is_whole(manifest):
                shutil.rmtree(place, ignore_errors=True)
                self._write(place, manifest, candidate.files)
            known = registry.trial_ids(candidate.family)
            rows = trial_rows(candidate, now_ns)
            registry.add(*(row for row in rows if row.trial_id not in known))
            self._forget_old(registry, manifest)
        return self.manifest(manifest.family, manifest.version)

    def read(
        self,
        family: str,
        version: str,
        *,
        now_ns: int = 0,
        feature_schema: tuple[str, ...] | None = None,
    ) -> StoredModel:
        """Return a version whose every byte is what was stored.

        Parameters
        ----------
        family, version : str
            Which.
        now_ns : int
            Market time, for the expiry; 0 asks for none.
        feature_schema : tuple of str, optional
            Columns that the reader can give; others are refused.

        Raises
        ------
        ModelRefused
            With its reason; nothing of the version is used then.
        """
        manifest = self.manifest(family, version)
        if feature_schema is not None and manifest.feature_schema != feature_schema:
            raise ModelRefused(
                Refusal.WRONG_SCHEMA,
                f"{version} reads {', '.join(manifest.feature_schema)}, "
                f"given are {', '.join(feature_schema)}",
            )
        if now_ns > manifest.expires_ns:
            raise ModelRefused(Refusal.EXPIRED, f"{version} expired at {manifest.expires_ns}")
        place = self._place(family, version)
        strangers = {path.name for path in place.iterdir()} - {MANIFEST_FILE, SEAL_FILE}
        strangers -= {record.name for record in manifest.files}
        if strangers:
            raise ModelRefused(
                Refusal.UNKNOWN_FILE_TYPE, f"{version} holds {', '.join(sorted(strangers))}"
            )
        return StoredModel(
            manifest=manifest,
            files={
                record.name: content_of(place / record.name, record) for record in manifest.files
            },
        )

    def manifest(self, family: str, version: str) -> ModelManifest:
        """Return the manifest of a version, its seal checked; raises ModelRefused."""
        place = self._place(family, version)
        try:
            content = (place / MANIFEST_FILE).read_bytes()
            seal = (place / SEAL_FILE).read_text(encoding="ascii")
        except FileNotFoundError as error:
            raise ModelRefused(Refusal.MISSING, f"{version} is not stored whole") from error
        except UnicodeDecodeError as error:
            raise ModelRefused(Refusal.TAMPERED, f"the seal of {version} is no text") from error
        if not self._seal.fits(content, seal):
            raise ModelRefused(Refusal.TAMPERED, f"the manifest of {version} has another seal")
        manifest = msgspec.json.decode(content, type=ModelManifest)
        if (manifest.family, manifest.version) != (family, version):
            raise ModelRefused(Refusal.TAMPERED, f"{version} lies in the place of another version")
        return manifest

    def promote(self, family: str, version: str, now_ns: int) -> ServingRow:
        """Let a stored version serve; raises ModelRefused if it cannot be read."""
        return self.serve(family, version, "", now_ns)

    def roll_back(self, family: str, reason: str, now_ns: int) -> ServingRow:
        """Let the version that served before serve again, or the baseline where none can.

        What is rolled back is passed over by later rollbacks: going back twice does not come back.
        """
        with self._locked():
            registry = self._registry()
            version = self._earlier(registry, family, now_ns)
            return self._add_serving(registry, family, version, reason, now_ns)

    def serve(self, family: str, version: str, reason: str, at_ns: int) -> ServingRow:
        """Note that a version serves since a moment, or the baseline; the same is noted once.

        Raises ModelRefused if the version cannot be read.
        """
        if version:
            self.read(family, version, now_ns=at_ns)
        with self._locked():
            registry = self._registry()
            for row in registry.served(family):
                if (row.version, row.at_ns) == (version, at_ns):
                    return row
            return self._add_serving(registry, family, version, reason, at_ns)

    def note_verdict(self, verdict: JudgedRow) -> None:
        """Note what was decided about a candidate; the same verdict is noted once."""
        with self._locked():
            registry = self._registry()
            if verdict not in registry.judged(verdict.family):
                registry.add(verdict)

    def note_shadow(self, row: ShadowRow) -> None:
        """Note that a candidate is in shadow, or what came of it; the same is noted once."""
        with self._locked():
            registry = self._registry()
            if row not in registry.rows:
                registry.add(row)

    def registry(self) -> TrialRegistry:
        """Return the record of all trials, verdicts and changes; raises ArtefactRefused."""
        with self._locked():
            return self._registry()

    def versions(self, family: str) -> tuple[str, ...]:
        """Return the versions that lie in the store, the oldest first."""
        folder = self.folder / family
        if not folder.is_dir():
            return ()
        manifests = []
        for place in folder.iterdir():
            try:
                manifests.append(self.manifest(family, f"{family}/{place.name}"))
            except ModelRefused:
                continue  # what cannot be read is no version
        manifests.sort(key=lambda one: (one.stored_ns, one.version))
        return tuple(one.version for one in manifests)

    def _is_whole(self, manifest: ModelManifest) -> bool:
        try:
            self.read(manifest.family, manifest.version)
        except ModelRefused:
            return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with lock(self.folder / "lock", LOCK_WAIT_S):
            yield

    def _registry(self) -> TrialRegistry:
        return TrialRegistry(self.folder, self._seal)

    def _place(self, family: str, version: str) -> Path:
        name = version.removeprefix(f"{family}/")
        if not (family.isidentifier() and name.isalnum() and version == f"{family}/{name}"):
            raise ModelRefused(Refusal.MISSING, f"{version!r} is no version of {family!r}")
        return self.folder / family / name

    def _write(self, place: Path, manifest: ModelManifest, files: Mapping[str, bytes]) -> None:
        place.parent.mkdir(exist_ok=True, mode=0o700)
        beside = place.with_name(f"{place.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        content = msgspec.json.format(msgspec.json.encode(manifest))
        written = {**files, MANIFEST_FILE: content, SEAL_FILE: self._seal.of(content).encode()}
        for name, each in written.items():
            write_atomically(beside / name, each)
            with (beside / name).open("rb+") as file:
                sync_file(file.fileno())
        MACHINE.sync_folder(beside)
        beside.rename(place)
        MACHINE.sync_folder(place.parent)

    def _add_serving(
        self, registry: TrialRegistry, family: str, version: str, reason: str, now_ns: int
    ) -> ServingRow:
        row = ServingRow(
            family=family,
            at_ns=now_ns,
            version=version,
            replaced_version=registry.champion(family),
            reason=reason,
        )
        served = registry.served(family)
        if served and served[-1].version == version:
            return served[-1]
        registry.add(row)
        return row

    def _earlier(self, registry: TrialRegistry, family: str, now_ns: int) -> str:
        served = registry.served(family)
        taken_back = {row.replaced_version for row in served if row.reason}
        taken_back.add(registry.champion(family))
        for row in reversed(served):
            if row.version in taken_back:
                continue
            try:
                if row.version:
                    self.read(family, row.version, now_ns=now_ns)
            except ModelRefused:
                continue
            return row.version
        return BASELINE

    def _forget_old(self, registry: TrialRegistry, newest: ModelManifest) -> None:
        family = newest.family
        served = [row.version for row in registry.served(family) if row.version]
        kept = {newest.version, registry.champion(family)}
        shadow = registry.shadow(family)
        kept |= {shadow.version} if shadow is not None and shadow.until_ns else set()
        kept |= set(list(dict.fromkeys(reversed(served)))[:KEPT_MAX])
        versions = self.versions(family)
        kept |= set(versions[-KEPT_MAX:])
        for version in versions:
            if version not in kept:
                shutil.rmtree(self._place(family, version), ignore_errors=True)
