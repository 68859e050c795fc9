"""Cases of the way out of a drawdown, over the agents that go it: risk, learner, supervisor."""

from functools import partial
from math import floor
from typing import Final

from agents.learner import LearnerAgent
from agents.risk import RiskAgent
from agents.supervisor import SupervisorAgent
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import EQUITY, NOON_NS, SYMBOLS, EntryScene, a_spec
from runtime.proof.safety.scene import Answer
from runtime.proof.safety.size_cases import STEP_LOTS, lots_of

COUNCIL: Final = (RiskAgent, LearnerAgent, SupervisorAgent)

_WEEKS: Final = 20
_ASKED_NS: Final = NOON_NS + _WEEKS * WEEK_NS
"""Middle of a week, so far off that the longest way out of a breach can end there."""
_CENT: Final = 0.01
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


def _answered(scene: EntryScene, equity: float, *, weeks: int = 0, days: int = 0) -> Answer:
    """Ask a minute after a fall that the supervisor has heard of, nothing of it realised."""
    scene.at(NOON_NS + weeks * WEEK_NS + days * DAY_NS, equity=equity)
    scene.at(scene.now_ns + MINUTE_NS)
    return scene.ask()


def _answered_by_halt(scene: EntryScene, equity: float) -> Answer:
    """Fall beyond the first threshold, almost to the second; go the way out, then fall further."""
    almost = EQUITY * (1.0 - scene.settings.agents.risk.drawdown_halted) + 2.0 * _CENT
    scene.at(NOON_NS + WEEK_NS, equity=almost)
    scene.at(_ASKED_NS)
    return _answered(scene, equity, weeks=_WEEKS + 1)


def _bound(scene: EntryScene, margin: float) -> Answer:
    scene.read_account(margin=margin)
    return _answered(scene, EQUITY)


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
    Case(
        "agents.risk.daily_loss_max",
        "the same, answered by the supervisor: REDUCING until the next trading day",
        "trading_state",
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit)),
        stage=control_scene,
    ),
    Case(
        "agents.risk.weekly_loss_max",
        "the same, answered by the supervisor: REDUCING until the next trading week",
        "trading_state",
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit) + _CENT, days=1),
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit), days=1),
        stage=control_scene,
    ),
    Case(
        "agents.risk.drawdown_reducing",
        "the same, answered by the supervisor: REDUCING until judgement and cooldown are over",
        "trading_state",
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit) + _CENT, weeks=1),
        lambda scene, limit: _answered(scene, EQUITY * (1.0 - limit), weeks=1),
        stage=control_scene,
        changes={"agents.supervisor.cooldown_hours": 24},
    ),
    Case(
        "agents.risk.drawdown_halted",
        "after the way out of the first threshold: HALTED until a person resumes",
        "trading_state",
        lambda scene, limit: _answered_by_halt(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _answered_by_halt(scene, EQUITY * (1.0 - limit)),
        stage=control_scene,
        keeps=("drawdown_reducing",),
    ),
    Case(
        "agents.risk.margin_use_max",
        "the same, answered by the supervisor: REDUCING until the next trading day",
        "trading_state",
        lambda scene, limit: _bound(scene, EQUITY * limit - _CENT),
        lambda scene, limit: _bound(scene, EQUITY * limit),
        stage=control_scene,
    ),
)
