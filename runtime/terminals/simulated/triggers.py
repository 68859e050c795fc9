"""What minutes do to stops, targets and waiting orders: which one touches them, and at what price.

Long positions close on bids, short ones on asks; waiting buys meet asks, waiting sells bids. A stop
fills at its price, or at the minute's open if that lies beyond it. A target fills at its price,
also where the minute opens beyond it; a waiting limit order gets the better open.
"""

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import is_long
from runtime.terminals.simulated.ledger import Order, Position
from runtime.terminals.simulated.order_types import LIMIT_TYPES, PENDING_TYPES, buys
from runtime.terminals.simulated.prices import Columns, normalised_array


def position_hit_ns(position: Position, columns: Columns, rows: slice, digits: int) -> int | None:
    """Return the close of the first minute that touches a stop or a target."""
    if not (position.sl or position.tp):
        return None
    low, high = columns.low[rows], columns.high[rows]
    if is_long(position):
        stopped, reached = low <= position.sl, high >= position.tp
    else:
        over = columns.ask_over[rows]
        stopped = normalised_array(high + over, digits) >= position.sl
        reached = normalised_array(low + over, digits) <= position.tp
    if not position.sl:
        return _first_close_ns(reached, columns, rows)
    return _first_close_ns(stopped | reached if position.tp else stopped, columns, rows)


def order_hit_ns(order: Order, columns: Columns, rows: slice, digits: int) -> int | None:
    """Return the close of the first minute that touches the price at which an order waits."""
    if order.type not in PENDING_TYPES:
        return None
    lows, highs = columns.low[rows], columns.high[rows]
    if buys(order.type):
        over = columns.ask_over[rows]
        lows, highs = normalised_array(lows + over, digits), normalised_array(highs + over, digits)
    return _first_close_ns(_touches(order, lows, highs), columns, rows)


def _touches(
    order: Order, lows: NDArray[np.float64], highs: NDArray[np.float64]
) -> NDArray[np.bool_]:
    return lows <= order.price if _waits_below(order) else highs >= order.price


def _waits_below(order: Order) -> bool:
    return buys(order.type) == (order.type in LIMIT_TYPES)


def _first_close_ns(hit: NDArray[np.bool_], columns: Columns, rows: slice) -> int | None:
    row = int(hit.argmax())
    return int(columns.open_ns[rows.start + row]) + MINUTE_NS if hit[row] else None


def exit_of(
    position: Position, columns: Columns, row: int, digits: int
) -> tuple[float, int] | None:
    """Return price and reason of the close that a minute brings, None if it brings none."""
    bids = np.array((columns.open[row], columns.low[row], columns.high[row]))
    if is_long(position):
        opened, worst, best = (float(price) for price in bids)
        stop_fill = min(opened, position.sl)
        is_stopped, is_reached = worst <= position.sl, best >= position.tp
    else:
        asks = normalised_array(bids + columns.ask_over[row], digits)
        opened, best, worst = (float(price) for price in asks)
        stop_fill = max(opened, position.sl)
        is_stopped, is_reached = worst >= position.sl, best <= position.tp
    if position.sl and is_stopped:
        return stop_fill, mt5.DEAL_REASON_SL
    if position.tp and is_reached:
        return position.tp, mt5.DEAL_REASON_TP
    return None


def entry_of(order: Order, columns: Columns, row: int, digits: int) -> float | None:
    """Return the price that a minute gives a waiting order, None if it gives none."""
    prices = np.array((columns.open[row], columns.low[row], columns.high[row]))
    if buys(order.type):
        prices = normalised_array(prices + columns.ask_over[row], digits)
    opened, low, high = (float(price) for price in prices)
    if _waits_below(order):
        return min(opened, order.price) if low <= order.price else None
    return max(opened, order.price) if high >= order.price else None
