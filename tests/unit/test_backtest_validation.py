"""Luck in backtests: formulae by hand, and numbers that were published or measured elsewhere."""

import math

import numpy as np
import pytest

from models.learning.validation import (
    SharpeMoments,
    backtest_overfitting,
    deflated_sharpe,
    detection_power,
    effective_trials,
    expected_maximum,
    luckiest_sharpe,
    minimum_backtest_years,
    minimum_track_periods,
    participation_ratio,
    principal_trials,
    probabilistic_sharpe,
    sharpe_moments,
    trial_variance,
    trials_within,
)

NORMAL = SharpeMoments(0.1, 0.0, 3.0, 101)


def test_moments_by_hand() -> None:
    """Returns 0, 0, 0, 4: mean 1, deviation 2, skewness 2/√3, kurtosis 7/3."""
    moments = sharpe_moments(np.array([0.0, 0.0, 0.0, 4.0]))

    assert moments.sharpe == 0.5  # sample variance (1 + 1 + 1 + 9) / 3 = 4
    assert moments.skewness == pytest.approx(2.0 / math.sqrt(3.0))  # 6 / 3^1.5
    assert moments.kurtosis == pytest.approx(7.0 / 3.0)  # (3 + 81)/4 / 9
    assert moments.periods == 4


def test_returns_that_never_move_have_no_ratio() -> None:
    """Nothing was risked and nothing was shown."""
    assert sharpe_moments(np.full(5, 0.01)) == SharpeMoments(0.0, 0.0, 3.0, 5)
    assert probabilistic_sharpe(sharpe_moments(np.array([0.1])), 0.0) == 0.0


def test_probabilistic_sharpe_by_hand() -> None:
    """0.1·√100 / √(1 + 0.5·0.01) = 0.9975."""
    assert probabilistic_sharpe(NORMAL, 0.0) == pytest.approx(0.84074, abs=1e-5)
    assert probabilistic_sharpe(NORMAL, 0.1) == 0.5


def test_deflated_sharpe_of_the_paper() -> None:
    """The example of Bailey, López de Prado (2014): 100 trials make 2.5 a year doubtful."""
    record = SharpeMoments(2.5 / math.sqrt(250.0), -3.0, 10.0, 1250)
    variance = 0.5 / 250.0  # of yearly ratios 1/2

    assert luckiest_sharpe(100, variance) == pytest.approx(0.1132, abs=1e-4)
    assert deflated_sharpe(record, 100, variance) == pytest.approx(0.9004, abs=1e-4)
    assert deflated_sharpe(record, 1, variance) == probabilistic_sharpe(record, 0.0)


@pytest.mark.parametrize(
    ("trials", "years"), [(5, 1.4), (7, 1.9), (20, 3.6), (45, 5.0), (100, 6.4), (500, 9.3)]
)
def test_minimum_backtest_length_of_the_paper(trials: int, years: float) -> None:
    """Years in which the best of so many shows a Sharpe ratio of 1 by luck."""
    assert minimum_backtest_years(trials, 1.0) == pytest.approx(years, abs=0.05)
    assert minimum_backtest_years(trials, 2.0) == pytest.approx(years / 4.0, abs=0.05)
    assert minimum_backtest_years(trials, 0.0) == math.inf


def test_a_record_bears_so_many_trials() -> None:
    """Five years bear 45 at a ratio of 1, one quarter of a year none but the first."""
    assert trials_within(minimum_backtest_years(45, 1.0), 1.0) == 45
    assert trials_within(minimum_backtest_years(45, 1.0) - 1e-6, 1.0) == 44
    assert trials_within(0.25, 0.5) == 1


@pytest.mark.parametrize(("yearly", "years"), [(0.5, 10.8), (1.0, 2.7), (1.5, 1.2), (2.0, 0.7)])
def test_minimum_track_record(yearly: float, years: float) -> None:
    """Normal daily returns at 95 %."""
    daily = SharpeMoments(yearly / math.sqrt(252.0), 0.0, 3.0, 1)

    assert minimum_track_periods(daily, 0.0, 0.95) / 252.0 == pytest.approx(years, abs=0.05)
    assert minimum_track_periods(daily, daily.sharpe, 0.95) == math.inf


