"""The simulated account: what is open, what it is worth, and every booking on it.

Bookings collect in a `Change` until they are committed to the ledger in one piece. All money is in
account currency, rounded to its cents when it is booked, so the balance is the sum of the deals to
the cent.
"""

from typing import Final

import msgspec

from runtime.terminals import constants as mt5
from runtime.terminals.simulated.ledger import (
    Answered,
    Change,
    Deal,
    Ledger,
    Order,
    Position,
    Standing,
)
from runtime.terminals.simulated.money import money
from runtime.terminals.simulated.prices import Prices, Quote, UnknownRate, normalised
from runtime.terminals.structures import TradeRequest

FIRST_TICKET: Final = 100_001
VOLUME_DIGITS: Final = 8
"""Sums of lots are rounded here: far below any volume step, far above float noise."""


def is_long(position: Position) -> bool:
    """Whether the position gains when the price rises."""
    return position.type == mt5.POSITION_TYPE_BUY


class Account:
    """An account on a ledger; the first one to open the ledger receives the deposit.

    `version` changes whenever the open positions do.

    Raises
    ------
    LedgerUnavailable
        If the ledger cannot be read, or cannot take the deposit.
    """

    def __init__(
        self,
        ledger: Ledger,
        prices: Prices,
        *,
        opened_ns: int,
        deposit: float,
        leverage: int,
        commission_per_lot: float,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self.leverage = leverage
        self.commission_per_lot = commission_per_lot
        self.positions: dict[int, Position] = {}
        self.version = 0
        self.reload()
        if ledger.standing() is None:
            self.standing = Standing(now_ns=opened_ns, next_ticket=FIRST_TICKET, balance=0.0)
            self._change = Change(standing=self.standing)
            self._deposit(money(deposit), opened_ns)
            self.commit(opened_ns)

    def reload(self) -> None:
        """Return to what the ledger holds, dropping every booking that it has not taken."""
        self.standing = self._ledger.standing() or Standing(now_ns=0, next_ticket=0, balance=0.0)
        self.positions = {one.ticket: one for one in self._ledger.positions()}
        self.version += 1
        self._change = Change(standing=self.standing)

    @property
    def has_changed(self) -> bool:
        """Whether there are bookings that the ledger has not taken yet."""
        return bool(self._change.deals or self._change.positions)

    def commit(self, now_ns: int, answered: Answered | None = None) -> None:
        """Put the bookings since the last commit into the ledger, with the moment they stand for.

        Raises
        ------
        LedgerUnavailable
            Then the account has returned to what the ledger holds.
        """
        self.standing = msgspec.structs.replace(self.standing, now_ns=now_ns)
        self._change.standing = self.standing
        self._change.answered = answered
        is_committed = False
        try:
            self._ledger.commit(self._change)
            is_committed = True
        finally:
            if not is_committed:
                self.reload()
        self._change = Change(standing=self.standing)

    @property
    def margin(self) -> float:
        """What is held back for open positions."""
        return money(sum(position.margin for position in self.positions.values()))

    def margin_of(self, symbol: str, volume: float, now_ns: int) -> float:
        """Return what an order would hold back: lots x contract / leverage, converted at bids.

        Raises
        ------
        UnknownRate
            If the base currency cannot be valued.
        """
        traits = self._prices.traits[symbol]
        rate = self._prices.rate(traits.currency_base, now_ns)
        return money(volume * traits.contract_size / self.leverage * rate)

    def after_entry(
        self, request: TradeRequest, quote: Quote, now_ns: int
    ) -> tuple[float, float, float]:
        """Return balance, equity and margin as an entry would leave them: the spread is lost.

        Raises
        ------
        UnknownRate
            If the position could not be valued.
        """
        is_buy = request.type == mt5.ORDER_TYPE_BUY
        prices = (quote.ask, quote.bid) if is_buy else (quote.bid, quote.ask)
        rate = self._prices.rate(self._prices.traits[request.symbol].currency_profit, now_ns)
        spread = self.profit_of(request.symbol, is_buy, request.volume, prices, rate)
        balance = money(self.standing.balance + self.commission(request.volume))
        equity = money(balance + self.floating_total(now_ns) + spread)
        margin = money(self.margin + self.margin_of(request.symbol, request.volume, now_ns))
        return balance, equity, margin

    def after_close(
        self, position: Position, volume: float, now_ns: int
    ) -> tuple[float, float, float]:
        """Return balance, equity and margin as closing a part of a position would leave them.

        Raises
        ------
        UnknownRate
            If a position cannot be valued.
        """
        share = volume / position.volume
        settled = (self.floating(position, now_ns)[1] + position.swap) * share
        commission = self.commission(volume)
        balance = money(self.standing.balance + settled + commission)
        equity = money(self.standing.balance + self.floating_total(now_ns) + commission)
        return balance, equity, money(self.margin - position.margin * share)

    def profit_of(
        self, symbol: str, is_buy: bool, volume: float, prices: tuple[float, float], rate: float
    ) -> float:
        """Return the profit from an open to a close price at a rate of the profit currency."""
        opened, closed = prices
        move = closed - opened if is_buy else opened - closed
        return money(move * self._prices.traits[symbol].contract_size * volume * rate)

    def floating(self, position: Position, now_ns: int) -> tuple[float, float]:
        """Return the price at which a position would close now, and its profit, swap aside.

        Raises
        ------
        UnknownRate
            If the symbol or its profit currency has no price.
        """
        quote = self._prices.quote(position.symbol, now_ns)
        if quote is None:
            raise UnknownRate(f"{position.symbol} has no price at {now_ns}")
        price = quote.bid if is_long(position) else quote.ask
        rate = self._prices.rate(self._prices.traits[position.symbol].currency_profit, now_ns)
        prices = (position.price_open, price)
        return price, self.profit_of(
            position.symbol, is_long(position), position.volume, prices, rate
        )

    def floating_total(self, now_ns: int) -> float:
        """Return the profit of all open positions now, swaps included."""
        return money(
            sum(self.floating(one, now_ns)[1] + one.swap for one in self.positions.values())
        )

    def commission(self, volume: float) -> float:
        """Return the commission of one side, as the negative amount that it is."""
        return money(-self.commission_per_lot * volume)

    def open(self, request: TradeRequest, price: float, now_ns: int) -> Deal:
        """Open a position by a request at a price and return its deal."""
        symbol, digits = request.symbol, self._prices.traits[request.symbol].digits
        margin = self.margin_of(symbol, request.volume, now_ns)
        ticket = self._ticket()
        position = Position(
            ticket=ticket,
            opened_ns=now_ns,
            updated_ns=now_ns,
            type=request.type,
            magic=_signed(request.magic),
            reason=mt5.POSITION_REASON_EXPERT,
            volume=request.volume,
            price_open=price,
            sl=normalised(request.sl, digits),
            tp=normalised(request.tp, digits),
            swap=0.0,
            margin=margin,
            symbol=symbol,
            comment=request.comment,
        )
        self._hold(position)
        deal = self._trade(
            position,
            order_ticket=ticket,
            order_type=request.type,
            entry=mt5.DEAL_ENTRY_IN,
            reason=mt5.DEAL_REASON_EXPERT,
            volume=request.volume,
            price=price,
            made_ns=now_ns,
            comment=request.comment,
            filling=request.type_filling,
        )
        self._book(deal)
        return deal

    def close(
        self,
        position: Position,
        *,
        volume: float,
        price: float,
        rate: float,
        reason: int,
        made_ns: int,
        comment: str,
        magic: int,
        filling: int = mt5.ORDER_FILLING_FOK,
    ) -> Deal:
        """Close a position or a part of it at a price and return its deal.

        The part takes its share of the swap and of the margin with it.
        """
        left = round(position.volume - volume, VOLUME_DIGITS)
        share = volume / position.volume
        swap = position.swap if left == 0.0 else money(position.swap * share)
        profit = self.profit_of(
            position.symbol, is_long(position), volume, (position.price_open, price), rate
        )
        deal = self._trade(
            msgspec.structs.replace(position, magic=magic),
            order_ticket=self._ticket(),
            order_type=mt5.ORDER_TYPE_SELL if is_long(position) else mt5.ORDER_TYPE_BUY,
            entry=mt5.DEAL_ENTRY_OUT,
            reason=reason,
            volume=volume,
            price=price,
            made_ns=made_ns,
            comment=comment,
            filling=filling,
        )
        deal = msgspec.structs.replace(deal, profit=profit, swap=swap)
        self._book(deal)
        if left == 0.0:
            del self.positions[position.ticket]
            self.version += 1
            self._change.positions[position.ticket] = None
        else:
            self._hold(
                msgspec.structs.replace(
                    position,
                    volume=left,
                    swap=money(position.swap - swap),
                    margin=money(position.margin * (1.0 - share)),
                    updated_ns=made_ns,
                )
            )
        return deal

    def amend(self, position: Position, sl: float, tp: float, now_ns: int) -> None:
        """Set stop and target of a position; 0 deletes the one or the other."""
        digits = self._prices.traits[position.symbol].digits
        self._hold(
            msgspec.structs.replace(
                position, sl=normalised(sl, digits), tp=normalised(tp, digits), updated_ns=now_ns
            )
        )

    def book_swap(self, position: Position, nights: int, moment_ns: int) -> None:
        """Book a position's swap for some nights at the close of the minute before a moment."""
        traits = self._prices.traits[position.symbol]
        points = traits.swap_long_points if is_long(position) else traits.swap_short_points
        rate = self._prices.closing_rate(traits.currency_profit, moment_ns)
        amount = money(
            points * traits.point * traits.contract_size * position.volume * rate * nights
        )
        self._hold(
            msgspec.structs.replace(
                position, swap=money(position.swap + amount), updated_ns=moment_ns
            )
        )

    def _deposit(self, amount: float, now_ns: int) -> None:
        self._book(
            Deal(
                ticket=self._ticket(),
                order=0,
                made_ns=now_ns,
                type=mt5.DEAL_TYPE_BALANCE,
                entry=mt5.DEAL_ENTRY_IN,
                magic=0,
                position=0,
                reason=mt5.DEAL_REASON_CLIENT,
                volume=0.0,
                price=0.0,
                commission=0.0,
                swap=0.0,
                profit=amount,
                fee=0.0,
                symbol="",
                comment="",
            )
        )

    def _trade(
        self,
        position: Position,
        *,
        order_ticket: int,
        order_type: int,
        entry: int,
        reason: int,
        volume: float,
        price: float,
        made_ns: int,
        comment: str,
        filling: int,
    ) -> Deal:
        is_entry = entry == mt5.DEAL_ENTRY_IN
        order = Order(
            ticket=order_ticket,
            done_ns=made_ns,
            type=order_type,
            type_filling=filling,
            type_time=mt5.ORDER_TIME_GTC,
            state=mt5.ORDER_STATE_FILLED,
            magic=position.magic,
            position=position.ticket,
            reason=reason,
            volume=volume,
            price=price,
            sl=position.sl if is_entry else 0.0,
            tp=position.tp if is_entry else 0.0,
            symbol=position.symbol,
            comment=comment,
        )
        self._change.orders.append(order)
        return Deal(
            ticket=self._ticket(),
            order=order_ticket,
            made_ns=made_ns,
            type=order_type,
            entry=entry,
            magic=position.magic,
            position=position.ticket,
            reason=reason,
            volume=volume,
            price=price,
            commission=self.commission(volume),
            swap=0.0,
            profit=0.0,
            fee=0.0,
            symbol=position.symbol,
            comment=comment,
        )

    def _hold(self, position: Position) -> None:
        self.positions[position.ticket] = position
        self.version += 1
        self._change.positions[position.ticket] = position

    def _book(self, deal: Deal) -> None:
        self._change.deals.append(deal)
        balance = money(self.standing.balance + deal.amount)
        self.standing = msgspec.structs.replace(self.standing, balance=balance)

    def _ticket(self) -> int:
        ticket = self.standing.next_ticket
        self.standing = msgspec.structs.replace(self.standing, next_ticket=ticket + 1)
        return ticket


def _signed(magic: int) -> int:
    # The server keeps the magic as a signed long, so values from 2**63 on turn negative.
    return magic - 2**64 if magic >= 2**63 else magic
