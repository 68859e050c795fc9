"""The one constructor of requests to the terminal: exact types, finite values, both stops.

The package refuses an `int` volume but lets NaN pass, deletes whichever stop a change leaves out,
and takes a missing filling for fill-or-kill. None of that can be built here: what is not finite,
not positive or not allowed by the symbol raises before anything leaves.
"""

import math
from typing import Final

from agents.orders.submission import round_tighter
from agents.requests import SendOrder
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from runtime.terminals import constants as mt5
from runtime.terminals.structures import SymbolInfo, TradePosition

RequestFields = dict[str, int | float | str]
"""A request as the package takes it."""

FLATTEN_COMMENT: Final = "flatten"
FLATTEN_DEVIATION_POINTS: Final = 1000
"""An emergency close takes any price."""

TEXT_LENGTH_MAX: Final = 29
MAGIC_MAX: Final = 2**63 - 1
"""The server keeps the magic number as a signed integer."""

LOTS_DIGITS: Final = 8
"""Lots are rounded here: far below any volume step, far above float noise."""

_NEEDS_PRICE: Final = frozenset(
    {mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT}
)


class UnfitRequest(ValueError):
    """The request cannot be built; nothing was sent. The message names field, value and rule."""


def order_request(order: SendOrder, info: SymbolInfo, expires_s: int = 0) -> RequestFields:
    """Return the request for an order of ours.

    Parameters
    ----------
    order : SendOrder
        What the ExecutionAgent asked for.
    info : SymbolInfo
        The symbol as the terminal has it now.
    expires_s : int
        When an entry that rests ends, on the server's clock.

    Raises
    ------
    UnfitRequest
        If a value is not finite or out of range, or no filling is allowed.
    """
    if order.purpose is Purpose.AMEND:
        return _levels(order, info)
    if order.purpose is Purpose.CANCEL:
        return remove_request(order.order_ticket, order.magic, order.comment)
    if order.limit_price:
        return _resting(order, info, expires_s)
    closes = order.purpose is Purpose.EXIT
    request = _deal(
        info, order.side, order.lots, order.deviation_points, order.magic, order.comment, closes
    )
    if closes:
        # Without its position a close on a hedging account would open the opposite one.
        return {**request, "position": _whole("position_ticket", order.position_ticket, 1)}
    # An entry has both from its first moment at the broker: a zero would mean none.
    return {
        **request,
        "sl": _positive("stop_price", _price("stop_price", order.stop_price, info)),
        "tp": _positive("target_price", _price("target_price", order.target_price, info)),
    }


def close_request(position: TradePosition, info: SymbolInfo) -> RequestFields:
    """Return the request that closes a position whole, at any price; for emergencies."""
    is_long = position.type == mt5.POSITION_TYPE_BUY
    request = _deal(
        info,
        Side.SELL if is_long else Side.BUY,
        position.volume,
        FLATTEN_DEVIATION_POINTS,
        0,
        FLATTEN_COMMENT,
        closes=True,
    )
    return {**request, "position": _whole("ticket", position.ticket, 1)}


def remove_request(ticket: int, magic: int, comment: str) -> RequestFields:
    """Return the request that takes back an order that works."""
    return {
        "action": mt5.TRADE_ACTION_REMOVE,
        "order": _whole("order_ticket", ticket, 1),
        "magic": _whole("magic", magic, 0),
        "comment": _text("comment", comment),
    }


def lifetime_of(info: SymbolInfo, expires_s: int) -> RequestFields:
    """Return how long an order rests: to its moment, or until we take it back.

    Where the broker offers neither, its day's end bounds it, if that is offered. In the mask a mode
    is the bit of its number.
    """
    modes = info.expiration_mode
    if modes & 1 << mt5.ORDER_TIME_SPECIFIED:
        return {
            "type_time": mt5.ORDER_TIME_SPECIFIED,
            "expiration": _whole("expiration", expires_s, 1),
        }
    for mode in (mt5.ORDER_TIME_GTC, mt5.ORDER_TIME_DAY):
        if modes & 1 << mode:
            return {"type_time": mode}
    raise UnfitRequest(
        f"expiration_mode of {info.name} must allow GTC (1), DAY (2) or SPECIFIED (4), was {modes}"
    )


