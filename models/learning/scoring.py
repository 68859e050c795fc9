"""How votes are judged: what became of them, who weighs what, and whose skill is more than luck.

A vote is the chance of the upper of two symmetric barriers. Its loss is the Brier score (p − y)²,
on which 0.5 always costs a quarter. Weights follow the slow fixed-share Hedge (Herbster, Warmuth,
"Tracking the best expert", 1998) with an expert among them who always says 0.5. Everything here
is a fold over outcomes in one order, with plain floats, so that a rebuilt judge has the same bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

IGNORANCE_BRIER: Final = 0.25
"""Brier score of always saying 0.5."""
PROOF_LEVEL: Final = 0.01
"""Chance of calling a coin skilled in one look. Skill is looked at every few hours, so the usual
5 % would call nearly every coin skilled once in a while."""
PROOF_GROUPS_MIN: Final = 30
"""Non-overlapping groups of outcomes without which nothing is proven."""
PLATT_RIDGE: Final = 30.0
"""Curvature of the pull towards the prior; an outcome adds at most a quarter to it."""
PLATT_MEMORY: Final = 0.9995
"""Share of the past that an online calibration keeps at each outcome."""
COEFFICIENT_MAX: Final = 10.0
"""Bound of both coefficients, far beyond any that a fit with this ridge reaches."""


def settle(
    reference: float, distance: float, high: float, low: float, close: float, *, is_last: bool
) -> float | None:
    """Return what one more bar makes of an open vote: 1 up, 0 down, 0.5 neither, None undecided.

    The barrier that the bar touches decides; if it touches both, or is the last of the horizon,
    its close relative to the reference does. The same rule as `calibration.first_barrier`, bar by
    bar.

    Parameters
    ----------
    reference, distance : float
        Price that the vote was made at, and half-width of its barriers, > 0.
    high, low, close : float
        The bar.
    is_last : bool
        Whether the horizon ends with this bar.
    """
    is_up = high >= reference + distance
    is_down = low <= reference - distance
    if is_up != is_down:
        return 1.0 if is_up else 0.0
    if not (is_up or is_last):
        return None
    if close == reference:
        return 0.5
    return 1.0 if close > reference else 0.0


def brier(probability_up: float, label: float) -> float:
    """Return the loss (p − y)² of one vote."""
    return (probability_up - label) * (probability_up - label)


def skill(mean_brier: float) -> float:
    """Return 1 − Brier / 0.25: above 0 is better than a coin, 1 is clairvoyance."""
    return 1.0 - mean_brier / IGNORANCE_BRIER


def equal_weights(experts: int) -> tuple[float, ...]:
    """Return the weights before the first outcome."""
    return (1.0 / experts,) * experts


def hedge(
    weights: Sequence[float], losses: Sequence[float | None], rate: float, share: float
) -> tuple[float, ...]:
    """Return the weights after one outcome.

    Experts with a loss compete for the mass that they hold together: w ← w·exp(−η·loss),
    normalised, then w ← (1 − s)·w + s·mass/m, m their number. Experts without one (None) abstained
    and keep their weight to the bit.

    Parameters
    ----------
    weights : sequence of float
        Weights of all experts; they sum to 1.
    losses : sequence of float or None
        Loss of each expert up to a constant that is common to all.
    rate : float
        Learning rate η > 0.
    share : float
        Share s in [0, 1) that is spread evenly, so that nobody is ever lost for good.
    """
    awake = [place for place, loss in enumerate(losses) if loss is not None]
    if not awake:
        return tuple(weights)
    mass = math.fsum(weights[place] for place in awake)
    grown = {
        place: weights[place] * math.exp(-rate * loss)
        for place, loss in enumerate(losses)
        if loss is not None
    }
    total = math.fsum(grown.values())
    after = list(weights)
    for place in awake:
        after[place] = mass * ((1.0 - share) * grown[place] / total + share / len(awake))
    return tuple(after)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far one record is below another in loss, and how sure that is."""

    gain: float
    """Mean loss saved per outcome."""
    p_value: float
    """One-sided chance of such a gain without any real one; 1 where nothing can be said."""
    groups: int
    """Non-overlapping groups of outcomes behind it."""


