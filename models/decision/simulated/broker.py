"""What the broker does by itself, minute by minute: stops and targets, stop-outs, swaps.

A minute is acted on at its close, once: first stops and targets, the oldest position first; then
margin at the worst prices of the minute, all of them at once; then swaps at the server's midnight;
then orders that rest are filled, and those end whose time is over.
Between two moments only the minutes of open positions are read. Margin is bounded over the whole
span first, and judged minute by minute only where the bound fails.
"""

from typing import Final

from models.decision.booking import (
    booked_swap,
    margin_level,
    money,
)
from models.decision.fills import (
    NO_HIT,
    STOP_HIT,
    closing_price,
    fill_of,
    hit_of,
)
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import part
from models.decision.simulated.prices import (
    MINUTE_NS,
    closing_rate,
    extremes,
    rate_bounds,
    row_from,
)
from models.decision.simulated.record import STOP, STOP_OUT, TARGET
from models.decision.simulated.resting import (
    expire_orders,
    fill_orders,
    first_expiry_ns,
    first_fill_ns,
)
from models.decision.simulated.settlement import settle, tell_closed
from models.decision.simulated.standing import NEVER_NS, Book, Record

TRIPLE_SWAP_NIGHTS: Final = 3


@part
def live_until(world: World, book: Book, trades: Record, intents: Record, until_ns: int) -> bool:
    """Live up to a moment, or to the first one at which a position opens or closes.

    Returns whether one did; `account.now_ns` tells how far the broker has come.
    """
    account = book.account[0]
    while account.now_ns < until_ns and account.held + account.resting > 0:
        alarm_ns = _next_rollover_ns(world, book)
        last_ns = min(alarm_ns, until_ns)
        if account.resting > 0:
            last_ns = min(last_ns, first_expiry_ns(book))
            last_ns = min(last_ns, first_fill_ns(world, book, last_ns))
        hit_ns = min(_first_hit_ns(world, book, last_ns), last_ns)
        event_ns = min(hit_ns, _first_stop_out_ns(world, book, hit_ns))
        _note_excursions(world, book, event_ns)
        held = account.held
        _close_minute(world, book, trades, event_ns)
        if event_ns == alarm_ns:
            _book_swaps(world, book, event_ns)
        has_moved = account.held < held
        if account.resting > 0:
            has_moved |= fill_orders(world, book, trades, intents, event_ns)
            expire_orders(book, event_ns)
        account.now_ns = event_ns
        if has_moved:
            tell_closed(world, book, trades)
            return True
    account.now_ns = max(account.now_ns, until_ns)
    return False


@part
def _next_rollover_ns(world: World, book: Book) -> int:
    account, rollovers = book.account[0], world.rollovers
    while account.rollover < rollovers.shape[0] and (
        rollovers[account.rollover].at_ns <= account.now_ns
    ):
        account.rollover += 1
    if account.rollover == rollovers.shape[0]:
        return NEVER_NS
    return rollovers[account.rollover].at_ns


@part
def _first_hit_ns(world: World, book: Book, until_ns: int) -> int:
    """Return the close of the first minute that touches a stop or target, at most `until_ns`."""
    account, found_ns = book.account[0], until_ns
    for place in range(account.held):
        symbol = book.held[place]
        position, last = book.positions[symbol], world.first[symbol + 1]
        row = row_from(world, book, symbol, account.now_ns)
        while row < last and world.minutes[row].open_ns < found_ns:
            if _hit_in(world, position, symbol, row) != NO_HIT:
                found_ns = min(found_ns, world.minutes[row].open_ns + MINUTE_NS)
                break
            row += 1
    return found_ns


@part
def _hit_in(world: World, position: Record, symbol: int, row: int) -> int:
    minute, terms, side = world.minutes[row], world.contracts[symbol], position.side
    if side < 0:
        # Rounded to the grid an ask moves by less than a point: most minutes come nowhere near.
        highest, lowest = minute.high + minute.ask_over, minute.low + minute.ask_over
        if highest + terms.point < position.stop and lowest - terms.point > position.target:
            return NO_HIT
    low = closing_price(minute.low, minute.ask_over, side, terms.digits)
    high = closing_price(minute.high, minute.ask_over, side, terms.digits)
    return hit_of(side, position.stop, position.target, low, high)


@part
def _note_excursions(world: World, book: Book, until_ns: int) -> None:
    """Note how far prices went in the minutes before the one that ends at a moment."""
    account = book.account[0]
    for place in range(account.held):
        symbol = book.held[place]
        position, last = book.positions[symbol], world.first[symbol + 1]
        row = row_from(world, book, symbol, account.now_ns)
        while row < last and world.minutes[row].open_ns + MINUTE_NS < until_ns:
            _note(world, position, row)
            row += 1


