"""Facts that hold from an instant on: which one is in force at a close.

Weights, calibrations and parameters carry `effective_from_ns`, so that a round in progress is not
changed under the feet of those who take part in it. The latest posted of those in force holds.
"""

from collections import deque
from typing import Final

from blackboard.entry import Entry

KEPT_MAX: Final = 16
"""Latest facts kept of one kind and scope: those not yet in force, and the one before them."""


class InForce:
    """The latest facts of one kind and scope, in the order in which they were posted."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Entry]] = deque(maxlen=KEPT_MAX)

    def add(self, entry: Entry, effective_from_ns: int) -> None:
        """Take one more."""
        self._kept.append((effective_from_ns, entry))

    def at(self, ts_ns: int) -> Entry | None:
        """Return the one in force at an instant, None before the first."""
        for effective_from_ns, entry in reversed(self._kept):
            if effective_from_ns <= ts_ns:
                return entry
        return None
