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
        part = mass * ((1.0 - share) * grown[place] / total + share / len(awake))
        after[place] = min(part, 1.0)  # rounding: who has all of it would come to hold more
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
    means = group_means(voted_ns, settled_ns, gain)
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


def group_means(voted_ns: IntArray, settled_ns: IntArray, gain: FloatArray) -> FloatArray:
    """Return the means of the groups that `compare` tests, shape (n_groups,), oldest first."""
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


class OnlinePlatt:
    """A calibration that learns: one Newton step an outcome, with a ridge towards a prior.

    With x = (1, logit p), e the evidence of the outcome, λ' = λ^e and H₀ = ridge·I,

        H ← λ'H + (1 − λ')H₀ + e·q(1 − q)xx',
        θ ← θ + H⁻¹(e·(y − q)x − (1 − λ')H₀(θ − θ₀)).

    The slope never falls below 0: who is always wrong is silenced, not turned round.
    """

    def __init__(self, prior_slope: float) -> None:
        self._prior_slope = prior_slope
        self._a, self._c = 0.0, prior_slope
        self._h_aa, self._h_ac, self._h_cc = PLATT_RIDGE, 0.0, PLATT_RIDGE

    @property
    def coefficients(self) -> Platt:
        """Coefficients after the outcomes so far."""
        return Platt(self._a, self._c)

    def learn(self, probability_up: float, label: float, evidence: float = 1.0) -> float:
        """Take one outcome; return the vote as it was calibrated before that was known."""
        odds = math.log(probability_up / (1.0 - probability_up))
        q = 1.0 / (1.0 + math.exp(-(self._a + self._c * odds)))
        memory = PLATT_MEMORY**evidence
        fresh = (1.0 - memory) * PLATT_RIDGE
        curvature = evidence * q * (1.0 - q)
        self._h_aa = memory * self._h_aa + fresh + curvature
        self._h_ac = memory * self._h_ac + curvature * odds
        self._h_cc = memory * self._h_cc + fresh + curvature * odds * odds
        miss = evidence * (label - q)
        g_a = miss - fresh * self._a
        g_c = miss * odds - fresh * (self._c - self._prior_slope)
        determinant = self._h_aa * self._h_cc - self._h_ac * self._h_ac
        self._a = _bounded(self._a + (self._h_cc * g_a - self._h_ac * g_c) / determinant)
        self._c = max(_bounded(self._c + (self._h_aa * g_c - self._h_ac * g_a) / determinant), 0.0)
        return q


def fit_platt(
    probability_up: FloatArray,
    label: FloatArray,
    prior_slope: float,
    evidence: FloatArray | None = None,
) -> tuple[Platt, FloatArray]:
    """Calibrate online over a record, see `OnlinePlatt`.

    Parameters
    ----------
    probability_up, label : ndarray of shape (n_outcomes,), float64
        Raw votes in (0, 1) and what became of them, oldest first.
    prior_slope : float
        Slope towards which the fit is pulled; the prior's intercept is 0.
    evidence : ndarray of shape (n_outcomes,), float64, optional
        What each outcome counts for, in (0, 1]; by default 1.

    Returns
    -------
    Platt
        Coefficients after the last outcome.
    ndarray of shape (n_outcomes,), float64
        Each vote as it was calibrated before its own outcome was known: row t uses rows < t.
    """
    counts = np.ones(len(label)) if evidence is None else evidence
    fitted = OnlinePlatt(prior_slope)
    rows = zip(probability_up.tolist(), label.tolist(), counts.tolist(), strict=True)
    foreseen = np.array([fitted.learn(*row) for row in rows], dtype=np.float64)
    return fitted.coefficients, foreseen


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A candidate calibration beside the incumbent, on outcomes that the candidate has not seen."""

    candidate: Platt
    train_rows: int
    judged_rows: int
    candidate_brier: float
    incumbent_brier: float
    comparison: Comparison
    """Loss saved by the candidate."""


def refresh_platt(
    probability_up: FloatArray,
    label: FloatArray,
    voted_ns: IntArray,
    settled_ns: IntArray,
    *,
    prior_slope: float,
    evidence: FloatArray | None = None,
) -> Platt:
    """Return the online calibration if it was better than none beyond reasonable doubt.

    Each vote is judged as it was calibrated before its own outcome was known, on all outcomes
    kept. A linear pool shrinks votes already, so a calibration that shrinks them once more has to
    earn its place. For the parameters see `try_platt` and `fit_platt`.
    """
    fitted, foreseen = fit_platt(probability_up, label, prior_slope, evidence)
    gain = (probability_up - label) ** 2 - (foreseen - label) ** 2
    found = compare(voted_ns, settled_ns, gain)
    return fitted if is_proven(found, len(label), PROOF_GROUPS_MIN) else IDENTITY


def try_platt(
    probability_up: FloatArray,
    label: FloatArray,
    voted_ns: IntArray,
    settled_ns: IntArray,
    *,
    incumbent: Platt,
    prior_slope: float,
    evidence: FloatArray | None = None,
) -> Recalibration:
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
    prior_slope, evidence
        See `fit_platt`.
    """
    quarter = _quarter(len(label))
    is_training = settled_ns[:quarter] <= voted_ns[quarter:].min()
    candidate, _ = fit_platt(
        probability_up[:quarter][is_training],
        label[:quarter][is_training],
        prior_slope,
        None if evidence is None else evidence[:quarter][is_training],
    )
    raw, outcome = probability_up[quarter:], label[quarter:]
    candidate_loss = (platt(raw, candidate) - outcome) ** 2
    incumbent_loss = (platt(raw, incumbent) - outcome) ** 2
    return Recalibration(
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
