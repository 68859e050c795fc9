"""Many accounts that live through sessions of a lattice side by side, each moving its parameters.

The reward is the change of log equity, less half a multiple of what the drawdown grew by, less the
price of moving: a policy that never trades earns 0, so it loses to any that earns something, and
one that jumps about pays for it. The end of an episode is a cut, not an end of the world.
"""

from typing import NamedTuple

import numpy as np

from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.observation import NAMES, beside_state, tamed
from models.market.bars import FloatArray, IntArray

LOSS_FRAC_MAX = 0.5
"""Least that an account keeps of itself in one session, so that its logarithm stays finite."""


class Terms(NamedTuple):
    """How a session is rewarded and how far parameters may move in it."""

    move_frac: float = 0.1
    """Share of a parameter's range that an action of 1 moves it by."""
    drawdown_weight: float = 1.0
    move_cost: float = 2e-5
    """Price of an action of 1, in log equity."""
    episode_min: int = 40
    episode_max: int = 64
    """Sessions of an episode, drawn evenly."""


class Step(NamedTuple):
    """What one step of all accounts came to; each of shape (n,)."""

    reward: FloatArray
    growth: FloatArray
    """Change of log equity."""
    is_cut: np.ndarray
    """Whether the episode is over."""


class Sessions:
    """Accounts over a lattice; arrays have one row an account."""

    def __init__(
        self,
        lattice: Lattice,
        space: Space,
        terms: Terms,
        count: int,
        generator: np.random.Generator,
    ) -> None:
        self.lattice = lattice
        self.space = space
        self.terms = terms
        self.count = count
        self._generator = generator
        self._context = tamed(lattice.context)
        self._r = lattice.r_multiple.reshape(len(lattice), -1)
        self._trades = lattice.trades.reshape(len(lattice), -1)
        self._step = terms.move_frac * space.width
        self._longest = min(terms.episode_max, len(lattice))
        self._shortest = min(terms.episode_min, self._longest)
        self.row = np.zeros(count, np.int64)
        self.left = np.zeros(count, np.int64)
        self.parameters = np.tile(space.static, (count, 1))
        self.log_equity = np.zeros(count)
        self.log_peak = np.zeros(count)
        self.recent = np.zeros(count)

    @property
    def drawdown_frac(self) -> FloatArray:
        """Drawdown of each account."""
        return -np.expm1(self.log_equity - self.log_peak)

    def begin(self, accounts: IntArray | None = None, *, at: int | None = None) -> None:
        """Begin episodes: at random rows and parameters, or all at one row as the settings have it.

        Random beginnings keep a policy from learning the calendar; random parameters show it the
        whole of its range.
        """
        chosen = np.arange(self.count) if accounts is None else accounts
        many = len(chosen)
        if at is None:
            length = self._generator.integers(self._shortest, self._longest + 1, many)
            self.row[chosen] = self._generator.integers(0, len(self.lattice) - length + 1)
            self.left[chosen] = length
            place = self._generator.random((many, len(self.space.low)))
            self.parameters[chosen] = self.space.low + place * self.space.width
        else:
            self.row[chosen], self.left[chosen] = at, len(self.lattice) - at
            self.parameters[chosen] = self.space.static
        self.log_equity[chosen] = self.log_peak[chosen] = self.recent[chosen] = 0.0

    def observe(self, accounts: IntArray | slice = slice(None)) -> FloatArray:
        """Return what each account sees before its next session, shape (n, n_names)."""
        row = np.minimum(self.row[accounts], len(self.lattice) - 1)
        return beside_state(
            self._context[row],
            self.parameters[accounts],
            self.drawdown_frac[accounts],
            self.recent[accounts],
            self.space,
        )

    def move(self, actions: FloatArray) -> Step:
        """Move the parameters of all accounts and live through one session.

        Parameters
        ----------
        actions : ndarray of shape (n, 4)
            In [−1, 1]; what lies outside counts as its bound.
        """
        wanted = np.clip(actions, -1.0, 1.0)
        self.parameters = self.space.clipped(self.parameters + wanted * self._step)
        cells = self.lattice.cells(self.parameters)
        change_frac = self.parameters[:, -1] * self._r[self.row, cells]
        growth = np.log1p(np.maximum(change_frac, -LOSS_FRAC_MAX))
        before = self.drawdown_frac
        self.log_equity = self.log_equity + growth
        self.log_peak = np.maximum(self.log_peak, self.log_equity)
        deeper = np.maximum(self.drawdown_frac - before, 0.0)
        moved = np.abs(wanted).sum(axis=1)
        reward = growth - 0.5 * self.terms.drawdown_weight * deeper - self.terms.move_cost * moved
        self.recent = self._trades[self.row, cells]
        self.row = self.row + 1
        self.left = self.left - 1
        return Step(reward, growth, self.left <= 0)


def observation_size() -> int:
    """Return how many numbers an observation has."""
    return len(NAMES)
