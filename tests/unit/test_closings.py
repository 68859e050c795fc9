"""Positions that a person asks to close: only those that are meant, and nothing else changes."""

import pytest

from blackboard.facts import (
    ACCOUNT,
    ExitIntent,
    OperatorCommand,
    OrderIntent,
    Summary,
    TradingStateChanged,
)
from blackboard.facts.control import Command, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Outcome, Purpose
from models.market.sessions import MINUTE_NS
from tests.builders import M15_NS, T0_NS, a_position, an_outcome
from tests.chamber import Chamber


def asked_to_close(argument: str) -> OperatorCommand:
    """Return the command."""
    return OperatorCommand(
        scope=ACCOUNT, command=Command.CLOSE, origin="telegram", argument=argument
    )


def holding() -> Chamber:
    """Return a chamber with three positions of ours in two symbols, and one of somebody else."""
    chamber = Chamber()
    chamber.say("execution", a_position(), ts_ns=T0_NS - M15_NS)
    chamber.say("execution", a_position(ticket=12), ts_ns=T0_NS - M15_NS)
    sold = a_position("GBPUSD", ticket=2, side=Side.SELL, stop_price=1.2)
    chamber.say("execution", sold, ts_ns=T0_NS - M15_NS)
    foreign = a_position("USDJPY", ticket=3, origin=Origin.EXTERNAL)
    chamber.say("execution", foreign, ts_ns=T0_NS - M15_NS)
    chamber.settle()
    return chamber


@pytest.mark.parametrize(
    ("argument", "tickets"),
    [("1", [1]), ("EURUSD", [1, 12]), ("all", [1, 12, 2]), ("7", []), ("USDJPY", [])],
)
def test_what_is_meant_is_closed_and_trading_goes_on(argument: str, tickets: list[int]) -> None:
    """By ticket, symbol or all, each once, whole and in its opposite; no state changes."""
    chamber = holding()
    chamber.say("driver", asked_to_close(argument))
    chamber.settle()
    chamber.at(T0_NS + MINUTE_NS)

    exits = chamber.all(ExitIntent)
    assert [fact.position_ticket for fact in exits] == tickets
    assert {(fact.reason, fact.lots) for fact in exits} <= {("operator", 0.1)}
    assert [fact.state for fact in chamber.all(TradingStateChanged)] == [TradingState.ACTIVE]


@pytest.mark.parametrize(
    ("argument", "says"), [("7", "nothing of ours"), ("USDJPY", "USDJPY 3"), ("all", "USDJPY 3")]
)
def test_what_cannot_be_closed_is_told(argument: str, says: str) -> None:
    """A ticket that nobody knows, and a position that is not ours, are named to the operator."""
    chamber = holding()
    chamber.say("driver", asked_to_close(argument))
    chamber.settle()

    told = [fact for fact in chamber.all(Summary) if fact.event == "operator"]
    assert [fact.title for fact in told] == [f"Asked to close {argument}"]
    assert says in told[0].text


def test_a_position_that_is_opened_later_is_not_meant() -> None:
    """`all` closes what was open when it was asked for."""
    chamber = holding()
    chamber.say("driver", asked_to_close("all"))
    chamber.settle()
    chamber.now_ns += MINUTE_NS
    chamber.say("execution", a_position("AUDUSD", ticket=9))
    chamber.settle()

    assert 9 not in {fact.position_ticket for fact in chamber.all(ExitIntent)}


def test_attempts_to_close_are_bounded() -> None:
    """A close that fails is asked for three times, a bar apart; then a person must ask again."""
    chamber = Chamber()
    chamber.say("execution", a_position(), ts_ns=T0_NS - M15_NS)
    chamber.say("driver", asked_to_close("1"))
    chamber.settle()
    for bar in range(1, 6):
        failed(chamber, T0_NS + bar * M15_NS)
    assert len(chamber.all(ExitIntent)) == 3

    chamber.say("driver", asked_to_close("1"))
    chamber.settle()
    assert len(chamber.all(ExitIntent)) == 4


def failed(chamber: Chamber, now_ns: int) -> None:
    """Let the latest exit fail, and a quiet close come."""
    exit_intent = chamber.last(ExitIntent)
    rejected = an_outcome(
        intent_id=exit_intent.intent_id, purpose=Purpose.EXIT, outcome=Outcome.REJECTED
    )
    chamber.say("execution", rejected)
    chamber.now_ns = now_ns
    chamber.hear_close(trend=0.5, reversion=0.5)
    chamber.settle()
    assert not chamber.all(OrderIntent)
