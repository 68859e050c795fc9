"""How good probabilities of a yes or no are, and whether that is more than luck.

Outcomes that overlap, and symbols that move together, are fewer than they look. So every mean is
weighted by uniqueness, and its luck is measured by drawing whole weeks of all symbols (a block
bootstrap; Künsch, "The jackknife and the bootstrap for general stationary observations", 1989).
"""

import math
from typing import Final, NamedTuple

import numpy as np

from models.market.bars import FloatArray, IntArray
from models.market.sessions import WEEK_NS

IGNORANCE_BRIER: Final = 0.25
BINS: Final = 10
"""Bins of equal mass of the reliability table."""
DRAWS: Final = 2_000
AUC_ERROR: Final = 0.577
"""Standard error of the AUC of a coin times √n, by its uniform ranks: 1 / √3."""


class ReliabilityBin(NamedTuple):
    """What became of forecasts of about the same probability."""

    forecast: float
    """Mean probability."""
    outcome: float
    """Share of yes."""
    weight: float
    """Independent outcomes."""


class Skill(NamedTuple):
    """How good a set of forecasts was."""

    outcomes: int
    outcomes_effective: float
    """Sum of the weights: independent outcomes they are worth."""
    brier: float
    brier_skill: float
    """1 − Brier ÷ 0.25."""
    brier_skill_low: float
    """Lower end of its 90 % interval; −inf where there are too few weeks to say."""
    auc: float
    """Chance that a yes was given a higher probability than a no; 0.5 where one kind is missing."""
    auc_error: float
    """Standard error that a coin's AUC has for as many outcomes."""
    calibration_error: float
    """Mean distance between forecast and outcome over the bins."""
    reliability: tuple[ReliabilityBin, ...]


def skill_of(
    probability: FloatArray,
    outcome: FloatArray,
    weight: FloatArray,
    close_ns: IntArray,
    rng: np.random.Generator,
) -> Skill:
    """Return the record of forecasts.

    Parameters
    ----------
    probability, outcome, weight : ndarray of shape (n_rows,)
        Forecasts in 0..1, what came (0 or 1), and the uniqueness of each, > 0.
    close_ns : ndarray of shape (n_rows,)
        Closes of the forecasts; rows of one week are drawn together.
    rng : Generator
        Of the bootstrap.
    """
    total = float(weight.sum())
    if not total > 0.0:
        return Skill(0, 0.0, IGNORANCE_BRIER, 0.0, -math.inf, 0.5, math.inf, 0.0, ())
    loss = (probability - outcome) ** 2
    brier = float((weight * loss).sum()) / total
    bins = _reliability(probability, outcome, weight)
    return Skill(
        outcomes=len(outcome),
        outcomes_effective=total,
        brier=brier,
        brier_skill=1.0 - brier / IGNORANCE_BRIER,
        brier_skill_low=1.0 - _mean_high(loss, weight, close_ns, rng) / IGNORANCE_BRIER,
        auc=auc(probability, outcome, weight),
        auc_error=AUC_ERROR / math.sqrt(total),
        calibration_error=sum(b.weight * abs(b.forecast - b.outcome) for b in bins) / total,
        reliability=bins,
    )


def auc(probability: FloatArray, outcome: FloatArray, weight: FloatArray) -> float:
    """Return the weighted chance that a yes ranks above a no, ties counting half.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    0.75
    """
    values, place = np.unique(probability, return_inverse=True)
    yes = np.bincount(place, weight * outcome, minlength=len(values))
    no = np.bincount(place, weight * (1.0 - outcome), minlength=len(values))
    pairs = float(yes.sum() * no.sum())
    if not pairs > 0.0:
        return 0.5
    below = np.cumsum(no) - 0.5 * no
    return float((yes * below).sum()) / pairs


def _mean_high(
    loss: FloatArray, weight: FloatArray, close_ns: IntArray, rng: np.random.Generator
) -> float:
    # Upper end of the 90 % interval of the weighted mean loss, drawing weeks.
    _, week = np.unique(close_ns // WEEK_NS, return_inverse=True)
    losses = np.bincount(week, weight * loss)
    weights = np.bincount(week, weight)
    if len(weights) < 2:
        return math.inf
    drawn = rng.integers(0, len(weights), (DRAWS, len(weights)))
    means = losses[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    return float(np.quantile(means, 0.95))


def _reliability(
    probability: FloatArray, outcome: FloatArray, weight: FloatArray
) -> tuple[ReliabilityBin, ...]:
    order = np.argsort(probability, kind="stable")
    mass = np.cumsum(weight[order])
    place = np.minimum((BINS * (mass - 0.5 * weight[order]) / mass[-1]).astype(int), BINS - 1)
    bins = []
    for number in np.unique(place):
        rows = order[place == number]
        share = weight[rows] / weight[rows].sum()
        forecast = float((share * probability[rows]).sum())
        bins.append(
            ReliabilityBin(
                forecast, float((share * outcome[rows]).sum()), float(weight[rows].sum())
            )
        )
    return tuple(bins)
