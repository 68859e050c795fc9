"""Decisions made again over the columns of a run, under any figures."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from config.settings import Settings
from models.decision.simulated.columns import World
from models.decision.simulated.record import SimulatedRun
from models.decision.simulator import simulate_world
from runtime.columns.figures import figures_of, overridden
from runtime.columns.market import with_spreads
from runtime.columns.table import Columns

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


def simulate_columns(
    columns: Columns, settings: Settings, overrides: Mapping[str, object] = NOTHING
) -> SimulatedRun:
    """Return what the council would have decided, and what came of it.

    Parameters
    ----------
    columns : Columns
        Of a recorded run; its opinions are taken as they were.
    settings : Settings
        Figures of arbitration, risk, exits and account; those of `columns.settings` give the
        recorded run again. Settings that shape opinions change nothing here.
    overrides : mapping of str to object
        Values by dotted key that go before the settings, such as ``trading.min_rr_ratio``.

    Raises
    ------
    ConfigError
        If a value is wrong, or the simulator has no rule for a setting.
    """
    settings = overridden(settings, overrides)
    return simulate_world(
        world_of(columns, settings),
        columns.readings_ns,
        columns.end_ns,
        columns.symbols,
        columns.voters,
    )


def world_of(columns: Columns, settings: Settings) -> World:
    """Return columns beside figures, as the compiled simulator takes them."""
    return World(
        first=columns.first,
        minutes=with_spreads(columns, settings.terminal.spread_factor),
        contracts=columns.contracts,
        closes=columns.closes,
        views=columns.views,
        votes=columns.votes,
        voters=columns.voters_at,
        correlation=columns.correlation,
        days=columns.days,
        rollovers=columns.rollovers,
        figures=figures_of(settings, columns.voters),
    )
