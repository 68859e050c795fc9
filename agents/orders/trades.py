"""The story of one position: what the board knows of it, and what new deals make of it.

From here come the state of a position, its end, and the closed trade with the sums of its deals.
"""

from collections.abc import Iterable
from typing import Final

from agents.orders.life import Order, Orders
from agents.orders.positions import LOTS_TOLERANCE, Position, SeenFill, filled_lots
from agents.requests import BrokerPosition
from blackboard.entry import Draft
from blackboard.facts import ExitIntent, Fill, PositionChanged, TradeClosed
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Origin, Purpose

EXPERT: Final = "expert"
"""Reason of a deal that a program asked for, ours or another."""

CLIENT: Final = "client"
"""Reason of a deal that a person asked for."""

EXTERNAL: Final = "external"
"""Reason of a trade that somebody else closed."""

CAUSES_MAX: Final = 200
"""Fills named as causes of one fact: the latest, where a position has more."""


class Story:
    """One position from its first deal to what is known of it now.

    Parameters
    ----------
    ticket : int
        The position's.
    known : Position or None
        What the board says, None if it has never heard of the position.
    fresh : list of SeenFill
        Deals that are not on the board yet.
    orders : Orders
        Where the order behind a deal is found.
    turns : int
        How often the position turned round before (netting accounts).
    states : int
        States of the position that were posted for the instant of the reading already.
    """

    def __init__(
        self,
        ticket: int,
        known: Position | None,
        fresh: list[SeenFill],
        orders: Orders,
        *,
        turns: int = 0,
        states: int = 0,
    ) -> None:
        self._ticket = ticket
        self._turns, self._states = turns, states
        self._known = known or Position(ticket, fresh[0].fill.scope if fresh else "")
        self._fresh = fresh
        self._orders = orders
        self._fills = sorted(
            (*self._known.fills, *fresh), key=lambda seen: (seen.made_ns, seen.fill.deal_ticket)
        )
        self._opener = self._known.order or self._order_of(DealEntry.IN)

    @property
    def opened_lots(self) -> float:
        """Lots that were opened in all, as far as deals or states tell."""
        # Deals that lie before the book are not known; of what opened and closed again between two
        # readings the states do not tell.
        return max(filled_lots(self._fills, DealEntry.IN), self._known.lots_grown)

    @property
    def held_lots(self) -> float:
        """Lots that are left after all its deals."""
        return max(self.opened_lots - filled_lots(self._fills, DealEntry.OUT), 0.0)

    def explains(self, now: BrokerPosition) -> bool:
        """Whether the position is on the side that its first deal or state put it on."""
        is_told = self._known.fact is not None or bool(self._fills)
        return not is_told or self._side is now.side

    @property
    def is_closed(self) -> bool:
        """Whether deals closed as much as had been opened."""
        closed_lots = filled_lots(self._fills, DealEntry.OUT)
        return closed_lots > 0.0 and closed_lots >= self.opened_lots - LOTS_TOLERANCE

    def changes(self, now: BrokerPosition, read_ns: int) -> list[Draft]:
        """Return the state of an open position, if the board has another or none."""
        opener = self._opener or self._order_behind(now)
        origin = Origin.OWN if opener else Origin.EXTERNAL
        last = self._known.fact
        fact = PositionChanged(
            scope=now.symbol,
            ticket=now.ticket,
            side=now.side,
            lots=now.lots,
            open_price=now.open_price,
            stop_price=now.stop_price,
            target_price=now.target_price,
            opened_ns=now.opened_ns,
            origin=last.origin if last else origin,
            intent_id=last.intent_id if last else opener.intent_id if opener else "",
            broker_ticket=now.broker_ticket,
        )
        return [] if fact == last else [self._state_draft(fact, read_ns, opener)]

    def end(self, read_ns: int) -> Draft:
        """Return the state of a position that is closed."""
        fact = PositionChanged(
            scope=self._known.symbol,
            ticket=self._ticket,
            side=self._side,
            lots=0.0,
            open_price=self._open_price,
            stop_price=0.0,
            target_price=0.0,
            opened_ns=self._opened_ns,
            origin=self._origin,
            intent_id=self._intent_id,
        )
        return self._state_draft(fact, read_ns, self._opener)

    def trade(self) -> Draft:
        """Return the closed trade: the sums of its deals, in the order in which they were made."""
        last = next(seen for seen in reversed(self._fills) if seen.fill.entry is DealEntry.OUT)
        closer = self._orders.get(last.fill.intent_id) if last.fill.intent_id else None
        profit = sum((seen.fill.profit for seen in self._fills), 0.0)
        swap = sum((seen.fill.swap for seen in self._fills), 0.0)
        commission = sum((seen.fill.commission for seen in self._fills), 0.0)
        fee = sum((seen.fill.fee for seen in self._fills), 0.0)
        pnl = profit + swap + commission + fee
        fact = TradeClosed(
            scope=self._known.symbol,
            ticket=self._ticket,
            intent_id=self._intent_id,
            side=self._side,
            lots=self.opened_lots,
            open_price=self._open_price,
            close_price=_mean_price(self._fills, DealEntry.OUT),
            opened_ns=self._opened_ns,
            profit=profit,
            swap=swap,
            commission=commission,
            fee=fee,
            pnl=pnl,
            r_multiple=self._r_multiple(pnl),
            reason=_reason(last.fill, closer),
            origin=self._origin,
        )
        return Draft(
            fact=fact,
            ts_event_ns=last.made_ns,
            ordinal=f"{self._ticket}.{self._turns}" if self._turns else str(self._ticket),
            causes=(
                *(seen.cause for seen in self._fills[-CAUSES_MAX:]),
                *_parents(self._opener),
                *_parents(closer),
            ),
        )

    @property
    def _side(self) -> Side:
        if self._known.fact is not None:
            return self._known.fact.side
        first = self._fills[0].fill
        return first.side if first.entry is DealEntry.IN else first.side.opposite

    @property
    def _open_price(self) -> float:
        if self._known.fact is not None:
            return self._known.fact.open_price
        opened = any(seen.fill.entry is DealEntry.IN for seen in self._fills)
        return _mean_price(self._fills, DealEntry.IN if opened else DealEntry.OUT)

    @property
    def _opened_ns(self) -> int:
        return self._known.fact.opened_ns if self._known.fact else self._fills[0].made_ns

    @property
    def _origin(self) -> Origin:
        if self._known.fact is not None:
            return self._known.fact.origin
        return Origin.OWN if self._opener else Origin.EXTERNAL

    @property
    def _intent_id(self) -> str:
        if self._known.fact is not None:
            return self._known.fact.intent_id
        return self._opener.intent_id if self._opener else ""

    def _r_multiple(self, pnl: float) -> float:
        """Risk was approved for all lots; a partial fill carries its share of it."""
        approval = self._opener.approval if self._opener else None
        if approval is None:
            return 0.0
        return pnl / (approval.risk_account * self.opened_lots / approval.lots)

    def _order_of(self, entry: DealEntry) -> Order | None:
        for seen in self._fills:
            if seen.fill.entry is entry and seen.fill.intent_id:
                return self._orders.get(seen.fill.intent_id)
        return None

    def _order_behind(self, now: BrokerPosition) -> Order | None:
        order = self._orders.behind(now.magic, now.comment, now.opened_ns)
        if order is None or order.purpose is not Purpose.ENTRY or order.symbol != now.symbol:
            return None
        return order

    def _state_draft(self, fact: PositionChanged, read_ns: int, opener: Order | None) -> Draft:
        again = self._states
        if self._known.fact is not None:
            origins: tuple[int, ...] = (self._known.fact_seq,)
        else:
            origins = (opener.submitting_seq,) if opener else ()
        return Draft(
            fact=fact,
            ts_event_ns=read_ns,
            ordinal=f"{self._ticket}.{again}" if again else str(self._ticket),
            causes=(*origins, *(seen.cause for seen in self._fresh[-CAUSES_MAX:])),
        )


def _mean_price(fills: Iterable[SeenFill], entry: DealEntry) -> float:
    chosen = [seen.fill for seen in fills if seen.fill.entry is entry]
    if len(chosen) == 1:
        return chosen[0].price  # a quotient would change the last digit
    lots = sum((fill.lots for fill in chosen), 0.0)
    return sum((fill.price * fill.lots for fill in chosen), 0.0) / lots


def _reason(last: Fill, closer: Order | None) -> str:
    if closer is not None and isinstance(closer.intent, ExitIntent):
        return closer.intent.reason
    return EXTERNAL if last.reason in {EXPERT, CLIENT} else last.reason


def _parents(order: Order | None) -> tuple[int, ...]:
    if order is None:
        return ()
    seqs = (order.intent_seq, order.approval_seq, order.submitting_seq)
    return tuple(seq for seq in seqs if seq)
