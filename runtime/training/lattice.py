"""The lattice of outcomes: every cell simulated once by the compiled simulator."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from agents.voters import RULES
from config.parameters import PARAMETERS, bounds_of
from config.settings import Settings
from models.learning.adaptation.context import (
    CONTEXT_BARS,
    SESSION_NS,
    SymbolTail,
    lean_of,
    market_context,
    week_frac,
)
from models.learning.adaptation.lattice import AXES, Lattice, Space
from models.market.bars import BarArray, FloatArray, IntArray
from models.market.sessions import bar_open_ns
from runtime.columns import Columns, simulate_columns

VALUES: Final = 5
"""Values of each axis."""
UNTROUBLED: Final[Mapping[str, object]] = {
    "trading.risk_frac": 0.002,
    "agents.risk.drawdown_reducing": 0.49,
    "agents.risk.drawdown_halted": 0.59,
    "agents.risk.drawdown_sizing": 0.49,
    "agents.risk.daily_loss_max": 0.2,
    "agents.risk.weekly_loss_max": 0.3,
    "agents.risk.consecutive_losses_max": 100,
    "terminal.deposit": 1e6,
}
"""An account that small risks never stop: a cell's later sessions must not pay for its earlier
ones, because whoever moves between cells did not live through them."""
SENTIMENT: Final = "sentiment"

Advance = Callable[[float, str], None]


def space_of(settings: Settings) -> Space:
    """Return where adaptation may move the parameters."""
    bounds = np.array([bounds_of(name) for name in PARAMETERS])
    static = [getattr(settings.trading, name) for name in PARAMETERS]
    return Space(low=bounds[:, 0], high=bounds[:, 1], static=np.array(static))


def lattice_of(
    columns: Columns, bars: Mapping[str, BarArray], space: Space, advance: Advance
) -> Lattice:
    """Return what each cell earned in each session of some columns.

    Parameters
    ----------
    columns : Columns
        Opinions; their settings decide everything but the axes.
    bars : mapping of str to BarArray
        Of the trading timeframe, `CONTEXT_BARS` before the first close where they exist.
    space : Space
        Bounds; the axes divide them evenly.
    advance : callable
        Takes the share that is done, and a word about it.
    """
    rows = first_rows(np.ascontiguousarray(columns.closes["close_ns"]))
    start_ns = np.ascontiguousarray(columns.closes["close_ns"])[rows]
    values = [np.linspace(space.low[each], space.high[each], VALUES) for each in range(len(AXES))]
    shape = (len(rows), VALUES, VALUES, VALUES)
    outcomes, trades = np.zeros(shape), np.zeros(shape)
    for number, cell in enumerate(np.ndindex(*shape[1:])):
        overrides = {
            f"trading.{name}": float(values[axis][cell[axis]]) for axis, name in enumerate(AXES)
        }
        closed = simulate_columns(columns, columns.settings, {**UNTROUBLED, **overrides}).closed
        # What is entered at the close of a session's beginning was decided by the one before.
        session = np.searchsorted(start_ns, closed["opened_ns"], side="left") - 1
        is_known = session >= 0
        place = (slice(None), *cell)
        weights = closed["r_multiple"][is_known]
        outcomes[place] = np.bincount(session[is_known], weights, len(rows))
        trades[place] = np.bincount(session[is_known], minlength=len(rows))
        advance((number + 1) / VALUES ** len(AXES), "cells")
    context = np.stack([_context(columns, bars, int(row)) for row in rows])
    return Lattice((values[0], values[1], values[2]), start_ns, context, outcomes, trades)


def first_rows(close_ns: IntArray) -> IntArray:
    """Return the rows of the first close of each session."""
    opens_ns = np.array([bar_open_ns(int(each) - 1, SESSION_NS) for each in close_ns])
    rows: IntArray = np.flatnonzero(np.diff(opens_ns, prepend=-1))
    return rows


def _context(columns: Columns, bars: Mapping[str, BarArray], row: int) -> FloatArray:
    close_ns = int(columns.closes["close_ns"][row])
    tails = [_tail(bars[symbol], close_ns) for symbol in columns.symbols]
    votes = columns.votes[row]
    is_rule = np.array([voter in RULES for voter in columns.voters])
    is_text = np.array([voter == SENTIMENT for voter in columns.voters])
    return market_context(
        tails,
        lean=lean_of(votes["probability_up"][:, is_rule], votes["abstains"][:, is_rule]),
        sentiment=_mean_up(votes[:, is_text]),
        week_frac=week_frac(close_ns),
    )


def _mean_up(votes: np.ndarray) -> float:
    spoken = votes["probability_up"][~votes["abstains"]]
    return float(spoken.mean()) if len(spoken) else 0.5


def _tail(bars: BarArray, close_ns: int) -> SymbolTail:
    last = int(np.searchsorted(np.ascontiguousarray(bars["close_ns"]), close_ns, side="right"))
    tail = bars[max(0, last - CONTEXT_BARS) : last]
    return SymbolTail(
        tail["close"].astype(np.float64),
        tail["high"] - tail["low"],
        tail["spread_points"].astype(np.float64),
    )
