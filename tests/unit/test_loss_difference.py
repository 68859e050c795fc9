"""Comparing losses: by hand, and against the package that others use."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA

from models.learning.loss_difference import diebold_mariano, superior_predictive_ability


def test_diebold_mariano_by_hand() -> None:
    """Differences −1, −3, −1, −3: mean −2, variance 1, lag-one covariance −0.75."""
    loss, other = np.array([1.0, 0.0, 2.0, 1.0]), np.array([2.0, 3.0, 3.0, 4.0])

    plain = diebold_mariano(loss, other, horizon=1, lags=0)
    overlapping = diebold_mariano(loss, other, horizon=2, lags=1)

    # Error² = 1 / 4 / ((4 + 1 − 2)/4) = 1/3.
    assert plain.mean == -2.0
    assert plain.error == pytest.approx(math.sqrt(1.0 / 3.0))
    assert plain.p_value == pytest.approx(0.02020, abs=1e-4)  # t = −3.464 with 3 degrees
    # Variance 1 − 2·½·0.75 = ¼; factor (4 + 1 − 4 + 2/4)/4 = 0.375.
    assert overlapping.error == pytest.approx(math.sqrt(0.25 / 4.0 / 0.375))


def test_losses_that_do_not_differ_are_no_evidence() -> None:
    """Neither are those of a single row."""
    same = np.ones(10)

    assert diebold_mariano(same, same, horizon=1, lags=3).p_value == 1.0
    assert diebold_mariano(same[:1], 2.0 * same[:1], horizon=1, lags=0).p_value == 1.0
    assert superior_predictive_ability(same, same[:, None], seed=1) == 1.0


@pytest.mark.parametrize("edge", [0.0, 0.05, 0.1, 0.15])
def test_superior_predictive_ability_agrees_with_arch(edge: float) -> None:
    """The same p up to the draws of two bootstraps; arch does not studentise."""
    losses = np.random.default_rng(4).standard_normal((500, 8))
    losses[:, 0] -= edge
    benchmark = np.zeros(500)

    ours = superior_predictive_ability(benchmark, losses, seed=1)
    theirs = SPA(benchmark, losses, block_size=int(math.sqrt(500)), reps=1000, seed=1)
    theirs.compute()

    assert ours == pytest.approx(float(theirs.pvalues["consistent"]), abs=0.10)
