"""P3: what the board holds of the broker's book is the broker's book, and sums add up."""

from collections.abc import Iterator

from blackboard.facts import (
    AccountSnapshot,
    DayStatistics,
    Fill,
    PositionChanged,
    Reconciled,
    TradeClosed,
)
from blackboard.facts.execution import Origin
from runtime.simulation.checks.record import (
    FUNDING,
    KIND_CREDIT,
    LOTS_TOLERANCE,
    MONEY_TOLERANCE,
    SLACK_NS,
    Record,
    Said,
    Violation,
    grouped,
)
from runtime.simulation.history import BrokerState, Deal

PROMISE = "P3"
IDENTITY = "identity"
"""First word of why the books cannot be compared: it is not our account, nothing may be booked."""

PRICE_TOLERANCE = 1e-6
CLOCK_TOLERANCE_NS = 5_000_000_000
"""Rounding of the broker's times, and a clock that is a little ahead."""
CLOCK_FAULTS = frozenset({"F26"})

_Holding = tuple[str, float]
_FLAT: _Holding = ("", 0.0)


def exposure_is_known(record: Record) -> Iterator[Violation]:
    """Each position on the board is the broker's, as of now or of one reconciliation ago."""
    within_ns = record.known_within_ns
    for state in record.states:
        if not state.is_close or state.at_ns - within_ns < record.history.started_ns:
            continue
        from_ns = state.at_ns - within_ns
        if record.is_deaf(from_ns - within_ns, state.at_ns) or _is_foreign(record, state.at_ns):
            continue
        known = _known(record, state.at_ns)
        past = record.states_within(from_ns, state.at_ns)
        for ticket in sorted(known.keys() | {each.ticket for s in past for each in s.positions}):
            had = [_of_broker(each, ticket) for each in past]
            if not any(_same(known.get(ticket, _FLAT), each) for each in had):
                text = f"position {ticket} is {known.get(ticket, _FLAT)}, the broker has {had[-1]}"
                yield _violation("exposure_is_known", state.at_ns, text)


def _known(record: Record, at_ns: int) -> dict[int, _Holding]:
    """Return the open positions by what the board said up to a time."""
    found: dict[int, _Holding] = {}
    for said in record.known(PositionChanged, at_ns):
        found[said.fact.ticket] = (said.fact.side.value, said.fact.lots)
    return {ticket: held for ticket, held in found.items() if held[1] > 0.0}


def _of_broker(state: BrokerState, ticket: int) -> _Holding:
    return next(((p.side, p.lots) for p in state.positions if p.ticket == ticket), _FLAT)


def _same(one: _Holding, other: _Holding) -> bool:
    return one[0] == other[0] and abs(one[1] - other[1]) < LOTS_TOLERANCE


def _is_foreign(record: Record, at_ns: int) -> bool:
    verdict = record.last_until(Reconciled, at_ns)
    return verdict is not None and verdict.fact.reason.startswith(IDENTITY)


def nothing_is_closed_by_silence(record: Record) -> Iterator[Violation]:
    """No position is said to be closed while the broker holds it."""
    ends: list[tuple[int, int, int]] = [
        *((s.fact.ticket, s.at_ns, s.seq) for s in record.all(PositionChanged) if not s.fact.lots),
        *((s.fact.ticket, s.at_ns, s.seq) for s in record.all(TradeClosed)),
    ]
    last_held_ns: dict[int, int] = {}
    for state in record.states:
        last_held_ns.update((each.ticket, state.at_ns) for each in state.positions)
    for ticket, at_ns, seq in ends:
        # A ticket is never opened again: whoever holds it later held it then.
        if last_held_ns.get(ticket, -1) > at_ns:
            text = f"position {ticket} was said to be closed, and the broker held it later"
            yield _violation("nothing_is_closed_by_silence", at_ns, text, seq)


def fills_are_deals(record: Record) -> Iterator[Violation]:
    """Every Fill is a deal of the broker's ledger, to the last figure and the second, once."""
    deals = {deal.ticket: deal for deal in record.deals}
    seen: set[int] = set()
    for said in record.all(Fill):
        ticket = said.fact.deal_ticket
        if ticket in seen:
            yield _violation(
                "fills_are_deals", said.at_ns, f"deal {ticket} is booked twice", said.seq
            )
        seen.add(ticket)
        deal = deals.get(ticket)
        other = "it does not exist" if deal is None else _difference(record, said, deal)
        if other:
            yield _violation("fills_are_deals", said.at_ns, f"deal {ticket}: {other}", said.seq)


