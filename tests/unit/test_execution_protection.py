"""Stops that are missing, refused or in danger of deletion, and what the market forbids."""

from typing import Any

import msgspec
import pytest

from agents.requests import SendOrder
from blackboard.facts import (
    AmendIntent,
    OrderOutcome,
    PositionChanged,
    TradeClosed,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from models.market.sessions import MINUTE_NS
from runtime.terminals.requests import UnfitRequest, order_request
from tests.builders import T0_NS, a_spec, a_state, an_intent
from tests.execution_desk import LOST_DONE
from tests.order_builders import (
    TIMEOUT_NS,
    a_desk,
    a_desk_with_position,
    an_amendment,
    an_approval,
    an_exit,
    closed_trade,
    enter,
    lots_now,
    outcomes,
    reasons,
)
from tests.terminal_desk import TerminalDesk, a_terminal_with_position


def test_f12_a_stop_that_the_server_ignored_is_missed_in_the_first_reading() -> None:
    """F12: the state without a stop is on the board at once, and a stop is set in HALTED too."""
    desk = TerminalDesk()
    desk.conditions.ignores_stops = True
    enter(desk)
    position = desk.last(PositionChanged)
    assert isinstance(position, PositionChanged)
    assert (position.stop_price, position.intent_id) == (0.0, "EURUSD-1")
    assert desk.entries(PositionChanged)[-1].now_ns == T0_NS

    desk.conditions.ignores_stops = False
    repair = an_amendment(position.ticket, stop_price=1.0981, current_stop_price=0.0)
    desk.say(a_state(TradingState.HALTED), repair)
    desk.settle()

    assert desk.last(PositionChanged).stop_price == 1.0981  # type: ignore[union-attr]


def test_f12_nothing_leaves_after_an_identity_mismatch_not_even_a_stop() -> None:
    """F12, F22: nobody knows whose position it would reach."""
    desk = a_desk()
    desk.broker.ignores_stops = True
    enter(desk)
    (ticket,) = desk.broker.positions
    desk.broker.account = msgspec.structs.replace(desk.broker.account, login=8)
    desk.notice()

    desk.say(an_amendment(ticket, current_stop_price=0.0))
    desk.settle()

    assert len(desk.broker.sends) == 1


def test_f13_no_stop_can_be_deleted_by_us() -> None:
    """F13: neither the wish nor the request can be built; the terminal really would delete it."""
    desk, ticket = a_terminal_with_position()
    with pytest.raises(ValueError, match="stop_price"):
        an_amendment(ticket, stop_price=0.0)
    info = desk.terminal.symbol_info("EURUSD")
    assert info is not None
    (sent,) = desk.sends
    amend = msgspec.structs.replace(sent, purpose="amend", position_ticket=ticket, stop_price=0.0)
    with pytest.raises(UnfitRequest, match="stop_price must be finite and above 0"):
        order_request(msgspec.convert(msgspec.to_builtins(amend), SendOrder), info)

    request = {"action": 6, "symbol": "EURUSD", "position": ticket, "tp": 1.1061}
    desk.terminal.order_send(request, request_id="bare", epoch=desk.epoch)

    (held,) = desk.terminal.positions_get() or ()
    assert held.sl == 0.0


def test_f13_an_amendment_without_a_target_keeps_the_one_that_is_there() -> None:
    """F13: both levels travel, whatever the wish named."""
    desk, ticket = a_terminal_with_position()

    desk.say(an_amendment(ticket, target_price=0.0))
    desk.settle()

    (held,) = desk.terminal.positions_get() or ()
    assert (held.sl, held.tp) == (1.099, 1.1061)


def test_f13_a_stop_is_held_against_the_one_that_was_confirmed_last() -> None:
    """An amendment made before the last one showed would loosen it, and does not leave."""
    desk, ticket = a_desk_with_position()
    desk.say(an_amendment(ticket, stop_price=1.099))
    desk.step()
    desk.say(an_amendment(ticket, intent_id="later", stop_price=1.0985))
    desk.settle()

    assert desk.broker.positions[ticket].stop_price == 1.099
    assert reasons(desk)[-1].startswith("would_loosen")


def test_f12_a_reading_counts_for_more_than_a_confirmation() -> None:
    """A server that confirms a stop and does not set it is asked for it again."""
    desk, ticket = a_desk_with_position()
    desk.say(an_amendment(ticket, stop_price=1.099))
    desk.settle()
    desk.broker.positions[ticket] = msgspec.structs.replace(
        desk.broker.positions[ticket], stop_price=1.0981
    )
    desk.advance_to(desk.now_ns + 20 * MINUTE_NS)
    desk.say(an_amendment(ticket, intent_id="again", stop_price=1.0985))
    desk.settle()

    assert desk.broker.positions[ticket].stop_price == 1.0985


def test_f14_no_close_can_open_the_opposite_side() -> None:
    """F14: a close names its position; without one the terminal really would open another."""
    desk, ticket = a_terminal_with_position()
    info = desk.terminal.symbol_info("EURUSD")
    assert info is not None
    (sent,) = desk.sends
    bare = msgspec.structs.replace(sent, purpose="exit", side="SELL")
    with pytest.raises(UnfitRequest, match="position_ticket"):
        order_request(msgspec.convert(msgspec.to_builtins(bare), SendOrder), info)

    desk.say(an_exit(ticket))
    desk.settle()

    assert desk.terminal.positions_get() == ()
    assert desk.sends[-1].position_ticket == ticket


@pytest.mark.parametrize(("level", "code"), [("stops", 10016), ("freeze", 10029)])
def test_f15_a_stop_that_is_refused_leaves_the_old_one_and_no_storm(level: str, code: int) -> None:
    """F15: one request, one outcome, and the old stop protects on."""
    desk, ticket = a_terminal_with_position()
    if level == "stops":
        desk.conditions.stops_level_points = 200
    else:
        desk.conditions.freeze_level_points = 5_000

    desk.say(an_amendment(ticket))
    desk.settle()
    desk.advance_to(T0_NS + 30 * MINUTE_NS)

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.outcome, last.retcode, last.may_retry) == (Outcome.REJECTED, code, False)
    assert len(desk.sends) == 2
    assert desk.last(PositionChanged).stop_price == 1.0981  # type: ignore[union-attr]


