"""Why an order came to what it came to: the words that the reason of an outcome begins with.

What follows a colon is for people. Beside these words there are only the names of the terminal's
codes, which `agents/orders/outcomes.py` lists.
"""

from enum import StrEnum
from typing import Final

from agents.retries import REASON_OF_STOPS

REASON_LENGTH_MAX: Final = 160


class Why(StrEnum):
    """What held an order back, what it was found to be, or what is missing of its reply."""

    # It never left.
    EXPIRED = "expired"
    SHADOW = "shadow"
    IDENTITY = "identity"
    TRADING_STATE = "trading_state"
    AGENT_UNHEALTHY = "agent_unhealthy"
    NETTING_POSITION = "netting_position"
    HEDGE_PROHIBITED = "hedge_prohibited"
    DEVIATION = "deviation"
    POSITION_CLOSED = "position_closed"
    POSITION_EXTERNAL = "position_external"
    NOT_APPROVED = "not_approved"
    NO_SYMBOL_SPEC = "no_symbol_spec"
    NO_QUOTE = "no_quote"
    NO_CHANGES = "no_changes"
    WOULD_LOOSEN = "would_loosen"
    STOPS_LEVEL = REASON_OF_STOPS
    NO_PROTECTION = "no_protection"
    ORDER_GONE = "order_gone"
    # What it waited for until it expired.
    FIFO_CLOSE = "fifo_close"
    TOO_MANY_REQUESTS = "too_many_requests"
    SYMBOL_FROZEN = "symbol_frozen"
    NOT_RECONCILED = "not_reconciled"
    # The terminal process did not pass it on.
    STOP_FILE = "stop_file"
    STALE_EPOCH = "stale_epoch"
    REUSED_ID = "reused_id"
    REFUSED_BEFORE_SEND = "refused_before_send"
    # There is no reply, or none that anybody has described.
    NO_REPLY = "no_reply"
    UNLISTED_RETCODE = "unlisted_retcode"
    UNLISTED_ERROR = "unlisted_error"
    # A reading told.
    ADOPTED_ORDER = "adopted_order"
    ADOPTED_DEAL = "adopted_deal"
    ADOPTED_POSITION = "adopted_position"
    ADOPTED_LEVELS = "adopted_levels"
    ADOPTED_CANCEL = "adopted_cancel"
    ABSENT = "absent"


def first_word(reason: str) -> str:
    """Return what stands before the colon."""
    return reason.partition(":")[0]


def told(word: str, text: str) -> str:
    """Return a reason: its word, then what there is to say, unless that begins with the word."""
    if not text or first_word(text) == word:
        return (text or word)[:REASON_LENGTH_MAX]
    return f"{word}: {text}"[:REASON_LENGTH_MAX]
