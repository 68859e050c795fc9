"""Our book against the broker's: what one reading shows that the board does not know yet.

Pure: the board's side and one reading in, drafts of facts out, always in the same order: fills by
deal ticket, positions by ticket, closed trades by ticket. Asked again with the same reading before
the board has answered, it gives the same drafts with the same slots.

A position counts as closed only where the reading holds the deals that closed it. One that is gone
without them is a question, not a closed trade: terminals do answer "nothing" while positions exist.

On a netting account one deal may close a position and open the rest on the other side. It is told
as two fills, and the position as two lives under one ticket: the first ends with its closed trade,
and the state and the fills of the second follow after it.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from agents.orders.life import Orders
from agents.orders.lives import NewFill, lives_of, order_behind
from agents.orders.positions import Position, Positions
from agents.orders.trades import Story
from agents.requests import BrokerDeal, BrokerPosition, BrokerRead
from blackboard.entry import Draft


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reading adds to the board."""

    drafts: tuple[Draft, ...]
    adopted: int
    """Deals that the board did not know, and positions that came without any."""
    questions: dict[int, str]
    """By ticket: what of a position no deal explains."""


@dataclass(slots=True)
class Findings:
    """What a comparison has found so far, each kind apart."""

    adopted: int
    fills: list[NewFill] = field(default_factory=list)
    changed: list[Draft] = field(default_factory=list)
    closed: list[Draft] = field(default_factory=list)
    reborn: list[Draft] = field(default_factory=list)
    """States and fills of positions that turned round; they follow the trades that this closed."""
    questions: dict[int, str] = field(default_factory=dict)

    def comparison(self) -> Comparison:
        """Return everything in its order."""
        fills = sorted(self.fills, key=lambda fill: fill.fact.deal_ticket)
        drafts = (*(f.draft for f in fills), *self.changed, *self.closed, *self.reborn)
        return Comparison(drafts, self.adopted, self.questions)


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
    news = [
        deal
        for deal in sorted(reading.deals, key=lambda deal: deal.ticket)
        if _is_news(deal, reading, positions)
        and (
            deal.position_ticket in of_the_book
            or positions.is_closed(deal.position_ticket)
            or order_behind(deal, orders, is_entry=deal.is_entry) is not None
        )
    ]
    found = Findings(adopted=len(news))
    by_position: defaultdict[int, list[BrokerDeal]] = defaultdict(list)
    for deal in news:
        by_position[deal.position_ticket].append(deal)
    for ticket in sorted({*now_open, *positions.by_ticket, *by_position}):
        known, now = positions.by_ticket.get(ticket), now_open.get(ticket)
        lives = lives_of(by_position[ticket], known, now, orders, reading.read_ns)
        if positions.is_closed(ticket):
            found.fills += [fill for fills in lives for fill in fills]
        else:
            _tell(found, ticket, known, now, lives, orders, reading.read_ns)
    return found.comparison()


def _is_news(deal: BrokerDeal, reading: BrokerRead, positions: Positions) -> bool:
    # Deals before the period asked for may have been forgotten: they are not news.
    return (
        not deal.is_balance
        and deal.made_ns >= reading.request.since_ns
        and not positions.has_deal(deal.ticket)
    )


def _tell(
    found: Findings,
    ticket: int,
    known: Position | None,
    now: BrokerPosition | None,
    lives: list[list[NewFill]],
    orders: Orders,
    read_ns: int,
) -> None:
    """Add what the lives of one position come to; all but the last have ended."""
    states = known.changes if known is not None and known.changed_ns == read_ns else 0
    first = known.turns if known is not None else 0
    for life, fills in enumerate(lives):
        before = known if life == 0 else None
        seen = [fill.seen for fill in fills]
        story = Story(ticket, before, seen, orders, turns=first + life, states=states)
        is_now = now is not None and life == len(lives) - 1 and story.explains(now)
        if not (is_now and life):
            found.fills += fills
        if is_now and now is not None:
            drafts = story.changes(now, read_ns)
            if life:
                # Fills of a closed position would not be kept: the state opens it again first, and
                # follows from the trade that the same deal has closed.
                trade = found.closed[-1].slot
                found.reborn += [msgspec.structs.replace(one, causes=(trade,)) for one in drafts]
                found.reborn += [fill.draft for fill in fills]
            else:
                found.changed += drafts
                found.adopted += known is None and not fills
        elif story.is_closed:
            found.changed.append(story.end(read_ns))
            found.closed.append(story.trade())
            states += 1
        elif now is None:
            found.questions[ticket] = f"position {ticket} is gone without a closing deal"
        else:
            found.questions[ticket] = f"position {ticket} has turned round without a deal"
