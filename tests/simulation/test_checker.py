"""Every invariant of the checker: a history that breaks it, and one that does not."""

from collections.abc import Callable

import msgspec
import pytest

from blackboard.facts import (
    DayStatistics,
    EconomicEvent,
    EntryBlackout,
    FeedStatus,
    OperatorCommand,
    RiskRefused,
    TradingStateChanged,
)
from blackboard.facts.control import Command, Restriction, TradingState
from blackboard.facts.decision import Action, Side
from blackboard.facts.execution import Origin, Outcome
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage, Impact
from runtime.simulation.checker import CHECKS, check
from runtime.simulation.checks import (
    book,
    breaker,
    journal,
    leave,
    liveness,
    once,
    protection,
    resting,
    words,
)
from runtime.simulation.checks.record import Record
from runtime.simulation.history import (
    Acknowledged,
    CalendarGap,
    Commit,
    FeedCut,
    Flatten,
    History,
    InjectedFault,
    JournalLoss,
    Output,
    ReleaseScheduled,
    StopFile,
    TrueBar,
    Untradable,
    entries_of,
)
from tests.samples import sample
from tests.simulation import histories as h
from tests.simulation.histories import (
    HOUR,
    LOTS,
    MINUTE,
    SYMBOL,
    T0,
    Change,
    a_history,
    a_state,
    added,
    altered,
    both,
    having,
    repeated,
    restated,
    said,
    unsaid,
    with_item,
)

ENTRY_REQUEST, AMEND_REQUEST, EXIT_REQUEST = range(3)
FRIDAY_16_30 = T0 + 3 * 24 * HOUR + 9 * HOUR + 30 * MINUTE
"""Friday 16:30 in New York, half an hour before the week ends; 21:30 UTC in winter."""
SATURDAY = T0 + 4 * 24 * HOUR


def a_day(**changes: object) -> Change:
    """Let the supervisor tell the day of the history's one trade."""
    figures = {"day": "2025-03-04", "trades": 1, "wins": 1, "gross_loss": 0.0}
    pnl = h.PROFIT + 2 * h.COMMISSION
    fact = msgspec.structs.replace(
        sample(DayStatistics), **{**figures, "pnl": pnl, "gross_profit": pnl, **changes}
    )
    return said("supervisor", fact, T0 + 10 * HOUR)


def a_restriction(cause: str, state: TradingState, *, is_probation: bool = False) -> Restriction:
    """Return an open restriction."""
    return Restriction(
        scope=cause,
        state=state,
        since_ns=T0,
        evidence="seen",
        way_out="resume",
        is_probation=is_probation,
    )


def a_state_change(
    state: TradingState, previous: TradingState, *restrictions: Restriction
) -> TradingStateChanged:
    """Return a change of the trading state."""
    return TradingStateChanged(
        scope="account",
        state=state,
        previous=previous,
        reason="changed",
        restrictions=restrictions,
    )


HALT = a_state_change(
    TradingState.HALTED, TradingState.ACTIVE, a_restriction("terminal", TradingState.HALTED)
)
FREE = a_state_change(TradingState.ACTIVE, TradingState.HALTED)
RESUME = OperatorCommand(scope="account", command=Command.RESUME, origin="console")
REDUCED = a_state_change(
    TradingState.REDUCING,
    TradingState.ACTIVE,
    a_restriction("drawdown_reducing", TradingState.REDUCING),
)
ON_PROBATION = a_state_change(
    TradingState.ACTIVE,
    TradingState.REDUCING,
    a_restriction("drawdown_reducing", TradingState.ACTIVE, is_probation=True),
)


def resent(place: int, **changes: object) -> Change:
    """Let a request arrive at the broker once more."""

    def change(history: History) -> History:
        again = msgspec.structs.replace(history.requests[place], at_ns=T0 + 50 * MINUTE, **changes)
        return added("requests", again)(history)

    return change


def second_intent(symbol: str = SYMBOL, attempt: int = 2) -> Change:
    """Let a further attempt be wanted, approved, announced and executed after the first."""
    ids = {"intent_id": "in2"}
    more = {"magic": h.ENTRY_MAGIC + 10, "request_id": "in2"}
    return both(
        repeated(h.INTENT, attempt=attempt, scope=symbol, **ids),
        repeated(h.APPROVED, scope=symbol, **ids),
        repeated(h.ANNOUNCED, scope=symbol, magic=h.ENTRY_MAGIC + 10, **ids),
        resent(ENTRY_REQUEST, symbol=symbol, journal_head=31, order_ticket=200, **more),
    )


def close_refused(family: str) -> Change:
    """Let a close of the position be refused at 14:30, under a fault of a family."""
    at_ns = T0 + 150 * MINUTE
    return both(
        resent(EXIT_REQUEST, is_executed=False, retcode=10029),
        with_item("requests", -1, at_ns=at_ns),
        a_fault(family, at_ns, at_ns),
    )


NAKED_FOR_AN_HOUR = both(
    added(
        "states",
        a_state(T0 + 2 * HOUR, h.END_EQUITY, msgspec.structs.replace(h.HELD, stop_price=0.0)),
    ),
    having(ended_ns=T0 + 4 * HOUR),
)


