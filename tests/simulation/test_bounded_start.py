"""Agents that start from what counts of the past answer like those that have read everything."""

import pytest

from agents.technical import TechnicalAgent
from blackboard.access import Recent
from blackboard.facts import TradeClosed, TradingStateChanged
from models.market.sessions import HOUR_NS
from runtime.council import declarations
from tests.twins import twins_of

TRADES_MIN, CHANGES_MIN = 30, 10
"""Closed trades, and changes of the trading state, that the weeks must have to depend on."""


@pytest.mark.timeout(300)
def test_what_counts_is_enough() -> None:
    """Every successor drafts and asks the same as its twin.

    Over weeks with trades, outages, a person's commands, agents down and a drawdown's whole path.
    """
    limits = {"drawdown_reducing": 0.005, "drawdown_halted": 0.02, "drawdown_sizing": 0.005}
    host = twins_of(seed=3, weeks=4, **limits)

    assert [difference for twin in host.twins for difference in twin.differences] == []
    declared = declarations(host.settings)
    bounded = {name for name, each in declared.items() if each.recent}
    assert {twin.name for twin in host.twins if twin.skipped and twin.steps > 1} == bounded
    facts = [item.entry.fact for item in host.board.read(0)[1]]
    assert sum(isinstance(fact, TradeClosed) for fact in facts) >= TRADES_MIN
    assert sum(isinstance(fact, TradingStateChanged) for fact in facts) >= CHANGES_MIN


def test_a_span_too_short_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that sees only the last hour of what it depends on is found to differ."""
    recent = dict.fromkeys(TechnicalAgent.recent, Recent(HOUR_NS))
    monkeypatch.setattr(TechnicalAgent, "recent", recent)

    host = twins_of(seed=3, weeks=1)

    assert {name for twin in host.twins for name, *_ in twin.differences} == {"technical"}
