"""Requests to the simulated broker, and the code that check and send agree on."""

from typing import Any

from runtime.terminals import constants as mt5
from tests.contract.terminals import Lab, done

INSTANT, MARKET, EXCHANGE = 1, 2, 3
FOK, IOC, RETURN = 0, 1, 2
BUY, SELL, BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(8)


def pending(**changed: Any) -> dict[str, Any]:
    """Return a request to buy 0.10 EURUSD at 1.0950, a hundred pips below the ask."""
    request: dict[str, Any] = {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": BUY_LIMIT,
        "price": 1.095,
        "type_filling": RETURN,
    }
    return request | changed


def answer(lab: Lab, request_id: str, request: dict[str, Any]) -> int:
    """Return the code of a send, after a check that must say the same, 0 for success."""
    check = lab.terminal.order_check(request)
    result = done(lab.send(request_id, **request))
    assert check is not None
    is_done = result.retcode in (
        mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_PLACED, mt5.TRADE_RETCODE_DONE_PARTIAL
    )  # fmt: skip
    assert check.retcode == (0 if is_done else result.retcode)
    if not is_done:
        assert (result.deal, result.order, result.volume) == (0, 0, 0.0)
    return result.retcode


def deal(**changed: Any) -> dict[str, Any]:
    """Return a request to buy 0.10 EURUSD at the market."""
    request: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": BUY}
    return request | changed
