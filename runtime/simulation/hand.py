"""A person at another terminal of the same account: trades, closes, moves stops and money."""

from typing import Any

from blackboard.errors import TerminalUnavailable
from runtime.simulation.broker import Broker
from runtime.terminals import constants as mt5
from runtime.terminals.structures import TradePosition


class Hand:
    """What happens at the broker without us; nothing of it passes our gate."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def positions(self) -> tuple[TradePosition, ...]:
        """Return what is open, oldest first."""
        found = self._broker.terminal.positions_get()
        return () if found is None else found

    def open(self, symbol: str, lots: float, *, is_buy: bool) -> int:
        """Open a position without a stop; return its ticket, 0 if it could not be."""
        bid, ask, _ = self._broker.price(symbol)
        return self._trade(
            action=mt5.TRADE_ACTION_DEAL,
            symbol=symbol,
            volume=lots,
            type=mt5.ORDER_TYPE_BUY if is_buy else mt5.ORDER_TYPE_SELL,
            price=ask if is_buy else bid,
        )

    def close(self, ticket: int) -> bool:
        """Close a position; return whether it is closed now."""
        for held in self.positions():
            if held.ticket == ticket:
                bid, ask, _ = self._broker.price(held.symbol)
                is_long = held.type == mt5.POSITION_TYPE_BUY
                self._trade(
                    action=mt5.TRADE_ACTION_DEAL,
                    symbol=held.symbol,
                    volume=held.volume,
                    type=mt5.ORDER_TYPE_SELL if is_long else mt5.ORDER_TYPE_BUY,
                    price=bid if is_long else ask,
                    position=ticket,
                )
        return all(held.ticket != ticket for held in self.positions())

    def delete_stop(self, ticket: int) -> bool:
        """Delete the stop of a position and leave its target; return whether it could be."""
        for held in self.positions():
            if held.ticket == ticket:
                self._trade(
                    action=mt5.TRADE_ACTION_SLTP,
                    symbol=held.symbol,
                    position=ticket,
                    sl=0.0,
                    tp=held.tp,
                )
                return True
        return False

    def transfer(self, amount: float, deal_type: int = mt5.DEAL_TYPE_BALANCE) -> None:
        """Move money in or out."""
        self._broker.terminal.transfer(amount, deal_type)
        self._broker.note_changes()

    def charge(self, amount: float) -> None:
        """Book a loss that no trade made and that is no withdrawal either."""
        self.transfer(-round(amount, 2), mt5.DEAL_TYPE_CHARGE)

    def _trade(self, **request: Any) -> int:
        filling = {"type_filling": mt5.ORDER_FILLING_IOC, "deviation": 1000}
        try:
            result = self._broker.terminal.trade_by_hand({**filling, **request})
        except TerminalUnavailable:
            return 0
        self._broker.note_changes()
        return result.order
