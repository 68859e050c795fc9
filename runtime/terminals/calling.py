"""How a call of the package ends: with its result, or with what stands for failure and a reason.

The package remembers one last error for its whole process. Each call but `last_error` sets it to
success first, so it is the reason of the latest call and of no other.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed, ErrorLeft, invalid

SUCCESS: Final = (mt5.RES_S_OK, "Success")

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F")
Self = TypeVar("Self", bound="Caller")
_Method = Callable[Concatenate[Self, P], R]


class Caller(ABC):
    """What calls a terminal, and the last error of doing so."""

    def __init__(self) -> None:
        self.error = SUCCESS

    @abstractmethod
    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        """Run a function of the terminal with arguments that the binding has let pass.

        Raises
        ------
        CallFailed
            If the call ends with `None`.
        """


def answers(failed: F) -> Callable[[_Method[Self, P, R]], _Method[Self, P, R | F]]:
    """Let a function of the package keep the last error, and answer `failed` where it fails.

    One that takes positional arguments only refuses a wrong number of them as the package does.
    """

    def keep(method: _Method[Self, P, R]) -> _Method[Self, P, R | F]:
        counts = _counts_of(method)

        @wraps(method)
        def kept(caller: Self, /, *args: P.args, **kwargs: P.kwargs) -> R | F:
            caller.error = SUCCESS
            try:
                if counts and not kwargs and len(args) not in counts:
                    raise invalid()
                return method(caller, *args, **kwargs)
            except CallFailed as failure:
                caller.error = (failure.code, failure.text)
                if isinstance(failure, ErrorLeft):
                    raise SystemError(
                        f"<built-in function {method.__name__}> returned a result with an "
                        "exception set"
                    ) from None
                return failed

        return kept

    return keep


def _counts_of(method: Callable[..., object]) -> range | None:
    _, *parameters = inspect.signature(method).parameters.values()
    if not any(one.kind is inspect.Parameter.POSITIONAL_ONLY for one in parameters):
        return None
    least = sum(one.default is inspect.Parameter.empty for one in parameters)
    return range(least, len(parameters) + 1)
