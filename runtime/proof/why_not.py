"""Why a symbol was not traded at a time: the first gate that blocked, or whatever came instead.

Read from the journal alone. A time belongs to the latest close at or before it. Its Decision names
the gate; where none blocked, the trail goes on over intent, verdict and order; where there is no
Decision, what is on the board around that close says why.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from blackboard.entry import Entry
from blackboard.facts import (
    AgentHealth,
    Bar,
    Decision,
    FeedStatus,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    Timeframe,
    TradingStateChanged,
    Vote,
)
from blackboard.facts.control import Health
from blackboard.facts.decision import Action
from blackboard.facts.execution import Purpose
from blackboard.facts.market import FeedState
from models.market.sessions import (
    DAY_NS,
    bar_open_ns,
    is_open,
    next_week_open_ns,
    was_open_before,
)
from runtime.instants import iso
from runtime.proof.plain_words import of_gate, of_reason

FOLLOWED_NS: Final = 2 * DAY_NS
"""How long after a close its order is followed."""
UNFIT: Final = frozenset({Health.DOWN, Health.QUARANTINED})


class Answer(StrEnum):
    """Which kind of reason it was."""

    BLOCKED = "blocked"
    REFUSED = "refused"
    NOT_WANTED = "not_wanted"
    """A side was chosen, and no intent followed."""
    NOT_JUDGED = "not_judged"
    NOT_SENT = "not_sent"
    """Approved, and never handed to the broker."""
    ORDERED = "ordered"
    """It was handed to the broker; the outcome says what became of it."""
    NOT_TRADED = "not_traded"
    """The symbol is none that this book trades."""
    BEFORE_START = "before_start"
    AFTER_END = "after_end"
    MARKET_CLOSED = "market_closed"
    NOT_RUNNING = "not_running"
    AGENT_DOWN = "agent_down"
    FEED_STALE = "feed_stale"
    NO_BAR = "no_bar"
    UNDECIDED = "undecided"
    """The bar was there, and nobody decided."""


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """What one voter said in the round."""

    voter: str
    probability_up: float
    """As weighed, calibrated."""
    weight: float
    abstains: bool
    said: str = ""
    """Why it abstained, in its own words."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing was bought or sold, or what was."""

    run: str
    symbol: str
    asked_ns: int
    close_ns: int
    """Close that the time belongs to."""
    answer: Answer
    name: str
    """Name of the gate, the reason or the outcome; empty where there is none."""
    words: str
    """In plain words."""
    value: float = 0.0
    threshold: float = 0.0
    detail: str = ""
    seq: int = 0
    """Entry that says so, 0 where the absence of one does."""
    side: str = ""
    """Side that was chosen, if one was."""
    voices: tuple[Voice, ...] = ()
    last_round_ns: int = 0
    """Latest close with a Decision before, 0 if there is none."""


class Trail(msgspec.Struct):
    """What the journal holds around one close of one symbol."""

    symbol: str
    close_ns: int
    until_ns: int
    """End of the bar that begins with the close."""
    first_ns: int = 0
    last_ns: int = 0
    last_round_ns: int = 0
    has_life: bool = False
    """Whether anybody posted anything between the close and the end of the next bar."""
    is_known: bool = False
    """Whether anything of the symbol stands in the journal at all."""
    bar: Entry | None = None
    decision: Entry | None = None
    feed: Entry | None = None
    state: Entry | None = None
    health: dict[str, Entry] = {}
    votes: dict[str, Vote] = {}
    intents: list[Entry] = []
    verdicts: dict[str, Entry] = {}
    orders: dict[str, Entry] = {}
    outcomes: dict[str, Entry] = {}
    tickets: dict[str, int] = {}
    """Position by the intent that opened it."""


