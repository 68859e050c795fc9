"""P1: at most one broker order an intent, announced and approved before it leaves, never resent."""

from collections.abc import Iterator, Sequence
from typing import cast

from blackboard.facts import (
    AmendIntent,
    CancelIntent,
    ExitIntent,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    RiskApproved,
    RiskRefused,
)
from blackboard.facts.execution import Outcome, Purpose
from runtime.simulation.checks.record import (
    ACTION_REMOVE,
    LOTS_TOLERANCE,
    REASON_EXPERT,
    Record,
    Said,
    Violation,
    grouped,
    opens,
)
from runtime.simulation.history import BrokerRequest

PROMISE = "P1"

DEFINITELY_NOT_DONE = frozenset({Outcome.NOT_SENT, Outcome.REJECTED, Outcome.NOT_EXECUTED})
FILLED = frozenset({Outcome.FILLED, Outcome.PARTIAL})

Wanted = OrderIntent | ExitIntent | AmendIntent | CancelIntent

PURPOSE_OF: dict[type[Wanted], Purpose] = {
    OrderIntent: Purpose.ENTRY,
    ExitIntent: Purpose.EXIT,
    AmendIntent: Purpose.AMEND,
    CancelIntent: Purpose.CANCEL,
}
REDUCING_ORDERS = frozenset({Purpose.AMEND, Purpose.CANCEL})
"""What makes no deal of its own."""


def intents(record: Record) -> list[Said[Wanted]]:
    """Return everything that was ever wanted, in order."""
    wanted: list[Said[Wanted]] = [
        *cast(Sequence[Said[Wanted]], record.all(OrderIntent)),
        *cast(Sequence[Said[Wanted]], record.all(ExitIntent)),
        *cast(Sequence[Said[Wanted]], record.all(AmendIntent)),
        *cast(Sequence[Said[Wanted]], record.all(CancelIntent)),
    ]
    return sorted(wanted, key=lambda said: said.seq)


def one_execution_per_intent(record: Record) -> Iterator[Violation]:
    """No intent id, and no magic number, is executed twice."""
    executed = list(record.executed())
    for name, groups in (
        ("intent", grouped((each.request_id, each) for each in executed)),
        ("magic", grouped((each.magic, each) for each in executed if record.is_ours(each.magic))),
    ):
        for key, requests in groups.items():
            if len(requests) > 1:
                yield _violation(
                    "one_execution_per_intent",
                    requests[1].at_ns,
                    f"{name} {key} was executed {len(requests)} times",
                )


def one_order_per_magic(record: Record) -> Iterator[Violation]:
    """Each magic number of ours has one order in the broker's own ledger."""
    # A stop, a target or a stop-out carries the magic number of the order that opened.
    deals = [
        deal
        for deal in record.deals
        if deal.is_trade and deal.reason == REASON_EXPERT and record.is_ours(deal.magic)
    ]
    for magic, made in grouped((deal.magic, deal) for deal in deals).items():
        orders = sorted({deal.order_ticket for deal in made})
        if len(orders) > 1:
            yield _violation(
                "one_order_per_magic", made[-1].made_ns, f"magic {magic} has orders {orders}"
            )


def one_position_per_decision(record: Record) -> Iterator[Violation]:
    """All attempts of one decision open one position at most."""
    slots = {
        said.fact.intent_id: (said.fact.scope, said.entry.ts_event_ns)
        for said in record.all(OrderIntent)
    }
    opened = [
        (slots[each.request_id], each)
        for each in record.executed()
        if opens(each) and each.request_id in slots
    ]
    for (symbol, close_ns), requests in grouped(opened).items():
        if len(requests) > 1:
            yield _violation(
                "one_position_per_decision",
                requests[1].at_ns,
                f"the decision on {symbol} at {close_ns} opened {len(requests)} positions",
            )


def announced_before_it_left(record: Record) -> Iterator[Violation]:
    """Every request was announced in the journal, in the same words, before it arrived."""
    for request in record.sent():
        said = record.announced(request)
        if said is None or said.fact.intent_id != request.request_id:
            text = f"request {request.request_id} (magic {request.magic}) was never announced"
            yield _violation("announced_before_it_left", request.at_ns, text)
            continue
        is_late = 0 <= request.journal_head < said.seq
        if is_late or said.at_ns > request.at_ns:
            text = f"request {request.request_id} arrived before the journal had its announcement"
            yield _violation("announced_before_it_left", request.at_ns, text, said.seq)
        other = _difference(record, request, said.fact)
        if other:
            text = f"request {request.request_id} is not what was announced: {other}"
            yield _violation("announced_before_it_left", request.at_ns, text, said.seq)


