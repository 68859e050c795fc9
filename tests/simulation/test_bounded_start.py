"""Agents that start from what counts of the past answer like those that have read everything."""

import pytest

from agents.learner import LearnerAgent
from agents.scores import age
from agents.technical import TechnicalAgent
from agents.training.live_losses import ADWIN, LOSS, ROLLBACK
from blackboard.access import Recent
from blackboard.facts import (
    DriftDetected,
    ModelPromoted,
    ModelRolledBack,
    TradeClosed,
    TradingStateChanged,
)
from models.market.sessions import DAY_NS, HOUR_NS
from runtime.council import declarations
from tests.stage import Stage
from tests.twins import twins_of
from tests.unit.test_live_losses import CLOSES_NS, FIRST, SECOND, WEEKLY, Desk

TRADES_MIN, CHANGES_MIN = 30, 10
"""Closed trades, and changes of the trading state, that the weeks must have to depend on."""


@pytest.mark.timeout(300)
def test_what_counts_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every successor drafts and asks the same as its twin.

    Over weeks with trades, outages, a person's commands, agents down and a drawdown's whole path;
    and the learner keeps less than they have.
    """
    monkeypatch.setattr(age, "KEPT_CLOSES", 90)
    monkeypatch.setattr(age, "OPEN_CLOSES", 50)
    monkeypatch.setattr(age, "PAUSE_NS", 0)
    monkeypatch.setattr(age, "FORTNIGHT", Recent(4 * DAY_NS))
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


def test_a_learner_that_starts_from_what_counts_comes_to_the_same_verdicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Restarted every third day over models in shadow, that are taken back, and that drift.

    It posts the same facts, at the same times under the same keys, as one that never was.
    """
    monkeypatch.setattr(age, "KEPT_CLOSES", 600)
    monkeypatch.setattr(age, "OPEN_CLOSES", 16)
    monkeypatch.setattr(age, "PAUSE_NS", 0)
    monkeypatch.setattr(age, "FORTNIGHT", Recent(3 * DAY_NS))

    steady, none_skipped = weeks_of_models(is_restarted=False)
    restarted, skipped = weeks_of_models(is_restarted=True)

    assert skipped > len(CLOSES_NS) > none_skipped == 0
    for kind in LearnerAgent.posts:
        assert steady.entries(kind) == restarted.entries(kind)
    assert {fact.statistic for fact in steady.facts(DriftDetected)} == {ADWIN, LOSS}
    assert [fact.version for fact in steady.facts(ModelPromoted)] == [FIRST, SECOND]
    reasons = [fact.reason.partition(":")[0] for fact in steady.facts(ModelRolledBack)]
    assert reasons == [ROLLBACK]


def weeks_of_models(*, is_restarted: bool) -> tuple[Stage, int]:
    """Return six weeks of two models, and how many entries the restarted did not have to see."""
    desk = Desk(shadow_days_min=1.0, shadow_outcomes_min=8)
    skipped = 0

    def run(days: int, errors: dict[str, float]) -> None:
        nonlocal skipped
        for _ in range(days // 3):
            desk.run(3.0, errors, noise=0.1)
            if is_restarted:
                skipped += desk.stage.restart(CLOSES_NS[desk.row])

    desk.graduate(FIRST, loss=1e-3)
    run(3, {WEEKLY: 3.0, f"shadow:{FIRST}": 1.5})
    run(9, {FIRST: 1.5, WEEKLY: 3.0})
    desk.promote(SECOND)
    run(6, {SECOND: 2.0, FIRST: 1.5, WEEKLY: 3.0})
    for step in range(8):
        run(3, {FIRST: 1.5 * 1.2**step, WEEKLY: 9.0})
    return desk.stage, skipped
