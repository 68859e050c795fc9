"""A board on a growing journal, in a process of its own: ``python -m benchmarks.journal_board``.

Its arguments are what to do, a folder, and how many entries to come to. It prints what that cost as
one line of JSON, and ends without an ordered stop, as a process that is killed does.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Final

import psutil

from blackboard.access import Access, declare
from blackboard.board import Board
from blackboard.entry import Draft, Post
from blackboard.facts import Quote
from blackboard.journal import SNAPSHOT_STATE
from runtime.journals.diskcache import DiskcacheJournal

SYMBOLS: Final = 25
BATCH: Final = 100
STEP_NS: Final = 60_000_000_000
ACCESS: Final = Access({"data": declare([Quote], [])})


class Unsaved(DiskcacheJournal):
    """A journal whose snapshot nobody sees: a start reads it whole."""

    def state(self, name: str) -> bytes | None:
        """Return a state, but not the snapshot."""
        return None if name == SNAPSHOT_STATE else super().state(name)


def grow(folder: Path, entries: int) -> dict[str, float]:
    """Post batches until the journal has so many entries."""
    board = Board(ACCESS, DiskcacheJournal(folder))
    epoch, first = board.join("data").epoch, board.head // BATCH
    posts = (_post(step, epoch) for step in range(first, entries // BATCH))
    seconds = 0.0
    for post in posts:
        started_s = process_time()
        board.post(post, post.now_ns)
        seconds += process_time() - started_s
    return {"commit_s": seconds / max(1, entries // BATCH - first)}


def start(folder: Path, _entries: int) -> dict[str, float]:
    """Start a board after whatever end the last one had, and end it in order."""
    started_s = process_time()
    board = Board(ACCESS, DiskcacheJournal(folder))
    seconds = process_time() - started_s
    board.rest()
    return {"start_s": seconds}


def read_whole(folder: Path, _entries: int) -> dict[str, float]:
    """Start a board as if there were no snapshot."""
    started_s = process_time()
    Board(ACCESS, Unsaved(folder))
    return {"start_s": process_time() - started_s}


WORK: Final[dict[str, Callable[[Path, int], dict[str, float]]]] = {
    "grow": grow,
    "start": start,
    "read_whole": read_whole,
}


def _post(step: int, epoch: int) -> Post:
    close_ns = (step + 1) * STEP_NS
    drafts = tuple(
        Draft(
            fact=Quote(
                scope=f"SYM{place % SYMBOLS:03}",
                bid=1.1,
                ask=1.2,
                account_per_quote=1.0,
                source="benchmark",
            ),
            ts_event_ns=close_ns,
            ordinal=str(place // SYMBOLS),
        )
        for place in range(BATCH)
    )
    return Post(author="data", epoch=epoch, drafts=drafts, read_to=0, now_ns=close_ns)


def main(name: str, folder: str, entries: str) -> None:
    """Do one of the works and tell what it cost, and what memory the process has then."""
    cost = WORK[name](Path(folder), int(entries))
    print(json.dumps({**cost, "bytes": psutil.Process().memory_info().rss}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
