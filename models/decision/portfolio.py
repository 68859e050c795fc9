"""How the risk is shared out between strategies, one a symbol, each with a side.

Weights are budgets of risk, not of capital: the stop of a trade stands at a multiple of its
volatility already, so the covariance is that of *standardised* returns, and what is left to
correct is that several symbols are one bet. Correlations keep their signs, and are turned by the
sides: long EURUSD and short USDCHF are one bet. Whatever cannot be computed comes back as equal
budgets with the reason, never as an exception.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ChosenMethod = Literal["erc", "minimum_variance", "max_sharpe", "inverse_volatility"]
Method = Literal["erc", "minimum_variance", "max_sharpe", "inverse_volatility", "equal"]

MULTIPLIER_MIN: Final = 0.5
MULTIPLIER_MAX: Final = 1.5
EWMA_DECAY: Final = 0.94
WARM_UP_ROWS: Final = 20
"""Returns that only start the volatility by which later ones are standardised."""
STANDARD_RETURN_MAX: Final = 6.0
"""Standardised returns are cut here: one release must not set a correlation for ten days."""
ROWS_MIN: Final = 30
ROWS_PER_SYMBOL_MIN: Final = 5
EIGENVALUE_MIN: Final = 1e-8
"""Least eigenvalue of a correlation matrix for which the optimum is well defined."""
RISK_SHARE_TOLERANCE: Final = 0.01
"""Largest relative difference of a risk share from 1/n that still counts as equal."""
GAIN_SHRINKAGE: Final = 0.75
"""Share by which expected values are pulled to their average: their errors cost ten times as much
as those of variances (Chopra, Ziemba, "The effect of errors in means", 1993)."""
SHARPE_WEIGHT_MAX: Final = 0.35
"""Largest weight under max-Sharpe, which otherwise puts all on what looked best."""
SOLVER_TOLERANCE: Final = 1e-6
"""By how much a solution may miss its constraints and still count as one."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """One multiplier for each symbol, in the order of the columns."""

    multipliers: tuple[float, ...]
    correlation: FloatArray
    """Of the symbols' returns, shrunk, not turned by any side, shape (n_symbols, n_symbols); the
    identity where it is unknown."""
    method: Method
    """What gave the multipliers: ``equal`` where the method asked for could not."""
    reason: str
    """Why it could not; empty if it could."""


@dataclass(frozen=True, slots=True)
class Infeasible:
    """Why there are no weights."""

    reason: str


def aligned_returns(
    close_ns: Sequence[IntArray], close: Sequence[FloatArray], length_ns: int, rows_max: int
) -> FloatArray:
    """Return log returns between neighbouring closes that all symbols have, newest last.

    A return over a gap, a weekend or a missing bar, is left out: it is no bar's return.

    Parameters
    ----------
    close_ns, close : sequences of ndarray of shape (n_bars,)
        Times and prices of each symbol, oldest first.
    length_ns : int
        Length of a bar.
    rows_max : int
        Newest returns to keep.

    Returns
    -------
    ndarray of shape (n_rows, n_symbols), float64
        Row t uses the closes at t and one bar before.
    """
    common_ns = close_ns[0]
    for times_ns in close_ns[1:]:
        if not np.array_equal(times_ns, common_ns):
            common_ns = np.intersect1d(times_ns, common_ns, assume_unique=True)
    columns = [
        np.log(prices[np.searchsorted(times, common_ns)])
        for times, prices in zip(close_ns, close, strict=True)
    ]
    steps = np.diff(np.column_stack(columns), axis=0)
    is_neighbour = np.diff(common_ns) == length_ns
    returns: FloatArray = steps[is_neighbour][-rows_max:]
    return returns


def standardise(returns: FloatArray) -> FloatArray:
    """Return each return over its EWMA volatility of the row before, without the warm-up rows.

    Shape (n_rows − 20, n_symbols); row t uses rows ≤ t. A column that never moves becomes NaN.
    """
    squares = returns**2
    start = np.mean(squares[:WARM_UP_ROWS], axis=0)
    fresh = (1.0 - EWMA_DECAY) * squares[WARM_UP_ROWS:]
    variance = np.empty(fresh.shape)
    for row, each in enumerate(fresh):
        variance[row] = start  # of the rows before it
        start = EWMA_DECAY * start + each
    standard = np.full(variance.shape, np.nan)
    np.divide(returns[WARM_UP_ROWS:], np.sqrt(variance), out=standard, where=variance > 0.0)
    clipped: FloatArray = np.clip(standard, -STANDARD_RETURN_MAX, STANDARD_RETURN_MAX)
    return clipped


def shrunk_correlation(standard: FloatArray) -> FloatArray:
    """Return the Ledoit-Wolf covariance of standardised returns, scaled to a unit diagonal."""
    from sklearn.covariance import ledoit_wolf  # heavy: only where budgets are computed

    covariance, _ = ledoit_wolf(standard, assume_centered=True)
    deviation = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(deviation, deviation), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation, dtype=np.float64)


def erc_weights(covariance: FloatArray) -> FloatArray | Infeasible:
    """Return long weights of which each carries the same share of the variance; they sum to 1.

    Minimises ½x'Cx − (1/n) Σ ln x, which is strictly convex, so that its one optimum does not
    depend on the start (Maillard, Roncalli, Teiletche, 2010; Spinu, 2013). The multiplicative
    fixed-point iteration is no option: it gives NaN with negative correlations.

    Parameters
    ----------
    covariance : ndarray of shape (n, n), float64
        Symmetric, positive definite.
    """
    from scipy.optimize import minimize  # heavy: only where budgets are computed

    problem = _why_unsolvable(covariance)
    if problem:
        return Infeasible(problem)
    # On the correlation scale, because the solver's tolerances suppose numbers near 1.
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    count = len(deviation)

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        marginal = correlation @ x
        value = 0.5 * float(x @ marginal) - float(np.mean(np.log(x)))
        return value, marginal - 1.0 / (count * x)

    solved = minimize(
        objective,
        np.full(count, count**-0.5),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-9, None)] * count,
        options={"maxiter": 2000, "maxfun": 20_000, "maxcor": 30, "ftol": 1e-16, "gtol": 1e-10},
    )
    weights: FloatArray = solved.x / deviation
    weights = weights / weights.sum()
    # The solver's own flag is no proof: it may stop for lack of precision at the optimum.
    miss = float(np.max(np.abs(count * risk_shares(weights, covariance) - 1.0)))
    if not miss <= RISK_SHARE_TOLERANCE:
        return Infeasible(f"risk shares differ from 1/n by {miss:.2%}")
    return weights


def risk_shares(weights: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the share of the variance that each weight carries, shape (n,); they sum to 1."""
    carried = weights * (covariance @ weights)
    return np.asarray(carried / carried.sum(), dtype=np.float64)


