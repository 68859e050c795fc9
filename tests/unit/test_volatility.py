"""The HAR forecast; its yardsticks on recorded prices are in test_volatility_benchmark."""

import numpy as np
import pytest

from models.market.seasonality import FloatArray, IntArray
from models.opinion.variance import (
    forward_sums,
    parkinson_variance,
    qlike,
    random_walk_sigma_frac,
    trailing_sums,
)
from models.opinion.volatility import Unfitted, VolatilityModel, fit_volatility, har_terms
from models.opinion.volatility_filter import VolatilityFilter, atr_scale
from tests.random_bars import M15_NS, random_bars

WEEK_BARS = 480


def a_variance(bars_count: int, seed: int = 3) -> FloatArray:
    """Return variances whose logs revert slowly, as real ones do."""
    rng = np.random.default_rng(seed)
    logs = np.zeros(bars_count)
    for row in range(1, bars_count):
        logs[row] = 0.97 * logs[row - 1] + rng.normal(0.0, 0.2)
    return np.exp(logs + rng.normal(0.0, 0.3, bars_count)) * 1e-7


def a_model(variance: FloatArray, close_ns: IntArray) -> VolatilityModel:
    """Return a model of one and four hours."""
    model = fit_volatility(
        close_ns, variance, M15_NS, (4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480
    )
    assert isinstance(model, VolatilityModel)
    return model


def test_parkinson_of_a_known_bar() -> None:
    """A bar from 1 to e has a log range of 1, so its variance is 1 / (4 ln 2)."""
    variance = parkinson_variance(np.array([np.e]), np.array([1.0]))

    assert variance[0] == pytest.approx(1.0 / (4.0 * np.log(2.0)))


def test_sums_look_the_way_they_say() -> None:
    """Forward sums start after the row, trailing sums end with it."""
    values = np.array([1.0, 2.0, 4.0, 8.0])

    assert forward_sums(values, 2)[:2].tolist() == [6.0, 12.0]  # 2 + 4, 4 + 8
    assert np.isnan(forward_sums(values, 2)[2:]).all()
    assert trailing_sums(values, 2)[1:].tolist() == [3.0, 6.0, 12.0]
    assert np.isnan(trailing_sums(values, 2)[0])


def test_qlike_is_zero_for_the_truth_and_harsher_on_too_low() -> None:
    """Half of the truth costs 2 − ln 2 − 1, twice the truth 0.5 + ln 2 − 1."""
    losses = qlike(np.ones(3), np.array([1.0, 0.5, 2.0]))

    assert losses.tolist() == pytest.approx([0.0, 1.0 - np.log(2.0), np.log(2.0) - 0.5])


def test_terms_are_logs_of_trailing_means_and_wait_for_their_window() -> None:
    """A window of 4 over 1, 2, 3, 4 has mean 2.5; the longest needs 480 bars."""
    terms = har_terms(np.arange(1.0, 481.0))

    assert terms[3, 1] == pytest.approx(np.log(2.5))
    assert np.isnan(terms[478, 4])
    assert terms[479, 4] == pytest.approx(np.log(240.5))  # (1 + 480) / 2


@pytest.mark.parametrize(("ratio", "scale"), [(1.0, 1.0), (0.1, 0.7), (9.0, 1.6), (2.25, 1.5)])
def test_the_scale_is_the_root_of_the_ratio_within_bounds(ratio: float, scale: float) -> None:
    """Stops neither collapse in a calm nor run away in a storm."""
    assert atr_scale(ratio) == pytest.approx(scale)


def test_random_walk_carries_the_mean_forward_and_is_never_zero() -> None:
    """Four bars of variance 0.0001 make a deviation of 2 %."""
    assert random_walk_sigma_frac(np.full(10, 1e-4), 4) == pytest.approx(0.02)
    assert random_walk_sigma_frac(np.zeros(10), 4) > 0.0
    assert random_walk_sigma_frac(np.empty(0), 4) > 0.0


def test_rows_are_the_same_whatever_follows_and_however_bars_were_batched() -> None:
    """Bar by bar, in blocks, or with more bars to come: the same bits."""
    close_ns = random_bars(4 * WEEK_BARS)["close_ns"]
    variance = a_variance(4 * WEEK_BARS)
    model = a_model(variance[: 3 * WEEK_BARS], close_ns[: 3 * WEEK_BARS])
    whole, stepwise = VolatilityFilter(model), VolatilityFilter(model)

    whole.extend(close_ns, variance)
    stepwise.extend(close_ns[: 3 * WEEK_BARS], variance[: 3 * WEEK_BARS])
    for row in range(3 * WEEK_BARS, 3 * WEEK_BARS + 50):
        stepwise.extend(close_ns[row : row + 1], variance[row : row + 1])
        for fit in model.fits:
            one = stepwise.columns(fit, 1)
            all_rows = whole.columns(fit, len(whole))
            assert one.sigma_frac[-1] == all_rows.sigma_frac[row]
            assert one.vol_ratio[-1] == all_rows.vol_ratio[row]


def test_columns_without_a_full_window_are_nan() -> None:
    """The first 479 rows have no weekly term."""
    close_ns = random_bars(3 * WEEK_BARS)["close_ns"]
    variance = a_variance(3 * WEEK_BARS)
    model = a_model(variance, close_ns)
    filtered = VolatilityFilter(model)

    filtered.extend(close_ns, variance)
    sigma = filtered.columns(model.fits[0], len(filtered)).sigma_frac

    assert np.isnan(sigma[:479]).all()
    assert np.isfinite(sigma[479:]).all()


def test_the_band_holds_its_share_of_later_outcomes() -> None:
    """A band of 80 % on the training rows holds 70 to 90 % of the outcomes of the weeks after."""
    close_ns = random_bars(12 * WEEK_BARS)["close_ns"]
    variance = a_variance(12 * WEEK_BARS)
    model = a_model(variance[: 6 * WEEK_BARS], close_ns[: 6 * WEEK_BARS])
    filtered = VolatilityFilter(model)

    filtered.extend(close_ns, variance)
    columns = filtered.columns(model.fits[0], 6 * WEEK_BARS)
    outcome = np.sqrt(forward_sums(variance, 4)[6 * WEEK_BARS :])
    inside = (outcome > columns.sigma_low_frac) & (outcome < columns.sigma_high_frac)

    assert 0.7 < inside[:-4].mean() < 0.9


def test_the_usual_ratio_is_about_one_and_few_exceed_the_limit() -> None:
    """On the rows of the fit the mean ratio is near 1, and a twentieth lies above the limit."""
    close_ns = random_bars(4 * WEEK_BARS)["close_ns"]
    variance = a_variance(4 * WEEK_BARS)
    model = a_model(variance, close_ns)
    filtered = VolatilityFilter(model)

    filtered.extend(close_ns, variance)
    fit = model.fits[0]
    ratio = filtered.columns(fit, len(filtered)).vol_ratio[479:]

    assert ratio.mean() == pytest.approx(1.0, abs=0.1)
    assert (ratio > fit.ratio_limit).mean() == pytest.approx(0.05, abs=0.005)


def test_one_content_has_one_version() -> None:
    """The same bars give the same text, other bars another."""
    close_ns = random_bars(3 * WEEK_BARS)["close_ns"]
    first, other = a_variance(3 * WEEK_BARS), a_variance(3 * WEEK_BARS, seed=4)

    assert a_model(first, close_ns).version == a_model(first, close_ns).version
    assert a_model(first, close_ns).version != a_model(other, close_ns).version


@pytest.mark.parametrize(
    ("variance", "reason"),
    [(np.full(975, 1e-8), "too few bars"), (np.zeros(1000), "too few bars that move")],
)
def test_what_cannot_be_fitted_says_why(variance: FloatArray, reason: str) -> None:
    """Too short a history, or one that stands still, is no error but an answer."""
    close_ns = random_bars(len(variance))["close_ns"]

    answer = fit_volatility(
        close_ns, variance, M15_NS, (4, 16), coverage=0.8, veto_quantile=0.95, rows_min=480
    )

    assert isinstance(answer, Unfitted)
    assert answer.reason == reason
