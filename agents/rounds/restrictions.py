"""The trading state: which restrictions are open, why, since when, and what ends each.

A pure fold. Every restriction follows from the latest fact about its cause and from the time, so a
rebuilt supervisor finds exactly those that its predecessor had, and nothing is remembered beside
the board. The state is the strictest of all open restrictions, ACTIVE if there is none.

=================  ========  ======================================  ============================
cause              state     way in                                  way out
=================  ========  ======================================  ============================
identity           HALTED    Reconciled, unclean, reason "identity"  a person's resume
drawdown_halted    HALTED    LimitBreached                           a person's resume
high_water_mark    HALTED    LimitBreached: no mark can be rebuilt   the first EquityMark, or resume
terminal           HALTED    OrderOutcome 10017, 10026, 10027, −8    a person's resume
flatten            HALTED    OperatorCommand                         a person's resume
pause              REDUCING  OperatorCommand                         a person's resume
no_money           REDUCING  OrderOutcome 10019                      next trading day, or resume
margin_use_max     REDUCING  LimitBreached                           next trading day, or resume
stop_out           REDUCING  TradeClosed, reason "stop_out"          next trading day, or resume
daily_loss_max     REDUCING  LimitBreached                           next trading day
weekly_loss_max    REDUCING  LimitBreached                           next trading week
reconciliation     REDUCING  Reconciled, unclean, any other reason   a clean Reconciled
agent.data         REDUCING  AgentHealth down or quarantined         healthy or degraded
agent.risk         REDUCING  the same                                the same
agent.execution    REDUCING  the same                                the same
agent.sentiment    SAFE      the same: news are not watched          the same
agent.lstm_vol     SAFE      the same: storms are not watched        the same
model.FAMILY       SAFE      ModelFailed of a model that had served  another one serves
drawdown_reducing  REDUCING  LimitBreached, drawdown_halted as well  verdict, then cooldown, then
..                 ACTIVE    end of the cooldown: probation          end of the probation
=================  ========  ======================================  ============================

The agents technical, portfolio and learner open nothing when they are down: without technical the
quorum fails, budgets hold until replaced, and without a learner a verdict stays out, so that a
drawdown keeps REDUCING. Where the learner is disabled the incumbent stays by the operator's choice,
and the cooldown begins with the breach. `TrainingSkipped` is a verdict too: no candidate, the
incumbent stays. A breach during judgement or cooldown changes nothing, one during probation begins
the path anew. After `drawdown_halted` the probation begins with the person's resume, not before.
"""

from typing import Final

import msgspec

from agents.rounds.drawdown_path import DRAWDOWN, DrawdownPath
from blackboard.entry import Entry
from blackboard.facts import (
    FOREVER_NS,
    AgentHealth,
    EquityMark,
    GateReport,
    LimitBreached,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    OperatorCommand,
    OrderOutcome,
    Reconciled,
    RetrainRequested,
    TradeClosed,
    TradingStateChanged,
    TrainingSkipped,
)
from blackboard.facts.control import Command, Health, Restriction, TradingState
from config.agent import Mode
from config.settings import Settings
from models.market.sessions import (
    DAY_NS,
    HOUR_NS,
    from_market_clock_ns,
    market_clock_ns,
    next_week_open_ns,
)

DRAWDOWN_HALTED: Final = "drawdown_halted"
HIGH_WATER_MARK: Final = "high_water_mark"
FLATTEN: Final = "flatten"
IDENTITY: Final = "identity"
MARGIN_USE: Final = "margin_use_max"
RECONCILIATION: Final = "reconciliation"

RETCODES_HALTING: Final = frozenset({10017, 10026, 10027, -8})
"""Trading is switched off at the account, the server or the terminal; retrying is a storm."""

RETCODE_NO_MONEY: Final = 10019
STATE_OF_AGENT: Final = {
    "data": TradingState.REDUCING,
    "risk": TradingState.REDUCING,
    "execution": TradingState.REDUCING,
    "sentiment": TradingState.SAFE,
    "lstm_vol": TradingState.SAFE,
}
"""What the absence of an enabled agent comes to; the others are covered by the quorum."""

UNFIT: Final = frozenset({Health.DOWN, Health.QUARANTINED})
EVIDENCE_LENGTH_MAX: Final = 200