@pytest.mark.parametrize("level", ["stops_level_points", "freeze_level_points"])
def test_f15_a_trailed_stop_that_is_too_near_is_not_even_sent(level: str) -> None:
    """F15: 1.0990 is 100 points below the bid, the level asks for 101."""
    a_level: dict[str, Any] = {level: 101}
    desk, ticket = a_desk_with_position()
    desk.say(a_spec(**a_level), an_amendment(ticket))

    desk.settle()

    assert reasons(desk)[-1] == "stops_level"
    assert desk.broker.positions[ticket].stop_price == 1.0981


@pytest.mark.parametrize(
    ("side", "wanted", "set_to"),
    [(Side.BUY, 1.0999, 1.0988), (Side.BUY, 1.098, 1.098), (Side.SELL, 1.1002, 1.1013)],
)
def test_f15_a_missing_stop_is_set_the_level_and_the_spread_away(
    side: Side, wanted: float, set_to: float
) -> None:
    """F15: a buy's limit is 1.10000 - 110 points - 10 of spread, a sell's 1.10010 + 120 points."""
    desk = a_desk()
    desk.broker.ignores_stops = True
    desk.say(an_intent(side=side), an_approval(side=side))
    desk.settle()
    (ticket,) = desk.broker.positions

    repair = AmendIntent(
        scope="EURUSD",
        intent_id="repair",
        position_ticket=ticket,
        position_side=side,
        stop_price=wanted,
        current_stop_price=0.0,
        target_price=0.0,
        reason="missing stop",
    )
    desk.say(a_spec(stops_level_points=110), repair)
    desk.settle()

    assert desk.broker.positions[ticket].stop_price == set_to


@pytest.mark.parametrize(
    ("switch", "code", "reason"),
    [
        ("is_terminal_trade_allowed", 10027, "client_disables_at"),
        ("is_expert_allowed", 10026, "server_disables_at"),
        ("is_account_trade_allowed", 10017, "trade_disabled"),
    ],
)
def test_f18_trading_that_is_switched_off_is_one_rejection(
    switch: str, code: int, reason: str
) -> None:
    """F18: no storm; the supervisor halts on the code."""
    desk = TerminalDesk()
    setattr(desk.conditions, switch, False)

    enter(desk)
    desk.advance_to(T0_NS + 30 * MINUTE_NS)

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.outcome, last.retcode) == (Outcome.REJECTED, code)
    assert last.reason.startswith(reason)
    assert len(desk.sends) == 1


def test_f18_a_switched_off_interface_is_not_sent() -> None:
    """F18: -8 proves that nothing left."""
    desk = TerminalDesk()
    desk.conditions.is_api_disabled = True

    enter(desk)

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert (last.outcome, last.retcode) == (Outcome.NOT_SENT, -8)


def test_f17_a_closed_market_ends_the_intent() -> None:
    """F17: 10018 is final; nobody knocks again."""
    desk = TerminalDesk()
    desk.conditions.is_session_open = False

    enter(desk)
    desk.advance_to(T0_NS + 5 * MINUTE_NS)

    assert reasons(desk) == ["market_closed: Market closed"]
    assert len(desk.sends) == 1


def test_f16_a_stop_out_is_adopted_as_the_brokers_close() -> None:
    """F16: our trade, the server's decision; nothing is re-entered by itself."""
    desk, ticket = a_desk_with_position()

    desk.broker.close(ticket, 1.05, desk.now_ns, "stop_out")
    desk.notice()
    desk.advance_to(T0_NS + 30 * MINUTE_NS)

    assert closed_trade(desk).reason == "stop_out"
    assert len(desk.broker.sends) == 1


def test_f16_no_money_rejects_and_books_nothing() -> None:
    """F16: 10019 is final and leaves the account as it was."""
    desk = TerminalDesk()
    desk.say(an_intent(), an_approval(lots=50.0))
    desk.settle()

    assert desk.last(OrderOutcome).retcode == 10019  # type: ignore[union-attr]
    assert lots_now(desk) == {}


def test_a_lost_exit_of_a_stopped_position_is_one_trade() -> None:
    """The stop was faster than the lost exit: the trade is the stop's, the exit not executed."""
    desk, ticket = a_desk_with_position()
    desk.broker.close(ticket, 1.0981, desk.now_ns, "stop")
    desk.broker.tongue.append(LOST_DONE)

    desk.say(an_exit(ticket))
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert closed_trade(desk).reason == "stop"
    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED
    assert len(desk.facts(TradeClosed)) == 1
