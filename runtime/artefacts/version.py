"""What a stored version is, and how its files are held against that before anything is loaded."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ArtefactRefused
from models.learning.candidate import Candidate
from models.market.sessions import DAY_NS
from runtime.artefacts.formats import NotFinite, UnknownFormat, check_content

_HASH_DIGITS: Final = 12


class Refusal(StrEnum):
    """Why a stored model is not used."""

    MISSING = "missing"
    TRUNCATED = "truncated"
    TAMPERED = "tampered"
    WRONG_SCHEMA = "wrong_schema"
    EXPIRED = "expired"
    UNKNOWN_FILE_TYPE = "unknown_file_type"
    NOT_FINITE = "not_finite"


class ModelRefused(ArtefactRefused):
    """A version is not used, and why."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(f"{refusal.value}: {detail}")
        self.refusal = refusal


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version."""

    name: str
    size_bytes: int
    sha256: str


class ModelManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version is and what it came from."""

    format: int = 1
    family: str
    version: str
    content_hash: str
    """SHA-256 over names and contents of the files, 64 hex digits."""
    feature_schema: tuple[str, ...]
    data_hash: str
    code_hash: str
    rows: int
    trained_until_ns: int
    stored_ns: int
    expires_ns: int
    files: tuple[FileRecord, ...]


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A version that passed every check."""

    manifest: ModelManifest
    files: dict[str, bytes]


def manifest_of(
    candidate: Candidate, *, code_hash: str, stored_ns: int, expiry_days: int
) -> ModelManifest:
    """Return what a candidate is as a version; its name is that of its content.

    Parameters
    ----------
    candidate : Candidate
        What a training made.
    code_hash : str
        Of the sources that train and serve.
    stored_ns : int
        Market time.
    expiry_days : int
        Days after the training's end on which the version is refused.
    """
    records = tuple(
        FileRecord(name=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(candidate.files.items())
    )
    digest = hashlib.sha256()
    for record in records:
        digest.update(f"{record.name} {record.sha256}\n".encode())
    content_hash = digest.hexdigest()
    return ModelManifest(
        family=candidate.family,
        version=f"{candidate.family}/{content_hash[:_HASH_DIGITS]}",
        content_hash=content_hash,
        feature_schema=candidate.feature_schema,
        data_hash=candidate.data_hash,
        code_hash=code_hash,
        rows=candidate.rows,
        trained_until_ns=candidate.trained_until_ns,
        stored_ns=stored_ns,
        expires_ns=candidate.trained_until_ns + expiry_days * DAY_NS,
        files=records,
    )


def check_file(name: str, content: bytes) -> None:
    """Raise ModelRefused if a file is of no allowed kind, or holds numbers that are not finite."""
    try:
        check_content(name, content)
    except UnknownFormat as error:
        raise ModelRefused(Refusal.UNKNOWN_FILE_TYPE, str(error)) from error
    except NotFinite as error:
        raise ModelRefused(Refusal.NOT_FINITE, str(error)) from error


def content_of(path: Path, record: FileRecord) -> bytes:
    """Return the content of a file that is what was stored; raises ModelRefused."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelRefused(Refusal.MISSING, f"{record.name} is gone") from error
    if len(content) != record.size_bytes:
        raise ModelRefused(
            Refusal.TRUNCATED, f"{record.name} has {len(content)} of {record.size_bytes} bytes"
        )
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise ModelRefused(Refusal.TAMPERED, f"{record.name} has another SHA-256")
    check_file(record.name, content)
    return content
