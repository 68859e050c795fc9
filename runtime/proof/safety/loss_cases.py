"""Cases of the limits on losses, and of the rests that follow trades.

Losses are floating: the balance stays, equity falls. Each refusal must hold after a restart too,
because marks, counters and locks are facts.
"""

from functools import partial
from typing import Any, Final

from blackboard.facts.control import Restriction, TradingState
from blackboard.facts.execution import Outcome
from models.market.sessions import DAY_NS, MINUTE_NS, WEEK_NS
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    BID,
    EQUITY,
    NOON_NS,
    POINT,
    SYMBOLS,
    EntryScene,
    a_position,
    a_state,
    a_trade,
)
from runtime.proof.safety.scene import Answer

_ENTERED, _ELSEWHERE, _ = SYMBOLS
_CENT: Final = 0.01
_POINTS_OF_PIP: Final = 10


def _fall_to(scene: EntryScene, equity: float) -> Answer:
    scene.read_account(equity=equity)
    return scene.ask()


def _fall_by_week(scene: EntryScene, equity: float) -> Answer:
    """Fall on the next day's first reading, so that the day itself has no loss."""
    scene.at(NOON_NS + DAY_NS, equity=equity)
    return scene.ask()


def _fall_over_weeks(scene: EntryScene, equity: float) -> Answer:
    """Fall on the next week's first reading, so that neither day nor week has a loss."""
    scene.at(NOON_NS + WEEK_NS, equity=equity)
    return scene.ask()


def _fall_on_probation(scene: EntryScene, equity: float) -> Answer:
    """Fall almost to the second threshold, be let on, then fall further in another week."""
    almost = EQUITY * (1.0 - scene.settings.agents.risk.drawdown_halted) + 2.0 * _CENT
    scene.at(NOON_NS + WEEK_NS, equity=almost)
    scene.say(a_state(restrictions=(_PROBATION,)))
    scene.read_account()
    scene.at(NOON_NS + 2 * WEEK_NS, equity=equity)
    return scene.ask()


_PROBATION: Final = Restriction(
    scope="drawdown_reducing",
    state=TradingState.ACTIVE,
    since_ns=NOON_NS,
    evidence="",
    way_out="half risk until the probation ends",
    is_probation=True,
)


def _bind_margin(scene: EntryScene, margin: float) -> Answer:
    scene.read_account(margin=margin)
    return scene.ask()


def _lose(scene: EntryScene, count: int, wait_min: float = 0.0) -> Answer:
    for ticket in range(1, count + 1):
        scene.say(a_trade(_ELSEWHERE, -1.0, ticket))
        scene.settle()
    return _wait(scene, wait_min)


def _lose_all(scene: EntryScene, wait_min: float) -> Answer:
    return _lose(scene, scene.settings.agents.risk.consecutive_losses_max, wait_min)


def _close(scene: EntryScene, wait_min: float, **changes: Any) -> Answer:
    scene.say(a_trade(_ENTERED, 1.0, 1, **changes))
    return _wait(scene, wait_min)


def _wait(scene: EntryScene, minutes: float) -> Answer:
    scene.settle()
    if minutes:
        scene.at(scene.now_ns + int(minutes * MINUTE_NS))
    return scene.ask()


def _slip(scene: EntryScene, points: float, wait_min: float = 0.0) -> Answer:
    scene.settle_order(scene.verdict(), Outcome.FILLED, round(BID + points * POINT, 5))
    scene.say(a_position(_ENTERED, intent_id="proof-1"), a_position(_ENTERED, lots=0.0))
    return _wait(scene, wait_min)


def _slip_far(scene: EntryScene, wait_min: float) -> Answer:
    pips = scene.settings.agents.risk.slippage_pips_max
    return _slip(scene, pips * _POINTS_OF_PIP + 1, wait_min)


_case = partial(Case, stage=EntryScene)

