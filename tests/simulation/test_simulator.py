"""The compiled simulator gives a run's own decisions and trades, by the laws of an account."""

from functools import cache

import msgspec
import numpy as np
import pytest

from blackboard.errors import ConfigError
from blackboard.facts import Decision, EquityMark, RiskApproved, RiskRefused
from models.decision.arbitration import GATES, NO_GATE
from models.decision.simulated.record import APPROVED, OPEN, REFUSALS, UNDECIDED, SimulatedRun
from runtime.columns import simulate_columns
from runtime.proof.trades import first_difference, recorded_trades, simulated_trades
from tests.decided_run import columns, entries

pytestmark = pytest.mark.timeout(1800)  # the first to come compiles the simulator


@cache
def simulated() -> SimulatedRun:
    """Return the run decided again as it was."""
    return simulate_columns(columns(), columns().settings)


def row_of(run: SimulatedRun, close_ns: int) -> int:
    """Return the row of a close."""
    return int(run.close_ns.searchsorted(close_ns))


def test_trades_are_those_of_the_journal_to_the_last_bit() -> None:
    """Symbol, side, lots, times, prices, levels, money and reason of every trade."""
    recorded = recorded_trades(entries())

    assert len(recorded) >= 3
    assert first_difference(recorded, simulated_trades(simulated())) == ""


def test_every_decision_is_blocked_by_the_same_gate() -> None:
    """Gate, probability and expected value of every symbol and close."""
    run = simulated()
    decisions = [entry for entry in entries() if isinstance(entry.fact, Decision)]

    for entry in decisions:
        fact = entry.fact
        assert isinstance(fact, Decision)
        place = row_of(run, entry.ts_event_ns), run.symbols.index(fact.scope)
        gate = run.blocked_by[place]
        assert ("" if gate == NO_GATE else GATES[gate]) == fact.blocked_by
        assert run.probability_up[place] == fact.probability_up
        assert run.expected_value_r[place] == fact.expected_value_r
    assert np.count_nonzero(run.blocked_by != UNDECIDED) == len(decisions)


def test_every_intent_has_the_same_verdict() -> None:
    """The lots of an approval, or the reason of a refusal."""
    run = simulated()
    found = [
        (
            int(run.close_ns[intent["close"]]),
            run.symbols[intent["symbol"]],
            intent["lots"] if intent["refusal"] == APPROVED else REFUSALS[intent["refusal"]],
        )
        for intent in run.intents
    ]

    recorded = [
        (
            entry.ts_event_ns,
            fact.scope,
            fact.lots if isinstance(fact, RiskApproved) else fact.reason,
        )
        for entry in entries()
        if isinstance(fact := entry.fact, RiskApproved | RiskRefused)
    ]
    assert found == recorded


def test_the_account_is_marked_the_same_at_every_close() -> None:
    """Equity and drawdown as they were before the decisions of the close."""
    run = simulated()
    marks = {
        entry.ts_event_ns: entry.fact for entry in entries() if isinstance(entry.fact, EquityMark)
    }

    for row, close_ns in enumerate(run.close_ns):
        assert run.equity[row] == marks[int(close_ns)].equity
        assert run.drawdown_frac[row] == marks[int(close_ns)].drawdown_frac


FIGURES = [
    {},
    {"trading.min_confidence": 0.5, "trading.expected_value_margin_r": 0.0},
    {"trading.risk_frac": 0.01, "agents.risk.heat_max": 0.1, "trading.min_rr_ratio": 2.5},
    {"trading.atr_multiplier": 1.0, "trading.exits.trail_from_r": 0.0},
    {"terminal.commission_per_lot": 20.0, "terminal.spread_factor": 3.0},
    {"terminal.stop_out_percent": 900.0, "agents.risk.margin_use_max": 0.05},
]
by_figures = pytest.mark.parametrize("figures", FIGURES, ids=[str(one) for one in FIGURES])


@by_figures
def test_equity_is_the_deposit_and_what_trades_have_brought(figures: dict[str, object]) -> None:
    """Deposit + Σ(profit + commission + swap), the entry's commission of what is still open."""
    run = simulate_columns(columns(), columns().settings, figures)

    booked = run.trades["profit"] + run.trades["swap"] + run.trades["commission"]
    assert run.final_balance == pytest.approx(run.deposit + booked.sum(), abs=1e-6)
    if not np.any(run.trades["reason"] == OPEN):
        assert run.final_equity == run.final_balance
    is_flat = run.equity == run.balance
    assert is_flat[0]


@by_figures
def test_no_intent_may_lose_more_than_its_budget(figures: dict[str, object]) -> None:
    """The risk at the stop, costs included, is within the largest share of the equity then."""
    settings = columns().settings
    run = simulate_columns(columns(), settings, figures)

    for trade in run.trades:
        equity = run.equity[row_of(run, int(trade["opened_ns"]))]
        assert 0.0 < trade["risk"] <= equity * settings.agents.risk.risk_frac_max * (1.0 + 1e-12)
        distance = abs(trade["open_price"] - trade["stop_price"])
        assert distance > 0.0


@pytest.mark.parametrize("seed", range(3))
def test_an_altered_future_changes_no_past(seed: int) -> None:
    """Whatever follows a close, decisions, trades and account up to it stay as they were."""
    known, rng = columns(), np.random.default_rng(seed)
    row = len(known.closes) // 2
    at_ns = int(known.closes["close_ns"][row])
    views, votes = known.views.copy(), known.votes.copy()
    votes["probability_up"][row + 1 :] = rng.uniform(0.1, 0.9, votes[row + 1 :].shape)
    views["atr"][row + 1 :] *= rng.uniform(0.5, 2.0)
    minutes = known.minutes.copy()
    later = minutes["open_ns"] > at_ns
    for name in ("open", "high", "low", "close"):
        minutes[name][later] *= rng.uniform(0.9, 1.1)
    other = msgspec.structs.replace(known, views=views, votes=votes, minutes=minutes)

    run, altered = simulated(), simulate_columns(other, known.settings)

    assert altered.blocked_by[: row + 1].tolist() == run.blocked_by[: row + 1].tolist()
    assert altered.equity[: row + 1].tolist() == run.equity[: row + 1].tolist()
    before = run.closed[run.closed["closed_ns"] <= at_ns]
    assert altered.closed[altered.closed["closed_ns"] <= at_ns].tolist() == before.tolist()
    assert altered.blocked_by.tolist() != run.blocked_by.tolist()


def test_wrong_overrides_are_refused() -> None:
    """An unknown key, a value out of bounds, and what the simulator has no rule for."""
    settings = columns().settings

    with pytest.raises(ConfigError, match=r"there is no setting trading\.speed"):
        simulate_columns(columns(), settings, {"trading.speed": 1.0})
    with pytest.raises(ConfigError, match="less than or equal to 4"):
        simulate_columns(columns(), settings, {"trading.min_rr_ratio": 9.0})
    with pytest.raises(ConfigError, match=r"freeze_level_points must be 0"):
        simulate_columns(columns(), settings, {"terminal.freeze_level_points": 3})
    with pytest.raises(ConfigError, match=r"before_jump must be tighten or close"):
        simulate_columns(columns(), settings, {"trading.exits.before_jump": "reduce"})