def acknowledged(seq: int, *, slot: str = "", created: bool = True, at_ns: int = T0) -> Change:
    """Let a client be told that an entry is on the board."""

    def change(history: History) -> History:
        author, _, own = history.entries[seq - 1].key.partition("/")
        ack = Acknowledged(
            at_ns=at_ns, author=author, epoch=1, slot=slot or own, seq=seq, created=created
        )
        return added("acknowledged", ack)(history)

    return change


def a_fault(family: str, from_ns: int, until_ns: int) -> Change:
    """Let a fault have struck."""
    return added(
        "faults", InjectedFault(family=family, from_ns=from_ns, until_ns=until_ns, text="")
    )


def fallen(*equities: float) -> Change:
    """Let equity at the closes after the trade be as given."""
    states = [
        a_state(T0 + (60 + 15 * place) * MINUTE, h.END_EQUITY, equity=equity)
        for place, equity in enumerate(equities, start=1)
    ]
    return both(added("states", *states), having(ended_ns=T0 + 10 * HOUR))


def shrunk(*equities: float) -> Change:
    """Withdraw 9,700 after the trade, and let equity at the closes from then on be as given."""
    payment = msgspec.structs.replace(
        a_history().deals[0], ticket=4, made_ns=T0 + 61 * MINUTE, profit=-9_700.0
    )
    return both(added("deals", payment), fallen(*equities))


def an_event(at_ns: int, currency: str = "EUR", impact: Impact = Impact.HIGH) -> Change:
    """Let the board know a scheduled release before the entry is approved."""
    fact = EconomicEvent(
        scope=currency, title="rates", impact=impact, scheduled_ns=at_ns, source="c"
    )
    return both(said("sentiment", fact, T0 - MINUTE), restated(h.APPROVED, read_to=99))


def a_blackout(from_ns: int, until_ns: int, symbol: str = SYMBOL) -> Change:
    """Let the board know a blackout before the entry is approved."""
    fact = EntryBlackout(
        scope=symbol,
        valid_until_ns=until_ns,
        from_ns=from_ns,
        impact=Impact.HIGH,
        currency="EUR",
        event="rates",
    )
    return both(said("sentiment", fact, T0 - MINUTE), restated(h.APPROVED, read_to=99))