def explain(
    entries: Iterable[Entry], run: str, symbol: str, asked_ns: int, timeframe: Timeframe
) -> Explanation:
    """Return why a symbol was not traded at a time.

    Parameters
    ----------
    entries : iterable of Entry
        The journal, in order.
    run : str
        Its name.
    symbol : str
        Canonical name.
    asked_ns : int
        Nanoseconds UTC; the latest close at or before it is meant.
    timeframe : Timeframe
        Of the decisions.
    """
    close_ns = bar_open_ns(asked_ns, timeframe.length_ns)
    trail = Trail(symbol=symbol, close_ns=close_ns, until_ns=close_ns + timeframe.length_ns)
    for entry in entries:
        trail.first_ns = trail.first_ns or entry.known_at_ns
        if entry.known_at_ns > trail.until_ns + FOLLOWED_NS:
            break
        _follow(trail, entry)
    known = _of_round(trail) if trail.decision is not None else _of_absence(trail, asked_ns)
    return msgspec.structs.replace(known, run=run, asked_ns=asked_ns)


def _follow(trail: Trail, entry: Entry) -> None:
    trail.last_ns = max(trail.last_ns, entry.known_at_ns)
    trail.has_life |= trail.close_ns <= entry.known_at_ns < trail.until_ns
    trail.is_known |= entry.fact.scope == trail.symbol
    is_past = entry.known_at_ns < trail.until_ns
    match entry.fact:
        case AgentHealth(scope=agent) if is_past:
            trail.health[agent] = entry
        case TradingStateChanged() if is_past:
            trail.state = entry
        case FeedStatus(scope=scope) if is_past and scope == trail.symbol:
            trail.feed = entry
        case Decision(scope=scope) if scope == trail.symbol and entry.ts_event_ns < trail.close_ns:
            trail.last_round_ns = entry.ts_event_ns
        case _:
            _follow_close(trail, entry)


def _follow_close(trail: Trail, entry: Entry) -> None:
    is_ours = entry.fact.scope == trail.symbol
    is_of_close = is_ours and entry.ts_event_ns == trail.close_ns
    match entry.fact:
        case Bar() if is_of_close:
            trail.bar = entry
        case Vote(voter=voter) as vote if is_of_close:
            trail.votes[voter] = vote
        case Decision() if is_of_close:
            trail.decision = entry
        case OrderIntent() if is_of_close:
            trail.intents.append(entry)
        case RiskApproved(intent_id=intent_id) | RiskRefused(intent_id=intent_id) if is_ours:
            trail.verdicts[intent_id] = entry
        case OrderSubmitting(intent_id=intent_id, purpose=Purpose.ENTRY) if is_ours:
            trail.orders[intent_id] = entry
        case OrderOutcome(intent_id=intent_id, purpose=Purpose.ENTRY) if is_ours:
            trail.outcomes[intent_id] = entry
        case PositionChanged(intent_id=intent_id, ticket=ticket) if is_ours:
            trail.tickets.setdefault(intent_id, ticket)
        case _:
            pass


def _of_round(trail: Trail) -> Explanation:
    assert trail.decision is not None, "asked only where somebody decided"
    decision = trail.decision.fact
    assert isinstance(decision, Decision), "kept as what it is"
    voices = tuple(
        Voice(
            voter=share.scope,
            probability_up=share.probability_up,
            weight=share.weight,
            abstains=share.abstains,
            said=trail.votes[share.scope].reason if share.scope in trail.votes else "",
        )
        for share in decision.shares
    )
    found = _of_hold(trail, decision) if decision.action is Action.HOLD else _of_order(trail)
    side = "" if decision.action is Action.HOLD else decision.action.value
    return msgspec.structs.replace(found, voices=voices, side=side)


def _of_hold(trail: Trail, decision: Decision) -> Explanation:
    gate = next(gate for gate in decision.gates if not gate.passed)
    return _said(
        trail,
        Answer.BLOCKED,
        of_gate(gate.name),
        trail.decision,
        name=gate.name,
        value=gate.value,
        threshold=gate.threshold,
        detail=gate.detail,
    )


def _of_order(trail: Trail) -> Explanation:
    if not trail.intents:
        words = "a side was chosen, but no intent left: in shadow, before the start, or too late"
        return _said(trail, Answer.NOT_WANTED, words, trail.decision)
    intent = trail.intents[-1]
    assert isinstance(intent.fact, OrderIntent), "kept as what it is"
    intent_id = intent.fact.intent_id
    verdict = trail.verdicts.get(intent_id)
    if verdict is None:
        words = "risk had neither approved nor refused the intent"
        return _said(trail, Answer.NOT_JUDGED, words, intent, name=intent_id)
    if isinstance(verdict.fact, RiskRefused):
        refused = verdict.fact
        return _said(
            trail,
            Answer.REFUSED,
            of_reason(refused.reason),
            verdict,
            name=refused.reason,
            value=refused.value,
            threshold=refused.limit,
            detail=refused.detail,
        )
    return _of_sent(trail, intent_id, verdict)


