"""Orders that wait: placed, changed, taken back, ended by time or refused by the broker."""

import msgspec

from models.decision.fills import normalised
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.ledger import Order, Position
from runtime.terminals.simulated.order_types import limit_type
from runtime.terminals.simulated.price_rules import stoplimit_of


def order_of(asked: Asked, ticket: int, reason: int, position: int) -> Order:
    """Return the order that a request makes; stops belong to entries only."""
    request, digits, conditions = asked.request, asked.terms.digits, asked.conditions
    has_stops = position == 0 and not conditions.ignores_stops
    return Order(
        ticket=ticket,
        setup_ns=asked.now_ns,
        done_ns=0,
        expires_ns=asked.expires_ns,
        due_ns=0,
        type=request.type,
        type_filling=request.type_filling,
        type_time=request.type_time,
        state=mt5.ORDER_STATE_PLACED,
        magic=signed(request.magic),
        position=position,
        position_by=0,
        reason=reason,
        volume=request.volume,
        volume_left=request.volume,
        price=normalised(request.price, digits) if asked.is_pending else 0.0,
        price_stoplimit=normalised(request.stoplimit, digits) if asked.is_pending else 0.0,
        price_done=0.0,
        sl=normalised(request.sl, digits) if has_stops else 0.0,
        tp=normalised(request.tp, digits) if has_stops else 0.0,
        symbol=asked.symbol,
        comment=conditions.kept(request.comment),
    )


def order_of_server(
    position: Position, *, ticket: int, magic: int, reason: int, comment: str, now_ns: int
) -> Order:
    """Return the order by which the server closes a position whole."""
    return Order(
        ticket=ticket,
        setup_ns=now_ns,
        done_ns=0,
        expires_ns=0,
        due_ns=0,
        type=mt5.ORDER_TYPE_SELL if is_long(position) else mt5.ORDER_TYPE_BUY,
        type_filling=mt5.ORDER_FILLING_FOK,
        type_time=mt5.ORDER_TIME_GTC,
        state=mt5.ORDER_STATE_PLACED,
        magic=magic,
        position=position.identifier,
        position_by=0,
        reason=reason,
        volume=position.volume,
        volume_left=position.volume,
        price=0.0,
        price_stoplimit=0.0,
        price_done=0.0,
        sl=0.0,
        tp=0.0,
        symbol=position.symbol,
        comment=comment,
    )


class WorkingOrders:
    """The orders of an account that have not ended."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def place(self, order: Order) -> None:
        """Let an order wait for its price, or for its deal."""
        self._account.record(order)

    def modify(self, order: Order, asked: Asked) -> None:
        """Change price, levels and lifetime of an order."""
        request, digits = asked.request, asked.terms.digits
        self._account.record(
            msgspec.structs.replace(
                order,
                price=normalised(request.price, digits),
                price_stoplimit=normalised(stoplimit_of(asked), digits),
                sl=normalised(request.sl, digits),
                tp=normalised(request.tp, digits),
                type_time=request.type_time,
                expires_ns=asked.expires_ns,
            )
        )

    def turn_to_limit(self, order: Order) -> None:
        """Let a stop-limit order whose stop was reached wait at its limit."""
        self._account.record(
            msgspec.structs.replace(
                order,
                type=limit_type(order.type),
                price=order.price_stoplimit,
                price_stoplimit=0.0,
            )
        )

    def end(self, order: Order, state: int, now_ns: int) -> None:
        """End an order without a deal: cancelled, expired or rejected."""
        self._account.record(msgspec.structs.replace(order, state=state, done_ns=now_ns, due_ns=0))


def signed(magic: int) -> int:
    """Return a magic as the server keeps it: as a signed long, so 2**63 and more turn negative."""
    return magic - 2**64 if magic >= 2**63 else magic
