"""P5: the high-water mark lasts, the breaker trips, and what it declared survives restarts.

The mark is folded anew from the readings of the account; the drawdown that must trip the breaker is
computed from the broker's own equity at each close.
"""

from collections.abc import Iterator
from itertools import pairwise

from blackboard.facts import AccountSnapshot, EquityMark, OperatorCommand, TradingStateChanged
from blackboard.facts.control import Command, TradingState
from runtime.simulation.checks.record import (
    FUNDING,
    MONEY_TOLERANCE,
    Record,
    Said,
    Violation,
)

PROMISE = "P5"

CLOSES_UNTIL_TRIPPED = 3
"""Closes after which a drawdown must have changed the trading state."""
DEPTH_TOLERANCE = 0.02
"""A drawdown counts once it is deeper than the limit by this share of it: readings lie between
closes. A withdrawal leaves what was not read before it as large as it was."""
YIELD_TO_RESUME = frozenset({"identity", "drawdown_halted", "terminal", "flatten"})
"""Restrictions that only a person lifts."""
DRAWDOWN = "drawdown_reducing"

_RESTRICTED = frozenset({TradingState.REDUCING, TradingState.HALTED})
_MARK_MIN = 0.01


def mark_never_falls(record: Record) -> Iterator[Violation]:
    """No mark is below the one before it, payments aside."""
    before: EquityMark | None = None
    for said in record.all(EquityMark):
        fact = said.fact
        if before is not None:
            expected = before.high_water_mark + fact.deposits - before.deposits
            if fact.high_water_mark < min(expected, before.high_water_mark) - MONEY_TOLERANCE:
                text = f"mark fell from {before.high_water_mark:.2f} to {fact.high_water_mark:.2f}"
                yield _violation("mark_never_falls", said.at_ns, text, said.seq)
        before = fact


def mark_is_the_highest_equity(record: Record) -> Iterator[Violation]:
    """Each mark is the highest equity of all readings so far, moved by payments."""
    marks = {_slot(said.entry.key): said for said in reversed(record.all(EquityMark))}
    mark, deposits = 0.0, 0.0
    for snapshot in record.all(AccountSnapshot):
        fact = snapshot.fact
        first = max(fact.equity, fact.deposits, _MARK_MIN)
        mark = max(mark + fact.deposits - deposits, fact.equity, _MARK_MIN) if mark else first
        deposits = fact.deposits
        said = marks.get(_slot(snapshot.entry.key))
        if said is None:
            continue
        if abs(said.fact.high_water_mark - mark) > MONEY_TOLERANCE:
            text = f"mark is {said.fact.high_water_mark:.2f}, the readings make it {mark:.2f}"
            yield _violation("mark_is_the_highest_equity", said.at_ns, text, said.seq)
        drawdown = max(0.0, 1.0 - said.fact.equity / mark)
        if abs(said.fact.drawdown_frac - drawdown) > 1e-6 and mark > _MARK_MIN:
            text = f"drawdown is {said.fact.drawdown_frac:.6f}, the mark makes it {drawdown:.6f}"
            yield _violation("mark_is_the_highest_equity", said.at_ns, text, said.seq)


def _slot(key: str) -> str:
    """Return what a mark and the reading that it was made of have in common: time and ordinal."""
    return key.split("/", 4)[4]


def breaker_trips(record: Record) -> Iterator[Violation]:
    """Every drawdown at the broker changes the trading state within a few closes."""
    limit = record.limits.drawdown_reducing
    mark, paid_in, unread, deep_closes, was_restricted = 0.0, 0.0, 0.0, 0, False
    for state in record.states:
        payments = _paid_in(record, state.at_ns)
        mark = max(mark + payments - paid_in, state.equity, _MARK_MIN)
        paid_in = payments
        unread = max(unread, DEPTH_TOLERANCE * limit * mark)
        if not state.is_close:
            continue
        lost = mark - state.equity
        # What has tripped once holds until the drawdown has healed: the way out is a probation.
        has_healed = lost < limit * mark - unread
        was_restricted = not has_healed and (was_restricted or _is_restricted(record, state.at_ns))
        is_deep = lost >= limit * mark + unread
        wait_ns = record.limits.timeframe_ns * CLOSES_UNTIL_TRIPPED
        is_deaf = record.is_deaf(state.at_ns - wait_ns - record.known_within_ns, state.at_ns)
        deep_closes = deep_closes + 1 if is_deep and not is_deaf else 0
        if deep_closes == CLOSES_UNTIL_TRIPPED + 1 and not was_restricted:
            text = f"drawdown {lost / mark:.4f} and no breaker after some closes"
            yield _violation("breaker_trips", state.at_ns, text)


def _paid_in(record: Record, at_ns: int) -> float:
    paid = (d.amount for d in record.deals if d.kind in FUNDING and d.made_ns <= at_ns)
    return sum(paid)


def _is_restricted(record: Record, at_ns: int) -> bool:
    """Whether the state is restricted, or on the way out of a drawdown that had restricted it."""
    said = record.last_until(TradingStateChanged, at_ns)
    if said is None:
        return False
    on_the_way = any(each.scope == DRAWDOWN for each in said.fact.restrictions)
    return said.fact.state in _RESTRICTED or on_the_way


def states_follow_each_other(record: Record) -> Iterator[Violation]:
    """Each change of the trading state starts from the one before, also after a restart."""
    changes = record.all(TradingStateChanged)
    for before, after in pairwise(changes):
        if after.fact.previous is not before.fact.state:
            text = f"state went on from {after.fact.previous}, was {before.fact.state}"
            yield _violation("states_follow_each_other", after.at_ns, text, before.seq, after.seq)


def restrictions_last(record: Record) -> Iterator[Violation]:
    """No restriction that only a person lifts is lifted otherwise, whoever was restarted."""
    resumes = [said for said in record.all(OperatorCommand) if said.fact.command is Command.RESUME]
    changes = record.all(TradingStateChanged)
    for before, after in pairwise(changes):
        lifted = {r.scope for r in before.fact.restrictions} - {
            r.scope for r in after.fact.restrictions
        }
        # A command may have come while the change before was on its way.
        resumed = any(before.entry.read_to < each.seq < after.seq for each in resumes)
        for cause in sorted(lifted & YIELD_TO_RESUME):
            if not resumed:
                text = f"{cause} was lifted and nobody had asked for it"
                yield _violation("restrictions_last", after.at_ns, text, before.seq, after.seq)
        if DRAWDOWN in lifted and not _was_probation(before):
            text = f"{DRAWDOWN} was lifted without a probation"
            yield _violation("restrictions_last", after.at_ns, text, before.seq, after.seq)


def _was_probation(said: Said[TradingStateChanged]) -> bool:
    return any(each.is_probation for each in said.fact.restrictions if each.scope == DRAWDOWN)


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=PROMISE, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    mark_never_falls,
    mark_is_the_highest_equity,
    breaker_trips,
    states_follow_each_other,
    restrictions_last,
)
