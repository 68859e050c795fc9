"""Further attempts of an entry that was rejected for a passing cause.

A retry is a new intent of the same decision, with an id of its own: it goes through risk again and
is never a send repeated. It needs a price that is younger than the rejection and not worse than the
decision's by more than an order may deviate; no limit is widened. At the third it is abandoned.
"""

from typing import Final

import msgspec

from agents.intents import intent_id
from agents.retries import retry_from_ns
from agents.rounds.arbiter import Arbiter
from agents.rounds.holdings import Holdings, Wish
from blackboard.entry import Draft
from blackboard.facts.decision import Side
from config.settings import Settings

POINT_TOLERANCE: Final = 1e-6
"""Share of a point that differences of prices may miss by in floats."""


class Attempts:
    """What is still to be tried of the decisions whose entries were rejected."""

    def __init__(self, settings: Settings, arbiter: Arbiter, holdings: Holdings) -> None:
        self._settings = settings
        self._arbiter = arbiter
        self._holdings = holdings

    def due(self, now_ns: int) -> list[Draft]:
        """Return the intents to ask for again now."""
        drafts = [self._next(wish, now_ns) for wish in self._holdings.repeatable(now_ns)]
        return [draft for draft in drafts if draft is not None]

    def _next(self, wish: Wish, now_ns: int) -> Draft | None:
        rejected, close_ns, outcome = wish.intent.fact, wish.intent.ts_event_ns, wish.outcome
        symbol, attempt = rejected.scope, rejected.attempt + 1
        next_id = entry_id(self._settings, symbol, close_ns, attempt)
        quote = self._arbiter.quotes.get(symbol)
        is_blocked = self._holdings.blocker(symbol, rejected.side, now_ns)[0]
        if outcome is None or quote is None or next_id in self._holdings.wishes or is_blocked:
            return None
        is_early = now_ns < retry_from_ns(outcome.fact, wish.outcome_ns, self._settings)
        price = quote.fact.ask if rejected.side is Side.BUY else quote.fact.bid
        if is_early or quote.seq <= outcome.seq or self._has_run_away(wish, price):
            return None
        # What rests keeps its price and its end: asking later does not make it another bet.
        reference_price = rejected.limit_price or price
        return Draft(
            fact=msgspec.structs.replace(
                rejected, intent_id=next_id, attempt=attempt, reference_price=reference_price
            ),
            ts_event_ns=close_ns,
            timeframe=self._settings.timeframe.value,
            ordinal=str(attempt),
            causes=(wish.intent.seq, outcome.seq, quote.seq),
        )

    def _has_run_away(self, wish: Wish, price: float) -> bool:
        """Whether the price is worse than the decision's by more than an order may deviate.

        For a limit: whether the market has come to it, so that nothing could rest there any more.
        """
        rejected = wish.intent.fact
        if rejected.rests:
            return (price - rejected.limit_price) * rejected.side.sign <= 0.0
        first_id = entry_id(self._settings, rejected.scope, wish.intent.ts_event_ns, 1)
        first = self._holdings.wishes.get(first_id, wish).intent.fact
        spec = self._arbiter.specs.get(rejected.scope)
        points = self._settings.agents.execution.deviation_points
        worse = (price - first.reference_price) * rejected.side.sign
        return spec is None or worse > (points + POINT_TOLERANCE) * spec.fact.point


def entry_id(settings: Settings, symbol: str, close_ns: int, attempt: int) -> str:
    """Return the id of the entry intent of a decision."""
    return intent_id(settings.book, symbol, settings.timeframe, close_ns, "entry", attempt)
