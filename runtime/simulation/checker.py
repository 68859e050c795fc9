"""Holds the history of a run against every promise; written apart from the code under test.

It knows the vocabulary of facts and what the recorders wrote down, and nothing else: no agent, no
arithmetic of ours, no board. An operation in a history is done, not done, or unknown, as the
broker's own ledger says; what the system claims of it is held against that.
"""

from collections.abc import Callable, Iterator
from typing import Final

from runtime.simulation.checks import (
    book,
    breaker,
    journal,
    leave,
    liveness,
    once,
    protection,
    resting,
    words,
)
from runtime.simulation.checks.record import Record, Violation
from runtime.simulation.history import History

Check = Callable[[Record], Iterator[Violation]]

CHECKS: Final[tuple[Check, ...]] = (
    *once.CHECKS,
    *leave.CHECKS,
    *book.CHECKS,
    *breaker.CHECKS,
    *journal.CHECKS,
    *protection.CHECKS,
    *resting.CHECKS,
    *words.CHECKS,
    *liveness.CHECKS,
)
"""Every invariant; a function's docstring is its statement."""

VIOLATIONS_MAX: Final = 20
"""Violations of one invariant that are reported; what follows from the first says little more."""


def check(history: History) -> tuple[Violation, ...]:
    """Return every violation, in the order in which they happened."""
    record = Record(history)
    found = [violation for each in CHECKS for violation in _first(each(record))]
    return tuple(sorted(found, key=lambda violation: (violation.at_ns, violation.promise)))


def _first(violations: Iterator[Violation]) -> list[Violation]:
    return [violation for violation, _ in zip(violations, range(VIOLATIONS_MAX), strict=False)]


__all__ = ["CHECKS", "Violation", "check"]
