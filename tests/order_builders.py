"""Approvals, exits and amendments for the execution desk, and what came of them."""

from typing import Any

from blackboard.facts import (
    AmendIntent,
    ExitIntent,
    OrderOutcome,
    PositionChanged,
    RiskApproved,
    TradeClosed,
)
from blackboard.facts.decision import Side
from blackboard.facts.execution import Outcome
from models.market.sessions import SECOND_NS
from tests.builders import an_intent
from tests.execution_desk import ExecutionDesk, live_settings

TIMEOUT_NS = 20 * SECOND_NS
"""Of a send, at market speed 1."""


def an_approval(intent_id: str = "EURUSD-1", **changes: object) -> RiskApproved:
    """Return the permission for 0.2 lots that risk 50."""
    fields: dict[str, object] = {
        "intent_id": intent_id,
        "side": Side.BUY,
        "lots": 0.2,
        "risk_frac": 0.005,
        "risk_account": 50.0,
    }
    return RiskApproved(**{"scope": "EURUSD", **fields, **changes})  # type: ignore[arg-type]


def an_exit(ticket: int, reason: str = "time", **changes: object) -> ExitIntent:
    """Return the wish to close 0.2 lots long."""
    fields: dict[str, object] = {
        "intent_id": f"exit-{ticket}",
        "position_ticket": ticket,
        "position_side": Side.BUY,
        "position_lots": 0.2,
        "side": Side.SELL,
        "lots": 0.2,
        "reason": reason,
    }
    return ExitIntent(scope="EURUSD", **{**fields, **changes})  # type: ignore[arg-type]


def an_amendment(ticket: int, **changes: object) -> AmendIntent:
    """Return the wish to move the stop of a long position up to 1.0990."""
    fields: dict[str, object] = {
        "intent_id": f"amend-{ticket}",
        "position_ticket": ticket,
        "position_side": Side.BUY,
        "stop_price": 1.099,
        "current_stop_price": 1.0981,
        "target_price": 1.1061,
        "reason": "chandelier",
    }
    return AmendIntent(scope="EURUSD", **{**fields, **changes})  # type: ignore[arg-type]


def a_desk(**execution: object) -> ExecutionDesk:
    """Return a desk whose agent has reconciled."""
    desk = ExecutionDesk(live_settings(**execution))
    desk.settle()
    return desk


def a_desk_with_position() -> tuple[ExecutionDesk, int]:
    """Return a desk that is 0.2 lots long from 1.1001, stop 1.0981, target 1.1061."""
    desk = a_desk()
    desk.say(an_intent(), an_approval())
    desk.settle()
    (ticket,) = desk.broker.positions
    return desk, ticket


def outcomes(desk: ExecutionDesk) -> list[Outcome]:
    """Return all outcomes, in order."""
    return [fact.outcome for fact in desk.facts(OrderOutcome)]  # type: ignore[union-attr]


def closed_trade(desk: ExecutionDesk) -> TradeClosed:
    """Return the one closed trade."""
    (trade,) = desk.facts(TradeClosed)
    assert isinstance(trade, TradeClosed)
    return trade


def reasons(desk: ExecutionDesk) -> list[str]:
    """Return the reasons of all outcomes, in order."""
    return [fact.reason for fact in desk.facts(OrderOutcome)]  # type: ignore[union-attr]


def lots_now(desk: ExecutionDesk) -> dict[int, float]:
    """Return the lots of every open position, as the board has them."""
    latest = {fact.ticket: fact.lots for fact in desk.facts(PositionChanged)}  # type: ignore[union-attr]
    return {ticket: lots for ticket, lots in latest.items() if lots > 0.0}


def enter(desk: ExecutionDesk, name: str = "EURUSD-1", **changes: Any) -> None:
    """Want and permit an entry, and come to rest."""
    desk.say(an_intent(intent_id=name, **changes), an_approval(name))
    desk.settle()
