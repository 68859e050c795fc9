"""The care of open positions: trailing and missing stops, and the exits that the supervisor wants.

Whatever comes out only reduces risk; the facts' constructors refuse anything else. Positions that
are not ours are left alone. What may be done in HALTED is to set a missing stop, and to close what
a flatten asked for.
"""

from typing import Final

import msgspec

from agents.intents import ATTEMPTS_MAX, intent_id
from agents.rounds.arbiter import Arbiter, Verdict
from agents.rounds.holdings import FLATTEN_REASON, Holding, Holdings
from agents.rounds.restrictions import FLATTEN, Restrictions
from agents.rounds.round import Round
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    PositionChanged,
    Quote,
    SymbolSpec,
    TrailingStop,
)
from blackboard.facts.control import TradingState
from config.settings import Settings
from models.decision.arbitration import GATES, POSITION
from models.decision.trailing import protective_stop, stop_gap, trailed_stop
from models.market.sessions import MINUTE_NS, was_open_before, week_close_ns

TRAILING: Final = "trailing"
REPAIR: Final = "missing stop"
WEEKEND: Final = "weekend"
REVERSAL: Final = "reversal"

POSITION_GATE: Final = GATES[POSITION]
"""Gate that a reversal fails: everything else speaks for the other side."""


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What the care of one symbol needs to know of the market."""

    quote: Quote
    spec: SymbolSpec
    stop: TrailingStop | None

    @property
    def gap(self) -> float:
        """Least distance of a stop from the price that closes the position."""
        level = max(self.spec.stops_level_points, self.spec.freeze_level_points)
        return float(stop_gap(self.quote.bid, self.quote.ask, level, self.spec.point))


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """The instant an intent belongs to, and how long it holds."""

    ts_event_ns: int
    valid_until_ns: int


class Care:
    """What the open positions need, at a close and in between."""

    def __init__(
        self,
        settings: Settings,
        arbiter: Arbiter,
        holdings: Holdings,
        restrictions: Restrictions,
    ) -> None:
        self._settings = settings
        self._arbiter = arbiter
        self._holdings = holdings
        self._restrictions = restrictions
        self._stops: dict[str, TrailingStop] = {}

    def see(self, entry: Entry) -> None:
        """Fold the latest chandelier levels; a missing stop may have to be set between closes."""
        match entry.fact:
            case TrailingStop() as stop if stop.timeframe is self._settings.timeframe:
                self._stops[stop.scope] = stop
            case _:
                pass

    def flattenings(self, now_ns: int) -> list[Draft]:
        """Return an exit of every own position that no exit since the command has concerned."""
        order = self._restrictions.incident(FLATTEN)
        if order is None:
            return []
        slot = Slot(ts_event_ns=order.since_ns, valid_until_ns=self._until_ns(now_ns))
        return [
            self._draft(
                leave(self._settings, holding, FLATTEN_REASON, slot),
                slot,
                (order.seq, holding.position.seq),
            )
            for holding in self._holdings.own()
            if holding.exited_ns < order.since_ns and not holding.is_leaving(now_ns)
        ]

    def repairs(self, now_ns: int) -> list[Draft]:
        """Return the stop of every own position that was found without one, at once."""
        drafts = []
        for holding in self._holdings.own():
            position = holding.position
            slot = Slot(ts_event_ns=position.ts_event_ns, valid_until_ns=self._until_ns(now_ns))
            prices = self._prices(position.fact.scope, None)
            if holding.amended_ns < slot.ts_event_ns and prices is not None:
                intent = self._repair(holding, prices, slot, now_ns)
                if intent is not None:
                    drafts.append(self._draft(intent, slot, (position.seq,)))
        return drafts

    def tend(
        self, place: Round, verdict: Verdict, decision_slot: str, state: TradingState, now_ns: int
    ) -> list[Draft]:
        """Return what the positions of a decided symbol need at its close, one intent each."""
        slot = Slot(ts_event_ns=place.close_ns, valid_until_ns=self._until_ns(now_ns))
        drafts = []
        for holding in self._holdings.own(verdict.decision.scope):
            if holding.is_leaving(now_ns) or holding.exited_ns >= place.close_ns:
                continue
            reason = self._reason_to_leave(holding, verdict, state, place.close_ns)
            intent: ExitIntent | AmendIntent | None
            if reason:
                intent = leave(self._settings, holding, reason, slot)
            else:
                intent = self._amendment(place, holding, state, slot, now_ns)
            if intent is not None:
                drafts.append(self._draft(intent, slot, (decision_slot, holding.position.seq)))
        return drafts

    def _reason_to_leave(
        self, holding: Holding, verdict: Verdict, state: TradingState, close_ns: int
    ) -> str:
        """Return why a position is closed at a close, empty if it is kept.

        A flatten that failed is repeated, a bounded number of times.
        """
        if self._restrictions.incident(FLATTEN) is not None:
            return FLATTEN_REASON if holding.flattenings < ATTEMPTS_MAX else ""
        if state is TradingState.HALTED:
            return ""
        if self._settings.agents.supervisor.friday_flat and is_last_chance(
            self._settings, close_ns
        ):
            return WEEKEND
        is_opposite = verdict.side is holding.position.fact.side.opposite
        is_barred_by_position = verdict.decision.blocked_by == POSITION_GATE
        return REVERSAL if is_opposite and is_barred_by_position else ""

    def _amendment(
        self, place: Round, holding: Holding, state: TradingState, slot: Slot, now_ns: int
    ) -> AmendIntent | None:
        prices = self._prices(holding.position.fact.scope, place)
        was_asked_at_once = holding.amended_ns >= holding.position.ts_event_ns
        if prices is None or holding.amended_ns >= slot.ts_event_ns:
            return None
        if holding.position.fact.stop_price == 0.0:
            return self._repair(holding, prices, slot, now_ns) if was_asked_at_once else None
        if state is TradingState.HALTED:
            return None
        return trail(self._settings, holding, prices, slot)

    def _repair(
        self, holding: Holding, prices: Prices, slot: Slot, now_ns: int
    ) -> AmendIntent | None:
        atr_multiplier = self._arbiter.parameters(now_ns).fact.atr_multiplier
        return repair(self._settings, holding, prices, atr_multiplier, slot)

    def _prices(self, symbol: str, place: Round | None) -> Prices | None:
        quotes, spec = self._arbiter.quotes, self._arbiter.specs.get(symbol)
        quote = quotes.get(symbol) if place is None else self._arbiter.quote(place, symbol)
        if quote is None or spec is None:
            return None
        stop = self._stops.get(symbol)
        if place is not None:
            at_close = place.stops.get(symbol)
            stop = None if at_close is None else at_close.fact
        return Prices(quote=quote.fact, spec=spec.fact, stop=stop)

    def _until_ns(self, now_ns: int) -> int:
        return now_ns + self._settings.timeframe.length_ns

    def _draft(
        self, intent: ExitIntent | AmendIntent, slot: Slot, causes: tuple[int | str, ...]
    ) -> Draft:
        return Draft(
            fact=intent,
            ts_event_ns=slot.ts_event_ns,
            timeframe=self._settings.timeframe.value,
            ordinal=str(intent.position_ticket),
            causes=causes,
        )


def trail(settings: Settings, holding: Holding, prices: Prices, slot: Slot) -> AmendIntent | None:
    """Return the wish to move a stop to the chandelier's level, None where it stays."""
    position = holding.position.fact
    if prices.stop is None or position.stop_price == 0.0:
        return None
    sign = position.side.sign
    proposed = prices.stop.long_stop_price if sign > 0 else prices.stop.short_stop_price
    stop_price = trailed_stop(
        sign,
        position.stop_price,
        proposed,
        prices.stop.atr,
        prices.quote.bid,
        prices.quote.ask,
        prices.gap,
        prices.spec.point,
    )
    if stop_price == position.stop_price:
        return None
    return _amend(settings, position, float(stop_price), TRAILING, slot)