def compare(voted_ns: IntArray, settled_ns: IntArray, gain: FloatArray) -> Comparison:
    """Test whether a mean gain is above 0, counting overlapping outcomes once.

    Votes of one close form a group with one mean, whatever the symbol, because symbols move
    together. Groups are taken in time order, each only after all of the last one are settled, and
    the rest are left out: what remains shares no bar. Student's t on the means of the groups.
    Conservative, since it throws away most outcomes.

    Parameters
    ----------
    voted_ns, settled_ns : ndarray of shape (n_outcomes,), int64
        Close of each vote, and of the bar that decided it.
    gain : ndarray of shape (n_outcomes,), float64
        Loss saved.
    """
    means = _group_means(voted_ns, settled_ns, gain)
    count = len(means)
    overall = float(np.mean(gain)) if len(gain) else 0.0
    if count < 2:
        return Comparison(overall, 1.0, count)
    spread = float(np.std(means, ddof=1))
    mean = float(np.mean(means))
    if spread == 0.0:
        # Equal gains everywhere: a fixed advantage if they are above 0, nothing otherwise.
        return Comparison(overall, 0.0 if mean > 0.0 else 1.0, count)
    t = mean / (spread / math.sqrt(count))
    return Comparison(overall, float(stdtr(count - 1, -t)), count)


def _group_means(voted_ns: IntArray, settled_ns: IntArray, gain: FloatArray) -> FloatArray:
    order = np.argsort(voted_ns, kind="stable")
    voted_ns, settled_ns, gain = voted_ns[order], settled_ns[order], gain[order]
    starts = np.flatnonzero(np.diff(voted_ns, prepend=voted_ns[:1] - 1))
    bounds = np.append(starts, len(voted_ns))
    means: list[float] = []
    free_ns = int(np.iinfo(np.int64).min)
    for start, end in pairwise(bounds.tolist()):
        if voted_ns[start] >= free_ns:
            means.append(float(np.mean(gain[start:end])))
            free_ns = int(settled_ns[start:end].max())
    return np.array(means, dtype=np.float64)


def is_proven(comparison: Comparison, outcomes: int, outcomes_min: int) -> bool:
    """Whether a record against 0.5 is better beyond reasonable doubt, and long enough to say so."""
    return (
        outcomes >= outcomes_min
        and comparison.groups >= PROOF_GROUPS_MIN
        and comparison.gain > 0.0
        and comparison.p_value < PROOF_LEVEL
    )


@dataclass(frozen=True, slots=True)
class Platt:
    """A calibration on log-odds: logit p' = intercept + slope · logit p."""

    intercept: float
    slope: float


IDENTITY: Final = Platt(0.0, 1.0)
"""What serves where nothing better is known."""


def platt(probability_up: FloatArray, coefficients: Platt) -> FloatArray:
    """Return calibrated probabilities, shape (n,)."""
    odds = np.log(probability_up / (1.0 - probability_up))
    calibrated: FloatArray = 1.0 / (
        1.0 + np.exp(-(coefficients.intercept + coefficients.slope * odds))
    )
    return calibrated


