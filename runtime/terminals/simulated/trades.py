"""How an order that meets the market becomes deals and changes positions.

A hedging account opens a position for each entry. A netting account has one position a symbol: the
same side averages its price, the opposite one reduces it, and more than it holds turns it round.
"""

from typing import Final

import msgspec

from models.decision.booking import booked_swap, money
from models.decision.fills import normalised
from runtime.terminals import constants as mt5
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Deal, Order, Position
from runtime.terminals.simulated.order_types import buys, market_type
from runtime.terminals.simulated.prices import Prices
from runtime.terminals.simulated.valuation import Valuation

VOLUME_DIGITS: Final = 8
"""Sums of lots are rounded here: far below any volume step, far above float noise."""


class Fill(msgspec.Struct, frozen=True):
    """What the market gives an order: lots, a price, and the worth of the profit currency."""

    volume: float
    price: float
    rate: float
    made_ns: int


class Trades:
    """The trades of one account."""

    def __init__(
        self, account: Account, prices: Prices, valuation: Valuation, *, is_hedging: bool
    ) -> None:
        self._account = account
        self._prices = prices
        self._valuation = valuation
        self.is_hedging = is_hedging

    def met_by(self, symbol: str, identifier: int) -> Position | None:
        """Return the position that an order changes: the one it names, else the netted one."""
        if identifier:
            return self._account.identified(identifier)
        if self.is_hedging:
            return None
        return next(iter(self._account.of_symbol(symbol)), None)

    def fill(
        self, order: Order, fill: Fill, state: int = mt5.ORDER_STATE_FILLED, due_ns: int = 0
    ) -> Deal:
        """Give an order a fill and return the deal; with `due_ns` its rest goes on working.

        Raises
        ------
        UnknownRate
            If a margin cannot be valued; nothing is booked then.
        """
        position = self.met_by(order.symbol, order.position)
        if position is None:
            deal = self._open(order, fill)
        elif buys(order.type) == is_long(position):
            deal = self._increase(position, order, fill)
        elif fill.volume <= position.volume:
            deal = self._reduce(position, order, fill)
        else:
            deal = self._reverse(position, order, fill)
        self._account.record(filled(order, deal, state, due_ns))
        deal = msgspec.structs.replace(deal, ticket=self._account.new_ticket())
        self._account.book(deal)
        return deal

    def close_by(self, order: Order, rate: float) -> Deal:
        """Close a position by the opposite one, as far as both go, and return its deal.

        The first deal carries the profit between the two open prices, the second none.
        """
        first = self._named(order.position)
        second = self._named(order.position_by)
        fill = Fill(order.volume, second.price_open, rate, order.done_ns)
        self._account.record(order)
        deals = []
        for position, other in ((first, second), (second, first)):
            own = msgspec.structs.replace(order, type=other.type)
            deal = self._reduce(position, own, fill, mt5.DEAL_ENTRY_OUT_BY)
            deal = msgspec.structs.replace(deal, ticket=self._account.new_ticket())
            self._account.book(deal)
            deals.append(deal)
        return deals[0]

    def amend(self, position: Position, sl: float, tp: float, now_ns: int) -> None:
        """Set stop and target of a position; 0 deletes the one or the other."""
        digits = self._prices.traits[position.symbol].digits
        self._account.hold(
            msgspec.structs.replace(
                position, sl=normalised(sl, digits), tp=normalised(tp, digits), updated_ns=now_ns
            )
        )

    def book_swap(self, position: Position, nights: int, moment_ns: int) -> None:
        """Book a position's swap for some nights at the close of the minute before a moment."""
        traits = self._prices.traits[position.symbol]
        points = traits.swap_long_points if is_long(position) else traits.swap_short_points
        rate = self._prices.closing_rate(traits.currency_profit, moment_ns)
        amount = booked_swap(
            points, traits.point, traits.contract_size, position.volume, rate, nights
        )
        self._account.hold(
            msgspec.structs.replace(
                position, swap=money(position.swap + amount), updated_ns=moment_ns
            )
        )

    def _named(self, identifier: int) -> Position:
        position = self._account.identified(identifier)
        assert position is not None, f"the rules let a close of {identifier} pass"
        return position

    def _open(self, order: Order, fill: Fill) -> Deal:
        margin = self._valuation.margin_of(order.symbol, fill.volume, fill.made_ns)
        position = Position(
            ticket=order.ticket,
            identifier=order.ticket,
            opened_ns=fill.made_ns,
            updated_ns=fill.made_ns,
            type=market_type(order.type),
            magic=order.magic,
            reason=order.reason,
            volume=fill.volume,
            price_open=fill.price,
            sl=order.sl,
            tp=order.tp,
            swap=0.0,
            margin=margin,
            symbol=order.symbol,
            comment=order.comment,
        )
        self._account.hold(position)
        return self._deal(position, order, fill, mt5.DEAL_ENTRY_IN)

    def _increase(self, position: Position, order: Order, fill: Fill) -> Deal:
        # Levels that the order has replace the position's; those that it lacks delete none.
        margin = self._valuation.margin_of(order.symbol, fill.volume, fill.made_ns)
        increased = msgspec.structs.replace(
            position,
            volume=round(position.volume + fill.volume, VOLUME_DIGITS),
            price_open=average_price(position, fill),
            margin=money(position.margin + margin),
            sl=order.sl or position.sl,
            tp=order.tp or position.tp,
            updated_ns=fill.made_ns,
        )
        self._account.hold(increased)
        return self._deal(increased, order, fill, mt5.DEAL_ENTRY_IN)

    def _reduce(
        self, position: Position, order: Order, fill: Fill, entry: int = mt5.DEAL_ENTRY_OUT
    ) -> Deal:
        # The part takes its share of the swap and of the margin with it.
        left = round(position.volume - fill.volume, VOLUME_DIGITS)
        share = fill.volume / position.volume
        swap = position.swap if left == 0.0 else money(position.swap * share)
        profit = self._profit(position, fill.volume, fill)
        if left == 0.0:
            self._account.release(position)
        else:
            self._account.hold(
                msgspec.structs.replace(
                    position,
                    volume=left,
                    swap=money(position.swap - swap),
                    margin=money(position.margin * (1.0 - share)),
                    updated_ns=fill.made_ns,
                )
            )
        deal = self._deal(position, order, fill, entry)
        return msgspec.structs.replace(deal, profit=profit, swap=swap)

    def _reverse(self, position: Position, order: Order, fill: Fill) -> Deal:
        rest = round(fill.volume - position.volume, VOLUME_DIGITS)
        margin = self._valuation.margin_of(order.symbol, rest, fill.made_ns)
        self._account.release(position)
        reversed_ = msgspec.structs.replace(
            position,
            ticket=order.ticket,
            opened_ns=fill.made_ns,
            updated_ns=fill.made_ns,
            type=market_type(order.type),
            magic=order.magic,
            reason=order.reason,
            volume=rest,
            price_open=fill.price,
            sl=order.sl,
            tp=order.tp,
            swap=0.0,
            margin=margin,
            comment=order.comment,
        )
        self._account.hold(reversed_)
        deal = self._deal(reversed_, order, fill, mt5.DEAL_ENTRY_INOUT)
        profit = self._profit(position, position.volume, fill)
        return msgspec.structs.replace(deal, profit=profit, swap=position.swap)

    def _profit(self, position: Position, volume: float, fill: Fill) -> float:
        prices = (position.price_open, fill.price)
        return self._valuation.profit_of(
            position.symbol, is_long(position), volume, prices, fill.rate
        )

    def _deal(self, position: Position, order: Order, fill: Fill, entry: int) -> Deal:
        return Deal(
            ticket=0,  # drawn when the deal is booked, after the order's own
            order=order.ticket,
            made_ns=fill.made_ns,
            type=market_type(order.type),
            entry=entry,
            magic=order.magic,
            position=position.identifier,
            reason=order.reason,
            volume=fill.volume,
            price=fill.price,
            commission=self._valuation.commission(fill.volume),
            swap=0.0,
            profit=0.0,
            fee=0.0,
            symbol=position.symbol,
            comment=order.comment,
        )


def average_price(position: Position, fill: Fill) -> float:
    """Return the open price of a position and a fill together, weighed by their lots."""
    lots = position.volume + fill.volume
    return (position.price_open * position.volume + fill.price * fill.volume) / lots


def filled(order: Order, deal: Deal, state: int, due_ns: int) -> Order:
    """Return an order after a deal of it; it has ended unless its rest is due later.

    A market order shows the price of its fill, a pending one keeps where it waited.
    """
    is_market = order.type == deal.type
    return msgspec.structs.replace(
        order,
        done_ns=0 if due_ns else deal.made_ns,
        due_ns=due_ns,
        state=state,
        position=deal.position,
        volume_left=round(order.volume_left - deal.volume, VOLUME_DIGITS),
        price=deal.price if is_market else order.price,
        price_done=0.0 if due_ns else deal.price,
    )
