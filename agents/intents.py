"""The identity of an intent: a hash of the slot it fills, so that a replay yields the same one.

Whoever is rebuilt and asks again asks under the same id, and the board, the RiskAgent and the
ExecutionAgent each act on one id once.
"""

from hashlib import sha256
from typing import Final

from blackboard.facts import Timeframe

ATTEMPTS_MAX: Final = 3
"""Tries for one decision, the first included; after that it is abandoned."""

ID_LENGTH: Final = 16
"""Hex digits of an intent id."""


def intent_id(
    book: str, symbol: str, timeframe: Timeframe, ts_event_ns: int, purpose: str, attempt: int
) -> str:
    """Return the id of an intent; `ts_event_ns` is the close, or the command, it belongs to."""
    slot = f"{book}|{symbol}|{timeframe.value}|{ts_event_ns}|{purpose}|{attempt}"
    return sha256(slot.encode()).hexdigest()[:ID_LENGTH]
