"""What an operator sees of a running system, folded from facts alone."""

from collections import deque
from datetime import UTC, datetime

import msgspec

from blackboard.entry import Entry
from blackboard.facts import (
    AccountSnapshot,
    AgentHealth,
    CalendarCoverage,
    CandidateTrained,
    Decision,
    EquityMark,
    Exposure,
    Fact,
    FeedStatus,
    GateReport,
    Lock,
    LockReleased,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    OrderIntent,
    OrderOutcome,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    Summary,
    TextsRead,
    TradeClosed,
    TradingStateChanged,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
    Vote,
    kind_of,
)
from blackboard.facts.decision import Action
from blackboard.facts.execution import Purpose
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage

SEEN: tuple[type[Fact], ...] = (
    AccountSnapshot,
    AgentHealth,
    CalendarCoverage,
    CandidateTrained,
    Decision,
    EquityMark,
    Exposure,
    FeedStatus,
    GateReport,
    Lock,
    LockReleased,
    ModelFailed,
    ModelPromoted,
    ModelRolledBack,
    OrderIntent,
    OrderOutcome,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    Summary,
    TextsRead,
    TradeClosed,
    TradingStateChanged,
    TrainingSkipped,
    TrainingStarted,
    TrialRecorded,
    Vote,
)
"""Kinds that the picture is made of."""

SEEN_KINDS = frozenset(map(kind_of, SEEN))
EVENTS_KEPT = 200


class Picture(msgspec.Struct, kw_only=True):
    """The present of a run."""

    now_ns: int = 0
    account: AccountSnapshot | None = None
    mark: EquityMark | None = None
    exposure: Exposure | None = None
    state: TradingStateChanged | None = None
    health: dict[str, AgentHealth] = msgspec.field(default_factory=dict)
    votes: dict[str, dict[str, Vote]] = msgspec.field(default_factory=dict)
    """By symbol, then voter."""
    decisions: dict[str, Decision] = msgspec.field(default_factory=dict)
    positions: dict[int, PositionChanged] = msgspec.field(default_factory=dict)
    locks: dict[tuple[str, str, str], Lock] = msgspec.field(default_factory=dict)
    """By scope, side and reason; those that have run out stay until another takes their place."""
    trades: int = 0
    pnl: float = 0.0
    trials: int = 0
    """Configurations ever evaluated."""
    decided: int = 0
    intents: int = 0
    events: deque[str] = msgspec.field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))

    @property
    def open_locks(self) -> list[Lock]:
        """Locks that still hold, the one that ends first at the front."""
        held = [lock for lock in self.locks.values() if self.now_ns < lock.valid_until_ns]
        return sorted(held, key=lambda lock: (lock.valid_until_ns, lock.scope, lock.reason))

    def add(self, entry: Entry) -> str:
        """Take one entry; return the line it deserves, empty if none."""
        self.now_ns = max(self.now_ns, entry.known_at_ns)
        self._fold(entry.fact)
        text = _line(entry.fact)
        if not text:
            return ""
        line = f"{clock_text(entry.ts_event_ns)} {text}"
        self.events.append(line)
        return line

    def _fold(self, fact: Fact) -> None:  # noqa: C901 - one case a kind
        match fact:
            case AccountSnapshot():
                self.account = fact
            case EquityMark():
                self.mark = fact
            case Exposure():
                self.exposure = fact
            case TradingStateChanged():
                self.state = fact
            case AgentHealth():
                self.health[fact.scope] = fact
            case Vote():
                self.votes.setdefault(fact.scope, {})[fact.voter] = fact
            case Decision():
                self.decisions[fact.scope] = fact
                self.decided += 1
            case OrderIntent():
                self.intents += 1
            case PositionChanged():
                self.positions[fact.ticket] = fact
                if fact.lots == 0.0:
                    del self.positions[fact.ticket]
            case Lock():
                self.locks[fact.scope, fact.side, fact.reason] = fact
            case LockReleased():
                self.locks = {
                    place: lock for place, lock in self.locks.items() if lock.scope != fact.scope
                }
            case TradeClosed():
                self.trades += 1
                self.pnl += fact.pnl
            case TrialRecorded():
                self.trials += 1
            case _:
                pass


