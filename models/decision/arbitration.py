"""From the votes on one symbol and close to a side, an expected value and the gate that blocks.

Pure compiled arithmetic, shared by the supervisor, who calls it for one close, and the simulator,
who calls it over all of them. Sums run in voter order, so both give the same bits. Nothing here
raises: the callers validate, and what cannot be priced or is not known fails its gate.

Source of the pool: Cesa-Bianchi, Lugosi, *Prediction, Learning, and Games* (2006), chapter 2. Gates
are lexicographic: no weight outvotes a veto, and each is named in the Decision.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

PROBABILITY_FLOOR: Final = 0.02
"""A calibrated probability stays in [0.02, 0.98], as a vote does: nobody may claim certainty."""

NEGLIGIBLE_DRIFT: Final = 1e-9
"""Drift below which the formula of the target is replaced by its limit: 0 / 0 is no number."""

GATES: Final = (
    "quorum",
    "opinion",
    "min_confidence",
    "volatility",
    "families",
    "expected_value",
    "blackout",
    "position",
    "trading_state",
)
"""Names of the gates in the order in which they are tested; the first that fails blocks."""

QUORUM: Final = 0
OPINION: Final = 1
MIN_CONFIDENCE: Final = 2
VOLATILITY: Final = 3
FAMILIES: Final = 4
EXPECTED_VALUE: Final = 5
BLACKOUT: Final = 6
POSITION: Final = 7
TRADING_STATE: Final = 8
NO_GATE: Final = -1
"""Place of the blocking gate where none blocks."""

UNPRICED_VALUE_R: Final = -1.0
"""Expected value of what cannot be priced: the whole stake counts as lost."""


class Ballot(NamedTuple):
    """The votes on one symbol and close; each array has shape (n_voters,), in voter order."""

    probabilities_up: NDArray[np.float64]
    """Calibrated, in (0, 1); ignored where the voter abstains."""
    weights: NDArray[np.float64]
    """At least 0, in any scale; the pool normalises."""
    answers: NDArray[np.bool_]
    """Whether the voter posted a vote; an abstention is an answer."""
    abstains: NDArray[np.bool_]
    """True also where there is no answer."""
    is_proven: NDArray[np.bool_]
    """Whether the voter's skill is proven; each voter is a family of its own."""
    constant_weight: float
    """Weight of the expert who always says 0.5."""


class Terms(NamedTuple):
    """What a decision has to reach; set by the operator, moved by the learner within bounds."""

    quorum: int
    min_confidence: float
    families_min: int
    rr_ratio: float
    """Target over stop, see `reward_ratio`."""
    margin_r: float


class Circumstances(NamedTuple):
    """What else holds for the symbol at the close."""

    reversal_voter: int
    """Place of the voter whose lead a storm vetoes, −1 if it does not vote."""
    vetoes_reversal: bool
    vol_ratio: float
    vol_ratio_limit: float
    is_priced: bool
    """Whether quote, specification and stop distance are known."""
    cost_r: float
    """Round-trip cost in stop distances, at least 0."""
    is_blackout: bool
    blocks_buy: bool
    """Whether a position or an order in flight forbids a buy, likewise a sell."""
    blocks_sell: bool
    permits_entries: bool


class Ruling(NamedTuple):
    """What the arbitration comes to."""

    side: int
    """Side that the votes speak for: +1 long, −1 short, 0 none; set though a gate may block it."""
    probability_up: float
    expected_value_r: float
    blocked_by: int
    """Place in `GATES` of the first gate that failed, −1 if none did."""
    values: NDArray[np.float64]
    """What each gate measured, shape (n_gates,)."""
    thresholds: NDArray[np.float64]
    """What each gate asked for, shape (n_gates,)."""


@njit(cache=True)
def logit(probability: float) -> float:
    """Return ln(p / (1 − p)) of a probability in (0, 1)."""
    return math.log(probability / (1.0 - probability))


@njit(cache=True)
def calibrated(probability_up: float, intercept: float, slope: float) -> float:
    """Return a vote after its Platt calibration: logit p' = intercept + slope · logit p.

    Source: Platt, *Probabilistic outputs for support vector machines* (1999), on log-odds. The
    result is kept in [0.02, 0.98].
    """
    log_odds = intercept + slope * logit(probability_up)
    calibrated_up = 1.0 / (1.0 + math.exp(-log_odds))
    return min(max(calibrated_up, PROBABILITY_FLOOR), 1.0 - PROBABILITY_FLOOR)


