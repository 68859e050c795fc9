"""P8 at the broker: what is at risk stays within the hard limits, and every position has a stop.

The arithmetic is the checker's own: lots × distance × contract × rate, at the market's true prices.
"""

from collections.abc import Iterator

from blackboard.facts import OrderSubmitting
from blackboard.facts.execution import Purpose
from runtime.simulation.checks.leave import is_looser, week_close_ns
from runtime.simulation.checks.record import (
    ACTION_SLTP,
    LOTS_TOLERANCE,
    REASON_EXPERT,
    Record,
    Violation,
    opens,
)
from runtime.simulation.history import BrokerRequest, BrokerState, HeldPosition

PROMISE = "P8"

RISK_TOLERANCE = 1.15
"""Prices move between sizing and fill, and equity between two readings: never by this much."""

_EQUITY_MIN = 0.01

WEEKEND_NS = 48 * 3_600_000_000_000
"""From Friday to Sunday, 17:00 in New York."""

_PUTTING_OFF = frozenset({"F9", "F15", "F19"})
"""Families in which the broker refuses for the moment, whatever is asked and however well: F15
strikes closes too, as a price within the freeze level does."""


def risk_is_bounded(record: Record) -> Iterator[Violation]:
    """No executed entry can lose more at its stop than the largest share of equity."""
    limits = record.limits
    for request in record.executed():
        state = record.state_until(request.at_ns)
        if not opens(request) or state is None:
            continue
        risk = _risk_of(record, request)
        if risk is None:
            text = f"entry {request.request_id} has no stop or a contract that nobody knows"
            yield _violation("risk_is_bounded", request.at_ns, text)
        elif risk > limits.risk_frac_max * RISK_TOLERANCE * max(state.equity, _EQUITY_MIN):
            text = f"entry {request.request_id} risks {risk:.2f} of equity {state.equity:.2f}"
            yield _violation("risk_is_bounded", request.at_ns, text)


def _risk_of(record: Record, request: BrokerRequest) -> float | None:
    terms = record.terms.get(record.symbol(request.symbol))
    price = request.fill_price or (request.ask if request.side == "BUY" else request.bid)
    if terms is None or not request.stop_price or not price or not request.account_per_quote:
        return None
    sign = 1.0 if request.side == "BUY" else -1.0
    distance = (price - request.stop_price) * sign
    lots = request.filled_lots or request.lots
    fees = 2.0 * record.limits.commission_per_lot * lots
    return max(distance, 0.0) * lots * terms.contract_size * request.account_per_quote + fees


def heat_is_bounded(record: Record) -> Iterator[Violation]:
    """After each entry the risk at all stops of ours is within the limit of heat."""
    for request, state in _after_entries(record):
        risks = [_held_risk(record, held) for held in _own(record, state)]
        heat = sum(risk for risk in risks if risk is not None) / max(state.equity, _EQUITY_MIN)
        if heat > record.limits.heat_max * RISK_TOLERANCE:
            text = f"after {request.request_id} heat is {heat:.4f} of {record.limits.heat_max}"
            yield _violation("heat_is_bounded", request.at_ns, text)


def _held_risk(record: Record, held: HeldPosition) -> float | None:
    terms = record.terms.get(record.symbol(held.symbol))
    if terms is None or not held.stop_price or not held.account_per_quote:
        return None
    sign = 1.0 if held.side == "BUY" else -1.0
    distance = max(0.0, (held.open_price - held.stop_price) * sign)
    return distance * held.lots * terms.contract_size * held.account_per_quote


def counts_are_bounded(record: Record) -> Iterator[Violation]:
    """After each entry the positions of ours are no more than allowed, in all and in its symbol."""
    for request, state in _after_entries(record):
        own = _own(record, state)
        same = [held for held in own if held.symbol == request.symbol]
        for held, most, where in (
            (own, record.limits.positions_max, "in all"),
            (same, record.limits.positions_per_symbol_max, f"in {request.symbol}"),
        ):
            if len(held) > most:
                text = f"after {request.request_id} there are {len(held)} positions {where}"
                yield _violation("counts_are_bounded", request.at_ns, text)


def leverage_is_bounded(record: Record) -> Iterator[Violation]:
    """After each entry the gross notional of ours is within the largest multiple of equity."""
    for request, state in _after_entries(record):
        gross = sum(_notional(record, held) for held in _own(record, state))
        most = record.limits.leverage_max * RISK_TOLERANCE * max(state.equity, _EQUITY_MIN)
        if gross > most:
            text = f"after {request.request_id} gross notional is {gross:.0f}"
            yield _violation("leverage_is_bounded", request.at_ns, text)


def _notional(record: Record, held: HeldPosition) -> float:
    terms = record.terms.get(record.symbol(held.symbol))
    contract = terms.contract_size if terms else 0.0
    return held.lots * held.open_price * contract * held.account_per_quote


def _after_entries(record: Record) -> Iterator[tuple[BrokerRequest, BrokerState]]:
    """Yield each executed entry with the first state that holds what came of it."""
    for request in record.executed():
        if not opens(request):
            continue
        # Its ticket is the order's; on a netting account the position may be an older one.
        for state in record.states_within(request.at_ns, request.at_ns + record.known_within_ns):
            if any(held.ticket == request.order_ticket for held in state.positions):
                yield request, state
                break


