"""What is at stake, and whether a size fits beside it: mirrors `agents.limits.stakes`."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision.exposure import (
    correlated_heat_frac,
    loss_at_stop,
    net_currency_risks,
    notional,
    share_of_equity,
    slipped_frac,
)
from models.decision.simulated.columns import World
from models.decision.simulated.compiling import making_arrays, part
from models.decision.simulated.record import (
    APPROVED,
    CORRELATED_HEAT,
    CURRENCY_RISK,
    HEAT,
    LEVERAGE,
    LEVERAGE_PROFILE,
    MARGIN,
    SLIPPED_HEAT,
)
from models.decision.simulated.standing import Book


class Commitments(NamedTuple):
    """What is at stake: positions by ticket, then approvals in their order."""

    stakes: NDArray[np.int64]
    """Shape (1,)."""
    reserved: NDArray[np.int64]
    """How many of them are approvals, the last ones; shape (1,)."""
    symbol: NDArray[np.int64]
    side: NDArray[np.int64]
    risk_frac: NDArray[np.float64]
    """Share of equity lost at the stop, 0 once it locks in a profit."""
    stop_frac: NDArray[np.float64]
    """The same, negative where the stop locks in a profit."""
    entry_frac: NDArray[np.float64]
    """Share of equity that was at risk at the entry."""
    notional: NDArray[np.float64]


class Wish(NamedTuple):
    """An intent with what bears on it."""

    row: int
    """Row of the close."""
    symbol: int
    side: int
    stop_distance: float
    target_distance: float
    expected_value_r: float
    state: int
    now_ns: int
    entries_of_hour: int
    """Approvals in the hour that ends with the close, so far."""
    limit_price: float
    """Where it rests, 0 at the market."""
    expires_ns: int
    intent: int
    """Row of its intent."""


class Size(NamedTuple):
    """What may be sent, and what it puts at stake."""

    lots: float
    risk_frac: float
    risk: float
    notional: float


NO_SIZE: Final = Size(0.0, 0.0, 0.0, 0.0)


@making_arrays
def commitments_of(world: World, book: Book, row: int) -> Commitments:
    """Return what open positions, and orders that rest, put at stake at a close."""
    symbols = book.held.shape[0]
    found = Commitments(
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros(2 * symbols, np.int64),
        np.zeros(2 * symbols, np.int64),
        np.zeros(2 * symbols),
        np.zeros(2 * symbols),
        np.zeros(2 * symbols),
        np.zeros(2 * symbols),
    )
    for place in range(book.account[0].held):
        symbol = book.held[place]
        position = book.positions[symbol]
        loss = loss_at_stop(
            position.side,
            position.open_price,
            position.stop,
            position.lots,
            world.contracts[symbol].contract_size,
            world.views[row, symbol].account_per_quote,
        )
        stop_frac = share_of_equity(loss, book.account[0].equity)
        found.symbol[place], found.side[place] = symbol, position.side
        found.stop_frac[place], found.risk_frac[place] = stop_frac, max(0.0, stop_frac)
        found.entry_frac[place] = position.entry_frac
        found.notional[place] = notional_of(world, row, symbol, position.lots)
    found.stakes[0] = book.account[0].held
    for place in range(book.account[0].resting):
        _reserve_order(world, book, row, book.resting[place], found)
    return found


@part
def _reserve_order(world: World, book: Book, row: int, symbol: int, found: Commitments) -> None:
    order, place = book.orders[symbol], found.stakes[0]
    found.symbol[place], found.side[place] = symbol, order.side
    found.risk_frac[place] = found.stop_frac[place] = found.entry_frac[place] = order.risk_frac
    found.notional[place] = notional_of(world, row, symbol, order.lots)
    found.stakes[0] += 1
    found.reserved[0] += 1


@part
def put(found: Commitments, wish: Wish, size: Size) -> None:
    """Write what an approval would put at stake behind everything else, uncounted."""
    place = found.stakes[0]
    found.symbol[place], found.side[place] = wish.symbol, wish.side
    found.risk_frac[place] = found.stop_frac[place] = found.entry_frac[place] = size.risk_frac
    found.notional[place] = size.notional


@part
def reserve(found: Commitments, wish: Wish, size: Size) -> None:
    """Add an approval to what is at stake."""
    put(found, wish, size)
    found.stakes[0] += 1
    found.reserved[0] += 1


@part
def notional_of(world: World, row: int, symbol: int, lots: float) -> float:
    """Return the value of a size at a close, in account currency."""
    view, contract_size = world.views[row, symbol], world.contracts[symbol].contract_size
    return notional(lots, (view.bid + view.ask) / 2.0, contract_size, view.account_per_quote)


@part
def refusal_of_heat(world: World, found: Commitments, wish: Wish) -> int:
    """Hold everything at stake with the wish against the four measures of heat."""
    figures, stakes = world.figures[0], found.stakes[0] + 1
    heat, slipped = 0.0, 0.0
    for place in range(stakes):
        heat += found.risk_frac[place]
        slipped += slipped_frac(
            found.stop_frac[place], found.entry_frac[place], figures.slip_factor
        )
    if not heat <= figures.heat_max:
        return HEAT
    if not _correlated_heat(world, found, wish.row, stakes) <= figures.correlated_heat_max:
        return CORRELATED_HEAT
    if not _currency_risk(world, found, stakes) <= figures.currency_risk_max:
        return CURRENCY_RISK
    return APPROVED if slipped <= figures.slipped_heat_max else SLIPPED_HEAT


@making_arrays
def _correlated_heat(world: World, found: Commitments, row: int, stakes: int) -> float:
    correlation = np.empty((stakes, stakes))
    for one in range(stakes):
        for two in range(stakes):
            correlation[one, two] = world.correlation[row, found.symbol[one], found.symbol[two]]
    return correlated_heat_frac(found.side[:stakes], found.risk_frac[:stakes], correlation)


@making_arrays
def _currency_risk(world: World, found: Commitments, stakes: int) -> float:
    bases, profits = np.empty(stakes, np.int64), np.empty(stakes, np.int64)
    for place in range(stakes):
        bases[place] = world.contracts[found.symbol[place]].base_currency
        profits[place] = world.contracts[found.symbol[place]].profit_currency
    count = 2 * world.contracts.shape[0]
    net = net_currency_risks(bases, profits, found.side[:stakes], found.risk_frac[:stakes], count)
    return float(np.max(np.abs(net)))


@part
def refusal_of_notional(world: World, book: Book, found: Commitments, size: Size) -> int:
    """Hold everything at stake against leverage, a regulator's table, and what margin is free."""
    account, figures = book.account[0], world.figures[0]
    gross, needed, reserved = 0.0, 0.0, 0.0
    for place in range(found.stakes[0] + 1):
        gross += found.notional[place]
        needed += found.notional[place] / world.contracts[found.symbol[place]].esma_leverage
        if found.stakes[0] - found.reserved[0] <= place < found.stakes[0]:
            reserved += found.notional[place]
    if not share_of_equity(gross, account.equity) <= figures.leverage_max:
        return LEVERAGE
    if figures.has_leverage_profile and not needed <= account.equity:
        return LEVERAGE_PROFILE
    bound = (size.notional + reserved) / max(figures.leverage, 1.0)
    return APPROVED if bound <= account.margin_free else MARGIN
