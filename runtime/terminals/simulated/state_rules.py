"""Rules about what the account holds: positions, working orders, and how much more it may have."""

import math

from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import is_long
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.conditions import RETCODE_HEDGE_PROHIBITED
from runtime.terminals.simulated.ledger import Position
from runtime.terminals.simulated.order_types import MARKET_TYPES, buys
from runtime.terminals.simulated.price_rules import stoplimit_of
from runtime.terminals.simulated.prices import UnknownRate


def position_open(asked: Asked) -> int:
    """10036 for a position that is closed, 10013 for one that does not fit the request."""
    position = asked.position
    if asked.is_close_by:
        return _close_by(asked)
    if not (asked.is_close or asked.is_amendment):
        return 0
    if position is None:
        return mt5.TRADE_RETCODE_POSITION_CLOSED
    is_fit = position.symbol == asked.request.symbol and (
        asked.is_amendment or asked.is_buy != is_long(position)
    )
    return 0 if is_fit else mt5.TRADE_RETCODE_INVALID


def _close_by(asked: Asked) -> int:
    first, second = asked.position, asked.position_by
    if first is None or second is None:
        return mt5.TRADE_RETCODE_POSITION_CLOSED
    is_pair = first.symbol == second.symbol and is_long(first) != is_long(second)
    return 0 if is_pair else mt5.TRADE_RETCODE_INVALID


def order_working(asked: Asked) -> int:
    """10023 for an order that has ended, 10013 for a market order that is to be changed."""
    if asked.order is None:
        return 0
    if not asked.order.is_working:
        return mt5.TRADE_RETCODE_ORDER_CHANGED
    is_fixed = asked.is_modification and asked.order_type in MARKET_TYPES
    return mt5.TRADE_RETCODE_INVALID if is_fixed else 0


def close_volume(asked: Asked) -> int:
    """10038 where more is to be closed than is open."""
    if not asked.is_close or asked.position is None:
        return 0
    is_too_much = asked.request.volume > asked.position.volume
    return mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME if is_too_much else 0


def one_close(asked: Asked) -> int:
    """10039 where an accepted order is already closing the position."""
    is_closing = any(
        order.position == position.identifier and buys(order.type) != is_long(position)
        for position in _closed_by(asked)
        for order in asked.account.working.values()
    )
    return mt5.TRADE_RETCODE_CLOSE_ORDER_EXIST if is_closing else 0


def oldest_first(asked: Asked) -> int:
    """10045 where an older position of the symbol must be closed before."""
    if not (asked.conditions.is_fifo and asked.is_hedging):
        return 0
    closed = _closed_by(asked)
    oldest = asked.account.of_symbol(asked.symbol)[: len(closed)]
    return 0 if all(one in oldest for one in closed) else mt5.TRADE_RETCODE_FIFO_CLOSE


def _closed_by(asked: Asked) -> list[Position]:
    named = (asked.position, asked.position_by) if asked.is_close_by else (asked.position,)
    is_closing = asked.is_close or asked.is_close_by
    return [one for one in named if one is not None and is_closing]


def one_side(asked: Asked) -> int:
    """10046 where the account may not hold both sides and holds the other one."""
    if not (asked.conditions.is_hedge_prohibited and asked.is_hedging):
        return 0
    if not (asked.is_entry or asked.is_pending):
        return 0
    held = asked.account.of_symbol(asked.symbol)
    is_hedge = any(is_long(position) != asked.is_buy for position in held)
    return RETCODE_HEDGE_PROHIBITED if is_hedge else 0


def change(asked: Asked) -> int:
    """10025 where everything is already as it is asked for."""
    request, order, position = asked.request, asked.order, asked.position
    wanted: tuple[float, ...]
    had: tuple[float, ...]
    if asked.is_amendment and position is not None:
        wanted, had = (request.sl, request.tp), (position.sl, position.tp)
        is_same = True
    elif asked.is_modification and order is not None:
        wanted = (request.price, request.sl, request.tp, stoplimit_of(asked))
        had = (order.price, order.sl, order.tp, order.price_stoplimit)
        is_same = (request.type_time, asked.expires_ns) == (order.type_time, order.expires_ns)
    else:
        return 0
    if not all(map(math.isfinite, wanted)):
        return 0  # no change that could be compared; the rules for levels refuse it
    scale = 10**asked.terms.digits
    is_same = is_same and all(
        round(new * scale) == round(old * scale) for new, old in zip(wanted, had, strict=True)
    )
    return mt5.TRADE_RETCODE_NO_CHANGES if is_same else 0


def order_count(asked: Asked) -> int:
    """10033 where as many orders work as may."""
    limit = asked.conditions.limit_orders
    is_full = asked.is_pending and 0 < limit <= len(asked.account.working)
    return mt5.TRADE_RETCODE_LIMIT_ORDERS if is_full else 0


def symbol_volume(asked: Asked) -> int:
    """10034 where the symbol would have more lots on one side than it may."""
    limit = asked.conditions.volume_limit_lots
    if not limit or not (asked.is_entry or asked.is_pending):
        return 0
    held = [one for one in asked.account.of_symbol(asked.symbol) if is_long(one) == asked.is_buy]
    waiting = [
        order.volume_left
        for order in asked.account.working.values()
        if order.symbol == asked.symbol and buys(order.type) == asked.is_buy
    ]
    lots = sum(one.volume for one in held) + sum(waiting) + asked.request.volume
    return mt5.TRADE_RETCODE_LIMIT_VOLUME if round(lots - limit, 8) > 0.0 else 0


def position_count(asked: Asked) -> int:
    """10040 where as many positions are open as may be."""
    is_new = asked.is_entry and asked.netted is None
    is_full = len(asked.account.positions) >= asked.conditions.positions_max
    return mt5.TRADE_RETCODE_LIMIT_POSITIONS if is_new and is_full else 0


def margin(asked: Asked) -> int:
    """10019 where the free margin would be negative."""
    if not asked.is_entry or asked.quote is None:
        return 0
    try:
        _, equity, held_back = asked.after()
    except UnknownRate:
        return mt5.TRADE_RETCODE_PRICE_OFF
    return mt5.TRADE_RETCODE_NO_MONEY if equity - held_back < 0.0 else 0