def _difference(record: Record, said: Said[Fill], deal: Deal) -> str:
    fact = said.fact
    names = ("price", "profit", "commission", "swap", "fee")
    pairs: list[tuple[str, object, object]] = [
        ("symbol", fact.scope, record.symbol(deal.symbol)),
        ("side", fact.side.value, deal.side),
        ("position", fact.position_ticket, deal.position_ticket),
        ("lots", round(fact.lots, 6), round(deal.lots, 6)),
        *((n, round(getattr(fact, n), 5), round(getattr(deal, n), 5)) for n in names),
    ]
    late_ns = abs(said.entry.ts_event_ns - deal.made_ns)
    is_timed = not record.is_faulty(CLOCK_FAULTS, deal.made_ns, said.at_ns)
    if is_timed and late_ns > CLOCK_TOLERANCE_NS:
        pairs.append(("time", said.entry.ts_event_ns, deal.made_ns))
    return ", ".join(
        f"{name} is {here}, was {there}" for name, here, there in pairs if here != there
    )


def trades_are_closed_once(record: Record) -> Iterator[Violation]:
    """Each closed position of ours has one TradeClosed, with the sums of its deals."""
    closed = grouped((said.fact.ticket, said) for said in record.all(TradeClosed))
    deals = grouped((deal.position_ticket, deal) for deal in record.deals if deal.is_trade)
    for ticket, made in deals.items():
        opened = sum(deal.lots for deal in made if deal.entry == "IN")
        gone = sum(deal.lots for deal in made if deal.entry in {"OUT", "OUT_BY"})
        trades = closed.pop(ticket, [])
        if len(trades) > 1:
            text = f"position {ticket} is closed {len(trades)} times"
            yield _violation("trades_are_closed_once", trades[1].at_ns, text, trades[1].seq)
        if not record.owns(ticket) or opened - gone > LOTS_TOLERANCE:
            continue
        if not trades and _is_settled_after(record, made[-1].made_ns):
            text = f"position {ticket} is closed at the broker and has no TradeClosed"
            yield _violation("trades_are_closed_once", made[-1].made_ns, text)
        for said in trades[:1]:
            amount = sum(deal.amount for deal in made)
            yield from _unlike(said, opened, amount, is_own=not record.is_forgotten(ticket))
    for ticket, trades in closed.items():
        text = f"position {ticket} never existed and is said to be closed"
        yield _violation("trades_are_closed_once", trades[0].at_ns, text, trades[0].seq)


def _unlike(
    said: Said[TradeClosed], lots: float, amount: float, *, is_own: bool
) -> Iterator[Violation]:
    fact = said.fact
    if abs(fact.lots - lots) > LOTS_TOLERANCE or abs(fact.pnl - amount) > MONEY_TOLERANCE:
        text = (
            f"position {fact.ticket} is closed with {fact.lots} lots and {fact.pnl:.2f}, "
            f"the deals have {lots:g} and {amount:.2f}"
        )
        yield _violation("trades_are_closed_once", said.at_ns, text, said.seq)
    if is_own and fact.origin is not Origin.OWN:
        text = f"position {fact.ticket} is ours and is closed as {fact.origin.value}"
        yield _violation("trades_are_closed_once", said.at_ns, text, said.seq)


def _is_settled_after(record: Record, at_ns: int) -> bool:
    """Whether the run ended with books that agreed, by a reading taken after a time."""
    verdict = record.last_until(Reconciled, record.history.ended_ns)
    if verdict is None or not verdict.fact.is_clean:
        return False
    return any(
        at_ns + SLACK_NS < each.at_ns <= verdict.at_ns
        for each in record.history.readings
        if each.is_answered
    )


