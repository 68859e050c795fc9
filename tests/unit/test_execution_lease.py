"""An approval is no licence for ever: who gave it must still be there when the order leaves."""

import pytest

from agents.orders.clearance import GUARDIANS
from blackboard.facts.control import Health
from tests.builders import a_health, an_intent
from tests.order_builders import (
    a_desk,
    a_desk_with_position,
    an_amendment,
    an_approval,
    an_exit,
    enter,
    reasons,
)


@pytest.mark.parametrize("agent", sorted(GUARDIANS))
@pytest.mark.parametrize("health", [Health.DOWN, Health.QUARANTINED])
def test_f30_f32_p8_no_entry_leaves_once_who_permits_it_is_gone(agent: str, health: Health) -> None:
    """An approval that waits in execution is refused by name, and nothing is sent."""
    desk = a_desk()
    desk.say(a_health(agent, health), an_intent(), an_approval())
    desk.settle()

    assert reasons(desk) == [f"agent_unhealthy: {agent}"]
    assert desk.broker.sends == []


@pytest.mark.parametrize(
    ("agent", "health"),
    [("supervisor", Health.HEALTHY), ("risk", Health.DEGRADED), ("learner", Health.DOWN)],
)
def test_f30_who_works_or_permits_nothing_holds_nothing_back(agent: str, health: Health) -> None:
    """Only the absence of the supervisor or of risk ends entries here."""
    desk = a_desk()
    desk.say(a_health(agent, health))
    enter(desk)

    assert len(desk.broker.sends) == 1


def test_f30_an_agent_that_is_back_permits_again() -> None:
    """The latest word on its health holds, over a restart of execution too."""
    desk = a_desk()
    desk.say(a_health("risk", Health.DOWN))
    enter(desk)
    desk.say(a_health("risk", Health.HEALTHY))
    desk.restart()
    enter(desk, "EURUSD-2")

    assert [order.intent_id for order in desk.broker.sends] == ["EURUSD-2"]


def test_f30_exits_and_stops_leave_whoever_is_gone() -> None:
    """What reduces risk needs nobody's permission."""
    desk, ticket = a_desk_with_position()
    desk.say(*(a_health(agent, Health.DOWN) for agent in sorted(GUARDIANS)))
    desk.say(an_amendment(ticket))
    desk.settle()
    desk.say(an_exit(ticket))
    desk.settle()

    assert [order.purpose.value for order in desk.broker.sends] == ["entry", "amend", "exit"]