def filling_of(info: SymbolInfo, *, closes: bool) -> int:
    """Return the filling of a market order, from the symbol's mask and execution mode.

    An entry is filled whole if that can be asked for, so that its size is the size that was
    approved. A close takes what it can get: a part is better than nothing.
    """
    if info.trade_exemode in _NEEDS_PRICE:
        return mt5.ORDER_FILLING_IOC if closes else mt5.ORDER_FILLING_FOK
    whole = (mt5.SYMBOL_FILLING_FOK_BIT, mt5.ORDER_FILLING_FOK)
    part = (mt5.SYMBOL_FILLING_IOC_BIT, mt5.ORDER_FILLING_IOC)
    for bit, filling in (part, whole) if closes else (whole, part):
        if info.filling_mode & bit:
            return filling
    if info.trade_exemode == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE:
        return mt5.ORDER_FILLING_RETURN
    raise UnfitRequest(
        f"filling_mode of {info.name} must allow FOK (1) or IOC (2), was {info.filling_mode}"
    )


def _deal(
    info: SymbolInfo,
    side: Side,
    lots: float,
    deviation_points: int,
    magic: int,
    comment: str,
    closes: bool,
) -> RequestFields:
    is_buy = side is Side.BUY
    request: RequestFields = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": _text("symbol", info.name),
        "volume": _lots(lots),
        "type": mt5.ORDER_TYPE_BUY if is_buy else mt5.ORDER_TYPE_SELL,
        "type_filling": filling_of(info, closes=closes),
        "type_time": mt5.ORDER_TIME_GTC,
        "deviation": _whole("deviation_points", deviation_points, 0),
        "magic": _whole("magic", magic, 0),
        "comment": _text("comment", comment),
    }
    if info.trade_exemode in _NEEDS_PRICE:
        request["price"] = _positive("price", info.ask if is_buy else info.bid)
    return request


def _resting(order: SendOrder, info: SymbolInfo, expires_s: int) -> RequestFields:
    is_buy = order.side is Side.BUY
    return {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": _text("symbol", info.name),
        "volume": _lots(order.lots),
        "type": mt5.ORDER_TYPE_BUY_LIMIT if is_buy else mt5.ORDER_TYPE_SELL_LIMIT,
        "type_filling": mt5.ORDER_FILLING_RETURN,
        "price": _positive("limit_price", _price("limit_price", order.limit_price, info)),
        "sl": _positive("stop_price", _price("stop_price", order.stop_price, info)),
        "tp": _positive("target_price", _price("target_price", order.target_price, info)),
        "magic": _whole("magic", order.magic, 0),
        "comment": _text("comment", order.comment),
        **lifetime_of(info, expires_s),
    }


def _levels(order: SendOrder, info: SymbolInfo) -> RequestFields:
    return {
        "action": mt5.TRADE_ACTION_SLTP,
        "symbol": _text("symbol", info.name),
        "position": _whole("position_ticket", order.position_ticket, 1),
        "sl": _positive("stop_price", _stop(order, info)),
        "tp": _price("target_price", order.target_price, info),
        "magic": _whole("magic", order.magic, 0),
        "comment": _text("comment", order.comment),
    }


def _lots(lots: float) -> float:
    return _positive("lots", round(_positive("lots", lots), LOTS_DIGITS))


def _stop(order: SendOrder, info: SymbolInfo) -> float:
    # The broker may have fewer digits by now than when the stop was agreed: never looser for it.
    _price("stop_price", order.stop_price, info)
    return round_tighter(order.stop_price, order.side, info.digits)


def _price(name: str, price: float, info: SymbolInfo) -> float:
    if not (math.isfinite(price) and price >= 0.0):
        raise UnfitRequest(f"{name} must be finite and at least 0, was {price}")
    return round(float(price), info.digits)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0.0):
        raise UnfitRequest(f"{name} must be finite and above 0, was {value}")
    return float(value)


def _whole(name: str, value: int, least: int) -> int:
    if not least <= value <= MAGIC_MAX:
        raise UnfitRequest(f"{name} must be in [{least}, 2**63), was {value}")
    return int(value)


def _text(name: str, text: str) -> str:
    if not text.isascii() or len(text) > TEXT_LENGTH_MAX:
        raise UnfitRequest(f"{name} must be ASCII of at most {TEXT_LENGTH_MAX}, was {text!r}")
    return text
