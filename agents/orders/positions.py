"""The positions as the board tells them, with the fills behind each, until their trade is closed.

A fold over facts, like the orders. What it remembers of closed positions and old deals ends with
the period that the broker is still asked about.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from agents.orders.life import Order, Orders
from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Fill,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    TradeClosed,
)
from blackboard.facts.execution import DealEntry, Outcome, Purpose

LOTS_TOLERANCE: Final = 1e-6
"""Lots below which two sizes are the same; no broker's step is finer than a thousandth."""


class SeenFill(NamedTuple):
    """One deal of a position."""

    fill: Fill
    made_ns: int
    cause: int | str
    """Seq of its entry, or the slot of its draft while it is not on the board."""


@dataclass(slots=True)
class Position:
    """What the board says of one position that is not closed."""

    ticket: int
    symbol: str
    fact: PositionChanged | None = None
    """Latest state; none while only deals of it are known."""
    fact_seq: int = 0
    changed_ns: int = 0
    changes: int = 0
    """States posted for `changed_ns`."""
    lots_grown: float = 0.0
    """Lots that its states have grown by, the first one from nothing."""
    turns: int = 0
    """How often it has turned round before: each time a trade was closed under its ticket."""
    order: Order | None = None
    """The order that opened it, none for an external position."""
    amended: OrderSubmitting | None = None
    """Levels that the broker has confirmed and no state of the board shows yet."""
    amended_ns: int = 0
    fills: list[SeenFill] = field(default_factory=list)


