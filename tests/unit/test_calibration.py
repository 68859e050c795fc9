"""Labels, their weights, and the fit."""

import math

import numpy as np
import pytest

from models.opinion.calibration import UNFITTED, first_barrier, fit_calibration, uniqueness


def judge(
    high: list[float], low: list[float], close: list[float], distance: float, horizon: int
) -> tuple[float, int]:
    """Judge row 0."""
    labels, ends = first_barrier(
        np.array(high), np.array(low), np.array(close), np.array([0]), np.array([distance]), horizon
    )
    return float(labels[0]), int(ends[0])


def test_upper_barrier_first() -> None:
    """The bar that touches the upper barrier decides, whatever comes after."""
    # reference 10, barriers 8 and 12: bar 2 reaches 12, bar 3 would reach 8
    assert judge([10, 11, 12, 9], [10, 9, 10, 8], [10, 10, 11, 8], 2.0, 3) == (1.0, 2)


def test_lower_barrier_first() -> None:
    """Symmetric to the upper one."""
    assert judge([10, 11, 10, 12], [10, 9, 8, 9], [10, 10, 9, 12], 2.0, 3) == (0.0, 2)


def test_both_barriers_in_one_bar_count_by_its_close() -> None:
    """The order inside a bar is unknown; its close tells."""
    assert judge([10, 13], [10, 7], [10, 11], 2.0, 1) == (1.0, 1)
    assert judge([10, 13], [10, 7], [10, 9], 2.0, 1) == (0.0, 1)


def test_undecided_counts_by_the_sign_at_the_horizon() -> None:
    """Without a touch the last close decides; no move at all is half of either."""
    assert judge([10, 11, 11], [10, 9, 9], [10, 9, 10.5], 2.0, 2) == (1.0, 2)
    assert judge([10, 11, 11], [10, 9, 9], [10, 11, 9.5], 2.0, 2) == (0.0, 2)
    assert judge([10, 11, 11], [10, 9, 9], [10, 11, 10], 2.0, 2) == (0.5, 2)


def test_an_incomplete_horizon_has_no_label() -> None:
    """Not even where a barrier was touched: such rows would be a biased choice."""
    label, end = judge([10, 13], [10, 10], [10, 13], 2.0, 2)

    assert math.isnan(label)
    assert end == 0


def test_a_row_without_range_has_no_label() -> None:
    """A warm-up row is not judged."""
    label, _ = judge([10, 13], [10, 10], [10, 13], math.nan, 1)

    assert math.isnan(label)


def test_uniqueness_is_one_over_the_labels_alive() -> None:
    """Each bar of a label's life is shared by the labels that live on it."""
    # label 0 lives on bars 1, 2; label 1 on bars 2, 3; label 2 on bar 6
    weights = uniqueness(np.array([0, 1, 5]), np.array([2, 3, 6]))

    assert weights.tolist() == [0.75, 0.75, 1.0]  # (1 + 1/2) / 2, (1/2 + 1) / 2, 1


def test_fit_without_ridge_reproduces_the_frequencies() -> None:
    """Two scores have two parameters, so the fit is exact: 3 of 4 up at +1, 1 of 4 at -1."""
    scores = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
    labels = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])

    fit = fit_calibration(scores, labels, np.ones(8), ridge_rows=0.0)

    assert fit.slope == pytest.approx(math.log(3.0))  # logit of 3/4
    assert fit.intercept == pytest.approx(0.0, abs=1e-12)
    assert fit.probability_up(1.0) == pytest.approx(0.75)
    assert fit.brier == pytest.approx(0.1875)  # (6 * 0.25**2 + 2 * 0.75**2) / 8
    assert (fit.rows, fit.rows_effective, fit.base_rate) == (8, 8.0, 0.5)
    assert fit.slope_error == pytest.approx(1.0 / math.sqrt(8 * 0.1875))


def test_ridge_pulls_towards_ignorance() -> None:
    """More rows of ridge, less claim; scaling the score changes no probability."""
    scores = np.repeat([1.0, -1.0], 40)
    labels = np.repeat([1.0, 0.0], 40)
    weights = np.ones(80)

    light = fit_calibration(scores, labels, weights, 10.0).probability_up(1.0)
    heavy = fit_calibration(scores, labels, weights, 1000.0).probability_up(1.0)
    scaled = fit_calibration(scores * 0.1, labels, weights, 10.0).probability_up(0.1)

    assert 0.5 < heavy < light < 1.0
    assert scaled == pytest.approx(light)


def test_a_contrary_score_gets_a_negative_slope() -> None:
    """The fit shows that a family is wrong; it does not turn it round."""
    scores = np.repeat([1.0, -1.0], 40)

    assert fit_calibration(scores, np.repeat([0.0, 1.0], 40), np.ones(80), 10.0).slope < 0.0


def test_nothing_is_learnt_from_no_rows() -> None:
    """No row, or no score but 0, leaves the fit at ignorance."""
    assert fit_calibration(np.array([]), np.array([]), np.array([]), 50.0) == UNFITTED
    assert fit_calibration(np.zeros(3), np.ones(3), np.ones(3), 50.0) == UNFITTED
    assert UNFITTED.probability_up(0.7) == 0.5


def test_rows_must_be_finite_and_match() -> None:
    """A NaN would silently spoil both coefficients."""
    with pytest.raises(ValueError, match="finite"):
        fit_calibration(np.array([np.nan]), np.ones(1), np.ones(1), 50.0)
    with pytest.raises(ValueError, match="must match"):
        fit_calibration(np.ones(2), np.ones(1), np.ones(1), 50.0)


def test_probability_of_an_extreme_score_does_not_overflow() -> None:
    """Both tails are numbers."""
    fit = UNFITTED._replace(slope=1e4)

    assert fit.probability_up(1.0) == 1.0
    assert fit.probability_up(-1.0) == 0.0
