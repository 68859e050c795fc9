"""With entries that rest the compiled simulator gives a run's own decisions and trades too."""

from functools import cache

import pytest

from blackboard.facts import (
    Decision,
    EquityMark,
    OrderIntent,
    OrderOutcome,
    RiskApproved,
    RiskRefused,
)
from blackboard.facts.execution import Outcome, Purpose
from models.decision.arbitration import GATES, NO_GATE
from models.decision.simulated.record import APPROVED, NO_PROTECTION, REFUSALS, SimulatedRun
from runtime.columns import simulate_columns
from runtime.proof.trades import first_difference, recorded_trades, simulated_trades
from tests.decided_run import columns, entries

pytestmark = pytest.mark.timeout(1800)  # the first to come compiles the simulator


@cache
def simulated() -> SimulatedRun:
    """Return the run decided again as it was."""
    return simulate_columns(columns("adaptive"), columns("adaptive").settings)


def test_trades_are_those_of_the_journal_to_the_last_bit() -> None:
    """Filled ones and those at the market alike, and there are some of both."""
    recorded = recorded_trades(entries("adaptive"))

    assert first_difference(recorded, simulated_trades(simulated())) == ""
    run = simulated()
    limits = run.intents["limit_price"] > 0.0
    is_filled = run.intents["refusal"] == APPROVED
    assert (limits & is_filled).any()
    assert (limits & ~is_filled).any()
    assert (~limits & is_filled).any()


def test_every_decision_is_blocked_by_the_same_gate() -> None:
    """A resting order blocks its symbol in both."""
    run = simulated()
    for entry in entries("adaptive"):
        fact = entry.fact
        if isinstance(fact, Decision):
            place = run.close_ns.searchsorted(entry.ts_event_ns), run.symbols.index(fact.scope)
            gate = run.blocked_by[place]
            assert ("" if gate == NO_GATE else GATES[gate]) == fact.blocked_by
            assert run.expected_value_r[place] == fact.expected_value_r


def test_every_intent_has_the_same_limit_and_verdict() -> None:
    """Where it rests, and the lots of an approval or the reason of a refusal."""
    run = simulated()
    found = [
        (
            int(run.close_ns[intent["close"]]),
            run.symbols[intent["symbol"]],
            intent["lots"]
            if intent["refusal"] == APPROVED or intent["refusal"] >= NO_PROTECTION
            else REFUSALS[intent["refusal"]],
        )
        for intent in run.intents
    ]
    verdicts = [
        (
            entry.ts_event_ns,
            fact.scope,
            fact.lots if isinstance(fact, RiskApproved) else fact.reason,
        )
        for entry in entries("adaptive")
        if isinstance(fact := entry.fact, RiskApproved | RiskRefused)
    ]
    limits = [
        fact.limit_price
        for entry in entries("adaptive")
        if isinstance(fact := entry.fact, OrderIntent) and fact.attempt == 1
    ]

    assert found == verdicts
    assert run.intents["limit_price"].tolist() == limits


def test_the_account_is_marked_the_same_at_every_close() -> None:
    """Equity and drawdown as they were before the decisions of the close."""
    run = simulated()
    marks = {
        entry.ts_event_ns: entry.fact
        for entry in entries("adaptive")
        if isinstance(entry.fact, EquityMark)
    }

    for row, close_ns in enumerate(run.close_ns):
        assert run.equity[row] == marks[int(close_ns)].equity
        assert run.drawdown_frac[row] == marks[int(close_ns)].drawdown_frac


def test_orders_were_filled_and_expired() -> None:
    """Otherwise the equality above would say little."""
    outcomes = {
        (fact.outcome, fact.reason)
        for entry in entries("adaptive")
        if isinstance(fact := entry.fact, OrderOutcome) and fact.purpose is Purpose.ENTRY
    }

    assert (Outcome.NOT_EXECUTED, "order_gone: expired") in outcomes
    assert (Outcome.FILLED, "adopted_deal") in outcomes
