"""Laws of the statistics behind the gates that hold for any record."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.learning.validation import (
    SharpeMoments,
    backtest_overfitting,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    minimum_backtest_years,
    participation_ratio,
    sharpe_moments,
)
from models.learning.verdict import at_least, at_most

seeds = st.integers(0, 2**32 - 1)
counts = st.floats(1.0, 1e6)


@given(trials=counts, more=counts, sharpe=st.floats(-1.0, 1.0), variance=st.floats(0.0, 0.1))
def test_more_trials_never_make_a_record_better(
    trials: float, more: float, sharpe: float, variance: float
) -> None:
    """DSR falls, and the years that are needed grow."""
    record = SharpeMoments(sharpe, 0.0, 3.0, 500)

    few, many = sorted((trials, more))
    assert expected_maximum(few) <= expected_maximum(many) <= math.sqrt(2.0 * math.log(many) + 1e-9)
    assert deflated_sharpe(record, many, variance) <= deflated_sharpe(record, few, variance)
    assert minimum_backtest_years(few, 1.0) <= minimum_backtest_years(many, 1.0)


@given(seed=seeds, trials=st.integers(2, 12), scale=st.floats(1e-4, 1e4))
def test_trials_count_between_one_and_all(seed: int, trials: int, scale: float) -> None:
    """Whatever their scale; a copy adds nothing to the participation ratio's bound."""
    returns = np.random.default_rng(seed).standard_normal((60, trials))

    counted = effective_trials(returns)
    assert 1.0 <= participation_ratio(returns) <= counted <= trials + 1e-9
    assert effective_trials(scale * returns) == np.float64(counted).round(12) or math.isclose(
        effective_trials(scale * returns), counted, rel_tol=1e-9
    )


@given(seed=seeds, trials=st.integers(2, 6), scale=st.floats(1e-3, 1e3))
def test_overfitting_is_a_share_and_knows_no_scale(seed: int, trials: int, scale: float) -> None:
    """Nor does the order of the trials matter."""
    returns = np.random.default_rng(seed).standard_normal((48, trials))

    found = backtest_overfitting(returns, blocks=6)
    assert 0.0 <= found.rank_loss <= 1.0
    assert 0.0 <= found.money_loss <= 1.0
    assert backtest_overfitting(scale * returns[:, ::-1], blocks=6) == found


@given(seed=seeds, periods=st.integers(2, 50), scale=st.floats(1e-6, 1e6))
def test_a_ratio_knows_no_scale(seed: int, periods: int, scale: float) -> None:
    """Twice the stake is not twice the skill."""
    returns = np.random.default_rng(seed).standard_normal(periods)

    found, scaled = sharpe_moments(returns), sharpe_moments(scale * returns)
    assert math.isclose(found.sharpe, scaled.sharpe, rel_tol=1e-9, abs_tol=1e-12)
    assert found.kurtosis >= 1.0 + found.skewness**2 - 1e-9


@given(threshold=st.floats(allow_nan=False))
def test_what_nobody_could_compute_passes_nothing(threshold: float) -> None:
    """NaN is on neither side of any threshold."""
    assert not at_least("gate", "test", math.nan, threshold).is_passed
    assert not at_most("gate", "test", math.nan, threshold).is_passed
