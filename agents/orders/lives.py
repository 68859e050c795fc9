"""From the deals of a position to fills, and to the lives that it has had.

On a netting account one deal may close a position and open the rest on the other side, under the
same identifier. Such a deal is told as two fills: what it closed ends one life, what it opened
begins the next.
"""

from collections.abc import Iterable
from typing import NamedTuple

from agents.orders.life import Order, Orders
from agents.orders.positions import LOTS_TOLERANCE, Position, SeenFill
from agents.orders.trades import EXPERT, Story
from agents.requests import BrokerDeal, BrokerPosition
from blackboard.entry import Draft
from blackboard.facts import Fill
from blackboard.facts.execution import DealEntry, Purpose


class NewFill(NamedTuple):
    """A fill that the board does not know, with its draft."""

    fact: Fill
    draft: Draft

    @property
    def seen(self) -> SeenFill:
        """The fill as its position remembers it."""
        return SeenFill(self.fact, self.draft.ts_event_ns, self.draft.slot)


class Part(NamedTuple):
    """What one deal did to one life of its position."""

    is_entry: bool
    lots: float
    share: float
    """Of the deal's lots."""
    is_rest: bool = False
    """Whether it is what a deal opened besides what it closed."""


def order_behind(deal: BrokerDeal, orders: Orders, *, is_entry: bool) -> Order | None:
    """Return the order that made a deal; a close by the server only carries its opener's marks."""
    order = orders.behind(deal.magic, deal.comment, deal.made_ns)
    if order is None or order.symbol != deal.symbol:
        return None
    if is_entry:
        return order if order.purpose is Purpose.ENTRY else None
    is_exit = order.purpose is Purpose.EXIT and order.position_ticket == deal.position_ticket
    return order if is_exit and deal.reason == EXPERT else None


def lives_of(
    deals: Iterable[BrokerDeal],
    known: Position | None,
    now: BrokerPosition | None,
    orders: Orders,
    read_ns: int,
) -> list[list[NewFill]]:
    """Return the new fills of one position by the life they belong to, the known life first.

    Parameters
    ----------
    deals : iterable of BrokerDeal
        Deals of the position that the board does not know, in the order in which they were made.
    known : Position or None
        What the board says of it.
    now : BrokerPosition or None
        The position as it is read, if it is open.
    orders : Orders
        Where the order behind a deal is found.
    read_ns : int
        When the broker was read.
    """
    lives: list[list[NewFill]] = [[]]
    for deal in deals:
        if not deal.is_reversal:
            lives[-1].append(_fill(deal, Part(deal.is_entry, deal.lots, 1.0), orders, read_ns))
            continue
        seen = [fill.seen for fill in lives[-1]]
        story = Story(deal.position_ticket, known if len(lives) == 1 else None, seen, orders)
        closed_lots = min(story.held_lots, deal.lots)
        if closed_lots < LOTS_TOLERANCE:
            # What it closed was opened before the book: only what it opened is told.
            lots = deal.lots if now is None else min(deal.lots, now.lots)
            part = Part(is_entry=True, lots=lots, share=lots / deal.lots, is_rest=True)
            lives[-1].append(_fill(deal, part, orders, read_ns))
            continue
        share = closed_lots / deal.lots
        closing = Part(is_entry=False, lots=closed_lots, share=share)
        lives[-1].append(_fill(deal, closing, orders, read_ns))
        rest = Part(True, round(deal.lots - closed_lots, 8), 1.0 - share, is_rest=True)
        if rest.lots >= LOTS_TOLERANCE:
            lives.append([_fill(deal, rest, orders, read_ns)])
    return lives


def _fill(deal: BrokerDeal, part: Part, orders: Orders, read_ns: int) -> NewFill:
    order = order_behind(deal, orders, is_entry=part.is_entry)
    fact = Fill(
        scope=deal.symbol,
        intent_id=order.intent_id if order else "",
        side=deal.side,
        entry=DealEntry.IN if part.is_entry else DealEntry.OUT,
        lots=part.lots,
        price=deal.price,
        # Only what is closed has earned or lost anything.
        profit=0.0 if part.is_rest else deal.profit,
        commission=deal.commission * part.share,
        swap=0.0 if part.is_rest else deal.swap,
        fee=deal.fee * part.share,
        reason=deal.reason,
        deal_ticket=deal.ticket,
        position_ticket=deal.position_ticket,
    )
    draft = Draft(
        fact=fact,
        # The broker's clock may be a little ahead of ours, and no fact may come from the future.
        ts_event_ns=min(deal.made_ns, read_ns),
        ordinal=f"{deal.ticket}.rest" if part.is_rest else str(deal.ticket),
        causes=(order.submitting_seq,) if order else (),
    )
    return NewFill(fact, draft)
