"""A small history worked by hand in which every promise holds, and ways to change one thing of it.

One symbol, one trade: bought at the close of 12:00, its stop tightened at 12:15, sold at 12:30.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from blackboard.facts import (
    AccountSnapshot,
    AmendIntent,
    AnyFact,
    Bar,
    CalendarCoverage,
    Decision,
    EquityMark,
    ExitIntent,
    Fill,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    PositionChanged,
    Quote,
    Reconciled,
    RiskApproved,
    Timeframe,
    TradeClosed,
    TradingStateChanged,
    Vote,
)
from blackboard.facts.control import TradingState
from blackboard.facts.decision import Action, Gate, Side
from blackboard.facts.execution import DealEntry, Origin, Outcome, Purpose
from blackboard.facts.news import Coverage
from runtime.simulation.history import (
    GENESIS,
    BrokerReading,
    BrokerRequest,
    BrokerState,
    Deal,
    HeldPosition,
    History,
    JournalBlock,
    JournalEntry,
    SymbolTerms,
    TrueBar,
    block_hash,
)
from runtime.simulation.limits import Limits

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
T0: Final = 1_741_089_600 * SECOND
"""Tuesday 2025-03-04 12:00 UTC."""
SYMBOL: Final = "EURUSD"
STRATEGY: Final = 4711
FOREVER: Final = 2**62

ENTRY_MAGIC, AMEND_MAGIC, EXIT_MAGIC = (STRATEGY << 32 | n for n in (1, 2, 3))
TICKET: Final = 100
OPEN, CLOSE = 1.1000, 1.1020
STOP, TIGHTER, TARGET = 1.0950, 1.0980, 1.1150
LOTS: Final = 0.10
PROFIT: Final = 20.0  # (1.1020 - 1.1000) * 0.1 * 100,000
COMMISSION: Final = -0.35  # 3.5 a lot and side
DEPOSIT: Final = 10_000.0

LIMITS: Final = Limits(
    timeframe_ns=15 * MINUTE,
    reconcile_ns=15 * MINUTE,
    quote_age_max_ns=20 * MINUTE,
    bar_age_max_ns=60 * MINUTE,
    send_timeout_ns=20 * SECOND,
    strategy_magic=STRATEGY,
    risk_frac_max=0.01,
    heat_max=0.02,
    leverage_max=20.0,
    positions_max=8,
    positions_per_symbol_max=1,
    entries_per_day_max=30,
    drawdown_reducing=0.10,
    drawdown_halted=0.15,
    friday_flat_min=60,
    blackout_high_min=15,
    blackout_medium_min=5,
    commission_per_lot=3.5,
)

# Seqs of the entries below, by what they are.
COVERAGE, STATE, SNAPSHOT, RECONCILED, MARK, BAR, QUOTE, VOTE, DECISION = range(1, 10)
INTENT, APPROVED, ANNOUNCED, OUTCOME, FILL_IN, OPENED = range(10, 16)
AMEND, AMEND_ANNOUNCED, AMEND_OUTCOME, AMENDED = range(16, 20)
EXIT, EXIT_ANNOUNCED, EXIT_OUTCOME, FILL_OUT, CLOSED, TRADE = range(20, 26)
LAST_RECONCILED, LAST_SNAPSHOT, LAST_MARK = range(26, 29)

ENTERED, AMENDED_NS, EXITED = T0 + 2 * SECOND, T0 + 15 * MINUTE + SECOND, T0 + 30 * MINUTE + SECOND


def _submitting(purpose: Purpose, intent_id: str, side: Side, magic: int) -> OrderSubmitting:
    is_entry, is_exit = purpose is Purpose.ENTRY, purpose is Purpose.EXIT
    return OrderSubmitting(
        scope=SYMBOL,
        valid_until_ns=FOREVER,
        intent_id=intent_id,
        purpose=purpose,
        side=side,
        lots=0.0 if purpose is Purpose.AMEND else LOTS,
        stop_price=STOP if is_entry else 0.0 if is_exit else TIGHTER,
        target_price=0.0 if is_exit else TARGET,
        position_ticket=0 if is_entry else TICKET,
        magic=magic,
        comment="fx" + intent_id,
    )


def _outcome(purpose: Purpose, intent_id: str) -> OrderOutcome:
    return OrderOutcome(
        scope=SYMBOL,
        valid_until_ns=FOREVER,
        intent_id=intent_id,
        purpose=purpose,
        outcome=Outcome.FILLED,
        retcode=10009,
        reason="done",
        lots=LOTS,
        price=OPEN,
        order_ticket=TICKET,
        deal_ticket=2,
    )


def _fill(entry: DealEntry) -> Fill:
    is_in = entry is DealEntry.IN
    return Fill(
        scope=SYMBOL,
        valid_until_ns=FOREVER,
        intent_id="in" if is_in else "out",
        side=Side.BUY if is_in else Side.SELL,
        entry=entry,
        lots=LOTS,
        price=OPEN if is_in else CLOSE,
        profit=0.0 if is_in else PROFIT,
        commission=COMMISSION,
        swap=0.0,
        fee=0.0,
        reason="expert",
        deal_ticket=2 if is_in else 3,
        position_ticket=TICKET,
    )


def _position(lots: float, stop: float) -> PositionChanged:
    return PositionChanged(
        scope=SYMBOL,
        valid_until_ns=FOREVER,
        ticket=TICKET,
        side=Side.BUY,
        lots=lots,
        open_price=OPEN,
        stop_price=stop,
        target_price=TARGET if lots else 0.0,
        opened_ns=ENTERED,
        origin=Origin.OWN,
        intent_id="in",
    )


def _snapshot(equity: float, positions: int) -> AccountSnapshot:
    return AccountSnapshot(
        scope="account",
        valid_until_ns=FOREVER,
        login=1,
        server="s",
        currency="USD",
        trade_mode=0,
        margin_mode=2,
        balance=equity,
        equity=equity,
        margin=0.0,
        margin_free=equity,
        leverage=30,
        deposits=DEPOSIT,
        open_positions=positions,
    )


def _mark(equity: float) -> EquityMark:
    return EquityMark(
        scope="account",
        valid_until_ns=FOREVER,
        equity=equity,
        high_water_mark=equity,
        drawdown_frac=0.0,
        deposits=DEPOSIT,
    )


def _reconciled(positions: int) -> Reconciled:
    return Reconciled(
        scope="account",
        valid_until_ns=FOREVER,
        positions=positions,
        adopted=0,
        settled=0,
        is_clean=True,
        reason="",
    )


END_EQUITY: Final = DEPOSIT + PROFIT + 2 * COMMISSION

_FACTS: Final[tuple[tuple[str, AnyFact, int, tuple[int, ...]], ...]] = (
    (
        "sentiment",
        CalendarCoverage(
            scope="market", valid_until_ns=FOREVER, state=Coverage.COVERED, source="c", reason=""
        ),
        T0 - MINUTE,
        (),
    ),
    (
        "supervisor",
        TradingStateChanged(
            scope="account",
            valid_until_ns=FOREVER,
            state=TradingState.ACTIVE,
            previous=TradingState.HALTED,
            reason="start",
        ),
        T0 - MINUTE,
        (),
    ),
    ("execution", _snapshot(DEPOSIT, 0), T0, ()),
    ("execution", _reconciled(0), T0, ()),
    ("risk", _mark(DEPOSIT), T0, (SNAPSHOT,)),
    (
        "data",
        Bar(
            scope=SYMBOL,
            valid_until_ns=FOREVER,
            timeframe=Timeframe.M15,
            open=1.0990,
            high=1.1005,
            low=1.0985,
            close=1.0999,
            tick_volume=10,
            spread_points=10,
            source="terminal",
        ),
        T0,
        (),
    ),
    (
        "data",
        Quote(
            scope=SYMBOL,
            valid_until_ns=T0 + 20 * MINUTE,
            bid=1.0999,
            ask=OPEN,
            account_per_quote=1.0,
            source="terminal",
        ),
        T0,
        (),
    ),
    (
        "technical",
        Vote(
            scope=SYMBOL,
            valid_until_ns=T0 + 15 * MINUTE,
            voter="technical.trend",
            timeframe=Timeframe.M15,
            probability_up=0.6,
            abstains=False,
            reason="trend",
            horizon_bars=64,
            reference_price=1.0999,
            barrier_distance=0.005,
            model="rules",
        ),
        T0,
        (BAR,),
    ),
    (
        "supervisor",
        Decision(
            scope=SYMBOL,
            valid_until_ns=FOREVER,
            timeframe=Timeframe.M15,
            action=Action.BUY,
            probability_up=0.6,
            confidence=0.6,
            expected_value_r=0.3,
            blocked_by="",
            gates=(
                Gate(
                    scope=SYMBOL,
                    valid_until_ns=FOREVER,
                    name="quorum",
                    passed=True,
                    value=3.0,
                    threshold=2.0,
                ),
            ),
            shares=(),
        ),
        T0,
        (VOTE,),
    ),
    (
        "supervisor",
        OrderIntent(
            scope=SYMBOL,
            valid_until_ns=T0 + 15 * MINUTE,
            intent_id="in",
            timeframe=Timeframe.M15,
            side=Side.BUY,
            attempt=1,
            reference_price=OPEN,
            stop_distance=0.005,
            target_distance=0.015,
            confidence=0.6,
            expected_value_r=0.3,
        ),
        T0,
        (DECISION,),
    ),
    (
        "risk",
        RiskApproved(
            scope=SYMBOL,
            valid_until_ns=T0 + 15 * MINUTE,
            intent_id="in",
            side=Side.BUY,
            lots=LOTS,
            risk_frac=0.00507,  # (0.005 * 0.1 * 100,000 + 0.70) / 10,000
            risk_account=50.7,
        ),
        T0,
        (INTENT,),
    ),
    (
        "execution",
        _submitting(Purpose.ENTRY, "in", Side.BUY, ENTRY_MAGIC),
        T0 + SECOND,
        (APPROVED,),
    ),
    ("execution", _outcome(Purpose.ENTRY, "in"), T0 + 3 * SECOND, (ANNOUNCED,)),
    ("execution", _fill(DealEntry.IN), ENTERED, (ANNOUNCED,)),
    ("execution", _position(LOTS, STOP), T0 + 3 * SECOND, (FILL_IN,)),
    (
        "supervisor",
        AmendIntent(
            scope=SYMBOL,
            valid_until_ns=FOREVER,
            intent_id="up",
            position_ticket=TICKET,
            position_side=Side.BUY,
            stop_price=TIGHTER,
            current_stop_price=STOP,
            target_price=TARGET,
            reason="trailing",
        ),
        T0 + 15 * MINUTE,
        (OPENED,),
    ),
    (
        "execution",
        _submitting(Purpose.AMEND, "up", Side.BUY, AMEND_MAGIC),
        T0 + 15 * MINUTE,
        (AMEND,),
    ),
    ("execution", _outcome(Purpose.AMEND, "up"), AMENDED_NS, (AMEND_ANNOUNCED,)),
    ("execution", _position(LOTS, TIGHTER), AMENDED_NS, (OPENED,)),
    (
        "supervisor",
        ExitIntent(
            scope=SYMBOL,
            valid_until_ns=FOREVER,
            intent_id="out",
            position_ticket=TICKET,
            position_side=Side.BUY,
            position_lots=LOTS,
            side=Side.SELL,
            lots=LOTS,
            reason="reversal",
        ),
        T0 + 30 * MINUTE,
        (AMENDED,),
    ),
    (
        "execution",
        _submitting(Purpose.EXIT, "out", Side.SELL, EXIT_MAGIC),
        T0 + 30 * MINUTE,
        (EXIT,),
    ),
    ("execution", _outcome(Purpose.EXIT, "out"), EXITED + SECOND, (EXIT_ANNOUNCED,)),
    ("execution", _fill(DealEntry.OUT), EXITED, (EXIT_ANNOUNCED,)),
    ("execution", _position(0.0, 0.0), EXITED + SECOND, (FILL_OUT,)),
    (
        "execution",
        TradeClosed(
            scope=SYMBOL,
            valid_until_ns=FOREVER,
            ticket=TICKET,
            intent_id="in",
            side=Side.BUY,
            lots=LOTS,
            open_price=OPEN,
            close_price=CLOSE,
            opened_ns=ENTERED,
            profit=PROFIT,
            swap=0.0,
            commission=2 * COMMISSION,
            fee=0.0,
            pnl=PROFIT + 2 * COMMISSION,
            r_multiple=0.38,
            reason="reversal",
            origin=Origin.OWN,
        ),
        EXITED,
        (FILL_IN, FILL_OUT),
    ),
    ("execution", _reconciled(0), T0 + 45 * MINUTE, ()),
    ("execution", _snapshot(END_EQUITY, 0), T0 + 45 * MINUTE, ()),
    ("risk", _mark(END_EQUITY), T0 + 45 * MINUTE, (LAST_SNAPSHOT,)),
)


def entry_of(
    seq: int, author: str, fact: AnyFact, ts_event_ns: int, causes: tuple[int, ...] = ()
) -> JournalEntry:
    """Return an entry that was known when it was true, by an author who had seen everything."""
    known_ns = max(ts_event_ns, T0 - MINUTE)
    ordinal = getattr(fact, "intent_id", "") or getattr(fact, "voter", "")
    slot = f"{type(fact).__name__}/{fact.scope}//{ts_event_ns}/{ordinal}"
    return JournalEntry(
        seq=seq,
        author=author,
        epoch=1,
        key=f"{author}/{slot}",
        fact=fact,
        ts_event_ns=ts_event_ns,
        known_at_ns=known_ns,
        read_to=seq - 1,
        now_ns=known_ns,
        causes=causes,
    )


def _held(stop: float) -> HeldPosition:
    return HeldPosition(
        ticket=TICKET,
        symbol=SYMBOL,
        side="BUY",
        lots=LOTS,
        open_price=OPEN,
        stop_price=stop,
        target_price=TARGET,
        magic=ENTRY_MAGIC,
        opened_ns=ENTERED,
        account_per_quote=1.0,
    )


HELD: Final = _held(STOP)
HELD_TIGHTER: Final = _held(TIGHTER)


def _request(at_ns: int, seq: int, **more: Any) -> BrokerRequest:
    fact = _FACTS[seq - 1][1]
    assert isinstance(fact, OrderSubmitting)
    is_amendment = fact.purpose is Purpose.AMEND
    request = BrokerRequest(
        at_ns=at_ns,
        request_id=fact.intent_id,
        epoch=1,
        action=6 if is_amendment else 1,
        symbol=SYMBOL,
        side="" if is_amendment else fact.side.value,
        lots=fact.lots,
        stop_price=fact.stop_price,
        target_price=fact.target_price,
        position_ticket=fact.position_ticket,
        magic=fact.magic,
        comment=fact.comment,
        is_executed=True,
        retcode=10009,
        journal_head=seq,
        bid=1.0999,
        ask=OPEN,
        account_per_quote=1.0,
    )
    return msgspec.structs.replace(request, **more)


def _deal(ticket: int, **more: Any) -> Deal:
    deal = Deal(
        ticket=ticket,
        order_ticket=0,
        position_ticket=0,
        made_ns=T0 - HOUR,
        symbol="",
        side="",
        entry="",
        lots=0.0,
        price=0.0,
        profit=DEPOSIT,
        commission=0.0,
        swap=0.0,
        fee=0.0,
        magic=0,
        comment="",
        reason=0,
        kind=2,
    )
    return msgspec.structs.replace(deal, **more)


def a_state(at_ns: int, balance: float, *held: HeldPosition, equity: float = 0.0) -> BrokerState:
    """Return the broker's book at a time; a close of the timeframe where the time is one."""
    return BrokerState(
        at_ns=at_ns,
        balance=balance,
        equity=equity or balance,
        positions=held,
        is_close=(at_ns - T0) % (15 * MINUTE) == 0,
    )


