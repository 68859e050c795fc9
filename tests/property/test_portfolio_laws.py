"""Laws of the risk budgets that hold for any input."""

import typing

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from models.decision.portfolio import (
    ChosenMethod,
    Infeasible,
    budget_symbols,
    erc_weights,
    least_variance_weights,
    risk_shares,
)

SEEDS = st.integers(0, 2**32 - 1)


def a_covariance(seed: int, count: int) -> np.ndarray:
    """Return a random covariance with correlations of either sign and unequal variances."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(2 * count, count))
    scale = 10.0 ** rng.uniform(-3.0, 0.0, count)
    return np.asarray((factors.T @ factors / (2 * count)) * np.outer(scale, scale))


@given(seed=SEEDS, count=st.integers(2, 28))
@settings(max_examples=60)
def test_every_symbol_carries_the_same_risk(seed: int, count: int) -> None:
    """Risk shares differ from 1/n by less than 1 %, negative correlations included."""
    covariance = a_covariance(seed, count)

    weights = erc_weights(covariance)

    assert not isinstance(weights, Infeasible)
    assert (weights > 0.0).all()
    assert abs(weights.sum() - 1.0) < 1e-12
    assert np.abs(count * risk_shares(weights, covariance) - 1.0).max() < 0.01


@given(seed=SEEDS, count=st.integers(2, 28))
@settings(max_examples=40)
def test_budgets_by_equal_risk_are_of_equal_risk(seed: int, count: int) -> None:
    """Turned by any sides the shares of the signed correlation stay within 1 % of 1/n."""
    rng = np.random.default_rng(seed)
    covariance, sides = a_covariance(seed, count), rng.choice([-1.0, 1.0], count)
    signed = covariance * np.outer(sides, sides)

    weights = erc_weights(signed)

    assert not isinstance(weights, Infeasible)
    assert np.abs(count * risk_shares(weights, signed) - 1.0).max() < 0.01


def a_correlation(seed: int, count: int) -> np.ndarray:
    """Return a random correlation with entries of either sign."""
    covariance = a_covariance(seed, count)
    deviation = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(deviation, deviation))


def sharpe(weights: np.ndarray, gains: np.ndarray, covariance: np.ndarray) -> float:
    """Return the gain of weights over their deviation."""
    return float(gains @ weights / np.sqrt(weights @ covariance @ weights))


@given(seed=SEEDS, count=st.integers(2, 20))
@settings(max_examples=40)
def test_least_variance_is_that_of_another_solver(seed: int, count: int) -> None:
    """Without a bound the weights are those of non-negative least squares: ‖L'y − L⁻¹μ‖, y ≥ 0."""
    correlation = a_correlation(seed, count)
    gains = np.random.default_rng(seed).normal(0.2, 0.5, count)
    gains[0] = 0.5
    factor = np.linalg.cholesky(correlation)
    oracle, _ = nnls(factor.T, np.linalg.solve(factor, gains))

    weights = least_variance_weights(correlation, gains)

    assert not isinstance(weights, Infeasible)
    best = sharpe(oracle, gains, correlation)
    assert sharpe(weights, gains, correlation) >= best * (1.0 - 1e-6)
    assert np.allclose(weights, oracle / oracle.sum(), atol=5e-3)


@given(seed=SEEDS, count=st.integers(3, 12))
@settings(max_examples=40)
def test_nothing_within_the_bound_earns_more_for_its_risk(seed: int, count: int) -> None:
    """Of 200 random portfolios within the bound none has a higher ratio."""
    rng = np.random.default_rng(seed)
    correlation = a_correlation(seed, count)
    gains = np.abs(rng.normal(0.1, 0.2, count)) + 0.01

    weights = least_variance_weights(correlation, gains, 0.35)

    assert not isinstance(weights, Infeasible)
    assert weights.max() <= max(0.35, 1.0 / count) + 1e-6
    assert abs(weights.sum() - 1.0) < 1e-9
    best = sharpe(weights, gains, correlation)
    for other in rng.dirichlet(np.ones(count), 200):
        if other.max() <= 0.35:
            assert sharpe(other, gains, correlation) <= best * (1.0 + 1e-5)


@given(seed=SEEDS, count=st.integers(2, 10))
@settings(max_examples=30)
def test_weights_do_not_depend_on_the_order_of_symbols(seed: int, count: int) -> None:
    """A permuted covariance gives the permuted weights: there is one optimum."""
    covariance = a_covariance(seed, count)
    order = np.random.default_rng(seed).permutation(count)

    weights = erc_weights(covariance)
    permuted = erc_weights(covariance[np.ix_(order, order)])

    assert not isinstance(weights, Infeasible)
    assert not isinstance(permuted, Infeasible)
    assert np.allclose(weights[order], permuted, rtol=1e-4)


@given(
    seed=SEEDS,
    count=st.integers(1, 8),
    rows=st.integers(0, 300),
    dead=st.booleans(),
    twins=st.booleans(),
    method=st.sampled_from(typing.get_args(ChosenMethod)),
)
@settings(max_examples=80)
def test_any_returns_give_a_budget_for_every_symbol(
    seed: int, count: int, rows: int, method: ChosenMethod, *, dead: bool, twins: bool
) -> None:
    """Multipliers stay in 0.5..1.5 and correlations in −1..1, whatever the returns are."""
    returns = np.random.default_rng(seed).normal(0.0, 1e-4, (rows, count))
    if dead:
        returns[:, 0] = 0.0
    if twins:
        returns[:, -1] = -returns[:, 0]

    sides = [1 if place % 2 else -1 for place in range(count)]
    budgets = budget_symbols(returns, method, sides, [0.1 * place for place in range(count)])

    assert len(budgets.multipliers) == count
    assert all(0.5 <= multiplier <= 1.5 for multiplier in budgets.multipliers)
    assert budgets.correlation.shape == (count, count)
    assert np.abs(budgets.correlation).max() <= 1.0
    assert (budgets.method == method) == (budgets.reason == "")
    assert budgets.method in {method, "equal"}