class Rule(msgspec.Struct, frozen=True):
    """What a cause leads to."""

    state: TradingState
    way_out: str
    yields_to_resume: bool = False


RULES: Final[dict[str, Rule]] = {
    IDENTITY: Rule(TradingState.HALTED, "check login, server and modes, then resume", True),
    DRAWDOWN_HALTED: Rule(TradingState.HALTED, "a person judges the losses, then resume", True),
    HIGH_WATER_MARK: Rule(
        TradingState.HALTED, "deals that make the balance, or resume from the equity as it is", True
    ),
    "terminal": Rule(TradingState.HALTED, "allow trading in the terminal, then resume", True),
    FLATTEN: Rule(TradingState.HALTED, "resume", True),
    "pause": Rule(TradingState.REDUCING, "resume", True),
    "no_money": Rule(TradingState.REDUCING, "the next trading day, or resume", True),
    "daily_loss_max": Rule(TradingState.REDUCING, "the next trading day"),
    "weekly_loss_max": Rule(TradingState.REDUCING, "the next trading week"),
    MARGIN_USE: Rule(TradingState.REDUCING, "the next trading day, or resume", True),
    "stop_out": Rule(TradingState.REDUCING, "the next trading day, or resume", True),
    RECONCILIATION: Rule(TradingState.REDUCING, "a clean comparison with the broker's book"),
    **{
        f"agent.{name}": Rule(state, f"{name} is healthy again")
        for name, state in STATE_OF_AGENT.items()
    },
}
"""Every cause but the drawdown's path, which has stages of its own, and models that failed."""

MODEL_RULE: Final = Rule(TradingState.SAFE, "another version or the baseline serves")
MODEL_PREFIX: Final = "model."


def rule_of(cause: str) -> Rule:
    """Return what a cause leads to."""
    return MODEL_RULE if cause.startswith(MODEL_PREFIX) else RULES[cause]


class Incident(msgspec.Struct, frozen=True):
    """One cause that was opened; it lasts until its end or until something lifts it."""

    since_ns: int
    seq: int
    evidence: str
    ends_ns: int = FOREVER_NS