def least_variance_weights(
    covariance: FloatArray, gains: FloatArray, weight_max: float = 1.0
) -> FloatArray | Infeasible:
    """Return long weights with the least variance for their gain; they sum to 1.

    In convex form: min y'Cy with μ'y = 1, y ≥ 0 and y_i ≤ m Σy, then w = y / Σy. With equal gains
    it is minimum variance, with expected values max-Sharpe. Source: Cornuejols, Tütüncü,
    *Optimization Methods in Finance* (2006), section 8.2.

    Parameters
    ----------
    covariance : ndarray of shape (n, n), float64
        Symmetric, positive definite.
    gains : ndarray of shape (n,), float64
        What each weight earns, in any one unit; finite.
    weight_max : float
        Largest weight, in (0, 1]; at least 1/n, below which no weights sum to 1.
    """
    from scipy.optimize import minimize  # heavy: only where budgets are computed

    problem = _why_unsolvable(covariance)
    if problem:
        return Infeasible(problem)
    count = len(gains)
    bound = max(weight_max, 1.0 / count)
    start = _richest_weights(gains, bound)
    if not (np.isfinite(gains).all() and float(gains @ start) > 0.0):
        return Infeasible("no gain is above zero")
    # Both sides scaled to numbers near 1, which is what the solver's tolerances suppose.
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    scaled = gains / deviation
    scaled = scaled / np.max(np.abs(scaled))
    room = bound * np.outer(np.ones(count), 1.0 / deviation) - np.diag(1.0 / deviation)
    room = room * deviation[:, None]  # row i: (m Σ y_j − y_i) in units of y_i's deviation
    first = start * deviation
    solved = minimize(
        lambda y: float(y @ correlation @ y),
        first / float(scaled @ first),
        jac=lambda y: 2.0 * (correlation @ y),
        method="SLSQP",
        bounds=[(0.0, None)] * count,
        constraints=[
            {"type": "eq", "fun": lambda y: float(scaled @ y) - 1.0, "jac": lambda _: scaled},
            {"type": "ineq", "fun": lambda y: room @ y, "jac": lambda _: room},
        ],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    if not solved.success:
        return Infeasible(f"no solution: {solved.message}")
    weights: FloatArray = np.maximum(solved.x, 0.0) / deviation
    weights = weights / weights.sum()
    # It may also succeed with what is none.
    is_sound = np.isfinite(weights).all() and float(weights.max()) <= bound + SOLVER_TOLERANCE
    if not (is_sound and float(gains @ weights) > 0.0):
        return Infeasible("no solution within its constraints")
    return weights


def _why_unsolvable(covariance: FloatArray) -> str:
    deviation = np.sqrt(np.diag(covariance))
    if not (np.isfinite(covariance).all() and (deviation > 0.0).all()):
        return "a variance is not above zero"
    correlation = covariance / np.outer(deviation, deviation)
    is_singular = float(np.linalg.eigvalsh(correlation)[0]) < EIGENVALUE_MIN
    return "the covariance is singular" if is_singular else ""


def _richest_weights(gains: FloatArray, bound: float) -> FloatArray:
    """Return the weights within a bound that gain most: where they gain nothing, none do."""
    weights = np.zeros(len(gains))
    for place in np.argsort(-gains, kind="stable"):
        weights[place] = min(bound, 1.0 - weights.sum())
    return weights


def shrunk_gains(expected_r: FloatArray) -> FloatArray:
    """Return expected values pulled three quarters of the way to their average, shape (n,)."""
    average = np.mean(expected_r)
    return np.asarray(average + (1.0 - GAIN_SHRINKAGE) * (expected_r - average), dtype=np.float64)


def inverse_volatility_weights(returns: FloatArray) -> FloatArray | Infeasible:
    """Return weights in proportion to 1 over the root mean square return; they sum to 1."""
    deviation = np.sqrt(np.mean(returns**2, axis=0))
    if not (deviation > 0.0).all():
        return Infeasible("a variance is not above zero")
    inverse = 1.0 / deviation
    return np.asarray(inverse / inverse.sum(), dtype=np.float64)


def budget_symbols(
    returns: FloatArray,
    method: ChosenMethod,
    sides: Sequence[int] | None = None,
    expected_r: Sequence[float] | None = None,
) -> Budgets:
    """Return the multiplier of each symbol, n times its weight within 0.5..1.5.

    Parameters
    ----------
    returns : ndarray of shape (n_rows, n_symbols), float64
        Log returns, oldest first, finite.
    method : str
        Equal risk contribution, minimum variance, max-Sharpe or inverse volatility.
    sides : sequence of int
        +1 or −1 of the strategy in each symbol; all +1 where nobody says.
    expected_r : sequence of float
        Expected value of each strategy in units of its risk; max-Sharpe alone asks for it, and
        without it has no gain to go by.
    """
    rows, count = returns.shape
    if count == 1:
        return _equal(np.eye(1), "one symbol only")
    need = WARM_UP_ROWS + max(ROWS_MIN, ROWS_PER_SYMBOL_MIN * count)
    if rows < need:
        return _equal(np.eye(count), f"too few common returns: {rows} of {need}")
    standard = standardise(returns)
    if not np.isfinite(standard).all() or not (standard != 0.0).any(axis=0).all():
        return _equal(np.eye(count), "a symbol does not move")
    correlation = shrunk_correlation(standard)
    turned = np.ones(count) if sides is None else np.asarray(sides, dtype=np.float64)
    gains = np.zeros(count) if expected_r is None else np.asarray(expected_r, dtype=np.float64)
    weights = _weights(method, returns, correlation * np.outer(turned, turned), gains)
    if isinstance(weights, Infeasible):
        return _equal(correlation, weights.reason)
    multipliers = np.clip(count * weights, MULTIPLIER_MIN, MULTIPLIER_MAX)
    return Budgets(tuple(multipliers.tolist()), correlation, method, "")


def _weights(
    method: ChosenMethod, returns: FloatArray, correlation: FloatArray, expected_r: FloatArray
) -> FloatArray | Infeasible:
    match method:
        case "erc":
            return erc_weights(correlation)
        case "minimum_variance":
            return least_variance_weights(correlation, np.ones(len(correlation)))
        case "max_sharpe":
            gains = shrunk_gains(expected_r)
            return least_variance_weights(correlation, gains, SHARPE_WEIGHT_MAX)
        case "inverse_volatility":
            return inverse_volatility_weights(returns)


def _equal(correlation: FloatArray, reason: str) -> Budgets:
    return Budgets((1.0,) * len(correlation), correlation, "equal", reason)
