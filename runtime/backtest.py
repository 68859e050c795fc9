"""A backtest: one run of the council over a market, and its tear sheet.

The nine agents run in this process, in virtual time, exactly as `up --in-process` has them; journal
and lineage stay in the run's folder.
"""

from pathlib import Path
from typing import Final

from models.market.sessions import DAY_NS
from runtime.book import remember_latest
from runtime.commands.progress import Advance
from runtime.driver import Display
from runtime.inprocess_driver import InProcessDriver
from runtime.log_setup import set_up_logs
from runtime.picture import Picture
from runtime.preparation import Start, StartOptions, manifest_of
from runtime.reports.baselines import Baselines, HeldMarket, no_trade
from runtime.reports.journal_record import record_of
from runtime.reports.random_entries import RandomEntries
from runtime.reports.record import RunRecord
from runtime.reports.stress import StressCase, StressTable, case_of
from runtime.reports.tear_sheet import Sheet, Written, sheet_of, write_tear_sheet
from runtime.status import Status
from runtime.terminal_world import direct_world
from runtime.terminals.simulated.market import OpenedMarket, open_market

RANDOM_RUNS: Final = 200
"""Random runs beside a result, enough for the edges of a band."""


class _Progress(Display):
    """Tells how far a run has come."""

    def __init__(self, start_ns: int, advance: Advance) -> None:
        self._start_ns = start_ns
        self._advance = advance

    def update(self, picture: Picture, status: Status) -> None:
        """Show the present."""
        days = (status.now_ns - self._start_ns) / DAY_NS
        self._advance(round(days, 1), f"{picture.trades} trades, {picture.pnl:+,.2f}")


def run_council(start: Start, options: StartOptions, advance: Advance) -> None:
    """Run the nine agents of a prepared start to its end."""
    plan = start.plan
    with plan.book.held():
        plan.book.write_manifest(manifest_of(plan, options, start.data))
        plan.write()
        set_up_logs("driver", plan.book.logs, plan.settings.log, profile=plan.settings.profile)
        remember_latest(plan.settings.home.absolute(), plan.book)
        world = direct_world(plan)
        try:
            InProcessDriver(plan, world, _Progress(plan.start_ns, advance)).run()
        finally:
            world.close()


def tear_sheet_of(
    start: Start,
    out: Path | None = None,
    stress: StressTable | None = None,
    random_runs: int = RANDOM_RUNS,
) -> tuple[Sheet, Written]:
    """Write the tear sheet of a run that has ended, beside its journal or into a folder."""
    market = open_market(start.plan.settings)
    record = record_of(start.plan.book, market)
    baselines = baselines_of(record, market, random_runs)
    folder = out or start.plan.book.folder / "report"
    written = write_tear_sheet(folder, record, market.source, baselines, stress)
    return sheet_of(record, baselines, stress), written


def case_of_run(start: Start, name: str, about: str) -> StressCase:
    """Return what a run that has ended came to, for the table of stress."""
    return case_of(name, about, record_of(start.plan.book), start.plan.settings)


def baselines_of(record: RunRecord, market: OpenedMarket, random_runs: int) -> Baselines:
    """Return what a run is held against."""
    one = record.identity
    held = HeldMarket(market.source, one.currency, one.spread_factor, one.commission_per_lot)
    return Baselines(
        no_trade=no_trade(one.deposit, one.start_ns, one.end_ns),
        held=held.curve(one.symbols, one.deposit, one.start_ns, one.end_ns),
        random=RandomEntries(market.source, record).band(random_runs),
    )
