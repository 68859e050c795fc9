"""Over recorded months the compiled simulator gives the nine agents' trades, prices and money.

Three configurations: the default one, one that differs in timeframe, account, gates, stops, exits,
limits and calendar, and one whose entries rest where it is calm.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from blackboard.entry import Entry
from blackboard.facts import Decision, RiskApproved, RiskRefused
from config.settings import Settings
from models.decision.arbitration import GATES, NO_GATE
from models.decision.simulated.record import APPROVED, NO_PROTECTION, REFUSALS, SimulatedRun
from runtime.columns import export_columns, simulate_columns
from runtime.proof.lineage import entries_of
from runtime.proof.trades import first_difference, recorded_trades, simulated_trades
from tests.council_run import over_history, run_to_its_end

DATA = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
SYMBOLS = ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"]
OTHER: dict[str, Any] = {
    "timeframe": "H1",
    "trading": {
        "min_rr_ratio": 2.5,
        "atr_multiplier": 1.8,
        "min_confidence": 0.505,
        "risk_frac": 0.008,
        "expected_value_margin_r": 0.0,
        "families_min": 1,
        "target_atr_multiplier": 5.4,
        "confluence_min": 0.6,
        "exits": {
            "break_even_r": 0.8,
            "trail_from_r": 0.0,
            "hold_bars_max": 36,
            "before_jump": "close",
            "jump_sigmas": 3.0,
        },
    },
    "terminal": {
        "deposit": 25_000,
        "leverage": 100,
        "commission_per_lot": 2.0,
        "stops_level_points": 5,
    },
    "agents": {
        "supervisor": {"quorum": 1, "friday_flat": False, "cooldown_hours": 12},
        "technical": {"chandelier_multiplier": 2.5},
        "sentiment": {"calendar_file": str(DATA / "calendar/emm_2007_2018_utc.csv")},
        "risk": {
            "consecutive_losses_max": 4,
            "entry_cooldown_min": 0,
            "stop_cooldown_min": 120,
            "drawdown_reducing": 0.03,
            "drawdown_halted": 0.3,
            "daily_loss_max": 0.01,
            "weekly_loss_max": 0.02,
            "correlation_mode": "share",
            "leverage_profile": "esma",
        },
    },
}
RESTING: dict[str, Any] = {
    "trading": {"entries": {"style": "adaptive", "calm_vol_ratio_max": 1.2, "limit_bars": 6}}
}
CONFIGURATIONS = [{}, OTHER, RESTING]
NAMES = ["default", "other", "resting"]


def require_the_same(entries: Iterable[Entry], run: SimulatedRun, trades_min: int) -> None:
    """Hold every trade, gate and verdict of a journal against a simulated run."""
    known = list(entries)
    recorded = recorded_trades(known)
    assert len(recorded) >= trades_min
    assert first_difference(recorded, simulated_trades(run)) == ""

    gates: dict[tuple[int, str], str] = {}
    verdicts: dict[tuple[int, str], float | str] = {}
    for entry in known:
        match entry.fact:
            case Decision() as fact:
                gates[entry.ts_event_ns, fact.scope] = fact.blocked_by
            case RiskApproved() as fact:
                verdicts[entry.ts_event_ns, fact.scope] = fact.lots
            case RiskRefused() as fact:
                verdicts[entry.ts_event_ns, fact.scope] = fact.reason
            case _:
                pass
    for (close_ns, symbol), blocked_by in gates.items():
        gate = run.blocked_by[run.close_ns.searchsorted(close_ns), run.symbols.index(symbol)]
        assert ("" if gate == NO_GATE else GATES[gate]) == blocked_by
    found: dict[tuple[int, str], float | str] = {}
    for intent in run.intents:
        is_approved = intent["refusal"] == APPROVED or intent["refusal"] >= NO_PROTECTION
        place = int(run.close_ns[intent["close"]]), run.symbols[intent["symbol"]]
        found[place] = intent["lots"] if is_approved else REFUSALS[intent["refusal"]]
    assert found == verdicts


def require_same_run(settings: Settings, trades_min: int) -> None:
    """Run nine agents, and decide again over the columns of their journal."""
    book = run_to_its_end(settings)

    columns = export_columns(book.folder)
    run = simulate_columns(columns, columns.settings)

    require_the_same(entries_of(book.journal), run, trades_min)


@needs_data
@pytest.mark.parametrize("other", CONFIGURATIONS, ids=NAMES)
def test_two_recorded_weeks_give_the_same_trades(tmp_path: Path, other: dict[str, Any]) -> None:
    """Trades, gates and verdicts to the last bit."""
    require_same_run(
        over_history(tmp_path, DATA / "m1", SYMBOLS, "2018-02-26", "2018-03-09", other),
        trades_min=10,
    )


@needs_data
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("other", CONFIGURATIONS, ids=NAMES)
def test_six_recorded_months_give_the_same_trades(tmp_path: Path, other: dict[str, Any]) -> None:
    """The same over half a year, with changes of daylight saving, breaches and many nights."""
    require_same_run(
        over_history(tmp_path, DATA / "m1", SYMBOLS, "2018-01-15", "2018-07-15", other),
        trades_min=60,
    )
