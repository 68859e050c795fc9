"""How market orders meet the market: in part, later, never, at a worse price, and by whose hand."""

from pathlib import Path
from typing import Any

import pytest

from blackboard.errors import TerminalUnavailable
from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.ledger import Change, LedgerUnavailable, MemoryLedger
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.structures import TradeOrder
from tests.contract.covers import covers
from tests.contract.terminals import START_SERVER_S, Lab, MakeLab, a_market, done
from tests.scripted_market import START_NS, HandClock, ScriptedMarket, a_terminal, traits

SELL = mt5.ORDER_TYPE_SELL
FOK, IOC, RETURN = 0, 1, 2


def past(lab: Lab, ticket: int) -> TradeOrder:
    """Return an order that has ended."""
    (order,) = lab.terminal.history_orders_get(ticket=ticket) or ()
    return order


@covers("order_send", 10010)
def test_f10_too_little_liquidity_fills_a_part(lab: Lab) -> None:
    """Of 0.30 lots 0.12 can be had: IOC takes them, whole steps only, and drops the rest."""
    lab.behind.conditions.liquidity_lots = 0.129

    result = lab.buy(volume=0.3, type_filling=IOC)

    assert (result.retcode, result.volume) == (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.12)
    assert [one.volume for one in lab.terminal.positions_get() or ()] == [0.12]
    order = past(lab, result.order)
    assert (order.state, order.volume_initial) == (mt5.ORDER_STATE_PARTIAL, 0.3)
    assert order.volume_current == 0.18
    assert lab.account().margin == 440.0  # 0.12 * 100 000 / 30 * 1.1000


@covers("order_send", 10006)
@pytest.mark.parametrize(("filling", "lots"), [(FOK, 0.2), (IOC, 0.0), (IOC, 0.009)])
def test_an_order_that_cannot_be_filled_is_rejected(lab: Lab, filling: int, lots: float) -> None:
    """Fill-or-kill takes no part, and nobody takes nothing."""
    lab.behind.conditions.liquidity_lots = lots

    result = lab.buy(volume=0.3, type_filling=filling)

    assert (result.retcode, result.order, result.volume) == (mt5.TRADE_RETCODE_REJECT, 0, 0.0)
    assert lab.terminal.positions_get() == ()


@covers("order_send", 10010)
def test_a_close_may_be_partial_too(lab: Lab) -> None:
    """Half of a position can be sold; the other half stays with half of its margin."""
    ticket = lab.buy("a", volume=0.4).order
    lab.behind.conditions.liquidity_lots = 0.2

    result = lab.buy("b", volume=0.4, type=SELL, position=ticket, type_filling=IOC)

    assert (result.retcode, result.volume) == (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.2)
    assert [one.volume for one in lab.terminal.positions_get() or ()] == [0.2]
    assert lab.account().margin == 733.34  # half of 1 466.67


@covers("order_send", 10010)
def test_an_exchange_works_on_at_the_rest(make_lab: MakeLab) -> None:
    """RETURN: the part is there at once, the rest a minute later, in the same position."""
    lab = make_lab(execution="exchange")
    lab.behind.conditions.liquidity_lots = 0.2

    result = lab.buy(volume=0.3, type_filling=RETURN)

    assert (result.retcode, result.volume) == (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.2)
    (order,) = lab.terminal.orders_get() or ()
    assert (order.ticket, order.state) == (result.order, mt5.ORDER_STATE_PARTIAL)
    assert order.volume_current == 0.1
    lab.clock.minute(6)
    assert lab.terminal.orders_get() == ()
    (position,) = lab.terminal.positions_get() or ()
    assert (position.ticket, position.volume) == (result.order, 0.3)
    assert past(lab, result.order).state == mt5.ORDER_STATE_FILLED
    deals = lab.terminal.history_deals_get(position=result.order) or ()
    assert [deal.volume for deal in deals] == [0.2, 0.1]
    assert {deal.order for deal in deals} == {result.order}


@covers("history_deals_get")
def test_which_of_several_deals_a_ticket_gives_is_an_assumption(make_lab: MakeLab) -> None:
    """By its order one deal is found: the first, or by the other assumption the last."""
    lab = make_lab(execution="exchange")
    lab.behind.conditions.liquidity_lots = 0.2
    ticket = lab.buy(volume=0.3, type_filling=RETURN).order
    lab.clock.minute(6)

    first = lab.terminal.history_deals_get(ticket=ticket) or ()
    lab.behind.conditions.shows_last_deal = True
    last = lab.terminal.history_deals_get(ticket=ticket) or ()

    assert [deal.volume for deal in first] == [0.2]
    assert [deal.volume for deal in last] == [0.1]


