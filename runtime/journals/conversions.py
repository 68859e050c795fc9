"""From each format of the journal to the next: what must be said otherwise, one kind at a time.

A conversion is a pure function over a fact as plain data, exactly as it was stored, and gives the
fact that the next format would have stored in its place. It invents nothing: what an earlier
version did not know stays unsaid, which is what the defaults of later fields mean.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from runtime.journals.format import FORMAT, UNNUMBERED

Fact = dict[str, Any]
Conversion = Callable[[Fact], Fact]

_NEVER_REACHED: Final = 1e-12
"""Least price there can be; a level there is no more reached than one below zero."""


def _levels_above_zero(fact: Fact) -> Fact:
    """Give an announced entry the levels that format 2 asks for.

    A target further away than the price itself was announced at or below zero, which to the broker
    is none. Format 2 announces no such entry; what was sent keeps its meaning at a price that is
    never reached.
    """
    if fact["purpose"] != "entry":
        return fact
    levels = ("stop_price", "target_price")
    return fact | {name: _NEVER_REACHED for name in levels if fact[name] <= 0.0}


CONVERSIONS: Final[Mapping[int, Mapping[str, Conversion]]] = {
    UNNUMBERED: {"OrderSubmitting": _levels_above_zero},
}
"""By the number they lead from, then by kind; kinds that are not named stay as they are."""


def converted(fact: Fact, number: int) -> Fact:
    """Return a fact of an earlier format as the present one has it."""
    for step in range(number, FORMAT):
        conversion = CONVERSIONS[step].get(fact["kind"])
        if conversion is not None:
            fact = conversion(fact)
    return fact