def healed(**changes: object) -> Change:
    """Make it a run in liveness mode whose faults ended before the trade."""
    return having(
        **{"mode": "liveness", "healed_ns": T0 - MINUTE, "progress_within_ns": HOUR // 2, **changes}
    )


def lost(
    *seqs: int, is_power_cut: bool = False, at_ns: int = T0 + HOUR, as_said: Change | None = None
) -> JournalLoss:
    """Return the loss of entries an hour after the beginning, as they were said till then."""
    history = as_said(a_history()) if as_said else a_history()
    return JournalLoss(
        at_ns=at_ns,
        from_seq=min(seqs),
        is_power_cut=is_power_cut,
        entries=tuple(entry for entry in history.entries if entry.seq in seqs),
    )


P1_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (once.one_execution_per_intent, resent(ENTRY_REQUEST)),
    (once.one_execution_per_intent, resent(ENTRY_REQUEST, request_id="other")),
    (
        once.one_order_per_magic,
        both(
            with_item("deals", 2, magic=h.ENTRY_MAGIC),
        ),
    ),
    (once.one_position_per_decision, second_intent()),
    (once.announced_before_it_left, unsaid(h.ANNOUNCED)),
    # Announcements are synced: a power cut may not take them.
    (
        once.announced_before_it_left,
        both(unsaid(h.ANNOUNCED), added("journal_losses", lost(h.ANNOUNCED, is_power_cut=True))),
    ),
    # What was lost says something else than what was sent.
    (
        once.announced_before_it_left,
        both(
            unsaid(h.ANNOUNCED),
            added("journal_losses", lost(h.ANNOUNCED)),
            with_item("requests", 0, lots=2 * LOTS),
        ),
    ),
    (once.announced_before_it_left, with_item("requests", 0, journal_head=h.ANNOUNCED - 1)),
    (once.announced_before_it_left, with_item("requests", 0, at_ns=T0)),
    (once.announced_before_it_left, with_item("requests", 0, lots=2 * LOTS)),
    (once.announced_before_it_left, with_item("requests", 0, stop_price=h.TIGHTER)),
    (once.announced_before_it_left, with_item("requests", 2, position_ticket=0)),
    (once.wanted_and_approved, unsaid(h.APPROVED)),
    (once.wanted_and_approved, unsaid(h.EXIT)),
    (once.wanted_and_approved, altered(h.APPROVED, lots=LOTS / 2)),
    (once.wanted_and_approved, altered(h.APPROVED, side=Side.SELL)),
    (once.wanted_and_approved, altered(h.INTENT, scope="GBPUSD")),
    (once.said_once, repeated(h.ANNOUNCED, magic=h.ENTRY_MAGIC + 10)),
    (once.said_once, repeated(h.ANNOUNCED, intent_id="other")),
    (once.said_once, repeated(h.APPROVED)),
    (once.said_once, repeated(h.AMEND)),
    (
        once.nothing_sent_over_the_unknown,
        both(repeated(h.EXIT_OUTCOME, outcome=Outcome.UNKNOWN), second_intent(attempt=1)),
    ),
    (once.retried_only_what_was_refused, second_intent()),
    (
        once.retried_only_what_was_refused,
        both(altered(h.OUTCOME, outcome=Outcome.UNKNOWN), second_intent()),
    ),
    (once.outcomes_are_true, altered(h.OUTCOME, outcome=Outcome.REJECTED)),
    (once.outcomes_are_true, altered(h.EXIT_OUTCOME, outcome=Outcome.NOT_EXECUTED)),
    (once.outcomes_are_true, having(deals=())),
    (
        once.stale_epochs_send_nothing,
        both(with_item("requests", 0, epoch=2), with_item("requests", 2, epoch=2)),
    ),
]
P2_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (leave.prices_are_fresh, restated(h.QUOTE, ts_event_ns=T0 - 30 * MINUTE)),
    (leave.prices_are_fresh, restated(h.BAR, ts_event_ns=T0 - 90 * MINUTE)),
    (leave.prices_are_fresh, unsaid(h.QUOTE)),
    (leave.quotes_are_valid, altered(h.QUOTE, valid_until_ns=T0 - 1)),
    (
        leave.prices_were_true,
        added("feed_cuts", FeedCut(symbol=SYMBOL, from_ns=T0 - 40 * MINUTE, until_ns=T0 + HOUR)),
    ),
    (leave.reconciled_first, unsaid(h.RECONCILED)),
    (leave.reconciled_first, altered(h.RECONCILED, is_clean=False, reason="gone")),
    (leave.reconciled_first, with_item("readings", 0, is_answered=False)),
    (leave.reconciled_first, restated(h.ANNOUNCED, epoch=2)),
    (leave.market_is_open, with_item("requests", 0, at_ns=SATURDAY)),
    (
        leave.market_is_open,
        added(
            "untradable",
            Untradable(symbol=SYMBOL, from_ns=T0, until_ns=T0 + HOUR, reason="close-only"),
        ),
    ),
    (leave.flat_before_the_weekend, restated(h.APPROVED, known_at_ns=FRIDAY_16_30)),
    (leave.blackouts_are_respected, an_event(T0 + 10 * MINUTE)),
    (leave.blackouts_are_respected, an_event(T0 - 10 * MINUTE, "ALL")),
    (leave.blackouts_are_respected, an_event(T0 + 4 * MINUTE, "USD", Impact.MEDIUM)),
    (leave.blackouts_are_respected, a_blackout(T0 - MINUTE, T0 + MINUTE)),
    (
        leave.releases_are_respected,
        added("releases", ReleaseScheduled(at_ns=T0 + 5 * MINUTE, currency="USD", impact="high")),
    ),
    (leave.unknown_calendar_permits_nothing, altered(h.COVERAGE, state=Coverage.UNKNOWN)),
    (leave.unknown_calendar_permits_nothing, unsaid(h.COVERAGE)),
    (journal.bars_come_once_in_order, repeated(h.BAR)),
    (words.bars_are_the_markets, altered(h.BAR, close=1.0995)),
    (words.bars_are_the_markets, with_item("bars", 0, close_ns=T0 + 15 * MINUTE)),
    (
        words.bars_are_the_markets,
        both(
            repeated(h.BAR),
            restated(29, ts_event_ns=T0 + 30 * MINUTE),
            added(
                "bars",
                *(
                    TrueBar(
                        symbol=SYMBOL,
                        close_ns=T0 + minutes * MINUTE,
                        open=1.0990,
                        high=1.1005,
                        low=1.0985,
                        close=1.0999,
                    )
                    for minutes in (15, 30)
                ),
            ),
        ),
    ),
]
P3_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (book.exposure_is_known, both(unsaid(h.OPENED, h.AMENDED, h.CLOSED))),
    (book.exposure_is_known, both(altered(h.CLOSED, lots=LOTS), having(started_ns=T0 - HOUR))),
    # The board had not known it either before it lost what came later.
    (
        book.exposure_is_known,
        both(unsaid(h.OPENED, h.AMENDED, h.CLOSED), added("journal_losses", lost(h.TRADE))),
    ),
    (book.nothing_is_closed_by_silence, restated(h.CLOSED, known_at_ns=T0 + 5 * MINUTE)),
    (book.nothing_is_closed_by_silence, restated(h.TRADE, known_at_ns=T0 + 5 * MINUTE)),
    (book.fills_are_deals, altered(h.FILL_IN, lots=2 * LOTS)),
    (book.fills_are_deals, altered(h.FILL_IN, deal_ticket=9)),
    (book.fills_are_deals, restated(h.FILL_IN, ts_event_ns=h.ENTERED + HOUR)),
    (book.fills_are_deals, repeated(h.FILL_IN)),
    (book.trades_are_closed_once, unsaid(h.TRADE)),
    (book.trades_are_closed_once, repeated(h.TRADE)),
    (book.trades_are_closed_once, altered(h.TRADE, lots=2 * LOTS)),
    (book.trades_are_closed_once, altered(h.TRADE, profit=0.0, pnl=2 * h.COMMISSION)),
    (book.trades_are_closed_once, altered(h.TRADE, ticket=7)),
    (book.trades_are_closed_once, altered(h.TRADE, origin=Origin.EXTERNAL)),
    (book.balances_add_up, with_item("states", -1, balance=h.END_EQUITY + 1.0)),
    (book.balances_add_up, with_item("states", -1, positions=(h.HELD,))),
    (book.snapshots_are_true, altered(h.SNAPSHOT, balance=5_000.0)),
    (book.snapshots_are_true, altered(h.SNAPSHOT, deposits=20_000.0)),
    (book.strangers_are_left_alone, with_item("deals", 1, magic=0)),
    (book.origins_are_true, altered(h.OPENED, origin=Origin.EXTERNAL)),
    (book.origins_are_true, with_item("deals", 1, magic=0)),
    (book.days_add_up, a_day(trades=0, wins=0)),
    (book.days_add_up, both(a_day(), a_day())),
    (book.days_add_up, a_day(pnl=0.0, gross_profit=0.0)),
]
P4_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        leave.stop_file_holds,
        added("stop_files", StopFile(from_ns=T0, until_ns=T0 + 10 * MINUTE)),
    ),
    (
        leave.stop_file_holds,
        both(
            with_item("requests", AMEND_REQUEST, stop_price=1.09),
            added("stop_files", StopFile(from_ns=T0 + 10 * MINUTE, until_ns=T0 + HOUR)),
        ),
    ),
    (
        leave.stop_file_holds,
        both(
            with_item("requests", EXIT_REQUEST, refusal="stop_file", is_executed=False),
            added("stop_files", StopFile(from_ns=T0 + 10 * MINUTE, until_ns=T0 + HOUR)),
        ),
    ),
    (
        leave.flatten_is_bounded,
        both(
            added("flattens", Flatten(from_ns=T0, until_ns=T0 + HOUR, left_open=0)),
            *(resent(EXIT_REQUEST, is_emergency=True) for _ in range(4)),
        ),
    ),
]
P5_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        resting.restricted_states_fill_nothing,
        both(
            altered(h.ANNOUNCED, limit_price=h.OPEN, expires_ns=T0 + 9 * HOUR),
            said("supervisor", REDUCED, T0 + HOUR),
            with_item("deals", 1, made_ns=T0 + 4 * HOUR),
        ),
    ),
    (
        leave.restricted_states_enter_nothing,
        altered(h.STATE, state=TradingState.REDUCING),
    ),
    (leave.restricted_states_enter_nothing, unsaid(h.STATE)),
    (
        leave.restricted_states_execute_nothing,
        both(altered(h.STATE, state=TradingState.HALTED), restated(h.STATE, known_at_ns=T0 - HOUR)),
    ),
    (breaker.mark_never_falls, altered(h.LAST_MARK, high_water_mark=9_000.0)),
    (breaker.mark_is_the_highest_equity, altered(h.LAST_MARK, high_water_mark=11_000.0)),
    (breaker.mark_is_the_highest_equity, altered(h.LAST_MARK, drawdown_frac=0.05)),
    (breaker.breaker_trips, fallen(8_900.0, 8_900.0, 8_900.0, 8_900.0)),
    (breaker.breaker_trips, shrunk(250.0, 250.0, 250.0, 250.0)),
    (
        breaker.states_follow_each_other,
        said("supervisor", a_state_change(TradingState.ACTIVE, TradingState.HALTED), T0 + HOUR),
    ),
    (
        breaker.restrictions_last,
        both(said("supervisor", HALT, T0 + HOUR), said("supervisor", FREE, T0 + HOUR)),
    ),
    (
        breaker.restrictions_last,
        both(
            said("supervisor", REDUCED, T0 + HOUR),
            said(
                "supervisor",
                a_state_change(TradingState.ACTIVE, TradingState.REDUCING),
                T0 + HOUR,
            ),
        ),
    ),
]
P6_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        journal.chain_is_unbroken,
        both(h.journaled, with_item("blocks", 0, payload=b"\x90")),
    ),
    (journal.chain_is_unbroken, both(h.journaled, with_item("blocks", 0, first_seq=2))),
    (journal.seqs_are_gapless, unsaid(h.VOTE)),
    (journal.keys_are_unique, repeated(h.TRADE)),
    (journal.causes_come_before, restated(h.VOTE, causes=(h.DECISION,))),
    (journal.acknowledged_is_kept, acknowledged(h.ANNOUNCED, slot="OrderSubmitting/other")),
    (journal.acknowledged_is_kept, both(acknowledged(h.LAST_MARK), unsaid(h.LAST_MARK))),
    (
        journal.acknowledged_is_kept,
        both(
            acknowledged(h.LAST_MARK),
            unsaid(h.LAST_MARK),
            added("journal_losses", lost(h.LAST_MARK, is_power_cut=True)),
        ),
    ),
    (
        journal.acknowledged_is_kept,
        both(
            acknowledged(h.INTENT, at_ns=T0),
            added("commits", Commit(first_seq=1, last_seq=28, at_ns=T0 + 1)),
        ),
    ),
    (
        journal.acknowledged_is_kept,
        both(
            acknowledged(h.ANNOUNCED),
            unsaid(h.ANNOUNCED),
            added("journal_losses", JournalLoss(at_ns=T0 + HOUR, from_seq=1, is_power_cut=True)),
        ),
    ),
    (journal.created_once, both(acknowledged(h.ANNOUNCED), acknowledged(h.ANNOUNCED))),
    (journal.epochs_only_rise, restated(h.ANNOUNCED, epoch=2)),
    (journal.rounds_are_decided_once, repeated(h.DECISION)),
    (
        journal.rounds_are_decided_once,
        both(repeated(h.VOTE), restated(h.DECISION, causes=(h.VOTE, 29))),
    ),
    (journal.decisions_use_their_own_votes, altered(h.VOTE, scope="GBPUSD")),
    (journal.decisions_use_their_own_votes, restated(h.VOTE, ts_event_ns=T0 - 15 * MINUTE)),
    (journal.decisions_use_their_own_votes, altered(h.VOTE, valid_until_ns=T0 - 1)),
]
RESTING = altered(h.ANNOUNCED, limit_price=h.OPEN, expires_ns=h.T0 + h.HOUR)
"""The entry rests at its price for an hour; it is filled at once, as before."""


