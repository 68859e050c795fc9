"""How orders, deals and positions follow a request, in exact numbers of a still market."""

from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from blackboard.errors import TerminalUnavailable
from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.structures import OrderSendResult
from tests.contract.covers import covers
from tests.contract.terminals import START_SERVER_S, TOKEN, Lab
from tests.scripted_market import START_NS, settings_of


@covers("order_send", 10009)
@covers("positions_get")
@covers("history_orders_get")
@covers("history_deals_get")
@covers("orders_get")
@covers("positions_total")
def test_an_entry_fills_at_the_ask_and_can_be_read_everywhere(lab: Lab) -> None:
    """A buy fills at ask; result, position, order and deal tell the same story."""
    result = lab.buy(sl=1.09, tp=1.12, magic=77, comment="fxabc")

    assert result.retcode == mt5.TRADE_RETCODE_DONE
    assert (result.volume, result.price, result.comment) == (0.1, 1.1001, "Request executed")
    assert result.request.magic == 77
    (position,) = lab.terminal.positions_get(symbol="EURUSD") or ()
    assert position.ticket == position.identifier == result.order
    assert (position.price_open, position.sl, position.tp) == (1.1001, 1.09, 1.12)
    assert position.profit == -1.0  # (1.1000 - 1.1001) * 100 000 * 0.1
    (deal,) = lab.terminal.history_deals_get(position=position.ticket) or ()
    assert (deal.ticket, deal.order, deal.entry, deal.reason) == (result.deal, result.order, 0, 3)
    (order,) = lab.terminal.history_orders_get(ticket=result.order) or ()
    assert (order.state, order.magic, order.comment) == (mt5.ORDER_STATE_FILLED, 77, "fxabc")
    assert lab.terminal.orders_get() == ()
    assert lab.terminal.positions_total() == 1


@covers("order_send", 10009)
@covers("history_deals_get")
@covers("account_info")
def test_a_close_leaves_an_exit_deal_with_the_profit(lab: Lab) -> None:
    """A close needs the position's ticket, fills at bid, and books the profit."""
    ticket = lab.buy().order

    result = lab.buy("exit", type=1, position=ticket)

    assert (result.retcode, result.price) == (mt5.TRADE_RETCODE_DONE, 1.1)
    assert lab.terminal.positions_get() == ()
    deals = lab.terminal.history_deals_get(START_SERVER_S - 1, START_SERVER_S + 86_400) or ()
    assert [deal.profit for deal in deals] == [10_000.0, 0.0, -1.0]
    assert [deal.entry for deal in deals] == [0, 0, 1]
    account = lab.terminal.account_info()
    assert account is not None
    assert account.balance == 9_999.0


@covers("order_send", 10009)
def test_a_close_without_its_ticket_opens_the_opposite(lab: Lab) -> None:
    """On a hedging account a bare sell is a new position."""
    lab.buy()

    lab.buy("sell", type=1)

    assert lab.terminal.positions_total() == 2


@covers("order_send", 10009)
def test_both_stops_are_set_and_zero_deletes(lab: Lab) -> None:
    """SLTP sets both; a missing one is 0 and deletes; the result carries no deal."""
    ticket = lab.buy(sl=1.09, tp=1.12).order

    result = lab.send("amend", action=6, symbol="EURUSD", position=ticket, sl=1.095)

    assert isinstance(result, OrderSendResult)
    assert (result.retcode, result.deal, result.order, result.volume) == (10009, 0, 0, 0.0)
    (position,) = lab.terminal.positions_get(ticket=ticket) or ()
    assert (position.sl, position.tp) == (1.095, 0.0)


