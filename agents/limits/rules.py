"""The rules that an entry must pass, in the order in which they are asked.

Every rule looks at one thing and answers with a refusal or nothing; `RULES` is the whole order. The
gate is total: whatever an intent or the facts beside it say, every rule answers, and a figure that
is no number is refused.
"""

from collections.abc import Callable
from math import inf

from agents.limits.candidate import Candidate
from agents.limits.reasons import Reason
from agents.limits.refusal import Refusal, above_limit, at_limit, within_rest
from agents.limits.stakes import (
    below_minimum_lot,
    correlated_heat,
    currency_risk,
    heat,
    leverage,
    leverage_profile,
    margin,
    no_edge,
    not_finite,
    slipped_heat,
)
from blackboard.facts import ACCOUNT
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from models.decision.drawdown import drawdown_frac
from models.decision.sizing import HALF
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    market_clock_ns,
    week_close_ns,
    week_open_ns,
)
from models.market.spreads import MAJORS

TRADE_MODES_OF_SIDE = {Side.BUY: frozenset({1, 4}), Side.SELL: frozenset({2, 4})}
"""The terminal's trade modes in which a side may be opened: long only 1, short only 2, full 4."""


Rule = Callable[[Candidate], Refusal | None]


def _no_account(case: Candidate) -> Refusal | None:
    if case.views.account.covers(case.seen.ts_ns):
        return None
    return Refusal(Reason.NO_ACCOUNT, 0.0, 1.0, "no reading of the account since the close")


def _expired(case: Candidate) -> Refusal | None:
    late_ns = case.now_ns - case.valid_until_ns
    return (
        None if late_ns <= 0 else Refusal(Reason.EXPIRED, late_ns / MINUTE_NS, 0.0, "minutes late")
    )


def _trading_state(case: Candidate) -> Refusal | None:
    if case.views.control.may_enter:
        return None
    state = case.views.control.state
    rank = len(TradingState) if state is None else state.fact.state.strictness
    name = "unknown" if state is None else state.fact.state.value
    return Refusal(Reason.TRADING_STATE, float(rank), float(TradingState.SAFE.strictness), name)


def _unanswered_breach(case: Candidate) -> Refusal | None:
    limit = case.views.account.unanswered_breach(case.views.control)
    if not limit:
        return None
    return Refusal(Reason(limit), case.mark.drawdown_frac, float(getattr(case.limits, limit)))


def _unanswered_command(case: Candidate) -> Refusal | None:
    command = case.views.control.unanswered_command
    if command is None:
        return None
    # The supervisor may be down: a person's word counts before the state that follows from it.
    return Refusal(Reason.UNANSWERED_COMMAND, 1.0, 0.0, command.fact.command.value)


def _agent_health(case: Candidate) -> Refusal | None:
    faulty = case.views.control.faulty_agent
    if faulty is None:
        return None
    return Refusal(Reason.AGENT_HEALTH, 1.0, 0.0, f"{faulty.scope} is {faulty.health.value}")


def _not_reconciled(case: Candidate) -> Refusal | None:
    reconciled = case.views.control.reconciled
    if reconciled is not None and reconciled.fact.is_clean:
        return None
    detail = "never compared" if reconciled is None else reconciled.fact.reason
    return Refusal(Reason.NOT_RECONCILED, 0.0, 1.0, detail)


def _symbol_frozen(case: Candidate) -> Refusal | None:
    intent_id = case.views.orders.unsettled_intent(case.symbol)
    return Refusal(Reason.SYMBOL_FROZEN, 1.0, 0.0, intent_id) if intent_id else None


def _symbol_closed(case: Candidate) -> Refusal | None:
    seen = case.views.market.specs.get(case.symbol)
    if seen is None:
        return Refusal(Reason.SYMBOL_CLOSED, 0.0, 1.0, "no specification")
    if seen.fact.trade_mode in TRADE_MODES_OF_SIDE[case.intent.side]:
        return None
    return Refusal(Reason.SYMBOL_CLOSED, float(seen.fact.trade_mode), 4.0, "trade mode")


