"""What a reply to a send means: the one table from codes to outcomes.

The code decides, never the text, and whatever is not in the table is UNKNOWN: an order counts as
not done only where the broker or the terminal provably refused it. Execution posts by this table,
the supervisor restricts by it, and the tests of every terminal are held against it.
"""

from typing import Final

import msgspec

from agents.orders.reasons import Why, first_word, told
from agents.requests import SendAnswered
from agents.retries import RETCODE_TOO_MANY_REQUESTS
from blackboard.facts.control import TradingState
from blackboard.facts.execution import Outcome

POSITION_CLOSED: Final = 10036
"""Return code of a close or an amendment whose position is gone: verify it by reading."""


class Verdict(msgspec.Struct, frozen=True):
    """What one reply comes to."""

    outcome: Outcome
    reason: str
    """Name of the code, as the terminal's documentation has it, in lower case, or why it has none:
    it begins with a word of `VOCABULARY`."""
    may_retry: bool = False
    """Whether a new intent for the same decision makes sense."""
    restricts_to: TradingState = TradingState.ACTIVE
    """Trading state that the reply asks for; ACTIVE asks for nothing."""


def _final(reason: str, restricts_to: TradingState = TradingState.ACTIVE) -> Verdict:
    return Verdict(Outcome.REJECTED, reason, restricts_to=restricts_to)


def _retryable(reason: str) -> Verdict:
    return Verdict(Outcome.REJECTED, reason, may_retry=True)


def _not_sent(
    reason: str, *, may_retry: bool = False, restricts_to: TradingState = TradingState.ACTIVE
) -> Verdict:
    return Verdict(Outcome.NOT_SENT, reason, may_retry, restricts_to)


RETCODES: Final[dict[int, Verdict]] = {
    0: Verdict(Outcome.UNKNOWN, "no_retcode"),
    10004: _retryable("requote"),
    10006: _final("reject"),
    10007: _final("cancel"),
    10008: Verdict(Outcome.ACCEPTED, "placed"),
    10009: Verdict(Outcome.FILLED, "done"),
    10010: Verdict(Outcome.PARTIAL, "done_partial"),
    10011: Verdict(Outcome.UNKNOWN, "error"),
    10012: Verdict(Outcome.UNKNOWN, "timeout"),
    10013: _final("invalid"),
    10014: _final("invalid_volume"),
    10015: _final("invalid_price"),
    10016: _final("invalid_stops"),
    10017: _final("trade_disabled", TradingState.HALTED),
    10018: _final("market_closed"),
    10019: _final("no_money", TradingState.REDUCING),
    10020: _retryable("price_changed"),
    10021: _retryable("price_off"),
    10022: _final("invalid_expiration"),
    10023: _final("order_changed"),
    RETCODE_TOO_MANY_REQUESTS: _retryable(Why.TOO_MANY_REQUESTS),
    10025: _final(Why.NO_CHANGES),
    10026: _final("server_disables_at", TradingState.HALTED),
    10027: _final("client_disables_at", TradingState.HALTED),
    10028: Verdict(Outcome.UNKNOWN, "locked"),
    10029: _final("frozen"),
    10030: _final("invalid_fill"),
    10031: Verdict(Outcome.UNKNOWN, "connection"),
    10032: _final("only_real"),
    10033: _final("limit_orders"),
    10034: _final("limit_volume"),
    10035: _final("invalid_order"),
    POSITION_CLOSED: _final(Why.POSITION_CLOSED),
    10038: _final("invalid_close_volume"),
    10039: _final("close_order_exist"),
    10040: _final("limit_positions"),
    10041: _final("reject_cancel"),
    10042: _final("long_only"),
    10043: _final("short_only"),
    10044: _final("close_only"),
    10045: _final(Why.FIFO_CLOSE),
}
"""Return codes of a result. 10046 exists on servers but has no documented meaning: UNKNOWN."""

ERRORS: Final[dict[int, Verdict]] = {
    -2: _not_sent("invalid_params"),
    -3: _not_sent("no_memory"),
    -5: _not_sent("invalid_version"),
    -6: _not_sent("auth_failed"),
    -7: _not_sent("unsupported"),
    -8: _not_sent("auto_trading_disabled", restricts_to=TradingState.HALTED),
    -10003: _not_sent("internal_fail_init", may_retry=True),
    -10004: _not_sent("internal_fail_connect", may_retry=True),
}
"""Last errors after which there was no result and the order provably did not leave."""


VOCABULARY: Final = frozenset({*Why, *(verdict.reason for verdict in (RETCODES | ERRORS).values())})
"""Every word that the reason of an outcome may begin with."""


def classify(reply: SendAnswered) -> Verdict:
    """Return what a reply to a send means."""
    known = verdict_on(reply.code, has_result=reply.has_result)
    if not reply.was_refused_before_send:
        return known
    reason = known.reason
    if known.outcome is Outcome.UNKNOWN:
        # No code: the comment begins with the name of the refusal, or it is all there is to say.
        is_named = first_word(reply.comment) in VOCABULARY
        reason = reply.comment if is_named else told(Why.REFUSED_BEFORE_SEND, reply.comment)
    return Verdict(Outcome.NOT_SENT, reason, known.may_retry, known.restricts_to)


def verdict_on(code: int, *, has_result: bool) -> Verdict:
    """Return what a return code means, or a last error where the send gave no result."""
    if has_result:
        return RETCODES.get(code) or Verdict(Outcome.UNKNOWN, told(Why.UNLISTED_RETCODE, str(code)))
    return ERRORS.get(code) or Verdict(Outcome.UNKNOWN, told(Why.UNLISTED_ERROR, str(code)))