def balances_add_up(record: Record) -> Iterator[Violation]:
    """Balance is the sum of all deals, and open lots are what was opened less what was closed."""
    if not record.states or not record.deals:
        return
    last = record.states[-1]
    total = sum(deal.amount for deal in record.deals if deal.kind != KIND_CREDIT)
    if abs(total - last.balance) > MONEY_TOLERANCE:
        text = f"balance is {last.balance:.2f}, the deals add up to {total:.2f}"
        yield _violation("balances_add_up", last.at_ns, text)
    if not record.history.is_hedging:
        return
    left = {
        ticket: sum(deal.lots if deal.entry == "IN" else -deal.lots for deal in made)
        for ticket, made in grouped(
            (deal.position_ticket, deal) for deal in record.deals if deal.is_trade
        ).items()
    }
    held = {each.ticket: each.lots for each in last.positions}
    for ticket in sorted(left.keys() | held.keys()):
        if abs(left.get(ticket, 0.0) - held.get(ticket, 0.0)) > LOTS_TOLERANCE:
            text = (
                f"position {ticket} has {held.get(ticket, 0.0)} lots, deals left {left.get(ticket)}"
            )
            yield _violation("balances_add_up", last.at_ns, text)


def snapshots_are_true(record: Record) -> Iterator[Violation]:
    """Every AccountSnapshot shows a balance and deposits that the account had just before."""
    deposits = [(deal.made_ns, deal.amount) for deal in record.deals if deal.kind in FUNDING]
    for said in record.all(AccountSnapshot):
        past = record.states_within(said.at_ns - record.known_within_ns, said.at_ns)
        fact = said.fact
        if past and all(abs(fact.balance - each.balance) > MONEY_TOLERANCE for each in past):
            text = f"balance is said to be {fact.balance:.2f}, was {past[-1].balance:.2f}"
            yield _violation("snapshots_are_true", said.at_ns, text, said.seq)
        totals = {
            round(sum(amount for made_ns, amount in deposits if made_ns <= at_ns), 2)
            for at_ns in (
                said.at_ns - record.known_within_ns,
                said.at_ns,
                *(m for m, _ in deposits),
            )
            if at_ns <= said.at_ns
        }
        if deposits and round(fact.deposits, 2) not in totals:
            text = f"deposits are said to be {fact.deposits:.2f}, were one of {sorted(totals)}"
            yield _violation("snapshots_are_true", said.at_ns, text, said.seq)


def strangers_are_left_alone(record: Record) -> Iterator[Violation]:
    """No request of the council but a flatten touches a position that somebody else opened."""
    for request in record.sent():
        if not request.position_ticket or request.position_ticket not in record.openers:
            continue
        if record.owns(request.position_ticket) or request.request_id in record.flatten_ids:
            continue
        text = f"{request.request_id} touches position {request.position_ticket}, which is not ours"
        yield _violation("strangers_are_left_alone", request.at_ns, text)


def origins_are_true(record: Record) -> Iterator[Violation]:
    """No position is said to be ours that is not, nor the other way round."""
    for said in record.all(PositionChanged):
        if said.fact.ticket not in record.openers or record.is_forgotten(said.fact.ticket):
            continue
        if (said.fact.origin is Origin.OWN) != record.owns(said.fact.ticket):
            text = f"position {said.fact.ticket} is said to be {said.fact.origin.value}"
            yield _violation("origins_are_true", said.at_ns, text, said.seq)


def days_add_up(record: Record) -> Iterator[Violation]:
    """All days told so far hold each trade that was closed and read by then, once."""
    trades, pnl = 0, 0.0
    for said in record.all(DayStatistics):
        trades, pnl = trades + said.fact.trades, pnl + said.fact.pnl
        read_to, end_ns = said.entry.read_to, said.entry.ts_event_ns
        closed = [
            each.fact.pnl
            for each in record.all(TradeClosed)
            if each.seq <= read_to and each.entry.ts_event_ns <= end_ns
        ]
        if trades != len(closed) or abs(pnl - sum(closed)) > MONEY_TOLERANCE:
            text = f"{trades} trades of {pnl:.2f} are told, {len(closed)} of {sum(closed):.2f} made"
            yield _violation("days_add_up", said.at_ns, text, said.seq)


def _violation(invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=PROMISE, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    exposure_is_known,
    nothing_is_closed_by_silence,
    fills_are_deals,
    trades_are_closed_once,
    balances_add_up,
    snapshots_are_true,
    strangers_are_left_alone,
    origins_are_true,
    days_add_up,
)
