"""Orders that rest at the broker: sent once, followed until they end, taken back once."""

import pytest

from agents.requests import SendOrder
from blackboard.facts import (
    CancelIntent,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    TradeClosed,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from models.market.sessions import MINUTE_NS
from tests.builders import M15_NS, T0_NS, a_state, an_intent
from tests.execution_desk import LOST, LOST_DONE, PLACED, ExecutionDesk
from tests.order_builders import TIMEOUT_NS, a_desk, an_approval, outcomes

LIMIT = 1.0990
UNTIL_NS = T0_NS + 4 * M15_NS


def a_desk_with_order() -> tuple[ExecutionDesk, SendOrder]:
    """Return a desk whose buy of 0.2 lots rests at 1.0990, and what was sent."""
    desk = a_desk()
    desk.say(an_intent(limit_price=LIMIT, expires_ns=UNTIL_NS), an_approval())
    desk.settle()
    (sent,) = desk.broker.sends
    return desk, sent


def a_cancel(ticket: int, count: int = 1) -> CancelIntent:
    """Return the wish to take the order back."""
    return CancelIntent(
        scope="EURUSD",
        intent_id=f"cancel-{count}",
        entry_intent_id="EURUSD-1",
        order_ticket=ticket,
        side=Side.BUY,
        reason="reversal",
    )


def ticket_of(desk: ExecutionDesk) -> int:
    """Return the ticket of the order that rests."""
    return desk.broker.orders[0].ticket


def test_a_resting_entry_is_sent_with_levels_from_its_limit() -> None:
    """Stop 20 pips below 1.0990 and target 60 above; accepted is not yet the end."""
    desk, sent = a_desk_with_order()

    assert (sent.limit_price, sent.expires_ns) == (LIMIT, UNTIL_NS)
    assert (sent.stop_price, sent.target_price) == (1.097, 1.105)
    announced = desk.last(OrderSubmitting)
    assert isinstance(announced, OrderSubmitting)
    assert (announced.limit_price, announced.expires_ns) == (LIMIT, UNTIL_NS)
    assert outcomes(desk) == [Outcome.ACCEPTED]


def test_a_fill_is_adopted_and_settles_the_order() -> None:
    """One fill, one position of ours with its stop, one outcome."""
    desk, sent = a_desk_with_order()
    desk.now_ns += 7 * MINUTE_NS
    desk.broker.fill_order(sent, desk.now_ns)
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.FILLED]
    held = desk.last(PositionChanged)
    assert isinstance(held, PositionChanged)
    assert (held.origin, held.stop_price, held.intent_id) == (Origin.OWN, 1.097, "EURUSD-1")
    assert len(desk.facts(Fill)) == len(desk.broker.sends) == 1


def test_a_partial_fill_leaves_the_rest_working() -> None:
    """The position is there at once; the order goes on, and its end is PARTIAL."""
    desk, sent = a_desk_with_order()
    desk.now_ns += MINUTE_NS
    desk.broker.fill_order(sent, desk.now_ns, lots=0.1)
    desk.notice()
    assert outcomes(desk) == [Outcome.ACCEPTED]
    assert len(desk.facts(PositionChanged)) == 1

    desk.broker.end_order(ticket_of(desk), "expired")
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.PARTIAL]


@pytest.mark.parametrize("end", ["expired", "cancelled", "rejected"])
def test_an_order_that_ends_unfilled_was_not_executed(end: str) -> None:
    """Whoever ended it; the reason says how."""
    desk, _ = a_desk_with_order()
    desk.broker.end_order(ticket_of(desk), end)
    desk.notice()

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.outcome, last.reason) == (Outcome.NOT_EXECUTED, f"order_gone: {end}")


def test_an_order_is_followed_by_a_successor() -> None:
    """A restart finds it working, sends nothing, and hears of its end."""
    desk, sent = a_desk_with_order()
    desk.restart()
    desk.settle()
    assert outcomes(desk) == [Outcome.ACCEPTED]

    desk.now_ns += MINUTE_NS
    desk.broker.fill_order(sent, desk.now_ns)
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.FILLED]
    assert len(desk.broker.sends) == 1


