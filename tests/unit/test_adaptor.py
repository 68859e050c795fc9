"""A promoted policy moves the parameters once a session, bounded, and an order follows."""

import json

import numpy as np
import pytest

from agents.learner import LearnerAgent
from agents.requests import ModelRead, ReadModel
from blackboard.entry import Draft
from blackboard.facts import ModelPromoted, ModelRolledBack, OrderIntent, ParametersChanged
from config.parameters import PARAMETERS, bounds_of
from config.settings import Settings
from models.learning.adaptation.context import SESSION_NS
from models.learning.adaptation.lattice import Space
from models.learning.adaptation.observation import NAMES
from models.learning.adaptation.policy import Council, Policy, files_of
from models.learning.best_params import FILE
from models.market.bars import BarArray
from models.market.sessions import DAY_NS, bar_open_ns
from tests.chamber import Chamber
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars
from tests.stage import Stage, bar_drafts, vote_draft

SYMBOL = "EURUSD"
VOTERS = ("technical.trend", "technical.reversion", "sentiment")
SETTINGS = Settings.model_validate({"symbols": (SYMBOL,)})
BOUNDS = np.array([bounds_of(name) for name in PARAMETERS])
SPACE = Space(
    BOUNDS[:, 0],
    BOUNDS[:, 1],
    np.array([getattr(SETTINGS.trading, name) for name in PARAMETERS]),
)
FRIDAY_NS = SUNDAY_OPEN_NS + 4 * DAY_NS
"""Thursday 17:00 New York."""


def pushing(*actions: float) -> Council:
    """Return a policy that always does the same."""
    size, hidden = len(NAMES), 4
    policy = Policy(
        np.zeros(size),
        np.ones(size),
        np.zeros((hidden, size)),
        np.zeros(hidden),
        np.zeros((hidden, hidden)),
        np.zeros(hidden),
        np.zeros((4, hidden)),
        np.array(actions),
    )
    return Council((policy,), SPACE, 0.1)


def searched(**values: float) -> dict[str, bytes]:
    """Return the file of a walk-forward winner."""
    content = {
        **{name: getattr(SETTINGS.trading, name) for name in PARAMETERS},
        "target_atr_multiplier": 0.0,
        "confluence_min": 0.0,
        **values,
    }
    return {FILE: json.dumps({"format": 1, "values": content}).encode()}


def promote(stage: Stage, bars: BarArray, family: str, files: dict[str, bytes]) -> None:
    """Promote a model from the second bar on, and let the learner load it."""
    now_ns = int(bars["close_ns"][0])
    promoted = ModelPromoted(
        scope=family,
        version=f"{family}/0123",
        content_hash="0" * 64,
        effective_from_ns=int(bars["close_ns"][1]),
    )
    stage.post("learner", now_ns, Draft(fact=promoted, ts_event_ns=now_ns))
    asked = [each for each in stage.turn(now_ns).requests if isinstance(each, ReadModel)]
    stage.turn(now_ns, [ModelRead(request=each, files=tuple(files.items())) for each in asked])


def play(stage: Stage, bars: BarArray, rows: range) -> None:
    """Post bars with everybody's votes, and let the learner follow."""
    for row in rows:
        now_ns = int(bars["close_ns"][row])
        stage.post("data", now_ns, *bar_drafts({SYMBOL: bars}, row))
        stage.turn(now_ns)
        for voter in VOTERS:
            author = "sentiment" if voter == "sentiment" else "technical"
            stage.post(author, now_ns, vote_draft(SYMBOL, now_ns, 0.5, voter=voter))
        stage.turn(now_ns)


@pytest.fixture(scope="module")
def bars() -> BarArray:
    """Return two trading days of bars, the second in another week."""
    return random_bars(2 * 96, seed=3, from_ns=FRIDAY_NS)


def a_stage() -> Stage:
    """Return the learner before an empty board."""
    return Stage(lambda: LearnerAgent(SETTINGS))


def test_nothing_is_said_without_a_promotion(bars: BarArray) -> None:
    """The settings hold by themselves."""
    stage = a_stage()
    play(stage, bars, range(50))

    assert stage.facts(ParametersChanged) == []


