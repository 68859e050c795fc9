"""A journal and the compiled simulator over its columns give the same record of a run."""

import math
from pathlib import Path
from typing import NamedTuple

import pytest

from config.loading import load_settings
from runtime.backtest import Backtest, run_compiled, run_full
from runtime.columns import Columns, export_columns, simulate_columns
from runtime.proof.lineage import entries_of
from runtime.readings import Readings, load_readings, readings_of
from runtime.reports.figures import figures_of
from runtime.reports.record import RunRecord
from runtime.reports.simulated_record import record_of_simulation


class Both(NamedTuple):
    """One run, told by its journal and by the simulator."""

    run: Backtest
    columns: Columns
    readings: Readings
    simulated: RunRecord


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Give three days of two synthetic symbols."""
    home = tmp_path_factory.mktemp("home")
    loaded = load_settings(None, {"home": str(home), "symbols": "EURUSD,USDJPY"})
    run = run_full(loaded, 3 * 86_400.0, lambda done, word: None)
    settings, book = run.start.plan.settings, run.start.plan.book
    columns = export_columns(book.folder)
    readings = readings_of(entries_of(book.journal), columns)
    manifest = book.newest_manifest()
    assert manifest is not None
    simulated = record_of_simulation(
        simulate_columns(columns, settings),
        settings,
        manifest,
        run.market,
        readings,
        (run.start.plan.start_ns, run.start.plan.end_ns),
    )
    return Both(run, columns, readings, simulated)


def test_trades_are_the_same(both: Both) -> None:
    """Times, prices, sizes, costs, voter, reading and exit agree, money to the cent."""
    journal, simulated = both.run.record.trades, both.simulated.trades

    assert len(journal) > 3
    assert len(simulated) == len(journal)
    for one, other in zip(journal, simulated, strict=True):
        for name in (
            *("symbol", "side", "lots", "opened_ns", "closed_ns", "open_price", "close_price"),
            *("voter", "component", "exit_reason"),
        ):
            assert getattr(one, name) == getattr(other, name), name
        for name in ("profit", "swap", "commission", "pnl", "spread_cost"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=0.005), name
        for name in ("risk", "r_multiple", "mae_r", "mfe_r", "confidence", "expected_value_r"):
            assert getattr(one, name) == pytest.approx(getattr(other, name)), name


def test_decisions_are_the_same(both: Both) -> None:
    """Gates, intents and refusals are counted alike."""
    journal, simulated = both.run.record, both.simulated

    assert simulated.blocked_by == journal.blocked_by
    assert simulated.decisions == journal.decisions
    assert simulated.refusals == journal.refusals
    assert (simulated.intents, simulated.approved) == (journal.intents, journal.approved)


def test_figures_are_the_same(both: Both) -> None:
    """What the page shows does not depend on who told it, heat aside, which only a journal has."""
    journal, simulated = figures_of(both.run.record), figures_of(both.simulated)

    for name in ("end_equity", "total_return_frac", "profit_factor", "mean_hold_ns"):
        assert getattr(simulated, name) == pytest.approx(getattr(journal, name)), name
    assert simulated.costs.total == pytest.approx(journal.costs.total)
    assert math.isnan(simulated.heat_frac_max)
    for group, shares in journal.by.items():
        assert [one.name for one in simulated.by[group]] == [one.name for one in shares]


def test_readings_survive_their_file(both: Both, tmp_path: Path) -> None:
    """What is kept is what was found."""
    both.readings.save(tmp_path / "some.readings")
    again = load_readings(tmp_path / "some.readings")

    assert again.names == both.readings.names
    assert (again.loudest == both.readings.loudest).all()


def test_a_second_compiled_backtest_finds_the_opinions(tmp_path: Path) -> None:
    """Other figures of trading make no new opinions; another market does."""
    told: list[str] = []

    def backtest(**settings: object) -> RunRecord:
        told.clear()
        own = {"home": str(tmp_path), "symbols": "EURUSD,USDJPY", **settings}
        run = run_compiled(load_settings(None, own), 86_400.0, lambda done, word: told.append(word))
        return run.record

    first = backtest()
    assert told
    other = backtest(**{"trading.min_rr_ratio": 2.5, "terminal.commission_per_lot": 0.0})
    assert told == []
    again = backtest()
    assert again.trades == first.trades
    assert other.identity.settings_hash != first.identity.settings_hash
    assert len(list((tmp_path / "opinions").glob("*.npz"))) == 1
    backtest(**{"market.synthetic.seed": 5})
    assert len(list((tmp_path / "opinions").glob("*.npz"))) == 2
