"""What of the terminal's contract a test covers: written on the test, counted over all of them.

`@covers("order_send", 10016)` stands on a test function or, by `marks=`, on one of its parameters.
`python -m tests.contract.count` and `pytest --contract-table` print the count, and a test fails
while a function of the port or a return code of the contract has no test.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _pytest.mark.structures import ParameterSet

FOLDER = Path(__file__).parent
SIMULATED_WAYS = ("direct", "http")
PORTABLE_WAYS = (*SIMULATED_WAYS, "adapter")
"""The adapter is MetaTrader 5's, over a stand-in for its package."""
WAYS = (*PORTABLE_WAYS, "real")


def covers(function: str, *codes: int) -> pytest.MarkDecorator:
    """Mark a test as one of a function of the terminal, and of codes that this function answers.

    `codes` are return codes of requests (10004 to 10046, 0 for a check that passes) or last-error
    codes (negative). A test may carry several of these marks; each is counted.
    """
    return pytest.mark.covers(function, *codes)


class Case(msgspec.Struct, frozen=True):
    """One run of a test: its place, in which way it reaches a terminal, and what it covers."""

    test: str
    way: str
    function: str
    codes: tuple[int, ...]


def cases() -> Iterator[Case]:
    """Yield what every contract test of terminals covers, once for each of its ways."""
    for name, function in _tests():
        yield from _cases_of(name, function)


def names_of_tests() -> set[str]:
    """Return the name of every contract test of terminals."""
    return {name for name, _ in _tests()}


def _tests() -> Iterator[tuple[str, Callable[..., Any]]]:
    for path in sorted(FOLDER.glob("test_terminal_*.py")):
        module = importlib.import_module(f"tests.contract.{path.stem}")
        for name, found in vars(module).items():
            if name.startswith("test_") and found.__module__ == module.__name__:
                yield name, found


def _cases_of(test: str, function: Callable[..., Any]) -> Iterator[Case]:
    marks = getattr(function, "pytestmark", [])
    own = [mark for mark in marks if mark.name == "covers"]
    tables = [mark.args[1] for mark in marks if mark.name == "parametrize"]
    for parameters in product(*tables):
        theirs = [
            mark
            for one in parameters
            if isinstance(one, ParameterSet)
            for mark in one.marks
            if isinstance(mark, pytest.Mark | pytest.MarkDecorator) and mark.name == "covers"
        ]
        for way, mark in product(_ways_of(function), [*own, *theirs]):
            yield Case(test, way, mark.args[0], tuple(mark.args[1:]))


def _ways_of(function: Callable[..., Any]) -> tuple[str, ...]:
    asked = function.__annotations__
    if "bench" in asked:
        return WAYS
    return SIMULATED_WAYS if {"lab", "make_lab"} & asked.keys() else ("direct",)


def functions_covered() -> Counter[tuple[str, str]]:
    """Return how many tests each function has, by function and way."""
    return Counter((case.function, case.way) for case in cases())


def codes_covered() -> Counter[tuple[int, str]]:
    """Return how many tests each code has, by code and way."""
    return Counter((code, case.way) for case in cases() for code in case.codes)


def table() -> str:
    """Return the count as text: a row a function, then a row a code."""
    head = f"{'':<24}" + "".join(f"{way:>8}" for way in WAYS)
    return "\n".join([head, *_rows(functions_covered()), "", head, *_rows(codes_covered())])


def _rows(counts: Counter[Any]) -> Iterator[str]:
    for key in sorted({key for key, _ in counts}):
        numbers = "".join(f"{counts[key, way]:>8}" for way in WAYS)
        yield f"{key!s:<24}{numbers}"
