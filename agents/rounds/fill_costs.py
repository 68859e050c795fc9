"""What fills cost beside the price that was to be expected, from facts alone.

The simulator fills a stop and a target at their level, a resting order at its limit, and everything
else at the quote that it was asked on: the ask for who buys, the bid for who sells. How much worse
a fill was is its slippage; half of the quoted spread is what crossing the market took. What nobody
of ours asked for, as a deal by hand, has no price to be held against. Nor has a trade that was held
for long: what it was asked on is not remembered for ever.
"""

import math
from typing import Final, NamedTuple, TypeVar

from blackboard.entry import Entry
from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    Fill,
    OrderIntent,
    OrderOutcome,
    PositionChanged,
    Quote,
    SymbolSpec,
    TradeClosed,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import DealEntry, Outcome, Purpose
from models.market.sessions import DAY_NS

K = TypeVar("K")
V = TypeVar("V")

ASKED_MAX: Final = 1_024
"""Intents and positions whose prices are remembered; the oldest gives way."""


HELD_NS_MAX: Final = 60 * DAY_NS
"""Longest time that a trade is open whose costs are told."""


class FillCost(NamedTuple):
    """What the fills of one trade cost in account currency; NaN where a price is not known."""

    spread: float
    """Half the quoted spread at each fill, ≥ 0."""
    slippage: float
    """Above 0 where fills were worse than the simulator's."""


class _Levels(NamedTuple):
    """Stop and target that a position had last; 0 is none."""

    stop_price: float
    target_price: float


_NOTHING: Final = FillCost(0.0, 0.0)
_UNKNOWN: Final = FillCost(math.nan, math.nan)


class FillCosts:
    """Folds entries, in order, into the costs of the positions that are not closed."""

    def __init__(self) -> None:
        self._sizes: dict[str, float] = {}
        self._quotes: dict[str, Quote] = {}
        self._asked: dict[str, float] = {}
        """Price to expect by the intent that asked."""
        self._levels: dict[int, _Levels] = {}
        self._amendments: dict[str, AmendIntent] = {}
        self._costs: dict[int, FillCost] = {}

    def see(self, entry: Entry) -> None:
        """Fold one entry."""
        match entry.fact:
            case Quote(scope=symbol) as quote:
                self._quotes[symbol] = quote
            case SymbolSpec(scope=symbol, contract_size=size):
                self._sizes[symbol] = size
            case OrderIntent(intent_id=intent_id, reference_price=price):
                _keep(self._asked, intent_id, price)
            case ExitIntent() as intent:
                _keep(self._asked, intent.intent_id, self._market_price(intent.scope, intent.side))
            case AmendIntent() as amendment:
                _keep(self._amendments, amendment.intent_id, amendment)
            case OrderOutcome(purpose=Purpose.AMEND, outcome=Outcome.FILLED, intent_id=intent_id):
                self._amend(intent_id)
            case PositionChanged() as position if position.lots > 0.0:
                levels = _Levels(position.stop_price, position.target_price)
                _keep(self._levels, position.ticket, levels)
            case Fill() as fill:
                ticket, cost = fill.position_ticket, self._cost(fill)
                before = self._costs.get(ticket, _NOTHING)
                total = FillCost(before.spread + cost.spread, before.slippage + cost.slippage)
                _keep(self._costs, ticket, total)
            case _:
                pass

    def close(self, trade: TradeClosed, closed_ns: int) -> FillCost:
        """Return what all fills of a trade that is closed now cost, and forget it."""
        self._levels.pop(trade.ticket, None)
        cost = self._costs.pop(trade.ticket, _UNKNOWN)
        return cost if closed_ns - trade.opened_ns <= HELD_NS_MAX else _UNKNOWN

    def _amend(self, intent_id: str) -> None:
        # The next reading tells the new levels; a stop that is hit before was moved all the same.
        amendment = self._amendments.pop(intent_id, None)
        if amendment is not None:
            levels = _Levels(amendment.stop_price, amendment.target_price)
            _keep(self._levels, amendment.position_ticket, levels)

    def _market_price(self, symbol: str, side: Side) -> float:
        quote = self._quotes.get(symbol)
        if quote is None:
            return math.nan
        return quote.ask if side is Side.BUY else quote.bid

    def _cost(self, fill: Fill) -> FillCost:
        quote, size = self._quotes.get(fill.scope), self._sizes.get(fill.scope)
        if quote is None or size is None:
            return _UNKNOWN
        per_price = fill.lots * size * quote.account_per_quote
        worse = fill.side.sign * (fill.price - self._expected(fill))
        return FillCost(0.5 * (quote.ask - quote.bid) * per_price, worse * per_price)

    def _expected(self, fill: Fill) -> float:
        levels = self._levels.get(fill.position_ticket)
        if fill.entry is DealEntry.OUT and levels is not None:
            if fill.reason == "stop":
                return levels.stop_price or math.nan
            if fill.reason == "target":
                return levels.target_price or math.nan
        return self._asked.get(fill.intent_id, math.nan)


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > ASKED_MAX:
        del kept[next(iter(kept))]
