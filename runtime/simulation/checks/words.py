"""P10, P12 and the market's truth: no secret is told, no refusal is silent, no bar is made up."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from blackboard.facts import (
    Bar,
    Decision,
    FeedStatus,
    OrderOutcome,
    Reconciled,
    RiskRefused,
    TradingStateChanged,
    Vote,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Action
from blackboard.facts.execution import Outcome
from blackboard.facts.market import FeedState
from runtime.simulation.checks.record import MINUTE_NS, Record, Said, Violation

LIES_ABOUT_BARS = frozenset({"F23", "F24", "F25", "F26", "F27"})
"""Families that keep true bars from the system, or give it others."""

FALSE_BARS = frozenset({"F24", "F25"})
"""Families that give bars with other prices; whatever is wrong with their times must be seen."""

_LOOKS_SECRET = re.compile(
    rb"\d{8,10}:[A-Za-z0-9_-]{35}\b"  # a Telegram bot's token
    rb"|[Bb]earer\s+[A-Za-z0-9._-]{16,}"
    rb"|(?:password|passwd|api[_-]?key|apikey)\s*[=:]\s*[^\s\"'&*]{8,}"
)
_FULFILLED = frozenset({Outcome.ACCEPTED, Outcome.PARTIAL, Outcome.FILLED})


def secrets_stay_inside(record: Record) -> Iterator[Violation]:
    """No canary, and nothing that looks like a key, stands in a fact or in any output."""
    encode = msgspec.json.Encoder().encode
    canaries = [secret.encode() for secret in record.history.secrets if secret]
    texts = [
        *(
            (entry.known_at_ns, f"entry {entry.seq}", encode(entry.fact))
            for entry in record.entries
        ),
        *((0, output.source, output.text.encode()) for output in record.history.outputs),
    ]
    for at_ns, where, text in texts:
        if any(canary in text for canary in canaries) or _LOOKS_SECRET.search(text):
            yield Violation(
                promise="P10",
                invariant="secrets_stay_inside",
                at_ns=at_ns,
                text=f"{where} holds a secret",
            )


def refusals_name_their_reason(record: Record) -> Iterator[Violation]:
    """No refusal, hold, abstention or restriction is without the name of what caused it."""
    for said in _silent(record):
        yield Violation(
            promise="P12",
            invariant="refusals_name_their_reason",
            at_ns=said.at_ns,
            text=f"{type(said.fact).__name__} of {said.fact.scope} names no reason",
            seqs=(said.seq,),
        )


def _silent(record: Record) -> Iterator[Said[Any]]:
    """Yield whatever should name a reason and does not."""
    yield from (s for s in record.all(RiskRefused) if not s.fact.reason.strip())
    for outcome in record.all(OrderOutcome):
        if outcome.fact.outcome not in _FULFILLED and not outcome.fact.reason.strip():
            yield outcome
    yield from (s for s in record.all(Decision) if _is_silent_hold(s.fact))
    yield from (s for s in record.all(Vote) if s.fact.abstains and not s.fact.reason.strip())
    for feed in record.all(FeedStatus):
        if feed.fact.state is not FeedState.LIVE and not feed.fact.reason.strip():
            yield feed
    yield from (
        s for s in record.all(Reconciled) if not s.fact.is_clean and not s.fact.reason.strip()
    )
    yield from (s for s in record.all(TradingStateChanged) if _is_silent_state(s.fact))


def _is_silent_hold(fact: Decision) -> bool:
    failed = [gate.name for gate in fact.gates if not gate.passed]
    if fact.action is Action.HOLD:
        return not fact.blocked_by or (bool(failed) and fact.blocked_by not in failed)
    return bool(fact.blocked_by)


def _is_silent_state(fact: TradingStateChanged) -> bool:
    is_named = all(r.evidence.strip() and r.way_out.strip() for r in fact.restrictions)
    is_explained = fact.state is TradingState.ACTIVE or bool(fact.restrictions)
    return not (fact.reason.strip() and is_named and is_explained)


def bars_are_the_markets(record: Record) -> Iterator[Violation]:
    """Every bar on the board is the market's of that close, and none between is passed over."""
    true = {(bar.symbol, bar.close_ns): bar for bar in record.history.bars}
    if not true:
        return
    posted: dict[str, list[int]] = {}
    for said in record.all(Bar):
        close_ns, symbol = said.entry.ts_event_ns, said.fact.scope
        bar = true.get((symbol, close_ns))
        if close_ns > record.history.started_ns:
            posted.setdefault(symbol, []).append(close_ns)
        point = record.terms[symbol].point if symbol in record.terms else 1e-5
        off = bar is None or any(
            abs(getattr(said.fact, name) - getattr(bar, name)) > point / 2.0
            for name in ("open", "high", "low", "close")
        )
        # A bar that is false and plausible cannot be told from a true one.
        is_lied_to = record.is_faulty(FALSE_BARS, said.at_ns - MINUTE_NS, said.at_ns)
        if off and close_ns > record.history.started_ns and not is_lied_to:
            text = f"bar of {symbol} at {close_ns} is not the market's"
            yield _about_bars("bars_are_the_markets", said.at_ns, text, said.seq)
    yield from _skipped(record, posted)


def _skipped(record: Record, posted: dict[str, list[int]]) -> Iterator[Violation]:
    """Yield the market's bars, from each symbol's first on, that never came without a reason."""
    length_ns = record.limits.timeframe_ns
    closes_ns = [state.at_ns for state in record.states if state.is_close]
    last_ns = closes_ns[-1] - length_ns if closes_ns else 0  # the run ends at its last close
    for symbol, closes in posted.items():
        have, first_ns = set(closes), closes[0]
        for bar in record.history.bars:
            is_due = first_ns < bar.close_ns < last_ns
            if bar.symbol != symbol or not is_due or bar.close_ns in have:
                continue
            from_ns, until_ns = bar.close_ns - length_ns, bar.close_ns + 2 * length_ns
            is_excused = record.is_faulty(LIES_ABOUT_BARS, from_ns, until_ns) or record.is_deaf(
                from_ns, until_ns
            )
            if not is_excused:
                text = f"bar of {symbol} at {bar.close_ns} was passed over"
                yield _about_bars("bars_are_the_markets", bar.close_ns, text)


def _about_bars(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise="P2", invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (secrets_stay_inside, refusals_name_their_reason, bars_are_the_markets)
