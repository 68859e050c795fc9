"""From an intent to the order that leaves: its prices, its marks, or the reason why none can leave.

Pure functions. A stop is rounded towards the entry, so that it is never wider than it was sized;
an amendment is rounded the tighter way and never loosens what is there. One that the broker would
refuse for its place is not sent, except where there is no stop at all: then it is set as near as
the broker takes it.
"""

import base64
import hashlib
import math
from collections.abc import Iterable
from typing import Final

from agents.orders.life import SEQUENCE_BITS, SEQUENCE_MAX, Order
from agents.orders.reasons import Why
from agents.requests import SendOrder
from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    ExitIntent,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Quote,
    SymbolSpec,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome
from models.decision.fills import normalised, tightened

FLATTEN: Final = "flatten"
OPERATOR: Final = "operator"
"""Reason of an exit that is allowed even when trading is halted."""

COMMENT_CHARACTERS: Final = 10


class Unsendable(ValueError):
    """The order cannot leave; the message is the reason, for its outcome."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)


def highest_sequence(strategy_magic: int, magics: Iterable[int]) -> int:
    """Return the highest sequence among magic numbers of a strategy, 0 if none is of it."""
    own = (one & SEQUENCE_MAX for one in magics if one >> SEQUENCE_BITS == strategy_magic)
    return max(own, default=0)


def magic_of(strategy_magic: int, sequence: int) -> int:
    """Return the magic number of one order: the strategy's number above the sequence."""
    if not 0 < sequence <= SEQUENCE_MAX:
        raise ValueError(f"sequence must be in [1, {SEQUENCE_MAX}], was {sequence}")
    return strategy_magic << SEQUENCE_BITS | sequence


def comment_of(intent_id: str) -> str:
    """Return the mark that travels with the order: ``fx`` and ten base-32 characters."""
    digest = hashlib.sha256(intent_id.encode()).digest()
    return "fx" + base64.b32encode(digest).decode()[:COMMENT_CHARACTERS].lower()


def round_tighter(price: float, side: Side, digits: int) -> float:
    """Round the stop of a position to the price grid, towards the market: up for a buy."""
    if not math.isfinite(price):
        raise ValueError(f"price must be finite, was {price}: it would become an order's stop")
    return float(tightened(price, side.sign, digits))


def protection(intent: OrderIntent, quote: Quote, digits: int) -> tuple[float, float]:
    """Return stop and target of an entry.

    A buy opens at the ask and a sell at the bid, or both at their limit; the distances count from
    there.
    """
    side = intent.side
    entry = intent.limit_price or (quote.ask if side is Side.BUY else quote.bid)
    stop = round_tighter(entry - side.sign * intent.stop_distance, side, digits)
    return stop, float(normalised(entry + side.sign * intent.target_distance, digits))


def submitting(
    order: Order, spec: SymbolSpec | None, position: PositionChanged | None, magic: int
) -> OrderSubmitting:
    """Return the one order that an intent leads to.

    Raises
    ------
    Unsendable
        If nothing sensible can be sent; the message names the reason.
    """
    match order.intent:
        case OrderIntent() as intent:
            return _entry(order, intent, spec, magic)
        case ExitIntent() as intent:
            return _exit(order, intent, _managed(position, intent.reason), magic)
        case AmendIntent() as intent:
            return _amendment(order, intent, spec, _managed(position, intent.reason), magic)
        case CancelIntent() as intent:
            return _fact(order, intent.side, 0.0, 0.0, 0.0, magic)


def send_of(
    fact: OrderSubmitting, slot: str, ticket: int, spec: SymbolSpec | None, deviation_points: int
) -> SendOrder:
    """Return the request that carries out what `fact` announced; the same for every instance.

    `ticket` is how the broker now names the position that is closed or amended, `spec` what the
    broker must not have changed meanwhile.
    """
    return SendOrder(
        needs=slot,
        intent_id=fact.intent_id,
        purpose=fact.purpose,
        symbol=fact.scope,
        side=fact.side,
        lots=fact.lots,
        stop_price=fact.stop_price,
        target_price=fact.target_price,
        position_ticket=ticket,
        magic=fact.magic,
        comment=fact.comment,
        deviation_points=deviation_points,
        spec=spec,
        limit_price=fact.limit_price,
        expires_ns=fact.expires_ns,
        order_ticket=fact.order_ticket,
    )


