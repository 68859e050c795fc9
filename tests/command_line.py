"""The command line in this process: a verb with its exit code and what a person sees of it."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import launch
from blackboard.entry import Entry
from models.market.sessions import MINUTE_NS
from runtime.proof.lineage import entries_of
from tests.bar_writers import Columns, some_bars, write_parquet

MONDAY_NS = 1_514_844_000_000_000_000
"""2018-01-01 22:00 UTC, the open of the first week of the bars of the tests."""
BARS = 1500
"""Of 15 minutes: a little more than three weeks."""


class Said(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    error: str


class CommandLine:
    """Runs verbs on a state folder of its own, away from any configuration of the machine."""

    def __init__(
        self, home: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self._patch = patch
        self._capture = capture
        home.mkdir(exist_ok=True)
        patch.chdir(home.parent)  # an .env of the checkout is none of the tests'
        patch.setenv("QUORUM_HOME", str(home))
        patch.setenv("COLUMNS", "200")

    def __call__(self, *arguments: object) -> Said:
        """Run one verb to its end; whatever else it raises would be a traceback for a person."""
        self._patch.setattr(sys, "argv", ["launch.py", *map(str, arguments)])
        code = 0
        with _own_logs():
            try:
                launch.main()
            except SystemExit as ending:
                code = int(ending.code or 0)
        return Said(code, *self._capture.readouterr())

    def trade(self, *arguments: object) -> Said:
        """Trade in this process."""
        return self("up", "--in-process", "--speed", "max", *arguments)

    def entries(self, book: str = "embedded") -> list[Entry]:
        """Return the journal of a book."""
        return list(entries_of(self.home / "books" / book / "journal"))

    def run_entries(self) -> list[Entry]:
        """Return the journal of the latest run over history."""
        latest = json.loads((self.home / "latest").read_bytes())
        return list(entries_of(self.home / latest / "journal"))


@contextmanager
def _own_logs() -> Iterator[None]:
    """Close what a verb logged into and restore the handlers of the test run."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers, root.level = handlers, level


def bars_folder(folder: Path, *symbols: str) -> Path:
    """Write the same random bars of three weeks for some symbols."""
    for symbol in symbols:
        write_parquet(folder / f"{symbol}_M15.parquet", m15_bars())
    return folder


def m15_bars() -> Columns:
    """Return three weeks of bars of 15 minutes."""
    return some_bars(MONDAY_NS, BARS, minutes=15)


def open_ns(row: int) -> int:
    """Return the open of a bar of the first day."""
    return MONDAY_NS + row * 15 * MINUTE_NS
