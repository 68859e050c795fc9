"""From a score to a probability: what a score was worth on the rows that can be judged already.

A label says which of two symmetric barriers the price touched first. Labels of neighbouring rows
overlap, so each counts with its uniqueness. The fit is Platt's sigmoid with a pull towards 0.5.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from models.market.bars import FloatArray, IntArray

NEWTON_STEPS_MAX: Final = 50
NEWTON_TOLERANCE: Final = 1e-10


@njit(cache=True)
def first_barrier(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    rows: IntArray,
    distance: FloatArray,
    horizon: int,
) -> tuple[FloatArray, IntArray]:
    """Return which symmetric barrier the price touches first after each row, and where that is.

    Barriers lie `distance` above and below the close of row t; bars t+1..t+`horizon` decide. A bar
    that touches both counts by its own close relative to that of row t; if none touches, the close
    at the horizon does. Looks ahead by design: row t's label is known at row t + `horizon`.

    Parameters
    ----------
    high, low, close : ndarray of shape (n_bars,)
        Bars, oldest first, in quote currency.
    rows : ndarray of shape (n_rows,)
        Rows to judge, in 0..n_bars − 1.
    distance : ndarray of shape (n_rows,)
        Half-width of the barriers of each, in quote currency, > 0; NaN leaves the row unlabelled.
    horizon : int
        Bars after a row that decide, >= 1.

    Returns
    -------
    labels : ndarray of shape (n_rows,), float64
        1 upper, 0 lower, 0.5 where the deciding close equals that of row t; NaN where bar
        t + `horizon` does not exist yet, also if a barrier was touched, because rows that are
        decided early would be over-represented.
    ends : ndarray of shape (n_rows,), int64
        Row of the bar that decided; the row itself where there is no label.
    """
    labels = np.full(len(rows), np.nan)
    ends = rows.copy()
    for i in range(len(rows)):
        row = rows[i]
        reference = close[row]
        if not distance[i] > 0.0 or row + horizon >= len(close):
            continue
        for bar in range(row + 1, row + horizon + 1):
            is_up = high[bar] >= reference + distance[i]
            is_down = low[bar] <= reference - distance[i]
            if is_up or is_down or bar == row + horizon:
                if is_up != is_down:
                    labels[i] = 1.0 if is_up else 0.0
                elif close[bar] == reference:
                    labels[i] = 0.5
                else:
                    labels[i] = 1.0 if close[bar] > reference else 0.0
                ends[i] = bar
                break
    return labels, ends


@njit(cache=True)
def uniqueness(rows: IntArray, ends: IntArray) -> FloatArray:
    """Return the mean over each label's life of 1 / (number of labels alive).

    A label lives on the bars t+1..end. Source: López de Prado, Advances in Financial Machine
    Learning, 4.4. The sum of the weights is how many independent outcomes the labels are worth.

    Parameters
    ----------
    rows, ends : ndarray of shape (n_labels,)
        Row of each label, and the row that decided it, ``ends > rows``.

    Returns
    -------
    ndarray of shape (n_labels,), float64
        Weights in (0, 1].
    """
    weights = np.zeros(len(rows))
    if len(rows) == 0:
        return weights
    alive = np.zeros(ends.max() + 2)
    for i in range(len(rows)):
        alive[rows[i] + 1] += 1.0
        alive[ends[i] + 1] -= 1.0
    alive = np.cumsum(alive)
    for i in range(len(rows)):
        total = 0.0
        for bar in range(rows[i] + 1, ends[i] + 1):
            total += 1.0 / alive[bar]
        weights[i] = total / (ends[i] - rows[i])
    return weights


class Calibration(NamedTuple):
    """A fitted sigmoid of intercept + slope × score, and what it was fitted on."""

    intercept: float
    slope: float
    slope_error: float
    """Standard error of the slope under the penalty; infinite without rows."""
    rows: int
    """Judged rows."""
    rows_effective: float
    """Independent outcomes they are worth: the sum of their weights."""
    base_rate: float
    """Weighted share of upward outcomes, 0.5 without rows."""
    brier: float
    """Weighted mean squared error on the rows of the fit itself: optimistic, 0.25 is ignorance."""

    def probability_up(self, score: float) -> float:
        """Return the calibrated chance of the upper barrier."""
        logit = self.intercept + self.slope * score
        # Written so that the exponential cannot overflow.
        odds = math.exp(-abs(logit))
        return (1.0 if logit >= 0.0 else odds) / (1.0 + odds)


UNFITTED: Final = Calibration(0.0, 0.0, math.inf, 0, 0.0, 0.5, 0.25)
"""What is known before any row: nothing."""


def fit_calibration(
    scores: FloatArray, labels: FloatArray, weights: FloatArray, ridge_rows: float
) -> Calibration:
    """Fit Platt's sigmoid with a ridge towards intercept 0 and slope 0, which is towards 0.5.

    Minimises Σ w·logloss + ½ r·¼·(intercept² + m·slope²), m the weighted mean of score²: near 0.5
    the penalty counts like r further rows that speak for ignorance, whatever the score's scale.
    Newton's method on two coefficients; a convex problem with one solution.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999; ridge in place of his
    prior on the labels. Reads the rows it is given only.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        Finite scores.
    labels : ndarray of shape (n_rows,)
        Outcomes in 0..1.
    weights : ndarray of shape (n_rows,)
        Weight of each row, > 0, see `uniqueness`.
    ridge_rows : float
        Strength r of the pull, in rows of weight 1, >= 0.

    Returns
    -------
    Calibration
        `UNFITTED` if there is no row, or if all scores are 0 (then nothing shows the slope).

    Raises
    ------
    ValueError
        If a score or label is not finite, or lengths differ.
    """
    if not len(scores) == len(labels) == len(weights):
        raise ValueError(f"rows must match, were {len(scores)}, {len(labels)}, {len(weights)}")
    if not (np.isfinite(scores).all() and np.isfinite(labels).all()):
        raise ValueError("scores and labels must be finite")
    total = float(weights.sum())
    scale = float((weights * scores * scores).sum()) / total if total > 0.0 else 0.0
    if scale == 0.0:
        return UNFITTED
    penalty = (0.25 * ridge_rows, 0.25 * ridge_rows * scale)
    intercept, slope = 0.0, 0.0
    for _ in range(NEWTON_STEPS_MAX):
        gradient, hessian = _slopes(scores, labels, weights, penalty, intercept, slope)
        step = _solve(hessian, gradient)
        intercept, slope = intercept - step[0], slope - step[1]
        if abs(step[0]) + abs(step[1]) <= NEWTON_TOLERANCE:
            break
    _, hessian = _slopes(scores, labels, weights, penalty, intercept, slope)
    miss = _sigmoid(intercept + slope * scores) - labels
    return Calibration(
        intercept=intercept,
        slope=slope,
        slope_error=math.sqrt(_solve(hessian, (0.0, 1.0))[1]),
        rows=len(scores),
        rows_effective=total,
        base_rate=float((weights * labels).sum()) / total,
        brier=float((weights * miss * miss).sum()) / total,
    )


def _sigmoid(logit: FloatArray) -> FloatArray:
    probability: FloatArray = 1.0 / (1.0 + np.exp(-logit))
    return probability


def _slopes(
    scores: FloatArray,
    labels: FloatArray,
    weights: FloatArray,
    penalty: tuple[float, float],
    intercept: float,
    slope: float,
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    # Gradient, and the Hessian as (11, 12, 22). Sums, not dot products: those may run threaded.
    probability = _sigmoid(intercept + slope * scores)
    miss = weights * (probability - labels)
    curve = weights * probability * (1.0 - probability)
    gradient = (
        float(miss.sum()) + penalty[0] * intercept,
        float((miss * scores).sum()) + penalty[1] * slope,
    )
    hessian = (
        float(curve.sum()) + penalty[0],
        float((curve * scores).sum()),
        float((curve * scores * scores).sum()) + penalty[1],
    )
    return gradient, hessian


def _solve(hessian: tuple[float, float, float], right: tuple[float, float]) -> tuple[float, float]:
    corner, cross, last = hessian
    determinant = corner * last - cross * cross
    return (
        (last * right[0] - cross * right[1]) / determinant,
        (corner * right[1] - cross * right[0]) / determinant,
    )
