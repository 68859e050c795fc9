"""What a source of live texts is, and a text as it comes: foreign, perhaps undated, unread."""

from typing import Final, NamedTuple, Protocol

from blackboard.facts.news import Medium

ITEMS_MAX: Final = 1_000
"""Texts of one answer that are looked at; a source that gives more is not read to its end."""
RAW_LENGTH_MAX: Final = 4_096
"""Characters of a text that are kept before it is cleaned and cut."""


class RawText(NamedTuple):
    """One text of a source."""

    text: str
    source: str
    """Who says it, as the board names it."""
    author: str = ""
    """Of a post."""
    published_ns: int = 0
    """As the source dates it; 0 where it does not."""


class Texts(NamedTuple):
    """What a source gave."""

    texts: tuple[RawText, ...]
    dropped: tuple[tuple[str, int], ...] = ()
    """Reasons and counts of what the source itself passed over."""
    problem: str = ""
    """What kept it from all it was asked for; empty if nothing did."""


class TextSource(Protocol):
    """Where live texts come from; one thread asks at a time."""

    name: str
    medium: Medium

    def fetch(self, now_ns: int) -> Texts:
        """Ask for what is new; every failure is a problem, never an exception."""


class AbsentTexts:
    """A `TextSource` that this installation cannot ask."""

    def __init__(self, name: str, medium: Medium, problem: str) -> None:
        self.name = name
        self.medium = medium
        self._problem = problem

    def fetch(self, now_ns: int) -> Texts:
        """Say why there is nothing."""
        del now_ns
        return Texts((), problem=self._problem)
