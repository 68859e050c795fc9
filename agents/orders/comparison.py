"""Our book against the broker's: what one reading shows that the board does not know yet.

Pure: the board's side and one reading in, drafts of facts out, always in the same order: fills by
deal ticket, positions by ticket, closed trades by ticket. Asked again with the same reading before
the board has answered, it gives the same drafts with the same slots.

A position counts as closed only where the reading holds the deals that closed it. One that is gone
without them is a suspect, not a closed trade: terminals do answer "nothing" while positions exist.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agents.orders.life import Order, Orders
from agents.orders.positions import Positions, SeenFill
from agents.orders.trades import EXPERT, Story
from agents.requests import BrokerDeal, BrokerRead
from blackboard.entry import Draft
from blackboard.facts import Fill
from blackboard.facts.execution import DealEntry, Purpose


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reading adds to the board."""

    drafts: tuple[Draft, ...]
    adopted: int
    """Deals that the board did not know, and positions that came without any."""
    suspects: frozenset[int]
    """Tickets that are gone without the deals that would explain it."""


def compare(
    reading: BrokerRead, positions: Positions, orders: Orders, started_ns: int
) -> Comparison:
    """Return what the board lacks.

    Parameters
    ----------
    reading : BrokerRead
        The broker's side; its `read_ns` is not after the agent's now.
    positions, orders
        The board's side.
    started_ns : int
        Market time at which the book began. What was opened and closed before is somebody's past.

    Returns
    -------
    Comparison
        The drafts in their order, and what could not be explained.
    """
    now_open = {p.ticket: p for p in reading.positions if not positions.is_closed(p.ticket)}
    opened = {d.position_ticket for d in reading.deals if d.is_entry and d.made_ns >= started_ns}
    of_the_book = now_open.keys() | positions.by_ticket.keys() | opened
    fills = [
        _fill_draft(deal, orders, reading.read_ns)
        for deal in sorted(reading.deals, key=lambda deal: deal.ticket)
        if _is_news(deal, reading, positions)
        and (
            deal.position_ticket in of_the_book
            or positions.is_closed(deal.position_ticket)
            or _order_behind(deal, orders) is not None
        )
    ]
    fresh = _by_position(fills)
    touched = {ticket for ticket in fresh if not positions.is_closed(ticket)}
    changed: list[Draft] = []
    closed: list[Draft] = []
    suspects: set[int] = set()
    adopted = len(fills)
    for ticket in sorted(now_open.keys() | positions.by_ticket.keys() | touched):
        known = positions.by_ticket.get(ticket)
        story = Story(ticket, known, fresh.get(ticket, []), orders)
        if ticket in now_open:
            changed += story.changes(now_open[ticket], reading.read_ns)
            adopted += known is None and ticket not in fresh
        elif story.is_closed:
            changed.append(story.end(reading.read_ns))
            closed.append(story.trade())
        else:
            suspects.add(ticket)
    return Comparison((*fills, *changed, *closed), adopted, frozenset(suspects))


def _is_news(deal: BrokerDeal, reading: BrokerRead, positions: Positions) -> bool:
    # Deals before the period asked for may have been forgotten: they are not news.
    return (
        not deal.is_balance
        and deal.made_ns >= reading.request.since_ns
        and not positions.has_deal(deal.ticket)
    )


def _order_behind(deal: BrokerDeal, orders: Orders) -> Order | None:
    """Return the order that made a deal; a close by the server only carries its opener's marks."""
    order = orders.behind(deal.magic, deal.comment, deal.made_ns)
    if order is None or order.symbol != deal.symbol:
        return None
    if deal.is_entry:
        return order if order.purpose is Purpose.ENTRY else None
    is_exit = order.purpose is Purpose.EXIT and order.position_ticket == deal.position_ticket
    return order if is_exit and deal.reason == EXPERT else None


def _fill_draft(deal: BrokerDeal, orders: Orders, read_ns: int) -> Draft:
    order = _order_behind(deal, orders)
    fact = Fill(
        scope=deal.symbol,
        intent_id=order.intent_id if order else "",
        side=deal.side,
        entry=DealEntry.IN if deal.is_entry else DealEntry.OUT,
        lots=deal.lots,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        swap=deal.swap,
        fee=deal.fee,
        reason=deal.reason,
        deal_ticket=deal.ticket,
        position_ticket=deal.position_ticket,
    )
    return Draft(
        fact=fact,
        # The broker's clock may be a little ahead of ours, and no fact may come from the future.
        ts_event_ns=min(deal.made_ns, read_ns),
        ordinal=str(deal.ticket),
        causes=(order.submitting_seq,) if order else (),
    )


def _by_position(fills: Iterable[Draft]) -> dict[int, list[SeenFill]]:
    found: defaultdict[int, list[SeenFill]] = defaultdict(list)
    for draft in fills:
        if isinstance(draft.fact, Fill):
            seen = SeenFill(draft.fact, draft.ts_event_ns, draft.slot)
            found[draft.fact.position_ticket].append(seen)
    return dict(found)
