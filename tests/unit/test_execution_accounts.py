"""The broker's book as facts: netting, first in first out, other people's trades, comparison."""

import msgspec
import pytest

from agents.orders.life import SEQUENCE_MAX
from agents.requests import ReadBroker
from blackboard.facts import (
    AccountSnapshot,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Reconciled,
    TradeClosed,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Origin, Outcome
from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from tests.builders import T0_NS, a_state, an_intent
from tests.execution_desk import ExecutionDesk, live_settings
from tests.order_builders import (
    a_desk,
    a_desk_with_position,
    an_approval,
    an_exit,
    closed_trade,
    enter,
    lots_now,
    outcomes,
    reasons,
)
from tests.terminal_desk import TerminalDesk

SELL, BUY = mt5.ORDER_TYPE_SELL, mt5.ORDER_TYPE_BUY


def by_hand(desk: TerminalDesk, order_type: int, lots: float, **more: int) -> None:
    """Let a person trade at the market."""
    deal = {"action": 1, "symbol": "EURUSD", "type_filling": mt5.ORDER_FILLING_IOC}
    desk.by_hand(**deal, type=order_type, volume=lots, **more)


def a_netting_desk(margin_mode: str = "netting") -> tuple[TerminalDesk, int]:
    """Return a netting account that is 0.2 lots long from 1.1001, and the position's ticket."""
    desk = TerminalDesk(margin_mode=margin_mode, commission_per_lot=3.5)
    enter(desk)
    (ticket,) = lots_now(desk)
    return desk, ticket


def trades(desk: ExecutionDesk) -> list[TradeClosed]:
    """Return the closed trades, in order."""
    return [fact for fact in desk.facts(TradeClosed) if isinstance(fact, TradeClosed)]


def fills(desk: ExecutionDesk) -> list[tuple[str, str, float, float]]:
    """Return entry, side, lots and commission of every fill, in order."""
    found = [fact for fact in desk.facts(Fill) if isinstance(fact, Fill)]
    return [(fill.entry, fill.side, fill.lots, round(fill.commission, 8)) for fill in found]


def assert_the_books_agree(desk: TerminalDesk) -> None:
    """Hold what is open against the terminal's positions, and all fills against its balance."""
    held = desk.terminal.positions_get()
    account = desk.terminal.account_info()
    assert held is not None
    assert account is not None
    assert lots_now(desk) == {position.identifier: position.volume for position in held}
    booked = sum(
        fact.profit + fact.commission + fact.swap + fact.fee
        for fact in desk.facts(Fill)
        if isinstance(fact, Fill)
    )
    assert account.balance == pytest.approx(10_000.0 + booked)
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]


def test_p3_a_netting_position_that_is_reduced_keeps_its_trade_open() -> None:
    """A hand sells half of it: no trade is closed, and the rest is known."""
    desk, ticket = a_netting_desk()

    by_hand(desk, SELL, 0.1)

    assert lots_now(desk) == {ticket: 0.1}
    assert trades(desk) == []
    assert_the_books_agree(desk)

    by_hand(desk, SELL, 0.1)
    (trade,) = trades(desk)
    assert (trade.lots, trade.reason, trade.origin) == (0.2, "external", Origin.OWN)
    assert trade.pnl == pytest.approx(-3.4)  # 1 pip on 0.2 lots is 2.00, two commissions 0.70
    assert_the_books_agree(desk)


def test_p3_a_netting_position_that_grows_closes_with_all_its_lots() -> None:
    """A hand buys more: one position, its price the mean, and one trade in the end."""
    desk, ticket = a_netting_desk()

    by_hand(desk, BUY, 0.1)
    assert lots_now(desk) == {ticket: 0.3}
    by_hand(desk, SELL, 0.3)

    (trade,) = trades(desk)
    assert trade.lots == pytest.approx(0.3)
    assert trade.intent_id == "EURUSD-1"
    assert_the_books_agree(desk)


