"""Whether every order was permitted, and every fill belongs to an order or to somebody else.

An entry needs an approval that covers it: same side, no more lots, still valid. An exit or an
amendment needs an intent that only reduces the position as its author had read of it (a stop may
have closed it meanwhile: then nothing is sent), a cancel one that names an order known to rest. A
deal that names an intent must follow from its submission; one that names none was made by the
broker or by others.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from blackboard.entry import Entry
from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    ExitIntent,
    Fact,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    SymbolSpec,
)
from blackboard.facts.execution import Outcome, Purpose
from runtime.proof.checks.check import Check

LOTS_TOLERANCE: Final = 1e-9
"""Lots by which sums of deals may miss the whole, in floats."""


class Permissions(Check):
    """No order without an approval that covers it, or an intent that only reduces."""

    name = "permissions"

    def __init__(self) -> None:
        super().__init__()
        self._approved: dict[str, RiskApproved] = {}
        self._refused: set[str] = set()
        self._reducing: dict[str, ExitIntent | AmendIntent | CancelIntent] = {}
        self._resting: dict[int, str] = {}
        """By ticket of an accepted order: the intent that it came of."""
        self._positions: defaultdict[int, list[tuple[int, PositionChanged]]] = defaultdict(list)
        """By ticket: what was told of it, each with its seq."""
        self._points: dict[str, float] = {}
        self._submitted: dict[str, int] = {}

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield orders that nothing permits, and intents that do not reduce."""
        match entry.fact:
            case RiskApproved() as approved:
                self._approved[approved.intent_id] = approved
                if approved.intent_id in self._refused:
                    yield f"{approved.intent_id} was refused before it was approved"
            case RiskRefused(intent_id=intent_id):
                self._refused.add(intent_id)
            case ExitIntent() | AmendIntent() | CancelIntent() as intent:
                self._reducing[intent.intent_id] = intent
                yield from self._wish(intent, entry.read_to)
            case OrderSubmitting() as order:
                self.checked += 1
                yield from self._submit(order, entry)
            case fact:
                self._note(fact, entry.seq)

    def _note(self, fact: Fact, seq: int) -> None:
        match fact:
            case SymbolSpec() as spec:
                self._points[spec.scope] = spec.point
            case PositionChanged() as position:
                self._positions[position.ticket].append((seq, position))
            case OrderOutcome(outcome=Outcome.ACCEPTED) as accepted:
                self._resting[accepted.order_ticket] = accepted.intent_id
            case _:
                pass

    def _position(self, ticket: int, read_to: int) -> PositionChanged | None:
        told = reversed(self._positions.get(ticket, ()))
        return next((position for seq, position in told if seq <= read_to), None)

    def _wish(self, intent: ExitIntent | AmendIntent | CancelIntent, read_to: int) -> Iterator[str]:
        if isinstance(intent, CancelIntent):
            if self._resting.get(intent.order_ticket) != intent.entry_intent_id:
                yield f"{intent.intent_id} is about order {intent.order_ticket}, never accepted"
            return
        position = self._position(intent.position_ticket, read_to)
        if position is None:
            yield f"{intent.intent_id} is about position {intent.position_ticket}, never seen"
        elif intent.position_side is not position.side:
            yield f"{intent.intent_id}: position is {position.side}, not {intent.position_side}"
        elif isinstance(intent, ExitIntent) and intent.lots > position.lots + LOTS_TOLERANCE:
            yield f"{intent.intent_id} closes {intent.lots:g} lots of {position.lots:g}"
        elif isinstance(intent, AmendIntent) and _loosens(intent.stop_price, position):
            yield (
                f"{intent.intent_id} moves the stop from {position.stop_price:g} to "
                f"{intent.stop_price:g}, which is looser"
            )

    def _submit(self, order: OrderSubmitting, entry: Entry) -> Iterator[str]:
        first = self._submitted.setdefault(order.intent_id, entry.seq)
        if first != entry.seq:
            yield f"{order.intent_id} was submitted at seq {first} already"
        if order.purpose is Purpose.ENTRY:
            yield from self._entry(order, entry)
            return
        intent = self._reducing.get(order.intent_id)
        match intent:
            case ExitIntent() if order.purpose is Purpose.EXIT:
                if order.side is not intent.side or order.lots > intent.lots + LOTS_TOLERANCE:
                    yield (
                        f"{order.intent_id} sends {order.side} {order.lots:g}, its intent wants "
                        f"{intent.side} {intent.lots:g}"
                    )
            case AmendIntent() if order.purpose is Purpose.AMEND:
                yield from self._amend(order, intent, entry.seq)
            case CancelIntent() if order.purpose is Purpose.CANCEL:
                if order.order_ticket != intent.order_ticket:
                    yield f"{order.intent_id} takes back another order than its intent"
            case _:
                yield f"{order.intent_id}: no intent to {order.purpose.value} before it"

    def _amend(self, order: OrderSubmitting, intent: AmendIntent, seq: int) -> Iterator[str]:
        # A stop is sent on the broker's grid: it may miss the intent's by less than a point.
        off = abs(order.stop_price - intent.stop_price)
        if off >= self._points.get(order.scope, 0.0) and off > 0.0:
            yield (
                f"{order.intent_id} sends stop {order.stop_price:.6g}, its intent wants "
                f"{intent.stop_price:.6g}"
            )
        position = self._position(intent.position_ticket, seq)
        if position is not None and _loosens(order.stop_price, position):
            yield (
                f"{order.intent_id} sends stop {order.stop_price:.6g}, which is looser than "
                f"{position.stop_price:.6g}"
            )

    def _entry(self, order: OrderSubmitting, entry: Entry) -> Iterator[str]:
        approved = self._approved.get(order.intent_id)
        if approved is None:
            yield f"{order.intent_id}: no approval before it"
        elif order.side is not approved.side or order.scope != approved.scope:
            yield (
                f"{order.intent_id} sends {order.side} {order.scope}, approved was "
                f"{approved.side} {approved.scope}"
            )
        elif order.lots > approved.lots:
            yield f"{order.intent_id} sends {order.lots:g} lots, approved were {approved.lots:g}"
        elif entry.now_ns > approved.valid_until_ns:
            yield f"{order.intent_id}: its approval had expired"


