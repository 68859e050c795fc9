"""What PPO has to beat: standing still, a table of three volatilities, a linear bandit, chance.

A rival says which parameters it wants for a session; it gets there no faster than a policy may.
Choosing parameters is nearly a contextual bandit, and bandits need fewer samples than PPO
(Cannelli et al. 2020), so a policy that does not beat them has learned nothing of its own.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import FEATURES
from models.market.bars import FloatArray

Wants = Callable[[FloatArray], FloatArray]
"""Takes the context of sessions, shape (n, n_features); returns parameters, shape (n, 4)."""

VOLATILITY: Final = FEATURES.index("range_ratio_log")
RIDGE: Final = 10.0
"""Pull of the linear bandit's weights to the mean of a cell, in sessions."""
DOUBT: Final = 0.5
"""Standard errors by which LinUCB lowers a cell's estimate: in a test it must not explore."""


class Rival(NamedTuple):
    """A named rule for the parameters, fitted on training sessions."""

    name: str
    wants: Wants


def rivals_of(lattice: Lattice, space: Space, generator: np.random.Generator) -> tuple[Rival, ...]:
    """Return the rivals fitted on the sessions of a lattice, the best static cell second."""
    return (
        Rival("static", _always(space.static)),
        Rival("best_static", _always(best_static(lattice, space))),
        Rival("volatility_terciles", _terciles(lattice, space)),
        Rival("linear_bandit", _linear(lattice, space)),
        Rival("random", _by_lot(space, generator)),
    )


def best_static(lattice: Lattice, space: Space) -> FloatArray:
    """Return the parameters that would have earned most, standing still over all sessions."""
    best, most = space.static, -np.inf
    flat = lattice.r_multiple.reshape(len(lattice), -1)
    for risk_frac in sorted({float(space.low[-1]), float(space.static[-1]), float(space.high[-1])}):
        growth = np.log1p(np.maximum(risk_frac * flat, -0.5)).sum(axis=0)
        cell = int(np.argmax(growth))
        if growth[cell] > most:
            most = float(growth[cell])
            best = np.append(lattice.points[cell], risk_frac)
    return space.clipped(best)


def _always(parameters: FloatArray) -> Wants:
    return lambda context: np.tile(parameters, (len(context), 1))


def _terciles(lattice: Lattice, space: Space) -> Wants:
    seen = np.nan_to_num(lattice.context[:, VOLATILITY])
    edges = np.quantile(seen, (1 / 3, 2 / 3))
    groups = np.searchsorted(edges, seen, side="right")
    table = np.stack([_best_of(lattice, groups == group, space) for group in range(3)])

    def wants(context: FloatArray) -> FloatArray:
        found = np.nan_to_num(context[:, VOLATILITY])
        return table[np.searchsorted(edges, found, side="right")]

    return wants


def _best_of(lattice: Lattice, is_in: np.ndarray, space: Space) -> FloatArray:
    rows = np.flatnonzero(is_in)
    if not len(rows):
        return space.static
    part = Lattice(
        lattice.axes,
        lattice.start_ns[rows],
        lattice.context[rows],
        lattice.r_multiple[rows],
        lattice.trades[rows],
    )
    return best_static(part, space)


def _linear(lattice: Lattice, space: Space) -> Wants:
    """Estimate every cell by ridge regression on the context; take the best lower bound.

    Source: Li et al., *A contextual-bandit approach* (2010), LinUCB with its sign turned.
    """
    design = _design(lattice.context)
    inverse = np.linalg.inv(design.T @ design + RIDGE * np.eye(design.shape[1]))
    outcomes = lattice.r_multiple.reshape(len(lattice), -1)
    weights = inverse @ (design.T @ outcomes)  # (feature, cell)
    spread = (outcomes - design @ weights).std(axis=0)
    points = lattice.points

    def wants(context: FloatArray) -> FloatArray:
        rows = _design(context)
        error = np.sqrt(np.einsum("nf,fg,ng->n", rows, inverse, rows))
        estimate = rows @ weights - DOUBT * error[:, None] * spread
        best = np.argmax(estimate, axis=1)
        is_worth = estimate[np.arange(len(rows)), best] > 0.0
        risk_frac = np.where(is_worth, space.high[-1], space.low[-1])
        return space.clipped(np.column_stack([points[best], risk_frac]))

    return wants


def _design(context: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(context)), np.nan_to_num(context)])


def _by_lot(space: Space, generator: np.random.Generator) -> Wants:
    return lambda context: space.low + space.width * generator.random((len(context), 4))
