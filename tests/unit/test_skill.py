"""The record of probabilities: how good they were, and whether that is more than luck."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.learning.skill import auc, skill_of
from models.market.sessions import WEEK_NS

ROWS = 1_200
WEEKS = np.sort(np.random.default_rng(0).integers(0, 60, ROWS)) * WEEK_NS


def test_area_is_that_of_the_oracle() -> None:
    """Weighted areas under the curve are those of scikit-learn, ties included."""
    rng = np.random.default_rng(1)
    probability = np.round(rng.uniform(size=400), 1)
    outcome = (rng.uniform(size=400) < probability).astype(float)
    weight = rng.uniform(0.1, 1.0, 400)

    expected = roc_auc_score(outcome, probability, sample_weight=weight)

    assert auc(probability, outcome, weight) == pytest.approx(expected)


def test_one_kind_of_outcome_has_no_area() -> None:
    """Where there is no pair to rank, the area is that of a coin."""
    assert auc(np.array([0.1, 0.9]), np.ones(2), np.ones(2)) == 0.5


def test_skill_by_hand() -> None:
    """Forecasts of 0.8 and 0.7, right and wrong: (0.04 + 0.49) / 2, worse than a coin's 0.25."""
    skill = skill_of(
        np.array([0.8, 0.7]),
        np.array([1.0, 0.0]),
        np.ones(2),
        np.array([0, WEEK_NS]),
        np.random.default_rng(1),
    )

    assert skill.brier == pytest.approx(0.265)
    assert skill.brier_skill == pytest.approx(-0.06)
    assert skill.calibration_error == pytest.approx(0.45)  # 0.2 and 0.7 away, each half
    assert skill.auc_error == pytest.approx(0.577 / math.sqrt(2.0))


def test_true_probabilities_have_skill_and_are_calibrated() -> None:
    """Forecasts that are the chances themselves are above a coin at the lower end too."""
    rng = np.random.default_rng(2)
    probability = rng.uniform(0.2, 0.8, ROWS)
    outcome = (rng.uniform(size=ROWS) < probability).astype(float)

    skill = skill_of(probability, outcome, np.ones(ROWS), WEEKS, np.random.default_rng(1))

    assert skill.brier_skill_low > 0.0
    assert skill.calibration_error < 0.05
    assert len(skill.reliability) == 10
    assert sum(each.weight for each in skill.reliability) == pytest.approx(ROWS)


def test_luck_is_rarely_called_skill() -> None:
    """Of forecasts that know nothing at most every tenth has a lower end above a coin."""
    lucky = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        probability = rng.uniform(0.47, 0.53, ROWS)
        outcome = rng.integers(0, 2, ROWS).astype(float)
        skill = skill_of(probability, outcome, np.ones(ROWS), WEEKS, rng)
        lucky += skill.brier_skill_low > 0.0

    assert lucky <= 6


def test_outcomes_of_one_week_prove_nothing() -> None:
    """What happened within one week is one piece of luck."""
    skill = skill_of(
        np.full(50, 0.9), np.ones(50), np.ones(50), np.zeros(50, dtype=np.int64),
        np.random.default_rng(1),
    )  # fmt: skip

    assert skill.brier_skill > 0.9
    assert skill.brier_skill_low == -math.inf


def test_nothing_is_no_skill() -> None:
    """Without outcomes there is ignorance."""
    none = np.empty(0)

    skill = skill_of(none, none, none, np.empty(0, dtype=np.int64), np.random.default_rng(1))

    assert (skill.brier, skill.auc, skill.outcomes) == (0.25, 0.5, 0)
    assert skill.brier_skill_low == -math.inf