class Fills(Check):
    """Every deal belongs to a submission, and no order was filled beyond its lots."""

    name = "fills"

    def __init__(self) -> None:
        super().__init__()
        self._lots: dict[str, float] = {}
        self._deals: dict[int, int] = {}

    def look(self, entry: Entry) -> Iterator[str]:
        """Yield deals that nobody sent, and those that are told twice."""
        match entry.fact:
            case OrderSubmitting() as order:
                self._lots[order.intent_id] = order.lots
            case Fill() as fill:
                self.checked += 1
                yield from self._fill(fill, entry)
            case _:
                pass

    def _fill(self, fill: Fill, entry: Entry) -> Iterator[str]:
        first = self._deals.setdefault(fill.deal_ticket, entry.seq)
        if first != entry.seq:
            yield f"deal {fill.deal_ticket} stands at seq {first} already"
        if not fill.intent_id:
            return  # the broker's own, a person's or another program's
        left = self._lots.get(fill.intent_id)
        if left is None:
            yield f"deal {fill.deal_ticket} names {fill.intent_id}, which was never submitted"
            return
        self._lots[fill.intent_id] = left - fill.lots
        if fill.lots > left + LOTS_TOLERANCE:
            excess = f"{fill.lots:g} lots of {fill.intent_id}, {left:g} left"
            yield f"deal {fill.deal_ticket} fills {excess}"


def _loosens(stop_price: float, position: PositionChanged) -> bool:
    has_stop = position.stop_price > 0.0
    return has_stop and (stop_price - position.stop_price) * position.side.sign < 0.0
