"""The ExecutionAgent between a board and a broker: one order an intent, whatever is lost."""

import msgspec
import pytest

from agents.requests import BrokerAccount, ReadBroker, SendOrder
from blackboard.facts import (
    AccountSnapshot,
    Fill,
    OperatorCommand,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Reconciled,
    TradeClosed,
)
from blackboard.facts.control import Command, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Origin, Outcome
from config.settings import Settings
from models.market.sessions import MINUTE_NS, SECOND_NS
from tests.builders import M15_NS, T0_NS, a_quote, a_state, an_intent
from tests.execution_desk import LOST, LOST_DONE, PLACED, ExecutionDesk
from tests.order_builders import (
    TIMEOUT_NS,
    a_desk,
    a_desk_with_position,
    an_amendment,
    an_approval,
    an_exit,
    closed_trade,
    outcomes,
)


def test_the_first_thing_asked_is_the_brokers_book() -> None:
    """A new agent reads before it does anything, back to the hours that are configured."""
    desk = ExecutionDesk()

    desk.step()

    reads = [request for request in desk.requests if isinstance(request, ReadBroker)]
    assert reads == [ReadBroker(since_ns=T0_NS - 24 * 60 * MINUTE_NS)]


def test_no_order_leaves_before_the_first_reading() -> None:
    """P2: while the broker cannot be read nothing is sent, and nothing is refused either."""
    desk = ExecutionDesk()
    desk.broker.deaf = 3
    desk.say(an_intent(), an_approval())

    desk.settle()

    assert desk.broker.sends == []
    assert desk.facts(OrderSubmitting) == []
    assert desk.facts(AccountSnapshot) == []


def test_an_unreadable_broker_is_asked_again_later() -> None:
    """Readings are tried anew every five seconds of process time until one succeeds."""
    desk = ExecutionDesk()
    desk.broker.deaf = 2

    desk.settle()
    assert desk.wake_ns == T0_NS + 5 * SECOND_NS
    desk.advance_to(T0_NS + 10 * SECOND_NS)

    assert len(desk.facts(AccountSnapshot)) == 1
    assert isinstance(desk.last(Reconciled), Reconciled)


def test_an_approved_intent_becomes_one_order() -> None:
    """Announced with its causes, sent once, answered, found in the broker's book."""
    desk = a_desk()

    desk.say(an_intent(), an_approval())
    desk.settle()

    (sent,) = desk.broker.sends
    assert (sent.lots, sent.stop_price, sent.target_price) == (0.2, 1.0981, 1.1061)
    assert sent.magic == 4711 * 2**32 + 1
    assert outcomes(desk) == [Outcome.FILLED]
    (fill,) = desk.facts(Fill)
    assert (fill.intent_id, fill.entry, fill.commission) == ("EURUSD-1", DealEntry.IN, -0.7)  # type: ignore[union-attr]
    position = desk.last(PositionChanged)
    assert isinstance(position, PositionChanged)
    assert (position.origin, position.intent_id) == (Origin.OWN, "EURUSD-1")


def test_an_announcement_names_approval_intent_and_quote() -> None:
    """Every order explains itself."""
    desk = a_desk()

    desk.say(an_intent(), an_approval())
    desk.settle()

    (announced,) = desk.entries(OrderSubmitting)
    kinds = [desk.board.entry(seq).kind for seq in announced.causes]
    assert sorted(kinds) == ["OrderIntent", "Quote", "RiskApproved"]
    assert announced.ts_event_ns == T0_NS


def test_the_quote_is_the_one_known_when_the_order_was_approved() -> None:
    """A later quote in the same batch changes no price, so batches do not matter."""
    desk = a_desk()

    desk.say(an_intent(), an_approval(), a_quote(bid=1.2, ask=1.2001))
    desk.settle()

    assert desk.broker.sends[0].stop_price == 1.0981


