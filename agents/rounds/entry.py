"""The intent of a decision that enters: its prices, its terms, and how it meets the market.

Where the style is adaptive, the forecast calm and no event ahead, the entry rests at a limit; stop
and target then count from the limit, and so does what it may slip.
"""

from agents.rounds.arbiter import Arbiter, Plan, Verdict
from agents.rounds.attempts import entry_id
from agents.rounds.round import Round
from blackboard.entry import Draft
from blackboard.facts import OrderIntent
from blackboard.facts.decision import Side
from config.settings import Settings
from models.decision.entries import is_calm, resting_distance, resting_end_ns, resting_price
from models.market.sessions import MINUTE_NS, week_close_ns

AT_MARKET = 0.0, 0
"""Limit and expiry of an entry at the market."""


def entry_draft(
    settings: Settings, arbiter: Arbiter, place: Round, verdict: Verdict, decision_slot: str
) -> Draft:
    """Return the intent that a decision to enter leads to."""
    decision, plan, side = verdict.decision, verdict.plan, verdict.side
    assert plan is not None, "the gate of the expected value passed, so there is a price"
    assert side is not None, "the gate of the confidence passed, so there is a side"
    exits, close_ns = settings.trading.exits, place.close_ns
    limit_price, expires_ns = _resting(settings, arbiter, place, decision.scope, side, plan)
    # On a long timeframe its price grows too old before the next close.
    lasts_ns = min(settings.timeframe.length_ns, settings.agents.risk.quote_age_max_min * MINUTE_NS)
    intent = OrderIntent(
        scope=decision.scope,
        valid_until_ns=close_ns + lasts_ns,
        intent_id=entry_id(settings, decision.scope, close_ns, 1),
        timeframe=settings.timeframe,
        side=side,
        attempt=1,
        reference_price=limit_price or (plan.ask if side is Side.BUY else plan.bid),
        stop_distance=plan.stop_distance,
        target_distance=plan.target_distance,
        confidence=decision.confidence,
        expected_value_r=decision.expected_value_r,
        break_even_r=exits.break_even_r,
        trail_from_r=exits.trail_from_r,
        trail_multiplier=settings.agents.technical.chandelier_multiplier,
        hold_bars_max=exits.hold_bars_max,
        jump_sigmas=exits.jump_sigmas,
        closes_before_jump=exits.before_jump == "close",
        lock_atr=exits.lock_atr,
        reduces_before_jump=exits.before_jump == "reduce",
        limit_price=limit_price,
        expires_ns=expires_ns,
    )
    return Draft(
        fact=intent,
        ts_event_ns=close_ns,
        timeframe=settings.timeframe.value,
        ordinal="1",
        causes=(decision_slot,),
    )


def _resting(
    settings: Settings, arbiter: Arbiter, place: Round, symbol: str, side: Side, plan: Plan
) -> tuple[float, int]:
    entries = settings.trading.entries
    forecast, spec = arbiter.forecast(place, symbol), arbiter.specs[symbol].fact
    if entries.style == "market" or forecast is None or arbiter.event_ahead(place, symbol):
        return AT_MARKET
    has_forecast, vol_ratio = not forecast.fact.abstains, forecast.fact.vol_ratio
    if not is_calm(has_forecast, vol_ratio, entries.calm_vol_ratio_max):
        return AT_MARKET
    expires_ns = resting_end_ns(
        place.close_ns,
        entries.limit_bars,
        settings.timeframe.length_ns,
        week_close_ns(place.close_ns),
        settings.agents.risk.friday_flat_min,
    )
    atr = place.stops[symbol].fact.atr
    distance = resting_distance(entries.limit_atr, atr, spec.stops_level_points, spec.point)
    limit_price = resting_price(side.sign, plan.bid, plan.ask, distance, spec.digits)
    if limit_price <= 0.0 or expires_ns <= place.close_ns:
        return AT_MARKET
    return float(limit_price), int(expires_ns)