@njit(cache=True)
def shares(ballot: Ballot) -> NDArray[np.float64]:
    """Return the normalised weights, shape (n_voters + 1,), the constant expert last.

    Those who abstain have 0 and the others renormalise; if nobody weighs anything, the constant
    expert has all.
    """
    count = ballot.weights.shape[0]
    share = np.zeros(count + 1)
    total = 0.0
    for voter in range(count):
        if not ballot.abstains[voter]:
            share[voter] = ballot.weights[voter]
            total += share[voter]
    share[count] = ballot.constant_weight
    total += ballot.constant_weight
    if total <= 0.0:
        share[count] = 1.0
        return share
    for place in range(count + 1):
        share[place] /= total
    return share


@njit(cache=True)
def pool(ballot: Ballot) -> float:
    """Return the linear pool Σ w p over those who do not abstain and the constant expert's 0.5.

    Summed as ½ + Σ w (p − ½), which is the same and exactly ½ where nobody leans to a side.
    """
    share = shares(ballot)
    pooled = 0.5
    for voter in range(ballot.weights.shape[0]):
        if not ballot.abstains[voter]:
            pooled += share[voter] * (ballot.probabilities_up[voter] - 0.5)
    return pooled


@njit(cache=True)
def target_first(probability_side: float, rr_ratio: float) -> float:
    """Return the chance that a target at R stop distances is reached before the stop.

    Votes speak of symmetric barriers, here taken to lie one stop distance away: `barrier_distance`
    and the stop are multiples of the same average true range. The price is a Brownian motion with
    drift μ and variance σ², measured in stop distances. Its scale function is s(x) = exp(−θx) with
    θ = 2μ/σ², so the chance of +R before −1 is

        (s(0) − s(−1)) / (s(R) − s(−1)) = (e^θ − 1) / (e^θ − e^(−θR)).

    At R = 1 this is 1 / (1 + e^(−θ)), hence θ = logit p. Without drift the limit is 1 / (1 + R).
    Source: Karatzas, Shreve, *Brownian Motion and Stochastic Calculus*, section 5.5.

    Parameters
    ----------
    probability_side : float
        Chance of the symmetric barrier on the chosen side, in (0, 1).
    rr_ratio : float
        Distance of the target over the distance of the stop, > 0.
    """
    drift = logit(probability_side)
    if abs(drift) < NEGLIGIBLE_DRIFT:
        return 1.0 / (1.0 + rr_ratio)
    gain = math.expm1(drift)
    return gain / (gain - math.expm1(-drift * rr_ratio))


@njit(cache=True)
def expected_value_r(probability_side: float, rr_ratio: float, cost_r: float) -> float:
    """Return P·R − (1 − P) − c: profit in units of the risk at the stop, P from `target_first`."""
    hit = target_first(probability_side, rr_ratio)
    return hit * rr_ratio - (1.0 - hit) - cost_r


@njit(cache=True)
def break_even(rr_ratio: float, cost_r: float) -> float:
    """Return the chance of the target at which the expected value is 0: (1 + c) / (1 + R)."""
    return (1.0 + cost_r) / (1.0 + rr_ratio)


@njit(cache=True)
def reward_ratio(min_rr_ratio: float, atr_multiplier: float, target_atr_multiplier: float) -> float:
    """Return the target over the stop: as asked for, or as far as its own multiple lies.

    Both multiples are > 0, or the target's is 0 where the ratio alone decides.
    """
    return max(min_rr_ratio, target_atr_multiplier / atr_multiplier)


@njit(cache=True)
def round_trip_cost(
    spread: float, commission_per_lot: float, contract_size: float, account_per_quote: float
) -> float:
    """Return what a trade costs as a distance in price: the spread and two commissions.

    Parameters
    ----------
    spread : float
        Ask less bid.
    commission_per_lot : float
        For one lot and side, in account currency.
    contract_size, account_per_quote : float
        Units in one lot, and the value in account currency of one unit of quote currency; > 0.
    """
    return spread + 2.0 * commission_per_lot / (contract_size * account_per_quote)


