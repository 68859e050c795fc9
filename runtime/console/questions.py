"""The questions that a page asks of the journal and the store, not of the present.

They read from disk, so the web server asks them off its loop, one at a time.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from blackboard.entry import Entry
from runtime.console.archive import PAGE_MAX, Archive
from runtime.console.present import Present
from runtime.console.views.learning import learning
from runtime.console.views.trail import row, trail, whole
from runtime.model_store import ModelStore
from runtime.proof.lineage import entries_of
from runtime.proof.why_not import explain
from runtime.run_plan import RunPlan
from runtime.training.standing import standing_of

INSTANT_MAX: Final = 500
"""Facts that are shown of one instant."""


class Questions:
    """Answers from the book of one run."""

    def __init__(self, plan: RunPlan, present: Present) -> None:
        self._plan = plan
        self._present = present
        self._archive = Archive(plan.book.journal)
        self._turn = threading.Lock()

    def ticket(self, ticket: int) -> dict[str, Any] | None:
        """Return the trail of what says most of a ticket, None for an unknown one."""
        with self._present.held():
            seq = self._present.tickets.get(ticket, (0, 0))[1]
        return self.trail(seq) if seq else None

    def trail(self, seq: int) -> dict[str, Any] | None:
        """Return an entry and the tree of its causes, None where there is no such entry."""
        with self._turn:
            lineage = self._archive.lineage(seq)
        return trail(seq, lineage) if seq in lineage else None

    def entry(self, seq: int) -> dict[str, Any] | None:
        """Return one entry whole."""
        with self._turn:
            entry = self._archive.entry(seq)
        return whole(entry) if entry else None

    def page(self, before: int, kind: str, scope: str, author: str) -> dict[str, Any]:
        """Return the newest entries below a seq (0 for the head) that pass the filters."""
        head = before or self._present.head + 1
        with self._turn:
            found = self._archive.page(head, _filter(kind, scope, author), PAGE_MAX)
        return {"entries": [row(entry) for entry in found.entries], "before": found.next_before}

    def instant(self, time_ns: int, kind: str, scope: str) -> dict[str, Any]:
        """Return the latest fact of each kind and scope that was known and valid at a time."""
        known: dict[tuple[str, str], Entry] = {}
        wanted = _filter(kind, scope, "")
        with self._turn:
            for entry in self._archive.until(time_ns):
                if wanted(entry):
                    known[entry.kind, entry.fact.scope] = entry
        valid = [entry for entry in known.values() if entry.fact.valid_until_ns >= time_ns]
        newest = sorted(valid, key=lambda entry: -entry.seq)[:INSTANT_MAX]
        return {"at_ns": time_ns, "count": len(valid), "entries": [row(entry) for entry in newest]}

    def why_not(self, symbol: str, time_ns: int) -> dict[str, Any]:
        """Return why a symbol was not traded at a time, in plain words."""
        book, timeframe = self._plan.book, self._present.settings.timeframe
        with self._turn:
            found = explain(entries_of(book.journal), book.name, symbol, time_ns, timeframe)
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    def learning(self) -> dict[str, Any]:
        """Return who serves, what was tried, and what comes next."""
        folder = self._plan.models
        with self._turn:
            store = ModelStore(folder) if folder.is_dir() else None
            standing = standing_of(self._plan.book, self._present.settings)
            with self._present.held():
                return learning(self._present, store, standing)


def _filter(kind: str, scope: str, author: str) -> Callable[[Entry], bool]:
    return lambda entry: (
        (not kind or entry.kind == kind)
        and (not scope or entry.fact.scope == scope)
        and (not author or entry.author == author)
    )
