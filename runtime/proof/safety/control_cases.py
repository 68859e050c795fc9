"""Cases of the way out of a drawdown, over the agents that go it: risk, learner, supervisor."""

from functools import partial
from math import floor
from typing import Final

from agents.learner import LearnerAgent
from agents.risk import RiskAgent
from agents.supervisor import SupervisorAgent
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS, WEEK_NS
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import EQUITY, NOON_NS, SYMBOLS, EntryScene, a_spec
from runtime.proof.safety.scene import Answer
from runtime.proof.safety.size_cases import STEP_LOTS, lots_of

COUNCIL: Final = (RiskAgent, LearnerAgent, SupervisorAgent)

_ASKED_NS: Final = NOON_NS + 10 * WEEK_NS
"""Middle of a week, so far off that the longest way out of a breach can end there."""
_FALL: Final = 1.001
"""Loss of equity as a multiple of the first threshold."""


def control_scene(settings: Settings) -> EntryScene:
    """Return a scene whose trading state is the supervisor's own."""
    return EntryScene(settings, COUNCIL)


def _after_breach(scene: EntryScene, hours: float) -> Answer:
    """Ask so many hours after a drawdown that every candidate was refused for."""
    equity = _equity(scene)
    scene.at(_ASKED_NS - int(hours * HOUR_NS), equity=equity, balance=equity)
    return _ask_at(scene)


def _ask_at(scene: EntryScene) -> Answer:
    scene.at(_ASKED_NS)
    return scene.ask()


def _equity(scene: EntryScene) -> float:
    return EQUITY * (1.0 - _FALL * scene.settings.agents.risk.drawdown_reducing)


def _after_probation(scene: EntryScene, hours: float, early_min: float = 0.0) -> Answer:
    """Ask for a size that only full risk reaches, when a probation of so many hours is to end."""
    early_hours = early_min * MINUTE_NS / HOUR_NS
    equity = _equity(scene)
    whole = lots_of(scene.settings, equity, scene.settings.agents.risk.risk_frac_min)
    cooldown_hours = scene.settings.agents.supervisor.cooldown_hours
    scene.at(
        _ASKED_NS - int((cooldown_hours + hours - early_hours) * HOUR_NS),
        equity=equity,
        balance=equity,
    )
    scene.at(_ASKED_NS - int((hours - early_hours) * HOUR_NS))  # the probation gets its mark
    scene.say(a_spec(SYMBOLS[0], volume_min_lots=floor(whole / STEP_LOTS) * STEP_LOTS))
    return _ask_at(scene)


_case = partial(
    Case,
    stage=control_scene,
    keeps=("drawdown_reducing", "drawdown_halted"),
)

CASES: Final = (
    _case(
        "agents.supervisor.cooldown_hours",
        "a drawdown, the candidate refused, still flat: the last minute of the cooldown, its end",
        "trading_state",
        _after_breach,
        lambda scene, limit: _after_breach(scene, limit - MINUTE_NS / HOUR_NS),
        changes={"agents.supervisor.cooldown_hours": 24},
        is_off=0,
    ),
    _case(
        "agents.supervisor.probation_hours",
        "the last minute at half risk and the end of it; the broker takes no less than full risk",
        "below_minimum_lot",
        _after_probation,
        lambda scene, limit: _after_probation(scene, limit, 1.0),
    ),
)
