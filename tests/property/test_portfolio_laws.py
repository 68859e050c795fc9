"""Laws of the risk budgets that hold for any input."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decision.portfolio import Infeasible, budget_symbols, erc_weights, risk_shares

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
)
@settings(max_examples=40)
def test_any_returns_give_a_budget_for_every_symbol(
    seed: int, count: int, rows: int, *, dead: bool, twins: bool
) -> None:
    """Multipliers stay in 0.5..1.5 and correlations in −1..1, whatever the returns are."""
    returns = np.random.default_rng(seed).normal(0.0, 1e-4, (rows, count))
    if dead:
        returns[:, 0] = 0.0
    if twins:
        returns[:, -1] = -returns[:, 0]

    budgets = budget_symbols(returns, "erc")

    assert len(budgets.multipliers) == count
    assert all(0.5 <= multiplier <= 1.5 for multiplier in budgets.multipliers)
    assert budgets.correlation.shape == (count, count)
    assert np.abs(budgets.correlation).max() <= 1.0
    assert (budgets.method == "erc") == (budgets.reason == "")