def repair(
    settings: Settings, holding: Holding, prices: Prices, atr_multiplier: float, slot: Slot
) -> AmendIntent | None:
    """Return the wish to set a missing stop, None where one is set or no distance is known.

    The distance is the intent's; for a position whose intent is not known it is `atr_multiplier`
    average true ranges.
    """
    position = holding.position.fact
    distance = holding.stop_distance
    if distance == 0.0 and prices.stop is not None:
        distance = atr_multiplier * prices.stop.atr
    if position.stop_price > 0.0 or distance == 0.0:
        return None
    sign = position.side.sign
    stop_price = protective_stop(
        sign,
        position.open_price - sign * distance,
        prices.quote.bid,
        prices.quote.ask,
        prices.gap,
        prices.spec.point,
    )
    return _amend(settings, position, float(stop_price), REPAIR, slot)


def leave(settings: Settings, holding: Holding, reason: str, slot: Slot) -> ExitIntent:
    """Return the wish to close a whole position."""
    position = holding.position.fact
    return ExitIntent(
        scope=position.scope,
        valid_until_ns=slot.valid_until_ns,
        intent_id=_id(settings, position, "exit", slot.ts_event_ns),
        position_ticket=position.ticket,
        position_side=position.side,
        position_lots=position.lots,
        side=position.side.opposite,
        lots=position.lots,
        reason=reason,
    )


def is_last_chance(settings: Settings, close_ns: int) -> bool:
    """Whether a close is the last, or after the last, at which to be flat before the weekend.

    A position that is asked to close here leaves at the next bar's open; a bar later would fall
    into the `friday_flat_min` minutes before the market closes, whose stops a gap goes through.
    """
    if not was_open_before(close_ns):
        return False
    end_ns = week_close_ns(close_ns - 1)
    flat_from_ns = end_ns - settings.agents.risk.friday_flat_min * MINUTE_NS
    return flat_from_ns < close_ns + settings.timeframe.length_ns and close_ns < end_ns


def _amend(
    settings: Settings, position: PositionChanged, stop_price: float, reason: str, slot: Slot
) -> AmendIntent:
    return AmendIntent(
        scope=position.scope,
        valid_until_ns=slot.valid_until_ns,
        intent_id=_id(settings, position, "amend", slot.ts_event_ns),
        position_ticket=position.ticket,
        position_side=position.side,
        stop_price=stop_price,
        current_stop_price=position.stop_price,
        target_price=position.target_price,
        reason=reason,
    )


def _id(settings: Settings, position: PositionChanged, purpose: str, ts_event_ns: int) -> str:
    # Several positions of one symbol may be amended at one close; the ticket tells them apart.
    return intent_id(
        settings.book,
        position.scope,
        settings.timeframe,
        ts_event_ns,
        f"{purpose}:{position.ticket}",
        1,
    )
