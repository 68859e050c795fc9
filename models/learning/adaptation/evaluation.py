"""How a policy and its rivals did on sessions that no training saw, and whether that is enough.

Source: Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical Precipice*
(NeurIPS 2021): the mean of the middle half of all runs, and a bootstrap that draws seeds within
each window, because runs of one window share its market.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from models.learning.adaptation.lattice import Lattice, Space
from models.learning.adaptation.rivals import Wants
from models.learning.adaptation.sessions import Sessions, Terms
from models.market.bars import FloatArray

DRAWS: Final = 2000
TAIL: Final = 0.025
"""Share of the draws below the lower end of a 95 % interval."""
WON_MIN: Final = 0.6
"""Share of the windows in which the best static cell must be beaten."""

Act = Callable[[FloatArray], FloatArray]
"""Takes observations, returns actions."""


def play(lattice: Lattice, space: Space, terms: Terms, act: Act) -> FloatArray:
    """Return the change of log equity of each session, from the first one and the settings on."""
    sessions = Sessions(lattice, space, terms, 1, np.random.default_rng(0))
    sessions.begin(at=0)
    growth = np.zeros(len(lattice))
    for row in range(len(lattice)):
        growth[row] = sessions.move(act(sessions.observe())).growth[0]
    return growth


def follow(lattice: Lattice, space: Space, terms: Terms, wants: Wants) -> FloatArray:
    """Return the same for a rival, who moves towards what it wants as fast as a policy may."""
    wanted = wants(lattice.context)
    sessions = Sessions(lattice, space, terms, 1, np.random.default_rng(0))
    sessions.begin(at=0)
    growth = np.zeros(len(lattice))
    reach = terms.move_frac * np.where(space.width > 0.0, space.width, np.inf)
    for row in range(len(lattice)):
        action = (wanted[row] - sessions.parameters) / reach
        growth[row] = sessions.move(action).growth[0]
    return growth


def stand(lattice: Lattice, parameters: FloatArray) -> FloatArray:
    """Return the same for parameters that stood there from the beginning, as a setting does."""
    cell = lattice.cells(parameters[None, :])[0]
    outcomes = lattice.r_multiple.reshape(len(lattice), -1)[:, cell]
    growth: FloatArray = np.log1p(np.maximum(parameters[-1] * outcomes, -0.5))
    return growth


class Deployment(NamedTuple):
    """Whether a policy may be deployed, and by which figures."""

    is_worth_it: bool
    gain: float
    """Interquartile mean of what PPO earned more than the best static cell in sample, per window
    and seed, in log equity."""
    gain_low: float
    """Lower end of its 95 % interval."""
    windows: int
    won: int


def interquartile_mean(gains: FloatArray) -> float:
    """Return the mean of the middle half."""
    return float(_middle_means(gains.reshape(1, -1))[0])


def _middle_means(rows: FloatArray) -> FloatArray:
    # As scipy.stats.trim_mean(row, 0.25), for all rows at once.
    cut = rows.shape[1] // 4
    ranked = np.sort(rows, axis=1)
    means: FloatArray = ranked[:, cut : rows.shape[1] - cut].mean(axis=1)
    return means


def deployment(gains: FloatArray, seed: int) -> Deployment:
    """Return the verdict on gains over the best static cell.

    Parameters
    ----------
    gains : ndarray of shape (n_windows, n_seeds)
        Change of log equity of a seed's policy in a window, less that of the static cell that was
        best on the same training sessions.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Deployment
        Worth it if the lower bound is above 0 and enough windows are won by the mean of their
        seeds.
    """
    generator = np.random.default_rng(seed)
    windows, seeds = gains.shape
    # Windows are drawn too: a market of one window is one piece of luck for all its seeds.
    rows = generator.integers(0, windows, (DRAWS, windows, 1))
    columns = generator.integers(0, seeds, (DRAWS, windows, seeds))
    drawn = gains[rows, columns].reshape(DRAWS, -1)
    low = float(np.quantile(_middle_means(drawn), TAIL))
    won = int(np.count_nonzero(gains.mean(axis=1) > 0.0))
    is_worth_it = bool(low > 0.0 and won >= WON_MIN * windows)
    return Deployment(is_worth_it, interquartile_mean(gains), low, windows, won)
