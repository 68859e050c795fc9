"""One number for everything a run decided and what came of it.

SHA-256 over every Decision, intent, verdict, Fill, TradeClosed and TradingStateChanged in canonical
order, without what differs between two runs of the same decisions: seqs, epochs, tickets, magics
and wall times. Two runs with the same hash made the same decisions, orders and trades.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from blackboard.entry import Entry
from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    Decision,
    ExitIntent,
    Fact,
    Fill,
    OrderIntent,
    RiskApproved,
    RiskRefused,
    TradeClosed,
    TradingStateChanged,
    kind_of,
)

_HASHED: tuple[type[Fact], ...] = (
    Decision,
    OrderIntent,
    ExitIntent,
    AmendIntent,
    CancelIntent,
    RiskApproved,
    RiskRefused,
    Fill,
    TradeClosed,
    TradingStateChanged,
)
HASHED_KINDS = frozenset(map(kind_of, _HASHED))
_LEFT_OUT = frozenset({"ticket", "position_ticket", "order_ticket", "deal_ticket", "magic"})
_SILENT: dict[str, object] = {"limit_price": 0.0, "expires_ns": 0}
"""Fields that came later, by the value that says nothing: an older run keeps its number."""


def decisions_hash(entries: Iterable[Entry]) -> str:
    """Return the hash of the decisions among the entries, in whatever order these come."""
    lines = sorted(_line(entry) for entry in entries if entry.kind in HASHED_KINDS)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _line(entry: Entry) -> bytes:
    content = _without_tickets(msgspec.to_builtins(entry.fact))
    # The time leads, so that sorted lines read in the order in which things happened.
    head = f"{entry.ts_event_ns:020d} {entry.kind} {entry.fact.scope} ".encode()
    return head + msgspec.json.encode(content, order="sorted") + b"\n"


def _without_tickets(content: object) -> object:
    if isinstance(content, dict):
        return {
            name: _without_tickets(value)
            for name, value in content.items()
            if name not in _LEFT_OUT and (name not in _SILENT or value != _SILENT[name])
        }
    return content
