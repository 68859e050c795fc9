"""The simulated account: its standing, what is open, what waits, and bookings until they are kept.

Bookings collect in a `Change` until they are committed to the ledger in one piece. All money is in
account currency, rounded to its cents when it is booked, so the balance is the sum of the deals to
the cent.
"""

from typing import Final

import msgspec

from models.decision.booking import money
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

FIRST_TICKET: Final = 100_001


def is_long(position: Position) -> bool:
    """Whether the position gains when the price rises."""
    return position.type == mt5.POSITION_TYPE_BUY


class Account:
    """An account on a ledger; the first one to open the ledger receives the deposit.

    Positions and working orders stand by ticket. `version` changes whenever they do.

    Raises
    ------
    LedgerUnavailable
        If the ledger cannot be read, or cannot take the deposit.
    """

    def __init__(self, ledger: Ledger, *, opened_ns: int, deposit: float) -> None:
        self._ledger = ledger
        self.positions: dict[int, Position] = {}
        self.working: dict[int, Order] = {}
        self.version = 0
        self.reload()
        if ledger.standing() is None:
            self.standing = Standing(now_ns=opened_ns, next_ticket=FIRST_TICKET, balance=0.0)
            self._change = Change(standing=self.standing)
            self.transfer(deposit, mt5.DEAL_TYPE_BALANCE, opened_ns)
            self.commit(opened_ns)

    def reload(self) -> None:
        """Return to what the ledger holds, dropping every booking that it has not taken."""
        self.standing = self._ledger.standing() or Standing(now_ns=0, next_ticket=0, balance=0.0)
        self.positions = {one.ticket: one for one in self._ledger.positions()}
        self.working = {one.ticket: one for one in self._ledger.working()}
        self.version += 1
        self._change = Change(standing=self.standing)

    @property
    def has_changed(self) -> bool:
        """Whether there are bookings that the ledger has not taken yet."""
        return bool(self._change.deals or self._change.positions or self._change.orders)

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

    @property
    def funds(self) -> float:
        """What the equity has beside the profit of open positions: balance and credit."""
        return self.standing.balance + self.standing.credit

    def order(self, ticket: int) -> Order | None:
        """Return an order, working or finished."""
        return self.working.get(ticket) or self._ledger.order(ticket)

    def identified(self, identifier: int) -> Position | None:
        """Return the open position with an identifier."""
        return next((one for one in self.positions.values() if one.identifier == identifier), None)

    def of_symbol(self, symbol: str) -> list[Position]:
        """Return the open positions of a symbol, oldest first."""
        found = [one for one in self.positions.values() if one.symbol == symbol]
        return sorted(found, key=lambda one: (one.opened_ns, one.ticket))

    def hold(self, position: Position) -> None:
        """Have a position as it is from now on."""
        is_new = position.ticket not in self.positions
        self.positions[position.ticket] = position
        if is_new:
            # By ticket, as the ledger has them: an order that waited brings an older one.
            self.positions = dict(sorted(self.positions.items()))
        self.version += 1
        self._change.positions[position.ticket] = position

    def release(self, position: Position) -> None:
        """Have a position no more."""
        del self.positions[position.ticket]
        self.version += 1
        self._change.positions[position.ticket] = None

    def record(self, order: Order) -> None:
        """Have an order as it is from now on, working or finished."""
        if order.is_working:
            self.working[order.ticket] = order
        else:
            self.working.pop(order.ticket, None)
        self.version += 1
        self._change.orders.append(order)

    def book(self, deal: Deal) -> None:
        """Take a deal's amount: into the credit if it is one, else into the balance."""
        self._change.deals.append(deal)
        standing = self.standing
        if deal.type == mt5.DEAL_TYPE_CREDIT:
            credit = money(standing.credit + deal.amount)
            self.standing = msgspec.structs.replace(standing, credit=credit)
        else:
            balance = money(standing.balance + deal.amount)
            self.standing = msgspec.structs.replace(standing, balance=balance)

    def transfer(self, amount: float, deal_type: int, now_ns: int, comment: str = "") -> Deal:
        """Book money that no trade moved, such as a deposit, and return its deal."""
        deal = Deal(
            ticket=self.new_ticket(),
            order=0,
            made_ns=now_ns,
            type=deal_type,
            entry=mt5.DEAL_ENTRY_IN,
            magic=0,
            position=0,
            reason=mt5.DEAL_REASON_CLIENT,
            volume=0.0,
            price=0.0,
            commission=0.0,
            swap=0.0,
            profit=money(amount),
            fee=0.0,
            symbol="",
            comment=comment,
        )
        self.book(deal)
        return deal

    def new_ticket(self) -> int:
        """Return a ticket that nothing else has."""
        ticket = self.standing.next_ticket
        self.standing = msgspec.structs.replace(self.standing, next_ticket=ticket + 1)
        return ticket