def test_magic_numbers_count_upwards_over_restarts() -> None:
    """P1: a number is never used twice, also by a successor."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    desk.settle()
    desk.restart()
    desk.settle()

    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))
    desk.settle()

    assert [sent.magic & 0xFFFFFFFF for sent in desk.broker.sends] == [1, 2]


def test_exits_go_before_amendments_before_entries() -> None:
    """What reduces risk has the way first."""
    desk, ticket = a_desk_with_position()
    other = desk.broker.open(Side.BUY, 0.2, T0_NS, stop_price=1.09).position_ticket
    desk.notice()

    desk.say(
        an_intent(intent_id="EURUSD-2"),
        an_approval("EURUSD-2"),
        an_amendment(ticket),
        an_exit(other, "flatten"),
    )
    desk.settle()

    assert [sent.purpose for sent in desk.broker.sends[1:]] == ["exit", "amend", "entry"]


def test_f1_a_refused_request_is_not_sent_and_trading_goes_on() -> None:
    """F1: -2 proves that nothing left; the next intent is served."""
    desk = a_desk()
    desk.broker.tongue.append(-2)

    desk.say(an_intent(), an_approval())
    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))
    desk.settle()

    assert outcomes(desk) == [Outcome.NOT_SENT, Outcome.FILLED]
    assert desk.facts(OrderOutcome)[0].reason == "invalid_params"  # type: ignore[union-attr]


def test_f2_a_lost_reply_of_an_executed_order_is_adopted() -> None:
    """F2: the reading shows the deal, so the order is filled, and sent no second time."""
    desk = a_desk()
    desk.broker.tongue.append(LOST_DONE)

    desk.say(an_intent(), an_approval())
    desk.settle()

    assert outcomes(desk) == [Outcome.UNKNOWN, Outcome.FILLED]
    assert desk.last(OrderOutcome).reason == "adopted_deal"  # type: ignore[union-attr]
    assert len(desk.broker.sends) == len(desk.broker.positions) == 1
    assert len(desk.facts(Fill)) == 1


def test_f3_an_order_that_is_absent_three_times_was_not_executed() -> None:
    """F3: the searches lie after the send's timeout and span more than it; nothing is resent."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(), an_approval())
    desk.settle()
    assert outcomes(desk) == [Outcome.UNKNOWN]

    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    found = desk.entries(OrderOutcome)
    assert outcomes(desk) == [Outcome.UNKNOWN] * 3 + [Outcome.NOT_EXECUTED]
    assert [entry.fact.absent_polls for entry in found] == [0, 1, 2, 3]  # type: ignore[union-attr]
    polls_ns = [entry.now_ns for entry in found[1:]]
    assert polls_ns[0] > T0_NS + TIMEOUT_NS
    assert polls_ns[-1] - polls_ns[0] > TIMEOUT_NS
    assert len(desk.broker.sends) == 1


def test_f3_absence_is_counted_over_restarts() -> None:
    """The searches stand on the board, so a successor goes on counting where the last one died."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(), an_approval())
    desk.advance_to(T0_NS + TIMEOUT_NS + SECOND_NS)
    assert desk.last(OrderOutcome).absent_polls == 1  # type: ignore[union-attr]

    desk.restart()
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk) == [Outcome.UNKNOWN] * 3 + [Outcome.NOT_EXECUTED]


@pytest.mark.parametrize("code", [10011, 10012, 10031, 0, 10046, 99999, -10000, -77])
def test_f4_an_ambiguous_code_is_searched_for(code: int) -> None:
    """F4: what may have run is unknown until a reading says otherwise."""
    desk = a_desk()
    desk.broker.tongue.append(code)

    desk.say(an_intent(), an_approval())
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk)[0] is Outcome.UNKNOWN
    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED
    assert len(desk.broker.sends) == 1


def test_entries_of_a_symbol_wait_while_an_order_of_it_is_unknown() -> None:
    """Nothing raises its risk before it is known what is there already."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(), an_approval())
    desk.settle()

    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))
    desk.settle()
    assert len(desk.broker.sends) == 1
    assert desk.last(Reconciled).frozen == ("EURUSD",)  # type: ignore[union-attr]

    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)
    assert len(desk.broker.sends) == 2
    assert desk.last(Reconciled).frozen == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("steps_before", range(8))
