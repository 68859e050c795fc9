"""The one constructor of requests: exact types, and nothing that the package lets slip."""

import math
from typing import Any

import msgspec
import pytest

from agents.requests import SendOrder
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from runtime.terminals import constants as mt5
from runtime.terminals.requests import UnfitRequest, close_request, filling_of, order_request
from runtime.terminals.structures import SymbolInfo, TradePosition

MARKET = mt5.SYMBOL_TRADE_EXECUTION_MARKET
INSTANT = mt5.SYMBOL_TRADE_EXECUTION_INSTANT
EXCHANGE = mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE


def a_symbol(**changes: Any) -> SymbolInfo:
    """Return EURUSD under market execution, which allows both fillings."""
    blank: dict[str, Any] = {
        name: {int: 0, float: 0.0, str: "", bool: False}[kind]
        for name, kind in SymbolInfo.__annotations__.items()
    }
    fields = {
        "name": "EURUSD.m",
        "digits": 5,
        "trade_exemode": MARKET,
        "filling_mode": 3,
        "bid": 1.1,
        "ask": 1.1001,
        **changes,
    }
    return SymbolInfo(**{**blank, **fields})


def a_send(**changes: Any) -> SendOrder:
    """Return a buy of 0.2 lots with both levels."""
    fields: dict[str, Any] = {
        "intent_id": "i",
        "purpose": Purpose.ENTRY,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "lots": 0.2,
        "stop_price": 1.0981,
        "target_price": 1.1061,
        "position_ticket": 0,
        "magic": 4711 * 2**32 + 1,
        "comment": "fxabcdefghij",
        "deviation_points": 20,
    }
    return SendOrder(**{**fields, **changes})


SPECIFIED, GTC, DAY = 4, 1, 2
"""Bits of the mask of lifetimes."""


@pytest.mark.parametrize(
    ("side", "kind"), [(Side.BUY, mt5.ORDER_TYPE_BUY_LIMIT), (Side.SELL, mt5.ORDER_TYPE_SELL_LIMIT)]
)
def test_a_resting_entry_waits_at_its_price_until_its_moment(side: Side, kind: int) -> None:
    """With both levels, the filling of pending orders, and an end on the server's clock."""
    resting = a_send(side=side, limit_price=1.0990001, expires_ns=1)
    request = order_request(resting, a_symbol(expiration_mode=SPECIFIED | GTC), expires_s=1_700)

    assert (request["action"], request["type"]) == (mt5.TRADE_ACTION_PENDING, kind)
    assert (request["price"], request["sl"], request["tp"]) == (1.099, 1.0981, 1.1061)
    assert request["type_filling"] == mt5.ORDER_FILLING_RETURN
    assert (request["type_time"], request["expiration"]) == (mt5.ORDER_TIME_SPECIFIED, 1_700)
    assert "deviation" not in request


@pytest.mark.parametrize(
    ("modes", "type_time"),
    [(GTC | DAY, mt5.ORDER_TIME_GTC), (DAY, mt5.ORDER_TIME_DAY)],
)
def test_a_broker_without_moments_gets_the_longest_lifetime(modes: int, type_time: int) -> None:
    """The order is then ours to take back."""
    resting = a_send(limit_price=1.099, expires_ns=1)
    request = order_request(resting, a_symbol(expiration_mode=modes), expires_s=1_700)

    assert request["type_time"] == type_time
    assert "expiration" not in request


def test_a_broker_without_lifetimes_gets_no_resting_order() -> None:
    """Nothing that it would take could be built."""
    with pytest.raises(UnfitRequest, match=r"expiration_mode of EURUSD\.m must allow"):
        order_request(a_send(limit_price=1.099), a_symbol(expiration_mode=8), expires_s=1_700)


def test_a_cancel_names_its_order_and_nothing_else() -> None:
    """Ticket, magic and comment."""
    cancel = a_send(purpose=Purpose.CANCEL, lots=0.0, order_ticket=77)
    request = order_request(cancel, a_symbol())

    assert request == {
        "action": mt5.TRADE_ACTION_REMOVE,
        "order": 77,
        "magic": cancel.magic,
        "comment": cancel.comment,
    }


def test_an_entry_has_the_types_that_the_package_wants() -> None:
    """Sizes and prices are floats, all other numbers ints, and nothing is None."""
    request = order_request(a_send(), a_symbol())

    assert request == {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD.m",
        "volume": 0.2,
        "type": mt5.ORDER_TYPE_BUY,
        "type_filling": mt5.ORDER_FILLING_FOK,
        "type_time": mt5.ORDER_TIME_GTC,
        "deviation": 20,
        "magic": 4711 * 2**32 + 1,
        "comment": "fxabcdefghij",
        "sl": 1.0981,
        "tp": 1.1061,
    }
    floats = {"volume", "sl", "tp"}
    assert all(type(request[name]) is float for name in floats)
    assert all(type(v) in (int, str) for name, v in request.items() if name not in floats)


@pytest.mark.parametrize("level", ["stop_price", "target_price"])
@pytest.mark.parametrize("price", [0.0, 0.000004])
def test_an_entry_without_stop_or_target_cannot_be_built(level: str, price: float) -> None:
    """A zero means none to the package, also one that rounding to five digits makes."""
    with pytest.raises(UnfitRequest, match=level):
        order_request(a_send(**{level: price}), a_symbol())


def test_whole_lots_become_a_float() -> None:
    """An int volume is refused by the package."""
    request = order_request(a_send(lots=1), a_symbol())

    assert type(request["volume"]) is float


