"""How the parts of the simulator are compiled: into their caller, never to be called by Python.

What Python would need to call each of them takes longer to compile than the parts themselves. A
part that makes no array also counts no references: every call hands on all columns, and counting
who holds them would cost more than what most parts compute.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit

_PART: Final[dict[str, Any]] = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
_MAKING_ARRAYS: Final[dict[str, Any]] = {**_PART, "_nrt": True}
"""Said aloud, because a callee otherwise does as its caller."""

F = TypeVar("F", bound=Callable[..., Any])


def part(function: F) -> F:
    """Compile a function that only other compiled functions call, and that makes no array.

    Making one fails to compile; taking a new one from a callee would leak it.
    """
    compiled: F = njit(**_PART)(function)
    return compiled


def making_arrays(function: F) -> F:
    """Compile the same for a function that makes or returns arrays, or takes new ones."""
    compiled: F = njit(**_MAKING_ARRAYS)(function)
    return compiled
