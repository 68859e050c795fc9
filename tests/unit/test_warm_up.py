"""What takes long to load is loaded before the first close, and nothing is learnt from it."""

import numpy as np
import pytest

from agents.agent import Agent, Inbox
from agents.learner import LearnerAgent
from agents.technical import WARM_UP_BARS, TechnicalAgent, warm_up_sample
from blackboard.facts import Timeframe
from config.settings import Settings
from models.decision.arbitration import calibrated
from models.market.bars import Window, empty_bars
from models.market.indicators import IndicatorPeriods, indicator_columns
from models.market.sample_bars import sample_bars
from models.market.validation import validate_bars
from models.opinion.components import nights
from tests.random_bars import M15_NS


def test_sample_bars_are_sound_and_reach_beyond_every_warm_up() -> None:
    """None is rejected, every indicator has a value, and a trading day begins among them."""
    bars = sample_bars(WARM_UP_BARS, M15_NS)

    outcome = validate_bars(
        bars,
        empty_bars(),
        now_ns=int(bars["close_ns"][-1]),
        length_ns=M15_NS,
        jump_atr_max=Settings().agents.data.jump_atr_max,
    )
    assert len(outcome.kept) == WARM_UP_BARS
    columns = indicator_columns(Window(bars), IndicatorPeriods())
    assert all(np.isfinite(column[-1]) for column in columns)
    assert len(nights(bars["close_ns"]))


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_night_is_computed_before_the_first(timeframe: Timeframe) -> None:
    """On M1 too, where the indicators' warm-up is over within a day."""
    assert len(nights(warm_up_sample(timeframe.length_ns)["close_ns"]))


@pytest.mark.parametrize("kind", [TechnicalAgent, LearnerAgent])
def test_a_warm_agent_wants_what_a_cold_one_wants(kind: type[Agent]) -> None:
    """It has seen nothing."""
    cold, warm = kind(Settings()), kind(Settings())

    warm.warm_up()

    assert warm.step(0, Inbox()) == cold.step(0, Inbox())


def test_the_learner_has_its_calibration_compiled_before_the_first_of_them() -> None:
    """Else its process takes 40 MB at once when a voter is calibrated first, months later."""
    LearnerAgent(Settings()).warm_up()

    assert calibrated.signatures