def refused(code: int, changed: dict[str, Any]) -> ParameterSet:
    """Return a case of a request that is refused with a code."""
    marks = [covers("order_send", code), covers("order_check", code)]
    return pytest.param(code, changed, marks=marks)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        refused(mt5.TRADE_RETCODE_INVALID, {"action": 99}),
        refused(mt5.TRADE_RETCODE_INVALID, {"symbol": "XXXYYY"}),
        refused(mt5.TRADE_RETCODE_INVALID, {"type": 2}),
        refused(mt5.TRADE_RETCODE_INVALID, {"action": mt5.TRADE_ACTION_SLTP}),
        refused(mt5.TRADE_RETCODE_INVALID, {"action": mt5.TRADE_ACTION_REMOVE, "order": 5}),
        refused(mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": float("nan")}),
        refused(mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 0.0}),
        refused(mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 0.015}),
        refused(mt5.TRADE_RETCODE_INVALID_VOLUME, {"volume": 100.01}),
        refused(mt5.TRADE_RETCODE_INVALID_FILL, {"type_filling": mt5.ORDER_FILLING_RETURN}),
        refused(mt5.TRADE_RETCODE_INVALID_EXPIRATION, {"type_time": 4}),
        refused(mt5.TRADE_RETCODE_PRICE_OFF, {"symbol": "AUDNZD"}),
        refused(mt5.TRADE_RETCODE_POSITION_CLOSED, {"position": 5}),
        refused(mt5.TRADE_RETCODE_INVALID_STOPS, {"sl": 1.1001}),
        refused(mt5.TRADE_RETCODE_INVALID_STOPS, {"tp": 1.0999}),
        refused(mt5.TRADE_RETCODE_INVALID_STOPS, {"sl": float("nan")}),
        refused(mt5.TRADE_RETCODE_NO_MONEY, {"volume": 2.73}),  # 2.73 * 100 000 / 30 * 1.1 = 10 010
    ],
)
def test_each_refusal_has_its_code(lab: Lab, code: int, changed: dict[str, Any]) -> None:
    """Check and send answer the same code; a rejected result carries no ticket and no volume."""
    request: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
    request |= changed

    check = lab.terminal.order_check(request)
    result = lab.send(**request)

    assert check is not None
    assert check.retcode == code
    assert isinstance(result, OrderSendResult)
    assert result.retcode == code
    assert (result.deal, result.order, result.volume) == (0, 0, 0.0)
    assert lab.terminal.positions_get() == ()


@covers("order_send", 10013, 10025, 10038)
def test_refusals_about_a_position(lab: Lab) -> None:
    """Too much volume, the same side, another symbol and an equal amendment have their codes."""
    ticket = lab.buy(sl=1.09).order
    close: dict[str, Any] = {"type": 1, "position": ticket}
    same: dict[str, Any] = {"action": 6, "symbol": "EURUSD", "position": ticket, "sl": 1.09}

    assert lab.buy("a", **close, volume=0.2).retcode == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert lab.buy("b", position=ticket).retcode == mt5.TRADE_RETCODE_INVALID
    assert lab.buy("c", **close, symbol="USDJPY").retcode == mt5.TRADE_RETCODE_INVALID
    unchanged = lab.send("d", **same)
    assert isinstance(unchanged, OrderSendResult)
    assert unchanged.retcode == mt5.TRADE_RETCODE_NO_CHANGES


@covers("order_send", 10017, 10026, 10027, -8)
def test_switched_off_trading_has_its_codes(lab: Lab) -> None:
    """API off is None and -8; the other switches are return codes, in the documented order."""
    conditions = lab.behind.conditions
    conditions.is_account_trade_allowed = False
    assert lab.buy("a").retcode == mt5.TRADE_RETCODE_TRADE_DISABLED
    conditions.is_expert_allowed = False
    assert lab.buy("b").retcode == mt5.TRADE_RETCODE_SERVER_DISABLES_AT
    conditions.is_terminal_trade_allowed = False
    assert lab.buy("c").retcode == mt5.TRADE_RETCODE_CLIENT_DISABLES_AT
    conditions.is_api_disabled = True
    assert lab.send("d", action=1, symbol="EURUSD", volume=0.1) is None
    assert lab.terminal.last_error()[0] == -8


@covers("order_send", 10024)
def test_too_many_requests_in_a_second(lab: Lab) -> None:
    """The setting's count of sends passes, the next one is told to wait."""
    lab.behind.conditions.requests_per_s_max = 2

    codes = [lab.buy(request_id).retcode for request_id in ("a", "b", "c")]

    assert codes == [10009, 10009, mt5.TRADE_RETCODE_TOO_MANY_REQUESTS]


@covers("order_send", 10018)
@covers("symbol_info_tick")
def test_the_market_is_closed_at_the_weekend(lab: Lab) -> None:
    """Outside the session 10018; the last tick is Friday's and time still shows it."""
    lab.clock.minute(4 * 24 * 60)  # Saturday

    assert lab.buy().retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
    tick = lab.terminal.symbol_info_tick("EURUSD")
    assert tick is not None
    assert tick.time == START_SERVER_S + 119 * 60 + 59  # the last minute's last second


@covers("order_check", 0)
def test_order_check_promises_the_account_after_the_trade(lab: Lab) -> None:
    """Success is retcode 0 and Done, with margin and equity as they would be."""
    check = lab.terminal.order_check({"action": 1, "symbol": "EURUSD", "volume": 0.3, "type": 0})

    assert check is not None
    assert (check.retcode, check.comment) == (0, "Done")
    assert check.margin == 1_100.0  # 0.3 * 100 000 / 30 * 1.1
    assert check.equity == 9_997.0  # 10 000 less the spread of 3 USD
    assert lab.terminal.positions_get() == ()


