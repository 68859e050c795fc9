"""Return codes about the terminal, the symbol and the form of a request."""

from typing import Any

import pytest

from runtime.terminals import constants as mt5
from tests.contract.covers import covers
from tests.contract.order_codes import (
    BUY_STOP,
    BUY_STOP_LIMIT,
    EXCHANGE,
    FOK,
    INSTANT,
    IOC,
    MARKET,
    RETURN,
    SELL,
    answer,
    deal,
    pending,
)
from tests.contract.terminals import Lab, done

TOMORROW_S = 24 * 3600


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=covers("order_send", code))
        for code in (10006, 10007, 10011, 10012, 10020, 10028, 10032, 10041, 99_999)
    ],
)
def test_an_injected_code_answers_and_nothing_is_done(lab: Lab, code: int) -> None:
    """Some codes no request of a healthy client brings about; the fault plan does."""
    lab.behind.conditions.forced_retcode = code

    result = lab.buy()

    assert (result.retcode, result.deal, result.order, result.volume) == (code, 0, 0, 0.0)
    assert lab.terminal.positions_get() == ()
    check = lab.terminal.order_check(deal())
    assert check is not None
    assert check.retcode == 0


@covers("order_send", 10012)
def test_a_timeout_may_hide_an_execution(lab: Lab) -> None:
    """The other variant of a timeout: executed once, and told so by no answer ever."""
    lab.behind.conditions.forced_retcode = mt5.TRADE_RETCODE_TIMEOUT
    lab.behind.conditions.is_executed_despite = True

    first, again = lab.buy("one", magic=9), lab.buy("one", magic=9)

    assert first == again
    assert (first.retcode, first.order, first.volume) == (10012, 0, 0.0)
    assert [one.magic for one in lab.terminal.positions_get() or ()] == [9]


@covers("order_send", 10017)
@covers("order_send", 10042)
@covers("order_send", 10043)
@covers("order_send", 10044)
@pytest.mark.parametrize(
    ("mode", "buy_code", "sell_code", "close_code"),
    [
        (mt5.SYMBOL_TRADE_MODE_DISABLED, 10017, 10017, 10017),
        (mt5.SYMBOL_TRADE_MODE_LONGONLY, 10009, 10042, 10009),
        (mt5.SYMBOL_TRADE_MODE_SHORTONLY, 10043, 10009, 10009),
        (mt5.SYMBOL_TRADE_MODE_CLOSEONLY, 10044, 10044, 10009),
        (mt5.SYMBOL_TRADE_MODE_FULL, 10009, 10009, 10009),
    ],
)
def test_a_symbols_mode_forbids_sides(
    lab: Lab, mode: int, buy_code: int, sell_code: int, close_code: int
) -> None:
    """What is open may be closed in every mode but the disabled one."""
    ticket = lab.buy("open").order
    lab.behind.conditions.trade_modes["EURUSD"] = mode

    assert answer(lab, "a", deal()) == buy_code
    assert answer(lab, "b", deal(type=SELL)) == sell_code
    assert answer(lab, "c", deal(type=SELL, position=ticket)) == close_code
    assert lab.info().trade_mode == mode


@covers("order_send", 10018)
def test_a_session_may_close_within_the_week(lab: Lab) -> None:
    """The market is closed in a gap of its sessions too."""
    lab.behind.conditions.is_session_open = False

    assert answer(lab, "a", deal()) == mt5.TRADE_RETCODE_MARKET_CLOSED


@covers("order_send", 10022)
def test_lifetimes_must_be_offered_and_lie_ahead(lab: Lab) -> None:
    """A passed moment, or a lifetime that the symbol does not have, is refused."""
    now_s = lab.terminal.symbol_info_tick("EURUSD").time  # type: ignore[union-attr] # it has one
    until = {"type_time": mt5.ORDER_TIME_SPECIFIED, "expiration": now_s}

    assert answer(lab, "a", pending(**until)) == mt5.TRADE_RETCODE_INVALID_EXPIRATION
    assert answer(lab, "b", pending(**until | {"expiration": now_s + 1})) == 10008
    yesterday = {"type_time": mt5.ORDER_TIME_SPECIFIED_DAY, "expiration": now_s - TOMORROW_S}
    assert answer(lab, "c", pending(**yesterday)) == mt5.TRADE_RETCODE_INVALID_EXPIRATION
    lab.behind.conditions.expiration_modes["EURUSD"] = 1 << mt5.ORDER_TIME_DAY
    assert answer(lab, "d", pending()) == mt5.TRADE_RETCODE_INVALID_EXPIRATION
    assert answer(lab, "e", pending(type_time=mt5.ORDER_TIME_DAY)) == mt5.TRADE_RETCODE_PLACED
    assert answer(lab, "f", pending(type_time=4)) == mt5.TRADE_RETCODE_INVALID_EXPIRATION


