"""Chance as a baseline through the whole machine: the run's own votes at other moments, mirrored.

In each symbol the votes of all voters move together to another time, and on each day they mean the
other side or not, by lot. So as many voices speak, as surely, as long and as much of one mind as in
the run; only what they say has nothing to do with the prices that follow. The compiled simulator
then decides, sizes, refuses, fills and exits as it did in the run.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from models.decision.simulated.record import SimulatedRun
from models.learning.returns import deepest_fall
from runtime.columns import Columns, simulate_columns
from runtime.reports.baselines import Band, band_of, day_ends_ns

DECISIONS_MAX: Final = 5_000_000
"""Decisions of all runs together, some ten seconds: a record of many years gets fewer runs."""
RUNS_MIN: Final = 20
ABOUT: Final = (
    "The run's own votes dealt to other moments of their symbol, the side of each day drawn by "
    "lot, and traded through the same decisions, limits, fills and exits."
)


def random_votes(columns: Columns, generator: np.random.Generator) -> Columns:
    """Return columns whose votes are those of other moments, on each day mirrored or not."""
    close_ns = np.ascontiguousarray(columns.closes["close_ns"])
    day = np.searchsorted(columns.days["start_ns"], close_ns - 1, side="right")
    day -= day[0]
    votes = columns.votes.copy()
    for symbol in range(len(columns.symbols)):
        rows = np.flatnonzero(columns.views["has_bar"][:, symbol])
        if len(rows) < 2:
            continue
        moved = columns.votes[np.roll(rows, int(generator.integers(1, len(rows)))), symbol]
        is_mirrored = (generator.random(int(day[-1]) + 1) < 0.5)[day[rows]]
        up = moved["probability_up"]
        moved["probability_up"] = np.where(is_mirrored[:, None], 1.0 - up, up)
        votes[rows, symbol] = moved
    return msgspec.structs.replace(columns, votes=votes)


def random_band(columns: Columns, settings: Settings, end_ns: int, runs: int) -> Band | None:
    """Return the band of many runs on random votes, None for none; seeds count from 0.

    Parameters
    ----------
    columns : Columns
        Opinions of the run.
    settings : Settings
        Under which it was decided.
    end_ns : int
        End of the run.
    runs : int
        How many at the most; `DECISIONS_MAX` may ask for fewer.
    """
    if not runs or not len(columns.closes):
        return None
    start_ns = int(columns.readings_ns[0])
    moments = np.array([start_ns, *day_ends_ns(start_ns, end_ns), end_ns])
    curves, falls = [], []
    for seed in range(runs_within(columns, runs)):
        dealt = random_votes(columns, np.random.default_rng(seed))
        run = simulate_columns(dealt, settings)
        curves.append(_equity_at(run, moments))
        falls.append(deepest_fall(np.append(run.equity, run.final_equity)).depth_frac)
    return band_of(moments, np.stack(curves), ABOUT, falls)


def runs_within(columns: Columns, runs: int) -> int:
    """Return how many runs are affordable, at least `RUNS_MIN` of those that are asked for."""
    affordable = DECISIONS_MAX // max(len(columns.closes) * len(columns.symbols), 1)
    return min(runs, max(RUNS_MIN, affordable))


def _equity_at(run: SimulatedRun, moments: NDArray[np.int64]) -> NDArray[np.float64]:
    known = np.concatenate(([run.deposit], run.equity))
    curve: NDArray[np.float64] = known[np.searchsorted(run.close_ns, moments, side="right")]
    curve[-1] = run.final_equity
    return curve