@pytest.mark.parametrize("margin_mode", ["netting", "exchange"])
def test_p3_one_deal_that_turns_a_position_round_is_two_fills(margin_mode: str) -> None:
    """INOUT: a hand sells 0.5 against 0.2; our trade ends, and 0.3 short are somebody else's."""
    desk, ticket = a_netting_desk(margin_mode)

    by_hand(desk, SELL, 0.5)

    assert fills(desk) == [
        (DealEntry.IN, Side.BUY, 0.2, -0.7),
        (DealEntry.OUT, Side.SELL, 0.2, -0.7),  # two fifths of 1.75
        (DealEntry.IN, Side.SELL, 0.3, -1.05),
    ]
    (trade,) = trades(desk)
    assert (trade.side, trade.lots, trade.origin) == (Side.BUY, 0.2, Origin.OWN)
    assert trade.pnl == pytest.approx(-3.4)  # 1 pip on 0.2 lots is 2.00, two commissions 0.70
    position = desk.last(PositionChanged)
    assert isinstance(position, PositionChanged)
    assert (position.ticket, position.side, position.lots) == (ticket, Side.SELL, 0.3)
    assert (position.origin, position.intent_id) == (Origin.EXTERNAL, "")
    assert_the_books_agree(desk)


def test_p3_a_turned_position_lives_on_over_restarts_and_turns_again() -> None:
    """The identifier stays for life, so every life needs its own trade."""
    desk, ticket = a_netting_desk()
    by_hand(desk, SELL, 0.5)
    desk.restart()
    desk.settle()
    head = desk.board.head
    desk.notice()
    assert desk.board.head == head

    desk.now_ns += MINUTE_NS
    by_hand(desk, BUY, 0.4)
    desk.now_ns += MINUTE_NS
    by_hand(desk, SELL, 0.1)

    assert [(trade.ticket, trade.side, trade.lots) for trade in trades(desk)] == [
        (ticket, Side.BUY, 0.2),
        (ticket, Side.SELL, 0.3),
        (ticket, Side.BUY, 0.1),
    ]
    assert lots_now(desk) == {}
    assert_the_books_agree(desk)


def test_p3_two_turns_between_two_readings_are_all_told() -> None:
    """Nobody looked while it turned twice and ended."""
    desk, ticket = a_netting_desk()
    deal = {"action": 1, "symbol": "EURUSD", "type_filling": mt5.ORDER_FILLING_IOC}
    for order_type, lots in ((SELL, 0.5), (BUY, 0.4)):
        desk.terminal.trade_by_hand(deal | {"type": order_type, "volume": lots})

    desk.notice()

    assert [trade.side for trade in trades(desk)] == [Side.BUY, Side.SELL]
    assert lots_now(desk) == {ticket: 0.1}
    assert desk.last(PositionChanged).side is Side.BUY  # type: ignore[union-attr]

    by_hand(desk, SELL, 0.1)
    assert len(trades(desk)) == 3
    assert_the_books_agree(desk)


def test_a_turned_position_is_closed_by_the_ticket_that_the_broker_gave_it() -> None:
    """A flatten names the position as the broker does now, and the board by its identifier."""
    desk, ticket = a_netting_desk()
    by_hand(desk, SELL, 0.5)
    (held,) = desk.terminal.positions_get() or ()
    assert held.ticket != held.identifier == ticket

    desk.say(
        an_exit(
            ticket,
            "flatten",
            position_side=Side.SELL,
            position_lots=0.3,
            side=Side.BUY,
            lots=0.3,
        )
    )
    desk.settle()

    assert desk.sends[-1].position_ticket == held.ticket
    assert outcomes(desk)[-1] is Outcome.FILLED
    assert trades(desk)[-1].reason == "flatten"
    assert_the_books_agree(desk)


def test_f21_a_position_on_another_side_without_a_deal_is_a_question() -> None:
    """The history lags: nothing is told before the deal that explains it."""
    desk, ticket = a_desk_with_position()
    held = desk.broker.positions[ticket]
    desk.broker.positions[ticket] = msgspec.structs.replace(held, side=Side.SELL, lots=0.1)

    desk.notice()

    verdict = desk.last(Reconciled)
    assert isinstance(verdict, Reconciled)
    assert (verdict.is_clean, verdict.reason) == (
        False,
        f"position {ticket} has turned round without a deal",
    )
    assert lots_now(desk) == {ticket: 0.2}

    first = desk.broker.deals[0]
    turn = {"ticket": 5001, "side": Side.SELL, "is_entry": False, "lots": 0.3, "price": 1.1}
    desk.broker.deals.append(
        msgspec.structs.replace(first, **turn, is_reversal=True, magic=0, reason="client")
    )
    desk.notice()

    assert lots_now(desk) == {ticket: 0.1}
    assert closed_trade(desk).lots == 0.2
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]


