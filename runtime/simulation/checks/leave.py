"""P2, P4 and P5 at the door: when an entry may be permitted, and when it may leave."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from blackboard.facts import (
    Bar,
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    OrderIntent,
    OrderSubmitting,
    Quote,
    Reconciled,
    RiskApproved,
    TradingStateChanged,
)
from blackboard.facts.control import TradingState
from blackboard.facts.execution import Purpose
from blackboard.facts.news import Coverage, Impact
from runtime.simulation.checks.record import (
    ACTION_SLTP,
    HOUR_NS,
    LOTS_TOLERANCE,
    MINUTE_NS,
    SLACK_NS,
    Record,
    Said,
    Violation,
    grouped,
    opens,
)
from runtime.simulation.history import BrokerRequest

EVERY_CURRENCY = "ALL"
FLATTEN_TRIES_MAX = 3
"""Closes that one flatten may send for one position."""

CALENDAR_READ_WITHIN_NS = 5 * HOUR_NS
"""Time in which the calendar is read at least once where it can be: every four hours by default."""

_NEW_YORK = ZoneInfo("America/New_York")
_FRIDAY = 4
_WEEK_CLOSES_HOUR = 17
_ENTERS = frozenset({TradingState.ACTIVE, TradingState.SAFE})


def entries_announced(record: Record) -> Iterator[Said[OrderSubmitting]]:
    """Yield every announcement of an entry."""
    return (said for said in record.all(OrderSubmitting) if said.fact.purpose is Purpose.ENTRY)


def prices_are_fresh(record: Record) -> Iterator[Violation]:
    """No entry is announced on a quote or a bar on the board that is older than its limit."""
    limits = record.limits
    quotes = grouped((said.fact.scope, _dated(said)) for said in record.all(Quote))
    bars = grouped((said.fact.scope, _dated(said)) for said in record.all(Bar))
    for said in entries_announced(record):
        for name, dated, age_max_ns in (
            ("quote", quotes, limits.quote_age_max_ns),
            ("bar", bars, limits.bar_age_max_ns),
        ):
            times = [at_ns for seq, at_ns in dated.get(said.fact.scope, ()) if seq < said.seq]
            age_ns = said.at_ns - max(times, default=0)
            if age_ns > age_max_ns + SLACK_NS:
                text = f"entry {said.fact.intent_id} on a {name} {age_ns / MINUTE_NS:.1f} min old"
                yield _violation("P2", "prices_are_fresh", said.at_ns, text, said.seq)


def _dated(said: Said[Quote] | Said[Bar]) -> tuple[int, int]:
    return said.seq, said.entry.ts_event_ns


def quotes_are_valid(record: Record) -> Iterator[Violation]:
    """No entry is approved on a quote that has run out by its own date."""
    quotes = grouped((said.fact.scope, said) for said in record.all(Quote))
    for said in record.all(RiskApproved):
        seen = [each for each in quotes.get(said.fact.scope, ()) if each.seq <= said.entry.read_to]
        if not seen or seen[-1].fact.valid_until_ns < said.entry.now_ns:
            text = f"{said.fact.intent_id} was approved on a quote that had run out"
            yield _violation("P2", "quotes_are_valid", said.at_ns, text, said.seq)


def prices_were_true(record: Record) -> Iterator[Violation]:
    """No entry arrives while its symbol's true prices have been cut off longer than the limit."""
    limits = record.limits
    for request in record.entries_sent():
        symbol = record.symbol(request.symbol)
        for cut in record.history.feed_cuts:
            age_ns = request.at_ns - cut.from_ns
            is_cut = cut.symbol == symbol and cut.from_ns <= request.at_ns < cut.until_ns
            if is_cut and age_ns > limits.quote_age_max_ns + limits.send_timeout_ns + SLACK_NS:
                text = (
                    f"entry {request.request_id} {age_ns / MINUTE_NS:.1f} min after the last price"
                )
                yield _violation("P2", "prices_were_true", request.at_ns, text)


def reconciled_first(record: Record) -> Iterator[Violation]:
    """No entry leaves while the books do not agree, and nothing before they were compared."""
    for said in entries_announced(record):
        verdict = record.last_before(Reconciled, said.seq)
        if verdict is None or not verdict.fact.is_clean:
            why = "nothing was reconciled" if verdict is None else verdict.fact.reason
            text = f"entry {said.fact.intent_id} although {why}"
            yield _violation("P2", "reconciled_first", said.at_ns, text, said.seq)
    first_ns: dict[int, int] = {}
    for reading in record.history.readings:
        if reading.is_answered:
            first_ns.setdefault(reading.epoch, reading.at_ns)
    for said in record.all(OrderSubmitting):
        epoch = said.entry.epoch
        if record.history.readings and first_ns.get(epoch, said.at_ns + 1) > said.at_ns:
            text = f"order {said.fact.intent_id} before epoch {epoch} had read the broker"
            yield _violation("P2", "reconciled_first", said.at_ns, text, said.seq)


