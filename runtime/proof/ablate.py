"""Ablation: a recorded run decided again without what one agent contributed.

The opinions of all others stand as they were recorded; what each would have said had that agent
never been there is not asked. Before anything is taken away the run is decided again as it was: the
comparison counts only where that gives the journal's own trades.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.voters import CONSTANT, VOTERS, first_weights
from blackboard.errors import ConfigError
from models.decision.jump import sigma_from_range
from models.decision.simulated.columns import NOT_CONFIGURED
from models.decision.simulated.record import SimulatedRun
from runtime.columns import Columns, export_columns, simulate_columns
from runtime.proof.lineage import entries_of
from runtime.proof.trades import Trade, first_difference, recorded_trades, simulated_trades
from runtime.run_plan import PLAN_FILE, read_plan


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One trade that both runs have, and that ended otherwise."""

    recorded: Trade
    without: Trade


class Ablation(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would have been without one agent; amounts in account currency."""

    run: str
    without: str
    trades: int
    trades_without: int
    pnl: float
    pnl_without: float
    pnl_difference: float
    """What the agent's contribution brought."""
    lost: tuple[Trade, ...]
    """Trades of the record that are not made without the agent."""
    gained: tuple[Trade, ...]
    """Trades that are made only without it."""
    changed: tuple[Changed, ...]
    """Trades that are made in both and end otherwise."""


def _without_votes(columns: Columns, agent: str) -> Columns:
    votes = columns.votes.copy()
    for place, voter in enumerate(columns.voters):
        if VOTERS[voter] == agent:
            votes["probability_up"][:, :, place] = 0.5
            votes["answers"][:, :, place] = False
            votes["abstains"][:, :, place] = True
    return msgspec.structs.replace(columns, votes=votes)


def _without_sentiment(columns: Columns) -> Columns:
    columns = _without_votes(columns, "sentiment")
    closes, views = columns.closes.copy(), columns.views.copy()
    closes["coverage"] = NOT_CONFIGURED
    views["is_blackout"] = views["is_event_ahead"] = False
    views["lean"], views["event_hours"] = 0.0, np.inf
    return msgspec.structs.replace(columns, closes=closes, views=views)


def _without_lstm_vol(columns: Columns) -> Columns:
    views = columns.views.copy()
    for name, value in (("has_forecast", False), ("vetoes_reversal", False), ("atr_scale", 1.0)):
        views[name] = value
    views["vol_ratio"] = views["vol_ratio_limit"] = 0.0
    views["sigma_frac"] = _sigma_of_ranges(columns, views)
    return msgspec.structs.replace(columns, views=views)


def _sigma_of_ranges(columns: Columns, views: NDArray[np.void]) -> NDArray[np.float64]:
    horizon_bars = columns.settings.agents.lstm_vol.horizons_bars[0]
    sigma_frac = np.zeros(views.shape)
    is_priced = views["has_levels"] & (views["bid"] > 0.0)
    sigma_frac[is_priced] = [
        sigma_from_range(view["atr"], view["bid"], horizon_bars) for view in views[is_priced]
    ]
    return sigma_frac


def _without_portfolio(columns: Columns) -> Columns:
    views = columns.views.copy()
    views["multiplier"] = 1.0
    correlation = np.full_like(columns.correlation, np.nan)
    for place in range(len(columns.symbols)):
        correlation[:, place, place] = 1.0
    return msgspec.structs.replace(columns, views=views, correlation=correlation)


LEARNED_PARAMETERS: Final = (
    *("min_confidence", "min_rr_ratio", "atr_multiplier", "risk_frac"),
    *("target_atr_multiplier", "confluence_min"),
)
"""Columns of a close that ParametersChanged fills."""


def _without_learner(columns: Columns) -> Columns:
    closes, voters_at = columns.closes.copy(), columns.voters_at.copy()
    weights = first_weights(columns.settings)
    closes["constant_weight"] = weights[CONSTANT]
    voters_at["weight"] = [weights[voter] for voter in columns.voters]
    voters_at["is_proven"] = False
    voters_at["intercept"] = voters_at["slope"] = np.nan
    for name in LEARNED_PARAMETERS:
        closes[name] = np.nan
    return msgspec.structs.replace(columns, closes=closes, voters_at=voters_at)


WITHOUT: Final[dict[str, Callable[[Columns], Columns]]] = {
    # A voter's votes are taken; what the technical agent tells of ranges and levels is the
    # market's, and stays.
    **{agent: partial(_without_votes, agent=agent) for agent in VOTERS.values()},
    "lstm_vol": _without_lstm_vol,
    "sentiment": _without_sentiment,
    # What texts and releases say of direction; calendar and blackouts stay.
    "sentiment_vote": partial(_without_votes, agent="sentiment"),
    "portfolio": _without_portfolio,
    "learner": _without_learner,
}
"""What taking away each agent's contribution, or its vote alone, does to the columns."""


def ablate(folder: Path, agent: str) -> Ablation:
    """Return what a recorded run would have been without one agent.

    Raises
    ------
    ConfigError
        If the agent cannot be left out, or the run is not reproduced as it was.
    """
    if agent not in WITHOUT:
        known = ", ".join(WITHOUT)
        raise ConfigError(f"--without must be one of {known}, was {agent!r}: the others carry out")
    columns = export_columns(folder)
    recorded = recorded_trades(entries_of(read_plan(folder / PLAN_FILE).book.journal))
    simulated = simulated_trades(simulate_columns(columns, columns.settings))
    difference = first_difference(recorded, simulated)
    if difference:
        raise ConfigError(
            f"{folder.name} is not reproduced as it was, so nothing can be said of it without "
            f"{agent}: {difference}"
        )
    without = _simulate_without(columns, agent)
    return compared(folder.name, agent, recorded, simulated_trades(without))


def _simulate_without(columns: Columns, agent: str) -> SimulatedRun:
    # Nobody waits for a forecaster who is not there.
    overrides = {"agents.lstm_vol.enabled": "false"} if agent == "lstm_vol" else {}
    return simulate_columns(WITHOUT[agent](columns), columns.settings, overrides)


def compared(run: str, agent: str, recorded: list[Trade], without: list[Trade]) -> Ablation:
    """Return how two lists of trades differ."""
    before, after = ({trade.entry: trade for trade in trades} for trades in (recorded, without))
    pnl, pnl_without = (round(sum(one.pnl for one in each), 2) for each in (recorded, without))
    return Ablation(
        run=run,
        without=agent,
        trades=len(recorded),
        trades_without=len(without),
        pnl=pnl,
        pnl_without=pnl_without,
        pnl_difference=round(pnl - pnl_without, 2),
        lost=tuple(trade for trade in recorded if trade.entry not in after),
        gained=tuple(trade for trade in without if trade.entry not in before),
        changed=tuple(
            Changed(recorded=trade, without=after[trade.entry])
            for trade in recorded
            if trade.entry in after and after[trade.entry] != trade
        ),
    )
