"""F44: once every fault has ended, the system trades again or says in one state why it does not."""

from collections.abc import Iterator
from itertools import pairwise

from blackboard.facts import Decision, Reconciled, TradingStateChanged
from blackboard.facts.control import TradingState
from runtime.simulation.checks.record import Record, Violation

FLAPS_MAX = 4
"""Changes between clean and unclean after the healing beyond which it is a loop."""


def progress_after_healing(record: Record) -> Iterator[Violation]:
    """Liveness mode: decisions flow on agreed books, or a restriction is named."""
    history = record.history
    from_ns = history.healed_ns
    deadline_ns = from_ns + history.progress_within_ns
    if history.mode != "liveness" or not from_ns or history.ended_ns < deadline_ns:
        return
    state = record.last_until(TradingStateChanged, history.ended_ns)
    is_named = state is not None and bool(state.fact.restrictions)
    is_active = state is not None and state.fact.state is TradingState.ACTIVE
    verdict = record.last_until(Reconciled, history.ended_ns)
    if not (is_active or is_named):
        name = "no trading state" if state is None else state.fact.state.value
        yield _violation("progress_after_healing", deadline_ns, f"ended in {name}, no restriction")
    if (verdict is None or not verdict.fact.is_clean) and not is_named:
        why = "never compared" if verdict is None else verdict.fact.reason
        yield _violation("progress_after_healing", deadline_ns, f"the books do not agree: {why}")
    for symbol in sorted({said.fact.scope for said in record.all(Decision)}):
        late = [
            said.at_ns
            for said in record.all(Decision)
            if said.fact.scope == symbol and said.at_ns > from_ns
        ]
        if not late or min(late) > deadline_ns:
            text = f"no decision on {symbol} after the faults had ended"
            yield _violation("progress_after_healing", deadline_ns, text)


def no_endless_reconnecting(record: Record) -> Iterator[Violation]:
    """Liveness mode: the books do not turn from clean to unclean and back for ever."""
    history = record.history
    if history.mode != "liveness" or not history.healed_ns:
        return
    late = [
        said
        for said in record.all(Reconciled)
        if said.at_ns > history.healed_ns + history.progress_within_ns
    ]
    flaps = sum(one.fact.is_clean is not other.fact.is_clean for one, other in pairwise(late))
    if flaps > FLAPS_MAX:
        text = f"the comparison of the books changed {flaps} times after the faults had ended"
        yield _violation("no_endless_reconnecting", late[-1].at_ns, text, late[-1].seq)


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise="F44", invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (progress_after_healing, no_endless_reconnecting)