@covers("order_send", 10023)
@covers("order_send", 10013)
def test_an_order_that_has_ended_cannot_be_changed(lab: Lab) -> None:
    """Removed a moment ago is 10023; never heard of is 10013."""
    order = done(lab.send("place", **pending())).order
    remove = {"action": 8, "order": order}

    assert answer(lab, "a", remove) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "b", remove) == mt5.TRADE_RETCODE_ORDER_CHANGED
    assert answer(lab, "c", {"action": 7, "order": order, "price": 1.09}) == 10023
    assert answer(lab, "d", {"action": 8, "order": 5}) == mt5.TRADE_RETCODE_INVALID


@covers("order_send", 10025)
def test_a_change_must_change_something(lab: Lab) -> None:
    """The same price, levels and lifetime again are no change."""
    order = done(lab.send("place", **pending(sl=1.09))).order
    modify = {"action": 7, "order": order, "price": 1.095, "sl": 1.09}

    assert answer(lab, "a", modify) == mt5.TRADE_RETCODE_NO_CHANGES
    assert answer(lab, "b", modify | {"sl": 1.091}) == mt5.TRADE_RETCODE_DONE
    assert answer(lab, "c", modify | {"sl": 1.091, "type_time": 1}) == mt5.TRADE_RETCODE_DONE


@covers("order_send", 10030)
@pytest.mark.parametrize(
    ("execution", "mask", "allowed"),
    [
        (0, 0, {FOK, IOC, RETURN}),
        (INSTANT, 0, {FOK, IOC, RETURN}),
        (MARKET, 3, {FOK, IOC}),
        (MARKET, 1, {FOK}),
        (MARKET, 2, {IOC}),
        (EXCHANGE, 2, {IOC, RETURN}),
        (EXCHANGE, 0, {RETURN}),
    ],
)
def test_fillings_follow_execution_and_mask(
    lab: Lab, execution: int, mask: int, allowed: set[int]
) -> None:
    """The mask counts for MARKET and EXCHANGE only, and RETURN is never for MARKET."""
    lab.behind.conditions.executions["EURUSD"] = execution
    lab.behind.conditions.filling_modes["EURUSD"] = mask

    codes = {
        filling: answer(lab, str(filling), deal(type_filling=filling, price=1.1001))
        for filling in range(4)
    }

    assert {filling for filling, code in codes.items() if code == 10009} == allowed
    assert {code for filling, code in codes.items() if filling not in allowed} == {10030}
    assert (lab.info().trade_exemode, lab.info().filling_mode) == (execution, mask)


@covers("order_send", 10030)
def test_waiting_orders_return_what_is_not_filled(lab: Lab) -> None:
    """A waiting order takes RETURN; book-or-cancel where the mask has it, for limits alone."""
    assert answer(lab, "a", pending(type_filling=FOK)) == mt5.TRADE_RETCODE_INVALID_FILL
    assert answer(lab, "b", pending(type_filling=3)) == mt5.TRADE_RETCODE_INVALID_FILL
    lab.behind.conditions.filling_modes["EURUSD"] = 4
    assert answer(lab, "c", pending(type_filling=3)) == mt5.TRADE_RETCODE_PLACED
    stop = pending(type_filling=3, type=BUY_STOP, price=1.2)
    assert answer(lab, "d", stop) == mt5.TRADE_RETCODE_INVALID_FILL


@covers("order_send", 10031)
def test_without_a_line_nothing_is_taken(lab: Lab) -> None:
    """The terminal says that it has no connection, in its state and by its code."""
    lab.behind.conditions.is_connected = False

    assert answer(lab, "a", deal()) == mt5.TRADE_RETCODE_CONNECTION
    assert lab.terminal.terminal_info().connected is False  # type: ignore[union-attr] # it answers


@covers("order_send", 10035)
@pytest.mark.parametrize(
    ("offered", "request_", "code"),
    [
        (127 - 1, deal(), 10035),
        (127 - 2, pending(), 10035),
        (127 - 4, pending(type=BUY_STOP, price=1.2), 10035),
        (127 - 8, pending(type=BUY_STOP_LIMIT, price=1.2, stoplimit=1.19), 10035),
        (127 - 16, deal(sl=1.09), 10035),
        (127 - 32, deal(tp=1.2), 10035),
        (1, deal(), 10009),
        (2, pending(), 10008),
    ],
)
def test_order_types_are_offered_by_a_mask(
    lab: Lab, offered: int, request_: dict[str, Any], code: int
) -> None:
    """Each bit of `order_mode` stands for one type of order, or for a stop or a target."""
    lab.behind.conditions.order_modes["EURUSD"] = offered

    assert answer(lab, "a", request_) == code
    assert lab.info().order_mode == offered
