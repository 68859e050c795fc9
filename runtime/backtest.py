"""A backtest: a run over a market in one of two ways, its record, and its tear sheet.

*Full*: the nine agents run as `up --in-process` has them, and journal and lineage stay. *Compiled*:
six agents form opinions once, which are kept as columns; the compiled simulator decides and trades
over them in a moment, so the next backtest that only trades differently costs nothing. Both give
one `RunRecord`.
"""

from pathlib import Path
from typing import Final

import msgspec

from config.loading import LoadedSettings
from models.market.sessions import DAY_NS, SECOND_NS
from runtime.book import remember_latest
from runtime.columns import Columns, simulate_columns
from runtime.council_run import Advance, run_council
from runtime.opinions import opinions_of
from runtime.preparation import Start, StartOptions, manifest_of, prepare
from runtime.reports.baselines import Band, Baselines, HeldMarket, no_trade
from runtime.reports.journal_record import record_of
from runtime.reports.random_entries import RandomEntries
from runtime.reports.random_votes import random_band
from runtime.reports.record import RunRecord
from runtime.reports.simulated_record import record_of_simulation
from runtime.reports.stress import StressTable
from runtime.reports.tear_sheet import Sheet, Written, sheet_of, write_tear_sheet
from runtime.terminals.simulated.market import OpenedMarket, open_market

RANDOM_RUNS: Final = 200
"""Random runs beside a result, enough for the edges of a band."""
REPORT: Final = "report"
"""Folder of the tear sheet within that of a run."""


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest that has been run."""

    start: Start
    market: OpenedMarket
    record: RunRecord
    columns: Columns | None = None
    """Opinions of a compiled run, which chance can be traded over; None where agents ran."""


def options_of(duration_s: float) -> StartOptions:
    """Return how a backtest starts: at once, in this process, in a folder of its own."""
    return StartOptions(speed="max", duration_s=duration_s, in_process=True, is_fresh=True)


def days_of(loaded: LoadedSettings, duration_s: float) -> int:
    """Return how many days of the market will be run, for the progress."""
    if duration_s:
        return round(duration_s * SECOND_NS / DAY_NS)
    source = open_market(loaded.settings).source
    return round((source.end_ns - source.start_ns) / DAY_NS)


def run_full(loaded: LoadedSettings, duration_s: float, advance: Advance) -> Backtest:
    """Run the nine agents; their journal stays in the run's folder."""
    options = options_of(duration_s)
    start = prepare(loaded, options)
    run_council(start, options, advance)
    remember_latest(start.plan.settings.home.absolute(), start.plan.book)
    market = open_market(start.plan.settings)
    return Backtest(start=start, market=market, record=record_of(start.plan.book, market))


def run_compiled(loaded: LoadedSettings, duration_s: float, advance: Advance) -> Backtest:
    """Run the compiled simulator over the opinions of six agents, made now or kept."""
    options = options_of(duration_s)
    start = prepare(loaded, options)
    plan, settings = start.plan, start.plan.settings
    span_ns = plan.start_ns, plan.end_ns
    columns, readings = opinions_of(settings, start.data, span_ns, duration_s, advance)
    run = simulate_columns(columns, settings)
    market = open_market(settings)
    manifest = manifest_of(plan, options, start.data)
    record = record_of_simulation(run, settings, manifest, market, readings, span_ns)
    return Backtest(start=start, market=market, record=record, columns=columns)


def tear_sheet_of(
    run: Backtest,
    out: Path | None = None,
    stress: StressTable | None = None,
    random_runs: int = RANDOM_RUNS,
) -> tuple[Sheet, Written]:
    """Write the tear sheet of a backtest into a folder, or that of the run."""
    record, one = run.record, run.record.identity
    held = HeldMarket(run.market.source, one.currency, one.spread_factor, one.commission_per_lot)
    baselines = Baselines(
        no_trade=no_trade(one.deposit, one.start_ns, one.end_ns),
        held=held.curve(one.symbols, one.deposit, one.start_ns, one.end_ns),
        random=_chance(run, random_runs),
    )
    folder = out or run.start.plan.book.folder / REPORT
    written = write_tear_sheet(folder, record, run.market.source, baselines, stress)
    return sheet_of(record, baselines, stress), written


def _chance(run: Backtest, runs: int) -> Band | None:
    # Agents take minutes for what the simulator does in a moment, so their trades are moved.
    if run.columns is None:
        return RandomEntries(run.market.source, run.record).band(runs)
    return random_band(run.columns, run.start.plan.settings, run.record.identity.end_ns, runs)