@pytest.mark.parametrize("hands_on", [True, False])
def test_f6_killed_anywhere_there_is_at_most_one_order(steps_before: int, hands_on: bool) -> None:
    """F6: before the announcement, after it, during the send, before and after the outcome."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    for _ in range(steps_before):
        desk.step()
    desk.step(hands_on=hands_on)

    desk.restart()
    desk.settle()
    desk.advance_to(T0_NS + 4 * TIMEOUT_NS)

    assert len(desk.broker.sends) <= 1
    assert len(desk.facts(OrderSubmitting)) == 1
    expected = Outcome.FILLED if desk.broker.sends else Outcome.NOT_EXECUTED
    assert outcomes(desk)[-1] is expected
    assert len(desk.facts(Fill)) == len(desk.broker.deals)


def test_f7_the_same_intent_twice_is_one_order() -> None:
    """F7: repeated facts add nothing."""
    desk = a_desk()

    desk.say(an_intent(), an_approval(), an_intent(), an_approval())
    desk.settle()

    assert len(desk.broker.sends) == 1


@pytest.mark.parametrize("code", [10004, 10020, 10021, 10024])
def test_f9_a_requote_may_be_tried_anew_by_a_new_intent(code: int) -> None:
    """F9: the outcome says so; nothing is repeated by itself."""
    desk = a_desk()
    desk.broker.tongue.append(code)

    desk.say(an_intent(), an_approval())
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    (outcome,) = desk.facts(OrderOutcome)
    assert isinstance(outcome, OrderOutcome)
    assert (outcome.outcome, outcome.may_retry, outcome.retcode) == ("REJECTED", True, code)
    assert len(desk.broker.sends) == 1


def test_f10_a_partial_fill_books_what_was_filled() -> None:
    """F10: half of the lots, so half of the risk behind the R of the trade."""
    desk = a_desk()
    desk.broker.tongue.append(10010)
    desk.broker.fill_share = 0.5
    desk.say(an_intent(), an_approval())
    desk.settle()
    (ticket,) = desk.broker.positions

    desk.broker.close(ticket, 1.0981, desk.now_ns, "stop")
    desk.notice()

    assert outcomes(desk) == [Outcome.PARTIAL]
    assert desk.facts(PositionChanged)[0].lots == 0.1  # type: ignore[union-attr]
    trade = closed_trade(desk)
    assert trade.pnl == pytest.approx(-20.7)  # 20 pips on 0.1 lots, 2 * 0.35 commission
    assert trade.r_multiple == pytest.approx(-20.7 / 25.0)


def test_f11_an_accepted_order_waits_for_its_deal() -> None:
    """F11: placed is not final; the deal makes it filled."""
    desk = a_desk()
    desk.broker.tongue.append(PLACED)
    desk.say(an_intent(), an_approval())
    desk.advance_to(T0_NS + 5 * MINUTE_NS)
    assert outcomes(desk) == [Outcome.ACCEPTED]

    desk.broker.orders.clear()
    desk.broker.execute(desk.broker.sends[0], desk.now_ns)
    desk.notice()

    assert outcomes(desk) == [Outcome.ACCEPTED, Outcome.FILLED]


def test_f11_an_accepted_order_that_is_gone_was_not_executed() -> None:
    """F11: neither working nor dealt, in three readings."""
    desk = a_desk()
    desk.broker.tongue.append(PLACED)
    desk.say(an_intent(), an_approval())
    desk.settle()

    desk.broker.orders.clear()
    desk.advance_to(T0_NS + 2 * M15_NS)

    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED


def test_f12_a_position_without_its_stop_is_stated_as_it_is() -> None:
    """F12: the fact says 0, which is what the supervisor repairs on, in HALTED too."""
    desk, ticket = a_desk_with_position()
    held = desk.broker.positions[ticket]
    desk.broker.positions[ticket] = msgspec.structs.replace(held, stop_price=0.0)
    desk.notice()
    assert desk.last(PositionChanged).stop_price == 0.0  # type: ignore[union-attr]

    desk.say(a_state(TradingState.HALTED), an_amendment(ticket, current_stop_price=0.0))
    desk.settle()

    assert desk.broker.positions[ticket].stop_price == 1.099
    assert desk.last(PositionChanged).stop_price == 1.099  # type: ignore[union-attr]
    # Three states of one position at one instant have three places on the board.
    assert len(desk.facts(PositionChanged)) == 3


def test_f20_a_manual_trade_is_adopted_and_never_managed() -> None:
    """F20: it counts as external, and an exit for it is not sent."""
    desk = a_desk()
    ticket = desk.broker.open(Side.BUY, 0.2, T0_NS).position_ticket
    desk.notice()

    desk.say(an_exit(ticket))
    desk.settle()

    position = desk.last(PositionChanged)
    assert isinstance(position, PositionChanged)
    assert (position.origin, position.intent_id) == (Origin.EXTERNAL, "")
    assert desk.broker.sends == []
    assert desk.last(OrderOutcome).reason == "position_external"  # type: ignore[union-attr]


def test_f20_a_position_closed_by_hand_is_an_external_close_of_our_trade() -> None:
    """F20: our trade, somebody else's decision."""
    desk, ticket = a_desk_with_position()

    desk.broker.close(ticket, 1.1011, desk.now_ns, "client")
    desk.notice()

    trade = closed_trade(desk)
    assert (trade.reason, trade.origin, trade.intent_id) == ("external", "own", "EURUSD-1")
    assert trade.pnl == pytest.approx(18.6)  # 10 pips on 0.2 lots, 2 * 0.70 commission


