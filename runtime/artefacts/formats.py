"""The kinds of file that a model may consist of, and what each is held against before it is used.

None of them holds code. A file is what its name says or it is refused: a pickle that is called
JSON does not decode, and every number that can be read without the family's library is finite.
"""

import json
from pathlib import PurePosixPath
from typing import Final

import numpy as np

JSON, SAFETENSORS, UBJ, SKOPS = ".json", ".safetensors", ".ubj", ".skops"
ALLOWED: Final = frozenset({JSON, SAFETENSORS, UBJ, SKOPS})
_ZIP_MAGIC: Final = b"PK\x03\x04"
_UBJ_MAGIC: Final = b"{"


class UnknownFormat(ValueError):
    """The file is none of the allowed kinds, or not the kind that its name says."""


class NotFinite(ValueError):
    """The file holds NaN or infinity."""


def check_content(name: str, content: bytes) -> None:
    """Hold one file against its kind.

    Parameters
    ----------
    name : str
        One plain name with its ending.
    content : bytes
        The whole file.

    Raises
    ------
    UnknownFormat, NotFinite
        If it must not be used.
    """
    ending = PurePosixPath(name).suffix
    if PurePosixPath(name).name != name or "\\" in name or name.startswith("."):
        raise UnknownFormat(f"{name!r} is no plain name")
    match ending:
        case ".json":
            _check_json(name, content)
        case ".safetensors":
            _check_tensors(name, content)
        case ".ubj":
            _check_magic(name, content, _UBJ_MAGIC)
        case ".skops":
            _check_magic(name, content, _ZIP_MAGIC)
        case _:
            raise UnknownFormat(f"{name} must end in one of {', '.join(sorted(ALLOWED))}")


def _check_magic(name: str, content: bytes, magic: bytes) -> None:
    if not content.startswith(magic):
        raise UnknownFormat(f"{name} does not begin as its ending says")


def _check_json(name: str, content: bytes) -> None:
    def refuse(constant: str) -> float:
        raise NotFinite(f"{name} holds {constant}")

    try:
        json.loads(content, parse_constant=refuse)
    except NotFinite:
        raise
    except ValueError as error:
        raise UnknownFormat(f"{name} is no JSON: {error}") from error


def _check_tensors(name: str, content: bytes) -> None:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ModuleNotFoundError as error:
        raise UnknownFormat(f"{name} cannot be checked: {error.name} is missing") from error
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UnknownFormat(f"{name} is no safetensors file: {error}") from error
    for key, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise NotFinite(f"{name} holds a number in {key} that is not finite")