def test_a_turn_of_before_the_book_counts_for_what_it_opened() -> None:
    """A new book on an old netting account: what was closed by the turn is somebody's past."""
    desk = ExecutionDesk()
    ticket = desk.broker.open(Side.SELL, 0.2, T0_NS - MINUTE_NS).position_ticket
    desk.broker.deals[0] = msgspec.structs.replace(
        desk.broker.deals[0], is_entry=False, is_reversal=True, lots=0.5, commission=-1.75
    )

    desk.settle()
    assert fills(desk) == [(DealEntry.IN, Side.SELL, 0.2, -0.7)]  # two fifths of the deal

    desk.broker.close(ticket, 1.1, desk.now_ns, "client")
    desk.notice()
    assert closed_trade(desk).lots == 0.2


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_no_entry_joins_a_netting_position(side: Side) -> None:
    """It would be mixed with what is there; refused by name, and nothing is sent."""
    desk = TerminalDesk(margin_mode="netting")
    by_hand(desk, BUY, 0.1)

    desk.say(an_intent(side=side), an_approval(side=side))
    desk.settle()

    assert reasons(desk) == ["netting_position"]
    assert desk.sends == []


@pytest.mark.parametrize(
    ("is_fifo", "hedging_allowed", "side", "reason"),
    [
        (True, True, Side.SELL, "hedge_prohibited"),
        (False, False, Side.SELL, "hedge_prohibited"),
        (True, False, Side.BUY, ""),
        (False, True, Side.SELL, ""),
    ],
)
def test_no_entry_against_an_open_position_where_hedging_is_prohibited(
    is_fifo: bool, hedging_allowed: bool, side: Side, reason: str
) -> None:
    """10046 has no documented meaning, so it must never come to that."""
    desk = ExecutionDesk(a_desk(hedging_allowed=hedging_allowed).settings)
    desk.broker.account = msgspec.structs.replace(desk.broker.account, fifo_close=is_fifo)
    desk.broker.open(Side.BUY, 0.1, T0_NS)
    desk.settle()

    desk.say(an_intent(side=side), an_approval(side=side))
    desk.settle()

    assert reasons(desk) == [reason or "done"]
    assert len(desk.broker.sends) == (not reason)


def test_exits_leave_in_the_order_in_which_positions_were_opened() -> None:
    """10045 never comes: the younger position waits until the older one is closed."""
    desk = TerminalDesk(is_fifo=True)
    assert desk.last(AccountSnapshot).fifo_close  # type: ignore[union-attr]
    enter(desk)
    desk.now_ns += MINUTE_NS
    enter(desk, "EURUSD-2")
    older, younger = sorted(lots_now(desk))

    desk.say(an_exit(younger))
    desk.settle()
    assert len(desk.sends) == 2
    desk.say(an_exit(older))
    desk.settle()

    assert [sent.position_ticket for sent in desk.sends[2:]] == [older, younger]
    assert outcomes(desk) == [Outcome.FILLED] * 4
    assert lots_now(desk) == {}


def test_an_exit_that_its_elder_kept_waiting_says_so() -> None:
    """P12: the older position is somebody else's and stays."""
    desk = a_desk()
    desk.broker.account = msgspec.structs.replace(desk.broker.account, fifo_close=True)
    desk.broker.open(Side.BUY, 0.1, T0_NS)
    desk.now_ns += MINUTE_NS
    desk.notice()
    enter(desk)
    ticket = max(desk.broker.positions)

    desk.say(an_exit(ticket, valid_until_ns=desk.now_ns + MINUTE_NS))
    desk.advance_to(desk.now_ns + 2 * MINUTE_NS)

    assert reasons(desk)[-1] == "expired: fifo_close"
    assert ticket in desk.broker.positions


