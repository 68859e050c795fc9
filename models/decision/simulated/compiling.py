"""How the parts of the simulator are compiled: into their caller, never to be called by Python.

What Python would need to call each of them takes longer to compile than the parts themselves.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit

_WITHOUT_WRAPPERS: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

F = TypeVar("F", bound=Callable[..., Any])


def part(function: F) -> F:
    """Compile a function that only other compiled functions call."""
    compiled: F = njit(**_WITHOUT_WRAPPERS)(function)
    return compiled