def test_a_stop_hit_inside_a_bar_closes_the_trade_to_the_cent() -> None:
    """Fill, closed position and closed trade, with sums, reason, R and lineage."""
    desk, ticket = a_desk_with_position()
    desk.now_ns += 7 * MINUTE_NS

    desk.broker.close(ticket, 1.0981, desk.now_ns, "stop")
    desk.notice()

    trade = closed_trade(desk)
    assert trade.profit == -40.0  # 20 pips * 10 a pip and lot * 0.2 lots
    assert trade.commission == -1.4  # 0.2 lots, both sides
    assert trade.pnl == -41.4
    assert trade.r_multiple == -0.828  # of the 50 that were at risk
    assert (trade.open_price, trade.close_price) == (1.1001, 1.0981)
    assert (trade.reason, trade.lots) == ("stop", 0.2)
    out = desk.entries(Fill)[-1]
    assert out.fact.intent_id == ""  # type: ignore[union-attr]
    assert out.ts_event_ns == T0_NS + 7 * MINUTE_NS
    (entry,) = desk.entries(TradeClosed)
    kinds = {desk.board.entry(seq).kind for seq in entry.causes}
    assert kinds == {"Fill", "OrderIntent", "RiskApproved", "OrderSubmitting"}
    assert desk.last(PositionChanged).lots == 0.0  # type: ignore[union-attr]


def test_an_exit_closes_with_the_reason_of_its_intent() -> None:
    """The learner reads why a trade ended."""
    desk, ticket = a_desk_with_position()

    desk.say(an_exit(ticket, "time"))
    desk.settle()

    trade = closed_trade(desk)
    assert trade.reason == "time"
    assert desk.broker.positions == {}
    assert desk.facts(Fill)[-1].intent_id == f"exit-{ticket}"  # type: ignore[union-attr]


def test_a_part_that_is_closed_leaves_the_trade_open() -> None:
    """A trade is closed once, when as much was closed as had been opened."""
    desk, ticket = a_desk_with_position()

    desk.say(an_exit(ticket, lots=0.1))
    desk.settle()
    assert desk.facts(TradeClosed) == []
    assert desk.last(PositionChanged).lots == 0.1  # type: ignore[union-attr]

    desk.broker.close(ticket, 1.1061, desk.now_ns, "target")
    desk.notice()
    trade = closed_trade(desk)
    assert trade.close_price == pytest.approx(1.10305)  # 0.1 at 1.1000, 0.1 at 1.1061
    assert trade.reason == "target"


