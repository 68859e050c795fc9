"""The yardsticks of volatility, worked by hand."""

import numpy as np
import pytest

from models.market.seasonality import fit_seasonality
from models.opinion.variance import forward_sums
from models.opinion.volatility_baselines import (
    GarchFit,
    VarianceSeries,
    atr_variance,
    baseline_forecasts,
    ewma,
    fit_garch,
    garch_sums,
    levelled,
)
from tests.random_bars import M15_NS, random_bars


def test_ewma_starts_at_its_first_value() -> None:
    """0.94 of the mean so far and 0.06 of what is new."""
    assert ewma(np.array([1.0, 2.0])).tolist() == pytest.approx([1.0, 1.06])
    assert ewma(np.empty(0)).tolist() == []


def test_atr_squares_the_mean_range() -> None:
    """Ranges 1 and 3 have mean 2, squared 4."""
    assert atr_variance(np.array([1.0, 3.0]), window_bars=2)[1] == 4.0


def test_garch_filters_and_looks_ahead_by_hand() -> None:
    """From 1: s² = 0.1 + 0.2·4 + 0.7·1 = 1.6, one step on 0.1 + 0.9·1.6 = 1.54."""
    fit = GarchFit(omega=0.1, alpha=0.2, beta=0.7, scale=1.0)

    assert garch_sums(np.array([2.0]), fit, 1)[0] == pytest.approx(1.6)
    assert garch_sums(np.array([2.0]), fit, 2)[0] == pytest.approx(1.6 + 1.54)


def test_garch_without_a_mean_to_return_to_is_finite() -> None:
    """Where alpha and beta sum to 1 each step adds omega: 1 + 1.1 + 1.2."""
    fit = GarchFit(omega=0.1, alpha=0.2, beta=0.8, scale=1.0)

    assert garch_sums(np.array([np.sqrt(0.5)]), fit, 3)[0] == pytest.approx(3.3)


def test_garch_speaks_in_the_unit_of_its_returns() -> None:
    """Returns a thousand times smaller give variances a million times smaller."""
    fit = GarchFit(omega=0.1, alpha=0.2, beta=0.7, scale=1000.0)

    assert garch_sums(np.array([0.002]), fit, 1)[0] == pytest.approx(1.6e-6)


def test_garch_is_found_in_returns_that_have_it() -> None:
    """Of 20,000 returns drawn with alpha 0.1 and beta 0.85 both come back within 0.03."""
    rng = np.random.default_rng(2)
    draws, returns, variance = rng.standard_normal(20_000), np.empty(20_000), 1.0
    for row, draw in enumerate(draws):
        returns[row] = draw * np.sqrt(variance)
        variance = 0.05 + 0.1 * returns[row] ** 2 + 0.85 * variance

    fit = fit_garch(returns)

    assert fit.alpha == pytest.approx(0.1, abs=0.03)
    assert fit.beta == pytest.approx(0.85, abs=0.03)


def test_a_level_is_taken_from_training_rows_alone() -> None:
    """Forecasts of mean 2 against outcomes of mean 3 are scaled by 1.5, whatever comes later."""
    scaled = levelled(np.array([1.0, 3.0, 10.0]), np.array([2.0, 4.0, 99.0]), slice(0, 2))

    assert scaled.tolist() == [1.5, 4.5, 15.0]


def test_no_yardstick_sees_what_follows() -> None:
    """With the last 100 bars altered, every forecast before them is the same."""
    bars = random_bars(2400)
    rng = np.random.default_rng(1)
    variance = np.exp(rng.normal(-15.0, 0.5, 2400))
    returns = rng.normal(0.0, 4e-4, 2400)
    season = fit_seasonality(bars["close_ns"][:1400], np.log(variance[:1400]), M15_NS)

    def forecasts(factor: float) -> dict[str, np.ndarray]:
        changed = np.ones(2400)
        changed[2300:] = factor
        series = VarianceSeries(
            bars["close_ns"], returns * changed, np.abs(returns) * changed, variance * changed
        )
        return baseline_forecasts(series, season, 4, 1440)

    plain, altered = forecasts(1.0), forecasts(3.0)

    assert len(plain) == 10
    for name, rows in plain.items():
        assert np.isfinite(rows[600:2296]).all(), name
        assert (rows[600:2290] == altered[name][600:2290]).all(), name
    assert np.isfinite(forward_sums(variance, 4)[2290])
