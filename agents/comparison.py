"""Our book against the broker's: what one reading shows that the board does not know yet.

Pure: the board's side and one reading in, drafts of facts out, always in the same order: fills by
deal ticket, positions by ticket, closed trades by ticket. Asked again with the same reading before
the board has answered, it gives the same drafts with the same slots.

A position counts as closed only where the reading holds the deals that closed it. One that is gone
without them is a suspect, not a closed trade: terminals do answer "nothing" while positions exist.
"""

from dataclasses import dataclass
from typing import Final

from agents.orders import Order, Orders
from agents.positions import LOTS_TOLERANCE, Position, Positions, SeenFill, filled_lots
from agents.requests import BrokerDeal, BrokerPosition, BrokerRead
from blackboard.entry import Draft
from blackboard.facts import ExitIntent, Fill, PositionChanged, TradeClosed
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Origin, Purpose

EXPERT: Final = "expert"
"""Reason of a deal that a program asked for, ours or another."""

EXTERNAL: Final = "external"
"""Reason of a trade that somebody else closed."""

FLATTENED: Final = "flatten"
"""Comment, and reason, of a close by the terminal's own flatten command."""

CAUSES_MAX: Final = 200
"""Fills named as causes of one closed trade; the latest, where a position had more."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reading adds to the board."""

    drafts: tuple[Draft, ...]
    adopted: int
    """Deals, and positions without an own order, that the board did not know."""
    suspects: tuple[int, ...]
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
        Market time at which the book began. Earlier deals are somebody's past, except those of
        positions that are open now.

    Returns
    -------
    Comparison
        The drafts in their order, and what could not be explained.
    """
    return _Comparing(reading, positions, orders, started_ns).result()


class _Comparing:
    def __init__(
        self, reading: BrokerRead, positions: Positions, orders: Orders, started_ns: int
    ) -> None:
        self._reading = reading
        self._positions = positions
        self._orders = orders
        self._started_ns = started_ns
        self._open = {
            position.ticket: position
            for position in sorted(reading.positions, key=lambda position: position.ticket)
            if not positions.is_closed(position.ticket)
        }

    def result(self) -> Comparison:
        fills = [self._fill_draft(deal) for deal in self._new_deals()]
        fresh = _by_position(fills)
        changed = [
            draft
            for position in self._open.values()
            for draft in self._changes(position, fresh.get(position.ticket, []))
        ]
        gone, closed, suspects = self._departures(fresh)
        adopted = len(fills) + sum(draft.ordinal.isdigit() and _is_new(draft) for draft in ())
        changed = sorted(changed + gone, key=lambda draft: _ticket(draft))
        return Comparison((*fills, *changed, *closed), adopted, suspects)
