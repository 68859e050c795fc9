"""A refusal, and the comparisons with a limit that lead to one."""

from typing import NamedTuple

from agents.limits.reasons import Reason


class Refusal(NamedTuple):
    """Why an entry may not be made: a figure that was not within its limit."""

    reason: Reason
    value: float
    limit: float
    detail: str = ""


def above_limit(reason: Reason, value: float, limit: float, detail: str = "") -> Refusal | None:
    """Refuse a value above its limit."""
    # Asked this way round, a value that is no number is refused.
    return None if value <= limit else Refusal(reason, value, limit, detail)


def at_limit(reason: Reason, value: float, limit: float) -> Refusal | None:
    """Refuse a value that has reached its limit."""
    return None if value < limit else Refusal(reason, value, limit)


def within_rest(reason: Reason, value_min: float, rest_min: float) -> Refusal | None:
    """Refuse an instant that is no further than a rest from what the rest is about."""
    # A rest of nothing refuses nothing, not even its own instant.
    return None if rest_min == 0.0 or value_min > rest_min else Refusal(reason, value_min, rest_min)
