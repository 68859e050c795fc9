"""A number that changes with the arithmetic of some modules: their code and their constants.

Compiled code on disk is looked up by its own file alone, so without it a changed rule in another
module would go on being computed as before.
"""

import hashlib
from types import CodeType, ModuleType
from typing import Final

import numpy as np

FINGERPRINT_BYTES: Final = 7


def fingerprint_of(modules: tuple[ModuleType, ...]) -> int:
    """Return the number; it is the same in every process of one source."""
    digest = hashlib.sha256()
    for module in modules:
        for name, value in sorted(vars(module).items()):
            function = getattr(value, "py_func", None)
            if function is not None:
                _take(digest, name, function.__code__)
            elif isinstance(value, int | float | str | tuple | np.dtype):
                digest.update(f"{name}={value!r}".encode())
    return int.from_bytes(digest.digest()[:FINGERPRINT_BYTES])


def _take(digest: "hashlib._Hash", name: str, code: CodeType) -> None:
    digest.update(name.encode() + code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _take(digest, name, constant)
        else:
            digest.update(repr(constant).encode())