class Restrictions:
    """The open restrictions, folded from the facts that open and lift them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._incidents: dict[str, Incident] = {}
        self._touched_ns = 0
        self._touched_seq = 0
        self.drawdown: DrawdownPath | None = None

    def see(self, entry: Entry) -> None:
        """Fold one entry; whatever is not about the trading state passes by."""
        before = dict(self._incidents), self.drawdown
        self._fold(entry)
        if before != (self._incidents, self.drawdown):
            self._touched_ns = max(self._touched_ns, entry.ts_event_ns)
            self._touched_seq = entry.seq

    def at(self, now_ns: int) -> tuple[Restriction, ...]:
        """Return the open restrictions at an instant, the strictest first, then by cause."""
        found = [
            Restriction(
                scope=cause,
                state=rule_of(cause).state,
                since_ns=incident.since_ns,
                evidence=incident.evidence,
                way_out=rule_of(cause).way_out,
            )
            for cause, incident in self._incidents.items()
            if now_ns < incident.ends_ns
        ]
        path = self.drawdown.restriction(now_ns) if self.drawdown else None
        if path is not None:
            found.append(path)
        return tuple(sorted(found, key=lambda each: (-each.state.strictness, each.scope)))

    def causes(self) -> tuple[int, ...]:
        """Return the seqs of what opened the restrictions and of what changed one last."""
        seqs = {incident.seq for incident in self._incidents.values()} | {self._touched_seq}
        if self.drawdown is not None:
            seqs.add(self.drawdown.breach_seq)
        return tuple(sorted(seqs - {0}))

    def incident(self, cause: str) -> Incident | None:
        """Return what opened a cause of `RULES`, None if nothing did."""
        return self._incidents.get(cause)

    def is_open(self, cause: str, now_ns: int) -> bool:
        """Whether a cause restricts at an instant."""
        return any(each.scope == cause for each in self.at(now_ns))

    def changed_ns(self, now_ns: int) -> int:
        """Return the latest instant, not after now, at which an entry or time changed one."""
        return max([self._touched_ns, *(end_ns for end_ns in self._ends() if end_ns <= now_ns)])

    def next_change_ns(self, now_ns: int) -> int:
        """Return the next instant at which time alone changes something, `FOREVER_NS` if none."""
        return min((end_ns for end_ns in self._ends() if end_ns > now_ns), default=FOREVER_NS)

    def _ends(self) -> list[int]:
        ends = [incident.ends_ns for incident in self._incidents.values()]
        if self.drawdown is not None:
            ends += [self.drawdown.cooldown_until_ns, self.drawdown.probation_until_ns]
        return ends

    def _fold(self, entry: Entry) -> None:
        match entry.fact:
            case OperatorCommand() as order:
                self._obey(order, entry)
            case LimitBreached() as breach:
                self._breached(breach, entry)
            case EquityMark():
                self._lift(HIGH_WATER_MARK)
            case AgentHealth() as report:
                self._heed(report, entry)
            case Reconciled() as comparison:
                self._compared(comparison, entry)
            case OrderOutcome() as outcome:
                self._answered(outcome, entry)
            case TradeClosed(reason="stop_out") as trade:
                evidence = f"the broker closed {trade.scope} {trade.ticket} for lack of margin"
                self._open("stop_out", entry, evidence, next_trading_day_ns(entry.ts_event_ns))
            case ModelFailed() | ModelPromoted() | ModelRolledBack() as model:
                self._served(model, entry)
            case RetrainRequested() | GateReport() | TrainingSkipped() as step:
                self._retrained(step, entry.ts_event_ns)
            case _:
                pass

    def _retrained(self, step: RetrainRequested | GateReport | TrainingSkipped, at_ns: int) -> None:
        match step:
            case _ if self.drawdown is None:
                pass
            case RetrainRequested():
                self.drawdown = self.drawdown.after_request(step, at_ns)
            case _ if step.scope != self.drawdown.asked:
                pass
            case GateReport(is_promoted=promoted):
                self._judge("candidate promoted" if promoted else "candidate refused", at_ns)
            case TrainingSkipped(reason=reason):
                self._judge(f"no candidate: {reason}", at_ns)

    def _served(self, model: ModelFailed | ModelPromoted | ModelRolledBack, entry: Entry) -> None:
        cause = f"{MODEL_PREFIX}{model.scope}"
        if not isinstance(model, ModelFailed):
            self._lift(cause)
        elif model.was_serving:
            self._open(cause, entry, f"{model.version}: {model.reason}")

    def _open(self, cause: str, entry: Entry, evidence: str, ends_ns: int = FOREVER_NS) -> None:
        earlier = self._incidents.get(cause)
        # A repeated flatten is a person asking again: what stayed open is to be closed again.
        if earlier is None or earlier.ends_ns <= entry.ts_event_ns or cause == FLATTEN:
            self._incidents[cause] = Incident(
                entry.ts_event_ns, entry.seq, evidence[:EVIDENCE_LENGTH_MAX], ends_ns
            )

    def _lift(self, cause: str) -> None:
        self._incidents.pop(cause, None)

    def _obey(self, order: OperatorCommand, entry: Entry) -> None:
        match order.command:
            case Command.PAUSE:
                reason = f": {order.argument}" if order.argument else ""
                self._open("pause", entry, f"asked by {order.origin}{reason}")
            case Command.FLATTEN:
                self._open(FLATTEN, entry, f"asked by {order.origin}")
            case Command.RESUME:
                self._let_on(entry.ts_event_ns)
                for cause in [each for each in self._incidents if rule_of(each).yields_to_resume]:
                    self._lift(cause)
            case Command.RETRAIN | Command.CLOSE | Command.SWITCH | Command.RESTART:
                pass

    def _let_on(self, at_ns: int) -> None:
        # Time spent HALTED is no probation: it begins when a person has let trading go on.
        if self.drawdown is not None and DRAWDOWN_HALTED in self._incidents:
            self.drawdown = msgspec.structs.replace(self.drawdown, held_until_ns=at_ns)

    def _breached(self, breach: LimitBreached, entry: Entry) -> None:
        at_ns = entry.ts_event_ns
        evidence = f"{breach.limit} {breach.value:.4f} against {breach.threshold:.4f}"
        if breach.limit in {DRAWDOWN, DRAWDOWN_HALTED}:
            self._enter_drawdown(entry, evidence)
        if breach.limit in {DRAWDOWN_HALTED, HIGH_WATER_MARK}:
            self._open(breach.limit, entry, evidence)
        elif breach.limit in {"daily_loss_max", MARGIN_USE}:
            self._open(breach.limit, entry, evidence, next_trading_day_ns(at_ns))
        elif breach.limit == "weekly_loss_max":
            self._open(breach.limit, entry, evidence, next_week_open_ns(at_ns))

    def _enter_drawdown(self, entry: Entry, evidence: str) -> None:
        stage = self.drawdown.restriction(entry.ts_event_ns) if self.drawdown else None
        if stage is not None and not stage.is_probation:
            return
        supervisor = self._settings.agents.supervisor
        self.drawdown = DrawdownPath(
            breach_ns=entry.ts_event_ns,
            breach_seq=entry.seq,
            evidence=evidence,
            cooldown_ns=supervisor.cooldown_hours * HOUR_NS,
            probation_ns=supervisor.probation_hours * HOUR_NS,
        )
        if self._settings.mode("learner") is Mode.DISABLED:
            self._judge("no learner: the incumbent stays", entry.ts_event_ns, is_requested=True)

    def _judge(self, verdict: str, at_ns: int, *, is_requested: bool = False) -> None:
        path = self.drawdown
        if path is None or path.is_judged or not (path.is_requested or is_requested):
            return
        self.drawdown = msgspec.structs.replace(
            path,
            is_requested=True,
            verdict_ns=max(at_ns, path.breach_ns),
            verdict=verdict[:EVIDENCE_LENGTH_MAX],
        )

    def _heed(self, report: AgentHealth, entry: Entry) -> None:
        cause = f"agent.{report.scope}"
        if cause not in RULES:
            return
        is_missed = self._settings.mode(report.scope) is Mode.ENABLED
        if report.health in UNFIT and is_missed:
            self._open(cause, entry, f"{report.health.value}: {report.reason}")
        else:
            self._lift(cause)

    def _compared(self, comparison: Reconciled, entry: Entry) -> None:
        if comparison.is_clean:
            self._lift(RECONCILIATION)
        elif comparison.reason.startswith(IDENTITY):
            self._open(IDENTITY, entry, comparison.reason)
        else:
            self._open(RECONCILIATION, entry, comparison.reason)

    def _answered(self, outcome: OrderOutcome, entry: Entry) -> None:
        evidence = f"retcode {outcome.retcode}: {outcome.reason}"
        if outcome.retcode in RETCODES_HALTING:
            self._open("terminal", entry, evidence)
        elif outcome.retcode == RETCODE_NO_MONEY:
            self._open("no_money", entry, evidence, next_trading_day_ns(entry.ts_event_ns))


def strictest(restrictions: tuple[Restriction, ...]) -> TradingState:
    """Return the state that open restrictions come to."""
    return max(
        (each.state for each in restrictions),
        key=lambda state: state.strictness,
        default=TradingState.ACTIVE,
    )


def change(
    restrictions: tuple[Restriction, ...], latest: TradingStateChanged | None
) -> TradingStateChanged | None:
    """Return the fact that leads from the latest one to what holds now, None if nothing changed."""
    state = strictest(restrictions)
    if latest is None:
        return TradingStateChanged(
            scope="account",
            state=state,
            previous=TradingState.HALTED,
            reason="start",
            restrictions=restrictions,
        )
    if latest.restrictions == restrictions and latest.state is state:
        return None
    return TradingStateChanged(
        scope="account",
        state=state,
        previous=latest.state,
        reason=_difference(latest.restrictions, restrictions),
        restrictions=restrictions,
    )


def _difference(before: tuple[Restriction, ...], after: tuple[Restriction, ...]) -> str:
    had = {each.scope: each for each in before}
    has = {each.scope: each for each in after}
    parts = [f"{cause} lifted" for cause in sorted(had.keys() - has.keys())]
    parts += [f"{cause} opened" for cause in sorted(has.keys() - had.keys())]
    parts += [
        f"{cause}: {has[cause].way_out}"
        for cause in sorted(had.keys() & has.keys())
        if had[cause] != has[cause]
    ]
    return "; ".join(parts)


def next_trading_day_ns(ts_ns: int) -> int:
    """Return the 17:00 New York at which the trading day holding an instant ends."""
    return from_market_clock_ns((market_clock_ns(ts_ns) // DAY_NS + 1) * DAY_NS)
