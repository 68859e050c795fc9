"""Figures for Prometheus, derived from facts and from what the driver says of the processes.

Counters hold the whole book: they are folded from its journal, so they go on where they were after
a restart. Latencies are of this start alone, in process seconds. Names end in their unit.
"""

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    Bar,
    CalendarCoverage,
    DayStatistics,
    Decision,
    DriftDetected,
    EquityMark,
    Exposure,
    Fact,
    FeedStatus,
    GateReport,
    LimitBreached,
    OrderOutcome,
    OrderSubmitting,
    ParametersChanged,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    TradeClosed,
    TradingStateChanged,
    VoterWeights,
)
from blackboard.facts.control import Health, TradingState
from blackboard.facts.execution import Purpose
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from runtime.clock import NS
from runtime.run_plan import RunPlan
from runtime.status import Status

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
LATENCIES_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
R_MULTIPLES: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0)
PARAMETERS: Final = ("min_confidence", "min_rr_ratio", "atr_multiplier", "risk_frac")
PENDING_MAX: Final = 1_000
"""Closes and intents whose latency is still open; the oldest gives way."""


class Metrics:
    """One registry; the driver adds, the web server reads."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._speed = 1.0 if plan.is_virtual else plan.clock.speed
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._bars: dict[str, int] = {}
        """Close of the newest bar by symbol."""
        self._known: dict[str, int] = {}
        """When a close or an intent was known, by what waits for it."""
        self._positions: set[int] = set()
        self._now_ns = plan.start_ns
        self._make_money()
        self._make_day()
        self._make_decisions()
        self._make_council()

    def add(self, entry: Entry) -> None:
        """Take one entry, in order."""
        fold = _FOLDS.get(type(entry.fact))
        with self._lock:
            self._now_ns = max(self._now_ns, entry.known_at_ns)
            self.head.set(entry.seq)
            if fold is not None:
                fold(self, entry, entry.fact)

    def tell(self, status: Status) -> None:
        """Take what the driver says of the processes."""
        with self._lock:
            self._now_ns = max(self._now_ns, status.now_ns)
            for agent in status.agents:
                if agent.health == Health.OFF:
                    with suppress(KeyError):  # nobody is to be woken for what a person chose
                        self.agent_up.remove(agent.name)
                else:
                    self.agent_up.labels(agent.name).set(agent.health == "healthy")
                self.agent_restarts.labels(agent.name).set(agent.restarts)
                self.agent_refused.labels(agent.name).set(agent.posts_refused)
                self.agent_age.labels(agent.name).set(agent.last_fact_age_s)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        with self._lock:
            for symbol, close_ns in self._bars.items():
                self.feed_age.labels(symbol).set(max(0, self._now_ns - close_ns) / NS)
            self.market_time.set(self._now_ns / NS)
            return generate_latest(self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"quorum_{name}", about, labels, registry=self._registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"quorum_{name}", about, labels, registry=self._registry)

    def _latency(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"quorum_{name}_seconds", about, registry=self._registry, buckets=LATENCIES_S
        )

    def _make_money(self) -> None:
        self.equity = self._gauge("equity", "Equity in account currency")
        self.balance = self._gauge("balance", "Balance in account currency")
        self.margin = self._gauge("margin", "Margin in use, account currency")
        self.drawdown = self._gauge("drawdown_frac", "1 - equity / high-water mark")
        self.heat = self._gauge("heat_frac", "Risk at all open stops, share of equity")
        self.open_positions = self._gauge("open_positions", "Positions open at the broker")
        self.exposure = self._gauge(
            "currency_exposure_frac", "Signed notional, multiple of equity", "currency"
        )
        self.trades = self._counter("trades", "Closed trades", "reason")
        self.profit = self._counter("profit", "Sum of winning trades, account currency")
        self.loss = self._counter("loss", "Sum of losing trades, account currency, positive")
        self.trade_r = Histogram(
            "quorum_trade_r_multiple",
            "P&L of a trade over its risk",
            registry=self._registry,
            buckets=R_MULTIPLES,
        )

    def _make_day(self) -> None:
        self.day_profit = self._gauge("day_profit", "P&L of the last finished trading day")
        self.day_slippage = self._gauge(
            "day_slippage", "What its fills were worse than the simulator's, account currency"
        )
        self.day_on_time = self._gauge(
            "day_bars_on_time_frac", "Share of its closes whose bar came before the next"
        )
        for gauge in (self.day_profit, self.day_slippage, self.day_on_time):
            gauge.set(math.nan)  # before the first day ends there is nothing to say

    def _make_decisions(self) -> None:
        self.state = self._gauge("trading_state", "1 for the state that holds", "state")
        self.decisions = self._counter("decisions", "Decisions", "action", "gate")
        self.approvals = self._counter("approvals", "Intents approved")
        self.refusals = self._counter("refusals", "Intents refused", "reason")
        self.outcomes = self._counter("order_outcomes", "Order outcomes", "purpose", "outcome")
        self.breaches = self._counter("limit_breaches", "Limits crossed", "limit")
        self.bar_to_decision = self._latency(
            "bar_to_decision", "From a bar on the board to its decision"
        )
        self.decision_to_order = self._latency(
            "decision_to_order", "From a decision to the order that is about to leave"
        )
        self.order_to_outcome = self._latency("order_to_outcome", "From an order to its outcome")

    def _make_council(self) -> None:
        self.head = self._gauge("board_entries", "Entries on the board")
        self.market_time = self._gauge("market_time_seconds", "Market time, seconds since 1970 UTC")
        self.agent_up = self._gauge("agent_up", "1 while an agent is healthy", "agent")
        self.agent_restarts = self._gauge("agent_restarts", "Restarts of an agent", "agent")
        self.agent_refused = self._gauge("agent_posts_refused", "Posts not taken", "agent")
        self.agent_age = self._gauge(
            "agent_last_fact_age_seconds", "Since its last fact, -1 before the first", "agent"
        )
        self.feed_age = self._gauge(
            "feed_age_seconds", "Market seconds since the newest bar's close", "symbol"
        )
        self.feed_live = self._gauge("feed_live", "1 while prices are fresh", "symbol")
        self.calendar = self._gauge("calendar_coverage", "1 for what holds", "state")
        self.weight = self._gauge("voter_weight", "Weight of a voter", "voter")
        self.brier = self._gauge("voter_brier", "Mean Brier score, 0.25 is ignorance", "voter")
        self.verdicts = self._counter("model_verdicts", "Verdicts on candidates", "family", "gate")
        self.drifts = self._counter("drift_alarms", "Alarms of drift", "scope")
        self.parameter = self._gauge("parameter", "Learned parameters in force", "name")

    def is_new(self, entry: Entry) -> bool:
        """Whether this start has made an entry; what lies before was timed in its time."""
        return entry.seq >= self._plan.first_seq

    def begin(self, what: str, entry: Entry) -> None:
        """Start the clock of a latency."""
        if not self.is_new(entry):
            return
        self._known.setdefault(what, entry.known_at_ns)
        while len(self._known) > PENDING_MAX:
            self._known.pop(next(iter(self._known)))

    def end(self, what: str, entry: Entry, into: Histogram) -> None:
        """Stop it and count what it shows, in process seconds."""
        began_ns = self._known.pop(what, None)
        if began_ns is not None:
            into.observe(max(0, entry.known_at_ns - began_ns) / NS / self._speed)

    def hold_position(self, ticket: int, lots: float) -> None:
        """Count a position while it has lots."""
        if lots > 0.0:
            self._positions.add(ticket)
        else:
            self._positions.discard(ticket)
        self.open_positions.set(len(self._positions))

    def note_bar(self, symbol: str, close_ns: int) -> None:
        """Remember the newest close of a symbol."""
        self._bars[symbol] = max(close_ns, self._bars.get(symbol, 0))


def _fold_account(metrics: Metrics, _: Entry, account: AccountSnapshot) -> None:
    metrics.equity.set(account.equity)
    metrics.balance.set(account.balance)
    metrics.margin.set(account.margin)


def _fold_mark(metrics: Metrics, _: Entry, mark: EquityMark) -> None:
    metrics.drawdown.set(mark.drawdown_frac)


def _fold_exposure(metrics: Metrics, _: Entry, exposure: Exposure) -> None:
    metrics.heat.set(exposure.heat_frac)
    metrics.exposure.clear()
    for one in exposure.currencies:
        metrics.exposure.labels(one.scope).set(one.notional_frac)


def _fold_position(metrics: Metrics, _: Entry, position: PositionChanged) -> None:
    metrics.hold_position(position.ticket, position.lots)


def _fold_trade(metrics: Metrics, _: Entry, trade: TradeClosed) -> None:
    metrics.trades.labels(trade.reason).inc()
    (metrics.profit if trade.pnl > 0.0 else metrics.loss).inc(abs(trade.pnl))
    metrics.trade_r.observe(trade.r_multiple)


def _fold_day(metrics: Metrics, _: Entry, day: DayStatistics) -> None:
    metrics.day_profit.set(day.pnl)
    metrics.day_slippage.set(day.slippage)
    metrics.day_on_time.set(day.bars_on_time / day.bars_expected if day.bars_expected else math.nan)


def _fold_state(metrics: Metrics, _: Entry, changed: TradingStateChanged) -> None:
    for state in TradingState:
        metrics.state.labels(state.value).set(state is changed.state)


def _fold_bar(metrics: Metrics, entry: Entry, bar: Bar) -> None:
    metrics.note_bar(bar.scope, entry.ts_event_ns)
    metrics.begin(f"bar/{bar.scope}/{entry.ts_event_ns}", entry)


def _fold_decision(metrics: Metrics, entry: Entry, decision: Decision) -> None:
    metrics.decisions.labels(decision.action.value, decision.blocked_by).inc()
    metrics.end(f"bar/{decision.scope}/{entry.ts_event_ns}", entry, metrics.bar_to_decision)
    metrics.begin(f"decision/{decision.scope}", entry)


def _fold_approval(metrics: Metrics, _: Entry, __: RiskApproved) -> None:
    metrics.approvals.inc()


def _fold_refusal(metrics: Metrics, _: Entry, refused: RiskRefused) -> None:
    metrics.refusals.labels(refused.reason).inc()


def _fold_submitting(metrics: Metrics, entry: Entry, order: OrderSubmitting) -> None:
    if order.purpose is Purpose.ENTRY:
        metrics.end(f"decision/{order.scope}", entry, metrics.decision_to_order)
    metrics.begin(f"order/{order.intent_id}", entry)


def _fold_outcome(metrics: Metrics, entry: Entry, outcome: OrderOutcome) -> None:
    metrics.outcomes.labels(outcome.purpose.value, outcome.outcome.value).inc()
    metrics.end(f"order/{outcome.intent_id}", entry, metrics.order_to_outcome)


def _fold_breach(metrics: Metrics, _: Entry, breach: LimitBreached) -> None:
    metrics.breaches.labels(breach.limit).inc()


def _fold_feed(metrics: Metrics, _: Entry, feed: FeedStatus) -> None:
    metrics.feed_live.labels(feed.scope).set(feed.state is not FeedState.STALE)


def _fold_coverage(metrics: Metrics, _: Entry, coverage: CalendarCoverage) -> None:
    for state in Coverage:
        metrics.calendar.labels(state.value).set(state is coverage.state)


def _fold_weights(metrics: Metrics, _: Entry, weights: VoterWeights) -> None:
    for one in weights.weights:
        metrics.weight.labels(one.scope).set(one.weight)
        metrics.brier.labels(one.scope).set(one.brier)


def _fold_verdict(metrics: Metrics, _: Entry, report: GateReport) -> None:
    metrics.verdicts.labels(report.scope, report.failed_gate or "passed").inc()


def _fold_drift(metrics: Metrics, _: Entry, drift: DriftDetected) -> None:
    metrics.drifts.labels(drift.scope).inc()


def _fold_parameters(metrics: Metrics, _: Entry, changed: ParametersChanged) -> None:
    for name in PARAMETERS:
        metrics.parameter.labels(name).set(getattr(changed, name))


_FOLDS: Final[dict[type[Fact], Callable[[Metrics, Entry, Any], None]]] = {
    AccountSnapshot: _fold_account,
    EquityMark: _fold_mark,
    Exposure: _fold_exposure,
    PositionChanged: _fold_position,
    TradeClosed: _fold_trade,
    DayStatistics: _fold_day,
    TradingStateChanged: _fold_state,
    Bar: _fold_bar,
    Decision: _fold_decision,
    RiskApproved: _fold_approval,
    RiskRefused: _fold_refusal,
    OrderSubmitting: _fold_submitting,
    OrderOutcome: _fold_outcome,
    LimitBreached: _fold_breach,
    FeedStatus: _fold_feed,
    CalendarCoverage: _fold_coverage,
    VoterWeights: _fold_weights,
    GateReport: _fold_verdict,
    DriftDetected: _fold_drift,
    ParametersChanged: _fold_parameters,
}
