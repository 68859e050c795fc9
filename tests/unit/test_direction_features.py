"""What direction models look at: the past alone, as the signal's side sees it."""

import math

import numpy as np
import pytest

from agents.technical import rule_settings
from config.settings import Settings
from models.opinion.components import RecordTerms
from models.opinion.direction_features import (
    CHANNELS,
    LOOK_BACK_BARS,
    SEQUENCE_BARS,
    feature_names,
    mean_true_range,
)
from models.opinion.direction_rows import Inputs, inputs_of
from models.opinion.meta_label import ensemble_scores
from models.opinion.signals import RuleWindow
from tests.random_bars import M15_NS, random_bars

RULES = rule_settings(Settings().timeframe, Settings().agents.technical)
NAMES = feature_names(tuple(name for name, _ in RULES.timeframes))
BARS = random_bars(1_700)
RECORDS = RecordTerms(2.5, 64, 50.0, 0.0)
SIGNED = [place for place, name in enumerate(NAMES) if name.split("_")[0] in ("return", "distance")]


def window(count: int) -> RuleWindow:
    """Return the rules over the first bars."""
    return RuleWindow(BARS[:count], RULES.timeframes, RULES.periods, RECORDS)


@pytest.fixture(scope="module")
def whole() -> RuleWindow:
    """Give the rules over all bars."""
    return window(len(BARS))


def asked(rules: RuleWindow, rows: list[int], side: float = 1.0) -> Inputs:
    """Return what some rows look like from one side."""
    return inputs_of(rules, "EURUSD", M15_NS, np.array(rows), np.full(len(rows), side))


def test_row_does_not_change_when_later_bars_come(whole: RuleWindow) -> None:
    """Every feature and sequence of a row is bit-identical in a window that ends with it."""
    for row in (1_300, 1_400, 1_500):
        late, then = asked(whole, [row]), asked(window(row + 1), [row])

        assert np.array_equal(late.features, then.features)
        assert np.array_equal(late.sequences, then.sequences)


def test_row_is_the_same_alone_and_among_others(whole: RuleWindow) -> None:
    """An agent asks for one row, a training for all: both get the same bits."""
    rows = [1_300, 1_350, 1_450, 1_600]
    together = asked(whole, rows)

    for place, row in enumerate(rows):
        alone = asked(whole, [row])
        assert np.array_equal(alone.features[0], together.features[place])
        assert np.array_equal(alone.sequences[0], together.sequences[place])


def test_market_features_do_not_depend_on_where_a_window_begins() -> None:
    """A training over months and the window of a week see the same prices, to the last bit."""
    later = RuleWindow(BARS[500:], RULES.timeframes, RULES.periods, RECORDS)

    whole, cut = asked(window(1_700), [1_650]), asked(later, [1_150])

    prices = NAMES.index("calm") + 1
    assert np.array_equal(whole.features[:, :prices], cut.features[:, :prices])


def test_other_side_sees_the_mirror_image(whole: RuleWindow) -> None:
    """What has a direction turns its sign with the side, and what has none stays."""
    long, short = asked(whole, [1_500], 1.0), asked(whole, [1_500], -1.0)

    for place, name in enumerate(NAMES):
        is_neutral = name in ("calm", "score", "hour_sin", "hour_cos") or "trendiness" in name
        expected = long.features[0, place] * (1.0 if is_neutral else -1.0)
        assert short.features[0, place] == expected, name
    signs = np.array([-1.0, 1.0, -1.0, -1.0, 1.0, 1.0])
    assert np.array_equal(short.sequences, long.sequences * signs)


def test_return_is_in_ranges_by_hand(whole: RuleWindow) -> None:
    """Four bars' return over the mean range of 14 bars times √4."""
    row, close = 1_500, BARS["close"]
    before = close[row - 14 : row]
    highs = np.maximum(BARS["high"][row - 13 : row + 1], before)
    unit = np.mean(highs - np.minimum(BARS["low"][row - 13 : row + 1], before))

    found = asked(whole, [row]).features[0, NAMES.index("return_4")]

    assert found == pytest.approx((close[row] - close[row - 4]) / (unit * 2.0))
    assert unit == pytest.approx(mean_true_range(BARS["high"], BARS["low"], close, row, 14))


def test_early_row_and_still_market_have_no_features(whole: RuleWindow) -> None:
    """Before the look-back, and where nothing has moved, features are NaN, never an error."""
    still = random_bars(400)
    for name in ("open", "high", "low", "close"):
        still[name] = 1.1
    flat = RuleWindow(still, RULES.timeframes, RULES.periods, RECORDS)

    assert np.isnan(asked(whole, [LOOK_BACK_BARS - 1]).features).any()
    assert np.isnan(asked(flat, [350]).features).any()
    assert asked(flat, [350]).sequences.shape == (1, SEQUENCE_BARS, len(CHANNELS))


def test_features_are_stationary_in_scale() -> None:
    """Prices a hundred times as high, as of a yen pair, look the same."""
    scaled = BARS.copy()
    for name in ("open", "high", "low", "close"):
        scaled[name] *= 100.0
    other = RuleWindow(scaled, RULES.timeframes, RULES.periods, RECORDS)

    one, same = asked(window(1_700), [1_600]), asked(other, [1_600])

    assert np.allclose(one.features, same.features, atol=1e-6)
    assert np.allclose(one.sequences, same.sequences, atol=1e-6)


def test_score_is_that_of_the_rules(whole: RuleWindow) -> None:
    """The feature is the size of the score that made the signal."""
    scores = ensemble_scores(whole.said(slice(None)))

    found = asked(whole, [1_500]).features[0, NAMES.index("score")]

    assert math.isclose(found, abs(scores[1_500]))
    assert len(SIGNED) == 10
