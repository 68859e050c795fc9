"""Columns are kept and found again whole, and hold nothing that was said later."""

from pathlib import Path

import msgspec
import pytest

from blackboard.errors import ConfigError
from blackboard.facts import TradingStateChanged
from blackboard.facts.control import Restriction, TradingState
from runtime.columns import columns_of, export_columns, load_columns, simulate_columns
from runtime.terminals.simulated.market import open_market
from tests.decided_run import columns, entries, settings, span_ns
from tests.simulation.test_simulator import simulated

pytestmark = pytest.mark.timeout(1800)  # the first to come compiles the simulator


def test_columns_come_back_from_their_file(tmp_path: Path) -> None:
    """The same content, and the same run."""
    path = tmp_path / "columns.npz"

    columns().save(path)
    found = load_columns(path)

    assert found.content_hash == columns().content_hash
    run = simulate_columns(found, found.settings)
    assert run.trades.tolist() == simulated().trades.tolist()


def test_a_row_holds_nothing_that_was_said_after_its_close() -> None:
    """Columns of a journal that ends at a close are the first rows of those of the whole."""
    whole = columns()
    row = len(whole.closes) // 3
    close_ns = int(whole.closes["close_ns"][row])
    source = open_market(settings()).source
    until_then = [entry for entry in entries() if entry.now_ns <= close_ns]

    cut = columns_of(until_then, settings(), source, span_ns()[0], close_ns)

    assert len(cut.closes) == row + 1
    for name in ("closes", "views", "votes", "voters_at", "correlation"):
        assert getattr(cut, name).tobytes() == getattr(whole, name)[: row + 1].tobytes()


def test_a_model_that_failed_restricts_in_the_columns() -> None:
    """SAFE stands at every close from then on; the simulator knows nothing of models."""
    row = len(columns().closes) // 2
    close_ns = int(columns().closes["close_ns"][row])
    place = next(n for n, entry in enumerate(entries()) if entry.now_ns > close_ns)
    failed = Restriction(
        scope="model.har", state=TradingState.SAFE, since_ns=0, evidence="nan", way_out="another"
    )
    changed = TradingStateChanged(
        scope="account",
        state=TradingState.SAFE,
        previous=TradingState.ACTIVE,
        reason="model.har",
        restrictions=(failed,),
    )
    before = entries()[place]
    told = msgspec.structs.replace(before, author="supervisor", fact=changed)
    later = [e for e in entries()[place:] if not isinstance(e.fact, TradingStateChanged)]
    source = open_market(settings()).source

    found = columns_of([*entries()[:place], told, *later], settings(), source, *span_ns())

    restriction = found.closes["restriction"]
    assert restriction[: row + 1].tolist() == columns().closes["restriction"][: row + 1].tolist()
    assert set(restriction[row + 1 :].tolist()) == {TradingState.SAFE.strictness}


def test_a_folder_without_a_plan_is_no_run(tmp_path: Path) -> None:
    """It is refused, with what is missing."""
    with pytest.raises(ConfigError, match=r"is no run: it has no plan\.json"):
        export_columns(tmp_path)
