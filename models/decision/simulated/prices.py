"""What of the market can be seen at a moment: quotes, closes, and the worth of a currency.

Moments come in rising order, nearly: each symbol's cursor walks along with them, so that nothing is
searched for. Nothing later than the moment asked for is read.
"""

from typing import Final

from models.decision.fills import normalised
from models.decision.simulated.columns import NO_SYMBOL, World
from models.decision.simulated.compiling import part
from models.decision.simulated.standing import Book

MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
NO_PRICE: Final = -1.0
"""Price of a symbol that has none yet."""


@part
def row_from(world: World, book: Book, symbol: int, moment_ns: int) -> int:
    """Return the first minute of a symbol that opens at or after a moment, or its end."""
    row, last = book.cursor[symbol], world.first[symbol + 1]
    while row < last and world.minutes[row].open_ns < moment_ns:
        row += 1
    while row > world.first[symbol] and world.minutes[row - 1].open_ns >= moment_ns:
        row -= 1
    book.cursor[symbol] = row
    return row


@part
def quote(world: World, book: Book, symbol: int, now_ns: int) -> tuple[float, float]:
    """Return bid and ask: the open of the running minute, else the last close."""
    row = row_from(world, book, symbol, now_ns + 1) - 1
    if row < world.first[symbol]:
        return NO_PRICE, NO_PRICE
    minute = world.minutes[row]
    bid = minute.open if minute.open_ns > now_ns - MINUTE_NS else minute.close
    return bid, normalised(bid + minute.ask_over, world.contracts[symbol].digits)


@part
def last_close(world: World, book: Book, symbol: int, moment_ns: int) -> tuple[float, float]:
    """Return bid and ask with which the last minute before a moment ended."""
    row = row_from(world, book, symbol, moment_ns - MINUTE_NS + 1) - 1
    if row < world.first[symbol]:
        return NO_PRICE, NO_PRICE
    minute = world.minutes[row]
    return minute.close, normalised(minute.close + minute.ask_over, world.contracts[symbol].digits)


@part
def _stepped(rate: float, bid: float, is_inverse: bool) -> float:
    return rate / bid if is_inverse else rate * bid


@part
def profit_rate(world: World, book: Book, symbol: int, now_ns: int) -> float:
    """Return the worth of one unit of a symbol's profit currency now, at bids."""
    rate, terms = 1.0, world.contracts[symbol]
    if terms.profit_first != NO_SYMBOL:
        bid = quote(world, book, terms.profit_first, now_ns)[0]
        rate = _stepped(rate, bid, terms.profit_first_inverse)
    if terms.profit_second != NO_SYMBOL:
        bid = quote(world, book, terms.profit_second, now_ns)[0]
        rate = _stepped(rate, bid, terms.profit_second_inverse)
    return rate


@part
def base_rate(world: World, book: Book, symbol: int, now_ns: int) -> float:
    """Return the worth of one unit of a symbol's base currency now, at bids."""
    rate, terms = 1.0, world.contracts[symbol]
    if terms.base_first != NO_SYMBOL:
        bid = quote(world, book, terms.base_first, now_ns)[0]
        rate = _stepped(rate, bid, terms.base_first_inverse)
    if terms.base_second != NO_SYMBOL:
        bid = quote(world, book, terms.base_second, now_ns)[0]
        rate = _stepped(rate, bid, terms.base_second_inverse)
    return rate


@part
def closing_rate(world: World, book: Book, symbol: int, moment_ns: int) -> float:
    """Return the worth of the profit currency at the close of the minute before a moment."""
    rate, terms = 1.0, world.contracts[symbol]
    if terms.profit_first != NO_SYMBOL:
        bid = last_close(world, book, terms.profit_first, moment_ns)[0]
        rate = _stepped(rate, bid, terms.profit_first_inverse)
    if terms.profit_second != NO_SYMBOL:
        bid = last_close(world, book, terms.profit_second, moment_ns)[0]
        rate = _stepped(rate, bid, terms.profit_second_inverse)
    return rate


@part
def extremes(
    world: World, book: Book, symbol: int, from_ns: int, until_ns: int
) -> tuple[float, float, float]:
    """Return the lowest bid, the highest bid and the highest ask of minutes in [from, until).

    The price that was there before counts where the first minute has none of its own.
    """
    digits, last = world.contracts[symbol].digits, world.first[symbol + 1]
    row = row_from(world, book, symbol, from_ns)
    has_first = row < last and world.minutes[row].open_ns == from_ns
    low, high, ask = 1e300, -1e300, -1e300
    if not has_first and row > world.first[symbol]:
        before = world.minutes[row - 1]
        low = high = before.close
        ask = before.close + before.ask_over
    while row < last and world.minutes[row].open_ns < until_ns:
        minute = world.minutes[row]
        low = min(low, minute.low)
        high = max(high, minute.high)
        ask = max(ask, minute.high + minute.ask_over)
        row += 1
    return low, high, normalised(ask, digits)


@part
def rate_bounds(
    world: World, book: Book, symbol: int, from_ns: int, until_ns: int
) -> tuple[float, float]:
    """Return the least and the most that the profit currency was worth in [from, until)."""
    least, most, terms = 1.0, 1.0, world.contracts[symbol]
    if terms.profit_first != NO_SYMBOL:
        low, high, _ = extremes(world, book, terms.profit_first, from_ns, until_ns)
        is_inverse = terms.profit_first_inverse
        least = _stepped(least, high if is_inverse else low, is_inverse)
        most = _stepped(most, low if is_inverse else high, is_inverse)
    if terms.profit_second != NO_SYMBOL:
        low, high, _ = extremes(world, book, terms.profit_second, from_ns, until_ns)
        is_inverse = terms.profit_second_inverse
        least = _stepped(least, high if is_inverse else low, is_inverse)
        most = _stepped(most, low if is_inverse else high, is_inverse)
    return least, most