def _of_sent(trail: Trail, intent_id: str, verdict: Entry) -> Explanation:
    outcome = trail.outcomes.get(intent_id)
    if outcome is None:
        order = trail.orders.get(intent_id)
        if order is None:
            words = "risk approved, and the order was never handed to the broker"
            return _said(trail, Answer.NOT_SENT, words, verdict, name=intent_id)
        words = "the order was handed to the broker, and nobody knows yet what became of it"
        return _said(trail, Answer.ORDERED, words, order, name="UNKNOWN")
    fact = outcome.fact
    assert isinstance(fact, OrderOutcome), "kept as what it is"
    ticket = trail.tickets.get(intent_id, 0)
    words = f"the order came to {fact.outcome.value}: {fact.reason}"
    if ticket:
        words = f"it was traded as position {ticket}; why {ticket} tells from what it followed"
    return _said(
        trail,
        Answer.ORDERED,
        words,
        outcome,
        name=fact.outcome.value,
        value=fact.lots,
        detail=f"{fact.reason}, {len(trail.intents)} attempts",
    )


def _of_absence(trail: Trail, asked_ns: int) -> Explanation:
    return next(_absences(trail, asked_ns))


def _absences(trail: Trail, asked_ns: int) -> Iterator[Explanation]:
    """Yield the reasons for which there was no round, the one that explains most first."""
    if asked_ns < trail.first_ns or not trail.first_ns:
        words = f"nothing was recorded before {iso(trail.first_ns)}"
        yield _said(trail, Answer.BEFORE_START, words, None)
    if not was_open_before(trail.close_ns):
        words = "the market was closed"
        if not is_open(asked_ns):
            words += f"; it opens {iso(next_week_open_ns(asked_ns))}"
        yield _said(trail, Answer.MARKET_CLOSED, words, None)
    if trail.last_ns < trail.close_ns:
        words = f"the record ends {iso(trail.last_ns)}"
        yield _said(trail, Answer.AFTER_END, words, None)
    if not trail.is_known:
        words = f"{trail.symbol} is no symbol of this record"
        yield _said(trail, Answer.NOT_TRADED, words, None)
    if not trail.has_life:
        words = "nothing was posted from this close to the next: the system was not running"
        yield _said(trail, Answer.NOT_RUNNING, words, None)
    yield from _failures(trail)
    if trail.bar is None:
        yield _said(trail, Answer.NO_BAR, "no valid bar of this close came", None)
    words = "the bar was there, and the supervisor did not decide while it could"
    yield _said(trail, Answer.UNDECIDED, words, trail.bar)


def _failures(trail: Trail) -> Iterator[Explanation]:
    for agent in ("data", "supervisor", *sorted(trail.health)):
        entry = trail.health.get(agent)
        if entry is not None and isinstance(entry.fact, AgentHealth) and entry.fact.health in UNFIT:
            words = f"{agent} was {entry.fact.health.value}: {entry.fact.reason}"
            yield _said(trail, Answer.AGENT_DOWN, words, entry, name=agent)
    if trail.feed is not None and isinstance(trail.feed.fact, FeedStatus):
        status = trail.feed.fact
        if status.state is not FeedState.LIVE and trail.bar is None:
            words = f"the feed was {status.state.value}: {status.reason}"
            yield _said(trail, Answer.FEED_STALE, words, trail.feed, name=status.state.value)


def _said(
    trail: Trail,
    answer: Answer,
    words: str,
    entry: Entry | None,
    *,
    name: str = "",
    value: float = 0.0,
    threshold: float = 0.0,
    detail: str = "",
) -> Explanation:
    return Explanation(
        run="",
        symbol=trail.symbol,
        asked_ns=0,
        close_ns=trail.close_ns,
        answer=answer,
        name=name,
        words=words,
        value=value,
        threshold=threshold,
        detail=detail,
        seq=0 if entry is None else entry.seq,
        last_round_ns=trail.last_round_ns,
    )
