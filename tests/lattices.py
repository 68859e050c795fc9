"""Lattices whose best parameters are known, and ones in which there is nothing to know."""

import numpy as np

from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import FEATURES
from models.market.sessions import DAY_NS

AXES = (np.linspace(0.50, 0.60, 5), np.linspace(2.5, 4.0, 5), np.linspace(1.0, 4.0, 5))
SPACE = Space(
    low=np.array([0.50, 2.5, 1.0, 0.002]),
    high=np.array([0.60, 4.0, 4.0, 0.01]),
    static=np.array([0.545, 3.2, 2.4, 0.005]),
)
CALM, STORM = np.array([0.525, 2.875, 1.75]), np.array([0.575, 3.625, 3.25])
"""Best parameters of the two regimes, each a cell."""
VOLATILITY = FEATURES.index("range_ratio_log")


def regimes(sessions: int, generator: np.random.Generator, length: int = 40) -> np.ndarray:
    """Return which regime each session belongs to, 0 or 1, some `length` sessions each."""
    is_change = generator.random(sessions) < 1.0 / length
    return (np.cumsum(is_change) + generator.integers(2)) % 2


def planted(
    sessions: int, seed: int, noise_r: float = 0.3, length: int = 40
) -> tuple[Lattice, np.ndarray]:
    """Return a lattice with one best cell a regime, seen in the volatility, and the regimes.

    A session earns 1 R at the best cell, less with the distance from it, −1 R far away; who asks
    for the most confidence never trades.
    """
    generator = np.random.default_rng(seed)
    regime = regimes(sessions, generator, length)
    grids = np.stack(np.meshgrid(*AXES, indexing="ij"), axis=-1)
    width = (SPACE.high - SPACE.low)[:3]
    away = np.stack([(((grids - best) / width) ** 2).sum(-1) for best in (CALM, STORM)])
    mean = np.maximum(1.0 - 3.0 * away, -1.0)[regime]
    outcomes = mean + generator.normal(0.0, noise_r, (sessions, 1, 1, 1))
    trades = np.full_like(outcomes, 3.0)
    outcomes[:, -1] = trades[:, -1] = 0.0
    context = generator.normal(0.0, 0.3, (sessions, len(FEATURES)))
    context[:, VOLATILITY] = np.where(regime == 1, 1.0, -1.0) + generator.normal(0, 0.3, sessions)
    return Lattice(AXES, np.arange(sessions) * DAY_NS, context, outcomes, trades), regime


def noise(sessions: int, seed: int) -> Lattice:
    """Return outcomes without mean and a context that tells nothing of them."""
    generator = np.random.default_rng(seed)
    shape = tuple(len(axis) for axis in AXES)
    shared = generator.normal(0.0, 1.0, (sessions, 1, 1, 1))
    own = generator.normal(0.0, 1.0, (sessions, *shape))
    context = generator.normal(0.0, 1.0, (sessions, len(FEATURES)))
    outcomes = 0.7 * shared + 0.7 * own
    return Lattice(
        AXES, np.arange(sessions) * DAY_NS, context, outcomes, np.full_like(outcomes, 3.0)
    )


def identity(sessions: int, seed: int) -> Lattice:
    """Return sessions in which the sign of one feature names the end of an axis that earns."""
    generator = np.random.default_rng(seed)
    sign = generator.choice([-1.0, 1.0], sessions)
    place = np.linspace(-1.0, 1.0, 5)
    outcomes = (sign[:, None] * place[None, :])[:, :, None, None] * np.ones((1, 1, 5, 5))
    context = np.zeros((sessions, len(FEATURES)))
    context[:, VOLATILITY] = sign
    return Lattice(
        AXES, np.arange(sessions) * DAY_NS, context, outcomes, np.full_like(outcomes, 3.0)
    )