def not_sent(order: Order, reason: str) -> OrderOutcome:
    """Return the outcome of an order that never leaves."""
    return OrderOutcome(
        scope=order.symbol,
        intent_id=order.intent_id,
        purpose=order.purpose,
        outcome=Outcome.NOT_SENT,
        retcode=0,
        reason=reason,
        lots=0.0,
        price=0.0,
        order_ticket=0,
        deal_ticket=0,
    )


def _managed(position: PositionChanged | None, reason: str) -> PositionChanged:
    if position is None:
        raise Unsendable(Why.POSITION_CLOSED)
    if position.origin is Origin.EXTERNAL and reason != FLATTEN:
        raise Unsendable(Why.POSITION_EXTERNAL)
    return position


def _entry(
    order: Order, intent: OrderIntent, spec: SymbolSpec | None, magic: int
) -> OrderSubmitting:
    if order.approval is None:
        raise Unsendable(Why.NOT_APPROVED)
    if spec is None:
        raise Unsendable(Why.NO_SYMBOL_SPEC)
    if order.quote is None:
        raise Unsendable(Why.NO_QUOTE)
    stop, target = protection(intent, order.quote, spec.digits)
    if not (stop > 0.0 and target > 0.0):
        # A level at or below zero means none to the broker: the position would stand without it.
        raise Unsendable(Why.NO_PROTECTION)
    nearest = spec.stops_level_points * spec.point
    if intent.rests:
        # The stop of an order that waits is measured from where it waits.
        _require_room((intent.limit_price - stop) * intent.side.sign, nearest)
    else:
        _require_distance(intent.side, order.quote, stop, nearest)
    return _fact(order, intent.side, order.approval.lots, stop, target, magic)


def _exit(
    order: Order, intent: ExitIntent, position: PositionChanged, magic: int
) -> OrderSubmitting:
    return _fact(order, intent.side, min(intent.lots, position.lots), 0.0, 0.0, magic)


def _amendment(
    order: Order,
    intent: AmendIntent,
    spec: SymbolSpec | None,
    position: PositionChanged,
    magic: int,
) -> OrderSubmitting:
    if spec is None:
        raise Unsendable(Why.NO_SYMBOL_SPEC)
    side = position.side
    stop = round_tighter(intent.stop_price, side, spec.digits)
    # An intent without a target means to keep what is there: a 0 would delete it at the broker.
    target = intent.target_price or position.target_price
    if stop == position.stop_price and target == position.target_price:
        raise Unsendable(Why.NO_CHANGES)
    if position.stop_price > 0.0 and (stop - position.stop_price) * side.sign < 0.0:
        raise Unsendable(Why.WOULD_LOOSEN)
    if order.quote is not None:
        nearest = max(spec.stops_level_points, spec.freeze_level_points) * spec.point
        if position.stop_price == 0.0:
            stop = _within_reach(side, order.quote, stop, nearest, spec.digits)
        _require_distance(side, order.quote, stop, nearest)
    return _fact(order, side, 0.0, stop, target, magic)


def _within_reach(side: Side, quote: Quote, stop: float, nearest: float, digits: int) -> float:
    """Return a stop that stays a spread further from the price than the broker asks for."""
    close = quote.bid if side is Side.BUY else quote.ask
    limit = close - side.sign * (nearest + quote.ask - quote.bid)
    if (limit - stop) * side.sign >= 0.0:
        return stop
    return round_tighter(limit, side.opposite, digits)


def _require_distance(side: Side, quote: Quote, stop: float, nearest: float) -> None:
    # The broker measures from the price at which the position would close.
    close = quote.bid if side is Side.BUY else quote.ask
    _require_room((close - stop) * side.sign, nearest)


def _require_room(distance: float, nearest: float) -> None:
    if distance < nearest:
        raise Unsendable(Why.STOPS_LEVEL)


def _fact(
    order: Order, side: Side, lots: float, stop: float, target: float, magic: int
) -> OrderSubmitting:
    entry = order.intent if isinstance(order.intent, OrderIntent) else None
    return OrderSubmitting(
        scope=order.symbol,
        intent_id=order.intent_id,
        purpose=order.purpose,
        side=side,
        lots=lots,
        stop_price=stop,
        target_price=target,
        position_ticket=order.position_ticket,
        magic=magic,
        comment=comment_of(order.intent_id),
        limit_price=entry.limit_price if entry else 0.0,
        expires_ns=entry.expires_ns if entry else 0,
        order_ticket=order.order_ticket,
    )
