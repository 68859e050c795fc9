"""What every agent's section has: whether it takes part."""

from enum import StrEnum
from typing import Annotated

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

    enabled: AgentMode = Mode.ENABLED
    """Whether it takes part; in shadow it posts and is scored, but weighs nothing."""