def _own(record: Record, state: BrokerState) -> list[HeldPosition]:
    return [held for held in state.positions if record.is_ours(held.magic)]


def entries_carry_stops(record: Record) -> Iterator[Violation]:
    """No entry arrives without a target, and a stop on the losing side of the price."""
    for request in record.entries_sent():
        sign = 1.0 if request.side == "BUY" else -1.0
        price = request.bid if request.side == "BUY" else request.ask
        is_missing = request.stop_price <= 0.0
        # One on the wrong side is refused by the broker; one that is missing is taken.
        is_wrong = bool(price) and (price - request.stop_price) * sign < 0.0
        if is_missing or (is_wrong and request.is_executed):
            text = f"entry {request.request_id} with a stop at {request.stop_price}"
            yield _violation("entries_carry_stops", request.at_ns, text)
        if request.target_price <= 0.0:
            text = f"entry {request.request_id} without a target"
            yield _violation("entries_carry_stops", request.at_ns, text)


def nothing_stays_naked(record: Record) -> Iterator[Violation]:
    """No position of ours stays without a stop longer than the board needs to know, plus a try.

    The measure is one reconciliation period and the slack of a minute's grain: between two readings
    of the book nobody can know that the broker dropped a stop. Where flipped bits took what the
    board knew of a position, it is ours up to the repair, and a stranger's from then on.
    """
    naked_since: dict[int, int] = {}
    for state in record.states:
        held = {p.ticket for p in _own(record, state) if p.stop_price == 0.0}
        for ticket in sorted(naked_since.keys() - held):
            for part in _in_weeks(naked_since.pop(ticket), state.at_ns):
                yield from _naked(record, ticket, *part)
        for ticket in sorted(held):
            naked_since.setdefault(ticket, state.at_ns)
    for ticket, since_ns in sorted(naked_since.items()):
        for part in _in_weeks(since_ns, record.history.ended_ns):
            yield from _naked(record, ticket, *part)


def _in_weeks(from_ns: int, until_ns: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a time in which the market is open: on a weekend nothing can be set."""
    while from_ns < until_ns:
        closes_ns = week_close_ns(from_ns)
        yield from_ns, min(closes_ns, until_ns)
        from_ns = closes_ns + WEEKEND_NS


def _naked(record: Record, ticket: int, from_ns: int, until_ns: int) -> Iterator[Violation]:
    allowed_ns = 2 * record.known_within_ns
    forgotten_ns = record.forgotten_ns(ticket)
    until_ns = until_ns if forgotten_ns is None else min(until_ns, forgotten_ns)
    # A later fault prolongs what it hinders, but only as long as it lasts. One that refuses a stop
    # or a close of this very position lasts for that try: the next one must come in time.
    free_ns = from_ns
    refused = [
        (request.at_ns, request.at_ns)
        for request in record.sent()
        if request.position_ticket == ticket
        and not request.is_executed
        and record.is_faulty(_PUTTING_OFF, request.at_ns, request.at_ns)
    ]
    for fault in sorted([*record.deaf_times, *refused]):
        if fault[0] <= free_ns + allowed_ns and fault[1] > free_ns:
            free_ns = fault[1]
    if until_ns - free_ns > allowed_ns:
        minutes = (until_ns - from_ns) / 60e9
        text = f"position {ticket} had no stop for {minutes:.1f} min"
        yield _violation("nothing_stays_naked", free_ns + allowed_ns, text)


def stops_are_kept(record: Record) -> Iterator[Violation]:
    """No change of levels of ours deletes a stop or a target, or loosens a stop."""
    for request in record.sent():
        if request.action != ACTION_SLTP:
            continue
        held = request.held
        if request.stop_price <= 0.0:
            what = "deletes the stop"
        elif held and is_looser(request):
            what = f"loosens the stop from {held.stop_price} to {request.stop_price}"
        elif held and held.target_price and not request.target_price:
            what = "deletes the target"
        else:
            continue
        text = f"{request.request_id} {what} of position {request.position_ticket}"
        yield _violation("stops_are_kept", request.at_ns, text)


def closes_only_close(record: Record) -> Iterator[Violation]:
    """No exit leaves without its position, with more lots than it has, or opens anything."""
    exits = {
        said.fact.magic: said
        for said in record.all(OrderSubmitting)
        if said.fact.purpose is Purpose.EXIT
    }
    for request in record.sent():
        if request.magic in exits and (opens(request) or _exceeds(request)):
            text = f"exit {request.request_id} names position {request.position_ticket}"
            yield _violation("closes_only_close", request.at_ns, text, exits[request.magic].seq)
    for deal in record.deals:
        if deal.magic in exits and deal.reason == REASON_EXPERT and deal.entry != "OUT":
            text = f"exit under magic {deal.magic} made a deal {deal.entry}"
            yield _violation("closes_only_close", deal.made_ns, text, exits[deal.magic].seq)


def _exceeds(request: BrokerRequest) -> bool:
    held = request.held
    if held is None or not request.is_executed:
        return False
    return request.lots > held.lots + LOTS_TOLERANCE or request.side == held.side


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=PROMISE, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    risk_is_bounded,
    heat_is_bounded,
    counts_are_bounded,
    leverage_is_bounded,
    entries_carry_stops,
    nothing_stays_naked,
    stops_are_kept,
    closes_only_close,
)
