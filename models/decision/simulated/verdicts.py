"""May an intent become an order, and of what size: mirrors `agents.limits.rules`, in its order.

Only what a run without faults can meet is asked. Intents of one close are judged one after the
other, each beside what the ones before it have reserved.
"""

import math

import numpy as np

from models.decision import sizing
from models.decision.drawdown import drawdown_frac
from models.decision.exposure import (
    share_of_equity,
    signed_correlation,
)
from models.decision.simulated.calendar import day_of
from models.decision.simulated.columns import NOT_CONFIGURED, UNKNOWN, World
from models.decision.simulated.compiling import part
from models.decision.simulated.locks import held_by
from models.decision.simulated.prices import DAY_NS, MINUTE_NS
from models.decision.simulated.record import (
    APPROVED,
    BELOW_MINIMUM_LOT,
    BLACKOUT,
    CALENDAR_UNKNOWN,
    CORRELATION,
    DAILY_LOSS,
    DRAWDOWN_HALTED,
    DRAWDOWN_REDUCING,
    ENTRIES_PER_DAY,
    ENTRIES_PER_HOUR,
    FEED_STALE,
    FRIDAY_FLAT,
    LOSSES_IN_A_ROW,
    MARGIN_USE,
    NO_EDGE,
    NOT_FINITE,
    POSITIONS,
    POSITIONS_PER_SYMBOL,
    QUOTE_AGE,
    QUOTE_MISSING,
    ROLLOVER,
    SPREAD,
    SPREAD_MAJORS,
    SPREAD_MEDIAN,
    SYMBOL_CLOSED,
    TRADING_STATE,
    WEEK_OPEN,
    WEEKLY_LOSS,
)
from models.decision.simulated.restrictions import PROBATION, REDUCING, SAFE, stage_at
from models.decision.simulated.rounds import learned
from models.decision.simulated.stakes import (
    NO_SIZE,
    Commitments,
    Size,
    Wish,
    notional_of,
    put,
    refusal_of_heat,
    refusal_of_notional,
)
from models.decision.simulated.standing import HALTED_LIMIT, REDUCING_LIMIT, Book


@part
def judge(world: World, book: Book, found: Commitments, wish: Wish) -> tuple[int, Size]:
    """Return the first rule that refuses a wish, `APPROVED` if none does, and its size."""
    refusal = _refusal_of_system(world, book, wish)
    if refusal == APPROVED:
        refusal = _refusal_of_price(world, wish)
    if refusal == APPROVED:
        refusal = _refusal_of_time(world, book, wish)
    if refusal == APPROVED:
        refusal = _refusal_of_losses(world, book, wish)
    if refusal == APPROVED:
        refusal = _refusal_beside(world, found, wish)
    if refusal != APPROVED:
        return refusal, NO_SIZE
    return _sized(world, book, found, wish)


@part
def _refusal_of_system(world: World, book: Book, wish: Wish) -> int:
    terms = world.contracts[wish.symbol]
    if wish.state >= REDUCING:
        return TRADING_STATE
    if not book.account[0].is_answered:
        if book.is_raised[HALTED_LIMIT]:
            return DRAWDOWN_HALTED
        if book.is_raised[REDUCING_LIMIT]:
            return DRAWDOWN_REDUCING
    may_open = terms.may_buy if wish.side > 0 else terms.may_sell
    return APPROVED if may_open else SYMBOL_CLOSED


@part
def _refusal_of_price(world: World, wish: Wish) -> int:
    view, figures = world.views[wish.row, wish.symbol], world.figures[0]
    if not view.is_live:
        return FEED_STALE
    if view.quote_ns < 0 or wish.now_ns > view.quote_valid_until_ns:
        return QUOTE_MISSING
    if not (wish.now_ns - view.quote_ns) / MINUTE_NS <= figures.quote_age_max_min:
        return QUOTE_AGE
    terms = world.contracts[wish.symbol]
    points = float(np.rint((view.ask - view.bid) / terms.point))
    if terms.is_major and not points / terms.pip_points <= figures.spread_majors_pips_max:
        return SPREAD_MAJORS
    if not terms.is_major and not points / terms.pip_points <= figures.spread_pips_max:
        return SPREAD
    usual = view.usual_spread_points
    if usual > 0.0 and not points / usual <= figures.spread_median_max:
        return SPREAD_MEDIAN
    return APPROVED


@part
def _refusal_of_time(world: World, book: Book, wish: Wish) -> int:
    close, figures = world.closes[wish.row], world.figures[0]
    if not (close.week_close_ns - wish.now_ns) / MINUTE_NS > figures.friday_flat_min:
        return FRIDAY_FLAT
    if _is_within((wish.now_ns - close.week_open_ns) / MINUTE_NS, figures.week_open_rest_min):
        return WEEK_OPEN
    into_day_ns = wish.now_ns - world.days[day_of(world, wish.now_ns)].start_ns
    away_ns = min(into_day_ns, DAY_NS - into_day_ns)
    if _is_within(away_ns / MINUTE_NS, figures.rollover_min):
        return ROLLOVER
    if close.coverage == UNKNOWN:
        return CALENDAR_UNKNOWN
    if world.views[wish.row, wish.symbol].is_blackout:
        return BLACKOUT
    if wish.now_ns < book.account[0].lock_ns:
        return LOSSES_IN_A_ROW
    return held_by(book, wish.symbol, wish.side, wish.now_ns)


@part
def _is_within(value_min: float, rest_min: float) -> bool:
    return rest_min != 0.0 and not value_min > rest_min