def market_is_open(record: Record) -> Iterator[Violation]:
    """No entry arrives on a weekend; none is executed in a symbol that cannot be entered."""
    late_ns = record.limits.send_timeout_ns + SLACK_NS
    for request in record.entries_sent():
        if not _is_week(request.at_ns) and not _is_week(request.at_ns - late_ns):
            text = f"entry {request.request_id} arrived while the market was closed"
            yield _violation("P2", "market_is_open", request.at_ns, text)
        symbol = record.symbol(request.symbol)
        for closed in record.history.untradable:
            is_closed = closed.symbol == symbol and closed.from_ns < request.at_ns < closed.until_ns
            if request.is_executed and is_closed:
                text = f"entry {request.request_id} was executed although {closed.reason}"
                yield _violation("P2", "market_is_open", request.at_ns, text)


def flat_before_the_weekend(record: Record) -> Iterator[Violation]:
    """No entry is permitted within the last minutes of a trading week."""
    left_ns = record.limits.friday_flat_min * MINUTE_NS
    for said in record.all(RiskApproved):
        closes_ns = week_close_ns(said.at_ns)
        if 0 < closes_ns - said.at_ns < left_ns - SLACK_NS:
            left_min = (closes_ns - said.at_ns) / MINUTE_NS
            text = f"{said.fact.intent_id} was approved {left_min:.0f} min before the weekend"
            yield _violation("P2", "flat_before_the_weekend", said.at_ns, text, said.seq)


def _is_week(at_ns: int) -> bool:
    shown = _new_york(at_ns) + timedelta(hours=24 - _WEEK_CLOSES_HOUR)
    return shown.weekday() <= _FRIDAY


def week_close_ns(at_ns: int) -> int:
    """Return when the trading week of a time closes."""
    shown = _new_york(at_ns)
    ahead = (_FRIDAY - shown.weekday()) % 7
    closes = (shown + timedelta(days=ahead)).replace(
        hour=_WEEK_CLOSES_HOUR, minute=0, second=0, microsecond=0
    )
    return int(closes.timestamp()) * 1_000_000_000


def _new_york(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).astimezone(_NEW_YORK)


def blackouts_are_respected(record: Record) -> Iterator[Violation]:
    """No entry is permitted within a blackout, by the events and the blackouts on the board."""
    minutes = {
        Impact.HIGH: record.limits.blackout_high_min,
        Impact.MEDIUM: record.limits.blackout_medium_min,
    }
    symbols = {said.fact.intent_id: said.fact.scope for said in record.all(OrderIntent)}
    events = [
        (said.fact.scope, said.fact.scheduled_ns, minutes.get(said.fact.impact, 0), said.seq)
        for said in record.all(EconomicEvent)
    ]
    for said in record.all(RiskApproved):
        symbol, at_ns = symbols.get(said.fact.intent_id, said.fact.scope), said.entry.now_ns
        near = [
            f"{currency} event at {scheduled_ns}"
            for currency, scheduled_ns, width_min, seq in events
            if seq <= said.entry.read_to
            and abs(at_ns - scheduled_ns) < width_min * MINUTE_NS
            and _concerns(record, symbol, currency)
        ]
        near += [
            f"blackout for {each.fact.event}"
            for each in record.all(EntryBlackout)
            if each.seq <= said.entry.read_to
            and each.fact.scope == symbol
            and each.fact.from_ns < at_ns < each.fact.valid_until_ns
        ]
        if near:
            text = f"{said.fact.intent_id} in {symbol} was approved during the {near[0]}"
            yield _violation("P2", "blackouts_are_respected", said.at_ns, text, said.seq)


def releases_are_respected(record: Record) -> Iterator[Violation]:
    """No entry leaves around a true release, unless the calendar could not be read in time."""
    minutes = {
        "high": record.limits.blackout_high_min,
        "medium": record.limits.blackout_medium_min,
    }
    gaps = record.history.calendar_gaps
    for said in entries_announced(record):
        readable_ns = said.at_ns - CALENDAR_READ_WITHIN_NS
        if any(gap.from_ns < said.at_ns and gap.until_ns > readable_ns for gap in gaps):
            continue
        for release in record.history.releases:
            width_ns = minutes.get(release.impact, 0) * MINUTE_NS - SLACK_NS
            if abs(said.at_ns - release.at_ns) < width_ns and _concerns(
                record, said.fact.scope, release.currency
            ):
                text = f"entry {said.fact.intent_id} around a {release.currency} release"
                yield _violation("P2", "releases_are_respected", said.at_ns, text, said.seq)


def _concerns(record: Record, symbol: str, currency: str) -> bool:
    terms = record.terms.get(symbol)
    pair = (terms.currency_base, terms.currency_profit) if terms else (symbol[:3], symbol[3:6])
    return currency == EVERY_CURRENCY or currency in pair


