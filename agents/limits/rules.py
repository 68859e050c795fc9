"""The rules that an entry must pass, in the order in which they are asked.

Every rule looks at one thing and answers with a refusal or nothing; `RULES` is the whole order. The
gate is total: whatever an intent or the facts beside it say, every rule answers, and a figure that
is no number is refused.
"""

from collections.abc import Callable
from math import inf, isfinite
from typing import NamedTuple

from agents.limits.candidate import Candidate
from agents.limits.reasons import Reason
from blackboard.facts import ACCOUNT
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from models.decision.drawdown import drawdown_frac
from models.decision.exposure import share_of_equity, signed_correlation
from models.market.sessions import MINUTE_NS, week_close_ns

MAJORS = frozenset({"EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD"})
"""Symbols with the narrower limit on the spread."""

TRADE_MODES_OF_SIDE = {Side.BUY: frozenset({1, 4}), Side.SELL: frozenset({2, 4})}
"""The terminal's trade modes in which a side may be opened: long only 1, short only 2, full 4."""


class Refusal(NamedTuple):
    """Why an entry may not be made: a figure that was not within its limit."""

    reason: Reason
    value: float
    limit: float
    detail: str = ""


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
    if seen is not None and seen.fact.state is FeedState.LIVE:
        return None
    return Refusal(
        Reason.FEED_STALE, 0.0, 1.0, "unknown" if seen is None else seen.fact.state.value
    )


def _quote_missing(case: Candidate) -> Refusal | None:
    seen = case.views.market.quotes.get(case.symbol)
    if seen is not None and seen.is_valid(case.now_ns):
        return None
    return Refusal(Reason.QUOTE_MISSING, 0.0, 1.0)


def _quote_age(case: Candidate) -> Refusal | None:
    age_min = (case.now_ns - case.views.market.quotes[case.symbol].ts_ns) / MINUTE_NS
    return _above(Reason.QUOTE_AGE, age_min, float(case.limits.quote_age_max_min))


def _spread(case: Candidate) -> Refusal | None:
    # Counted in whole points: in floats 1.1003 − 1.1 is more than three pips.
    points = round((case.quote.ask - case.quote.bid) / case.spec.point)
    spread_pips = points / round(case.spec.pip / case.spec.point)
    if case.symbol in MAJORS:
        return _above(Reason.SPREAD_MAJORS, spread_pips, case.limits.spread_majors_pips_max)
    return _above(Reason.SPREAD, spread_pips, case.limits.spread_pips_max)


def _friday_flat(case: Candidate) -> Refusal | None:
    left_min = (week_close_ns(case.now_ns) - case.now_ns) / MINUTE_NS
    if left_min > case.limits.friday_flat_min:
        return None
    return Refusal(Reason.FRIDAY_FLAT, left_min, float(case.limits.friday_flat_min))


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
    return _at_least(Reason.DAILY_LOSS, loss, case.limits.daily_loss_max)


def _weekly_loss(case: Candidate) -> Refusal | None:
    counters = case.views.account.counters
    assert counters is not None  # posted with the mark
    loss = float(drawdown_frac(case.mark.equity, counters.fact.week_start_equity))
    return _at_least(Reason.WEEKLY_LOSS, loss, case.limits.weekly_loss_max)


def _margin_use(case: Candidate) -> Refusal | None:
    use_frac = case.views.account.margin_use_frac
    return _at_least(Reason.MARGIN_USE, use_frac, case.limits.margin_use_max)


def _entries_per_day(case: Candidate) -> Refusal | None:
    limit = float(case.limits.entries_per_day_max)
    return _above(Reason.ENTRIES_PER_DAY, case.entries_today + 1.0, limit)


def _positions(case: Candidate) -> Refusal | None:
    return _above(Reason.POSITIONS, len(case.commitments) + 1.0, float(case.limits.positions_max))


def _positions_per_symbol(case: Candidate) -> Refusal | None:
    same = sum(held.symbol == case.symbol for held in case.commitments)
    limit = float(case.limits.positions_per_symbol_max)
    return _above(Reason.POSITIONS_PER_SYMBOL, same + 1.0, limit)


def _correlation(case: Candidate) -> Refusal | None:
    # A correlation that is not known refuses nothing here: heat adds the risks as if it were 1.
    known = {} if case.budget is None else {c.other: c for c in case.budget.fact.correlations}
    for held in case.commitments:
        if held.symbol in known:
            correlation = known[held.symbol].correlation
            signed = float(signed_correlation(case.intent.side.sign, held.side, correlation))
            if signed > case.limits.correlation_max:
                limit = case.limits.correlation_max
                return Refusal(Reason.CORRELATION, signed, limit, held.symbol)
    return None


def _not_finite(case: Candidate) -> Refusal | None:
    for name, value in case.figures:
        if not isfinite(value):
            return Refusal(Reason.NOT_FINITE, 0.0, 1.0, name)
    return None


def _no_edge(case: Candidate) -> Refusal | None:
    return None if case.kelly_frac > 0.0 else Refusal(Reason.NO_EDGE, case.kelly_frac, 0.0)


def _below_minimum_lot(case: Candidate) -> Refusal | None:
    if case.size.lots > 0.0:
        return None
    return Refusal(Reason.BELOW_MINIMUM_LOT, case.size.lots, case.spec.volume_min_lots)


def _heat(case: Candidate) -> Refusal | None:
    heat = sum(held.risk_frac for held in case.commitments) + case.size.risk_frac
    return _above(Reason.HEAT, heat, case.limits.heat_max)


def _leverage(case: Candidate) -> Refusal | None:
    gross = sum(held.notional for held in case.commitments) + case.size.notional
    # The share is bounded, which a NaN would pass through as the lower bound.
    leverage = float(share_of_equity(gross, case.mark.equity)) if isfinite(gross) else inf
    return _above(Reason.LEVERAGE, leverage, case.limits.leverage_max)


def _margin(case: Candidate) -> Refusal | None:
    snapshot = case.views.account.snapshot
    assert snapshot is not None  # the mark was made of it
    reserved = sum(held.notional for held in case.commitments if held.is_reserved)
    needed = (case.size.notional + reserved) / max(snapshot.fact.leverage, 1)
    return _above(Reason.MARGIN, needed, snapshot.fact.margin_free)


def _above(reason: Reason, value: float, limit: float) -> Refusal | None:
    # Asked this way round, a value that is no number is refused.
    return None if value <= limit else Refusal(reason, value, limit)


def _at_least(reason: Reason, value: float, limit: float) -> Refusal | None:
    return None if value < limit else Refusal(reason, value, limit)


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
    _quote_missing,
    _quote_age,
    _spread,
    # Is this a time to enter?
    _friday_flat,
    _calendar_unknown,
    _blackout,
    _losses_in_a_row,
    _cooldown,
    # Has enough been lost, or done, for now?
    _daily_loss,
    _weekly_loss,
    _margin_use,
    _entries_per_day,
    # Does it fit beside what is open?
    _positions,
    _positions_per_symbol,
    _correlation,
    # Does its size fit?
    _not_finite,
    _no_edge,
    _below_minimum_lot,
    _heat,
    _leverage,
    _margin,
)
"""Every rule, in the order asked; the first that refuses is the reason."""


def first_refusal(case: Candidate) -> Refusal | None:
    """Return the refusal of the first rule that does not pass."""
    for rule in RULES:
        refusal = rule(case)
        if refusal is not None:
            return refusal
    return None
