"""What leaves at a close: exits, then moved stops, then entries, which meet its quote or rest.

Mirrors `agents.rounds.care` and `reductions` for what is wanted, and `agents.orders.submission` for
what is sent.
"""

import numpy as np

from models.decision.arbitration import POSITION, round_trip_cost
from models.decision.exits import STAYS, ExitTerms, first_exit, is_time_up
from models.decision.fills import normalised, tightened
from models.decision.jump import is_inside_jump, jump_distance
from models.decision.simulated.calendar import next_day_ns
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import part
from models.decision.simulated.locks import BOTH, rest
from models.decision.simulated.opening import Opening, can_pay, open_position
from models.decision.simulated.prices import MINUTE_NS, profit_rate, quote
from models.decision.simulated.record import (
    APPROVED,
    FIRST_EXIT,
    NO_MONEY,
    NO_PROTECTION,
    SLIPPAGE,
    STOPS_LEVEL,
)
from models.decision.simulated.resting import rest_order
from models.decision.simulated.restrictions import HALTED
from models.decision.simulated.rounds import Rulings, has_quote
from models.decision.simulated.settlement import settle
from models.decision.simulated.stakes import Size, Wish
from models.decision.simulated.standing import NO_MONEY_INCIDENT, Book, Record
from models.decision.trailing import KEPT, Levels, Stake, stop_gap, tended_stop


@part
def is_last_chance(world: World, row: int) -> bool:
    """Whether a close is the last, or after the last, at which to be flat before the weekend."""
    close, figures = world.closes[row], world.figures[0]
    flat_from_ns = close.week_close_before_ns - figures.friday_flat_min * MINUTE_NS
    is_near = flat_from_ns < close.close_ns + figures.length_ns
    return close.was_open and is_near and close.close_ns < close.week_close_before_ns


@part
def expected_jump(world: World, row: int, symbol: int, side: int) -> float:
    """Return the jump that an event ahead may bring, 0 where none is ahead."""
    view = world.views[row, symbol]
    if not view.is_event_ahead:
        return 0.0
    price = view.bid if side > 0 else view.ask
    return jump_distance(price, view.sigma_frac, world.figures[0].jump_sigmas)


@part
def _is_left_before_a_jump(world: World, row: int, symbol: int, position: Record) -> bool:
    view = world.views[row, symbol]
    jump = expected_jump(world, row, symbol, position.side)
    if not (world.figures[0].closes_before_jump and jump > 0.0 and has_quote(world, row, symbol)):
        return False
    return is_inside_jump(position.side, position.stop, view.bid, view.ask, jump)


@part
def reason_to_leave(world: World, book: Book, row: int, symbol: int, found: Rulings) -> int:
    """Return the place in `EXITS` of why a position is closed at a close, `STAYS` if it is kept."""
    position, figures = book.positions[symbol], world.figures[0]
    is_opposite = found.side[symbol] == -position.side
    bars_held = world.closes[row].number - position.opened_number
    return first_exit(
        False,
        figures.friday_flat and is_last_chance(world, row),
        _is_left_before_a_jump(world, row, symbol, position),
        is_opposite and found.blocked_by[symbol] == POSITION,
        is_time_up(bars_held, figures.hold_bars_max),
    )


@part
def tend(world: World, book: Book, trades: Record, row: int, found: Rulings, state: int) -> None:
    """Close what is to be closed, then move the stops of what stays; nothing if it is closed."""
    now_ns = world.closes[row].close_ns
    if not world.closes[row].is_open or state == HALTED:
        return
    for symbol in range(found.side.shape[0]):
        position = book.positions[symbol]
        if position.side != 0 and world.views[row, symbol].has_bar:
            reason = reason_to_leave(world, book, row, symbol, found)
            if reason != STAYS:
                bid, ask = quote(world, book, symbol, now_ns)
                price = bid if position.side > 0 else ask
                rate = profit_rate(world, book, symbol, now_ns)
                settle(world, book, trades, symbol, price, rate, now_ns, FIRST_EXIT + reason)
            else:
                _tighten(world, book, row, symbol)


@part
def _terms_of(world: World) -> ExitTerms:
    figures = world.figures[0]
    return ExitTerms(
        figures.break_even_r,
        figures.trail_from_r,
        figures.trail_multiplier,
        figures.hold_bars_max,
        figures.jump_sigmas,
        figures.closes_before_jump,
        figures.lock_atr,
    )


