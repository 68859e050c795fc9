"""Taking back the orders that rest at a broker, without the council.

A resting order can open a position though nobody sends anything any more: what the kill switch
forbids to leave must not be left waiting either.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agents.orders.life import SEQUENCE_BITS
from blackboard.errors import TerminalUnavailable
from runtime.clock import wall_ns
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal, TerminalRefused
from runtime.terminals.requests import remove_request
from runtime.terminals.structures import TradeOrder

WITHDRAWAL_COMMENT: Final = "withdrawn"

_MARKET: Final = frozenset({mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL})
"""Types of orders that meet the market by themselves: they cannot be taken back."""
_DONE: Final = frozenset({mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_PLACED})


def working_orders(terminal: Terminal) -> tuple[TradeOrder, ...]:
    """Return the orders that rest; OSError if they cannot be read."""
    orders = terminal.orders_get()
    if orders is None:
        raise OSError(f"orders cannot be read: {terminal.last_error()}")
    return tuple(order for order in orders if order.type not in _MARKET)


def withdraw(terminal: Terminal, orders: Iterable[TradeOrder]) -> list[str]:
    """Take back orders, each whatever became of the others; return why some could not be."""
    return [text for order in orders if (text := _try_withdraw(terminal, order))]


def _try_withdraw(terminal: Terminal, order: TradeOrder) -> str:
    name = f"#{order.ticket} {order.symbol}"
    try:
        epoch = terminal.epoch_seen() or 0
        request = remove_request(order.ticket, 0, WITHDRAWAL_COMMENT)
        request_id = f"withdraw-{order.ticket}-{wall_ns()}"
        answer = terminal.order_send(request, request_id=request_id, epoch=epoch)
    except TerminalUnavailable as error:
        return f"{name}: {error}"
    match answer:
        case None:
            return f"{name}: {terminal.last_error()}"
        case TerminalRefused():
            return f"{name}: {answer.text}"
        case _:
            return "" if answer.retcode in _DONE else f"{name}: {answer.retcode} {answer.comment}"


class WithdrawalWatch:
    """The kill switch, for what rests: while its file exists no order of the strategy's does.

    It stands in the terminal process, which needs nobody to tell it. An order that could not be
    taken back is taken back at the next look, or meets its expiry.
    """

    def __init__(self, terminal: Terminal, stop_file: Path, strategy_magic: int) -> None:
        self._terminal = terminal
        self._stop_file = stop_file
        self._strategy_magic = strategy_magic

    def look(self) -> list[str]:
        """Take back what rests while the switch is set; return why some could not be."""
        if not self._stop_file.exists():
            return []
        try:
            resting = working_orders(self._terminal)
        except (OSError, TerminalUnavailable) as error:
            return [str(error)]
        ours = [one for one in resting if one.magic >> SEQUENCE_BITS == self._strategy_magic]
        return withdraw(self._terminal, ours)