def resting_unsaid(*, is_power_cut: bool = False, **request: object) -> Change:
    """Let the entry rest, and its announcement be lost after it left."""
    loss = lost(h.ANNOUNCED, is_power_cut=is_power_cut, as_said=RESTING)
    return both(
        unsaid(h.ANNOUNCED),
        added("journal_losses", loss),
        with_item("requests", ENTRY_REQUEST, action=5, **request),
    )


P8_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        resting.resting_orders_carry_stops,
        both(RESTING, with_item("requests", 0, action=5, stop_price=0.0)),
    ),
    (
        resting.resting_orders_carry_stops,
        both(RESTING, with_item("requests", 0, action=5, stop_price=h.OPEN + 0.001)),
    ),
    # The announcement that was lost named a limit, and the stop was on the wrong side of it.
    (resting.resting_orders_carry_stops, resting_unsaid(stop_price=h.OPEN + 0.001)),
    (resting.resting_orders_carry_stops, resting_unsaid(is_power_cut=True)),
    (
        resting.nothing_fills_after_its_time,
        both(RESTING, with_item("deals", 1, made_ns=h.T0 + 2 * h.HOUR)),
    ),
    # Twice 1 % rests, and half a per cent more is approved beside it: the limit is 2 %.
    (
        resting.heat_is_reserved,
        both(
            altered(h.APPROVED, risk_frac=0.01),
            altered(h.OUTCOME, outcome=Outcome.ACCEPTED),
            repeated(h.APPROVED, intent_id="another", risk_frac=0.01),
            repeated(h.OUTCOME, intent_id="another", outcome=Outcome.ACCEPTED),
            repeated(h.APPROVED, intent_id="third", risk_frac=0.005),
        ),
    ),
    # 1.5 lots lose 0.005 * 1.5 * 100,000 + 10.5 = 760.5 of 10,000 at the stop.
    (protection.risk_is_bounded, with_item("requests", 0, filled_lots=1.5)),
    (protection.risk_is_bounded, with_item("requests", 0, stop_price=0.0)),
    (
        protection.heat_is_bounded,
        with_item("states", 2, positions=(h.HELD, msgspec.structs.replace(h.HELD, lots=1.0))),
    ),
    (
        protection.counts_are_bounded,
        with_item("states", 2, positions=(h.HELD, msgspec.structs.replace(h.HELD, ticket=7))),
    ),
    (
        protection.leverage_is_bounded,
        with_item(
            "states",
            2,
            positions=(h.HELD, msgspec.structs.replace(h.HELD, lots=3.0, stop_price=1.1)),
        ),
    ),
    (protection.entries_carry_stops, with_item("requests", 0, stop_price=0.0)),
    (protection.entries_carry_stops, with_item("requests", 0, stop_price=1.2)),
    (protection.entries_carry_stops, with_item("requests", 0, target_price=0.0)),
    (
        protection.nothing_stays_naked,
        both(
            added(
                "states",
                a_state(
                    T0 + 2 * HOUR, h.END_EQUITY, msgspec.structs.replace(h.HELD, stop_price=0.0)
                ),
            ),
            having(ended_ns=T0 + 4 * HOUR),
        ),
    ),
    # Another refusal than those by which a broker puts off whatever is asked.
    (
        protection.nothing_stays_naked,
        both(NAKED_FOR_AN_HOUR, close_refused("F16"), having(ended_ns=T0 + 3 * HOUR)),
    ),
    # The try after one that was put off comes too late.
    (
        protection.nothing_stays_naked,
        both(NAKED_FOR_AN_HOUR, close_refused("F15")),
    ),
    # The board knew whose it was for two hours, and lost it only then.
    (
        protection.nothing_stays_naked,
        both(
            NAKED_FOR_AN_HOUR,
            unsaid(h.ANNOUNCED),
            added("journal_losses", lost(h.ANNOUNCED, at_ns=T0 + 4 * HOUR)),
        ),
    ),
    # After the repair its order was announced once more, before it was filled.
    (
        protection.nothing_stays_naked,
        both(
            NAKED_FOR_AN_HOUR,
            with_item("deals", 1, comment="fxin"),
            added(
                "journal_losses",
                lost(h.ANNOUNCED, at_ns=T0, as_said=restated(h.ANNOUNCED, known_at_ns=T0 - MINUTE)),
            ),
        ),
    ),
    # Announcements are synced: a power cut may not take them.
    (
        protection.nothing_stays_naked,
        both(
            NAKED_FOR_AN_HOUR,
            unsaid(h.ANNOUNCED),
            added("journal_losses", lost(h.ANNOUNCED, is_power_cut=True)),
        ),
    ),
    (protection.stops_are_kept, with_item("requests", AMEND_REQUEST, stop_price=0.0)),
    (protection.stops_are_kept, with_item("requests", AMEND_REQUEST, stop_price=1.09)),
    (protection.stops_are_kept, with_item("requests", AMEND_REQUEST, target_price=0.0)),
    (protection.closes_only_close, with_item("requests", EXIT_REQUEST, position_ticket=0)),
    (protection.closes_only_close, with_item("requests", EXIT_REQUEST, lots=2 * LOTS)),
    (protection.closes_only_close, with_item("deals", 2, entry="IN")),
]
P10_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        words.secrets_stay_inside,
        both(having(secrets=("canary-1",)), altered(h.OUTCOME, reason="sent with canary-1")),
    ),
    (
        words.secrets_stay_inside,
        added("outputs", Output(source="log", text="POST /bot123456789:" + "A" * 35)),
    ),
]
P12_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        words.refusals_name_their_reason,
        said(
            "risk",
            RiskRefused(scope=SYMBOL, intent_id="x", reason=" ", value=0.0, limit=0.0),
            T0,
        ),
    ),
    (
        words.refusals_name_their_reason,
        altered(h.OUTCOME, outcome=Outcome.NOT_SENT, reason=""),
    ),
    (words.refusals_name_their_reason, altered(h.DECISION, action=Action.HOLD)),
    (words.refusals_name_their_reason, altered(h.DECISION, blocked_by="quorum")),
    (words.refusals_name_their_reason, altered(h.VOTE, abstains=True, reason="")),
    (words.refusals_name_their_reason, altered(h.RECONCILED, is_clean=False)),
    (words.refusals_name_their_reason, altered(h.STATE, state=TradingState.HALTED)),
    (
        words.refusals_name_their_reason,
        said(
            "data",
            FeedStatus(scope=SYMBOL, state=FeedState.STALE, source="t", reason="", last_bar_ns=0),
            T0,
        ),
    ),
]
F44_BROKEN: list[tuple[Callable[..., object], Change]] = [
    (
        liveness.progress_after_healing,
        both(healed(), altered(h.STATE, state=TradingState.HALTED)),
    ),
    (
        liveness.progress_after_healing,
        both(healed(), altered(h.LAST_RECONCILED, is_clean=False, reason="gone")),
    ),
    (liveness.progress_after_healing, healed(healed_ns=T0 + 5 * MINUTE)),
    (
        liveness.no_endless_reconnecting,
        both(
            healed(),
            *(
                repeated(h.LAST_RECONCILED, is_clean=bool(turn % 2), reason="flaps")
                for turn in range(6)
            ),
        ),
    ),
]