def test_an_exit_of_a_position_that_is_not_there_is_refused_on_every_account() -> None:
    """Who is first in, first out is asked of open positions only."""
    desk = ExecutionDesk()
    desk.broker.account = msgspec.structs.replace(desk.broker.account, fifo_close=True)
    desk.settle()

    desk.say(an_exit(999))
    desk.settle()

    assert reasons(desk) == ["position_closed"]


def test_a_deal_that_comes_after_its_trade_was_closed_is_told_and_changes_nothing() -> None:
    """The history lags behind by an opening deal; its money is on the board in the end."""
    desk = a_desk()
    ticket = desk.broker.open(Side.BUY, 0.2, T0_NS).position_ticket
    late = desk.broker.deals.pop()
    desk.notice()
    desk.broker.deals.append(msgspec.structs.replace(late, ticket=4999))
    closing = desk.broker.close(ticket, 1.1, desk.now_ns, "client")
    desk.broker.deals.pop(0)
    desk.notice()
    assert closed_trade(desk).lots == 0.2

    desk.broker.deals[:] = [msgspec.structs.replace(late, ticket=4999), closing]
    desk.notice()

    assert [entry for entry, *_ in fills(desk)] == [DealEntry.OUT, DealEntry.IN]
    assert closed_trade(desk).lots == 0.2
    assert lots_now(desk) == {}
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]


def test_f20_a_stop_that_was_hit_while_nobody_was_there_is_a_trade_of_ours() -> None:
    """F20: the deals say what closed it; the exposure is known again with the first reading."""
    desk = TerminalDesk(falls_to=1.097, commission_per_lot=3.5)
    enter(desk)
    desk.now_ns = T0_NS + 20 * MINUTE_NS

    desk.restart()
    desk.settle()

    trade = closed_trade(desk)
    assert (trade.reason, trade.origin, trade.intent_id) == ("stop", Origin.OWN, "EURUSD-1")
    assert trade.pnl == pytest.approx(-41.4)  # 20 pips on 0.2 lots, two commissions of 0.70
    assert_the_books_agree(desk)


def test_f20_a_foreign_trade_that_came_and_went_is_told_and_not_ours() -> None:
    """F20: opened and closed by hand between two readings: its money is explained."""
    desk = TerminalDesk(commission_per_lot=3.5)
    deal = {"action": 1, "symbol": "EURUSD", "volume": 0.3, "type_filling": mt5.ORDER_FILLING_IOC}
    opened = desk.terminal.trade_by_hand(deal | {"type": BUY})
    desk.terminal.trade_by_hand(deal | {"type": SELL, "position": opened.order})

    desk.notice()

    trade = closed_trade(desk)
    assert (trade.origin, trade.intent_id, trade.r_multiple) == (Origin.EXTERNAL, "", 0.0)
    assert_the_books_agree(desk)


def test_f20_two_positions_closed_against_each_other_are_two_trades() -> None:
    """F20: OUT_BY is a close of each; the hand's position and ours both end."""
    desk = TerminalDesk()
    enter(desk)
    by_hand(desk, SELL, 0.2)
    ours, theirs = sorted(lots_now(desk))

    desk.by_hand(action=mt5.TRADE_ACTION_CLOSE_BY, position=ours, position_by=theirs)

    assert sorted(trade.ticket for trade in trades(desk)) == [ours, theirs]
    assert {trade.origin for trade in trades(desk)} == {Origin.OWN, Origin.EXTERNAL}
    assert_the_books_agree(desk)


def test_f20_an_external_position_gets_no_stop_of_ours() -> None:
    """F20: counted, never managed; only a flatten may close it."""
    desk = TerminalDesk()
    by_hand(desk, BUY, 0.2)
    (ticket,) = lots_now(desk)

    desk.say(an_exit(ticket, "time"))
    desk.settle()
    assert reasons(desk) == ["position_external"]

    desk.say(an_exit(ticket, "flatten", intent_id="flat"))
    desk.settle()
    assert lots_now(desk) == {}


