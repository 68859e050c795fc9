"""A council that learns in virtual time, in one process, on bars whose volatility a test plants.

Each step of the market is a whole bar of the trading timeframe, so that a week takes seconds. The
variance of a bar reverts to its mean within hours, which a regression sees and a moving average
does not; from a moment on it is so noisy that whoever learned the calm forecasts badly.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.agent import Agent
from blackboard.access import Access, Declaration
from blackboard.board import Board
from blackboard.journal import MemoryJournal
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import WEEK_NS, next_bar_close_ns
from runtime.council import agent_order, declarations, load_agent
from runtime.inprocess import InProcessHost
from runtime.learning_world import LearningWorld
from runtime.market_world import market_world
from runtime.training.bars_market import BarsMarket
from runtime.training.job import run_job
from runtime.training.places import Wait
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS

HISTORY_WEEKS: Final = 10
FIRST_OPEN_NS: Final = SUNDAY_OPEN_NS
START_NS: Final = SUNDAY_OPEN_NS + HISTORY_WEEKS * WEEK_NS
PERSISTENCE: Final = 0.8
"""Of log variance from bar to bar: half of a deviation is gone after three."""
CALM_NOISE: Final = 0.35
"""Standard deviation of what is new in a bar's log variance."""
STORM_STEP: Final = 3.5
"""By which log variance lies above or below its mean in a storm, drawn anew every hour."""
HOUR_BARS: Final = 4
SIGMA_FRAC: Final = 3e-4
"""Of a quiet bar's return."""


class Inline:
    """Runs each training at once, in this process."""

    def start(self, path: Path, time_s: float) -> Wait:
        """Do the job of a folder; it is over when this returns."""
        del time_s
        run_job(path)
        return lambda: ""

    def close(self) -> None:
        """Nothing runs any more."""


def planted_bars(until_ns: int, storm_ns: int, seed: int) -> BarArray:
    """Return M15 bars whose volatility reverts within hours, and rages from a moment on."""
    closes_ns = [next_bar_close_ns(FIRST_OPEN_NS, M15_NS)]
    while closes_ns[-1] < until_ns:
        closes_ns.append(next_bar_close_ns(closes_ns[-1], M15_NS))
    count = len(closes_ns)
    rng = np.random.default_rng(seed)
    bars = np.zeros(count, dtype=BAR_DTYPE)
    bars["close_ns"] = closes_ns
    calm = np.zeros(count)
    for row in range(1, count):
        calm[row] = PERSISTENCE * calm[row - 1] + CALM_NOISE * rng.standard_normal()
    storm = STORM_STEP * np.repeat(rng.choice((-1.0, 1.0), count // HOUR_BARS + 1), HOUR_BARS)
    log_variance = np.where(bars["close_ns"] > storm_ns, storm[:count], calm)
    sigma = SIGMA_FRAC * np.exp(log_variance / 2.0)
    steps = sigma[:, None] * rng.standard_normal((count, 15)) / np.sqrt(15.0)
    path = 1.1 * np.exp(np.cumsum(steps.ravel())).reshape(count, 15)
    bars["close"] = path[:, -1]
    bars["open"] = np.concatenate(([1.1], path[:-1, -1]))
    bars["high"] = np.maximum(path.max(axis=1), bars["open"])
    bars["low"] = np.minimum(path.min(axis=1), bars["open"])
    for name in ("open", "high", "low", "close"):
        bars[name] = np.round(bars[name], 5)
    bars["tick_volume"] = 100
    bars["spread_points"] = 5
    return bars


def learning_settings(home: Path, **training: Any) -> Settings:
    """Return settings of a council that trains the regression of volatility and nothing else."""
    return Settings.model_validate(
        {
            "home": str(home),
            "symbols": ("EURUSD",),
            "timeframe": "M15",
            "anchor_weeks": 2,
            "agents": {
                "learner": {"training": {"when": "always", "families": ("har",), **training}},
            },
        }
    )


def learning_host(
    settings: Settings,
    bars: dict[str, BarArray],
    models: Path,
    end_ns: int,
    journal: MemoryJournal | None = None,
    world: type[LearningWorld] = LearningWorld,
) -> InProcessHost:
    """Return the council before such a market, not yet run."""
    behind = market_world(BarsMarket(bars, M15_NS), settings, START_NS)
    declared: dict[str, Declaration] = declarations(settings)
    agents: dict[str, Agent] = {name: load_agent(name, settings) for name in agent_order(settings)}
    return InProcessHost(
        Board(Access(declared), journal or MemoryJournal()),
        agents,
        world(behind, models, settings, Inline(), is_virtual=True),
        start_ns=START_NS,
        end_ns=end_ns,
    )
