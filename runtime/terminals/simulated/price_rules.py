"""Rules about prices: the one asked for, and how far stops and waiting orders are from it."""

import math
from typing import Final

from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import is_long
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.order_types import (
    LIMIT_TYPES,
    MARKET_TYPES,
    STOP_LIMIT_TYPES,
)
from runtime.terminals.simulated.prices import Quote

_NEEDS_PRICE: Final = frozenset(
    {mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT}
)


def quoted(asked: Asked) -> int:
    """10021 where the symbol has no price."""
    if asked.traits is None or asked.is_removal:
        return 0  # a ticket that names nothing has its own rule; taking back needs no price
    return mt5.TRADE_RETCODE_PRICE_OFF if asked.quote is None else 0


def price(asked: Asked) -> int:
    """10015 for no price where one is needed, or one on the wrong side or too close."""
    is_valid = True
    if _is_on_demand(asked):
        is_valid = _is_price(asked.request.price)
    elif asked.is_pending or (asked.is_modification and asked.order_type not in MARKET_TYPES):
        is_valid = _waits_where_it_may(asked)
    return 0 if is_valid else mt5.TRADE_RETCODE_INVALID_PRICE


def _is_on_demand(asked: Asked) -> bool:
    return asked.is_deal and asked.conditions.execution_of(asked.symbol) in _NEEDS_PRICE


def _is_price(number: float) -> bool:
    return math.isfinite(number) and number > 0.0


def _waits_where_it_may(asked: Asked) -> bool:
    request, kind = asked.request, asked.order_type
    if asked.quote is None or not _is_price(request.price):
        return False
    # A buy waits below the ask with a limit and above it with a stop; a sell the other way round.
    market = asked.quote.ask if asked.is_buy else asked.quote.bid
    sign = 1 if asked.is_buy == (kind in LIMIT_TYPES) else -1
    is_far = _is_beyond(asked, market, request.price, sign)
    if kind not in STOP_LIMIT_TYPES:
        return is_far
    limit = stoplimit_of(asked)
    towards = 1 if asked.is_buy else -1
    return is_far and _is_price(limit) and _is_beyond(asked, request.price, limit, towards)


def stoplimit_of(asked: Asked) -> float:
    """Return where a stop-limit order waits after its stop; a change may leave it as it was."""
    if asked.is_modification and asked.order is not None and not asked.request.stoplimit:
        return asked.order.price_stoplimit
    return asked.request.stoplimit


def requote(asked: Asked) -> int:
    """10004 where the price has moved from the one asked for by more than its deviation."""
    if not _is_on_demand(asked) or asked.quote is None:
        return 0
    market = asked.quote.ask if asked.is_buy else asked.quote.bid
    moved_points = round(abs(market - asked.request.price) / asked.terms.point)
    return mt5.TRADE_RETCODE_REQUOTE if moved_points > asked.request.deviation else 0


def stops(asked: Asked) -> int:
    """10016 for a stop or target that is on the wrong side or too close."""
    bounds = _where_stops_end(asked)
    if bounds is None:
        return 0
    is_buy, start = bounds
    sign = 1 if is_buy else -1
    are_valid = _is_level(asked, start, asked.request.sl, sign) and _is_level(
        asked, start, asked.request.tp, -sign
    )
    return 0 if are_valid else mt5.TRADE_RETCODE_INVALID_STOPS


def _where_stops_end(asked: Asked) -> tuple[bool, float] | None:
    """Return the side, and the price from which its stops are measured; None without stops."""
    if asked.is_pending or asked.is_modification:
        waits = stoplimit_of(asked) if asked.order_type in STOP_LIMIT_TYPES else asked.request.price
        return asked.is_buy, waits
    if asked.quote is None or asked.is_close or not (asked.is_deal or asked.is_amendment):
        return None
    is_buy = asked.is_buy if asked.position is None else is_long(asked.position)
    return is_buy, asked.quote.bid if is_buy else asked.quote.ask


def _is_level(asked: Asked, start: float, level: float, sign: int) -> bool:
    return level == 0.0 or (_is_price(level) and _is_beyond(asked, start, level, sign))


def _is_beyond(asked: Asked, start: float, level: float, sign: int) -> bool:
    distance_points = round(sign * (start - level) / asked.terms.point)
    return distance_points >= asked.stops_level_points


def freeze(asked: Asked) -> int:
    """10029 where a position or an order is about to be activated."""
    if asked.quote is None or not asked.freeze_level_points:
        return 0
    nearest = min(_distances(asked, asked.quote), default=math.inf)
    is_near = nearest < math.inf and (
        round(nearest / asked.terms.point) <= asked.freeze_level_points
    )
    return mt5.TRADE_RETCODE_FROZEN if is_near else 0


def _distances(asked: Asked, quote: Quote) -> list[float]:
    if asked.names_order and asked.order is not None:
        market = quote.ask if asked.is_buy else quote.bid
        is_waiting = asked.order_type not in MARKET_TYPES
        return [abs(market - asked.order.price)] if is_waiting else []
    return [
        abs((quote.bid if is_long(position) else quote.ask) - level)
        for position in (asked.position, asked.position_by)
        if position is not None
        for level in (position.sl, position.tp)
        if level
    ]