def name_of(case: object) -> str:
    """Return the invariant's name as the id of a case."""
    return getattr(case, "__name__", "")


def assert_breaks(invariant: Callable[..., object], change: Change, promise: str) -> None:
    """Assert that the changed history breaks an invariant, and that the unchanged one does not."""
    healthy, broken = a_history(), change(a_history())

    assert list(invariant(Record(healthy))) == []  # type: ignore[call-overload]
    found = list(invariant(Record(broken)))  # type: ignore[call-overload]

    assert found
    assert {violation.promise for violation in found} == {promise}
    assert set(found) <= set(check(broken))


def test_a_run_that_keeps_every_promise_has_no_violation() -> None:
    """The checker accuses nobody who did nothing, also with the journal's own bytes at hand."""
    assert check(a_history()) == ()
    assert check(h.journaled(a_history())) == ()


def test_entries_are_decoded_from_the_journals_bytes() -> None:
    """The checker reads the journal by itself, without the board."""
    history = h.journaled(a_history())

    assert entries_of(history.blocks) == history.entries


def test_every_invariant_has_a_case() -> None:
    """An invariant that nothing in these tests breaks might as well not be there."""
    cases = (
        *P1_BROKEN,
        *P2_BROKEN,
        *P3_BROKEN,
        *P4_BROKEN,
        *P5_BROKEN,
        *P6_BROKEN,
        *P8_BROKEN,
        *P10_BROKEN,
        *P12_BROKEN,
        *F44_BROKEN,
    )

    assert {invariant for invariant, _ in cases} == set(CHECKS)


