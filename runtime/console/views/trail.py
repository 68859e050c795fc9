"""From an entry back to what it derives from, and a journal's entries as rows."""

from typing import Any

import msgspec

from blackboard.entry import Entry
from runtime.proof.lineage import brief


def row(entry: Entry) -> dict[str, Any]:
    """Return an entry as one line of a list."""
    return {
        "seq": entry.seq,
        "at_ns": entry.ts_event_ns,
        "known_at_ns": entry.known_at_ns,
        "author": entry.author,
        "kind": entry.kind,
        "scope": entry.fact.scope,
        "brief": brief(entry.fact),
        "causes": list(entry.causes),
    }


def whole(entry: Entry) -> dict[str, Any]:
    """Return an entry with all that its fact says."""
    return {**row(entry), "fact": msgspec.to_builtins(entry.fact), "epoch": entry.epoch}


def trail(root: int, lineage: dict[int, Entry]) -> dict[str, Any]:
    """Return an entry and the tree of its causes; what is not among them is only named."""
    return {
        "root": root,
        "entries": {str(seq): row(entry) for seq, entry in lineage.items()},
        "is_cut": any(cause not in lineage for entry in lineage.values() for cause in entry.causes),
    }
