"""A recorded run of nine agents on the synthetic market whose account is read at every close."""

from functools import cache
from pathlib import Path

from blackboard.entry import Entry
from blackboard.facts import Timeframe
from config.settings import Settings
from models.market.sessions import HOUR_NS
from runtime.columns import Columns, columns_of
from runtime.simulation.scenario import scenario_of
from runtime.terminals.simulated.market import open_market
from tests.recorded_run import recorded

HOURS = 60
"""Long enough for some dozens of intents, some trades, and two nights."""
SEED = 2


@cache
def settings() -> Settings:
    """Return the settings of the run."""
    values = scenario_of(SEED, Path("nowhere")).settings.model_dump(mode="json")
    values["timeframe"] = Timeframe.M15.value
    values["agents"]["execution"]["snapshot_timeframe"] = Timeframe.M15.value
    return Settings.model_validate(values)


def span_ns() -> tuple[int, int]:
    """Return its first and last moment."""
    start_ns = scenario_of(SEED, Path("nowhere")).start_ns
    return start_ns, start_ns + HOURS * HOUR_NS


@cache
def entries() -> list[Entry]:
    """Return its entries."""
    return [entry for commit in recorded(settings(), *span_ns()) for entry in commit]


@cache
def columns() -> Columns:
    """Return its columns."""
    return columns_of(entries(), settings(), open_market(settings()).source, *span_ns())