def _feed_stale(case: Candidate) -> Refusal | None:
    seen = case.views.market.feeds.get(case.symbol)
    if seen is not None and seen.fact.state in (FeedState.LIVE, FeedState.UNVALUED):
        return None
    return Refusal(
        Reason.FEED_STALE, 0.0, 1.0, "unknown" if seen is None else seen.fact.state.value
    )


def _conversion_rate(case: Candidate) -> Refusal | None:
    # Without it the loss at a stop is not known in account currency, so no size is.
    seen = case.views.market.feeds.get(case.symbol)
    if seen is None or seen.fact.state is not FeedState.UNVALUED:
        return None
    return Refusal(Reason.CONVERSION_RATE, 0.0, 1.0, seen.fact.reason)


def _quote_missing(case: Candidate) -> Refusal | None:
    seen = case.views.market.quotes.get(case.symbol)
    if seen is not None and seen.is_valid(case.now_ns):
        return None
    return Refusal(Reason.QUOTE_MISSING, 0.0, 1.0)


def _quote_age(case: Candidate) -> Refusal | None:
    age_min = (case.now_ns - case.views.market.quotes[case.symbol].ts_ns) / MINUTE_NS
    return above_limit(Reason.QUOTE_AGE, age_min, float(case.limits.quote_age_max_min))


def _spread(case: Candidate) -> Refusal | None:
    points = case.views.market.spread_points(case.symbol)
    spread_pips = points / round(case.spec.pip / case.spec.point)
    if case.symbol in MAJORS:
        return above_limit(Reason.SPREAD_MAJORS, spread_pips, case.limits.spread_majors_pips_max)
    return above_limit(Reason.SPREAD, spread_pips, case.limits.spread_pips_max)


def _spread_median(case: Candidate) -> Refusal | None:
    market, limits = case.views.market, case.limits
    usual = market.usual_spread_points(case.symbol, limits.spread_samples_min)
    # Silent while too little is known: the fixed ceilings hold. A median of 0 has no multiples.
    if not usual > 0.0:
        return None
    multiple = market.spread_points(case.symbol) / usual
    return above_limit(Reason.SPREAD_MEDIAN, multiple, limits.spread_median_max)


def _friday_flat(case: Candidate) -> Refusal | None:
    left_min = (week_close_ns(case.now_ns) - case.now_ns) / MINUTE_NS
    if left_min > case.limits.friday_flat_min:
        return None
    return Refusal(Reason.FRIDAY_FLAT, left_min, float(case.limits.friday_flat_min))


def _week_open(case: Candidate) -> Refusal | None:
    since_min = (case.now_ns - week_open_ns(case.now_ns)) / MINUTE_NS
    return within_rest(Reason.WEEK_OPEN, since_min, float(case.limits.week_open_rest_min))


def _rollover(case: Candidate) -> Refusal | None:
    into_day_ns = market_clock_ns(case.now_ns) % DAY_NS
    away_min = min(into_day_ns, DAY_NS - into_day_ns) / MINUTE_NS
    return within_rest(Reason.ROLLOVER, away_min, float(case.limits.rollover_min))


def _calendar_unknown(case: Candidate) -> Refusal | None:
    if case.views.advice.coverage(case.now_ns) is not Coverage.UNKNOWN:
        return None
    return Refusal(Reason.CALENDAR_UNKNOWN, 0.0, 1.0)


def _blackout(case: Candidate) -> Refusal | None:
    seen = case.views.advice.blackout(case.symbol, case.now_ns)
    if seen is None:
        return None
    left_min = (seen.fact.valid_until_ns - case.now_ns) / MINUTE_NS
    return Refusal(Reason.BLACKOUT, left_min, 0.0, f"{seen.fact.currency} {seen.fact.event}")


def _losses_in_a_row(case: Candidate) -> Refusal | None:
    lock = case.views.locks.holding(ACCOUNT, case.intent.side, case.now_ns)
    if lock is None:
        return None
    losses = case.views.account.tally.consecutive_losses
    return Refusal(
        Reason.LOSSES_IN_A_ROW,
        float(losses),
        float(case.limits.consecutive_losses_max),
        lock.reason,
    )


