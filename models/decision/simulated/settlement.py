"""How a position ends: the deal that closes it, its trade, and the rest that follows."""

from models.decision.booking import booked_commission, booked_profit, money
from models.decision.simulated.calendar import next_day_ns
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import making_arrays, part
from models.decision.simulated.locks import BOTH, rest
from models.decision.simulated.record import (
    ENTRY_COOLDOWN,
    STOP,
    STOP_COOLDOWN,
    STOP_OUT,
    STOP_SIDE_COOLDOWN,
)
from models.decision.simulated.standing import STOP_OUT_INCIDENT, Book, Record


@part
def settle(
    world: World,
    book: Book,
    trades: Record,
    symbol: int,
    price: float,
    rate: float,
    now_ns: int,
    reason: int,
) -> None:
    """Close a position whole at a price; `tell_closed` tells of it."""
    account, position = book.account[0], book.positions[symbol]
    trade = trades[position.trade]
    profit = booked_profit(
        position.side,
        position.open_price,
        price,
        world.contracts[symbol].contract_size,
        position.lots,
        rate,
    )
    commission = booked_commission(world.figures[0].commission_per_lot, position.lots)
    account.balance = money(account.balance + (profit + position.swap + commission))
    trade.closed_ns, trade.close_price, trade.reason = now_ns, price, reason
    trade.profit, trade.swap = profit, position.swap
    trade.commission += commission
    trade.pnl = profit + position.swap + trade.commission
    # Risk was approved for all lots; the quotient is that of the agents, to the last bit.
    trade.r_multiple = trade.pnl / (trade.risk * trade.lots / trade.lots)
    distance = abs(trade.open_price - trade.stop_price)
    move = (price - position.open_price) * position.side
    trade.mae_r = max(position.adverse, -move) / distance
    trade.mfe_r = max(position.favourable, move) / distance
    account.has_changed = True
    book.untold[account.untold] = position.trade
    account.untold += 1
    _release(book, symbol)


@making_arrays
def tell_closed(world: World, book: Book, trades: Record) -> None:
    """Count the trades that were closed since the last telling, and rest after them.

    The oldest goes first, in whatever order the broker closed them: so one reading tells of them.
    """
    account = book.account[0]
    _sort_by_ticket(book, trades)
    for place in range(account.untold):
        trade = trades[book.untold[place]]
        _rest_after(world, book, trade.symbol, trade.side, trade.pnl, trade.closed_ns, trade.reason)
    account.untold = 0


@part
def _sort_by_ticket(book: Book, trades: Record) -> None:
    for end in range(1, book.account[0].untold):
        trade, place = book.untold[end], end
        while place > 0 and trades[book.untold[place - 1]].ticket > trades[trade].ticket:
            book.untold[place] = book.untold[place - 1]
            place -= 1
        book.untold[place] = trade


@part
def _release(book: Book, symbol: int) -> None:
    account, position, place = book.account[0], book.positions[symbol], 0
    while book.held[place] != symbol:
        place += 1
    account.held -= 1
    for later in range(place, account.held):
        book.held[later] = book.held[later + 1]
    position.side = 0


@part
def _rest_after(
    world: World, book: Book, symbol: int, side: int, pnl: float, now_ns: int, reason: int
) -> None:
    account, figures = book.account[0], world.figures[0]
    account.losses = account.losses + 1 if pnl < 0.0 else 0
    if reason in (STOP, STOP_OUT):
        rest(book, symbol, now_ns, figures.stop_cooldown_ns, STOP_COOLDOWN, BOTH)
        rest(book, symbol, now_ns, figures.stop_side_cooldown_ns, STOP_SIDE_COOLDOWN, side)
    else:
        rest(book, symbol, now_ns, figures.entry_cooldown_ns, ENTRY_COOLDOWN, BOTH)
    if account.losses >= figures.consecutive_losses_max:
        account.lock_ns = max(account.lock_ns, now_ns + figures.losses_cooldown_ns)
    if reason == STOP_OUT and book.until_ns[STOP_OUT_INCIDENT] <= now_ns:
        book.until_ns[STOP_OUT_INCIDENT] = next_day_ns(world, now_ns)
