"""Entries of a journal as flat rows, a line each; all their fields stand in its export."""

from datetime import datetime

import msgspec

from blackboard.entry import Entry
from runtime.proof.lineage import brief
from runtime.reports.trade_rows import moment_of


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in one line; instants UTC."""

    seq: int
    happened: datetime
    known: datetime
    author: str
    kind: str
    scope: str
    says: str
    """Its fields as ``journal`` prints them, long ones shortened."""


def row_of_entry(entry: Entry) -> EntryRow:
    """Return an entry as a row."""
    return EntryRow(
        seq=entry.seq,
        happened=moment_of(entry.ts_event_ns),
        known=moment_of(entry.known_at_ns),
        author=entry.author,
        kind=entry.kind,
        scope=entry.fact.scope,
        says=brief(entry.fact),
    )