@covers("order_calc_margin")
@covers("order_calc_profit", -1)
def test_calculations_convert_to_the_account(lab: Lab) -> None:
    """Margin of USDJPY is in dollars already; its profit in yen is divided by the bid."""
    margin = lab.terminal.order_calc_margin(0, "USDJPY", 1, 150)
    profit = lab.terminal.order_calc_profit(0, "USDJPY", 1.0, 150.0, 150.3)

    assert margin == 3_333.33  # 100 000 / 30
    assert profit == 200.0  # 0.3 * 100 000 / 150
    assert lab.terminal.order_calc_profit(1, "USDJPY", 1.0, 150.0, 150.3) == -200.0
    assert lab.terminal.order_calc_profit(0, "AUDNZD", 1.0, 1.0, 1.1) is None


@covers("order_send")
def test_a_repeated_id_is_answered_from_the_record(lab: Lab) -> None:
    """The same request under the same id gives the same answer and runs once."""
    first = lab.buy("once")

    again = lab.buy("once")

    assert again == first
    assert lab.terminal.positions_total() == 1


@covers("order_send")
def test_an_id_of_another_request_is_refused(lab: Lab) -> None:
    """An id names one request; another one under it does not leave."""
    lab.buy("once")

    refused = lab.send("once", action=1, symbol="EURUSD", volume=0.2)

    assert isinstance(refused, TerminalRefused)
    assert refused.refusal is Refusal.REUSED_ID


@covers("order_send")
@covers("epoch_seen")
def test_f8_a_stale_epoch_is_refused(lab: Lab) -> None:
    """Once a younger sender has been here, an older one is refused, closes included."""
    ticket = lab.buy(epoch=3).order

    refused = lab.send(
        "late", epoch=2, action=1, symbol="EURUSD", volume=0.1, type=1, position=ticket
    )

    assert isinstance(refused, TerminalRefused)
    assert refused.refusal is Refusal.STALE_EPOCH
    assert lab.terminal.epoch_seen() == 3
    assert lab.terminal.positions_total() == 1


@covers("order_send")
def test_f40_the_stop_file_lets_only_reductions_pass(lab: Lab) -> None:
    """With the file there, entries and looser stops are refused; tighter stops and closes pass."""
    ticket = lab.buy(sl=1.09).order
    lab.stop_file.touch()
    amend: dict[str, Any] = {"action": 6, "symbol": "EURUSD", "position": ticket}

    forbidden: dict[str, dict[str, Any]] = {
        "entry": {"action": 1, "symbol": "EURUSD", "volume": 0.1},
        "looser": amend | {"sl": 1.08},
        "none": amend | {"sl": 0.0, "tp": 1.2},
    }
    for request_id, request in forbidden.items():
        refused = lab.send(request_id, **request)
        assert isinstance(refused, TerminalRefused)
        assert refused.refusal is Refusal.STOP_FILE
    tighter = lab.send("tighter", **amend, sl=1.095)
    assert isinstance(tighter, OrderSendResult)
    assert tighter.retcode == mt5.TRADE_RETCODE_DONE
    assert lab.buy("exit", type=1, position=ticket).retcode == mt5.TRADE_RETCODE_DONE


@covers("order_send")
def test_f40_a_recorded_answer_is_told_while_the_stop_file_exists(lab: Lab) -> None:
    """A refusal would claim that nothing was sent, so the record goes before the gate."""
    first = lab.buy("once")
    lab.stop_file.touch()

    assert lab.buy("once") == first


def test_the_next_event_is_foretold_and_then_happens(lab: Lab) -> None:
    """The first minute that touches the stop ends at the moment that was foretold."""
    now_ns = START_NS + 5 * MINUTE_NS
    until_ns = now_ns + 15 * MINUTE_NS
    assert lab.terminal.next_event_ns(now_ns, until_ns) == until_ns
    lab.buy(sl=1.0995)  # every minute's low is 1.099

    assert lab.terminal.next_event_ns(now_ns, until_ns) == now_ns + MINUTE_NS
    assert lab.terminal.positions_total() == 1
    lab.terminal.advance(now_ns + MINUTE_NS)
    assert lab.terminal.positions_total() == 0


def test_a_moment_beyond_every_market_is_answered(lab: Lab) -> None:
    """Nobody can send the terminal where it would never come back from."""
    lab.buy(sl=1.0)

    assert lab.terminal.next_event_ns(START_NS, 2**64 - 1) <= 2**64 - 1
    lab.terminal.advance(2**64 - 1)
    lab.terminal.steer(2**63)
    assert lab.terminal.positions_total() == 1


def test_f5_a_server_that_is_gone_is_unavailable() -> None:
    """No answer raises; nothing is tried again."""
    remote = RemoteTerminal("http://127.0.0.1:9", TOKEN, settings_of().terminal)

    with pytest.raises(TerminalUnavailable):
        remote.order_send({"action": 1}, request_id="x", epoch=1)
    assert not remote.is_healthy()
    remote.close()