def _difference(record: Record, request: BrokerRequest, fact: OrderSubmitting) -> str:
    """Return in what a request differs from its announcement, empty if in nothing."""
    terms = record.terms.get(fact.scope)
    point = terms.point if terms else 1e-5
    # Where the broker has taken a digit away since, prices are rounded to what is left.
    is_coarser = record.is_faulty(frozenset({"F27"}), request.at_ns, request.at_ns)
    grain = 5.5 * point if is_coarser else 0.5 * point
    is_entry = fact.purpose is Purpose.ENTRY
    if fact.purpose is Purpose.CANCEL:
        return "" if request.action == ACTION_REMOVE else f"action {request.action} for a cancel"
    is_deal = fact.purpose is not Purpose.AMEND
    levels = ("stop_price", "target_price") if fact.purpose is not Purpose.EXIT else ()
    pairs: list[tuple[str, object, object]] = [
        ("symbol", record.symbol(request.symbol), fact.scope),
        ("position", request.position_ticket, 0 if is_entry else fact.position_ticket),
        *([("side", request.side, fact.side.value)] if is_deal else ()),
        *([("lots", round(request.lots, 6), round(fact.lots, 6))] if is_deal else ()),
        *(
            (name, getattr(request, name), getattr(fact, name))
            for name in levels
            if abs(getattr(request, name) - getattr(fact, name)) > grain
        ),
    ]
    return ", ".join(f"{name} {sent} for {said}" for name, sent, said in pairs if sent != said)


def wanted_and_approved(record: Record) -> Iterator[Violation]:
    """Every announcement follows its intent and, for an entry, an approval of its lots."""
    wanted = {
        (PURPOSE_OF[type(said.fact)], said.fact.intent_id): said
        for said in reversed(intents(record))
    }
    approvals = {said.fact.intent_id: said for said in reversed(record.all(RiskApproved))}
    for said in record.all(OrderSubmitting):
        fact = said.fact
        intent = wanted.get((fact.purpose, fact.intent_id))
        if intent is None or intent.seq > said.seq:
            yield _unfit(said, "has no intent before it")
            continue
        if intent.fact.scope != fact.scope:
            yield _unfit(said, f"is for {fact.scope}, its intent for {intent.fact.scope}")
        if fact.purpose is Purpose.ENTRY:
            yield from _unapproved(said, approvals.get(fact.intent_id))


def _unapproved(
    said: Said[OrderSubmitting], approval: Said[RiskApproved] | None
) -> Iterator[Violation]:
    if approval is None or approval.seq > said.seq:
        yield _unfit(said, "has no approval before it")
    elif said.fact.lots > approval.fact.lots + LOTS_TOLERANCE:
        yield _unfit(said, f"has {said.fact.lots} lots, approved were {approval.fact.lots}")
    elif said.fact.side is not approval.fact.side:
        yield _unfit(said, f"is a {said.fact.side}, approved was a {approval.fact.side}")


def _unfit(said: Said[OrderSubmitting], text: str) -> Violation:
    return _violation(
        "wanted_and_approved", said.at_ns, f"announcement {said.fact.intent_id} {text}", said.seq
    )


def said_once(record: Record) -> Iterator[Violation]:
    """Every intent is wanted, judged and announced once, under a magic number of its own."""
    places: list[tuple[tuple[str, object], int, int]] = [
        *((("intent", s.fact.intent_id), s.seq, s.at_ns) for s in intents(record)),
        *((("verdict on", s.fact.intent_id), s.seq, s.at_ns) for s in record.all(RiskApproved)),
        *((("verdict on", s.fact.intent_id), s.seq, s.at_ns) for s in record.all(RiskRefused)),
        *(
            ((name, key), said.seq, said.at_ns)
            for said in record.all(OrderSubmitting)
            for name, key in (
                ("announcement of", said.fact.intent_id),
                ("announcement under magic", said.fact.magic),
            )
        ),
    ]
    for (name, key), found in grouped((what, (seq, at)) for what, seq, at in places).items():
        if len(found) > 1:
            text = f"{name} {key} stands {len(found)} times"
            yield _violation("said_once", found[-1][1], text, *sorted(seq for seq, _ in found))


