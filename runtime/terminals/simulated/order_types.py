"""What an order's type says: its side, what it waits for, and which type it turns into."""

from typing import Final

from runtime.terminals import constants as mt5

MARKET_TYPES: Final = frozenset({mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL})
LIMIT_TYPES: Final = frozenset({mt5.ORDER_TYPE_BUY_LIMIT, mt5.ORDER_TYPE_SELL_LIMIT})
STOP_TYPES: Final = frozenset({mt5.ORDER_TYPE_BUY_STOP, mt5.ORDER_TYPE_SELL_STOP})
STOP_LIMIT_TYPES: Final = frozenset({mt5.ORDER_TYPE_BUY_STOP_LIMIT, mt5.ORDER_TYPE_SELL_STOP_LIMIT})
PENDING_TYPES: Final = LIMIT_TYPES | STOP_TYPES | STOP_LIMIT_TYPES
_BUYS: Final = frozenset(
    {
        mt5.ORDER_TYPE_BUY,
        mt5.ORDER_TYPE_BUY_LIMIT,
        mt5.ORDER_TYPE_BUY_STOP,
        mt5.ORDER_TYPE_BUY_STOP_LIMIT,
    }
)


def buys(order_type: int) -> bool:
    """Whether an order of this type buys."""
    return order_type in _BUYS


def market_type(order_type: int) -> int:
    """Return the type of the market order that does the same at once."""
    return mt5.ORDER_TYPE_BUY if buys(order_type) else mt5.ORDER_TYPE_SELL


def limit_type(order_type: int) -> int:
    """Return the type of the limit order that a stop-limit order becomes."""
    return mt5.ORDER_TYPE_BUY_LIMIT if buys(order_type) else mt5.ORDER_TYPE_SELL_LIMIT
