"""Sends that go wrong: at most one order an intent, and every outcome with its reason."""

from typing import Any

import msgspec
import pytest

from agents.requests import SendAnswered, SendOrder
from blackboard.entry import Draft
from blackboard.errors import StaleEpoch
from blackboard.facts import (
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Reconciled,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.terminals import constants as mt5
from tests.builders import T0_NS, a_quote, a_spec, a_submission, an_intent
from tests.execution_desk import LOST, PLACED
from tests.order_builders import (
    TIMEOUT_NS,
    a_desk,
    a_desk_with_position,
    an_amendment,
    an_approval,
    an_exit,
    enter,
    lots_now,
    outcomes,
    reasons,
)
from tests.terminal_desk import TerminalDesk, a_terminal_with_position


@pytest.mark.parametrize(
    ("terms", "field"),
    [({"stops_level_points": 50}, "stops_level_points"), ({"digits": 4}, "digits")],
)
def test_f1_f27_terms_that_changed_are_named_and_nothing_leaves(
    terms: dict[str, Any], field: str
) -> None:
    """F27: the symbol is read again for the order; F1: the refusal names the field."""
    desk = TerminalDesk()
    desk.say(a_spec(**terms))

    enter(desk)

    (reason,) = reasons(desk)
    assert reason.startswith("invalid_params: " + field)
    assert outcomes(desk) == [Outcome.NOT_SENT]
    assert desk.terminal.positions_get() == ()


def test_f1_a_size_that_no_request_can_carry_names_its_field() -> None:
    """F1: the constructor of requests refuses, and the next intent is served."""
    desk = TerminalDesk()
    desk.say(an_intent(), an_approval(lots=1e-9))
    enter(desk, "EURUSD-2")

    assert outcomes(desk) == [Outcome.NOT_SENT, Outcome.FILLED]
    assert "lots must be finite and above 0" in reasons(desk)[0]


@pytest.mark.parametrize("code", [10011, 10012, 10028, 10031, 10046, 99999])
def test_f2_what_ran_without_a_true_reply_is_adopted(code: int) -> None:
    """F2, F4: the terminal executed and said something else; there is exactly one position."""
    desk = TerminalDesk()
    desk.conditions.forced_retcode = code
    desk.conditions.is_executed_despite = True

    enter(desk)

    assert outcomes(desk) == [Outcome.UNKNOWN, Outcome.FILLED]
    assert list(lots_now(desk).values()) == [0.2]
    assert len(desk.sends) == 1
    assert desk.last(Reconciled).frozen == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("code", [10011, 10012, 10028, 10031, 10046, 99999])
def test_f3_what_did_not_run_is_not_executed_after_three_readings(code: int) -> None:
    """F3, F4: absent at the terminal three times, and never sent again."""
    desk = TerminalDesk()
    desk.conditions.forced_retcode = code
    enter(desk)
    desk.conditions.forced_retcode = 0

    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk) == [Outcome.UNKNOWN] * 3 + [Outcome.NOT_EXECUTED]
    assert len(desk.sends) == 1
    assert lots_now(desk) == {}


def test_f3_an_unreadable_terminal_counts_for_nothing() -> None:
    """F3: only readings that were answered can find an order absent."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    enter(desk)
    desk.broker.deaf = 1_000

    desk.advance_to(T0_NS + 10 * TIMEOUT_NS)
    assert outcomes(desk) == [Outcome.UNKNOWN]

    desk.broker.deaf = 0
    desk.advance_to(T0_NS + 14 * TIMEOUT_NS)
    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED


def test_f2_a_comment_that_the_broker_has_changed_costs_nothing() -> None:
    """Cut or overwritten, the magic number still tells whose order it was."""
    for change in ({"comment_chars_max": 5}, {"comment_replaced_by": "broker"}):
        desk = TerminalDesk()
        for name, value in change.items():
            setattr(desk.conditions, name, value)
        desk.conditions.forced_retcode, desk.conditions.is_executed_despite = 10012, True

        enter(desk)

        assert outcomes(desk)[-1] is Outcome.FILLED
        assert desk.last(PositionChanged).intent_id == "EURUSD-1"  # type: ignore[union-attr]


def test_f2_an_unknown_order_freezes_its_symbol_and_no_other() -> None:
    """The other symbol goes on; this one waits until its order is settled."""
    desk = a_desk()
    desk.say(a_spec("GBPUSD"), a_quote("GBPUSD"))
    desk.broker.tongue.append(LOST)
    enter(desk)

    enter(desk, "EURUSD-2")
    enter(desk, "GBPUSD-1", scope="GBPUSD")
    assert [sent.intent_id for sent in desk.broker.sends] == ["EURUSD-1", "GBPUSD-1"]
    verdict = desk.last(Reconciled)
    assert isinstance(verdict, Reconciled)
    assert (verdict.is_clean, verdict.frozen) == (True, ("EURUSD",))

    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)
    assert desk.broker.sends[-1].intent_id == "EURUSD-2"


def test_f2_an_entry_that_waited_in_vain_says_for_what() -> None:
    """P12: the outcome of what expired names what held it."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    enter(desk)
    desk.broker.deaf = 1_000
    desk.say(
        an_intent(intent_id="late", valid_until_ns=T0_NS + MINUTE_NS),
        an_approval("late", valid_until_ns=T0_NS + MINUTE_NS),
    )

    desk.advance_to(T0_NS + 2 * MINUTE_NS)

    assert reasons(desk)[-1] == "expired: symbol_frozen"


