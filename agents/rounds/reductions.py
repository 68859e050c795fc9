"""What is asked for one position: the intents that leave it or tighten its stop.

Pure functions of a position, its terms and the market; whatever they return only reduces risk, or
the facts' constructors refuse it. When they are asked is said in `agents.rounds.care`.
"""

from typing import Final

import msgspec

from agents.intents import intent_id
from agents.rounds.holdings import Holding
from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    PositionChanged,
    Quote,
    SymbolSpec,
    TrailingStop,
)
from blackboard.facts.execution import Outcome
from config.settings import Settings
from models.decision.arbitration import round_trip_cost
from models.decision.exits import BLACKOUT, EXITS, UNAGREED, ExitTerms, is_time_up
from models.decision.jump import is_inside_jump, jump_distance, kept_lots
from models.decision.trailing import (
    KEPT,
    MEASURES,
    Levels,
    Stake,
    protective_stop,
    stop_gap,
    tended_stop,
)
from models.market.grid import closes_between
from models.market.sessions import MINUTE_NS, was_open_before, week_close_ns

REPAIR: Final = "missing stop"
BEFORE_JUMP: Final = EXITS[BLACKOUT]
"""Reason of an exit before an event, whole or in part."""
LOTS_DIGITS: Final = 8


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What the care of one symbol needs to know of the market."""

    quote: Quote
    spec: SymbolSpec
    stop: TrailingStop | None
    sigma_frac: float = 0.0
    """Standard deviation to the forecast's horizon; 0 where it is not known."""
    event_seq: int = 0
    """The blackout of an event that is ahead, 0 where none is."""
    event_from_ns: int = 0
    """When it begins."""

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


def terms_of(holding: Holding) -> ExitTerms:
    """Return the terms of a position's exit: those of its intent, whatever is set by now."""
    entry = holding.entry
    if entry is None:
        return UNAGREED
    return ExitTerms(
        break_even_r=entry.break_even_r,
        trail_from_r=entry.trail_from_r,
        trail_multiplier=entry.trail_multiplier,
        hold_bars_max=entry.hold_bars_max,
        jump_sigmas=entry.jump_sigmas,
        closes_before_jump=entry.closes_before_jump,
        lock_atr=entry.lock_atr,
    )


def expected_jump(position: PositionChanged, terms: ExitTerms, prices: Prices) -> float:
    """Return the jump that an event ahead may bring, in quote currency; 0 where none is ahead."""
    if not prices.event_seq:
        return 0.0
    price = prices.quote.bid if position.side.sign > 0 else prices.quote.ask
    return float(jump_distance(price, prices.sigma_frac, terms.jump_sigmas))


def is_left_before_a_jump(position: PositionChanged, terms: ExitTerms, prices: Prices) -> bool:
    """Whether a position is to be closed because an event ahead may jump through its stop.

    One without a stop is being repaired, or left for that.
    """
    jump, quote = expected_jump(position, terms, prices), prices.quote
    if not terms.closes_before_jump or jump <= 0.0 or position.stop_price == 0.0:
        return False
    return bool(is_inside_jump(position.side.sign, position.stop_price, quote.bid, quote.ask, jump))


def lessen(settings: Settings, holding: Holding, prices: Prices, slot: Slot) -> ExitIntent | None:
    """Return the wish to part with so much that an event's jump costs what the stop would.

    None where the terms do not ask for it, the jump ends before the stop, or it was done for this
    event already; what failed is asked for again at the next close before the event.
    """
    position, quote = holding.position.fact, prices.quote
    jump = expected_jump(position, terms_of(holding), prices)
    if not _is_lessened(holding) or jump <= 0.0:
        return None
    sign, stop_price = position.side.sign, position.stop_price
    is_inside = is_inside_jump(sign, stop_price, quote.bid, quote.ask, jump)
    if stop_price == 0.0 or not is_inside or _was_lessened(settings, holding, prices):
        return None
    price = quote.bid if sign > 0 else quote.ask
    kept = kept_lots(
        position.lots,
        sign * (price - stop_price),
        jump,
        prices.spec.volume_step_lots,
        prices.spec.volume_min_lots,
    )
    whole = leave(settings, holding, BEFORE_JUMP, slot)
    return msgspec.structs.replace(whole, lots=rounded_lots(position.lots - kept))


def rounded_lots(lots: float) -> float:
    """Return a difference of lots without the last bits of its floats."""
    return round(lots, LOTS_DIGITS)


def _is_lessened(holding: Holding) -> bool:
    return holding.entry is not None and holding.entry.reduces_before_jump


def _was_lessened(settings: Settings, holding: Holding, prices: Prices) -> bool:
    asked, outcome = holding.exit_intent, holding.exit_outcome
    is_for_it = holding.exited_ns >= prices.event_from_ns - settings.timeframe.length_ns
    is_done = outcome is not None and outcome.outcome is Outcome.FILLED
    return asked is not None and asked.reason == BEFORE_JUMP and is_for_it and is_done


def is_held_long_enough(
    settings: Settings, position: PositionChanged, terms: ExitTerms, close_ns: int
) -> bool:
    """Whether a position has been held through as many closes as its terms allow.

    Weekends are no bars. The clock counts no fewer closes than the market had, so the calendar is
    asked only where the clock would let the position go.
    """
    length_ns = settings.timeframe.length_ns
    by_the_clock = (close_ns - position.opened_ns) // length_ns + 1
    if not is_time_up(by_the_clock, terms.hold_bars_max):
        return False
    held = closes_between(position.opened_ns, close_ns, length_ns)
    return bool(is_time_up(held, terms.hold_bars_max))


def tend_stop(
    settings: Settings, holding: Holding, prices: Prices, slot: Slot
) -> AmendIntent | None:
    """Return the wish to tighten a stop at a close, None where it stays.

    Two commissions are what break-even has to earn: the spread lies between open and stop already.
    """
    position, terms, quote = holding.position.fact, terms_of(holding), prices.quote
    if position.stop_price == 0.0:
        return None
    stop = prices.stop
    levels = Levels(
        bid=quote.bid,
        ask=quote.ask,
        gap=prices.gap,
        point=prices.spec.point,
        atr=stop.atr if stop else 0.0,
        long_level=stop.long_stop_price if stop else 0.0,
        short_level=stop.short_stop_price if stop else 0.0,
        multiplier=stop.multiplier if stop else 0.0,
        cost_distance=round_trip_cost(
            0.0,
            settings.terminal.commission_per_lot,
            prices.spec.contract_size,
            quote.account_per_quote,
        ),
        # Where a position is lessened instead, its stop stays where it was planned.
        jump=0.0 if _is_lessened(holding) else expected_jump(position, terms, prices),
    )
    stake = Stake(
        position.side.sign, position.open_price, position.stop_price, holding.stop_distance
    )
    stop_price, measure = tended_stop(stake, terms, levels)
    if measure == KEPT or not stop_price > 0.0:
        return None
    return _amend(settings, position, float(stop_price), MEASURES[measure], slot)


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