def test_what_happened_while_we_were_away_is_found() -> None:
    """F20: a stop hit after the agent died is a fill and a closed trade after the restart."""
    desk, ticket = a_desk_with_position()
    desk.broker.close(ticket, 1.0981, T0_NS + MINUTE_NS, "stop")

    desk.now_ns = T0_NS + 3 * 24 * 60 * MINUTE_NS  # Saturday; the reading reaches back to Wednesday
    desk.restart()
    desk.settle()

    assert closed_trade(desk).reason == "stop"


def test_a_trade_that_lived_and_died_unseen_is_told_whole() -> None:
    """Opened with a lost reply and stopped out before anybody looked."""
    desk = a_desk()
    desk.broker.tongue.append(LOST_DONE)
    desk.say(an_intent(), an_approval())
    desk.step()
    (ticket,) = desk.broker.positions
    desk.broker.close(ticket, 1.0981, desk.now_ns, "stop")

    desk.settle()

    assert closed_trade(desk).pnl == -41.4
    assert outcomes(desk) == [Outcome.UNKNOWN, Outcome.FILLED]


def test_f21_an_unreadable_broker_says_nothing() -> None:
    """F21: None never means flat."""
    desk, ticket = a_desk_with_position()
    before = desk.board.head
    desk.broker.deaf = 1

    desk.notice()

    assert desk.board.head == before
    assert ticket in desk.broker.positions


def test_f21_an_empty_answer_for_one_poll_is_not_believed() -> None:
    """F21: positions gone without a closing deal are read again before anything is said."""
    desk, _ = a_desk_with_position()
    before = desk.board.head
    desk.broker.blind = 1

    desk.notice()

    assert desk.board.head == before


def test_f21_a_position_gone_without_a_deal_is_a_question_not_a_close() -> None:
    """F21: after two polls the comparison is not clean, entries wait, and no trade is closed."""
    desk, ticket = a_desk_with_position()
    desk.broker.blind = 2
    desk.notice()

    verdict = desk.last(Reconciled)
    assert isinstance(verdict, Reconciled)
    assert (verdict.is_clean, verdict.reason) == (
        False,
        f"position {ticket} is gone without a closing deal",
    )
    assert desk.facts(TradeClosed) == []
    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))
    desk.settle()
    assert len(desk.broker.sends) == 1

    desk.notice()
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]
    assert len(desk.broker.sends) == 2


@pytest.mark.parametrize(
    "change", [{"login": 8}, {"server": "other"}, {"margin_mode": 0}, {"currency": "EUR"}]
)
def test_f22_another_account_stops_everything(change: dict[str, object]) -> None:
    """F22: nothing leaves any more, not even an exit, and its balance never becomes a fact."""
    desk, ticket = a_desk_with_position()
    snapshots = len(desk.facts(AccountSnapshot))
    desk.broker.account = msgspec.structs.replace(desk.broker.account, **change)

    desk.now_ns += 2 * MINUTE_NS
    desk.notice()
    desk.say(an_exit(ticket, "flatten"))
    desk.settle()

    verdict = desk.last(Reconciled)
    assert isinstance(verdict, Reconciled)
    assert verdict.reason.startswith(f"identity: {next(iter(change))} must be")
    assert len(desk.broker.sends) == 1
    assert len(desk.facts(AccountSnapshot)) == snapshots
    assert desk.last(OrderOutcome).reason == verdict.reason  # type: ignore[union-attr]