def test_f2_exits_and_stops_pass_a_frozen_symbol() -> None:
    """What reduces risk waits for nobody's lost reply."""
    desk, ticket = a_desk_with_position()
    desk.broker.tongue.append(LOST)
    enter(desk, "EURUSD-2")

    desk.say(an_exit(ticket))
    desk.settle()

    assert ticket not in desk.broker.positions


@pytest.mark.parametrize(("executes", "last"), [(True, "FILLED"), (False, "NOT_EXECUTED")])
def test_f2_f3_a_lost_amendment_is_read_from_the_levels(executes: bool, last: str) -> None:
    """It leaves neither order nor deal at the terminal."""
    desk, ticket = a_terminal_with_position()
    desk.conditions.forced_retcode = 10012
    desk.conditions.is_executed_despite = executes

    desk.say(an_amendment(ticket))
    desk.settle()
    desk.conditions.forced_retcode = 0
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk)[-1] == last
    assert desk.last(PositionChanged).stop_price == (1.099 if executes else 1.0981)  # type: ignore[union-attr]


def test_f7_a_post_that_created_nothing_sends_nothing() -> None:
    """F7: the announcement was there already, by somebody else: no send, and no wait for one."""
    desk = a_desk()
    earlier = desk.epoch
    desk.say(an_intent(), an_approval())
    announcement = Draft(
        fact=a_submission(magic=4711 * 2**32 + 1),
        ts_event_ns=T0_NS,
        timeframe="M15",
        ordinal="EURUSD-1",
    )
    desk.say_as_agent(announcement)
    desk.now_ns += 2 * SECOND_NS

    desk.step(limit=2)  # intent and approval, not the announcement
    assert [type(request) for request in desk.requests].count(SendOrder) == 1
    desk.settle()

    assert desk.epoch == earlier
    assert desk.broker.sends == []
    assert len(desk.facts(OrderSubmitting)) == 1
    # A reading is used at once: nobody waits for a reply that cannot come.
    desk.broker.open(Side.SELL, 0.1, desk.now_ns)
    desk.notice()
    assert len(lots_now(desk)) == 1

    desk.advance_to(T0_NS + 4 * TIMEOUT_NS)
    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED


def test_f7_a_reply_that_comes_twice_is_one_outcome() -> None:
    """F7: a call that is answered again changes nothing."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    desk.step()
    desk.step()
    answers = [reply for reply in desk.replies if isinstance(reply, SendAnswered)]
    desk.replies += answers

    desk.settle()
    desk.replies += answers
    desk.settle()

    assert outcomes(desk) == [Outcome.FILLED]
    assert len(desk.facts(Fill)) == 1


def test_f8_the_board_takes_nothing_of_an_older_instance() -> None:
    """F8: the zombie wants to announce, and its post is refused; so nothing is sent."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    zombie_epoch = desk.epoch
    zombie = desk.agent
    desk.restart()

    desk.agent, desk.epoch = zombie, zombie_epoch
    with pytest.raises(StaleEpoch):
        desk.settle()

    assert desk.broker.sends == []


def test_f8_the_terminal_takes_nothing_of_an_older_epoch() -> None:
    """F8: the last gate has seen a younger sender; the outcome names it first in its reason."""
    desk = TerminalDesk()
    desk.terminal.order_send({"action": 99}, request_id="younger", epoch=desk.epoch + 1)

    enter(desk)

    (outcome,) = desk.facts(OrderOutcome)
    assert isinstance(outcome, OrderOutcome)
    assert (outcome.outcome, outcome.may_retry) == (Outcome.NOT_SENT, False)
    wanted = f"stale_epoch: epoch must be at least {desk.epoch + 1}, was {desk.epoch}"
    assert outcome.reason == wanted
    assert desk.terminal.positions_get() == ()


def test_f9_every_attempt_is_an_intent_of_its_own_within_the_same_deviation() -> None:
    """F9: three ids, three magic numbers, one limit that is never widened."""
    desk = a_desk()
    desk.broker.tongue.extend([10004, 10020, 10021])

    for attempt in (1, 2, 3):
        desk.say(a_quote())
        enter(desk, f"EURUSD-{attempt}", attempt=attempt)

    assert [sent.deviation_points for sent in desk.broker.sends] == [20, 20, 20]
    assert len({sent.magic for sent in desk.broker.sends}) == 3
    assert outcomes(desk) == [Outcome.REJECTED] * 3
    desk.advance_to(T0_NS + 20 * MINUTE_NS)
    assert len(desk.broker.sends) == 3


