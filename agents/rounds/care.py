"""The care of open positions: tended and missing stops, and the exits that the supervisor wants.

At a close a position is left for the first reason of `models.decision.exits.EXITS` that holds; one
that is kept has its stop tended by `models.decision.trailing`, under the terms that its OrderIntent
carries. Whatever comes out only reduces risk. Positions that are not ours are left alone. What may
be done in HALTED is to set a missing stop, and to close what a person asked for. A stop that was
refused for its place is asked for anew at a younger price, the stops level and the spread away;
after three refusals the position is closed instead.
"""

from typing import Final

from agents.intents import ATTEMPTS_MAX
from agents.rounds.arbiter import Arbiter, Verdict
from agents.rounds.closings import Closings
from agents.rounds.holdings import FLATTEN_REASON, OPERATOR_REASON, Holding, Holdings
from agents.rounds.reductions import (
    Prices,
    Slot,
    is_held_long_enough,
    is_last_chance,
    is_left_before_a_jump,
    leave,
    lessen,
    repair,
    tend_stop,
    terms_of,
)
from agents.rounds.restrictions import FLATTEN, Restrictions
from agents.rounds.round import Round
from blackboard.entry import Draft, Entry
from blackboard.facts import FOREVER_NS, AmendIntent, ExitIntent, TrailingStop
from blackboard.facts.control import TradingState
from config.settings import Settings
from models.decision import exits
from models.decision.arbitration import GATES, POSITION
from models.decision.exits import EXITS, STAYS, first_exit
from models.decision.jump import sigma_from_range
from models.decision.trailing import BLACKOUT, MEASURES

UNPROTECTED: Final = EXITS[exits.UNPROTECTED]
"""Why a position is closed to which no stop could be given."""

BLACKOUT_REASON: Final = MEASURES[BLACKOUT]
"""Reason of what is done before an event, an exit's and an amendment's alike."""

POSITION_GATE: Final = GATES[POSITION]
"""Gate that a reversal fails: everything else speaks for the other side."""


class Care:
    """What the open positions need, at a close and in between."""

    def __init__(
        self,
        settings: Settings,
        arbiter: Arbiter,
        holdings: Holdings,
        restrictions: Restrictions,
        closings: Closings,
    ) -> None:
        self._settings = settings
        self._arbiter = arbiter
        self._holdings = holdings
        self._restrictions = restrictions
        self._closings = closings
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
            prices = self._prices(holding.position.fact.scope, place)
            reason = self._reason_to_leave(holding, verdict, prices, state, place, now_ns)
            intent: ExitIntent | AmendIntent | None
            if reason:
                intent = leave(self._settings, holding, reason, slot)
            else:
                intent = self._lessened(holding, prices, state, slot)
                intent = intent or self._amendment(holding, prices, state, slot)
            if intent is not None:
                causes: tuple[int | str, ...] = (decision_slot, holding.position.seq)
                if prices is not None and intent.reason == BLACKOUT_REASON:
                    causes = (*causes, prices.event_seq)
                drafts.append(self._draft(intent, slot, causes))
        return drafts

    def _reason_to_leave(
        self,
        holding: Holding,
        verdict: Verdict,
        prices: Prices | None,
        state: TradingState,
        place: Round,
        now_ns: int,
    ) -> str:
        """Return why a position is closed at a close, empty if it is kept.

        What an operator asked for and failed is repeated, a bounded number of times.
        """
        if self._restrictions.incident(FLATTEN) is not None:
            return FLATTEN_REASON if holding.flattenings < ATTEMPTS_MAX else ""
        if self._closings.wants(holding):
            return OPERATOR_REASON
        if state is TradingState.HALTED:
            return ""
        position, terms = holding.position.fact, terms_of(holding)
        is_flat = self._settings.agents.supervisor.friday_flat
        is_opposite = verdict.side is position.side.opposite
        reason = first_exit(
            holding.is_naked and self._is_beyond_repair(holding, now_ns),
            is_flat and is_last_chance(self._settings, place.close_ns),
            prices is not None and is_left_before_a_jump(position, terms, prices),
            is_opposite and verdict.decision.blocked_by == POSITION_GATE,
            is_held_long_enough(self._settings, position, terms, place.close_ns),
        )
        return "" if reason == STAYS else EXITS[reason]

    def _lessened(
        self, holding: Holding, prices: Prices | None, state: TradingState, slot: Slot
    ) -> ExitIntent | None:
        if prices is None or state is TradingState.HALTED:
            return None
        return lessen(self._settings, holding, prices, slot)

    def _amendment(
        self, holding: Holding, prices: Prices | None, state: TradingState, slot: Slot
    ) -> AmendIntent | None:
        is_asked = holding.amended_ns >= slot.ts_event_ns
        if prices is None or is_asked or state is TradingState.HALTED:
            return None
        return tend_stop(self._settings, holding, prices, slot)

    def _prices(self, symbol: str, place: Round | None) -> Prices | None:
        quotes, spec = self._arbiter.quotes, self._arbiter.specs.get(symbol)
        quote = quotes.get(symbol) if place is None else self._arbiter.quote(place, symbol)
        if quote is None or spec is None:
            return None
        if place is None:
            return Prices(quote=quote.fact, spec=spec.fact, stop=self._stops.get(symbol))
        stop, event = place.stops.get(symbol), self._arbiter.event_ahead(place, symbol)
        return Prices(
            quote=quote.fact,
            spec=spec.fact,
            stop=None if stop is None else stop.fact,
            sigma_frac=self._sigma_frac(place, symbol),
            event_seq=0 if event is None else event.seq,
            event_from_ns=0 if event is None else event.fact.from_ns,
        )

    def _sigma_frac(self, place: Round, symbol: str) -> float:
        """Return the forecast's deviation, or, where it abstains, what the range stands for."""
        forecast, stop = self._arbiter.forecast(place, symbol), place.stops.get(symbol)
        if forecast is not None and not forecast.fact.abstains:
            return forecast.fact.sigma_frac
        if stop is None:
            return 0.0
        horizon_bars = self._settings.agents.lstm_vol.horizons_bars[0]
        price = place.bars[symbol].fact.close
        return float(sigma_from_range(stop.fact.atr, price, horizon_bars))

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