@part
def entries_today(world: World, book: Book, now_ns: int) -> int:
    """Return the approvals of the trading day so far."""
    account = book.account[0]
    return account.entries if account.entry_day == day_of(world, now_ns) else 0


@part
def _refusal_of_losses(world: World, book: Book, wish: Wish) -> int:
    account, figures = book.account[0], world.figures[0]
    if not drawdown_frac(account.equity, account.day_equity) < figures.daily_loss_max:
        return DAILY_LOSS
    if not drawdown_frac(account.equity, account.week_equity) < figures.weekly_loss_max:
        return WEEKLY_LOSS
    if not account.margin_use_frac < figures.margin_use_max:
        return MARGIN_USE
    if not wish.entries_of_hour + 1.0 <= figures.entries_per_hour_max:
        return ENTRIES_PER_HOUR
    if not entries_today(world, book, wish.now_ns) + 1.0 <= figures.entries_per_day_max:
        return ENTRIES_PER_DAY
    return APPROVED


@part
def _refusal_beside(world: World, found: Commitments, wish: Wish) -> int:
    figures, same = world.figures[0], 0
    if not found.stakes[0] + 1.0 <= figures.positions_max:
        return POSITIONS
    for place in range(found.stakes[0]):
        same += found.symbol[place] == wish.symbol
    if not same + 1.0 <= figures.positions_per_symbol_max:
        return POSITIONS_PER_SYMBOL
    shared_frac = shared_with(world, found, wish)
    if shared_frac == math.inf:
        return APPROVED
    # Less than the floor of a halved chain is no entry: its costs would be most of it.
    is_enough = figures.shares_same_bets and figures.risk_frac_min * sizing.HALF <= shared_frac
    return APPROVED if is_enough else CORRELATION


@part
def shared_with(world: World, found: Commitments, wish: Wish) -> float:
    """Return what is left of the budgets of the same bets in other symbols, infinite without any.

    A correlation that is not known makes no same bet.
    """
    shared_frac = math.inf
    for place in range(found.stakes[0]):
        other = found.symbol[place]
        correlation = world.correlation[wish.row, wish.symbol, other]
        signed = signed_correlation(wish.side, found.side[place], correlation)
        if other != wish.symbol and signed > world.figures[0].correlation_max:
            left = sizing.shared_budget_frac(found.entry_frac[place], found.risk_frac[place])
            shared_frac = min(shared_frac, left)
    return shared_frac


@part
def _kelly(wish: Wish) -> float:
    reward_risk = wish.target_distance / wish.stop_distance
    if not 0.0 < reward_risk < math.inf:
        return math.nan
    probability = sizing.target_probability(wish.expected_value_r, reward_risk)
    return sizing.kelly_frac(probability, reward_risk)


@part
def _budget_frac(world: World, book: Book, wish: Wish, kelly: float) -> float:
    account, figures, close = book.account[0], world.figures[0], world.closes[wish.row]
    base = learned(close.risk_frac, figures.risk_frac, wish.state)
    is_probation = stage_at(world, book, wish.now_ns) == PROBATION
    drawdown = account.drawdown_frac
    if is_probation and account.probation_mark > 0.0:
        drawdown = drawdown_frac(account.equity, account.probation_mark)
    is_half = wish.state == SAFE or is_probation
    view = world.views[wish.row, wish.symbol]
    news = sizing.news_factor(
        close.coverage == NOT_CONFIGURED,
        -wish.side * view.lean,
        view.event_hours,
        figures.news_risk_hours,
    )
    return sizing.risk_budget_frac(
        base,
        sizing.drawdown_factor(drawdown, figures.drawdown_sizing),
        view.multiplier,
        sizing.confidence_factor(base, kelly),
        news,
        sizing.HALF if is_half else 1.0,
        figures.risk_frac_min,
        figures.risk_frac_max,
    )


@part
def _sized(world: World, book: Book, found: Commitments, wish: Wish) -> tuple[int, Size]:
    account, terms = book.account[0], world.contracts[wish.symbol]
    view = world.views[wish.row, wish.symbol]
    kelly = _kelly(wish)
    budget_frac = _budget_frac(world, book, wish, kelly)
    if world.figures[0].shares_same_bets:
        budget_frac = min(budget_frac, shared_with(world, found, wish))
    loss = sizing.loss_per_lot(
        wish.stop_distance,
        view.ask - view.bid,
        terms.contract_size,
        view.account_per_quote,
        world.figures[0].commission_per_lot,
    )
    is_finite = math.isfinite(kelly) and math.isfinite(budget_frac) and math.isfinite(loss)
    if not (is_finite and loss > 0.0 and math.isfinite(wish.expected_value_r)):
        return NOT_FINITE, NO_SIZE
    if not kelly > 0.0:
        return NO_EDGE, NO_SIZE
    lots = sizing.lots_at_risk(
        account.equity,
        budget_frac,
        loss,
        terms.volume_step_lots,
        terms.volume_min_lots,
        terms.volume_max_lots,
    )
    if not lots > 0.0:
        return BELOW_MINIMUM_LOT, NO_SIZE
    size = Size(
        lots,
        min(share_of_equity(lots * loss, account.equity), budget_frac),
        lots * loss,
        notional_of(world, wish.row, wish.symbol, lots),
    )
    put(found, wish, size)
    refusal = refusal_of_heat(world, found, wish)
    if refusal == APPROVED:
        refusal = refusal_of_notional(world, book, found, size)
    return refusal, size