@covers("order_send", 10008)
def test_f11_a_market_order_is_accepted_and_filled_later(lab: Lab) -> None:
    """Ten seconds later the deal is made, at the price of that moment, under the same ticket."""
    lab.behind.conditions.fill_delay_ns = 10 * SECOND_NS

    result = lab.buy(sl=1.09, magic=7)

    assert (result.retcode, result.deal, result.price) == (mt5.TRADE_RETCODE_PLACED, 0, 0.0)
    (order,) = lab.terminal.orders_get() or ()
    assert (order.ticket, order.type, order.magic) == (result.order, mt5.ORDER_TYPE_BUY, 7)
    assert lab.terminal.positions_get() == ()
    due_ns = START_NS + 5 * MINUTE_NS + 10 * SECOND_NS
    assert lab.terminal.next_event_ns(due_ns - SECOND_NS, due_ns + MINUTE_NS) == due_ns
    lab.clock.now_ns = due_ns
    (position,) = lab.terminal.positions_get() or ()
    assert (position.ticket, position.price_open, position.sl) == (result.order, 1.1001, 1.09)
    assert position.time == START_SERVER_S + 310
    assert past(lab, result.order).time_setup == START_SERVER_S + 300
    assert lab.terminal.orders_get() == ()


@covers("order_send", 10008)
def test_f11_an_accepted_order_may_never_be_filled(lab: Lab) -> None:
    """Then it is gone after a while, without a deal."""
    lab.behind.conditions.fill_delay_ns = 10 * SECOND_NS
    lab.behind.conditions.fills_never = True

    ticket = lab.buy().order
    assert lab.terminal.orders_total() == 1
    lab.clock.minute(6)

    assert past(lab, ticket).state == mt5.ORDER_STATE_EXPIRED
    assert lab.terminal.history_deals_get(position=ticket) == ()
    assert lab.terminal.positions_get() == ()


def test_an_accepted_order_can_be_taken_back_but_not_changed(lab: Lab) -> None:
    """REMOVE ends it as cancelled; MODIFY is for prices that wait."""
    lab.behind.conditions.fill_delay_ns = 10 * SECOND_NS
    ticket = lab.buy().order

    changed = done(lab.send("m", action=7, order=ticket, price=1.1))
    removed = done(lab.send("r", action=8, order=ticket))

    assert [one.retcode for one in (changed, removed)] == [10013, 10009]
    lab.clock.minute(6)
    assert lab.terminal.positions_get() == ()


@pytest.mark.parametrize(
    ("changed", "volume"),
    [
        ({"has_quotes": False}, 0.1),
        ({"liquidity_lots": 0.05}, 0.1),
        ({"trade_modes": {"EURUSD": mt5.SYMBOL_TRADE_MODE_DISABLED}}, 0.1),
        ({"positions_max": 0}, 0.1),
    ],
)
def test_an_accepted_order_may_be_rejected_after_all(
    lab: Lab, changed: dict[str, Any], volume: float
) -> None:
    """What has changed until its deal is due ends it as rejected."""
    lab.behind.conditions.fill_delay_ns = 10 * SECOND_NS
    ticket = lab.buy(volume=volume).order
    for name, value in changed.items():
        setattr(lab.behind.conditions, name, value)

    lab.clock.minute(6)

    assert past(lab, ticket).state == mt5.ORDER_STATE_REJECTED
    assert lab.terminal.positions_get() == ()


def test_a_stop_may_be_faster_than_an_accepted_close(lab: Lab) -> None:
    """The minute's low takes the position first; the close that is due later is cancelled."""
    ticket = lab.buy("a", sl=1.0995).order  # every minute's low is 1.0990
    lab.behind.conditions.fill_delay_ns = MINUTE_NS
    close = lab.buy("b", type=SELL, position=ticket).order

    lab.clock.minute(6)

    order = past(lab, close)
    assert (order.state, order.volume_current) == (mt5.ORDER_STATE_CANCELED, 0.1)
    assert lab.terminal.positions_get() == ()
    reasons = [deal.reason for deal in lab.terminal.history_deals_get(position=ticket) or ()]
    assert reasons == [mt5.DEAL_REASON_EXPERT, mt5.DEAL_REASON_SL]


def test_f11_an_accepted_order_outlives_the_process(tmp_path: Path) -> None:
    """The broker remembers what it has taken: the deal is made after its restart."""
    path, clock = tmp_path / "ledger.sqlite", HandClock()
    market = ScriptedMarket(traits("EURUSD")).still("EURUSD", 1.1, range(9))
    first = a_terminal(market, clock, ledger=SqliteLedger(path))
    first.conditions.fill_delay_ns = 10 * SECOND_NS
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    answered = first.order_send(request, request_id="a", epoch=1)
    first.close()

    second = a_terminal(market, clock, ledger=SqliteLedger(path))
    clock.minute(1)

    assert second.order_send(request, request_id="a", epoch=1) == answered
    assert second.positions_total() == 1
    second.close()