def a_history() -> History:
    """Return the run that keeps every promise."""
    entries = tuple(entry_of(seq, *each) for seq, each in enumerate(_FACTS, start=1))
    after_entry = DEPOSIT + COMMISSION
    return History(
        seed=1,
        mode="safety",
        started_ns=T0 - 5 * MINUTE,
        ended_ns=T0 + 60 * MINUTE,
        limits=LIMITS,
        symbols=(
            SymbolTerms(
                symbol=SYMBOL,
                contract_size=100_000.0,
                point=0.00001,
                volume_step=0.01,
                currency_base="EUR",
                currency_profit="USD",
            ),
        ),
        entries=entries,
        requests=(
            _request(
                ENTERED,
                ANNOUNCED,
                order_ticket=TICKET,
                deal_ticket=2,
                filled_lots=LOTS,
                fill_price=OPEN,
            ),
            _request(AMENDED_NS, AMEND_ANNOUNCED, held=HELD),
            _request(EXITED, EXIT_ANNOUNCED, held=HELD_TIGHTER, order_ticket=101, deal_ticket=3),
        ),
        readings=(
            BrokerReading(at_ns=T0, epoch=1, is_answered=True),
            BrokerReading(at_ns=T0 + 45 * MINUTE, epoch=1, is_answered=True),
        ),
        deals=(
            _deal(1),
            _deal(
                2,
                order_ticket=TICKET,
                position_ticket=TICKET,
                made_ns=ENTERED,
                symbol=SYMBOL,
                side="BUY",
                entry="IN",
                lots=LOTS,
                price=OPEN,
                profit=0.0,
                commission=COMMISSION,
                magic=ENTRY_MAGIC,
                reason=3,
                kind=0,
            ),
            _deal(
                3,
                order_ticket=101,
                position_ticket=TICKET,
                made_ns=EXITED,
                symbol=SYMBOL,
                side="SELL",
                entry="OUT",
                lots=LOTS,
                price=CLOSE,
                profit=PROFIT,
                commission=COMMISSION,
                magic=EXIT_MAGIC,
                reason=3,
                kind=1,
            ),
        ),
        states=(
            a_state(T0 - 5 * MINUTE, DEPOSIT),
            a_state(T0, DEPOSIT),
            a_state(ENTERED, after_entry, HELD),
            a_state(T0 + 15 * MINUTE, after_entry, HELD),
            a_state(AMENDED_NS, after_entry, HELD_TIGHTER),
            a_state(T0 + 30 * MINUTE, after_entry, HELD_TIGHTER),
            a_state(EXITED, END_EQUITY),
            a_state(T0 + 45 * MINUTE, END_EQUITY),
            a_state(T0 + 60 * MINUTE, END_EQUITY),
        ),
        bars=(
            TrueBar(symbol=SYMBOL, close_ns=T0, open=1.0990, high=1.1005, low=1.0985, close=1.0999),
        ),
    )


