"""The compiled simulator: decisions over columns of opinions, on the minutes of a market.

It loops once over the readings of one account in time order, all symbols together. Between two of
them only the minutes of open positions are read; a flat account reads none. The arithmetic is that
of the agents and of the simulated terminal, function by function, so that a run over the columns of
a journal gives the journal's trades to the cent.

The functions of `models.decision.simulated` are compiled into this one, which alone is kept on
disk; its key holds a fingerprint of all that arithmetic, so that a changed rule is compiled anew.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.decision import (
    arbitration,
    booking,
    drawdown,
    entries,
    exits,
    exposure,
    fills,
    jump,
    sizing,
    trailing,
)
from models.decision.booking import money
from models.decision.simulated import (
    broker,
    calendar,
    columns,
    locks,
    marks,
    opening,
    orders,
    prices,
    record,
    resting,
    restrictions,
    rounds,
    settlement,
    standing,
    verdicts,
)
from models.decision.simulated.broker import live_until
from models.decision.simulated.calendar import day_of
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import making_arrays, part
from models.decision.simulated.fingerprint import fingerprint_of
from models.decision.simulated.marks import floating_total, read_account
from models.decision.simulated.orders import enter, tend
from models.decision.simulated.prices import HOUR_NS, MINUTE_NS
from models.decision.simulated.record import (
    APPROVED,
    INTENT_DTYPE,
    NO_PROTECTION,
    TRADE_DTYPE,
    SimulatedRun,
    Told,
    no_closes,
)
from models.decision.simulated.resting import resting_of, withdraw, withdraw_all
from models.decision.simulated.restrictions import state_at
from models.decision.simulated.rounds import Rulings, decide, no_ballot, no_rulings, wishes
from models.decision.simulated.settlement import tell_closed
from models.decision.simulated.stakes import NO_SIZE, Size, Wish, commitments_of, reserve
from models.decision.simulated.standing import Book, Record, opened_book
from models.decision.simulated.verdicts import entries_today, judge

Simulate = Callable[[World, Book, Told, Any, int], tuple[Any, Any, float, int]]

ROOM: Final = 256
"""Rows that trades and intents begin with; they double when they are full."""

SHARED: Final = (
    *(arbitration, booking, drawdown, entries, exits, exposure, fills, jump, sizing, trailing),
    *(
        broker,
        calendar,
        columns,
        locks,
        marks,
        opening,
        orders,
        prices,
        record,
        resting,
        restrictions,
        rounds,
        settlement,
    ),
    *(standing, verdicts),
)
"""Modules whose arithmetic is compiled into the simulator."""


@making_arrays
def _grown(rows: Record, count: int, more: int) -> Record:
    if count + more <= rows.shape[0]:
        return rows
    larger = np.zeros(2 * (rows.shape[0] + more), rows.dtype)
    larger[:count] = rows[:count]
    return larger


@part
def _imposed(world: World, row: int) -> int:
    return world.closes[min(row, world.closes.shape[0] - 1)].restriction


@part
def _reach(
    world: World, book: Book, trades: Record, intents: Record, row: int, until_ns: int
) -> None:
    """Live up to a reading that is due, with those in between that changes at the broker bring."""
    account = book.account[0]
    while True:
        due_ns = until_ns
        if account.has_changed:
            due_ns = min(until_ns, account.snapshot_ns + MINUTE_NS)
        has_moved = live_until(world, book, trades, intents, due_ns)
        if account.now_ns >= until_ns:
            return
        if has_moved or account.has_changed:
            read_account(world, book, account.now_ns, _imposed(world, row))
            withdraw_all(book, state_at(world, book, account.now_ns, _imposed(world, row)))


@part
def _wish(
    world: World,
    row: int,
    symbol: int,
    found: Rulings,
    state: int,
    entries_of_hour: int,
    intent: int,
) -> Wish:
    limit_price, expires_ns = resting_of(world, row, symbol, found.side[symbol])
    return Wish(
        row,
        symbol,
        found.side[symbol],
        found.stop_distance[symbol],
        found.target_distance[symbol],
        found.expected_value_r[symbol],
        state,
        world.closes[row].close_ns,
        entries_of_hour,
        limit_price,
        expires_ns,
        intent,
    )


@part
def _approved_in_hour(world: World, intents: Record, count: int, row: int) -> int:
    """Count the approvals among the first intents whose close lies in the hour that ends now."""
    since_ns, approved = world.closes[row].close_ns - HOUR_NS, 0
    while count > 0 and world.closes[intents[count - 1].close].close_ns > since_ns:
        count -= 1
        refusal = intents[count].refusal
        approved += refusal == APPROVED or refusal >= NO_PROTECTION
    return approved


@part
def _note_intent(intent: Record, wish: Wish, refusal: int, size: Size) -> None:
    intent.close, intent.symbol, intent.side = wish.row, wish.symbol, wish.side
    intent.stop_distance, intent.target_distance = wish.stop_distance, wish.target_distance
    intent.expected_value_r = wish.expected_value_r
    intent.refusal, intent.lots = refusal, size.lots
    intent.limit_price = wish.limit_price


@making_arrays
def _act(
    world: World, book: Book, trades: Record, intents: Record, row: int, found: Rulings, state: int
) -> None:
    """Judge the wishes of a close beside what is open, close and amend, then enter."""
    account, ranked = book.account[0], wishes(world, row, found)
    if ranked.shape[0] == 0:
        tend(world, book, trades, row, found, state)
        withdraw(world, book, row, found)
        tell_closed(world, book, trades)
        return
    at_stake = commitments_of(world, book, row)
    sizes = np.zeros((ranked.shape[0], len(NO_SIZE)))
    for place in range(ranked.shape[0]):
        of_hour = _approved_in_hour(world, intents, account.intents + place, row)
        wish = _wish(world, row, ranked[place], found, state, of_hour, account.intents + place)
        refusal, size = judge(world, book, at_stake, wish)
        _note_intent(intents[account.intents + place], wish, refusal, size)
        sizes[place] = np.array(size)
        if refusal == APPROVED:
            reserve(at_stake, wish, size)
            account.entries = entries_today(world, book, wish.now_ns) + 1
            account.entry_day = day_of(world, wish.now_ns)
    tend(world, book, trades, row, found, state)
    withdraw(world, book, row, found)
    tell_closed(world, book, trades)
    for place in range(ranked.shape[0]):
        intent = intents[account.intents + place]
        if intent.refusal == APPROVED:
            wish = _wish(world, row, ranked[place], found, state, 0, account.intents + place)
            size = Size(sizes[place, 0], sizes[place, 1], sizes[place, 2], sizes[place, 3])
            intent.refusal = enter(world, book, trades, wish, size, found)
    account.intents += ranked.shape[0]
    now_ns = world.closes[row].close_ns
    withdraw_all(book, state_at(world, book, now_ns, _imposed(world, row)))


@part
def _note_close(world: World, book: Book, row: int, found: Rulings, state: int, told: Told) -> None:
    account = book.account[0]
    told.balance[row], told.equity[row] = account.balance, account.equity
    told.drawdown_frac[row], told.state[row] = account.drawdown_frac, state
    for symbol in range(found.side.shape[0]):
        if world.views[row, symbol].has_bar:
            told.side[row, symbol] = found.side[symbol]
            told.blocked_by[row, symbol] = found.blocked_by[symbol]
            told.probability_up[row, symbol] = found.probability_up[symbol]
            told.expected_value_r[row, symbol] = found.expected_value_r[symbol]


def _compiled(fingerprint: int) -> Simulate:
    @njit(cache=True)  # keyed by the fingerprint, which numba counts among the closure's cells
    def simulate(
        world: World, book: Book, told: Told, readings_ns: Record, end_ns: int
    ) -> tuple[Record, Record, float, int]:
        trades, intents = np.zeros(ROOM, TRADE_DTYPE), np.zeros(ROOM, INTENT_DTYPE)
        account, row = book.account[0], 0
        closes, symbols = world.views.shape
        room, found = no_ballot(world.voters.shape[1]), no_rulings(symbols)
        for now_ns in readings_ns:
            _reach(world, book, trades, intents, row, now_ns)
            read_account(world, book, now_ns, _imposed(world, row))
            withdraw_all(book, state_at(world, book, now_ns, _imposed(world, row)))
            if row == closes or world.closes[row].close_ns != now_ns:
                continue
            trades = _grown(trades, account.trades, symbols)
            intents = _grown(intents, account.intents, symbols)
            state = state_at(world, book, now_ns, _imposed(world, row))
            decide(world, book, row, state, room, found)
            _note_close(world, book, row, found, state, told)
            _act(world, book, trades, intents, row, found, state)
            row += 1
        _reach(world, book, trades, intents, row, end_ns)
        equity = money(account.balance + floating_total(world, book, end_ns))
        return trades[: account.trades], intents[: account.intents], equity, fingerprint

    compiled: Simulate = simulate
    return compiled


_simulate = _compiled(fingerprint_of(SHARED))


def simulate_world(
    world: World,
    readings_ns: NDArray[np.int64],
    end_ns: int,
    symbols: tuple[str, ...],
    voters: tuple[str, ...],
) -> SimulatedRun:
    """Decide, trade and settle over a whole world.

    Parameters
    ----------
    world : World
        Columns whose row t holds only what the decision of close t could use.
    readings_ns : ndarray of shape (n_readings,), int64, rising
        When the account is read: the start, then closes, those of `world` among them.
    end_ns : int
        Last moment that is lived through; what is open then stays open.
    symbols, voters : tuple of str
        Their names, in the order of the columns.

    Returns
    -------
    SimulatedRun
        Everything up to a close depends on rows and minutes up to it alone.
    """
    start_ns, deposit = int(readings_ns[0]), float(world.figures["deposit"][0])
    book = opened_book(deposit, world.first, start_ns)
    told = no_closes(*world.views.shape)
    trades, intents, equity, _ = _simulate(world, book, told, readings_ns, end_ns)
    return SimulatedRun(
        symbols=symbols,
        voters=voters,
        trades=trades,
        intents=intents,
        close_ns=world.closes["close_ns"],
        balance=told.balance,
        equity=told.equity,
        drawdown_frac=told.drawdown_frac,
        state=told.state,
        blocked_by=told.blocked_by,
        side=told.side,
        probability_up=told.probability_up,
        expected_value_r=told.expected_value_r,
        deposit=deposit,
        final_balance=float(book.account["balance"][0]),
        final_equity=float(equity),
        bars=_bars_in(world, start_ns, end_ns),
    )


def _bars_in(world: World, from_ns: int, until_ns: int) -> int:
    opens_ns = world.minutes["open_ns"]
    return int(np.count_nonzero((opens_ns >= from_ns) & (opens_ns < until_ns)))
