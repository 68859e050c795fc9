"""The simulated broker's own book, apart from our journal: what it keeps, and how it keeps it.

The account holds what is open in memory; the ledger holds everything that must survive, and the
history. One `Change` is one transaction: the state after it, the orders and deals that led there,
and the answer to the request that caused it stand in the book together or not at all. A request
that was started and has no answer therefore did not run.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec


class LedgerUnavailable(Exception):
    """The book could not be read or written; nothing of the attempted change is in it."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the whole account."""

    now_ns: int
    """Market time up to which the account has lived through the market."""
    next_ticket: int
    balance: float
    """Deposits plus profit, swap, commission and fee of every deal, in account currency."""
    credit: float = 0.0
    """What the broker lends: it counts in the equity, not in the balance."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One open position; its ticket is the ticket of the order that opened it.

    A reversal on a netting account gives it the ticket of the order that reversed it; its
    identifier stays for life.
    """

    ticket: int
    identifier: int
    opened_ns: int
    updated_ns: int
    type: int
    magic: int
    reason: int
    volume: float
    price_open: float
    sl: float
    tp: float
    swap: float
    """Booked overnight so far, in account currency; settled by the deal that closes."""
    margin: float
    """What the broker holds back for it, fixed when it is opened, in account currency."""
    symbol: str
    comment: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order; it works until it is done."""

    ticket: int
    setup_ns: int
    done_ns: int
    """When it was filled, cancelled, rejected or had expired; 0 while it works."""
    expires_ns: int
    """When it ends by itself; 0 for never."""
    due_ns: int
    """When an accepted market order meets its deal; 0 for all others."""
    type: int
    type_filling: int
    type_time: int
    state: int
    magic: int
    position: int
    """Identifier of the position that it opened, changed or is to close; 0 while there is none."""
    position_by: int
    reason: int
    volume: float
    volume_left: float
    price: float
    """Where it waits; where it was filled, for a market order."""
    price_stoplimit: float
    price_done: float
    """The price at which it ended; 0 while it works."""
    sl: float
    tp: float
    symbol: str
    comment: str

    @property
    def is_working(self) -> bool:
        """Whether it has not ended."""
        return self.done_ns == 0


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One booking: money moves by a deal and in no other way."""

    ticket: int
    order: int
    made_ns: int
    type: int
    entry: int
    magic: int
    position: int
    reason: int
    volume: float
    price: float
    commission: float
    swap: float
    profit: float
    fee: float
    symbol: str
    comment: str

    @property
    def amount(self) -> float:
        """What it adds to the balance."""
        return self.profit + self.swap + self.commission + self.fee


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request and what came of it."""

    request_id: str
    request: bytes
    """The request as it was read, to tell a repetition from another request with the same id."""
    reply: bytes


class Change(msgspec.Struct, kw_only=True):
    """What one transaction adds to the book."""

    standing: Standing
    positions: dict[int, Position | None] = msgspec.field(default_factory=dict)
    """Positions as they are afterwards, by ticket; None where one has closed."""
    orders: list[Order] = msgspec.field(default_factory=list)
    """Orders as they are afterwards; of several with one ticket the last one counts."""
    deals: list[Deal] = msgspec.field(default_factory=list)
    answered: Answered | None = None


class Ledger(Protocol):
    """A broker's book.

    Guarantees: `commit` takes a change whole or raises `LedgerUnavailable` and takes nothing. What
    `commit`, `start` and `raise_epoch` have taken survives the death of the process. An answer,
    once given, never changes.
    """

    def standing(self) -> Standing | None:
        """Return the account's state, None before the first commit."""

    def positions(self) -> tuple[Position, ...]:
        """Return open positions by ticket."""

    def working(self) -> tuple[Order, ...]:
        """Return the orders that are not done, by ticket."""

    def commit(self, change: Change) -> None:
        """Take a change, whole."""

    def start(self, request_id: str, request: bytes) -> bytes:
        """Note that a request is about to run, and return what was noted first under its id."""

    def answered(self, request_id: str) -> Answered | None:
        """Return a request that was answered."""

    def epoch(self) -> int:
        """Return the highest epoch noted, 0 before the first."""

    def raise_epoch(self, epoch: int) -> None:
        """Note an epoch; a lower one than before changes nothing."""

    def deals_between(self, from_ns: int, until_ns: int) -> Iterable[Deal]:
        """Return deals made in [from_ns, until_ns], by ticket."""

    def deals_of_position(self, position: int) -> Iterable[Deal]:
        """Return the deals of a position, by ticket."""

    def deals_of_order(self, order: int) -> Iterable[Deal]:
        """Return the deals of an order, by ticket."""

    def orders_between(self, from_ns: int, until_ns: int) -> Iterable[Order]:
        """Return orders done in [from_ns, until_ns], by ticket; working ones are in none."""

    def orders_of_position(self, position: int) -> Iterable[Order]:
        """Return the finished orders of a position, by ticket."""

    def order(self, ticket: int) -> Order | None:
        """Return one order, working or finished."""

    def close(self) -> None:
        """Let go of the book; it can be opened again."""


