"""What is to be shown of a limit: an order just inside it passes, one just beyond does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from config.settings import Settings
from runtime.proof.safety.scene import Answer


class Stage(Protocol):
    """Where a story is played."""

    def restart(self) -> None:
        """Begin anew from what is durable."""

    def ask_again(self) -> Answer:
        """Ask for the latest order once more."""

    def close(self) -> None:
        """Leave nothing behind."""


Story = Callable[[Any, Any], Answer]
"""Takes its stage and the value of the limit; it returns what became of the order it asks for."""


@dataclass(frozen=True, slots=True)
class Case:
    """One limit's scenario.

    Parameters
    ----------
    limit : str
        Dotted key of the setting; for a guard, which no setting moves, its code.
    scenario : str
        What happens, for people.
    reason : str
        Code under which the order beyond the limit is refused.
    inside, beyond : Story
        Ask for an order just within and just beyond the limit.
    stage : callable
        Builds where both are played, from settings.
    keeps : tuple of str
        Other limits of the risk section that the limit works with and that stay as configured.
    changes : mapping
        Settings of the scenario by dotted key. One for the limit itself stands where the
        configured value switches it off.
    is_off : object
        Configured value with which the limit refuses nothing by the operator's choice.
    survives : bool
        Whether the refusal must hold after a rebuild from the journal too.
    """

    limit: str
    scenario: str
    reason: str
    inside: Story
    beyond: Story
    stage: Callable[[Settings], Stage]
    keeps: tuple[str, ...] = ()
    changes: Mapping[str, object] = field(default_factory=dict)
    is_off: object = None
    survives: bool = True