def journaled(history: History) -> History:
    """Return the history with its entries in one sealed block of a journal."""
    encoder = msgspec.msgpack.Encoder()
    payload = encoder.encode(list(history.entries))
    last = len(history.entries)
    block = JournalBlock(
        first_seq=1,
        last_seq=last,
        previous_hash=GENESIS,
        payload=payload,
        hash=block_hash(GENESIS, 1, last, payload),
    )
    return msgspec.structs.replace(history, blocks=(block,))


Change = Callable[[History], History]


def fact_of(history: History, seq: int) -> Any:
    """Return the fact at a place of the journal."""
    return history.entries[seq - 1].fact


def altered(seq: int, **changes: Any) -> Change:
    """Change fields of one fact."""

    def change(history: History) -> History:
        fact = msgspec.structs.replace(fact_of(history, seq), **changes)
        return restated(seq, fact=fact)(history)

    return change


def restated(seq: int, **changes: Any) -> Change:
    """Change fields of one entry."""

    def change(history: History) -> History:
        entries = list(history.entries)
        entries[seq - 1] = msgspec.structs.replace(entries[seq - 1], **changes)
        return msgspec.structs.replace(history, entries=tuple(entries))

    return change


def unsaid(*seqs: int) -> Change:
    """Take entries out; the others keep their seqs."""

    def change(history: History) -> History:
        kept = tuple(entry for entry in history.entries if entry.seq not in seqs)
        return msgspec.structs.replace(history, entries=kept)

    return change


