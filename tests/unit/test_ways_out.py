"""The ways out of a drawdown, gone by risk, learner and supervisor together on one board.

The account is flat throughout: equity does not move by itself, so only what the states permit can
lead back to trading.
"""

import pytest

from agents.learner import LearnerAgent
from agents.risk import RiskAgent
from agents.supervisor import SupervisorAgent
from blackboard.facts import (
    ACCOUNT,
    EquityMark,
    GateReport,
    LimitBreached,
    OperatorCommand,
    RetrainRequested,
    TradingStateChanged,
    TrainingSkipped,
)
from blackboard.facts.control import Command, TradingState
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, WEEK_NS
from runtime.proof.safety.entry_scene import NOON_NS, EntryScene

COUNCIL = (RiskAgent, LearnerAgent, SupervisorAgent)
BREACH_NS = NOON_NS + WEEK_NS
"""A Wednesday noon in another week, so that neither day nor week has a loss."""
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def a_scene(equity: float) -> EntryScene:
    """Return the council after an account of 10,000 has come down to an equity, flat."""
    scene = EntryScene(Settings(), COUNCIL)
    assert scene.ask().reason == ""
    scene.at(BREACH_NS, equity=equity, balance=equity)
    return scene


def state(scene: EntryScene) -> TradingStateChanged:
    """Return the trading state that holds."""
    latest = scene.facts(TradingStateChanged)[-1]
    assert isinstance(latest, TradingStateChanged)
    return latest


def is_probation(scene: EntryScene) -> bool:
    """Return whether trading is on trial."""
    return any(restriction.is_probation for restriction in state(scene).restrictions)


def marks(scene: EntryScene) -> set[float]:
    """Return all high-water marks since the first."""
    facts = scene.facts(EquityMark)
    return {fact.high_water_mark for fact in facts if isinstance(fact, EquityMark)}


def count(scene: EntryScene, limit: str) -> int:
    """Return how often a limit was breached."""
    facts = scene.facts(LimitBreached)
    return sum(isinstance(fact, LimitBreached) and fact.limit == limit for fact in facts)


def resume(scene: EntryScene) -> None:
    """Let a person say that trading may go on."""
    scene.say(OperatorCommand(scope=ACCOUNT, command=Command.RESUME, origin="cli"))
    scene.settle()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_refused_candidate_and_an_unchanged_drawdown_lead_back(*, restarts: bool) -> None:
    """REDUCING, the incumbent stays, cooldown, probation, ACTIVE; the high-water mark is kept."""
    scene = a_scene(8_990.0)

    def at(now_ns: int) -> TradingState:
        if restarts:
            scene.restart()
        scene.at(now_ns)
        return state(scene).state

    assert state(scene).state is REDUCING
    assert scene.ask().reason == "trading_state"
    assert len(scene.facts(RetrainRequested)) == 1
    assert scene.facts(TrainingSkipped)  # nobody has a candidate
    assert not any(getattr(fact, "is_promoted", False) for fact in scene.facts(GateReport))

    assert at(BREACH_NS + 23 * HOUR_NS) is REDUCING
    assert at(BREACH_NS + 25 * HOUR_NS) is ACTIVE
    assert is_probation(scene)
    mark = scene.facts(EquityMark)[-1]
    assert isinstance(mark, EquityMark)
    assert (mark.probation_mark, mark.drawdown_frac) == (8_990.0, 0.101)
    # Against its own mark there is no drawdown, and half of 0.5 % is risked: 22.475 / 217.
    assert scene.ask().order == "BUY EURUSD 0.10 lots"

    assert at(BREACH_NS + 5 * DAY_NS) is ACTIVE
    assert state(scene).restrictions == ()
    assert scene.ask().reason == ""
    assert marks(scene) == {10_000.0}
    assert count(scene, "drawdown_reducing") == 1


def test_a_probation_that_fails_begins_the_way_anew() -> None:
    """Ten percent below the probation's own mark: REDUCING, and another candidate is asked for."""
    # 10 % below 8,990 is 8,091, beyond the second threshold of the high-water mark, so it stands
    # wider here: what is tested is the first.
    wide = {"agents": {"risk": {"drawdown_halted": 0.4}}}
    scene = EntryScene(Settings.model_validate(wide), COUNCIL)
    scene.at(BREACH_NS, equity=8_990.0)
    scene.at(BREACH_NS + 25 * HOUR_NS)
    assert is_probation(scene)
    scene.at(BREACH_NS + 26 * HOUR_NS, equity=8_095.0)
    assert is_probation(scene)
    scene.at(BREACH_NS + 27 * HOUR_NS, equity=8_091.0)

    assert state(scene).state is REDUCING
    assert not is_probation(scene)
    assert scene.ask().reason == "trading_state"
    assert len(scene.facts(RetrainRequested)) == 2
    scene.at(BREACH_NS + 52 * HOUR_NS)
    assert is_probation(scene)
    assert marks(scene) == {10_000.0}


def test_above_the_second_threshold_only_a_person_leads_back() -> None:
    """Verdict and time change nothing; after a resume the probation begins, half a year later."""
    scene = a_scene(8_500.0)
    assert state(scene).state is HALTED

    scene.at(BREACH_NS + 26 * WEEK_NS)
    assert state(scene).state is HALTED
    assert scene.ask().reason == "trading_state"
    scene.restart()
    scene.at(BREACH_NS + 26 * WEEK_NS + HOUR_NS)
    assert state(scene).state is HALTED

    resume(scene)
    assert (state(scene).state, is_probation(scene)) == (ACTIVE, True)
    scene.at(scene.now_ns + HOUR_NS)
    assert scene.ask().order == "BUY EURUSD 0.09 lots"  # 8,500 × 0.0025 / 217 = 0.0979
    scene.at(scene.now_ns + 73 * HOUR_NS)
    assert state(scene).restrictions == ()
    assert marks(scene) == {10_000.0}


def test_a_resume_during_the_cooldown_lifts_the_halt_and_nothing_else() -> None:
    """Judgement and cooldown are gone through as after the first threshold."""
    scene = a_scene(8_500.0)
    scene.at(BREACH_NS + HOUR_NS)

    resume(scene)

    assert state(scene).state is REDUCING
    scene.at(BREACH_NS + 25 * HOUR_NS)
    assert is_probation(scene)