def _cooldown(case: Candidate) -> Refusal | None:
    lock = case.views.locks.holding(case.symbol, case.intent.side, case.now_ns)
    if lock is None:
        return None
    left_min = (lock.valid_until_ns - case.now_ns) / MINUTE_NS
    return Refusal(Reason(lock.reason), left_min, 0.0, "minutes left")


def _daily_loss(case: Candidate) -> Refusal | None:
    counters = case.views.account.counters
    assert counters is not None  # posted with the mark
    loss = float(drawdown_frac(case.mark.equity, counters.fact.start_equity))
    return at_limit(Reason.DAILY_LOSS, loss, case.limits.daily_loss_max)


def _weekly_loss(case: Candidate) -> Refusal | None:
    counters = case.views.account.counters
    assert counters is not None  # posted with the mark
    loss = float(drawdown_frac(case.mark.equity, counters.fact.week_start_equity))
    return at_limit(Reason.WEEKLY_LOSS, loss, case.limits.weekly_loss_max)


def _margin_use(case: Candidate) -> Refusal | None:
    use_frac = case.views.account.margin_use_frac
    return at_limit(Reason.MARGIN_USE, use_frac, case.limits.margin_use_max)


def _entries_per_hour(case: Candidate) -> Refusal | None:
    limit = float(case.limits.entries_per_hour_max)
    return above_limit(Reason.ENTRIES_PER_HOUR, case.entries.of_hour + 1.0, limit)


def _entries_per_day(case: Candidate) -> Refusal | None:
    limit = float(case.limits.entries_per_day_max)
    return above_limit(Reason.ENTRIES_PER_DAY, case.entries.of_day + 1.0, limit)


def _positions(case: Candidate) -> Refusal | None:
    return above_limit(
        Reason.POSITIONS, len(case.commitments) + 1.0, float(case.limits.positions_max)
    )


def _positions_per_symbol(case: Candidate) -> Refusal | None:
    same = sum(held.symbol == case.symbol for held in case.commitments)
    limit = float(case.limits.positions_per_symbol_max)
    return above_limit(Reason.POSITIONS_PER_SYMBOL, same + 1.0, limit)


def _correlation(case: Candidate) -> Refusal | None:
    if not case.same_bets:
        return None
    # Less than the floor of a halved chain is no entry: its costs would be most of it.
    if case.limits.risk_frac_min * HALF <= case.shared_frac < inf:
        return None
    held, signed = case.same_bets[0]
    return Refusal(Reason.CORRELATION, signed, case.limits.correlation_max, held.symbol)


RULES: tuple[Rule, ...] = (
    # Is there an account, and is it still time?
    _no_account,
    _expired,
    # May the system enter anything?
    _trading_state,
    _unanswered_breach,
    _unanswered_command,
    _agent_health,
    _not_reconciled,
    # May the symbol be entered, at a price that can be trusted?
    _symbol_frozen,
    _symbol_closed,
    _feed_stale,
    _conversion_rate,
    _quote_missing,
    _quote_age,
    _spread,
    _spread_median,
    # Is this a time to enter?
    _friday_flat,
    _week_open,
    _rollover,
    _calendar_unknown,
    _blackout,
    _losses_in_a_row,
    _cooldown,
    # Has enough been lost, or done, for now?
    _daily_loss,
    _weekly_loss,
    _margin_use,
    _entries_per_hour,
    _entries_per_day,
    # Does it fit beside what is open?
    _positions,
    _positions_per_symbol,
    _correlation,
    # Does its size fit?
    not_finite,
    no_edge,
    below_minimum_lot,
    heat,
    correlated_heat,
    currency_risk,
    slipped_heat,
    leverage,
    leverage_profile,
    margin,
)
"""Every rule, in the order asked; the first that refuses is the reason."""


def first_refusal(case: Candidate) -> Refusal | None:
    """Return the refusal of the first rule that does not pass."""
    for rule in RULES:
        refusal = rule(case)
        if refusal is not None:
            return refusal
    return None