@pytest.mark.parametrize(
    ("changed", "kind", "price"),
    [
        ({"slippage_points": 7.0}, 0, 1.10017),
        ({"slippage_points": 7.0}, SELL, 1.09993),
        ({"price_shift_points": 7.0}, 0, 1.10017),
        ({"price_shift_points": 7.0}, SELL, 1.10007),
        ({"slippage_points": 7.0, "execution": mt5.SYMBOL_TRADE_EXECUTION_INSTANT}, 0, 1.1001),
    ],
)
def test_market_execution_slips(lab: Lab, changed: dict[str, Any], kind: int, price: float) -> None:
    """Slippage is always to the worse, a moved quote moves both sides; INSTANT never slips."""
    for name, value in changed.items():
        setattr(lab.behind.conditions, name, value)

    result = lab.buy(type=kind, price=1.1, deviation=10)

    assert (result.retcode, result.price) == (mt5.TRADE_RETCODE_DONE, price)
    assert [one.price_open for one in lab.terminal.positions_get() or ()] == [price]


def test_f12_a_server_may_ignore_the_stops_of_an_entry(lab: Lab) -> None:
    """The fill has neither stop nor target; a change of them afterwards is heard."""
    lab.behind.conditions.ignores_stops = True

    ticket = lab.buy(sl=1.09, tp=1.12).order
    (bare,) = lab.terminal.positions_get() or ()
    lab.send("amend", action=6, symbol="EURUSD", position=ticket, sl=1.09, tp=1.12)
    (mended,) = lab.terminal.positions_get() or ()

    assert (bare.sl, bare.tp) == (0.0, 0.0)
    assert (mended.sl, mended.tp) == (1.09, 1.12)


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({}, "fx0123456789abcdefgh"),
        ({"comment_chars_max": 16}, "fx0123456789abcd"),
        ({"comment_replaced_by": "broker's own"}, "broker's own"),
    ],
)
def test_a_broker_keeps_of_a_comment_what_it_likes(
    lab: Lab, changed: dict[str, Any], kept: str
) -> None:
    """All of it, its beginning, or nothing; position, order and deal agree."""
    for name, value in changed.items():
        setattr(lab.behind.conditions, name, value)

    ticket = lab.buy(comment="fx0123456789abcdefgh").order

    (position,) = lab.terminal.positions_get() or ()
    (deal,) = lab.terminal.history_deals_get(position=ticket) or ()
    assert {position.comment, deal.comment, past(lab, ticket).comment} == {kept}


@covers("order_send", 10009)
def test_a_position_is_closed_by_the_opposite_one(make_lab: MakeLab) -> None:
    """0.30 long at 1.1001 and 0.10 short at 1.1050: 0.10 of both go, at the difference.

    The close-by order and its two deals carry no spread: 0.0049 of 10 000 are 49 dollars.
    """
    bids = dict.fromkeys(range(6), 1.1) | dict.fromkeys(range(6, 9), 1.105)
    market = ScriptedMarket(traits("EURUSD"))
    market.write("EURUSD", [(m, bid, bid, bid, bid, 10) for m, bid in bids.items()])
    lab = make_lab(market)
    first = lab.buy("a", volume=0.3).order
    lab.clock.minute(6)
    second = lab.buy("b", volume=0.1, type=SELL).order

    check = lab.terminal.order_check({"action": 10, "position": first, "position_by": second})
    result = done(lab.send("c", action=10, position=first, position_by=second))

    assert check is not None
    assert check.retcode == 0
    assert (result.retcode, result.volume, result.price) == (10009, 0.1, 1.105)
    assert [(one.ticket, one.volume) for one in lab.terminal.positions_get() or ()] == [
        (first, 0.2)
    ]
    assert lab.account().balance == 10_049.0
    account = lab.account()
    after = (account.balance, account.equity, account.margin)
    assert (check.balance, check.equity, check.margin) == after
    order = past(lab, result.order)
    assert (order.type, order.state) == (mt5.ORDER_TYPE_CLOSE_BY, mt5.ORDER_STATE_FILLED)
    assert (order.position_id, order.position_by_id) == (first, second)
    own, other = (
        (lab.terminal.history_deals_get(position=ticket) or ())[-1] for ticket in (first, second)
    )
    assert (own.entry, own.type, own.profit) == (mt5.DEAL_ENTRY_OUT_BY, SELL, 49.0)
    assert (other.entry, other.type, other.profit) == (mt5.DEAL_ENTRY_OUT_BY, 0, 0.0)
    assert own.order == other.order == result.order