@part
def _levels_of(world: World, row: int, symbol: int, side: int) -> Levels:
    view, terms = world.views[row, symbol], world.contracts[symbol]
    return Levels(
        view.bid,
        view.ask,
        stop_gap(view.bid, view.ask, terms.stops_level_points, terms.point),
        terms.point,
        view.atr,
        view.long_stop_price,
        view.short_stop_price,
        view.chandelier_multiplier,
        round_trip_cost(
            0.0,
            world.figures[0].commission_per_lot,
            terms.contract_size,
            view.account_per_quote,
        ),
        expected_jump(world, row, symbol, side),
    )


@part
def _tighten(world: World, book: Book, row: int, symbol: int) -> None:
    view, terms = world.views[row, symbol], world.contracts[symbol]
    position = book.positions[symbol]
    if not has_quote(world, row, symbol):
        return
    level, side = terms.stops_level_points, position.side
    stop, measure = tended_stop(
        Stake(side, position.open_price, position.stop, position.stop_distance),
        _terms_of(world),
        _levels_of(world, row, symbol, side),
    )
    if measure == KEPT or not stop > 0.0:
        return
    stop = tightened(stop, side, terms.digits)
    is_looser = (stop - position.stop) * side < 0.0
    room = ((view.bid if side > 0 else view.ask) - stop) * side
    if stop == position.stop or is_looser or room < level * terms.point:
        return
    if _keeps_level(world, book, symbol, world.closes[row].close_ns, side, stop):
        position.stop = stop
        book.account[0].has_changed = True


@part
def _keeps_level(
    world: World, book: Book, symbol: int, now_ns: int, side: int, stop: float
) -> bool:
    """Whether the broker takes a stop for its place, beside the price that closes the position."""
    terms = world.contracts[symbol]
    bid, ask = quote(world, book, symbol, now_ns)
    distance = side * ((bid if side > 0 else ask) - stop) / terms.point
    return float(np.rint(distance)) >= terms.stops_level_points


@part
def enter(world: World, book: Book, trades: Record, wish: Wish, size: Size, found: Rulings) -> int:
    """Send an approved entry and return why it made no position, `APPROVED` if it made one."""
    symbol, side = wish.symbol, wish.side
    view, terms = world.views[wish.row, symbol], world.contracts[symbol]
    bid, ask, digits = view.bid, view.ask, terms.digits
    planned = wish.limit_price if wish.limit_price > 0.0 else ask if side > 0 else bid
    stop = tightened(planned - side * wish.stop_distance, side, digits)
    target = normalised(planned + side * wish.target_distance, digits)
    if not (stop > 0.0 and target > 0.0):
        return NO_PROTECTION
    nearest = terms.stops_level_points * terms.point
    if wish.limit_price > 0.0:
        if (planned - stop) * side < nearest:
            return STOPS_LEVEL
        return rest_order(world, book, wish, size, found, stop, target)
    is_far = ((bid if side > 0 else ask) - stop) * side >= nearest
    if not (is_far and _keeps_level(world, book, symbol, wish.now_ns, side, stop)):
        return STOPS_LEVEL
    if not can_pay(world, book, symbol, side, size.lots, wish.now_ns):
        until_ns = book.until_ns
        if until_ns[NO_MONEY_INCIDENT] <= wish.now_ns:
            until_ns[NO_MONEY_INCIDENT] = next_day_ns(world, wish.now_ns)
        return NO_MONEY
    _open(world, book, trades, wish, size, found, stop, target)
    _rest_after_fill(world, book, wish, planned)
    return APPROVED


@part
def _rest_after_fill(world: World, book: Book, wish: Wish, planned: float) -> None:
    """Let a symbol rest whose entry was filled much worse than its intent's price."""
    terms, figures = world.contracts[wish.symbol], world.figures[0]
    worse = (book.positions[wish.symbol].open_price - planned) * wish.side
    if float(np.rint(worse / terms.point)) / terms.pip_points > figures.slippage_pips_max:
        rest(book, wish.symbol, wish.now_ns, figures.slippage_cooldown_ns, SLIPPAGE, BOTH)


@part
def _open(
    world: World,
    book: Book,
    trades: Record,
    wish: Wish,
    size: Size,
    found: Rulings,
    stop: float,
    target: float,
) -> None:
    account, symbol = book.account[0], wish.symbol
    bid, ask = quote(world, book, symbol, wish.now_ns)
    opening = Opening(
        symbol,
        wish.side,
        size.lots,
        ask if wish.side > 0 else bid,
        stop,
        target,
        wish.stop_distance,
        size.risk_frac,
        size.risk,
        world.closes[wish.row].number,
        account.next_ticket,
        max(found.probability_up[symbol], 1.0 - found.probability_up[symbol]),
        found.expected_value_r[symbol],
        found.leading_voter[symbol],
    )
    account.next_ticket += 1
    open_position(world, book, trades, opening, wish.now_ns)