class MemoryLedger:
    """A book that dies with its process, for runs that are simply run again.

    Deals come in ascending time, and orders end in it, so a range is found from the end: what is
    asked for is nearly always recent.
    """

    def __init__(self) -> None:
        self._standing: Standing | None = None
        self._positions: dict[int, Position] = {}
        self._working: dict[int, Order] = {}
        self._orders: dict[int, Order] = {}
        self._deals: list[Deal] = []
        self._of_position: dict[int, tuple[list[Order], list[Deal]]] = {}
        self._answered: dict[str, Answered] = {}
        self._started: dict[str, bytes] = {}
        self._epoch = 0

    def standing(self) -> Standing | None:
        """Return the account's state."""
        return self._standing

    def positions(self) -> tuple[Position, ...]:
        """Return open positions by ticket."""
        return tuple(self._positions[ticket] for ticket in sorted(self._positions))

    def working(self) -> tuple[Order, ...]:
        """Return the orders that are not done, by ticket."""
        return tuple(self._working[ticket] for ticket in sorted(self._working))

    def commit(self, change: Change) -> None:
        """Take a change, whole."""
        self._standing = change.standing
        for ticket, position in change.positions.items():
            if position is None:
                self._positions.pop(ticket, None)
            else:
                self._positions[ticket] = position
        for order in change.orders:
            self._take(order)
        for deal in change.deals:
            self._deals.append(deal)
            self._of_position.setdefault(deal.position, ([], []))[1].append(deal)
        if change.answered is not None:
            self._started.pop(change.answered.request_id, None)
            self._answered.setdefault(change.answered.request_id, change.answered)

    def _take(self, order: Order) -> None:
        if order.is_working:
            self._working[order.ticket] = order
            return
        self._working.pop(order.ticket, None)
        self._orders[order.ticket] = order
        self._of_position.setdefault(order.position, ([], []))[0].append(order)

    def start(self, request_id: str, request: bytes) -> bytes:
        """Note that a request is about to run."""
        return self._started.setdefault(request_id, request)

    def answered(self, request_id: str) -> Answered | None:
        """Return a request that was answered."""
        return self._answered.get(request_id)

    def epoch(self) -> int:
        """Return the highest epoch noted."""
        return self._epoch

    def raise_epoch(self, epoch: int) -> None:
        """Note an epoch."""
        self._epoch = max(self._epoch, epoch)

    def deals_between(self, from_ns: int, until_ns: int) -> Iterable[Deal]:
        """Return deals made in [from_ns, until_ns], by ticket."""
        found: list[Deal] = []
        for deal in reversed(self._deals):
            if deal.made_ns < from_ns:
                break
            if deal.made_ns <= until_ns:
                found.append(deal)
        return reversed(found)

    def deals_of_position(self, position: int) -> Iterable[Deal]:
        """Return the deals of a position, by ticket."""
        return self._of_position.get(position, ([], []))[1]

    def deals_of_order(self, order: int) -> Iterable[Deal]:
        """Return the deals of an order, by ticket."""
        one = self.order(order)
        if one is None:
            return []
        deals = [*self.deals_of_position(one.position)]
        if one.position_by:
            deals += self.deals_of_position(one.position_by)
        return [deal for deal in deals if deal.order == order]

    def orders_between(self, from_ns: int, until_ns: int) -> Iterable[Order]:
        """Return orders done in [from_ns, until_ns], by ticket; working ones are in none."""
        found: list[Order] = []
        for order in reversed(self._orders.values()):
            if order.done_ns < from_ns:
                break
            if order.done_ns <= until_ns:
                found.append(order)
        return sorted(found, key=_ticket)

    def orders_of_position(self, position: int) -> Iterable[Order]:
        """Return the finished orders of a position, by ticket."""
        return sorted(self._of_position.get(position, ([], []))[0], key=_ticket)

    def order(self, ticket: int) -> Order | None:
        """Return one order, working or finished."""
        return self._working.get(ticket) or self._orders.get(ticket)

    def close(self) -> None:
        """Keep everything: the same object can go on."""


def _ticket(order: Order) -> int:
    return order.ticket