def nothing_sent_over_the_unknown(record: Record) -> Iterator[Violation]:
    """While the fate of one order is UNKNOWN, no entry in its symbol is announced."""
    unknown: dict[str, str] = {}
    acts: list[tuple[int, int, OrderSubmitting | OrderOutcome]] = [
        *((said.seq, said.at_ns, said.fact) for said in record.all(OrderSubmitting)),
        *((said.seq, said.at_ns, said.fact) for said in record.all(OrderOutcome)),
    ]
    for seq, at_ns, fact in sorted(acts, key=lambda act: act[0]):
        match fact:
            case OrderSubmitting(purpose=Purpose.ENTRY, scope=symbol, intent_id=intent_id):
                others = sorted(i for i, s in unknown.items() if s == symbol and i != intent_id)
                if others:
                    text = f"{intent_id} in {symbol} was announced while {others[0]} was UNKNOWN"
                    yield _violation("unknown_freezes", at_ns, text, seq)
            case OrderOutcome(intent_id=intent_id, outcome=outcome, scope=symbol):
                unknown.pop(intent_id, None)
                if outcome is Outcome.UNKNOWN:
                    unknown[intent_id] = symbol
            case _:
                pass


def retried_only_what_was_refused(record: Record) -> Iterator[Violation]:
    """Every later attempt follows one that was definitely not done and may be tried anew."""
    attempts = {
        (said.fact.scope, said.entry.ts_event_ns, said.fact.attempt): said
        for said in reversed(record.all(OrderIntent))
    }
    outcomes = grouped((said.fact.intent_id, said) for said in record.all(OrderOutcome))
    for (symbol, close_ns, attempt), said in attempts.items():
        if attempt == 1:
            continue
        before = attempts.get((symbol, close_ns, attempt - 1))
        earlier = outcomes.get(before.fact.intent_id, []) if before else []
        latest = [each for each in earlier if each.seq < said.seq][-1:]
        if not latest or not (
            latest[0].fact.outcome in DEFINITELY_NOT_DONE and latest[0].fact.may_retry
        ):
            outcome = latest[0].fact.outcome.value if latest else "no outcome"
            text = f"attempt {attempt} on {symbol} at {close_ns} followed {outcome}"
            yield _violation("retry_after_refusal_only", said.at_ns, text, said.seq)


def outcomes_are_true(record: Record) -> Iterator[Violation]:
    """Nothing that the broker executed is said to be undone, nor the other way round."""
    # Deals decide, not replies: an order that was only placed may yet never be filled.
    dealt = {deal.magic for deal in record.deals if deal.reason == REASON_EXPERT}
    magics = {said.fact.intent_id: said.fact.magic for said in record.all(OrderSubmitting)}
    for said in record.all(OrderOutcome):
        fact = said.fact
        if fact.purpose in REDUCING_ORDERS:
            continue  # the levels of a position may be changed again before anybody reads them
        was_done = magics.get(fact.intent_id) in dealt
        if was_done and fact.outcome in DEFINITELY_NOT_DONE:
            text = f"{fact.intent_id} was executed and is said to be {fact.outcome}"
            yield _violation("outcomes_are_true", said.at_ns, text, said.seq)
        if not was_done and fact.outcome in FILLED:
            text = f"{fact.intent_id} was not executed and is said to be {fact.outcome}"
            yield _violation("outcomes_are_true", said.at_ns, text, said.seq)


def stale_epochs_send_nothing(record: Record) -> Iterator[Violation]:
    """Once a younger instance has sent, an older one changes nothing at the broker."""
    highest = 0
    for request in record.sent():
        if request.is_executed and request.epoch < highest:
            text = f"{request.request_id} ran under epoch {request.epoch} after {highest}"
            yield _violation("stale_epochs_send_nothing", request.at_ns, text)
        if not request.refusal:
            highest = max(highest, request.epoch)


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=PROMISE, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    one_execution_per_intent,
    one_order_per_magic,
    one_position_per_decision,
    announced_before_it_left,
    wanted_and_approved,
    said_once,
    nothing_sent_over_the_unknown,
    retried_only_what_was_refused,
    outcomes_are_true,
    stale_epochs_send_nothing,
)