def test_a_policy_moves_once_a_session_and_a_week_bounds_it(bars: BarArray) -> None:
    """First the base, then a tenth of the range a session, and no more than 0.15 in a week."""
    slow = Settings.model_validate(
        {
            "symbols": (SYMBOL,),
            "agents": {"learner": {"adaptation": {"week_move_frac": 0.15}}},
        }
    )
    stage = Stage(lambda: LearnerAgent(slow))
    promote(stage, bars, "ppo", files_of(pushing(0.0, 1.0, 0.0, 0.0)))
    play(stage, bars, range(1, len(bars)))

    said = stage.entries(ParametersChanged)
    # The range is 2.5 to 4. The promotion holds from Friday's second session on; the week after
    # begins at 3.15 and may come to 3.375, with which its third session has nothing to say.
    assert [each.fact.min_rr_ratio for each in said] == pytest.approx([3.0, 3.15, 3.3, 3.375])
    assert {each.fact.origin for each in said} == {"ppo/0123 over settings"}
    assert all(
        each.ts_event_ns == bar_open_ns(each.ts_event_ns - 1, SESSION_NS) + M15_NS for each in said
    )
    assert all(each.fact.effective_from_ns > each.ts_event_ns for each in said)


def test_the_walk_forward_base_goes_before_the_policy(bars: BarArray) -> None:
    """A policy starts from what the search found, which the settings' bounds have clipped."""
    stage = a_stage()
    found = searched(min_rr_ratio=9.0, atr_multiplier=2.0, target_atr_multiplier=7.0)
    promote(stage, bars, "walkforward", found)
    play(stage, bars, range(1, 40))
    promote(stage, bars[40:], "ppo", files_of(pushing(0.0, -1.0, 0.0, 0.0)))
    play(stage, bars, range(41, 110))

    said = stage.facts(ParametersChanged)
    assert (said[0].origin, said[0].min_rr_ratio) == ("walkforward/0123", 4.0)
    assert (said[0].atr_multiplier, said[0].target_atr_multiplier) == (2.0, 7.0)
    assert said[1].origin == "ppo/0123 over walkforward/0123"
    assert said[1].min_rr_ratio == pytest.approx(4.0 - 0.15)
    assert said[1].target_atr_multiplier == 7.0


def test_a_rollback_gives_the_settings_back(bars: BarArray) -> None:
    """Where the policy is taken back, its parameters are too, at the next session."""
    stage = a_stage()
    promote(stage, bars, "ppo", files_of(pushing(1.0, 0.0, 0.0, 0.0)))
    play(stage, bars, range(1, 60))
    now_ns = int(bars["close_ns"][59])
    rolled = ModelRolledBack(
        scope="ppo",
        version="",
        replaced_version="ppo/0123",
        reason="asked",
        effective_from_ns=now_ns + 1,
    )
    stage.post("learner", now_ns, Draft(fact=rolled, ts_event_ns=now_ns))
    play(stage, bars, range(60, 100))

    last = stage.facts(ParametersChanged)[-1]
    assert last.origin == "settings"
    assert last.min_confidence == SETTINGS.trading.min_confidence


def test_a_rebuilt_learner_says_the_same(bars: BarArray) -> None:
    """What it does next follows from the facts alone."""
    files = files_of(pushing(0.0, 0.5, -0.5, 0.2))
    stages = a_stage(), a_stage()
    for stage in stages:
        promote(stage, bars, "ppo", files)
        play(stage, bars, range(1, 75))
    rebuilt, other = stages
    now_ns = int(bars["close_ns"][74])
    asked = [each for each in rebuilt.rebuild(now_ns).requests if isinstance(each, ReadModel)]
    rebuilt.turn(now_ns, [ModelRead(request=each, files=tuple(files.items())) for each in asked])
    for stage in stages:
        play(stage, bars, range(75, 170))

    assert rebuilt.facts(ParametersChanged) == other.facts(ParametersChanged)
    assert len(other.facts(ParametersChanged)) > 3


def test_a_change_is_followed_into_an_order(bars: BarArray) -> None:
    """The next order's distances are the policy's, and its lineage names the change."""
    stage = a_stage()
    promote(stage, bars, "ppo", files_of(pushing(-1.0, 1.0, 1.0, 0.0)))
    play(stage, bars, range(1, 70))
    changed = stage.facts(ParametersChanged)[-1]
    chamber = Chamber()
    changed = replace_time(changed, chamber.now_ns)

    chamber.say("learner", changed)
    chamber.hear_close(trend=0.7, reversion=0.7)
    chamber.settle()

    intent = chamber.last(OrderIntent)
    atr = 0.002
    assert changed.atr_multiplier > SETTINGS.trading.atr_multiplier
    assert intent.stop_distance == pytest.approx(changed.atr_multiplier * atr)
    assert intent.target_distance == pytest.approx(changed.min_rr_ratio * intent.stop_distance)
    (cause,) = chamber.entries(ParametersChanged)
    (entry,) = chamber.entries(OrderIntent)
    lineage = {each.seq for each in chamber.board.lineage(entry.seq)}
    assert cause.seq in lineage


def replace_time(fact: ParametersChanged, now_ns: int) -> ParametersChanged:
    """Return parameters that are in force at a moment."""
    import msgspec

    return msgspec.structs.replace(fact, effective_from_ns=now_ns)
