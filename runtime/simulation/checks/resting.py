"""P5 and P8 for orders that rest: positions to be, with their stops and within their time."""

from collections.abc import Iterator

from blackboard.facts import (
    OrderOutcome,
    OrderSubmitting,
    RiskApproved,
    TradingStateChanged,
)
from blackboard.facts.control import TradingState
from blackboard.facts.execution import DealEntry, Outcome, Purpose
from runtime.simulation.checks.record import (
    ACTION_PENDING,
    SLACK_NS,
    Record,
    Said,
    Violation,
)

_ENTERS = frozenset({TradingState.ACTIVE, TradingState.SAFE})
HEAT_TOLERANCE = 1.0 + 1e-9


def _resting(record: Record) -> dict[int, Said[OrderSubmitting]]:
    """Return the announcements of entries that rest, by magic number."""
    return {
        said.fact.magic: said
        for said in record.all(OrderSubmitting)
        if said.fact.purpose is Purpose.ENTRY and said.fact.limit_price
    }


def resting_orders_carry_stops(record: Record) -> Iterator[Violation]:
    """No order is left waiting without a target, and a stop on the losing side of its limit.

    The limit is that of its announcement, which the journal may have lost since.
    """
    for request in record.sent():
        if request.action != ACTION_PENDING:
            continue
        sign = 1.0 if request.side == "BUY" else -1.0
        said = record.announced(request)
        limit_price = said.fact.limit_price if said else 0.0
        room = (limit_price - request.stop_price) * sign
        if request.stop_price <= 0.0 or request.target_price <= 0.0 or room <= 0.0:
            text = f"order {request.request_id} with a stop at {request.stop_price}"
            yield _violation("P8", "resting_orders_carry_stops", request.at_ns, text)


def nothing_fills_after_its_time(record: Record) -> Iterator[Violation]:
    """No deal of an order is younger than its expiry, at which the broker ends it."""
    resting = _resting(record)
    for deal in record.deals:
        said = resting.get(deal.magic)
        is_late = said is not None and deal.made_ns > said.fact.expires_ns + SLACK_NS
        if deal.entry == DealEntry.IN.value and said is not None and is_late:
            text = f"{said.fact.intent_id} was filled after its expiry"
            yield _violation("P8", "nothing_fills_after_its_time", deal.made_ns, text, said.seq)


def restricted_states_fill_nothing(record: Record) -> Iterator[Violation]:
    """No order fills long after REDUCING or HALTED, where somebody was there to take it back."""
    resting, within_ns = _resting(record), 2 * record.known_within_ns
    for deal in record.deals:
        said, since_ns = resting.get(deal.magic), deal.made_ns - within_ns
        if deal.entry != DealEntry.IN.value or said is None or said.at_ns > since_ns:
            continue
        before = record.last_until(TradingStateChanged, since_ns)
        newest = record.last_until(TradingStateChanged, deal.made_ns)
        is_deaf = record.is_deaf(since_ns - within_ns, deal.made_ns)
        is_restricted = before is newest and before and before.fact.state not in _ENTERS
        if is_restricted and not is_deaf:
            text = f"{said.fact.intent_id} was filled in a state that permits no entries"
            yield _violation("P5", "restricted_states_fill_nothing", deal.made_ns, text, said.seq)


def heat_is_reserved(record: Record) -> Iterator[Violation]:
    """Approvals whose orders have not come to an end never reserve more than the limit of heat."""
    reserved: dict[str, float] = {}
    acts: list[tuple[int, int, RiskApproved | OrderOutcome]] = [
        *((said.seq, said.entry.now_ns, said.fact) for said in record.all(RiskApproved)),
        *((said.seq, said.entry.now_ns, said.fact) for said in record.all(OrderOutcome)),
    ]
    accepted: set[str] = set()
    for seq, at_ns, fact in sorted(acts, key=lambda act: act[0]):
        match fact:
            case RiskApproved(intent_id=intent_id, risk_frac=risk_frac):
                reserved[intent_id] = risk_frac
                waiting = sum(risk for one, risk in reserved.items() if one in accepted)
                if waiting + risk_frac > record.limits.heat_max * HEAT_TOLERANCE:
                    text = f"{intent_id} was approved beside {waiting:.4f} that rests"
                    yield _violation("P8", "heat_is_reserved", at_ns, text, seq)
            case OrderOutcome(intent_id=intent_id, outcome=Outcome.ACCEPTED):
                accepted.add(intent_id)
            case OrderOutcome(intent_id=intent_id, outcome=outcome) if outcome.is_settled:
                accepted.discard(intent_id)
            case _:
                pass


def _violation(promise: str, invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=promise, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    resting_orders_carry_stops,
    nothing_fills_after_its_time,
    restricted_states_fill_nothing,
    heat_is_reserved,
)
