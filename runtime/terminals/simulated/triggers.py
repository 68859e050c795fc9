"""What minutes do to stops, targets and waiting orders: which one touches them, and at what price.

Long positions close on bids, short ones on asks; waiting buys meet asks, waiting sells bids. A stop
fills at its price, or at the minute's open if that lies beyond it. A target fills at its price,
also where the minute opens beyond it; so does a waiting limit order, where prices went through it.
"""

import numpy as np
from numpy.typing import NDArray

from models.decision.fills import (
    NO_HIT,
    NO_ROW,
    STOP_HIT,
    closing_price,
    fill_of,
    first_hit_row,
    hit_of,
    limit_bound,
)
from models.market.sessions import MINUTE_NS
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import is_long
from runtime.terminals.simulated.columns import Columns
from runtime.terminals.simulated.ledger import Order, Position
from runtime.terminals.simulated.order_types import LIMIT_TYPES, PENDING_TYPES, buys
from runtime.terminals.simulated.prices import normalised_array


def position_hit_ns(position: Position, columns: Columns, rows: slice, digits: int) -> int | None:
    """Return the close of the first minute that touches a stop or a target."""
    if not (position.sl or position.tp):
        return None
    row = first_hit_row(
        _sign(position),
        position.sl,
        position.tp,
        columns.low,
        columns.high,
        columns.ask_over,
        digits,
        rows.start,
        rows.stop,
    )
    return None if row == NO_ROW else int(columns.open_ns[row]) + MINUTE_NS


def order_hit_ns(
    order: Order, columns: Columns, rows: slice, digits: int, through: float
) -> int | None:
    """Return the close of the first minute that brings an order the price at which it waits.

    `through` is how far prices must go through a limit, in quote currency.
    """
    if order.type not in PENDING_TYPES:
        return None
    lows, highs = columns.low[rows], columns.high[rows]
    if buys(order.type):
        over = columns.ask_over[rows]
        lows, highs = normalised_array(lows + over, digits), normalised_array(highs + over, digits)
    bound = _bound(order, digits, through)
    touches: NDArray[np.bool_] = lows <= bound if _waits_below(order) else highs >= bound
    return _first_close_ns(touches, columns, rows)


def _bound(order: Order, digits: int, through: float) -> float:
    if order.type not in LIMIT_TYPES:
        return order.price
    return float(limit_bound(1 if buys(order.type) else -1, order.price, through, digits))


def _waits_below(order: Order) -> bool:
    return buys(order.type) == (order.type in LIMIT_TYPES)


def _first_close_ns(hit: NDArray[np.bool_], columns: Columns, rows: slice) -> int | None:
    row = int(hit.argmax())
    return int(columns.open_ns[rows.start + row]) + MINUTE_NS if hit[row] else None


def exit_of(
    position: Position, columns: Columns, row: int, digits: int
) -> tuple[float, int] | None:
    """Return price and reason of the close that a minute brings, None if it brings none."""
    side, over = _sign(position), float(columns.ask_over[row])
    opened, low, high = (
        closing_price(float(bids[row]), over, side, digits)
        for bids in (columns.open, columns.low, columns.high)
    )
    hit = hit_of(side, position.sl, position.tp, low, high)
    if hit == NO_HIT:
        return None
    price = fill_of(hit, side, position.sl, position.tp, opened)
    return price, mt5.DEAL_REASON_SL if hit == STOP_HIT else mt5.DEAL_REASON_TP


def _sign(position: Position) -> int:
    return 1 if is_long(position) else -1


def entry_of(order: Order, columns: Columns, row: int, digits: int, through: float) -> float | None:
    """Return the price that a minute gives a waiting order, None if it gives none."""
    prices = np.array((columns.open[row], columns.low[row], columns.high[row]))
    if buys(order.type):
        prices = normalised_array(prices + columns.ask_over[row], digits)
    opened, low, high = (float(price) for price in prices)
    is_below, bound = _waits_below(order), _bound(order, digits, through)
    if not (low <= bound if is_below else high >= bound):
        return None
    if order.type in LIMIT_TYPES:
        return order.price
    return min(opened, order.price) if is_below else max(opened, order.price)
