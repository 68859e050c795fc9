"""Valid facts with few words: each builder takes the fields that a test cares about.

The moment is Wednesday 2025-03-05 12:00 UTC, in the middle of a trading day and week.
"""

from typing import Any

from blackboard.entry import Draft, Entry
from blackboard.facts import (
    ACCOUNT,
    MARKET,
    AccountSnapshot,
    AgentHealth,
    AnyFact,
    CalendarCoverage,
    EntryBlackout,
    FeedStatus,
    OperatorCommand,
    OrderIntent,
    OrderOutcome,
    OrderSubmitting,
    ParametersChanged,
    PortfolioBudget,
    PositionChanged,
    Quote,
    Reconciled,
    SymbolSpec,
    Timeframe,
    TradeClosed,
    TradingStateChanged,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage, Impact
from models.market.sessions import MINUTE_NS

T0_NS = 1_741_176_000_000_000_000
"""2025-03-05 12:00 UTC, a close of every timeframe up to H1."""

M15_NS = 15 * MINUTE_NS


def an_entry(
    fact: AnyFact,
    *,
    seq: int = 1,
    ts_ns: int = T0_NS,
    author: str = "world",
    ordinal: str = "",
    timeframe: str = "",
    causes: tuple[int, ...] = (),
    read_to: int | None = None,
    now_ns: int | None = None,
) -> Entry:
    """Return the entry of a fact whose author had seen everything before it."""
    slot = Draft(fact=fact, ts_event_ns=ts_ns, ordinal=ordinal, timeframe=timeframe).slot
    now = ts_ns if now_ns is None else now_ns
    return Entry(
        seq=seq,
        author=author,
        epoch=1,
        key=f"{author}/{slot}",
        fact=fact,
        ts_event_ns=ts_ns,
        known_at_ns=now,
        read_to=seq - 1 if read_to is None else read_to,
        now_ns=now,
        causes=causes,
    )


def a_spec(scope: str = "EURUSD", **changes: Any) -> SymbolSpec:
    """Return a contract of 100,000 with five digits (three for the yen) and steps of 0.01 lots."""
    is_yen = scope.endswith("JPY")
    fields: dict[str, Any] = {
        "terminal_name": scope,
        "digits": 3 if is_yen else 5,
        "point": 0.001 if is_yen else 0.00001,
        "pip": 0.01 if is_yen else 0.0001,
        "contract_size": 100_000.0,
        "currency_base": scope[:3],
        "currency_profit": scope[3:],
        "volume_min_lots": 0.01,
        "volume_max_lots": 100.0,
        "volume_step_lots": 0.01,
        "stops_level_points": 0,
        "freeze_level_points": 0,
        "filling_mask": 3,
        "trade_mode": 4,
        "swap_long_points": 0.0,
        "swap_short_points": 0.0,
    }
    return SymbolSpec(scope=scope, **{**fields, **changes})


def a_quote(scope: str = "EURUSD", **changes: Any) -> Quote:
    """Return 1.10000 to 1.10010, one pip, quoted in the account's currency."""
    fields: dict[str, Any] = {
        "bid": 1.1,
        "ask": 1.1001,
        "account_per_quote": 1.0,
        "source": "terminal",
    }
    return Quote(scope=scope, **{**fields, **changes})


def a_feed(scope: str = "EURUSD", state: FeedState = FeedState.LIVE) -> FeedStatus:
    """Return the status of a feed whose latest bar is the one before."""
    return FeedStatus(
        scope=scope, state=state, source="terminal", reason="", last_bar_ns=T0_NS - M15_NS
    )


def a_coverage(state: Coverage = Coverage.COVERED, **changes: Any) -> CalendarCoverage:
    """Return what is known of the calendar."""
    return CalendarCoverage(scope=MARKET, state=state, source="file", reason="", **changes)


def a_blackout(
    scope: str = "EURUSD", from_ns: int = T0_NS - MINUTE_NS, until_ns: int = T0_NS + MINUTE_NS
) -> EntryBlackout:
    """Return a blackout around a high-impact event."""
    return EntryBlackout(
        scope=scope,
        from_ns=from_ns,
        valid_until_ns=until_ns,
        impact=Impact.HIGH,
        currency="USD",
        event="CPI",
    )


def a_budget(scope: str = "EURUSD", **changes: Any) -> PortfolioBudget:
    """Return an equal share."""
    fields: dict[str, Any] = {
        "multiplier": 1.0,
        "method": "erc",
        "reason": "",
        "effective_from_ns": T0_NS,
    }
    return PortfolioBudget(scope=scope, **{**fields, **changes})


def a_snapshot(**changes: Any) -> AccountSnapshot:
    """Return an account of 10,000 that was paid in and never traded."""
    fields: dict[str, Any] = {
        "login": 1,
        "server": "sim",
        "currency": "USD",
        "trade_mode": 0,
        "margin_mode": 2,
        "balance": 10_000.0,
        "equity": 10_000.0,
        "margin": 0.0,
        "margin_free": 10_000.0,
        "leverage": 30,
        "deposits": 10_000.0,
        "open_positions": 0,
    }
    return AccountSnapshot(scope=ACCOUNT, **{**fields, **changes})


def a_state(state: TradingState = TradingState.ACTIVE, **changes: Any) -> TradingStateChanged:
    """Return a trading state that was HALTED before."""
    fields: dict[str, Any] = {"previous": TradingState.HALTED, "reason": "start"}
    return TradingStateChanged(scope=ACCOUNT, state=state, **{**fields, **changes})


def a_reconciled(**changes: Any) -> Reconciled:
    """Return a clean comparison."""
    fields: dict[str, Any] = {
        "positions": 0,
        "adopted": 0,
        "settled": 0,
        "is_clean": True,
        "reason": "",
    }
    return Reconciled(scope=ACCOUNT, **{**fields, **changes})


def a_command(command: Command = Command.RESUME, origin: str = "console") -> OperatorCommand:
    """Return a person's order."""
    return OperatorCommand(scope=MARKET, command=command, origin=origin)


def a_health(scope: str = "execution", health: Health = Health.DOWN) -> AgentHealth:
    """Return the health of an agent that takes part."""
    return AgentHealth(scope=scope, health=health, mode="true", restarts=1, reason="killed")


def some_parameters(**changes: Any) -> ParametersChanged:
    """Return the default parameters, effective now."""
    fields: dict[str, Any] = {
        "min_confidence": 0.515,
        "min_rr_ratio": 3.0,
        "atr_multiplier": 1.5,
        "risk_frac": 0.005,
        "origin": "static",
        "effective_from_ns": T0_NS,
    }
    return ParametersChanged(scope=MARKET, **{**fields, **changes})


def an_intent(scope: str = "EURUSD", **changes: Any) -> OrderIntent:
    """Return a wish to buy with a stop 20 pips away, a target 60 away, and an edge."""
    fields: dict[str, Any] = {
        "valid_until_ns": T0_NS + M15_NS,
        "intent_id": f"{scope}-1",
        "timeframe": Timeframe.M15,
        "side": Side.BUY,
        "attempt": 1,
        "reference_price": 1.1,
        "stop_distance": 0.002,
        "target_distance": 0.006,
        "confidence": 0.6,
        "expected_value_r": 0.2,
    }
    return OrderIntent(scope=scope, **{**fields, **changes})


def a_submission(scope: str = "EURUSD", **changes: Any) -> OrderSubmitting:
    """Return the send of an entry."""
    fields: dict[str, Any] = {
        "intent_id": f"{scope}-1",
        "purpose": Purpose.ENTRY,
        "side": Side.BUY,
        "lots": 0.1,
        "stop_price": 1.098,
        "target_price": 1.106,
        "position_ticket": 0,
        "magic": 1,
        "comment": "q1",
    }
    return OrderSubmitting(scope=scope, **{**fields, **changes})


def an_outcome(
    scope: str = "EURUSD", outcome: Outcome = Outcome.FILLED, **changes: Any
) -> OrderOutcome:
    """Return the outcome of an entry."""
    fields: dict[str, Any] = {
        "intent_id": f"{scope}-1",
        "purpose": Purpose.ENTRY,
        "retcode": 10_009,
        "reason": "",
        "lots": 0.1,
        "price": 1.1001,
        "order_ticket": 1,
        "deal_ticket": 1,
    }
    return OrderOutcome(scope=scope, outcome=outcome, **{**fields, **changes})


def a_position(scope: str = "EURUSD", **changes: Any) -> PositionChanged:
    """Return 0.1 lots long at 1.1, with a stop 20 pips below."""
    fields: dict[str, Any] = {
        "ticket": 1,
        "side": Side.BUY,
        "lots": 0.1,
        "open_price": 1.1,
        "stop_price": 1.098,
        "target_price": 1.106,
        "opened_ns": T0_NS - M15_NS,
        "origin": Origin.OWN,
        "intent_id": f"{scope}-1",
    }
    return PositionChanged(scope=scope, **{**fields, **changes})


def a_trade(scope: str = "EURUSD", pnl: float = -20.0, **changes: Any) -> TradeClosed:
    """Return a closed trade whose whole P&L is its profit."""
    fields: dict[str, Any] = {
        "ticket": 1,
        "intent_id": f"{scope}-1",
        "side": Side.BUY,
        "lots": 0.1,
        "open_price": 1.1,
        "close_price": 1.098,
        "opened_ns": T0_NS - M15_NS,
        "profit": pnl,
        "swap": 0.0,
        "commission": 0.0,
        "fee": 0.0,
        "r_multiple": -1.0,
        "reason": "expert",
        "origin": Origin.OWN,
    }
    return TradeClosed(scope=scope, pnl=pnl, **{**fields, **changes})
