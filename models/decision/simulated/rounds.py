"""One close of all symbols: arbitration, then the wishes by expected value.

Mirrors `agents.rounds.arbiter`; the arithmetic is `models.decision.arbitration` itself.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision import arbitration
from models.decision.arbitration import NO_GATE, Ballot, Circumstances, Ruling, Terms
from models.decision.simulated.columns import UNKNOWN, World
from models.decision.simulated.compiling import making_arrays, part
from models.decision.simulated.prices import MINUTE_NS
from models.decision.simulated.restrictions import REDUCING, SAFE
from models.decision.simulated.standing import Book


class Plan(NamedTuple):
    """How a position would be opened; without a price all are 0."""

    is_priced: bool
    stop_distance: float
    target_distance: float
    cost_r: float


class Rulings(NamedTuple):
    """What the symbols of one close come to, each of shape (n_symbols,)."""

    side: NDArray[np.int64]
    probability_up: NDArray[np.float64]
    expected_value_r: NDArray[np.float64]
    blocked_by: NDArray[np.int64]
    stop_distance: NDArray[np.float64]
    target_distance: NDArray[np.float64]
    leading_voter: NDArray[np.int64]
    ranked: NDArray[np.int64]
    """Room for the order of the wishes."""


@making_arrays
def no_rulings(symbols: int) -> Rulings:
    """Return room for the rulings of one close; those of symbols without a bar are not read."""
    return Rulings(
        np.zeros(symbols, np.int64),
        np.full(symbols, 0.5),
        np.zeros(symbols),
        np.zeros(symbols, np.int64),
        np.zeros(symbols),
        np.zeros(symbols),
        np.full(symbols, -1, np.int64),
        np.zeros(symbols, np.int64),
    )


@part
def learned(column: float, configured: float, state: int) -> float:
    """Return a learned parameter where one is in force and used, else the configured one."""
    return configured if math.isnan(column) or state == SAFE else column


@part
def rr_ratio_of(world: World, row: int, state: int) -> float:
    """Return the target over the stop at a close."""
    close, figures = world.closes[row], world.figures[0]
    return arbitration.reward_ratio(
        learned(close.min_rr_ratio, figures.min_rr_ratio, state),
        learned(close.atr_multiplier, figures.atr_multiplier, state),
        learned(close.target_atr_multiplier, figures.target_atr_multiplier, state),
    )


@part
def has_quote(world: World, row: int, symbol: int) -> bool:
    """Whether the latest quote is the close's, or still fresh then."""
    age_max_ns = world.figures[0].quote_age_max_min * MINUTE_NS
    quote_ns = world.views[row, symbol].quote_ns
    return quote_ns >= 0 and quote_ns >= world.closes[row].close_ns - age_max_ns


@part
def plan_of(world: World, row: int, symbol: int, state: int) -> Plan:
    """Return how a position would be opened at a close, and what that costs."""
    view, close, figures = world.views[row, symbol], world.closes[row], world.figures[0]
    if not (has_quote(world, row, symbol) and view.has_levels):
        return Plan(False, 0.0, 0.0, 0.0)
    atr_multiplier = learned(close.atr_multiplier, figures.atr_multiplier, state)
    stop_distance = atr_multiplier * view.atr * view.atr_scale
    target_distance = rr_ratio_of(world, row, state) * stop_distance
    if not (0.0 < stop_distance < math.inf and 0.0 < target_distance < math.inf):
        return Plan(False, 0.0, 0.0, 0.0)
    cost = arbitration.round_trip_cost(
        view.ask - view.bid,
        figures.commission_per_lot,
        world.contracts[symbol].contract_size,
        view.account_per_quote,
    )
    return Plan(True, stop_distance, target_distance, cost / stop_distance)


@making_arrays
def no_ballot(voters: int) -> Ballot:
    """Return room for the votes on one symbol; it is filled anew for each."""
    return Ballot(
        np.zeros(voters),
        np.zeros(voters),
        np.zeros(voters, np.bool_),
        np.zeros(voters, np.bool_),
        np.zeros(voters, np.bool_),
        0.0,
    )


