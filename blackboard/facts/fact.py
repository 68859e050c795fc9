"""What every fact has in common, and the two checks that all of them use.

A fact is immutable and says what it is about (`scope`) and until when it may be used
(`valid_until_ns`). Who said it, when, and from what it was derived stands in the entry that the
board wraps around it, so facts do not repeat that. Fields are only ever added, with defaults;
name, type and unit never change, because a journal outlives the code that wrote it.
"""

import math

import msgspec

FOREVER_NS = 2**63 - 1
"""Lifetime of a fact that no clock outdates; it holds until a later one replaces it."""

ACCOUNT = "account"
"""Scope of facts about the whole account."""

MARKET = "market"
"""Scope of facts about all symbols together."""


class Fact(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag=True,
    tag_field="kind",
    forbid_unknown_fields=True,
    gc=False,
):
    """What an agent states on the blackboard. Never changed: a correction is a new fact."""

    scope: str
    """What the fact is about: a symbol, a currency, an agent, a model, or the account."""

    valid_until_ns: int = FOREVER_NS
    """Market time after which no decision may use the fact."""

    @property
    def lasts(self) -> bool:
        """Whether it is among the rare ones of its kind that count for whoever starts, however old.

        It may only ever become true for more: journals find by it what they have stored.
        """
        return False

    @property
    def sums_up(self) -> bool:
        """Whether whoever posted it can go on from it without what is older than what counts."""
        return False

    @property
    def holds_from_ns(self) -> int:
        """Market time from which on it holds; until then the one before does. 0 for at once."""
        return 0


class Effective:
    """What facts that hold from a later close on have in common; each has the field itself.

    A struct's own fields follow those of the struct that it extends, so the field of a common one
    would stand elsewhere in what is stored than it does in older journals.
    """

    __slots__ = ()
    effective_from_ns: int

    @property
    def holds_from_ns(self) -> int:
        """Market time from which on it holds; until then the one before does."""
        return self.effective_from_ns


def kind_of(fact: Fact | type[Fact]) -> str:
    """Return the tag under which a fact is stored, which is the name of its class."""
    return fact.__name__ if isinstance(fact, type) else type(fact).__name__


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless ``low <= value <= high``; NaN fails."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low:g}, {high:g}], was {value}")


def above(name: str, value: float, low: float) -> None:
    """Raise ValueError unless ``value`` is finite and greater than ``low``; NaN fails."""
    if not (low < value < math.inf):
        raise ValueError(f"{name} must be greater than {low:g} and finite, was {value}")