CASES: Final = (
    _case(
        "agents.risk.daily_loss_max",
        "a floating loss since the day's start reaches the limit",
        "daily_loss_max",
        lambda scene, limit: _fall_to(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _fall_to(scene, EQUITY * (1.0 - limit)),
    ),
    _case(
        "agents.risk.weekly_loss_max",
        "a floating loss since the week's start reaches the limit, none of it today",
        "weekly_loss_max",
        lambda scene, limit: _fall_by_week(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _fall_by_week(scene, EQUITY * (1.0 - limit)),
    ),
    _case(
        "agents.risk.drawdown_reducing",
        "floating equity is the limit below the high-water mark, none of it this week",
        "drawdown_reducing",
        lambda scene, limit: _fall_over_weeks(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _fall_over_weeks(scene, EQUITY * (1.0 - limit)),
    ),
    _case(
        "agents.risk.drawdown_halted",
        "on probation after the first threshold, floating equity falls to the second",
        "drawdown_halted",
        lambda scene, limit: _fall_on_probation(scene, EQUITY * (1.0 - limit) + _CENT),
        lambda scene, limit: _fall_on_probation(scene, EQUITY * (1.0 - limit)),
        keeps=("drawdown_reducing",),
    ),
    _case(
        "agents.risk.margin_use_max",
        "the margin that is bound reaches its share of equity",
        "margin_use_max",
        lambda scene, limit: _bind_margin(scene, EQUITY * limit - _CENT),
        lambda scene, limit: _bind_margin(scene, EQUITY * limit),
    ),
    _case(
        "agents.risk.consecutive_losses_max",
        "losing trades in a row, in another symbol",
        "consecutive_losses_max",
        lambda scene, limit: _lose(scene, limit - 1),
        _lose,
        keeps=("losses_cooldown_min",),
        changes={"agents.risk.losses_cooldown_min": 240},
    ),
    _case(
        "agents.risk.losses_cooldown_min",
        "the last minute of the rest after them, and its end",
        "consecutive_losses_max",
        _lose_all,
        lambda scene, limit: _lose_all(scene, limit - 1),
        keeps=("consecutive_losses_max",),
        changes={"agents.risk.losses_cooldown_min": 240},
        is_off=0,
    ),
    _case(
        "agents.risk.entry_cooldown_min",
        "a trade of the symbol was closed: the last minute of its rest, and the end",
        "entry_cooldown_min",
        _close,
        lambda scene, limit: _close(scene, limit - 1),
        changes={"agents.risk.entry_cooldown_min": 30},
        is_off=0,
    ),
    _case(
        "agents.risk.stop_cooldown_min",
        "a trade of the symbol was stopped out: the last minute of its rest, and the end",
        "stop_cooldown_min",
        lambda scene, limit: _close(scene, limit, reason="stop"),
        lambda scene, limit: _close(scene, limit - 1, reason="stop"),
        changes={"agents.risk.stop_cooldown_min": 60},
        is_off=0,
    ),
    _case(
        "agents.risk.stop_side_cooldown_min",
        "the same for the side that was stopped out",
        "stop_side_cooldown_min",
        lambda scene, limit: _close(scene, limit, reason="stop"),
        lambda scene, limit: _close(scene, limit - 1, reason="stop"),
        changes={"agents.risk.stop_side_cooldown_min": 120},
        is_off=0,
    ),
    _case(
        "agents.risk.slippage_pips_max",
        "an entry was filled a point worse than allowed",
        "slippage_pips_max",
        lambda scene, limit: _slip(scene, limit * _POINTS_OF_PIP),
        lambda scene, limit: _slip(scene, limit * _POINTS_OF_PIP + 1),
        keeps=("slippage_cooldown_min",),
        changes={"agents.risk.slippage_cooldown_min": 60},
    ),
    _case(
        "agents.risk.slippage_cooldown_min",
        "the last minute of the rest after such a fill, and its end",
        "slippage_pips_max",
        _slip_far,
        lambda scene, limit: _slip_far(scene, limit - 1),
        keeps=("slippage_pips_max",),
        changes={"agents.risk.slippage_cooldown_min": 60},
        is_off=0,
    ),
)
