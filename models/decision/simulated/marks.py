"""The account against its marks, reading by reading: mirrors `agents.limits.account`.

A reading marks equity, begins days and weeks, and raises the limits that are reached; each is
raised once until it has been below again.
"""

from models.decision.booking import booked_profit, money
from models.decision.drawdown import (
    MARK_MIN,
    advance_mark,
    drawdown_frac,
    first_mark,
    shifted_start,
)
from models.decision.exposure import share_of_equity
from models.decision.simulated.calendar import day_of
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import making_arrays, part
from models.decision.simulated.prices import profit_rate, quote
from models.decision.simulated.restrictions import (
    PROBATION,
    REDUCING,
    draw_consequences,
    note_time,
    stage_at,
    state_at,
)
from models.decision.simulated.standing import (
    DAILY_LIMIT,
    DRAWDOWN_LIMITS,
    HALTED_LIMIT,
    MARGIN_LIMIT,
    REDUCING_LIMIT,
    WATCHED,
    WEEKLY_LIMIT,
    Book,
)


@part
def floating_total(world: World, book: Book, now_ns: int) -> float:
    """Return the profit of all open positions now, swaps included."""
    total = 0.0
    for place in range(book.account[0].held):
        symbol = book.held[place]
        position = book.positions[symbol]
        bid, ask = quote(world, book, symbol, now_ns)
        profit = booked_profit(
            position.side,
            position.open_price,
            bid if position.side > 0 else ask,
            world.contracts[symbol].contract_size,
            position.lots,
            profit_rate(world, book, symbol, now_ns),
        )
        total += profit + position.swap
    return money(total)


@part
def margin_in_use(book: Book) -> float:
    """Return what is held back for open positions."""
    total = 0.0
    for place in range(book.account[0].held):
        total += book.positions[book.held[place]].margin
    return money(total)


@part
def read_account(world: World, book: Book, now_ns: int, imposed: int) -> None:
    """Take one reading of the account: mark it, count its day, and raise what is reached."""
    account = book.account[0]
    note_time(world, book, now_ns)
    equity = money(account.balance + floating_total(world, book, now_ns))
    margin = margin_in_use(book)
    _begin_periods(world, book, equity, now_ns)
    probation_mark = _probation_mark(world, book, equity, now_ns, imposed)
    is_first = account.mark == 0.0
    if is_first:
        account.mark = first_mark(equity, world.figures[0].deposit, world.figures[0].deposit)
    else:
        account.mark = advance_mark(account.mark, 0.0, equity)
    account.equity, account.margin_free = equity, money(equity - margin)
    account.margin_use_frac = share_of_equity(margin, equity) if margin != 0.0 else 0.0
    account.drawdown_frac = drawdown_frac(equity, account.mark)
    begins_anew = not is_first and _begins_anew(account.probation_mark, probation_mark, equity)
    account.probation_mark = probation_mark
    account.snapshot_ns, account.has_changed = now_ns, False
    _raise_limits(world, book, now_ns, begins_anew)


@part
def _begin_periods(world: World, book: Book, equity: float, now_ns: int) -> None:
    account, day = book.account[0], day_of(world, now_ns)
    started = max(equity, MARK_MIN)
    is_first = account.day < 0
    is_new_week = is_first or (world.days[day].week != world.days[account.day].week)
    week_equity = account.week_equity
    day_equity = account.day_equity
    account.week_equity = started if is_new_week else shifted_start(week_equity, 0.0)
    account.day_equity = (
        started if is_first or day != account.day else shifted_start(day_equity, 0.0)
    )
    account.day = day


@part
def _probation_mark(world: World, book: Book, equity: float, now_ns: int, imposed: int) -> float:
    # It outlives the probation until the drawdown from the high-water mark has healed.
    account = book.account[0]
    is_unhealed = book.is_unhealed[HALTED_LIMIT] or book.is_unhealed[REDUCING_LIMIT]
    is_probation = stage_at(world, book, now_ns) == PROBATION
    if account.mark == 0.0 or not (is_probation or is_unhealed):
        return 0.0
    is_raised = book.is_raised[HALTED_LIMIT] or book.is_raised[REDUCING_LIMIT]
    may_enter = state_at(world, book, now_ns, imposed) < REDUCING
    is_answered = account.is_answered or not is_raised
    if (account.probation_mark == 0.0 or is_raised) and may_enter and is_answered:
        return max(equity, MARK_MIN)
    if account.probation_mark == 0.0:
        return 0.0
    return advance_mark(account.probation_mark, 0.0, equity)


@part
def _breaker_value(book: Book, limit: int) -> float:
    account = book.account[0]
    if book.has_begun_anew[limit] and account.probation_mark > 0.0:
        return drawdown_frac(account.equity, account.probation_mark)
    return account.drawdown_frac


@part
def _value_of(book: Book, limit: int) -> float:
    account = book.account[0]
    if limit < DRAWDOWN_LIMITS:
        return _breaker_value(book, limit)
    if limit == DAILY_LIMIT:
        return drawdown_frac(account.equity, account.day_equity)
    if limit == WEEKLY_LIMIT:
        return drawdown_frac(account.equity, account.week_equity)
    return account.margin_use_frac


@part
def threshold_of(world: World, limit: int) -> float:
    """Return the value at which a watched limit is reached."""
    figures = world.figures[0]
    if limit == HALTED_LIMIT:
        return figures.drawdown_halted
    if limit == REDUCING_LIMIT:
        return figures.drawdown_reducing
    if limit == DAILY_LIMIT:
        return figures.daily_loss_max
    if limit == WEEKLY_LIMIT:
        return figures.weekly_loss_max
    assert limit == MARGIN_LIMIT
    return figures.margin_use_max


@making_arrays
def _raise_limits(world: World, book: Book, now_ns: int, begins_anew: bool) -> None:
    account, fresh = book.account[0], book.is_raised.copy()
    for limit in range(WATCHED):
        fresh[limit] = _is_exceeded(world, book, limit) and not book.is_raised[limit]
    if begins_anew:
        for limit in range(DRAWDOWN_LIMITS):
            book.has_begun_anew[limit] |= book.is_raised[limit]
    for limit in range(WATCHED):
        book.is_raised[limit] &= _is_exceeded(world, book, limit)
    for limit in range(DRAWDOWN_LIMITS):
        if account.drawdown_frac < threshold_of(world, limit):
            book.is_unhealed[limit] = book.has_begun_anew[limit] = False
    for limit in range(WATCHED):
        if fresh[limit]:
            book.is_raised[limit] = True
            if limit < DRAWDOWN_LIMITS:
                book.is_unhealed[limit] = True
            draw_consequences(world, book, limit, now_ns)


@part
def _is_exceeded(world: World, book: Book, limit: int) -> bool:
    return _value_of(book, limit) >= threshold_of(world, limit)


@part
def _begins_anew(before: float, after: float, equity: float) -> bool:
    """Whether a probation's mark was set to the equity and not continued: continued, none falls."""
    if after == 0.0 or before == 0.0:
        return after > 0.0
    return after < advance_mark(before, 0.0, equity)
