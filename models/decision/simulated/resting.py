"""Entries that rest: placed at a close, filled, ended by time, or taken back.

Mirrors the simulated terminal for what a minute does to them, `agents.rounds.entry` for where they
rest and `agents.rounds.withdrawals` for when they are taken back.
"""

import numpy as np

from models.decision.arbitration import POSITION
from models.decision.entries import is_calm, resting_distance, resting_end_ns, resting_price
from models.decision.fills import (
    LIMIT_THROUGH_POINTS,
    STOP_HIT,
    closing_price,
    fill_of,
    hit_of,
    limit_bound,
    normalised,
)
from models.decision.simulated.columns import UNKNOWN, World
from models.decision.simulated.compiling import part
from models.decision.simulated.opening import Opening, can_pay, open_position
from models.decision.simulated.prices import MINUTE_NS, closing_rate, quote, row_from
from models.decision.simulated.record import APPROVED, LIMIT_PLACE, NOT_FILLED, STOP
from models.decision.simulated.restrictions import REDUCING
from models.decision.simulated.rounds import Rulings
from models.decision.simulated.settlement import settle
from models.decision.simulated.stakes import Size, Wish
from models.decision.simulated.standing import NEVER_NS, Book, Record


@part
def resting_of(world: World, row: int, symbol: int, side: int) -> tuple[float, int]:
    """Return where an entry would rest and until when; zeros for one at the market."""
    view, close, figures = world.views[row, symbol], world.closes[row], world.figures[0]
    terms = world.contracts[symbol]
    if not figures.rests or view.is_event_ahead:
        return 0.0, 0
    if not is_calm(view.is_foreseen, view.vol_ratio, figures.calm_vol_ratio_max):
        return 0.0, 0
    ends_ns = resting_end_ns(
        close.close_ns,
        figures.limit_bars,
        figures.length_ns,
        close.week_close_ns,
        figures.friday_flat_min,
    )
    distance = resting_distance(figures.limit_atr, view.atr, terms.stops_level_points, terms.point)
    limit = resting_price(side, view.bid, view.ask, distance, terms.digits)
    if limit <= 0.0 or ends_ns <= close.close_ns:
        return 0.0, 0
    return limit, ends_ns


@part
def rest_order(
    world: World,
    book: Book,
    wish: Wish,
    size: Size,
    found: Rulings,
    stop: float,
    target: float,
) -> int:
    """Place an approved entry and return what becomes of it unless it is filled."""
    account, order, symbol = book.account[0], book.orders[wish.symbol], wish.symbol
    terms = world.contracts[symbol]
    bid, ask = quote(world, book, symbol, wish.now_ns)
    distance = wish.side * ((ask if wish.side > 0 else bid) - wish.limit_price) / terms.point
    if float(np.rint(distance)) < terms.stops_level_points:
        return LIMIT_PLACE
    order.side, order.lots, order.limit = wish.side, size.lots, wish.limit_price
    through = LIMIT_THROUGH_POINTS * terms.point
    order.bound = limit_bound(wish.side, wish.limit_price, through, terms.digits)
    order.stop, order.target = stop, target
    order.placed_ns, order.expires_ns = wish.now_ns, wish.expires_ns
    order.number = world.closes[wish.row].number
    order.ticket, order.intent = account.next_ticket, wish.intent
    order.stop_distance, order.risk_frac = wish.stop_distance, size.risk_frac
    order.risk = size.risk
    order.confidence = max(found.probability_up[symbol], 1.0 - found.probability_up[symbol])
    order.expected_value_r = found.expected_value_r[symbol]
    order.leading_voter = found.leading_voter[symbol]
    account.next_ticket += 1
    book.resting[account.resting] = symbol
    account.resting += 1
    return NOT_FILLED


@part
def end_order(book: Book, symbol: int) -> None:
    """Let an order wait no longer."""
    account, place = book.account[0], 0
    while book.resting[place] != symbol:
        place += 1
    account.resting -= 1
    for later in range(place, account.resting):
        book.resting[later] = book.resting[later + 1]
    book.orders[symbol].side = 0


@part
def first_expiry_ns(book: Book) -> int:
    """Return when the first order ends by itself."""
    found_ns = NEVER_NS
    for place in range(book.account[0].resting):
        found_ns = min(found_ns, book.orders[book.resting[place]].expires_ns)
    return found_ns