def test_an_exit_names_its_position_and_the_opposite_side() -> None:
    """Without its position a close would open the opposite on a hedging account (F14)."""
    send = a_send(purpose=Purpose.EXIT, side=Side.SELL, position_ticket=9)

    request = order_request(send, a_symbol())

    assert (request["position"], request["type"]) == (9, mt5.ORDER_TYPE_SELL)
    assert "sl" not in request


def test_an_exit_without_a_position_cannot_be_built() -> None:
    """There is no close of nothing."""
    with pytest.raises(UnfitRequest, match="position_ticket"):
        order_request(a_send(purpose=Purpose.EXIT), a_symbol())


def test_an_amendment_carries_both_levels() -> None:
    """A level that is left out would be deleted (F13)."""
    request = order_request(a_send(purpose=Purpose.AMEND, position_ticket=9), a_symbol())

    assert request["action"] == mt5.TRADE_ACTION_SLTP
    assert (request["sl"], request["tp"], request["position"]) == (1.0981, 1.1061, 9)


@pytest.mark.parametrize(
    ("side", "stop_price", "sent"),
    [
        (Side.BUY, 1.09814, 1.0982),
        (Side.SELL, 1.09816, 1.0981),
        (Side.BUY, 1.0981, 1.0981),
        (Side.SELL, 1.0982, 1.0982),
    ],
)
def test_f27_a_coarser_grid_never_loosens_a_stop(
    side: Side, stop_price: float, sent: float
) -> None:
    """Where the broker shows a digit less by now, a stop moves towards the market, never away."""
    send = a_send(purpose=Purpose.AMEND, side=side, position_ticket=9, stop_price=stop_price)

    assert order_request(send, a_symbol(digits=4))["sl"] == sent


def test_an_amendment_never_removes_the_stop() -> None:
    """A stop of 0 would leave the position naked."""
    send = a_send(purpose=Purpose.AMEND, position_ticket=9, stop_price=0.0)

    with pytest.raises(UnfitRequest, match="stop_price"):
        order_request(send, a_symbol())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize("name", ["lots", "stop_price", "target_price"])
def test_nothing_that_is_not_finite_is_built(name: str, value: float) -> None:
    """The package lets NaN pass, so it must be stopped here."""
    with pytest.raises(UnfitRequest, match=name):
        order_request(a_send(**{name: value}), a_symbol())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"magic": -1}, "magic"),
        ({"magic": 2**63}, "magic"),
        ({"deviation_points": -1}, "deviation_points"),
        ({"comment": "x" * 30}, "comment"),
        ({"comment": "\u00e9"}, "comment"),
        ({"lots": 0.0}, "lots"),
    ],
)
def test_values_outside_their_range_are_refused(changes: dict[str, Any], name: str) -> None:
    """The package would raise or cut; here the message names the field."""
    with pytest.raises(UnfitRequest, match=name):
        order_request(a_send(**changes), a_symbol())


@pytest.mark.parametrize(
    ("mode", "mask", "closes", "filling"),
    [
        (MARKET, 3, False, mt5.ORDER_FILLING_FOK),
        (MARKET, 3, True, mt5.ORDER_FILLING_IOC),
        (MARKET, 1, True, mt5.ORDER_FILLING_FOK),
        (MARKET, 2, False, mt5.ORDER_FILLING_IOC),
        (INSTANT, 0, False, mt5.ORDER_FILLING_FOK),
        (INSTANT, 0, True, mt5.ORDER_FILLING_IOC),
        (EXCHANGE, 0, False, mt5.ORDER_FILLING_RETURN),
        (EXCHANGE, 2, False, mt5.ORDER_FILLING_IOC),
    ],
)
def test_the_filling_follows_mask_and_execution(
    mode: int, mask: int, closes: bool, filling: int
) -> None:
    """The mask's bits are not the enumeration's values."""
    info = a_symbol(trade_exemode=mode, filling_mode=mask)

    assert filling_of(info, closes=closes) == filling


def test_a_symbol_without_a_filling_cannot_be_traded() -> None:
    """Market execution refuses RETURN, so nothing is left to ask for."""
    with pytest.raises(UnfitRequest, match="filling_mode"):
        order_request(a_send(), a_symbol(filling_mode=0))


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 1.1001), (Side.SELL, 1.1)])
def test_instant_execution_names_its_price(side: Side, price: float) -> None:
    """A price of 0 would be refused there (10015)."""
    request = order_request(a_send(side=side), a_symbol(trade_exemode=INSTANT))

    assert request["price"] == price


def test_instant_execution_without_a_tick_is_refused() -> None:
    """There is nothing to ask for."""
    with pytest.raises(UnfitRequest, match="price"):
        order_request(a_send(), a_symbol(trade_exemode=INSTANT, ask=0.0))


def test_an_emergency_close_takes_the_whole_position() -> None:
    """The kill switch closes what is there, on the opposite side, and marks itself."""
    blank: dict[str, Any] = {
        name: {int: 0, float: 0.0, str: ""}[kind]
        for name, kind in TradePosition.__annotations__.items()
    }
    held = TradePosition(**{**blank, "ticket": 9, "volume": 0.3, "type": 1, "symbol": "EURUSD.m"})

    request = close_request(held, a_symbol())

    assert (request["type"], request["volume"], request["position"]) == (0, 0.3, 9)
    assert request["comment"] == "flatten"


def test_the_price_grid_of_the_symbol_is_kept() -> None:
    """Float noise of a computation does not reach the terminal."""
    send = msgspec.structs.replace(a_send(), stop_price=1.0981 + 1e-12)

    assert order_request(send, a_symbol())["sl"] == 1.0981