def test_f22_only_an_operator_brings_the_account_back() -> None:
    """F22: the right account again is not enough; a person has to resume."""
    desk = a_desk()
    ours = desk.broker.account
    desk.broker.account = msgspec.structs.replace(ours, login=8)
    desk.notice()
    desk.broker.account = ours
    desk.notice()
    assert not desk.last(Reconciled).is_clean  # type: ignore[union-attr]

    desk.say(OperatorCommand(scope="account", command=Command.RESUME, origin="cli"))
    desk.notice()

    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]


def test_real_money_is_refused_outside_the_live_profile() -> None:
    """A simulation that finds itself on a real account does nothing at all."""
    desk = ExecutionDesk()
    desk.broker.account = msgspec.structs.replace(desk.broker.account, trade_mode=2)

    desk.settle()

    assert desk.last(Reconciled).reason == "identity: trade_mode is real, profile is sim"  # type: ignore[union-attr]
    assert desk.facts(AccountSnapshot) == []


def test_an_expired_approval_is_not_sent() -> None:
    """What came too late closes with its reason."""
    desk = a_desk()
    desk.say(an_intent(), an_approval(valid_until_ns=T0_NS + MINUTE_NS))
    desk.now_ns = T0_NS + 2 * MINUTE_NS

    desk.settle()

    assert desk.last(OrderOutcome).reason == "expired"  # type: ignore[union-attr]
    assert desk.broker.sends == []


def test_shadow_sends_nothing_and_says_so() -> None:
    """The whole flow without an order."""
    desk = a_desk(enabled="shadow")

    desk.say(an_intent(), an_approval())
    desk.settle()

    assert desk.last(OrderOutcome).reason == "shadow"  # type: ignore[union-attr]
    assert desk.facts(OrderSubmitting) == []
    assert len(desk.facts(AccountSnapshot)) == 1


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_no_entry_leaves_while_only_reductions_may(state: TradingState) -> None:
    """An approval that came before the state changed is refused here."""
    desk = a_desk()

    desk.say(a_state(state), an_intent(), an_approval())
    desk.settle()

    assert desk.last(OrderOutcome).reason == "trading_state"  # type: ignore[union-attr]
    assert desk.broker.sends == []


@pytest.mark.parametrize(
    ("state", "reason", "leaves"),
    [
        (TradingState.SAFE, "time", True),
        (TradingState.REDUCING, "time", True),
        (TradingState.HALTED, "time", False),
        (TradingState.HALTED, "flatten", True),
        (TradingState.HALTED, "operator", True),
    ],
)
def test_exits_leave_unless_trading_is_halted(
    state: TradingState, reason: str, leaves: bool
) -> None:
    """In HALTED only what a person asked to close."""
    desk, ticket = a_desk_with_position()

    desk.say(a_state(state), an_exit(ticket, reason))
    desk.settle()

    assert (ticket not in desk.broker.positions) == leaves


def test_a_flatten_command_lets_every_exit_pass() -> None:
    """When flatten is asked for everything is closed, although trading is halted."""
    desk, ticket = a_desk_with_position()
    flatten = OperatorCommand(scope="account", command=Command.FLATTEN, origin="cli")

    desk.say(a_state(TradingState.HALTED), flatten, an_exit(ticket, "operator"))
    desk.settle()

    assert desk.broker.positions == {}


def test_a_halted_system_moves_no_stop_that_is_there() -> None:
    """Repair only."""
    desk, ticket = a_desk_with_position()

    desk.say(a_state(TradingState.HALTED), an_amendment(ticket))
    desk.settle()

    assert desk.broker.positions[ticket].stop_price == 1.0981


def test_an_amendment_sets_both_levels() -> None:
    """F13: the target travels with the stop."""
    desk, ticket = a_desk_with_position()

    desk.say(an_amendment(ticket))
    desk.settle()

    held = desk.broker.positions[ticket]
    assert (held.stop_price, held.target_price) == (1.099, 1.1061)
    assert desk.last(PositionChanged).stop_price == 1.099  # type: ignore[union-attr]


