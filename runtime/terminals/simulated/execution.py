"""How requests that the rules let pass, and orders that are due, meet the market."""

from typing import Final

import msgspec

from models.market.sessions import MINUTE_NS, is_open
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.ledger import Deal, Order, Position
from runtime.terminals.simulated.order_types import STOP_LIMIT_TYPES, buys, market_type
from runtime.terminals.simulated.prices import Prices, Quote
from runtime.terminals.simulated.rules import Rules
from runtime.terminals.simulated.slippage import slipped
from runtime.terminals.simulated.trades import VOLUME_DIGITS, Fill, Trades
from runtime.terminals.simulated.working_orders import WorkingOrders, order_of, order_of_server
from runtime.terminals.structures import TradeRequest

_MOVES_PRICE: Final = frozenset(
    {mt5.SYMBOL_TRADE_EXECUTION_MARKET, mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE}
)
"""Executions under which a deal may be made at another price than the quote."""
REST_PAUSE_NS: Final = MINUTE_NS
"""When the rest of an order that may wait for liquidity is tried again."""


class Executed(msgspec.Struct, frozen=True):
    """What became of a request."""

    code: int
    deal: int = 0
    order: int = 0
    volume: float = 0.0
    price: float = 0.0
    quote: Quote | None = None


class Execution:
    """The broker's hands: every request and every due order goes through here once."""

    def __init__(
        self,
        conditions: Conditions,
        account: Account,
        prices: Prices,
        trades: Trades,
        orders: WorkingOrders,
        rules: Rules,
    ) -> None:
        self._conditions = conditions
        self._account = account
        self._prices = prices
        self._trades = trades
        self._orders = orders
        self._rules = rules

    def run(self, asked: Asked, reason: int) -> Executed:
        """Carry out a request that passed the rules.

        Raises
        ------
        UnknownRate
            If money cannot be valued; bookings made so far are to be dropped then.
        """
        match asked.request.action:
            case mt5.TRADE_ACTION_DEAL:
                return self._deal(asked, reason)
            case mt5.TRADE_ACTION_PENDING:
                order = order_of(asked, self._account.new_ticket(), reason, 0)
                self._orders.place(order)
                return self._waiting(asked, order)
            case mt5.TRADE_ACTION_CLOSE_BY:
                return self._close_by(asked, reason)
            case mt5.TRADE_ACTION_SLTP:
                return self._amend(asked)
            case _:
                return self._change_order(asked)

    def _amend(self, asked: Asked) -> Executed:
        assert asked.position is not None
        request = asked.request
        self._trades.amend(asked.position, request.sl, request.tp, asked.now_ns)
        return Executed(mt5.TRADE_RETCODE_DONE)

    def _change_order(self, asked: Asked) -> Executed:
        assert asked.order is not None
        if asked.is_modification:
            self._orders.modify(asked.order, asked)
        else:
            self._orders.end(asked.order, mt5.ORDER_STATE_CANCELED, asked.now_ns)
        return Executed(mt5.TRADE_RETCODE_DONE, order=asked.order.ticket)

    def _deal(self, asked: Asked, reason: int) -> Executed:
        assert asked.quote is not None
        volume = self._available(asked.request.volume, asked.symbol)
        is_whole = volume == asked.request.volume
        if not is_whole and (asked.request.type_filling == mt5.ORDER_FILLING_FOK or not volume):
            # No source says how a fill-or-kill order ends that cannot be filled.
            return Executed(mt5.TRADE_RETCODE_REJECT, quote=asked.quote)
        position = 0 if asked.position is None else asked.position.identifier
        order = order_of(asked, self._account.new_ticket(), reason, position)
        if self._conditions.fill_delay_ns > 0 and not asked.is_by_hand:
            return self._accept(asked, order)
        deal = self._fill(order, asked.quote, volume, asked.now_ns)
        code = mt5.TRADE_RETCODE_DONE if is_whole else mt5.TRADE_RETCODE_DONE_PARTIAL
        return Executed(code, deal.ticket, order.ticket, deal.volume, deal.price, asked.quote)

    def _accept(self, asked: Asked, order: Order) -> Executed:
        later_ns = asked.now_ns + self._conditions.fill_delay_ns
        if self._conditions.fills_never:
            order = msgspec.structs.replace(order, expires_ns=later_ns)
        else:
            order = msgspec.structs.replace(order, due_ns=later_ns)
        self._orders.place(order)
        return self._waiting(asked, order)

    def _waiting(self, asked: Asked, order: Order) -> Executed:
        return Executed(
            mt5.TRADE_RETCODE_PLACED,
            order=order.ticket,
            volume=order.volume,
            price=order.price,
            quote=asked.quote,
        )

    def _close_by(self, asked: Asked, reason: int) -> Executed:
        first, second = asked.position, asked.position_by
        assert first is not None
        assert second is not None
        volume = min(first.volume, second.volume)
        request = asked.request._replace(type=mt5.ORDER_TYPE_CLOSE_BY, volume=volume)
        asked = msgspec.structs.replace(asked, request=request)
        order = msgspec.structs.replace(
            order_of(asked, self._account.new_ticket(), reason, first.identifier),
            done_ns=asked.now_ns,
            state=mt5.ORDER_STATE_FILLED,
            position_by=second.identifier,
            volume_left=0.0,
            price=second.price_open,
            price_done=second.price_open,
        )
        deal = self._trades.close_by(order, self._rate(asked.symbol, asked.now_ns))
        return Executed(
            mt5.TRADE_RETCODE_DONE, deal.ticket, order.ticket, volume, deal.price, asked.quote
        )

    def _available(self, lots: float, symbol: str) -> float:
        """Return how much of some lots one fill can have, in whole steps."""
        limit = self._conditions.liquidity_lots
        if limit is None or lots <= limit:
            return lots
        step = self._prices.traits[symbol].volume_step_lots
        return round(int(limit / step + 1e-6) * step, VOLUME_DIGITS)

    def _fill(self, order: Order, quote: Quote, volume: float, now_ns: int) -> Deal:
        traits = self._prices.traits[order.symbol]
        moves = self._conditions.execution_of(order.symbol) in _MOVES_PRICE
        points = self._conditions.slippage_points if moves else 0.0
        price = slipped(quote, buys(order.type), points, traits)
        fill = Fill(volume, price, self._rate(order.symbol, now_ns), now_ns)
        if volume == order.volume_left:
            return self._trades.fill(order, fill)
        waits = order.type_filling == mt5.ORDER_FILLING_RETURN
        due_ns = now_ns + REST_PAUSE_NS if waits else 0
        return self._trades.fill(order, fill, mt5.ORDER_STATE_PARTIAL, due_ns)

    def _rate(self, symbol: str, now_ns: int) -> float:
        return self._prices.rate(self._prices.traits[symbol].currency_profit, now_ns)

    def settle(self, order: Order, now_ns: int) -> None:
        """Give an accepted market order the deal that is due, or end it where there is none."""
        wanted = self._wanted(order)
        if not wanted:
            self._orders.end(order, mt5.ORDER_STATE_CANCELED, now_ns)
            return
        quote = self._rules.quote(order.symbol, now_ns, is_check=False)
        lots = self._available(wanted, order.symbol)
        is_short = not lots or (lots < wanted and order.type_filling == mt5.ORDER_FILLING_FOK)
        is_refused = not order.position and self._refuses(order, now_ns)
        if quote is None or is_short or is_refused or not is_open(now_ns):
            self._orders.end(order, mt5.ORDER_STATE_REJECTED, now_ns)
            return
        self._fill(order, quote, lots, now_ns)

    def _wanted(self, order: Order) -> float:
        """Return the lots that an accepted order still needs: no more than is left to close."""
        if not order.position:
            return order.volume_left
        position = self._trades.met_by(order.symbol, order.position)
        if position is None:
            return 0.0
        is_close = buys(order.type) != is_long(position)
        return min(order.volume_left, position.volume) if is_close else order.volume_left

    def activate(self, order: Order, price: float, now_ns: int) -> None:
        """Fill a pending order at its price, or reject it where the rules refuse it now (10041).

        A stop-limit order waits on, at its limit.
        """
        if order.type in STOP_LIMIT_TYPES:
            self._orders.turn_to_limit(order)
            return
        if self._conditions.is_activation_refused or self._refuses(order, now_ns):
            self._orders.end(order, mt5.ORDER_STATE_REJECTED, now_ns)
            return
        rate = self._closing_rate(order.symbol, now_ns)
        self._trades.fill(order, Fill(order.volume_left, price, rate, now_ns))

    def expire(self, order: Order, now_ns: int) -> None:
        """End an order whose time is over."""
        self._orders.end(order, mt5.ORDER_STATE_EXPIRED, now_ns)

    def close(
        self, position: Position, price: float, reason: int, comment: str, now_ns: int
    ) -> None:
        """Close a position for the server, at the close of the minute before a moment."""
        magic = self._conditions.server_magic
        order = order_of_server(
            position,
            ticket=self._account.new_ticket(),
            magic=position.magic if magic is None else magic,
            reason=reason,
            comment=comment,
            now_ns=now_ns,
        )
        rate = self._closing_rate(position.symbol, now_ns)
        self._trades.fill(order, Fill(position.volume, price, rate, now_ns))

    def book_swap(self, position: Position, nights: int, moment_ns: int) -> None:
        """Book a position's swap for some nights."""
        self._trades.book_swap(position, nights, moment_ns)

    def _closing_rate(self, symbol: str, now_ns: int) -> float:
        return self._prices.closing_rate(self._prices.traits[symbol].currency_profit, now_ns)

    def _refuses(self, order: Order, now_ns: int) -> bool:
        request = TradeRequest(
            action=mt5.TRADE_ACTION_DEAL,
            magic=0,
            order=0,
            symbol=order.symbol,
            volume=order.volume_left,
            price=order.price,
            stoplimit=0.0,
            sl=order.sl,
            tp=order.tp,
            deviation=0,
            type=market_type(order.type),
            type_filling=order.type_filling,
            type_time=order.type_time,
            expiration=0,
            comment="",
            position=0,
            position_by=0,
        )
        return self._rules.activation_retcode(request, now_ns) != 0
