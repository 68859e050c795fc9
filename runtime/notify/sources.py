"""What answers are made from: the console's memory, its questions, and the run itself."""

from collections.abc import Callable, Sequence

import msgspec

from config.settings import Settings
from runtime.console.present import Present
from runtime.console.questions import Questions
from runtime.notify.outbox import Note
from runtime.run_plan import RunPlan


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """One run, seen from a chat."""

    plan: RunPlan
    settings: Settings
    present: Present
    questions: Questions
    waiting: Callable[[], int]
    """How many messages wait to be sent."""


class Refused(ValueError):
    """A question or an order that cannot be taken, with the reason for a person."""


class Order(msgspec.Struct, frozen=True):
    """Something that a person orders."""

    name: str
    what: str
    """What it does, in words that follow `It`."""
    carry: Callable[[], str]
    """Does it, and returns what came of that; ConfigError or OSError if nothing did."""


Words = tuple[str, ...]
"""What stands behind a command."""
Answer = Callable[[Sources, Words], Note]


def whole_number(words: Words, default: int, most: int) -> int:
    """Return the number that may stand behind a command; Refused if it is none within bounds."""
    if not words:
        return default
    text = words[0]
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
        raise Refused(f"a number from 1 to {most} was expected, was {text[:40]}")
    return int(text)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as text, columns under each other; the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