@pytest.mark.parametrize(("invariant", "change"), P1_BROKEN, ids=name_of)
def test_p1_one_order_an_intent(invariant: Callable[..., object], change: Change) -> None:
    """Whatever executes, announces or wants twice is found."""
    assert_breaks(invariant, change, "P1")


@pytest.mark.parametrize(("invariant", "change"), P2_BROKEN, ids=name_of)
def test_p2_no_order_on_old_or_untrue_data(
    invariant: Callable[..., object], change: Change
) -> None:
    """An entry on stale, unreconciled, forbidden or made-up ground is found."""
    assert_breaks(invariant, change, "P2")


@pytest.mark.parametrize(("invariant", "change"), P3_BROKEN, ids=name_of)
def test_p3_our_book_is_the_brokers(invariant: Callable[..., object], change: Change) -> None:
    """A book that differs from the broker's is found."""
    assert_breaks(invariant, change, "P3")


@pytest.mark.parametrize(("invariant", "change"), P4_BROKEN, ids=name_of)
def test_p4_the_kill_switch_holds(invariant: Callable[..., object], change: Change) -> None:
    """Risk that is raised under the kill switch is found, and a close that it refuses."""
    assert_breaks(invariant, change, "P4")


@pytest.mark.parametrize(("invariant", "change"), P5_BROKEN, ids=name_of)
def test_p5_breakers_trip_and_last(invariant: Callable[..., object], change: Change) -> None:
    """A mark that falls, a breaker that does not trip and a state that is forgotten are found."""
    assert_breaks(invariant, change, "P5")


