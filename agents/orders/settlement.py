"""What a reading of the broker says of an order whose reply was lost.

Never a resend. An order is adopted where the broker has it, and counts as not executed only after
it was absent from several readings that lie further apart than a send can take, or where the broker
says that it ended unfilled. An amendment leaves neither order nor deal: the stop and target of its
position tell; of a cancel the order that it was to take back.
"""

import math
from dataclasses import dataclass
from typing import Final

from agents.orders.life import Order
from agents.orders.positions import LOTS_TOLERANCE
from agents.orders.reasons import Why, told
from agents.requests import BrokerDeal, BrokerRead
from blackboard.facts import OrderOutcome
from blackboard.facts.execution import Outcome, Purpose

PRICE_TOLERANCE: Final = 1e-9
"""Share by which two prices may differ and still be the same; far below any point."""


@dataclass(frozen=True, slots=True)
class Patience:
    """When an absence counts, in market time."""

    send_timeout_ns: int
    """After it no reply can come any more."""
    absence_polls: int
    """Readings in which an order must be absent."""

    def deadline_ns(self, order: Order) -> int:
        """Return the last market time at which the reply to a send may come."""
        return order.sent_ns + self.send_timeout_ns

    def next_poll_ns(self, order: Order) -> int:
        """Return the market time from which a reading counts as the next search for the order.

        All of the searches lie after the deadline, and together span more than the timeout.
        """
        if order.outcome is None or not order.outcome.absent_polls:
            return self.deadline_ns(order) + 1
        return order.outcome_ns + self.send_timeout_ns // (self.absence_polls - 1) + 1


def settle(order: Order, reading: BrokerRead, patience: Patience) -> OrderOutcome | None:
    """Return the next outcome of an order that was submitted, None to go on waiting for it."""
    found = _found(order, reading)
    if found is not None:
        same = order.outcome is not None and order.outcome.outcome is found.outcome
        return None if same else found
    if reading.read_ns < patience.next_poll_ns(order):
        return None
    polls = 1 + (order.outcome.absent_polls if order.outcome else 0)
    if polls < patience.absence_polls:
        reason = told(Why.ABSENT, f"in reading {polls} of {patience.absence_polls}")
        return _outcome(order, Outcome.UNKNOWN, reason, absent_polls=polls)
    reason = told(Why.ABSENT, f"in {polls} readings")
    return _outcome(order, Outcome.NOT_EXECUTED, reason, absent_polls=polls)


def no_reply(order: Order, text: str) -> OrderOutcome:
    """Return the outcome of a send whose reply is lost."""
    return _outcome(order, Outcome.UNKNOWN, told(Why.NO_REPLY, text))


def _found(order: Order, reading: BrokerRead) -> OrderOutcome | None:
    if order.purpose is Purpose.AMEND:
        return _found_amendment(order, reading)
    if order.purpose is Purpose.CANCEL:
        return _found_cancel(order, reading)
    deals = _deals_of(order, reading)
    ours = [o for o in reading.orders if order.owns(o.magic, o.comment, o.placed_ns)]
    working = [o for o in ours if o.is_working]
    if deals:
        return _executed(order, deals, is_working=bool(working))
    if working:
        ticket = working[0].ticket
        return _outcome(order, Outcome.ACCEPTED, Why.ADOPTED_ORDER, order_ticket=ticket)
    adopted = _found_position(order, reading)
    dead = next((o for o in ours if o.is_dead), None)
    if adopted is None and dead is not None:
        reason = told(Why.ORDER_GONE, dead.end)
        return _outcome(order, Outcome.NOT_EXECUTED, reason, order_ticket=dead.ticket)
    return adopted


def _deals_of(order: Order, reading: BrokerRead) -> list[BrokerDeal]:
    return [
        deal
        for deal in sorted(reading.deals, key=lambda deal: deal.ticket)
        if deal.symbol == order.symbol
        and deal.is_entry == (order.purpose is Purpose.ENTRY)
        and (deal.is_entry or deal.position_ticket == order.position_ticket)
        and order.owns(deal.magic, deal.comment, deal.made_ns)
    ]


def _executed(order: Order, deals: list[BrokerDeal], *, is_working: bool) -> OrderOutcome:
    wanted = order.submitting.lots if order.submitting else 0.0
    lots = sum((deal.lots for deal in deals), 0.0)
    is_whole = lots >= wanted - LOTS_TOLERANCE
    if is_working and not is_whole:
        outcome = Outcome.ACCEPTED
    else:
        outcome = Outcome.FILLED if is_whole else Outcome.PARTIAL
    price = deals[0].price
    if len(deals) > 1:
        price = sum((deal.price * deal.lots for deal in deals), 0.0) / lots
    return _outcome(
        order,
        outcome,
        Why.ADOPTED_DEAL,
        lots=lots,
        price=price,
        order_ticket=deals[-1].order_ticket,
        deal_ticket=deals[-1].ticket,
    )


def _found_position(order: Order, reading: BrokerRead) -> OrderOutcome | None:
    # The history may lag behind the positions.
    if order.purpose is not Purpose.ENTRY:
        return None
    for held in reading.positions:
        if held.symbol == order.symbol and order.owns(held.magic, held.comment, held.opened_ns):
            wanted = order.submitting.lots if order.submitting else 0.0
            is_whole = held.lots >= wanted - LOTS_TOLERANCE
            return _outcome(
                order,
                Outcome.FILLED if is_whole else Outcome.PARTIAL,
                Why.ADOPTED_POSITION,
                lots=held.lots,
                price=held.open_price,
                order_ticket=held.ticket,
            )
    return None


def _found_amendment(order: Order, reading: BrokerRead) -> OrderOutcome | None:
    wanted = order.submitting
    for held in reading.positions:
        if (
            wanted is not None
            and held.ticket == order.position_ticket
            and math.isclose(held.stop_price, wanted.stop_price, rel_tol=PRICE_TOLERANCE)
            and math.isclose(held.target_price, wanted.target_price, rel_tol=PRICE_TOLERANCE)
        ):
            return _outcome(order, Outcome.FILLED, Why.ADOPTED_LEVELS)
    return None


def _found_cancel(order: Order, reading: BrokerRead) -> OrderOutcome | None:
    # One that still works may yet be taken back: like an absent order it is looked at again.
    ended = next(
        (o for o in reading.orders if o.ticket == order.order_ticket and not o.is_working), None
    )
    if ended is None:
        return None
    outcome = Outcome.FILLED if ended.is_dead else Outcome.NOT_EXECUTED
    return _outcome(order, outcome, Why.ADOPTED_CANCEL, order_ticket=ended.ticket)


def _outcome(
    order: Order,
    outcome: Outcome,
    reason: str,
    *,
    lots: float = 0.0,
    price: float = 0.0,
    order_ticket: int = 0,
    deal_ticket: int = 0,
    absent_polls: int = 0,
) -> OrderOutcome:
    return OrderOutcome(
        scope=order.symbol,
        intent_id=order.intent_id,
        purpose=order.purpose,
        outcome=outcome,
        retcode=0,
        reason=reason,
        lots=lots,
        price=price,
        order_ticket=order_ticket,
        deal_ticket=deal_ticket,
        absent_polls=absent_polls,
    )
