"""What a board comes to by reading its whole journal, stored beside the blocks, so it need not.

A snapshot names the block that it stands on by its hash. One that is torn, or whose block is not in
the chain any more, counts for nothing: the journal is read from the beginning instead.
"""

import hashlib
from typing import Final

import msgspec

from blackboard.admission import Said
from blackboard.entry import Entry
from blackboard.journal import SNAPSHOT_STATE, UNDECODABLE, Journal, stands

LABELS: Final = 3
"""Number of the set of labels that every block is stored under: 1 was event times, 3 is kinds too,
and what lasts of them. A class whose facts begin to last needs the next one."""
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board after one of its blocks."""

    head: int
    hash: bytes
    newest_ns: int
    """Newest event time of all entries so far."""
    latest: list[Entry]
    """The newest entry of each kind and scope."""
    said: dict[str, Said]
    labels: int
    """By what the blocks up to its own are found: `LABELS`, or it counts for nothing."""


def seal_snapshot(snapshot: Snapshot) -> bytes:
    """Return a snapshot's bytes, from which a changed one is told."""
    body = msgspec.msgpack.encode(snapshot)
    return hashlib.sha256(body).digest() + body


def standing_snapshot(journal: Journal) -> Snapshot | None:
    """Return the journal's snapshot, None if it has none that can be trusted.

    Raises
    ------
    JournalCorrupt
        If the block that it stands on was changed.
    """
    raw = journal.state(SNAPSHOT_STATE) or b""
    digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return None
    try:
        snapshot = msgspec.msgpack.decode(body, type=Snapshot)
    except UNDECODABLE:  # another version of the program wrote it
        return None
    if snapshot.labels != LABELS:
        return None
    return snapshot if stands(journal, snapshot.head, snapshot.hash) else None