@pytest.mark.parametrize(("invariant", "change"), P6_BROKEN, ids=name_of)
def test_p6_nothing_acknowledged_is_lost(invariant: Callable[..., object], change: Change) -> None:
    """A gap, a double, a broken chain and a lost acknowledgement are found."""
    assert_breaks(invariant, change, "P6")


@pytest.mark.parametrize(("invariant", "change"), P8_BROKEN, ids=name_of)
def test_p8_risk_stays_within_the_limits(invariant: Callable[..., object], change: Change) -> None:
    """Risk beyond a hard limit and a position without a stop are found."""
    assert_breaks(invariant, change, "P8")


@pytest.mark.parametrize(("invariant", "change"), P10_BROKEN, ids=name_of)
def test_p10_no_secret_comes_out(invariant: Callable[..., object], change: Change) -> None:
    """A canary in a fact and a key in a log line are found."""
    assert_breaks(invariant, change, "P10")


@pytest.mark.parametrize(("invariant", "change"), P12_BROKEN, ids=name_of)
def test_p12_every_refusal_names_its_predicate(
    invariant: Callable[..., object], change: Change
) -> None:
    """A refusal, a hold, an abstention and a restriction without a reason are found."""
    assert_breaks(invariant, change, "P12")


@pytest.mark.parametrize(("invariant", "change"), F44_BROKEN, ids=name_of)
def test_f44_a_healed_system_makes_progress(
    invariant: Callable[..., object], change: Change
) -> None:
    """A system that neither trades nor says why after the faults have ended is found."""
    assert_breaks(invariant, change, "F44")


