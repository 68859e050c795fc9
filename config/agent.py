"""What every agent's section has: whether it takes part, and as whom it votes."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BeforeValidator

from config.section import Section


class Mode(StrEnum):
    """Whether an agent takes part."""

    ENABLED = "true"
    SHADOW = "shadow"
    """Posts and is scored, but weighs nothing and nobody waits for it."""
    DISABLED = "false"


def _mode_of(value: object) -> object:
    return str(value).lower() if isinstance(value, bool | str) else value


AgentMode = Annotated[Mode, BeforeValidator(_mode_of)]


class AgentSection(Section):
    """What every agent has."""

    voters: ClassVar[tuple[str, ...]] = ()
    """Names under which the agent votes on direction, each a family of its own."""
    enabled: AgentMode = Mode.ENABLED
    """Whether it takes part; in shadow it posts and is scored, but weighs nothing."""