def test_expected_maximum_against_simulation() -> None:
    """The largest of 16 normals has mean 1.77; the approximation errs by 2 %."""
    largest = np.random.default_rng(1).standard_normal((20_000, 16)).max(axis=1)

    assert expected_maximum(16) == pytest.approx(float(largest.mean()), abs=0.05)
    assert expected_maximum(1.0) == expected_maximum(1.05) == 0.0


def test_effective_trials_by_hand() -> None:
    """Two trials of correlation ½ have eigenvalues 1.5 and 0.5: (2)²/2.5 = 1.6, both to 95 %."""
    one = np.array([1.0, -1.0, 1.0, -1.0])
    other = np.array([1.0, 1.0, -1.0, -1.0])
    half = one / 2.0 + other * math.sqrt(3.0) / 2.0
    pair = np.column_stack((one, half))

    assert participation_ratio(pair) == pytest.approx(1.6)
    assert principal_trials(pair) == 2
    assert effective_trials(pair) == 2.0
    assert effective_trials(np.column_stack((one, other))) == pytest.approx(2.0)
    assert effective_trials(np.column_stack((one, 3.0 * one, -one))) == pytest.approx(1.0)
    assert effective_trials(np.zeros((4, 2))) == 0.0


def test_many_small_differences_count_though_one_factor_is_large() -> None:
    """The participation ratio sees a single trial where the best of 64 was taken."""
    generator = np.random.default_rng(2)
    common = generator.standard_normal((780, 1))
    alike = math.sqrt(0.9) * common + math.sqrt(0.1) * generator.standard_normal((780, 64))

    assert participation_ratio(alike) < 1.5
    assert effective_trials(alike) > 20.0


def test_skill_among_failures_is_not_held_against_itself() -> None:
    """One ratio far above the rest does not raise the bar; a narrow spread lowers it."""
    by_chance = 1.0 / 779.0

    assert trial_variance(np.array([0.0, 0.0, 0.5]), 780) == by_chance
    assert trial_variance(np.array([0.01, 0.0, -0.01]), 780) == pytest.approx(1e-4)
    assert trial_variance(np.array([0.5]), 780) == by_chance


def test_overfitting_by_hand() -> None:
    """Two trials, two blocks: each is best in the half in which the other is not."""
    seesaw = np.array([[2.0, -2.0], [1.0, -1.0], [-2.0, 2.0], [-1.0, 1.0]])
    steady = np.array([[2.0, -2.0], [1.0, -1.0], [2.0, -2.0], [1.0, -1.0]])

    assert backtest_overfitting(seesaw) == (1.0, 1.0)
    assert backtest_overfitting(steady) == (0.0, 0.0)


def test_there_is_no_overfitting_without_a_choice() -> None:
    """One trial, its copies, or a record too short to halve."""
    one = np.random.default_rng(0).standard_normal((100, 1))

    assert math.isnan(backtest_overfitting(one).rank_loss)
    assert math.isnan(backtest_overfitting(np.repeat(one, 3, axis=1)).rank_loss)
    assert math.isnan(backtest_overfitting(one[:3]).rank_loss)


@pytest.mark.parametrize(
    ("yearly", "expected"), [(0.0, 0.50), (1.6, 0.34), (3.2, 0.06)], ids=["none", "some", "much"]
)
def test_overfitting_falls_with_a_true_edge(yearly: float, expected: float) -> None:
    """Forty trials of 500 days, one with skill: figures measured elsewhere, here over 12 seeds."""
    found = []
    for seed in range(12):
        returns = np.random.default_rng(1_000 + seed).standard_normal((500, 40))
        returns[:, 0] += yearly / math.sqrt(252.0)
        found.append(backtest_overfitting(returns, blocks=12).rank_loss)

    assert float(np.mean(found)) == pytest.approx(expected, abs=0.12)


def test_power_of_the_deflated_sharpe() -> None:
    """3.5 a year for three years among 16 at 5 %, by hand: Φ((6.06 − 1.80)/1.012 − 1.645)."""
    assert detection_power(3.5, 3.0, 16, 0.05, 260.0) == pytest.approx(0.9951, abs=2e-3)
    assert detection_power(0.0, 3.0, 1, 0.05, 260.0) == pytest.approx(0.05)
    assert detection_power(3.5, 3.0, 16, 0.05 / 13, 260.0) < detection_power(
        3.5, 3.0, 16, 0.05, 260.0
    )