@pytest.mark.parametrize(("tongue", "last"), [(LOST_DONE, "FILLED"), (LOST, "NOT_EXECUTED")])
def test_a_lost_amendment_is_read_from_the_position(tongue: str, last: str) -> None:
    """It leaves neither order nor deal."""
    desk, ticket = a_desk_with_position()
    desk.broker.tongue.append(tongue)

    desk.say(an_amendment(ticket))
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk)[-1] == last


@pytest.mark.parametrize(("tongue", "last"), [(LOST_DONE, "FILLED"), (LOST, "NOT_EXECUTED")])
def test_a_lost_exit_is_read_from_the_deals(tongue: str, last: str) -> None:
    """A second exit of the same position waits until the first is settled."""
    desk, ticket = a_desk_with_position()
    desk.broker.tongue.append(tongue)
    desk.say(an_exit(ticket))
    desk.say(an_exit(ticket, intent_id="exit-again"))
    desk.settle()
    assert len(desk.broker.sends) == 2

    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    first = [o for o in desk.facts(OrderOutcome) if o.intent_id == f"exit-{ticket}"]  # type: ignore[union-attr]
    assert first[-1].outcome == last  # type: ignore[union-attr]
    assert desk.broker.positions == {}
    assert len(desk.facts(TradeClosed)) == 1


def test_a_close_that_came_too_late_is_verified() -> None:
    """10036: the stop was faster; the reading shows the trade closed."""
    desk, ticket = a_desk_with_position()
    desk.broker.close(ticket, 1.0981, desk.now_ns, "stop")
    desk.broker.tongue.append(10036)

    desk.say(an_exit(ticket))
    desk.settle()

    assert outcomes(desk)[-1] is Outcome.REJECTED
    assert closed_trade(desk).reason == "stop"


def test_a_snapshot_stands_at_every_close() -> None:
    """One an M15 close, and the comparison beside it."""
    desk = a_desk()

    desk.advance_to(T0_NS + 2 * M15_NS)

    times = [entry.ts_event_ns for entry in desk.entries(AccountSnapshot)]
    assert times == [T0_NS, T0_NS + M15_NS, T0_NS + 2 * M15_NS]
    assert [e.ts_event_ns for e in desk.entries(Reconciled)] == times


def test_a_snapshot_after_a_change_waits_for_its_minute() -> None:
    """At most one a minute; a change right after a close has it a minute later."""
    desk, _ = a_desk_with_position()

    desk.advance_to(T0_NS + 5 * MINUTE_NS)

    times = [entry.ts_event_ns for entry in desk.entries(AccountSnapshot)]
    assert times == [T0_NS, T0_NS + MINUTE_NS]


def test_the_weekend_has_no_closes() -> None:
    """From Friday 17:00 New York the next wake is the first close of the new week.

    New York changes its clocks in this one, so it lasts an hour less.
    """
    desk = a_desk()
    desk.advance_to(T0_NS + 58 * 60 * MINUTE_NS)  # Friday 22:00 UTC is the week's end in winter

    assert desk.wake_ns == T0_NS + (58 + 47) * 60 * MINUTE_NS + M15_NS


def test_deposits_are_passed_on() -> None:
    """F34: the mark is corrected by what was paid in."""
    desk = a_desk()
    desk.broker.deposits = 12_000.0

    desk.advance_to(T0_NS + M15_NS)

    assert desk.last(AccountSnapshot).deposits == 12_000.0  # type: ignore[union-attr]


def test_a_rebuilt_agent_repeats_nothing() -> None:
    """After a quiet restart the board stands as it stood."""
    desk, _ = a_desk_with_position()
    desk.advance_to(T0_NS + 20 * MINUTE_NS)
    before = desk.board.head

    desk.restart()
    desk.settle()

    assert desk.board.head == before


def test_deals_of_before_the_book_are_somebodys_past() -> None:
    """A book that starts on an old account adopts what is open, and not what was closed."""
    desk = ExecutionDesk()
    old = desk.broker.open(Side.BUY, 0.2, T0_NS - M15_NS).position_ticket
    desk.broker.close(old, 1.12, T0_NS - MINUTE_NS, "client")
    kept = desk.broker.open(Side.SELL, 0.1, T0_NS - M15_NS).position_ticket

    desk.settle()

    assert desk.facts(TradeClosed) == []
    assert [fill.position_ticket for fill in desk.facts(Fill)] == [kept]  # type: ignore[union-attr]


