"""What an agent keeps of an entry: the fact, its place and its time; and which fact is in force.

Weights, calibrations and parameters carry `effective_from_ns`, so that a round in progress is not
changed under the feet of those who take part in it. The latest posted of those in force holds.
"""

from collections import deque
from typing import Final, Generic, TypeVar

import msgspec

from blackboard.entry import Entry
from blackboard.facts import Fact

F = TypeVar("F", bound=Fact)

KEPT_MAX: Final = 16
"""Latest facts kept of one kind and scope: those not yet in force, and some before them."""


class Known(msgspec.Struct, Generic[F], frozen=True):
    """A fact with its place in the one order, which is how others name it as a cause."""

    fact: F
    seq: int
    ts_event_ns: int


def known(fact: F, entry: Entry) -> Known[F]:
    """Keep an entry whose fact was matched to its kind."""
    return Known(fact, entry.seq, entry.ts_event_ns)


class InForce(Generic[F]):
    """The latest facts of one kind and scope, in the order in which they were posted."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Known[F]]] = deque(maxlen=KEPT_MAX)

    def add(self, effective_from_ns: int, found: Known[F]) -> None:
        """Take one more."""
        self._kept.append((effective_from_ns, found))

    def at(self, ts_ns: int) -> Known[F] | None:
        """Return the one in force at an instant, None before the first."""
        for effective_from_ns, found in reversed(self._kept):
            if effective_from_ns <= ts_ns:
                return found
        return None