def unknown_calendar_permits_nothing(record: Record) -> Iterator[Violation]:
    """While the calendar is unknown, or has never been read, nothing is approved."""
    for said in record.all(RiskApproved):
        known = record.last_before(CalendarCoverage, said.entry.read_to + 1)
        is_unknown = (
            record.history.is_calendar_configured
            if known is None
            else known.fact.state is Coverage.UNKNOWN
        )
        if is_unknown:
            text = f"{said.fact.intent_id} was approved while the calendar was unknown"
            yield _violation("P2", "unknown_calendar", said.at_ns, text, said.seq)


def stop_file_holds(record: Record) -> Iterator[Violation]:
    """While the kill switch exists nothing that raises risk runs, and closes still do."""
    for request in record.requests:
        is_on = any(
            each.from_ns < request.at_ns < each.until_ns for each in record.history.stop_files
        )
        if not is_on or request.is_repetition:
            continue
        raises = _raises_risk(request)
        if request.is_executed and raises:
            text = f"{request.request_id} {raises} while the kill switch was on"
            yield _violation("P4", "stop_file_holds", request.at_ns, text)
        if request.refusal == "stop_file" and not raises and request.held is not None:
            text = f"{request.request_id} only reduces and was refused by the kill switch"
            yield _violation("P4", "closes_stay_possible", request.at_ns, text)


def _raises_risk(request: BrokerRequest) -> str:
    """Return in what way a request raises risk, empty if it does not."""
    held = request.held
    if opens(request):
        return "opened a position"
    if held is None:
        return ""
    if request.action == ACTION_SLTP:
        return "loosened a stop" if is_looser(request) else ""
    if request.side == held.side:
        return "added to a position"
    return "closed more than there was" if request.lots > held.lots + LOTS_TOLERANCE else ""


def is_looser(request: BrokerRequest) -> bool:
    """Whether a request for new levels would delete the stop of its position or widen it."""
    held = request.held
    if held is None or held.stop_price == 0.0:
        return False
    sign = 1.0 if held.side == "BUY" else -1.0
    return request.stop_price == 0.0 or (request.stop_price - held.stop_price) * sign < -1e-9


def flatten_is_bounded(record: Record) -> Iterator[Violation]:
    """No flatten tries more than three times to close a position."""
    for flatten in record.history.flattens:
        tries = grouped(
            (each.position_ticket, each)
            for each in record.requests
            if each.is_emergency and flatten.from_ns <= each.at_ns <= flatten.until_ns
        )
        for ticket, requests in tries.items():
            if len(requests) > FLATTEN_TRIES_MAX:
                text = f"position {ticket} was to be closed {len(requests)} times"
                yield _violation("P4", "flatten_is_bounded", requests[-1].at_ns, text)


def restricted_states_enter_nothing(record: Record) -> Iterator[Violation]:
    """No entry is approved, or announced, by an agent that had seen REDUCING or HALTED."""
    said_entries = [
        *((s.fact.intent_id, s.entry, s.at_ns, "approved") for s in record.all(RiskApproved)),
        *((s.fact.intent_id, s.entry, s.at_ns, "announced") for s in entries_announced(record)),
    ]
    for intent_id, entry, at_ns, what in said_entries:
        state = record.last_before(TradingStateChanged, entry.read_to + 1)
        if state is None or state.fact.state not in _ENTERS:
            name = "no trading state" if state is None else state.fact.state.value
            text = f"{intent_id} was {what} in {name}"
            yield _violation("P5", "restricted_states_enter_nothing", at_ns, text, entry.seq)


def restricted_states_execute_nothing(record: Record) -> Iterator[Violation]:
    """No entry is executed long after REDUCING or HALTED was declared."""
    late_ns = record.limits.send_timeout_ns + SLACK_NS
    for request in record.executed():
        state = record.last_until(TradingStateChanged, request.at_ns - late_ns)
        newest = record.last_until(TradingStateChanged, request.at_ns)
        if opens(request) and state is newest and state and state.fact.state not in _ENTERS:
            text = f"entry {request.request_id} was executed in {state.fact.state}"
            yield _violation(
                "P5", "restricted_states_execute_nothing", request.at_ns, text, state.seq
            )


def _violation(promise: str, invariant: str, at_ns: int, text: str, *seqs: int) -> Violation:
    return Violation(promise=promise, invariant=invariant, at_ns=at_ns, text=text, seqs=seqs)


CHECKS = (
    prices_are_fresh,
    quotes_are_valid,
    prices_were_true,
    reconciled_first,
    market_is_open,
    flat_before_the_weekend,
    blackouts_are_respected,
    releases_are_respected,
    unknown_calendar_permits_nothing,
    stop_file_holds,
    flatten_is_bounded,
    restricted_states_enter_nothing,
    restricted_states_execute_nothing,
)