def test_the_deals_of_a_forgotten_book_are_not_ours() -> None:
    """A new book counts its magic numbers from one again; an older deal with one is external."""
    desk = ExecutionDesk()
    desk.broker.open(Side.BUY, 0.2, T0_NS - M15_NS, magic=4711 * 2**32 + 1, comment="fxold")
    desk.settle()
    desk.broker.tongue.append(LOST)

    desk.say(an_intent(), an_approval())
    desk.advance_to(T0_NS + 3 * TIMEOUT_NS)

    assert outcomes(desk)[-1] is Outcome.NOT_EXECUTED
    assert desk.facts(PositionChanged)[0].origin == "external"  # type: ignore[union-attr]


def test_a_comment_that_survives_is_enough() -> None:
    """Where the broker drops the magic number the comment tells whose it is."""
    desk = a_desk()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(), an_approval())
    desk.settle()

    sent = desk.broker.sends[0]
    desk.broker.open(sent.side, sent.lots, desk.now_ns, magic=99, comment=sent.comment)
    desk.notice()

    assert outcomes(desk)[-1] is Outcome.FILLED


def test_a_position_whose_deal_lags_is_adopted_by_itself() -> None:
    """The history may come later than the position."""
    desk = a_desk()
    desk.broker.tongue.append(LOST_DONE)
    desk.say(an_intent(), an_approval())
    desk.step()
    late = desk.broker.deals.copy()
    desk.broker.deals.clear()

    desk.settle()
    assert desk.last(OrderOutcome).reason == "adopted_position"  # type: ignore[union-attr]

    desk.broker.deals = late
    desk.notice()
    assert len(desk.facts(Fill)) == 1


def test_every_request_is_the_announced_one() -> None:
    """What is sent is what stands on the board, field by field."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    desk.settle()

    (sent,), (fact,) = desk.broker.sends, desk.facts(OrderSubmitting)
    assert isinstance(fact, OrderSubmitting)
    assert isinstance(sent, SendOrder)
    names = ("intent_id", "side", "lots", "stop_price", "target_price", "magic", "comment")
    assert all(getattr(sent, name) == getattr(fact, name) for name in names)


def test_nothing_is_read_while_the_reply_to_a_send_may_come() -> None:
    """A reading taken meanwhile would tell half of it; the reply is waited for, or the timeout."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    desk.step()
    desk.replies.clear()

    desk.notice()
    assert not any(isinstance(request, ReadBroker) for request in desk.requests)
    assert outcomes(desk) == []

    desk.advance_to(T0_NS + TIMEOUT_NS + SECOND_NS)
    assert outcomes(desk) == [Outcome.UNKNOWN, Outcome.FILLED]


def test_market_speed_scales_the_patience() -> None:
    """Timeouts are process time: at sixty times the speed they last sixty times the market time."""
    desk = ExecutionDesk(Settings(speed=60.0))
    desk.settle()
    desk.broker.tongue.append(LOST)
    desk.say(an_intent(), an_approval())

    desk.advance_to(T0_NS + 19 * MINUTE_NS)
    assert desk.last(OrderOutcome).absent_polls == 0  # type: ignore[union-attr]
    desk.advance_to(T0_NS + 21 * MINUTE_NS)
    assert desk.last(OrderOutcome).absent_polls == 1  # type: ignore[union-attr]


def test_the_account_type_is_that_of_the_reading() -> None:
    """A snapshot carries what the broker says, not what we expect."""
    desk = a_desk()

    snapshot = desk.last(AccountSnapshot)

    names = msgspec.structs.fields(BrokerAccount)
    assert all(getattr(snapshot, f.name) == getattr(desk.broker.account, f.name) for f in names)
