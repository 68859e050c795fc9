"""Return, risk and their ratios, worked by hand."""

import math

import numpy as np
import pytest

from models.learning.returns import (
    RETURNS_MIN,
    TRADING_DAYS_A_YEAR,
    YEAR_NS,
    calmar_ratio,
    daily_closes,
    deepest_fall,
    monthly_returns,
    sharpe_ratio,
    simple_returns,
    sortino_ratio,
    under_water_frac,
    yearly_growth_frac,
    yearly_volatility_frac,
)

ROOT = math.sqrt(TRADING_DAYS_A_YEAR)


def test_the_last_point_of_a_day_is_its_close() -> None:
    """Three points on day 7 and one on day 9 make two closes."""
    day, close = daily_closes(np.array([7, 7, 7, 9]), np.array([100.0, 90.0, 110.0, 121.0]))

    assert day.tolist() == [7, 9]
    assert close.tolist() == [110.0, 121.0]


def test_the_first_return_is_against_the_beginning() -> None:
    """From 100 to 110 to 121 is twice a tenth."""
    assert simple_returns(100.0, np.array([110.0, 121.0])) == pytest.approx([0.1, 0.1])
    assert len(simple_returns(100.0, np.empty(0))) == 0


def test_growth_is_compounded() -> None:
    """21 % in two years is 10 % a year, and half a year of 10 % is 21 % a year."""
    assert yearly_growth_frac(100.0, 121.0, 2 * YEAR_NS) == pytest.approx(0.1)
    assert yearly_growth_frac(100.0, 110.0, YEAR_NS // 2) == pytest.approx(0.21)


def test_growth_of_a_few_days_is_unknown() -> None:
    """A week is not raised to a year, and nothing grows from or to nothing."""
    assert math.isnan(yearly_growth_frac(100.0, 110.0, YEAR_NS // 52))
    assert math.isnan(yearly_growth_frac(0.0, 110.0, YEAR_NS))
    assert math.isnan(yearly_growth_frac(100.0, 0.0, YEAR_NS))


def test_volatility_of_alternating_days() -> None:
    """±1 % in turn over 20 days: squares sum to 20, over 19, a year of 260 days."""
    returns = np.array([0.01, -0.01] * 10)

    assert yearly_volatility_frac(returns) == pytest.approx(0.01 * math.sqrt(20 / 19) * ROOT)
    assert math.isnan(yearly_volatility_frac(returns[: RETURNS_MIN - 1]))


def test_sharpe_ratio_and_its_error() -> None:
    """Mean 0.5 %, deviation 0.5 % · √(20/19); symmetric with kurtosis 1: SE² = 1/T at a mean of 0.

    With two equally likely returns (r − m)² is constant, so only the first term of the influence is
    left: ±1 · √(19/20), whose deviation (n − 1) is 1, over √20.
    """
    returns = np.array([0.01, 0.0] * 10)

    ratio = sharpe_ratio(returns)

    assert ratio.value == pytest.approx(math.sqrt(19 / 20) * ROOT)
    constant = (0.005**2 - 0.005**2 * 20 / 19) * -0.005 / (2 * (0.005**2 * 20 / 19) ** 1.5)
    first, second = math.sqrt(19 / 20) + constant, -math.sqrt(19 / 20) + constant
    spread = math.sqrt(20 / 19) * (first - second) / 2
    assert ratio.error == pytest.approx(spread / math.sqrt(20) * ROOT)


def test_sharpe_error_agrees_with_redrawn_samples() -> None:
    """The formula and 4000 bootstrap samples of skewed returns differ by less than a tenth."""
    generator = np.random.default_rng(5)
    returns = generator.exponential(0.01, 250) - 0.009
    drawn = generator.choice(returns, (4000, 250))

    redrawn = np.std(drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)) * ROOT

    assert sharpe_ratio(returns).error == pytest.approx(redrawn, rel=0.1)


def test_sortino_counts_falls_only() -> None:
    """Mean 0.25 %, falls of 0.5 % on every fourth day: downside √(0.25 · 0.005²) = 0.25 %."""
    returns = np.array([0.01, 0.0, 0.005, -0.005] * 5)

    assert sortino_ratio(returns).value == pytest.approx(0.0025 / 0.0025 * ROOT)


def test_sortino_error_agrees_with_redrawn_samples() -> None:
    """The formula and 4000 bootstrap samples differ by less than a tenth."""
    generator = np.random.default_rng(6)
    returns = generator.normal(0.0005, 0.01, 250)
    drawn = generator.choice(returns, (4000, 250))

    downside = np.sqrt((np.minimum(drawn, 0.0) ** 2).mean(axis=1))
    redrawn = np.std(drawn.mean(axis=1) / downside) * ROOT

    assert sortino_ratio(returns).error == pytest.approx(redrawn, rel=0.1)


def test_ratios_of_too_little_are_unknown() -> None:
    """Few days, days without movement, and days without a fall have no ratio."""
    few, still, rising = np.full(5, 0.01), np.zeros(40), np.array([0.01, 0.02] * 20)

    assert math.isnan(sharpe_ratio(few).value)
    assert math.isnan(sharpe_ratio(still).value)
    assert math.isnan(sortino_ratio(few).error)
    assert math.isnan(sortino_ratio(rising).value)


def test_the_deepest_fall() -> None:
    """From 120 to 90 is a quarter, made up for at the sixth point."""
    fall = deepest_fall(np.array([100.0, 120.0, 108.0, 90.0, 100.0, 120.0, 110.0]))

    assert tuple(fall) == pytest.approx((0.25, 1, 3, 5, True))


def test_a_fall_that_lasts() -> None:
    """Without recovery it ends with the curve."""
    fall = deepest_fall(np.array([100.0, 80.0, 90.0]))

    assert tuple(fall) == pytest.approx((0.2, 0, 1, 2, False))


def test_no_fall() -> None:
    """A curve that rises, or is not there, has none."""
    assert deepest_fall(np.array([1.0, 2.0])).depth_frac == 0.0
    assert deepest_fall(np.empty(0)).is_recovered


def test_under_water() -> None:
    """Each point against the highest before it."""
    assert under_water_frac(np.array([100.0, 120.0, 90.0])) == pytest.approx([0.0, 0.0, -0.25])


def test_calmar_ratio() -> None:
    """20 % a year for a fall of 10 % is 2; without a fall there is none."""
    assert calmar_ratio(0.2, 0.1) == pytest.approx(2.0)
    assert math.isnan(calmar_ratio(0.2, 0.0))


def test_months_are_against_the_month_before() -> None:
    """January ends at 110, February at 99: +10 % and −10 %."""
    months, changes = monthly_returns(np.array([0, 0, 1]), 100.0, np.array([105.0, 110.0, 99.0]))

    assert months.tolist() == [0, 1]
    assert changes == pytest.approx([0.1, -0.1])


def test_a_gap_is_no_return() -> None:
    """NaN is refused: it would count as a day without movement."""
    with pytest.raises(ValueError, match="finite"):
        sharpe_ratio(np.array([0.01, math.nan] * 20))