@part
def _note(world: World, position: Record, row: int) -> None:
    minute, over = world.minutes[row], 0.0 if position.side > 0 else world.minutes[row].ask_over
    low, high = minute.low + over, minute.high + over
    worst, best = (low, high) if position.side > 0 else (high, low)
    position.adverse = max(position.adverse, (position.open_price - worst) * position.side)
    position.favourable = max(position.favourable, (best - position.open_price) * position.side)


@part
def _close_minute(world: World, book: Book, trades: Record, moment_ns: int) -> None:
    account, place = book.account[0], 0
    while place < account.held:
        symbol = book.held[place]
        row = row_from(world, book, symbol, moment_ns - MINUTE_NS)
        if row < world.first[symbol + 1] and world.minutes[row].open_ns == moment_ns - MINUTE_NS:
            if _close_if_hit(world, book, trades, symbol, row, moment_ns):
                continue
            _note(world, book.positions[symbol], row)
        place += 1
    while account.held > 0 and _falls_below(world, book, moment_ns - MINUTE_NS, moment_ns):
        _stop_one_out(world, book, trades, moment_ns)


@part
def _close_if_hit(
    world: World, book: Book, trades: Record, symbol: int, row: int, moment_ns: int
) -> bool:
    minute, position = world.minutes[row], book.positions[symbol]
    hit = _hit_in(world, position, symbol, row)
    if hit == NO_HIT:
        return False
    digits = world.contracts[symbol].digits
    opened = closing_price(minute.open, minute.ask_over, position.side, digits)
    price = fill_of(hit, position.side, position.stop, position.target, opened)
    rate = closing_rate(world, book, symbol, moment_ns)
    reason = STOP if hit == STOP_HIT else TARGET
    settle(world, book, trades, symbol, price, rate, moment_ns, reason)
    return True


@part
def _first_stop_out_ns(world: World, book: Book, until_ns: int) -> int:
    """Return the close of the first minute whose worst prices leave too little margin."""
    account = book.account[0]
    if not _falls_below(world, book, account.now_ns, until_ns):
        return NEVER_NS
    from_ns = account.now_ns
    while from_ns < until_ns:
        if _falls_below(world, book, from_ns, from_ns + MINUTE_NS):
            return from_ns + MINUTE_NS
        from_ns += MINUTE_NS
    return NEVER_NS


@part
def _falls_below(world: World, book: Book, from_ns: int, until_ns: int) -> bool:
    account, margin, floating, has_moved = book.account[0], 0.0, 0.0, False
    for place in range(account.held):
        symbol = book.held[place]
        position = book.positions[symbol]
        margin += position.margin
        row = row_from(world, book, symbol, from_ns)
        has_moved |= row < world.first[symbol + 1] and world.minutes[row].open_ns < until_ns
        floating += _worst_profit(world, book, symbol, from_ns, until_ns) + position.swap
    margin = money(margin)
    if margin == 0.0 or not has_moved:
        return False
    return margin_level(account.balance + floating, margin) < world.figures[0].stop_out_percent


@part
def _worst_price(world: World, book: Book, symbol: int, from_ns: int, until_ns: int) -> float:
    low, _, ask = extremes(world, book, symbol, from_ns, until_ns)
    return low if book.positions[symbol].side > 0 else ask


@part
def _worst_profit(world: World, book: Book, symbol: int, from_ns: int, until_ns: int) -> float:
    position = book.positions[symbol]
    price = _worst_price(world, book, symbol, from_ns, until_ns)
    move = price - position.open_price if position.side > 0 else position.open_price - price
    least, most = rate_bounds(world, book, symbol, from_ns, until_ns)
    rate = least if move > 0.0 else most
    return move * world.contracts[symbol].contract_size * position.lots * rate


@part
def _stop_one_out(world: World, book: Book, trades: Record, moment_ns: int) -> None:
    """Close the position with the largest loss at its worst price, the oldest of equals."""
    from_ns, found, least = moment_ns - MINUTE_NS, -1, 0.0
    for place in range(book.account[0].held):
        symbol = book.held[place]
        result = _worst_profit(world, book, symbol, from_ns, moment_ns)
        result += book.positions[symbol].swap
        if found < 0 or result < least:
            found, least = symbol, result
    price = _worst_price(world, book, found, from_ns, moment_ns)
    rate = closing_rate(world, book, found, moment_ns)
    settle(world, book, trades, found, price, rate, moment_ns, STOP_OUT)


@part
def _book_swaps(world: World, book: Book, moment_ns: int) -> None:
    weekday = world.rollovers[book.account[0].rollover].weekday
    for place in range(book.account[0].held):
        symbol = book.held[place]
        position, terms = book.positions[symbol], world.contracts[symbol]
        points = terms.swap_long_points if position.side > 0 else terms.swap_short_points
        rate = closing_rate(world, book, symbol, moment_ns)
        nights = TRIPLE_SWAP_NIGHTS if weekday == terms.swap_triple_day else 1
        amount = booked_swap(points, terms.point, terms.contract_size, position.lots, rate, nights)
        position.swap = money(position.swap + amount)