def clock_text(ns: int) -> str:
    """Return an instant as people read it, in UTC."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def lock_text(lock: Lock) -> str:
    """Return what a lock forbids, until when, and why."""
    return f"{lock.scope} {lock.side}: {lock.reason}, until {clock_text(lock.valid_until_ns)}"


def _texts_line(fact: TextsRead) -> str:
    dropped = ", ".join(f"{each.count} {each.scope}" for each in fact.dropped)
    parts = [
        f"{fact.taken} taken" + (f", scored by {fact.scorer}" if fact.scorer else ""),
        f"dropped: {dropped}" if dropped else "",
        fact.note,
    ]
    return f"texts      {'; '.join(part for part in parts if part)}"


def _line(fact: Fact) -> str:  # noqa: C901 - one case a kind
    match fact:
        case Decision(action=action) if action is not Action.HOLD:
            return (
                f"decision   {action} {fact.scope}: p {fact.confidence:.3f}, "
                f"expected {fact.expected_value_r:+.2f} R"
            )
        case RiskApproved():
            size = f"{fact.lots:.2f} lots, risk {fact.risk_frac:.2%}"
            return f"approved   {fact.side} {fact.scope} {size}"
        case RiskRefused():
            return f"refused    {fact.scope}: {fact.reason} ({fact.value:g}, limit {fact.limit:g})"
        case OrderOutcome(purpose=purpose) if purpose is not Purpose.AMEND:
            outcome = f"{fact.outcome.value} {fact.reason}".rstrip()
            return f"order      {fact.scope} {purpose.value}: {outcome}"
        case PositionChanged(lots=lots) if lots > 0.0:
            return (
                f"position   {fact.side} {fact.scope} {lots:.2f} lots at {fact.open_price:g}, "
                f"stop {fact.stop_price:g}, target {fact.target_price:g} (#{fact.ticket})"
            )
        case TradeClosed():
            return (
                f"closed     {fact.scope} #{fact.ticket} by {fact.reason}: "
                f"{fact.pnl:+.2f} ({fact.r_multiple:+.2f} R)"
            )
        case Lock():
            return f"locked     {lock_text(fact)}"
        case LockReleased():
            return f"unlocked   {fact.scope} {fact.side}: {fact.reason}"
        case TradingStateChanged():
            return f"state      {fact.previous} -> {fact.state}: {fact.reason}"
        case AgentHealth():
            return f"agent      {fact.scope} {fact.health.value} {fact.reason}".rstrip()
        case FeedStatus(state=state) if state not in (FeedState.LIVE, FeedState.CLOSED):
            return f"feed       {fact.scope} {state.value}: {fact.reason}"
        case CalendarCoverage(state=state) if state is not Coverage.COVERED:
            return f"calendar   {state.value}: {fact.reason}"
        case TextsRead():
            return _texts_line(fact)
        case TrainingStarted():
            return f"training   {fact.scope} has begun: {fact.reason}"
        case TrainingSkipped():
            return (
                f"training   {fact.scope} gave nothing: {fact.reason} ({fact.have} of {fact.need})"
            )
        case GateReport():
            verdict = "promoted" if fact.is_promoted else "refused"
            if fact.shadow_until_ns:
                verdict = f"passed, in shadow until {clock_text(fact.shadow_until_ns)}"
            gate = "" if fact.failed_gate in fact.detail else f"{fact.failed_gate}, "
            return f"verdict    {fact.scope} {fact.version} {verdict}: {gate}{fact.detail}"
        case CandidateTrained():
            return f"candidate  {fact.scope} {fact.version}, {fact.rows} rows"
        case ModelFailed():
            return f"model      {fact.scope} {fact.version} failed: {fact.reason}"
        case ModelPromoted() | ModelRolledBack():
            since = clock_text(fact.effective_from_ns)
            return f"model      {fact.scope} {fact.version} serves from {since}"
        case Summary():
            return f"summary    {fact.title}: {fact.text}"
        case _:
            return ""
