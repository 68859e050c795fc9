"""The folder of a ready-made forecaster, read and refused before anything of it is loaded.

Two files are taken from it, a description and its weights. A folder that holds weights which run
code when they are loaded, or a program, is refused whole: whoever put them there may one day be
asked to load them.
"""

import importlib
from pathlib import Path
from typing import Final

import structlog

from agents.requests import ModelRead, ReadModel, Unanswered
from models.opinion.forecaster import CONFIG_FILE, WEIGHTS_FILE

CODE_SUFFIXES: Final = frozenset(
    (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".h5", ".msgpack", ".py", ".so")
)
"""Endings of files that are pickles, programs, or formats that may hold either."""
FILES_MAX: Final = 64
CONFIG_BYTES_MAX: Final = 1 << 20
WEIGHTS_BYTES_MAX: Final = 2 << 30
LIBRARIES: Final = ("torch", "safetensors", "transformers")

_log = structlog.get_logger()


def read_forecaster(request: ReadModel, folder: str) -> ModelRead | Unanswered:
    """Return the files of a folder, or in one line why not.

    The libraries that the model needs are imported here, off the agent's loop, because that takes
    seconds and may fail.
    """
    try:
        files = _files_of(Path(folder))
        for name in LIBRARIES:
            importlib.import_module(name)
    except (ImportError, OSError, ValueError) as error:
        reason = f"{folder}: {error}"
        _log.warning("forecaster_refused", folder=folder, reason=str(error))
        return Unanswered(request=request, reason=reason)
    return ModelRead(request=request, files=files)


def _files_of(folder: Path) -> tuple[tuple[str, bytes], ...]:
    if not folder.is_dir():
        raise ValueError("there is no such folder")
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    if len(names) > FILES_MAX:
        raise ValueError(f"it may hold at most {FILES_MAX} files, has {len(names)}")
    coded = [str(name) for name in names if name.suffix.lower() in CODE_SUFFIXES]
    if coded:
        raise ValueError(f"{coded[0]} may run code when it is loaded; only safetensors are taken")
    return (
        (CONFIG_FILE, _content(folder / CONFIG_FILE, CONFIG_BYTES_MAX)),
        (WEIGHTS_FILE, _content(folder / WEIGHTS_FILE, WEIGHTS_BYTES_MAX)),
    )


def _content(path: Path, bytes_max: int) -> bytes:
    if not path.is_file():
        raise ValueError(f"it has no {path.name}")
    size = path.stat().st_size
    if size > bytes_max:
        raise ValueError(f"{path.name} may have at most {bytes_max} bytes, has {size}")
    return path.read_bytes()