@njit(cache=True)
def loudest(ballot: Ballot, side: int) -> int:
    """Return the place of the voter who contributes most to a side, −1 if nobody does.

    The contribution is weight × (p − ½), signed towards the side; the first of equals wins.
    """
    found, most = -1, 0.0
    for voter in range(ballot.weights.shape[0]):
        if not ballot.abstains[voter]:
            voice = ballot.weights[voter] * (ballot.probabilities_up[voter] - 0.5) * side
            if voice > most:
                found, most = voter, voice
    return found


@njit(cache=True)
def agreeing(ballot: Ballot, side: int) -> int:
    """Count the families that have an opinion and speak for a side."""
    count = 0
    for voter in range(ballot.weights.shape[0]):
        leans = (ballot.probabilities_up[voter] - 0.5) * side > 0.0
        if leans and not ballot.abstains[voter]:
            count += 1
    return count


@njit(cache=True)
def families_needed(is_proven: NDArray[np.bool_], families_min: int) -> int:
    """Return min(`families_min`, families of proven skill), at least one."""
    proven = 0
    for voter in range(is_proven.shape[0]):
        if is_proven[voter]:
            proven += 1
    return max(1, min(families_min, proven))


@njit(cache=True)
def arbitrate(ballot: Ballot, terms: Terms, circumstances: Circumstances) -> Ruling:
    """Pool the votes, choose the side and test the gates in the order of `GATES`.

    Every gate is measured, so that values and thresholds are complete; `blocked_by` is the first
    that failed, and a Decision tells only of those tested up to it.
    """
    probability_up = pool(ballot)
    side = 0
    if probability_up != 0.5:
        side = 1 if probability_up > 0.5 else -1
    confidence = max(probability_up, 1.0 - probability_up)
    value_r = UNPRICED_VALUE_R
    if circumstances.is_priced:
        value_r = expected_value_r(confidence, terms.rr_ratio, circumstances.cost_r)
    lead = loudest(ballot, side)
    is_vetoed = circumstances.vetoes_reversal and lead >= 0 and lead == circumstances.reversal_voter
    is_occupied = circumstances.blocks_buy if side > 0 else circumstances.blocks_sell

    values = np.zeros(len(GATES))
    thresholds = np.zeros(len(GATES))
    passed = np.zeros(len(GATES), dtype=np.bool_)

    for voter in range(ballot.answers.shape[0]):
        values[QUORUM] += 1.0 if ballot.answers[voter] else 0.0
        values[OPINION] += 0.0 if ballot.abstains[voter] else 1.0
    thresholds[QUORUM] = terms.quorum
    passed[QUORUM] = values[QUORUM] >= thresholds[QUORUM]
    thresholds[OPINION] = 1.0
    passed[OPINION] = values[OPINION] >= thresholds[OPINION]

    values[MIN_CONFIDENCE] = confidence
    thresholds[MIN_CONFIDENCE] = terms.min_confidence
    passed[MIN_CONFIDENCE] = side != 0 and confidence >= terms.min_confidence

    values[VOLATILITY] = circumstances.vol_ratio
    thresholds[VOLATILITY] = circumstances.vol_ratio_limit
    passed[VOLATILITY] = not is_vetoed

    values[FAMILIES] = agreeing(ballot, side)
    thresholds[FAMILIES] = families_needed(ballot.is_proven, terms.families_min)
    passed[FAMILIES] = values[FAMILIES] >= thresholds[FAMILIES]

    values[EXPECTED_VALUE] = value_r
    thresholds[EXPECTED_VALUE] = terms.margin_r
    passed[EXPECTED_VALUE] = circumstances.is_priced and value_r > terms.margin_r

    values[BLACKOUT] = 1.0 if circumstances.is_blackout else 0.0
    passed[BLACKOUT] = not circumstances.is_blackout

    values[POSITION] = 1.0 if is_occupied else 0.0
    passed[POSITION] = not is_occupied

    values[TRADING_STATE] = 1.0 if circumstances.permits_entries else 0.0
    thresholds[TRADING_STATE] = 1.0
    passed[TRADING_STATE] = circumstances.permits_entries

    blocked_by = NO_GATE
    for gate in range(len(GATES) - 1, -1, -1):
        if not passed[gate]:
            blocked_by = gate
    return Ruling(side, probability_up, value_r, blocked_by, values, thresholds)
