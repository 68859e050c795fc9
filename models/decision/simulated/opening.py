"""How a position is opened, by an entry at the market or by an order that waited."""

from typing import NamedTuple

from models.decision.booking import booked_commission, booked_profit, held_margin, money
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import part
from models.decision.simulated.marks import floating_total, margin_in_use
from models.decision.simulated.prices import base_rate, profit_rate, quote
from models.decision.simulated.record import OPEN
from models.decision.simulated.standing import Book, Record


class Opening(NamedTuple):
    """What is opened, and what its trade remembers."""

    symbol: int
    side: int
    lots: float
    price: float
    stop: float
    target: float
    stop_distance: float
    risk_frac: float
    risk: float
    number: int
    """Of the last close."""
    ticket: int
    confidence: float
    expected_value_r: float
    leading_voter: int


@part
def margin_of(world: World, book: Book, symbol: int, lots: float, now_ns: int) -> float:
    """Return what is held back for a position."""
    rate = base_rate(world, book, symbol, now_ns)
    contract_size = world.contracts[symbol].contract_size
    return held_margin(lots, contract_size, world.figures[0].leverage, rate)


@part
def can_pay(world: World, book: Book, symbol: int, side: int, lots: float, now_ns: int) -> bool:
    """Whether margin is left after an entry, whose spread is lost."""
    bid, ask = quote(world, book, symbol, now_ns)
    spread = booked_profit(
        side,
        ask if side > 0 else bid,
        bid if side > 0 else ask,
        world.contracts[symbol].contract_size,
        lots,
        profit_rate(world, book, symbol, now_ns),
    )
    commission = booked_commission(world.figures[0].commission_per_lot, lots)
    balance = money(book.account[0].balance + commission)
    equity = money(balance + floating_total(world, book, now_ns) + spread)
    margin = margin_of(world, book, symbol, lots, now_ns)
    return equity - money(margin_in_use(book) + margin) >= 0.0


@part
def open_position(world: World, book: Book, trades: Record, opening: Opening, now_ns: int) -> None:
    """Book an entry: its commission, its margin, its position and its trade."""
    account, symbol = book.account[0], opening.symbol
    position = book.positions[symbol]
    commission = booked_commission(world.figures[0].commission_per_lot, opening.lots)
    account.balance = money(account.balance + commission)
    position.margin = margin_of(world, book, symbol, opening.lots, now_ns)
    position.side, position.lots, position.open_price = opening.side, opening.lots, opening.price
    position.stop, position.target, position.swap = opening.stop, opening.target, 0.0
    position.adverse, position.favourable = 0.0, 0.0
    position.stop_distance, position.entry_frac = opening.stop_distance, opening.risk_frac
    position.opened_number = opening.number
    position.ticket, position.trade = opening.ticket, account.trades
    trade = trades[account.trades]
    trade.symbol, trade.side, trade.lots = symbol, opening.side, opening.lots
    trade.ticket = opening.ticket
    trade.opened_ns, trade.open_price, trade.reason = now_ns, opening.price, OPEN
    trade.stop_price, trade.target_price = opening.stop, opening.target
    trade.commission, trade.risk = commission, opening.risk
    trade.confidence = opening.confidence
    trade.expected_value_r = opening.expected_value_r
    trade.leading_voter = opening.leading_voter
    _hold(book, symbol)
    account.trades += 1
    account.has_changed = True


@part
def _hold(book: Book, symbol: int) -> None:
    # By ticket, as the broker has them: an order that waited brings an older one.
    account, place = book.account[0], book.account[0].held
    while place > 0 and (
        book.positions[book.held[place - 1]].ticket > book.positions[symbol].ticket
    ):
        book.held[place] = book.held[place - 1]
        place -= 1
    book.held[place] = symbol
    account.held += 1
