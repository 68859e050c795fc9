"""Agents that start from what counts of the past answer like those that have read everything."""

import pytest

from agents.technical import TechnicalAgent
from blackboard.access import Recent
from blackboard.facts import TradeClosed
from models.market.sessions import HOUR_NS
from runtime.council import declarations
from tests.twins import twins_of

TRADES_MIN = 30
"""Closed trades that the weeks must have, for something to depend on the past."""


@pytest.mark.timeout(300)
def test_what_counts_is_enough() -> None:
    """Over weeks with trades and outages, every successor drafts and asks the same as its twin."""
    host = twins_of(seed=3, weeks=4)

    assert [difference for twin in host.twins for difference in twin.differences] == []
    declared = declarations(host.settings)
    bounded = {name for name, each in declared.items() if each.recent}
    assert {twin.name for twin in host.twins if twin.skipped and twin.steps > 1} == bounded
    trades = [item for item in host.board.read(0)[1] if isinstance(item.entry.fact, TradeClosed)]
    assert len(trades) >= TRADES_MIN


def test_a_span_too_short_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that sees only the last hour of what it depends on is found to differ."""
    recent = dict.fromkeys(TechnicalAgent.recent, Recent(HOUR_NS))
    monkeypatch.setattr(TechnicalAgent, "recent", recent)

    host = twins_of(seed=3, weeks=1)

    assert {name for twin in host.twins for name, *_ in twin.differences} == {"technical"}
