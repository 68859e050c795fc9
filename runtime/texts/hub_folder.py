"""Where fetched models lie, and what each of their files must be.

A model's manifest is written when all of its files are there, and sealed. Before a file is opened
its checksum is held against the manifest: a model that was changed since it was fetched is not
used, whoever changed it.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ArtefactRefused
from config.settings import Settings
from runtime.artefacts.seal import Seal
from runtime.book import write_atomically
from runtime.machine.port import lock
from runtime.texts.known_models import CONFIG, VOCABULARIES, WEIGHTS, HubModel

MANIFEST_FILE: Final = "fetched.json"
SEAL_FILE: Final = "fetched.seal"
LOCK_WAIT_S: Final = 30.0
CONFIG_BYTES_MAX: Final = 1_000_000
_CHUNK_BYTES: Final = 1 << 20


class FetchedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a fetched model."""

    name: str
    size_bytes: int
    sha256: str
    is_published: bool
    """Whether the checksum was known beforehand; if not, it is what the first fetch brought."""


class FetchedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was fetched."""

    model: str
    revision: str
    source: str
    files: tuple[FetchedFile, ...]


class HubFolder:
    """The folder of fetched models; several processes may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, model: HubModel) -> Path:
        """Return where a model lies, or will."""
        return self.folder / model.name.replace("/", "--") / model.revision

    def is_there(self, model: HubModel) -> bool:
        """Whether a model was fetched; it is not yet verified."""
        return (self.place(model) / MANIFEST_FILE).exists()

    def write(self, model: HubModel, source: str, files: tuple[FetchedFile, ...]) -> FetchedModel:
        """Seal what lies in a model's place as the model."""
        fetched = FetchedModel(
            model=model.name, revision=model.revision, source=source, files=files
        )
        content = msgspec.json.format(msgspec.json.encode(fetched))
        place = self.place(model)
        write_atomically(place / SEAL_FILE, self._seal().of(content).encode())
        write_atomically(place / MANIFEST_FILE, content)
        return fetched

    def verified(self, model: HubModel) -> Path:
        """Return a model's folder, every byte checked; raises ArtefactRefused."""
        place = self.place(model)
        fetched = self.manifest(model)
        if strangers := {path.name for path in place.iterdir()} - {
            MANIFEST_FILE, SEAL_FILE, *(each.name for each in fetched.files),
        }:  # fmt: skip
            raise ArtefactRefused(f"{place} holds {', '.join(sorted(strangers))}")
        for each in fetched.files:
            path = place / each.name
            if not path.is_file() or path.is_symlink():
                raise ArtefactRefused(f"{path} is missing")
            if (path.stat().st_size, sha256_of(path)) != (each.size_bytes, each.sha256):
                raise ArtefactRefused(f"{path} is not what was fetched")
        return place

    def manifest(self, model: HubModel) -> FetchedModel:
        """Return what was fetched as the model, its seal checked; raises ArtefactRefused."""
        place = self.place(model)
        try:
            content = (place / MANIFEST_FILE).read_bytes()
            seal = (place / SEAL_FILE).read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise ArtefactRefused(f"{model.label} is not fetched whole") from error
        if not self._seal().fits(content, seal):
            raise ArtefactRefused(f"the manifest of {model.label} has another seal")
        fetched = msgspec.json.decode(content, type=FetchedModel)
        if (fetched.model, fetched.revision) != (model.name, model.revision):
            raise ArtefactRefused(f"{place} holds {fetched.model}@{fetched.revision}")
        for each in fetched.files:
            if model.checksums.get(each.name, each.sha256) != each.sha256:
                raise ArtefactRefused(f"{each.name} of {model.label} has another checksum")
        return fetched

    def remove(self, model: HubModel) -> None:
        """Remove what lies in a model's place, whole or not."""
        shutil.rmtree(self.place(model), ignore_errors=True)

    def _seal(self) -> Seal:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock(self.folder / "lock", LOCK_WAIT_S):
            return Seal(self.folder)


def hub_folder(settings: Settings) -> HubFolder:
    """Return the folder that all books of an installation share: texts know no market."""
    return HubFolder(settings.home.absolute() / "models" / "hub")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_model(place: Path) -> None:
    """Hold a folder against what a model is: weights, a table of labels, a vocabulary, no code.

    Raises
    ------
    ArtefactRefused
        If it must not be opened.
    """
    from safetensors import SafetensorError, safe_open

    from models.opinion.tone_network import columns_of

    try:
        content = (place / CONFIG).read_bytes()
        config = msgspec.json.decode(content[:CONFIG_BYTES_MAX], type=dict[str, object])
        labels = msgspec.convert(config.get("id2label", {}), dict[str, str])
        columns_of(dict(enumerate(labels.values())))
        with safe_open(place / WEIGHTS, framework="numpy") as weights:
            count = len(list(weights.keys()))
    except (OSError, msgspec.MsgspecError, SafetensorError, ValueError) as error:
        raise ArtefactRefused(f"{place.parent.name} cannot be used: {error}") from error
    if "auto_map" in config:
        raise ArtefactRefused(f"{place.parent.name} asks for code of its own (auto_map)")
    if not count or not any((place / name).exists() for name in VOCABULARIES):
        raise ArtefactRefused(f"{place.parent.name} has no weights or no vocabulary")
