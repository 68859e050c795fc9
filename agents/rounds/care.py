"""The care of open positions: trailing and missing stops, and the exits that the supervisor wants.

Whatever comes out only reduces risk; the facts' constructors refuse anything else. Positions that
are not ours are left alone. What may be done in HALTED is to set a missing stop, and to close what
a flatten asked for. A stop that was refused for its place is asked for anew at a younger price, the
stops level and the spread away; after three refusals the position is closed instead.
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
    FOREVER_NS,
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
UNPROTECTED: Final = "unprotected"
"""Why a position is closed to which no stop could be given."""

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
    attempt: int = 1


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

    def repairs(self, state: TradingState, now_ns: int) -> list[Draft]:
        """Return what own positions without a stop need: the stop, or, if none can be set, an exit.

        The first stop is asked for at once, each further one at a price younger than the answer to
        the one before, so that nothing is repeated that was refused.
        """
        drafts = []
        for holding in self._holdings.own():
            if holding.is_naked and not holding.is_leaving(now_ns):
                drafts += self._protection(holding, state, now_ns)
        return drafts

    def next_ns(self) -> int:
        """Return when a position that could not be given a stop is closed, if nothing happens."""
        length_ns = self._settings.timeframe.length_ns
        naked = [each for each in self._holdings.own() if each.is_naked and not each.repairs]
        return min((each.naked_ns + length_ns for each in naked), default=FOREVER_NS)

    def _protection(self, holding: Holding, state: TradingState, now_ns: int) -> list[Draft]:
        is_lost = self._is_beyond_repair(holding, now_ns) and state is not TradingState.HALTED
        if holding.repairs == 0 or not is_lost:
            repairs = self._repair(holding, now_ns)
            if repairs or not is_lost:
                return repairs
        if holding.exited_ns >= holding.naked_ns:
            return []  # asked for already; what failed is asked again at the next close
        since_ns = max(holding.naked_ns, holding.amend_outcome_ns)
        slot = Slot(ts_event_ns=since_ns, valid_until_ns=self._until_ns(now_ns))
        intent = leave(self._settings, holding, UNPROTECTED, slot)
        return [self._draft(intent, slot, (holding.position.seq,))]

    def _repair(self, holding: Holding, now_ns: int) -> list[Draft]:
        position = holding.position
        prices = self._prices(position.fact.scope, None)
        quote = self._arbiter.quotes.get(position.fact.scope)
        if prices is None or quote is None or holding.is_amending(now_ns):
            return []
        answer = holding.amend_outcome
        is_again = holding.repairs > 0
        if is_again and (answer is None or quote.seq <= answer.seq):
            return []
        slot = Slot(
            ts_event_ns=max(position.ts_event_ns, quote.ts_event_ns if is_again else 0),
            valid_until_ns=self._until_ns(now_ns),
            attempt=holding.repairs + 1,
        )
        atr_multiplier = self._arbiter.parameters(now_ns).fact.atr_multiplier
        intent = repair(self._settings, holding, prices, atr_multiplier, slot)
        return [] if intent is None else [self._draft(intent, slot, (position.seq,))]

    def _is_beyond_repair(self, holding: Holding, now_ns: int) -> bool:
        """Whether enough stops were refused, or none could even be asked for in a whole bar."""
        if holding.is_amending(now_ns):
            return False
        if holding.repairs == 0:
            return now_ns >= holding.naked_ns + self._settings.timeframe.length_ns
        return holding.repairs >= ATTEMPTS_MAX

    def tend(
        self, place: Round, verdict: Verdict, decision_slot: str, state: TradingState, now_ns: int
    ) -> list[Draft]:
        """Return what the positions of a decided symbol need at its close, one intent each."""
        slot = Slot(ts_event_ns=place.close_ns, valid_until_ns=self._until_ns(now_ns))
        drafts = []
        for holding in self._holdings.own(verdict.decision.scope):
            if holding.is_leaving(now_ns) or holding.exited_ns >= place.close_ns:
                continue
            reason = self._reason_to_leave(holding, verdict, state, place.close_ns, now_ns)
            intent: ExitIntent | AmendIntent | None
            if reason:
                intent = leave(self._settings, holding, reason, slot)
            else:
                intent = self._amendment(place, holding, state, slot)
            if intent is not None:
                drafts.append(self._draft(intent, slot, (decision_slot, holding.position.seq)))
        return drafts

    def _reason_to_leave(
        self,
        holding: Holding,
        verdict: Verdict,
        state: TradingState,
        close_ns: int,
        now_ns: int,
    ) -> str:
        """Return why a position is closed at a close, empty if it is kept.

        A flatten that failed is repeated, a bounded number of times.
        """
        if self._restrictions.incident(FLATTEN) is not None:
            return FLATTEN_REASON if holding.flattenings < ATTEMPTS_MAX else ""
        if state is TradingState.HALTED:
            return ""
        if holding.is_naked and self._is_beyond_repair(holding, now_ns):
            return UNPROTECTED
        if self._settings.agents.supervisor.friday_flat and is_last_chance(
            self._settings, close_ns
        ):
            return WEEKEND
        is_opposite = verdict.side is holding.position.fact.side.opposite
        is_barred_by_position = verdict.decision.blocked_by == POSITION_GATE
        return REVERSAL if is_opposite and is_barred_by_position else ""

    def _amendment(
        self, place: Round, holding: Holding, state: TradingState, slot: Slot
    ) -> AmendIntent | None:
        prices = self._prices(holding.position.fact.scope, place)
        is_asked = holding.amended_ns >= slot.ts_event_ns
        if prices is None or is_asked or state is TradingState.HALTED:
            return None
        return trail(self._settings, holding, prices, slot)

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
        suffix = f".{slot.attempt}" if slot.attempt > 1 else ""
        return Draft(
            fact=intent,
            ts_event_ns=slot.ts_event_ns,
            timeframe=self._settings.timeframe.value,
            ordinal=f"{intent.position_ticket}{suffix}",
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
    if stop_price == position.stop_price or not stop_price > 0.0:
        return None
    return _amend(settings, position, float(stop_price), TRAILING, slot)


def repair(
    settings: Settings, holding: Holding, prices: Prices, atr_multiplier: float, slot: Slot
) -> AmendIntent | None:
    """Return the wish to set a missing stop, None where one is set or none can be computed.

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
    if not stop_price > 0.0:
        return None  # so far away that no price lies there
    return _amend(settings, position, float(stop_price), REPAIR, slot)


def leave(settings: Settings, holding: Holding, reason: str, slot: Slot) -> ExitIntent:
    """Return the wish to close a whole position."""
    position = holding.position.fact
    return ExitIntent(
        scope=position.scope,
        valid_until_ns=slot.valid_until_ns,
        intent_id=_id(settings, position, "exit", slot),
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
        intent_id=_id(settings, position, "amend", slot),
        position_ticket=position.ticket,
        position_side=position.side,
        stop_price=stop_price,
        current_stop_price=position.stop_price,
        target_price=position.target_price,
        reason=reason,
    )


def _id(settings: Settings, position: PositionChanged, purpose: str, slot: Slot) -> str:
    # Several positions of one symbol may be amended at one close; the ticket tells them apart.
    return intent_id(
        settings.book,
        position.scope,
        settings.timeframe,
        slot.ts_event_ns,
        f"{purpose}:{position.ticket}",
        slot.attempt,
    )
