"""The metrics: every figure is one of the facts'."""

import math
from collections import Counter
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    DayStatistics,
    Decision,
    EquityMark,
    OrderOutcome,
    RiskRefused,
    TradeClosed,
)
from models.market.sessions import SECOND_NS
from runtime.console.metrics import Metrics
from tests.builders import T0_NS, an_entry
from tests.console_run import plan_in, status_of_run
from tests.recorded_run import entries_of_run
from tests.samples import sample

Labels = tuple[tuple[str, str], ...]


def figures(metrics: Metrics) -> dict[tuple[str, Labels], float]:
    """Return all samples by name and labels."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for one in family.samples
    }


def folded(folder: Path) -> dict[tuple[str, Labels], float]:
    """Return the figures of the recorded run."""
    metrics = Metrics(plan_in(folder))
    for entry in entries_of_run():
        metrics.add(entry)
    metrics.tell(status_of_run(entries_of_run()))
    return figures(metrics)


def test_counters_count_the_facts(tmp_path: Path) -> None:
    """Decisions by gate, refusals by reason, outcomes and trades are as many as in the journal."""
    told = folded(tmp_path)
    facts = [entry.fact for entry in entries_of_run()]
    decisions = Counter(
        (("action", fact.action.value), ("gate", fact.blocked_by))
        for fact in facts
        if isinstance(fact, Decision)
    )
    refusals = Counter(
        (("reason", fact.reason),) for fact in facts if isinstance(fact, RiskRefused)
    )
    outcomes = Counter(
        (("outcome", fact.outcome.value), ("purpose", fact.purpose.value))
        for fact in facts
        if isinstance(fact, OrderOutcome)
    )
    trades = Counter((("reason", fact.reason),) for fact in facts if isinstance(fact, TradeClosed))
    for name, counted in (
        ("quorum_decisions_total", decisions),
        ("quorum_refusals_total", refusals),
        ("quorum_order_outcomes_total", outcomes),
        ("quorum_trades_total", trades),
    ):
        assert counted
        assert {
            labels: value for (found, labels), value in told.items() if found == name
        } == counted


def test_gauges_hold_the_newest_fact(tmp_path: Path) -> None:
    """Equity and drawdown are the latest that were told; the state that holds is the one with 1."""
    told = folded(tmp_path)
    facts = [entry.fact for entry in entries_of_run()]
    account = [fact for fact in facts if isinstance(fact, AccountSnapshot)][-1]
    mark = [fact for fact in facts if isinstance(fact, EquityMark)][-1]
    assert told["quorum_equity", ()] == account.equity
    assert told["quorum_drawdown_frac", ()] == mark.drawdown_frac
    states = [value for (name, _), value in told.items() if name == "quorum_trading_state"]
    assert sorted(states) == [0.0, 0.0, 0.0, 1.0]
    assert told["quorum_agent_up", (("agent", "risk"),)] == 1.0


def test_the_last_finished_day_is_told(tmp_path: Path) -> None:
    """Nothing is said before the first day has ended; then the figures are those of the fact."""
    metrics = Metrics(plan_in(tmp_path))
    names = ("quorum_day_profit", "quorum_day_slippage", "quorum_day_bars_on_time_frac")
    assert all(math.isnan(figures(metrics)[name, ()]) for name in names)

    day = sample(DayStatistics)
    assert isinstance(day, DayStatistics)
    metrics.add(an_entry(day))

    told = [figures(metrics)[name, ()] for name in names]
    assert told == [day.pnl, day.slippage, day.bars_on_time / day.bars_expected]


def test_a_latency_is_in_seconds_of_the_process(tmp_path: Path) -> None:
    """On a market of 60 times the pace, six market seconds from bar to decision are 0.1 s."""
    plan = plan_in(tmp_path)
    clock = msgspec.structs.replace(plan.clock, speed=60.0)
    metrics = Metrics(msgspec.structs.replace(plan, clock=clock, first_seq=1))
    bar = sample(Bar)
    decision = msgspec.structs.replace(sample(Decision), scope=bar.scope)
    metrics.add(an_entry(bar, seq=1))
    late = msgspec.structs.replace(
        an_entry(decision, seq=2), known_at_ns=an_entry(bar).known_at_ns + 6 * SECOND_NS
    )
    metrics.add(late)
    told = figures(metrics)
    assert told["quorum_bar_to_decision_seconds_count", ()] == 1.0
    assert abs(told["quorum_bar_to_decision_seconds_sum", ()] - 0.1) < 1e-9


def test_what_an_earlier_start_did_is_counted_but_not_timed(tmp_path: Path) -> None:
    """Entries before the first seq of a start move counters and no latency."""
    entries = entries_of_run()
    metrics = Metrics(msgspec.structs.replace(plan_in(tmp_path), first_seq=entries[-1].seq + 1))
    for entry in entries:
        metrics.add(entry)
    told = figures(metrics)
    assert told["quorum_bar_to_decision_seconds_count", ()] == 0.0
    assert told["quorum_board_entries", ()] == entries[-1].seq


def test_a_silent_feed_grows_older(tmp_path: Path) -> None:
    """The age of a feed is market time since its newest close."""
    metrics = Metrics(plan_in(tmp_path))
    bar = sample(Bar)
    metrics.add(an_entry(bar, seq=1))
    later: Entry = an_entry(sample(EquityMark), seq=2, ts_ns=T0_NS + 90 * SECOND_NS)
    metrics.add(later)
    told = figures(metrics)
    assert told["quorum_feed_age_seconds", (("symbol", bar.scope),)] == 90.0