@pytest.mark.parametrize("change", [{"login": 8}, {"trade_mode": 1}, {"margin_mode": 1}])
def test_f22_every_reading_checks_whose_account_it_is(change: dict[str, int]) -> None:
    """F22: the switch is noticed at the next comparison, although nobody asked for anything."""
    desk = a_desk(reconcile_minutes=5)
    desk.advance_to(T0_NS + 6 * MINUTE_NS)
    desk.broker.account = msgspec.structs.replace(desk.broker.account, **change)

    desk.advance_to(T0_NS + 10 * MINUTE_NS)

    verdict = desk.last(Reconciled)
    assert isinstance(verdict, Reconciled)
    assert verdict.reason.startswith("identity: " + next(iter(change)))
    assert desk.entries(Reconciled)[-1].now_ns == T0_NS + 10 * MINUTE_NS


def test_p3_what_nobody_reports_is_known_within_one_period() -> None:
    """P3: a foreign trade appears without a sign; five minutes later the board has it."""
    desk = a_desk(reconcile_minutes=5)
    desk.advance_to(T0_NS + 6 * MINUTE_NS)
    desk.broker.open(Side.SELL, 0.1, desk.now_ns)

    desk.advance_to(T0_NS + 10 * MINUTE_NS)

    assert list(lots_now(desk).values()) == [0.1]
    assert [entry.ts_event_ns for entry in desk.entries(Reconciled)] == [
        T0_NS,
        T0_NS + 5 * MINUTE_NS,
        T0_NS + 10 * MINUTE_NS,
    ]


def test_p2_no_order_before_the_first_clean_comparison() -> None:
    """P2: the first readings show nothing of what the board has; only the third explains it."""
    desk, ticket = a_desk_with_position()
    desk.restart()
    desk.broker.blind = 2
    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))

    desk.settle()
    assert not desk.last(Reconciled).is_clean  # type: ignore[union-attr]
    assert len(desk.broker.sends) == 1

    desk.notice()
    assert desk.last(Reconciled).is_clean  # type: ignore[union-attr]
    assert len(desk.broker.sends) == 2
    assert ticket in lots_now(desk)


def test_p2_an_entry_that_no_comparison_let_pass_says_so() -> None:
    """P12: what expired before the book was explained names that."""
    desk, _ = a_desk_with_position()
    desk.broker.blind = 1_000
    desk.notice()
    until_ns = desk.now_ns + MINUTE_NS
    desk.say(
        an_intent(intent_id="EURUSD-2", valid_until_ns=until_ns),
        an_approval("EURUSD-2", valid_until_ns=until_ns),
    )

    desk.advance_to(until_ns + MINUTE_NS)

    last = desk.last(OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert last.reason == "expired: not_reconciled"


def test_the_first_reading_after_a_restart_reaches_back_to_the_oldest_question() -> None:
    """Step 7: what was submitted and not answered is searched for before anything new leaves."""
    desk, _ = a_desk_with_position()
    desk.now_ns += 15 * MINUTE_NS
    desk.restart()
    desk.say(an_intent(intent_id="EURUSD-2"), an_approval("EURUSD-2"))

    desk.step()

    reads = [request for request in desk.requests if isinstance(request, ReadBroker)]
    assert len(reads) == 1
    assert reads[0].since_ns <= T0_NS
    assert len(desk.broker.sends) == 1


def test_p1_f28_no_magic_of_a_lost_order_is_given_again() -> None:
    """The board may know nothing of an order that the broker has: its number is taken all the same.

    The first instance sends with sequence 1. The journal is then lost, its successor begins anew
    beside the same broker, and its first order has sequence 2.
    """
    first, _ = a_desk_with_position()
    used = first.last(OrderSubmitting)
    assert isinstance(used, OrderSubmitting)
    second = ExecutionDesk(live_settings(), says_hello=True)
    second.broker = first.broker
    second.settle()
    second.say(a_state())
    enter(second, "EURUSD-2")

    announced = [
        fact for fact in second.facts(OrderSubmitting) if isinstance(fact, OrderSubmitting)
    ]
    assert [fact.magic for fact in announced] == [used.magic + 1]
    floors = [fact.sequence_floor for fact in second.facts(Reconciled)]  # type: ignore[union-attr]
    assert floors.count(used.magic & SEQUENCE_MAX) == 1