def said(author: str, fact: AnyFact, at_ns: int) -> Change:
    """Add an entry at the end."""

    def change(history: History) -> History:
        entry = entry_of(history.entries[-1].seq + 1, author, fact, at_ns)
        return msgspec.structs.replace(history, entries=(*history.entries, entry))

    return change


def repeated(seq: int, **changes: Any) -> Change:
    """Say a fact again at the end, with fields of it changed."""

    def change(history: History) -> History:
        before = history.entries[seq - 1]
        fact = msgspec.structs.replace(fact_of(history, seq), **changes)
        return said(before.author, fact, before.ts_event_ns)(history)

    return change


def with_item(name: str, place: int, **changes: Any) -> Change:
    """Change fields of one item of a tuple of the history."""

    def change(history: History) -> History:
        items = list(getattr(history, name))
        items[place] = msgspec.structs.replace(items[place], **changes)
        return msgspec.structs.replace(history, **{name: tuple(items)})

    return change


def added(name: str, *more: object) -> Change:
    """Add items at the end of a tuple of the history."""

    def change(history: History) -> History:
        return msgspec.structs.replace(history, **{name: (*getattr(history, name), *more)})

    return change


def having(**changes: Any) -> Change:
    """Change fields of the history itself."""

    def change(history: History) -> History:
        return msgspec.structs.replace(history, **changes)

    return change


def both(*changes: Change) -> Change:
    """Make several changes, one after the other."""

    def change(history: History) -> History:
        for each in changes:
            history = each(history)
        return history

    return change