@part
def first_fill_ns(world: World, book: Book, until_ns: int) -> int:
    """Return the close of the first minute that goes through a limit, at most `until_ns`."""
    account, found_ns = book.account[0], until_ns
    for place in range(account.resting):
        symbol = book.resting[place]
        last = world.first[symbol + 1]
        row = row_from(world, book, symbol, account.now_ns)
        while row < last and world.minutes[row].open_ns < found_ns:
            if _is_reached(world, book, symbol, row):
                found_ns = min(found_ns, world.minutes[row].open_ns + MINUTE_NS)
                break
            row += 1
    return found_ns


@part
def _is_reached(world: World, book: Book, symbol: int, row: int) -> bool:
    minute, order = world.minutes[row], book.orders[symbol]
    if order.side < 0:
        return minute.high >= order.bound
    return normalised(minute.low + minute.ask_over, world.contracts[symbol].digits) <= order.bound


@part
def fill_orders(world: World, book: Book, trades: Record, intents: Record, moment_ns: int) -> bool:
    """Fill what the minute that ends has gone through; return whether anything was filled."""
    account, place, has_filled = book.account[0], 0, False
    while place < account.resting:
        symbol = book.resting[place]
        row = row_from(world, book, symbol, moment_ns - MINUTE_NS)
        is_there = row < world.first[symbol + 1] and (
            world.minutes[row].open_ns == moment_ns - MINUTE_NS
        )
        is_older = book.orders[symbol].placed_ns <= moment_ns - MINUTE_NS
        if is_there and is_older and _is_reached(world, book, symbol, row):
            has_filled |= _fill(world, book, trades, intents, symbol, row, moment_ns)
        else:
            place += 1
    return has_filled


@part
def _fill(
    world: World,
    book: Book,
    trades: Record,
    intents: Record,
    symbol: int,
    row: int,
    moment_ns: int,
) -> bool:
    order = book.orders[symbol]
    side = order.side
    bars = (moment_ns - order.placed_ns) // world.figures[0].length_ns
    opening = Opening(
        symbol,
        side,
        order.lots,
        order.limit,
        order.stop,
        order.target,
        order.stop_distance,
        order.risk_frac,
        order.risk,
        order.number + bars,
        order.ticket,
        order.confidence,
        order.expected_value_r,
        order.leading_voter,
    )
    end_order(book, symbol)
    if not can_pay(world, book, symbol, side, opening.lots, moment_ns):
        return False
    intents[order.intent].refusal = APPROVED
    open_position(world, book, trades, opening, moment_ns)
    minute, digits = world.minutes[row], world.contracts[symbol].digits
    low = closing_price(minute.low, minute.ask_over, side, digits)
    high = closing_price(minute.high, minute.ask_over, side, digits)
    if hit_of(side, opening.stop, 0.0, low, high) == STOP_HIT:
        opened = closing_price(minute.open, minute.ask_over, side, digits)
        price = fill_of(STOP_HIT, side, opening.stop, 0.0, opened)
        rate = closing_rate(world, book, symbol, moment_ns)
        settle(world, book, trades, symbol, price, rate, moment_ns, STOP)
    return True


@part
def expire_orders(book: Book, moment_ns: int) -> None:
    """End the orders whose time is over."""
    account, place = book.account[0], 0
    while place < account.resting:
        symbol = book.resting[place]
        if book.orders[symbol].expires_ns <= moment_ns:
            end_order(book, symbol)
        else:
            place += 1


@part
def withdraw_all(book: Book, state: int) -> None:
    """Take back everything that rests, where the state permits no entries."""
    account = book.account[0]
    while state >= REDUCING and account.resting > 0:
        end_order(book, book.resting[0])


@part
def withdraw(world: World, book: Book, row: int, found: Rulings) -> None:
    """Take back what news, an event ahead or the opposite decision forbid at a close."""
    account, place = book.account[0], 0
    while place < account.resting:
        symbol = book.resting[place]
        view = world.views[row, symbol]
        is_opposite = found.side[symbol] == -book.orders[symbol].side
        is_reversed = is_opposite and found.blocked_by[symbol] == POSITION
        is_news = view.is_blackout or world.closes[row].coverage == UNKNOWN
        if is_news or (view.has_bar and (view.is_event_ahead or is_reversed)):
            end_order(book, symbol)
        else:
            place += 1