EXCUSED: list[tuple[Callable[..., object], Change]] = [
    # Asked for again and answered from the ledger: nothing ran.
    (once.one_execution_per_intent, resent(ENTRY_REQUEST, is_repetition=True)),
    # The announcement stood in a part of the journal that was given up later.
    (
        once.announced_before_it_left,
        both(
            unsaid(h.ANNOUNCED),
            added("journal_losses", lost(h.ANNOUNCED)),
        ),
    ),
    # What comes after the repair has its magic number again.
    (
        once.announced_before_it_left,
        both(
            restated(h.ANNOUNCED, known_at_ns=T0 + 2 * HOUR),
            altered(h.ANNOUNCED, intent_id="another"),
            added("journal_losses", lost(h.ANNOUNCED)),
        ),
    ),
    # After the repair the same order is announced once more.
    (
        once.announced_before_it_left,
        both(
            restated(h.ANNOUNCED, known_at_ns=T0 + 2 * HOUR),
            added("journal_losses", lost(h.ANNOUNCED)),
        ),
    ),
    # The board knew it until it was lost.
    (
        book.exposure_is_known,
        both(
            unsaid(h.OPENED, h.AMENDED, h.CLOSED),
            added("journal_losses", lost(h.OPENED, h.AMENDED, h.CLOSED)),
        ),
    ),
    # A stop that is hit carries the magic number of the order that opened.
    (once.one_order_per_magic, with_item("deals", 2, magic=h.ENTRY_MAGIC, reason=4)),
    (
        once.retried_only_what_was_refused,
        both(
            altered(h.OUTCOME, outcome=Outcome.REJECTED, may_retry=True),
            second_intent(),
        ),
    ),
    # The unknown order is in another symbol.
    (
        once.nothing_sent_over_the_unknown,
        both(repeated(h.EXIT_OUTCOME, outcome=Outcome.UNKNOWN), second_intent("GBPUSD")),
    ),
    (leave.blackouts_are_respected, an_event(T0 + 10 * MINUTE, "JPY")),
    (leave.blackouts_are_respected, an_event(T0 + 10 * MINUTE, "EUR", Impact.LOW)),
    (leave.blackouts_are_respected, a_blackout(T0 + MINUTE, T0 + 5 * MINUTE)),
    (leave.blackouts_are_respected, a_blackout(T0 - MINUTE, T0 + MINUTE, "GBPUSD")),
    (
        leave.releases_are_respected,
        both(
            added(
                "releases", ReleaseScheduled(at_ns=T0 + 5 * MINUTE, currency="USD", impact="high")
            ),
            added("calendar_gaps", CalendarGap(from_ns=T0 - HOUR, until_ns=T0 + HOUR)),
        ),
    ),
    # Closing and tightening stay possible under the kill switch.
    (
        leave.stop_file_holds,
        added("stop_files", StopFile(from_ns=T0 + 10 * MINUTE, until_ns=T0 + HOUR)),
    ),
    (book.exposure_is_known, both(unsaid(h.OPENED), a_fault("F28", T0, T0 + HOUR))),
    (
        book.fills_are_deals,
        both(restated(h.FILL_IN, ts_event_ns=h.ENTERED - HOUR), a_fault("F26", T0, T0 + MINUTE)),
    ),
    (book.days_add_up, a_day()),
    # Its author had not read of the trade; the day after will tell it.
    (
        book.days_add_up,
        both(
            a_day(trades=0, wins=0, pnl=0.0, gross_profit=0.0),
            restated(len(a_history().entries) + 1, read_to=h.TRADE - 1),
        ),
    ),
    # A person asked to close everything, whoever opened it.
    (
        book.strangers_are_left_alone,
        both(
            with_item("deals", 1, magic=0),
            altered(h.EXIT, reason="flatten"),
            having(requests=a_history().requests[EXIT_REQUEST:]),
        ),
    ),
    # 1,000 were withdrawn: 10,000 less 1,000 is below the equity of 9,019.30.
    (
        breaker.mark_never_falls,
        altered(h.LAST_MARK, high_water_mark=9_019.3, deposits=9_000.0),
    ),
    (
        breaker.mark_is_the_highest_equity,
        both(
            altered(h.LAST_SNAPSHOT, equity=9_019.3, deposits=9_000.0),
            altered(h.LAST_MARK, high_water_mark=9_019.3, deposits=9_000.0, equity=9_019.3),
        ),
    ),
    (
        breaker.breaker_trips,
        both(
            said("supervisor", REDUCED, T0 + 76 * MINUTE),
            fallen(8_900.0, 8_900.0, 8_900.0, 8_900.0),
        ),
    ),
    (breaker.breaker_trips, fallen(9_050.0, 9_050.0, 9_050.0, 9_050.0)),
    # Twenty of 10,000 between two readings are much of the 319 that are left, and nobody saw them.
    (breaker.breaker_trips, shrunk(270.0, 270.0, 270.0, 270.0)),
    # It has tripped, and the drawdown has not healed when the probation is over.
    (
        breaker.breaker_trips,
        both(
            said("supervisor", REDUCED, T0 + 76 * MINUTE),
            said("supervisor", FREE, T0 + 136 * MINUTE),
            fallen(8_900.0, 8_900.0, 8_900.0, 8_900.0, *([8_990.0] * 2), *([8_900.0] * 6)),
        ),
    ),
    (
        breaker.restrictions_last,
        both(
            said("supervisor", HALT, T0 + HOUR),
            said("driver", RESUME, T0 + HOUR),
            said("supervisor", FREE, T0 + HOUR),
        ),
    ),
    (
        breaker.restrictions_last,
        both(
            said("supervisor", ON_PROBATION, T0 + HOUR),
            said("supervisor", a_state_change(TradingState.ACTIVE, TradingState.ACTIVE), T0 + HOUR),
        ),
    ),
    (
        journal.acknowledged_is_kept,
        both(
            acknowledged(h.LAST_MARK),
            unsaid(h.LAST_MARK),
            added("journal_losses", JournalLoss(at_ns=T0 + HOUR, from_seq=h.LAST_MARK)),
        ),
    ),
    # What was not synced before the power went may be gone: a reading, but no mark.
    (
        journal.acknowledged_is_kept,
        both(
            acknowledged(h.LAST_SNAPSHOT),
            unsaid(h.LAST_SNAPSHOT),
            added("journal_losses", lost(h.LAST_SNAPSHOT, is_power_cut=True)),
        ),
    ),
    # Its announcement, which named its limit, was given up after it had left.
    (resting.resting_orders_carry_stops, resting_unsaid()),
    # Nobody can know that it is ours since the announcement of its order was given up.
    (
        protection.nothing_stays_naked,
        both(
            NAKED_FOR_AN_HOUR,
            unsaid(h.ANNOUNCED),
            added("journal_losses", lost(h.ANNOUNCED)),
        ),
    ),
    (protection.nothing_stays_naked, both(NAKED_FOR_AN_HOUR, having(ended_ns=T0 + 2 * HOUR))),
    (
        protection.nothing_stays_naked,
        both(NAKED_FOR_AN_HOUR, a_fault("F29", T0 + 2 * HOUR, T0 + 4 * HOUR)),
    ),
    (
        protection.nothing_stays_naked,
        both(NAKED_FOR_AN_HOUR, close_refused("F15"), having(ended_ns=T0 + 3 * HOUR)),
    ),
    (
        liveness.progress_after_healing,
        both(healed(), said("supervisor", HALT, T0 + 10 * MINUTE)),
    ),
]


@pytest.mark.parametrize(("invariant", "change"), EXCUSED, ids=name_of)
def test_what_only_looks_alike_is_no_violation(
    invariant: Callable[..., object], change: Change
) -> None:
    """The checker knows the cases in which the same sight is as it should be."""
    broken = change(a_history())

    assert list(invariant(Record(broken))) == []  # type: ignore[call-overload]
