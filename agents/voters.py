"""Who votes on direction, whose voter each is, and in which order their votes are summed."""

from typing import Final

from config.agents import Mode
from config.settings import Settings

VOTERS: Final[dict[str, str]] = {
    "technical.trend": "technical",
    "technical.reversion": "technical",
    "sentiment": "sentiment",
}
"""Voter to the agent that posts its votes; the order is the order of summation everywhere."""

CONSTANT: Final = "constant"
"""The expert who always says 0.5; it has a weight like a voter, and no votes."""


def live_voters(settings: Settings) -> tuple[str, ...]:
    """Return the voters whose agent is enabled, not merely in shadow, in fixed order."""
    return tuple(voter for voter, owner in VOTERS.items() if settings.mode(owner) is Mode.ENABLED)