def test_a_cancel_takes_the_order_back_once() -> None:
    """Announced, sent, done; the entry was not executed, and nothing is sent again."""
    desk, _ = a_desk_with_order()
    ticket = ticket_of(desk)
    desk.say(a_cancel(ticket))
    desk.settle()

    cancel = desk.broker.sends[-1]
    assert (cancel.purpose, cancel.order_ticket) == (Purpose.CANCEL, ticket)
    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.FILLED, Outcome.NOT_EXECUTED]
    desk.advance_to(T0_NS + M15_NS)
    assert len(desk.broker.sends) == 2


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_cancel_leaves_in_every_state(state: TradingState) -> None:
    """It only reduces."""
    desk, _ = a_desk_with_order()
    desk.say(a_state(state), a_cancel(ticket_of(desk)))
    desk.settle()

    assert desk.broker.sends[-1].purpose is Purpose.CANCEL


def test_a_fill_that_races_a_cancel_is_adopted() -> None:
    """The broker filled first: the cancel is refused, the position is ours and has its stop."""
    desk, sent = a_desk_with_order()
    ticket = ticket_of(desk)
    desk.now_ns += MINUTE_NS
    desk.broker.fill_order(sent, desk.now_ns)
    desk.say(a_cancel(ticket))
    desk.settle()

    found = {fact.intent_id: fact.outcome for fact in desk.facts(OrderOutcome)}  # type: ignore[union-attr]
    assert found == {"EURUSD-1": Outcome.FILLED, "cancel-1": Outcome.REJECTED}
    held = desk.last(PositionChanged)
    assert isinstance(held, PositionChanged)
    assert (held.origin, held.stop_price) == (Origin.OWN, 1.097)


def test_what_has_ended_is_not_cancelled() -> None:
    """The entry is settled: nothing leaves."""
    desk, _ = a_desk_with_order()
    ticket = ticket_of(desk)
    desk.broker.end_order(ticket, "expired")
    desk.notice()
    desk.say(a_cancel(ticket))
    desk.settle()

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.outcome, last.reason) == (Outcome.NOT_SENT, "order_gone")
    assert len(desk.broker.sends) == 1


def test_a_lost_reply_to_a_resting_entry_is_found_by_reading() -> None:
    """UNKNOWN freezes the symbol until the order is found working."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(limit_price=LIMIT, expires_ns=UNTIL_NS), an_approval())
    desk.settle()
    desk.broker.tongue.append(PLACED)
    desk.broker.send(desk.broker.sends[0], desk.now_ns)
    desk.advance_to(T0_NS + 2 * TIMEOUT_NS)

    assert outcomes(desk) == [Outcome.UNKNOWN, Outcome.ACCEPTED]
    assert len(desk.broker.sends) == 2  # the second is the broker's own doing above


def test_a_lost_reply_to_a_cancel_is_settled_by_the_order() -> None:
    """The order is gone, so it was done; no cancel is sent twice."""
    desk, _ = a_desk_with_order()
    ticket = ticket_of(desk)
    desk.broker.tongue.append(10_012)
    desk.say(a_cancel(ticket))
    desk.settle()
    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.UNKNOWN]

    desk.broker.end_order(ticket, "cancelled")
    desk.advance_to(T0_NS + 2 * TIMEOUT_NS)

    assert outcomes(desk)[2:] == [Outcome.NOT_EXECUTED, Outcome.FILLED]
    assert len(desk.broker.sends) == 2


def test_a_cancel_that_did_nothing_is_known_after_enough_readings() -> None:
    """The order works on: not executed, and the supervisor may ask anew."""
    desk, _ = a_desk_with_order()
    desk.broker.tongue.append(10_012)
    desk.say(a_cancel(ticket_of(desk)))
    desk.settle()
    desk.advance_to(T0_NS + 4 * TIMEOUT_NS)

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.purpose, last.outcome) == (Purpose.CANCEL, Outcome.NOT_EXECUTED)
    assert LOST_DONE not in desk.broker.tongue


def test_filled_and_stopped_between_two_readings_is_one_closed_trade() -> None:
    """Nobody saw the position; its deals tell."""
    desk, sent = a_desk_with_order()
    desk.now_ns += MINUTE_NS
    position = desk.broker.fill_order(sent, desk.now_ns)
    desk.broker.close(position, 1.097, desk.now_ns, "stop")
    desk.notice()

    (trade,) = desk.facts(TradeClosed)
    assert isinstance(trade, TradeClosed)
    assert (trade.reason, trade.intent_id) == ("stop", "EURUSD-1")
