"""Recorded runs of nine agents on the synthetic market whose account is read at every close.

One enters at the market, the other at limits that rest where its forecast is calm.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from blackboard.entry import Entry
from blackboard.facts import Timeframe
from config.settings import Settings
from models.market.sessions import HOUR_NS
from runtime.columns import Columns, columns_of
from runtime.simulation.scenario import Scenario, scenario_of
from runtime.terminals.simulated.market import open_market
from tests.recorded_run import recorded

HOURS = 60
"""Long enough for some dozens of intents, some trades, and two nights."""
SEED = 2
RESTING_SEED = 3

Style = Literal["market", "adaptive"]


@cache
def settings(style: Style = "market") -> Settings:
    """Return the settings of a run."""
    values = _scenario(style).settings.model_dump(mode="json")
    values["timeframe"] = Timeframe.M15.value
    values["agents"]["execution"]["snapshot_timeframe"] = Timeframe.M15.value
    if style == "adaptive":
        # A forecast needs two weeks of quarter hours; without one nothing rests.
        values["anchor_weeks"], values["market"]["synthetic"]["history_weeks"] = 2, 3
        values["agents"]["lstm_vol"]["fit_rows_min"] = 100
        values["trading"]["entries"] = {"style": style, "calm_vol_ratio_max": 1.0}
    return Settings.model_validate(values)


def span_ns(style: Style = "market") -> tuple[int, int]:
    """Return its first and last moment."""
    start_ns = _scenario(style).start_ns
    return start_ns, start_ns + HOURS * HOUR_NS


@cache
def entries(style: Style = "market") -> list[Entry]:
    """Return its entries."""
    return [entry for commit in recorded(settings(style), *span_ns(style)) for entry in commit]


@cache
def columns(style: Style = "market") -> Columns:
    """Return its columns."""
    known = settings(style)
    return columns_of(entries(style), known, open_market(known).source, *span_ns(style))


def _scenario(style: Style) -> Scenario:
    return scenario_of(SEED if style == "market" else RESTING_SEED, Path("nowhere"))