def fit_platt(
    probability_up: FloatArray, label: FloatArray, prior_slope: float
) -> tuple[Platt, FloatArray]:
    """Calibrate online: one Newton step an outcome, with a ridge towards a prior.

    With x = (1, logit p) and H₀ = ridge·I,

        H ← λH + (1 − λ)H₀ + q(1 − q)xx',    θ ← θ + H⁻¹((y − q)x − (1 − λ)H₀(θ − θ₀)).

    Parameters
    ----------
    probability_up, label : ndarray of shape (n_outcomes,), float64
        Raw votes in (0, 1) and what became of them, oldest first.
    prior_slope : float
        Slope towards which the fit is pulled; the prior's intercept is 0.

    Returns
    -------
    Platt
        Coefficients after the last outcome.
    ndarray of shape (n_outcomes,), float64
        Each vote as it was calibrated before its own outcome was known: row t uses rows < t.
    """
    a, c = 0.0, prior_slope
    h_aa, h_ac, h_cc = PLATT_RIDGE, 0.0, PLATT_RIDGE
    fresh = (1.0 - PLATT_MEMORY) * PLATT_RIDGE
    foreseen = np.empty(len(label))
    pairs = zip(probability_up.tolist(), label.tolist(), strict=True)
    for row, (probability, outcome) in enumerate(pairs):
        odds = math.log(probability / (1.0 - probability))
        q = 1.0 / (1.0 + math.exp(-(a + c * odds)))
        foreseen[row] = q
        curvature = q * (1.0 - q)
        h_aa = PLATT_MEMORY * h_aa + fresh + curvature
        h_ac = PLATT_MEMORY * h_ac + curvature * odds
        h_cc = PLATT_MEMORY * h_cc + fresh + curvature * odds * odds
        g_a = (outcome - q) - fresh * a
        g_c = (outcome - q) * odds - fresh * (c - prior_slope)
        determinant = h_aa * h_cc - h_ac * h_ac
        a = _bounded(a + (h_cc * g_a - h_ac * g_c) / determinant)
        c = _bounded(c + (h_aa * g_c - h_ac * g_a) / determinant)
    return Platt(a, c), foreseen


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate calibration beside the incumbent, on outcomes that the candidate has not seen."""

    candidate: Platt
    train_rows: int
    judged_rows: int
    candidate_brier: float
    incumbent_brier: float
    comparison: Comparison
    """Loss saved by the candidate."""


def refresh_platt(probability_up: FloatArray, label: FloatArray, prior_slope: float) -> Platt:
    """Return the online calibration if it was no worse than none over the latest quarter.

    Each vote of that quarter is judged as it was calibrated before its own outcome was known.
    """
    fitted, foreseen = fit_platt(probability_up, label, prior_slope)
    quarter = _quarter(len(label))
    is_worse = np.mean((foreseen[quarter:] - label[quarter:]) ** 2) > np.mean(
        (probability_up[quarter:] - label[quarter:]) ** 2
    )
    return IDENTITY if is_worse else fitted


def try_platt(
    probability_up: FloatArray,
    label: FloatArray,
    voted_ns: IntArray,
    settled_ns: IntArray,
    *,
    incumbent: Platt,
    prior_slope: float,
) -> Trial:
    """Fit a candidate on all but the latest quarter of outcomes and judge it there.

    Training outcomes that were still open when the first vote of the quarter was made are purged.

    Parameters
    ----------
    probability_up, label : ndarray of shape (n_outcomes,), float64
        Raw votes in (0, 1) and what became of them, in order of settlement; at least four.
    voted_ns, settled_ns : ndarray of shape (n_outcomes,), int64
        Close of each vote, and of the bar that decided it.
    incumbent : Platt
        What serves now.
    prior_slope : float
        See `fit_platt`.
    """
    quarter = _quarter(len(label))
    is_training = settled_ns[:quarter] <= voted_ns[quarter:].min()
    candidate, _ = fit_platt(
        probability_up[:quarter][is_training], label[:quarter][is_training], prior_slope
    )
    raw, outcome = probability_up[quarter:], label[quarter:]
    candidate_loss = (platt(raw, candidate) - outcome) ** 2
    incumbent_loss = (platt(raw, incumbent) - outcome) ** 2
    return Trial(
        candidate=candidate,
        train_rows=int(is_training.sum()),
        judged_rows=len(outcome),
        candidate_brier=float(np.mean(candidate_loss)),
        incumbent_brier=float(np.mean(incumbent_loss)),
        comparison=compare(
            voted_ns[quarter:], settled_ns[quarter:], incumbent_loss - candidate_loss
        ),
    )


def _quarter(rows: int) -> int:
    return rows - rows // 4


def _bounded(coefficient: float) -> float:
    return min(max(coefficient, -COEFFICIENT_MAX), COEFFICIENT_MAX)
