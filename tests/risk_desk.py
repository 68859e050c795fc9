"""A RiskAgent at a desk where everything is in order, and what it answers."""

from typing import Any

from agents.risk import RiskAgent
from blackboard.facts import AnyFact, RiskApproved, RiskRefused
from config.settings import Settings
from tests.builders import (
    a_coverage,
    a_feed,
    a_quote,
    a_reconciled,
    a_snapshot,
    a_spec,
    a_state,
    an_intent,
)
from tests.desk import Desk

SYMBOLS = ("EURUSD", "GBPUSD", "EURGBP")


def settings(risk: dict[str, Any] | None = None, **agents: Any) -> Settings:
    """Return the defaults with some of the risk section changed."""
    return Settings.model_validate({"symbols": SYMBOLS, "agents": {"risk": risk or {}, **agents}})


def market(symbol: str = "EURUSD", **quote: Any) -> list[AnyFact]:
    """Return all that the DataAgent says of a symbol."""
    return [a_spec(symbol), a_quote(symbol, **quote), a_feed(symbol)]


def a_desk(risk: dict[str, Any] | None = None, **agents: Any) -> Desk:
    """Return a desk at which everything is in order, without a reading of the account yet."""
    desk = Desk(RiskAgent(settings(risk, **agents)))
    desk.say(*(fact for symbol in SYMBOLS for fact in market(symbol)))
    desk.say(a_state(), a_reconciled(), a_coverage())
    return desk


def an_open_desk(risk: dict[str, Any] | None = None, **agents: Any) -> Desk:
    """Return a desk whose account has been read and marked."""
    desk = a_desk(risk, **agents)
    desk.say(a_snapshot())
    desk.run()
    return desk


def verdicts(desk: Desk) -> list[RiskApproved | RiskRefused]:
    """Return the verdicts on the board in order."""
    facts = [entry.fact for entry in desk.entries()]
    return [fact for fact in facts if isinstance(fact, RiskApproved | RiskRefused)]


def verdict_on(desk: Desk, *facts: AnyFact) -> RiskApproved | RiskRefused:
    """Say what there is to say, then an intent, and return its verdict."""
    desk.say(*facts)
    desk.run()
    desk.say(an_intent())
    desk.run()
    return verdicts(desk)[-1]
