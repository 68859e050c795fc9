"""From the folder of a recorded run to its columns."""

from collections.abc import Iterable
from pathlib import Path

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import FOREVER_NS
from config.settings import Settings
from runtime.columns.calendar import days_of, readings_of, rollovers_of
from runtime.columns.market import contracts_of, minutes_of
from runtime.columns.opinions import OpinionReader
from runtime.columns.table import Columns
from runtime.proof.lineage import entries_of
from runtime.run_plan import PLAN_FILE, RunPlan, read_plan
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import MarketSource


def export_columns(folder: Path) -> Columns:
    """Return the columns of a run in virtual time over a simulated market.

    Nothing of the future leaks: row t holds what was posted up to close t and is in force there.
    The market is opened anew from the settings of the run.

    Raises
    ------
    ConfigError
        If the run was not one in virtual time from its beginning, or its market is gone.
    """
    plan = _plan_of(folder)
    entries = list(entries_of(plan.book.journal))
    if not entries:
        raise ConfigError(f"{folder}: the journal is empty")
    end_ns = plan.end_ns if plan.end_ns != FOREVER_NS else entries[-1].now_ns
    source = open_market(plan.settings).source
    return columns_of(entries, plan.settings, source, plan.start_ns, end_ns)


def columns_of(
    entries: Iterable[Entry], settings: Settings, source: MarketSource, start_ns: int, end_ns: int
) -> Columns:
    """Return the columns of a journal told from the beginning, over the market it was made on."""
    reader = OpinionReader(settings)
    opinions = reader.columns(entries)
    first, minutes, spread_points = minutes_of(source, reader.symbols, start_ns, end_ns)
    return Columns(
        symbols=reader.symbols,
        voters=reader.voters,
        settings_json=settings.model_dump_json(),
        end_ns=end_ns,
        first=first,
        minutes=minutes,
        spread_points=spread_points,
        contracts=contracts_of(source, reader.specs, reader.symbols, settings),
        closes=opinions.closes,
        views=opinions.views,
        votes=opinions.votes,
        voters_at=opinions.voters,
        correlation=opinions.correlation,
        days=days_of(start_ns, end_ns),
        rollovers=rollovers_of(settings.terminal.server_zone, start_ns, end_ns),
        readings_ns=readings_of(settings, start_ns, end_ns),
    )


def _plan_of(folder: Path) -> RunPlan:
    path = folder / PLAN_FILE
    if not path.is_file():
        raise ConfigError(f"{folder} is no run: it has no {PLAN_FILE}")
    plan = read_plan(path)
    if not plan.is_virtual or plan.first_seq != 1:
        raise ConfigError(f"{folder} must be a run in virtual time, told from its beginning")
    return plan