class Positions:
    """Every position that is not closed, and which deals and tickets the board has had."""

    def __init__(self, orders: Orders) -> None:
        self.by_ticket: dict[int, Position] = {}
        self._orders = orders
        self._deals: set[int] = set()
        self._deal_times: deque[tuple[int, int]] = deque()
        self._closed: set[int] = set()
        self._closed_times: deque[tuple[int, int]] = deque()
        self._amending: dict[str, OrderSubmitting] = {}
        self._ended: dict[int, Position] = {}
        """The latest life of every ticket that counts as closed, or was turned round since."""

    def see(self, entry: Entry) -> None:
        """Fold one entry; kinds that say nothing of positions pass."""
        match entry.fact:
            case Fill() as fill:
                self._fill(fill, entry)
            case PositionChanged() as fact:
                self._change(fact, entry)
            case TradeClosed() as trade:
                ended = self._of(trade.ticket, trade.scope)
                ended.fills.clear()
                self._ended[trade.ticket] = self.by_ticket.pop(trade.ticket)
                self._closed.add(trade.ticket)
                self._closed_times.append((entry.ts_event_ns, trade.ticket))
            case OrderSubmitting(purpose=Purpose.AMEND) as announced:
                self._amending[announced.intent_id] = announced
            case OrderOutcome(purpose=Purpose.AMEND) as outcome:
                self._amend(outcome, entry)
            case AccountSnapshot():
                self._believe_what_was_read(entry.ts_event_ns)
            case _:
                pass

    def forget(self, before_ns: int) -> None:
        """Drop what the broker will not be asked about any more."""
        _drop(self._deals, self._deal_times, before_ns)
        _drop(self._closed, self._closed_times, before_ns)
        kept = self._closed | self.by_ticket.keys()
        self._ended = {ticket: ended for ticket, ended in self._ended.items() if ticket in kept}

    def has_deal(self, ticket: int) -> bool:
        """Whether a deal is on the board."""
        return ticket in self._deals

    def is_closed(self, ticket: int) -> bool:
        """Whether the trade of a position is closed, and it was not turned round since."""
        return ticket in self._closed

    def open_state(self, ticket: int) -> PositionChanged | None:
        """Return the latest state of an open position."""
        position = self.by_ticket.get(ticket)
        if position is None or position.fact is None or position.fact.lots == 0.0:
            return None
        return position.fact

    def confirmed_state(self, ticket: int) -> PositionChanged | None:
        """Return the latest state with levels that the broker has confirmed since."""
        state = self.open_state(ticket)
        amended = self.by_ticket[ticket].amended if state is not None else None
        if state is None or amended is None:
            return state
        return msgspec.structs.replace(
            state, stop_price=amended.stop_price, target_price=amended.target_price
        )

    def request_ticket(self, ticket: int) -> int:
        """Return how a request names a position: as the broker has renamed it, if it has."""
        state = self.open_state(ticket)
        return state.broker_ticket or ticket if state else ticket

    def elder_of(self, ticket: int) -> int:
        """Return the oldest open position of the same symbol, 0 if it is this one or unknown."""
        state = self.open_state(ticket)
        if state is None:
            return 0
        oldest = min(self.open_in(state.scope), key=lambda one: (one.opened_ns, one.ticket))
        return 0 if oldest.ticket == ticket else oldest.ticket

    def open_in(self, symbol: str) -> list[PositionChanged]:
        """Return the latest states of the open positions of a symbol."""
        states = (self.open_state(ticket) for ticket in self.by_ticket)
        return [state for state in states if state is not None and state.scope == symbol]

    def _fill(self, fill: Fill, entry: Entry) -> None:
        self._deals.add(fill.deal_ticket)
        self._deal_times.append((entry.ts_event_ns, fill.deal_ticket))
        if not self.is_closed(fill.position_ticket):
            position = self._of(fill.position_ticket, fill.scope)
            position.fills.append(SeenFill(fill, entry.ts_event_ns, entry.seq))
            if fill.entry is DealEntry.IN and fill.intent_id:
                position.order = self._orders.get(fill.intent_id)

    def _change(self, fact: PositionChanged, entry: Entry) -> None:
        if self.is_closed(fact.ticket):
            if fact.lots == 0.0:
                return
            # A netting position that turned round keeps its ticket; nothing else opens one again.
            self._closed.discard(fact.ticket)
        position = self._of(fact.ticket, fact.scope)
        before = position.fact.lots if position.fact else 0.0
        position.lots_grown += max(fact.lots - before, 0.0)
        if fact.intent_id:
            position.order = self._orders.get(fact.intent_id) or position.order
        position.changes = position.changes + 1 if entry.ts_event_ns == position.changed_ns else 1
        position.changed_ns = entry.ts_event_ns
        position.fact, position.fact_seq = fact, entry.seq
        position.amended = None

    def _amend(self, outcome: OrderOutcome, entry: Entry) -> None:
        if not outcome.outcome.is_settled:
            return
        announced = self._amending.pop(outcome.intent_id, None)
        if announced is None or outcome.outcome is not Outcome.FILLED:
            return
        position = self.by_ticket.get(announced.position_ticket)
        if position is not None:
            position.amended, position.amended_ns = announced, entry.now_ns

    def _believe_what_was_read(self, read_ns: int) -> None:
        # A reading after the confirmation tells more than the confirmation: a broker may lie.
        for position in self.by_ticket.values():
            if position.amended is not None and read_ns > position.amended_ns:
                position.amended = None

    def _of(self, ticket: int, symbol: str) -> Position:
        if ticket not in self.by_ticket:
            position = self.by_ticket[ticket] = Position(ticket, symbol)
            ended = self._ended.get(ticket)
            if ended is not None:
                position.turns = ended.turns + 1
                position.changed_ns, position.changes = ended.changed_ns, ended.changes
        return self.by_ticket[ticket]


def filled_lots(fills: Iterable[SeenFill], entry: DealEntry) -> float:
    """Return the sum of the lots that opened, or closed, a position."""
    return sum((seen.fill.lots for seen in fills if seen.fill.entry is entry), 0.0)


def _drop(tickets: set[int], times: deque[tuple[int, int]], before_ns: int) -> None:
    # In the order of posting, which is that of time except within one reading: what is left a
    # little longer does no harm.
    while times and times[0][0] < before_ns:
        tickets.discard(times.popleft()[1])