@part
def _fill(ballot: Ballot, world: World, row: int, symbol: int, state: int) -> None:
    close, figures = world.closes[row], world.figures[0]
    confluence_min = learned(close.confluence_min, figures.confluence_min, state)
    for voter in range(ballot.weights.shape[0]):
        vote, record = world.votes[row, symbol, voter], world.voters[row, voter]
        probability_up = vote.probability_up
        if vote.answers and not math.isnan(record.slope):
            probability_up = arbitration.calibrated(probability_up, record.intercept, record.slope)
        ballot.probabilities_up[voter] = probability_up
        ballot.weights[voter] = record.weight
        is_heard = state != SAFE or not record.is_learned
        is_silent = vote.abstains or not is_heard or vote.confluence < confluence_min
        ballot.answers[voter], ballot.abstains[voter] = vote.answers, is_silent
        ballot.is_proven[voter] = record.is_proven and is_heard


@making_arrays
def ballot_of(room: Ballot, world: World, row: int, symbol: int, state: int) -> Ballot:
    """Return the calibrated votes on one symbol at a close, in the room for them."""
    _fill(room, world, row, symbol, state)
    return Ballot(
        room.probabilities_up,
        room.weights,
        room.answers,
        room.abstains,
        room.is_proven,
        world.closes[row].constant_weight,
    )


@making_arrays
def ruling_of(
    world: World, book: Book, row: int, symbol: int, ballot: Ballot, plan: Plan, state: int
) -> Ruling:
    """Return what the arbitration of one symbol comes to."""
    view, close, figures = world.views[row, symbol], world.closes[row], world.figures[0]
    is_held = book.positions[symbol].side != 0 or book.orders[symbol].side != 0
    return arbitration.arbitrate(
        ballot,
        Terms(
            figures.quorum,
            learned(close.min_confidence, figures.min_confidence, state),
            figures.families_min,
            rr_ratio_of(world, row, state),
            figures.margin_r,
        ),
        Circumstances(
            figures.reversal_voter,
            view.vetoes_reversal if view.has_forecast else figures.is_forecast_awaited,
            view.vol_ratio,
            view.vol_ratio_limit,
            plan.is_priced,
            plan.cost_r,
            view.is_blackout or close.coverage == UNKNOWN,
            is_held,
            is_held,
            state < REDUCING,
        ),
    )


@making_arrays
def decide(world: World, book: Book, row: int, state: int, room: Ballot, found: Rulings) -> None:
    """Rule on every symbol with a bar at a close."""
    for symbol in range(found.side.shape[0]):
        if not world.views[row, symbol].has_bar:
            continue
        ballot = ballot_of(room, world, row, symbol, state)
        plan = plan_of(world, row, symbol, state)
        ruling = ruling_of(world, book, row, symbol, ballot, plan, state)
        found.side[symbol] = ruling.side
        found.probability_up[symbol] = ruling.probability_up
        found.expected_value_r[symbol] = ruling.expected_value_r
        found.blocked_by[symbol] = ruling.blocked_by
        found.stop_distance[symbol] = plan.stop_distance
        found.target_distance[symbol] = plan.target_distance
        found.leading_voter[symbol] = arbitration.loudest(ballot, ruling.side)


@making_arrays
def wishes(world: World, row: int, found: Rulings) -> NDArray[np.int64]:
    """Return the symbols to enter, by expected value, the best first, then by name."""
    symbols, ranked, count = found.side.shape[0], found.ranked, 0
    for symbol in range(symbols):
        if not world.views[row, symbol].has_bar or found.blocked_by[symbol] != NO_GATE:
            continue
        place = count
        while place > 0 and (
            found.expected_value_r[ranked[place - 1]] < found.expected_value_r[symbol]
        ):
            ranked[place] = ranked[place - 1]
            place -= 1
        ranked[place] = symbol
        count += 1
    return ranked[:count]