@covers("order_send", 10013, 10036)
def test_only_opposite_positions_of_a_symbol_close_each_other(lab: Lab) -> None:
    """Both must be open, of one symbol, and on different sides."""
    first, second = lab.buy("a").order, lab.buy("b").order
    yen = lab.buy("c", symbol="USDJPY", type=SELL).order

    def code(position: int, by: int) -> int:
        name = f"{position}-{by}"
        return done(lab.send(name, action=10, position=position, position_by=by)).retcode

    assert code(first, second) == mt5.TRADE_RETCODE_INVALID
    assert code(first, yen) == mt5.TRADE_RETCODE_INVALID
    assert code(first, 0) == mt5.TRADE_RETCODE_INVALID
    assert code(first, 999_999) == mt5.TRADE_RETCODE_POSITION_CLOSED
    assert code(999_998, 999_999) == mt5.TRADE_RETCODE_POSITION_CLOSED


def test_f20_a_trade_by_hand_bypasses_gate_and_switches(lab: Lab) -> None:
    """A person at another terminal trades while ours is stopped: reason CLIENT, magic 0."""
    lab.stop_file.touch()
    lab.behind.conditions.is_terminal_trade_allowed = False
    lab.behind.conditions.forced_retcode = mt5.TRADE_RETCODE_TIMEOUT
    lab.behind.conditions.fill_delay_ns = SECOND_NS

    result = lab.behind.trade_by_hand(
        {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "magic": 5}
    )

    assert result.retcode == mt5.TRADE_RETCODE_DONE
    (position,) = lab.terminal.positions_get() or ()
    (deal,) = lab.terminal.history_deals_get(position=position.ticket) or ()
    assert (position.magic, position.reason) == (0, mt5.POSITION_REASON_CLIENT)
    assert (deal.magic, deal.reason) == (0, mt5.DEAL_REASON_CLIENT)
    assert lab.terminal.epoch_seen() == 0


def test_f34_money_comes_and_goes_without_a_trade(lab: Lab) -> None:
    """A withdrawal lowers the balance; a credit counts in the equity alone."""
    lab.behind.transfer(-2_500.0)
    lab.behind.transfer(1_000.0, mt5.DEAL_TYPE_CREDIT)
    lab.behind.transfer(-1.5, mt5.DEAL_TYPE_COMMISSION_MONTHLY)

    account = lab.account()
    assert (account.balance, account.credit, account.equity) == (7_498.5, 1_000.0, 8_498.5)
    deals = lab.terminal.history_deals_get(0, START_SERVER_S + 86_400) or ()
    assert [(deal.type, deal.profit, deal.order, deal.position_id) for deal in deals] == [
        (mt5.DEAL_TYPE_BALANCE, 10_000.0, 0, 0),
        (mt5.DEAL_TYPE_BALANCE, -2_500.0, 0, 0),
        (mt5.DEAL_TYPE_CREDIT, 1_000.0, 0, 0),
        (mt5.DEAL_TYPE_COMMISSION_MONTHLY, -1.5, 0, 0),
    ]


def test_f34_a_credit_carries_margin_and_outlives_the_process(tmp_path: Path) -> None:
    """With 1 000 of credit a position fits that the balance alone does not carry."""
    path, clock = tmp_path / "ledger.sqlite", HandClock()
    first = a_terminal(a_market(), clock, ledger=SqliteLedger(path))
    request = {"action": 1, "symbol": "EURUSD", "volume": 2.8, "type": 0}
    first.transfer(1_000.0, mt5.DEAL_TYPE_CREDIT)
    first.close()
    second = a_terminal(a_market(), clock, ledger=SqliteLedger(path))

    check = second.order_check(request)

    assert check is not None
    assert (check.retcode, check.margin) == (0, 10_266.67)  # 2.8 * 100 000 / 30 * 1.1000
    second.close()


def test_f28_what_cannot_be_booked_by_hand_is_not_done() -> None:
    """A ledger that fails leaves no trade and no transfer behind."""

    class Failing(MemoryLedger):
        is_full = False

        def commit(self, change: Change) -> None:
            if self.is_full:
                raise LedgerUnavailable("disk full")
            super().commit(change)

    ledger = Failing()
    terminal = a_terminal(a_market(), HandClock(), ledger=ledger)
    ledger.is_full = True

    with pytest.raises(TerminalUnavailable):
        terminal.trade_by_hand({"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0})
    with pytest.raises(TerminalUnavailable):
        terminal.transfer(100.0)
    ledger.is_full = False

    assert terminal.positions_get() == ()
    account = terminal.account_info()
    assert account is not None
    assert account.balance == 10_000.0
