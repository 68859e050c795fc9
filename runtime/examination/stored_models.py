"""The folders of trained models: what serves, and whether every byte is what was stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from blackboard.errors import ArtefactRefused
from config.settings import Settings
from runtime.artefacts.registry import BASELINE, REGISTRY_FILE
from runtime.examination.finding import FAIL, OK, Finding
from runtime.machine.port import Held
from runtime.model_store import ModelStore
from runtime.run_plan import MODELS

_MARKETS: Final = ("synthetic", "real")


def stored_models(settings: Settings) -> Iterator[Finding]:
    """Examine the seals of the record and of every version that serves."""
    for name in _MARKETS:
        folder = settings.home.absolute() / MODELS / name
        if (folder / REGISTRY_FILE).exists():
            yield from _folder(name, folder)


def _folder(name: str, folder: Path) -> Iterator[Finding]:
    subject = f"models, {name}"
    try:
        store = ModelStore(folder)
        registry = store.registry()
    except (ArtefactRefused, OSError, Held) as error:
        mend = f"put {folder} back from a copy, or move it away: baselines serve then"
        yield Finding(FAIL, subject, str(error), mend)
        return
    sound = []
    for family in registry.families():
        version = registry.champion(family)
        if version == BASELINE:
            continue
        try:
            store.read(family, version)
        except ArtefactRefused as error:
            mend = f"python launch.py models rollback {family}"
            yield Finding(FAIL, f"model {version}", str(error), mend)
        else:
            sound.append(version)
    serving = f"{', '.join(sorted(sound))} serve, seals sound" if sound else "baselines serve"
    yield Finding(OK, subject, f"{len(registry.rows)} rows on record, {serving}")