@pytest.mark.parametrize(
    ("side", "points_away", "leaves"),
    [(Side.BUY, 20, True), (Side.BUY, 21, False), (Side.BUY, -21, False), (Side.SELL, 21, False)],
)
def test_f9_a_price_that_has_left_the_first_limit_ends_the_decision(
    side: Side, points_away: int, leaves: bool
) -> None:
    """F9: a further attempt is judged by the first one's price, not by its own."""
    desk = a_desk()
    desk.broker.tongue.append(10004)
    first_price = 1.1001 if side is Side.BUY else 1.1
    desk.say(an_intent(side=side, reference_price=first_price), an_approval(side=side))
    desk.settle()

    bid = 1.1 + points_away * 0.00001
    desk.say(a_quote(bid=bid, ask=bid + 0.0001))
    enter(desk, "EURUSD-2", side=side, attempt=2, reference_price=bid)

    assert (len(desk.broker.sends) == 2) == leaves
    assert leaves or reasons(desk)[-1] == "deviation"


def test_f9_an_attempt_whose_first_is_forgotten_is_judged_by_itself() -> None:
    """F9: without a memory of the first there is nothing to compare with."""
    desk = a_desk()

    enter(desk, "EURUSD-2", attempt=2)

    assert outcomes(desk) == [Outcome.FILLED]


def test_f9_f19_after_too_many_requests_only_exits_leave_for_a_while() -> None:
    """F19: entries and trailed stops pause for some seconds, whoever asks.

    An exit has priority, and so has a stop where there is none.
    """
    desk, ticket = a_desk_with_position()
    other = desk.broker.open(Side.BUY, 0.2, T0_NS, stop_price=1.09).position_ticket
    desk.notice()
    desk.broker.tongue.append(10024)
    enter(desk, "EURUSD-2")

    desk.say(an_amendment(ticket), an_exit(other, "flatten"))
    enter(desk, "EURUSD-3", attempt=2)
    assert [sent.purpose for sent in desk.broker.sends[2:]] == ["exit"]

    held = desk.broker.positions[ticket]
    desk.broker.positions[ticket] = msgspec.structs.replace(held, stop_price=0.0)
    desk.notice()
    assert desk.broker.positions[ticket].stop_price == 1.099

    desk.advance_to(T0_NS + 5 * SECOND_NS)
    assert [sent.purpose for sent in desk.broker.sends[3:]] == ["amend", "entry"]


def test_f10_a_part_that_was_filled_is_booked_and_the_rest_dropped() -> None:
    """F10: the terminal had liquidity for half; the stop covers the position that there is."""
    desk = TerminalDesk()
    desk.conditions.filling_modes["EURUSD"] = mt5.SYMBOL_FILLING_IOC_BIT
    desk.conditions.liquidity_lots = 0.1

    enter(desk)
    desk.conditions.liquidity_lots = None
    desk.advance_to(T0_NS + 20 * MINUTE_NS)

    assert outcomes(desk) == [Outcome.PARTIAL]
    assert desk.last(OrderOutcome).lots == 0.1  # type: ignore[union-attr]
    position = desk.last(PositionChanged)
    assert isinstance(position, PositionChanged)
    assert (position.lots, position.stop_price) == (0.1, 1.0981)
    assert desk.terminal.orders_get() == ()
    assert len(desk.sends) == 1


def test_f11_an_accepted_order_is_filled_when_its_deal_is_seen() -> None:
    """F11: placed now, dealt half a minute later; one position in the end."""
    desk = TerminalDesk()
    desk.conditions.fill_delay_ns = 30 * SECOND_NS

    enter(desk)
    assert outcomes(desk) == [Outcome.ACCEPTED]
    desk.now_ns += MINUTE_NS
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.FILLED]
    assert list(lots_now(desk).values()) == [0.2]


def test_f11_an_accepted_order_that_ends_without_a_deal_was_not_executed() -> None:
    """F11: the broker's own history says that it is gone, which is no mere absence."""
    desk = TerminalDesk()
    desk.conditions.fill_delay_ns = 30 * SECOND_NS
    desk.conditions.fills_never = True

    enter(desk)
    desk.now_ns += MINUTE_NS
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.NOT_EXECUTED]
    assert reasons(desk)[-1] == "order_gone: expired"


def test_f11_an_accepted_order_stays_so_over_a_restart() -> None:
    """F11: neither a death nor a reading that shows it working changes its state."""
    desk = a_desk()
    desk.broker.tongue.append(PLACED)
    enter(desk)

    desk.restart()
    desk.advance_to(T0_NS + 20 * MINUTE_NS)

    assert outcomes(desk) == [Outcome.ACCEPTED]
    assert len(desk.broker.sends) == 1
