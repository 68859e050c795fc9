"""How much of a backtest is luck: Sharpe ratios deflated by trials, overfitting, track lengths.

A Sharpe ratio here is mean over standard deviation of one period's returns, not of a year's, unless
its name says so; kurtosis is not the excess, 3 for a normal. What was searched decides what a
result is worth, so every function that knows of trials wants their number, and the number wants
their returns: cells of a grid that move together are fewer than they are many.

Sources: Bailey, López de Prado, "The Sharpe ratio efficient frontier" (2012) for PSR and the
minimum track record; the same, "The deflated Sharpe ratio" (2014); Bailey, Borwein, López de Prado,
Zhu, "Pseudo-mathematics and financial charlatanism" (2014) for the minimum backtest length; the
same, "The probability of backtest overfitting" (2017) for CSCV.
"""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

FloatArray = NDArray[np.float64]

EULER_GAMMA: Final = 0.5772156649015329
EXPLAINED_SHARE: Final = 0.95
"""Share of the trials' variance that the counted principal components explain."""
CSCV_BLOCKS: Final = 16
"""12,870 ways to halve the record; Bailey et al. (2017) find more to add little."""
SPLITS_AT_ONCE: Final = 2048
TRIALS_COUNTED: Final = 10_000
"""Beyond which nobody asks how many trials a record bears."""


class SharpeMoments(NamedTuple):
    """What a sample says about a Sharpe ratio, and how surely."""

    sharpe: float
    skewness: float
    kurtosis: float
    """Not the excess: 3 for a normal."""
    periods: int


class Overfitting(NamedTuple):
    """What happened, over all ways to halve the record, to the best trial of one half in the other.

    Both are NaN where there was nothing to choose from: fewer than two different trials, or too
    short a record.
    """

    rank_loss: float
    """PBO: share of halvings in which it was at or below the median of the other half."""
    money_loss: float
    """Share of halvings in which it did not earn anything there."""


def sharpe_moments(returns: FloatArray) -> SharpeMoments:
    """Return the Sharpe ratio of a period with the moments that its error depends on.

    Parameters
    ----------
    returns : ndarray of shape (n_periods,), float64, oldest first
        NaN is not allowed. Without any movement the ratio is 0: nothing was earned or risked.
    """
    count = len(returns)
    deviation = float(np.std(returns, ddof=1)) if count > 1 else 0.0
    if deviation == 0.0:
        return SharpeMoments(0.0, 0.0, 3.0, count)
    mean = float(np.mean(returns))
    standard = (returns - mean) / float(np.std(returns))
    return SharpeMoments(
        mean / deviation, float(np.mean(standard**3)), float(np.mean(standard**4)), count
    )


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float) -> float:
    """Return PSR, the chance that the true Sharpe ratio of a period lies above a benchmark.

    PSR(SR*) = Φ((SR − SR*)·√(n − 1) / √(1 − γ₃·SR + (γ₄ − 1)/4·SR²)). 0 for less than two periods:
    nothing is known then. The root's argument is positive for every sample's moments (γ₄ ≥ 1 + γ₃²)
    save one that takes two values only.
    """
    if moments.periods < 2:
        return 0.0
    distance = (moments.sharpe - benchmark) * math.sqrt(moments.periods - 1)
    return float(ndtr(distance / math.sqrt(_error_factor(moments))))


def _error_factor(moments: SharpeMoments) -> float:
    sharpe = moments.sharpe
    spread = 1.0 - moments.skewness * sharpe + (moments.kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return max(spread, 1e-12)


def expected_maximum(trials: float) -> float:
    """Return the mean of the largest of independent standard normals.

    The false strategy theorem: (1 − g)·Φ⁻¹(1 − 1/N) + g·Φ⁻¹(1 − 1/(N·e)), g Euler's constant: 0 for
    a single trial, 1.77 for 16. An effective number need not be whole; near 1, where the
    approximation is negative, it is 0.
    """
    if trials <= 1.0:
        return 0.0
    far = float(ndtri(1.0 - 1.0 / (trials * math.e)))
    near = float(ndtri(1.0 - 1.0 / trials))
    return max(0.0, (1.0 - EULER_GAMMA) * near + EULER_GAMMA * far)


def luckiest_sharpe(trials: float, variance: float) -> float:
    """Return SR₀, the Sharpe ratio that the best of so many trials without any skill would show.

    Parameters
    ----------
    trials : float
        Independent trials, ≥ 1.
    variance : float
        Variance of the trials' Sharpe ratios, ≥ 0.
    """
    return math.sqrt(variance) * expected_maximum(trials)


def deflated_sharpe(moments: SharpeMoments, trials: float, variance: float) -> float:
    """Return DSR, the chance that a Sharpe ratio is more than the luck of the best of all trials.

    PSR against `luckiest_sharpe`; with one trial it is PSR against 0.
    """
    return probabilistic_sharpe(moments, luckiest_sharpe(trials, variance))


def trial_variance(sharpes: FloatArray, periods: int) -> float:
    """Return the variance of the Sharpe ratios that trials without skill would show.

    It is that of the trials themselves, at most 1/(n − 1), which is what chance alone makes of a
    ratio of n periods. More than that is a difference of skill, and a true edge among failures must
    not be held against itself.

    Parameters
    ----------
    sharpes : ndarray of shape (n_trials,), float64
        Ratios of a period.
    periods : int
        Returns behind each, ≥ 2.
    """
    by_chance = 1.0 / (periods - 1)
    if len(sharpes) < 2:
        return by_chance
    return min(float(np.var(sharpes, ddof=1)), by_chance)


def participation_ratio(returns: FloatArray) -> float:
    """Return (Σλ)²/Σλ², λ the eigenvalues of the trials' correlation: 1 if all move as one.

    Parameters
    ----------
    returns : ndarray of shape (n_periods, n_trials), float64
        NaN is not allowed. Trials that never moved are left out.
    """
    spectrum = _spectrum(returns)
    return float(np.sum(spectrum) ** 2 / np.sum(spectrum**2)) if len(spectrum) else 0.0


def principal_trials(returns: FloatArray) -> int:
    """Return how many principal components explain 95 % of the trials' correlation.

    For the parameter see `participation_ratio`.
    """
    spectrum = _spectrum(returns)
    if not len(spectrum):
        return 0
    explained = np.cumsum(spectrum) / np.sum(spectrum)
    return int(np.searchsorted(explained, EXPLAINED_SHARE - 1e-12)) + 1


def effective_trials(returns: FloatArray) -> float:
    """Return how many independent trials a search is worth: the larger of both counts.

    The participation ratio alone is too small wherever trials share one large factor and differ in
    many small ones: the best of 64 such trials of pure noise would pass DSR 0.95 seven times too
    often. For the parameter see `participation_ratio`.
    """
    return max(participation_ratio(returns), float(principal_trials(returns)))


def _spectrum(returns: FloatArray) -> FloatArray:
    # Eigenvalues of the correlation, largest first. The smaller of both products has the same ones
    # above 0, and a search often has more trials than periods.
    moved = returns[:, np.ptp(returns, axis=0) > 0.0] if len(returns) > 1 else returns[:, :0]
    if not moved.shape[1]:
        return np.empty(0)
    standard = (moved - moved.mean(axis=0)) / moved.std(axis=0)
    periods, trials = standard.shape
    product = standard.T @ standard if trials <= periods else standard @ standard.T
    values = np.linalg.eigvalsh(product / periods)[::-1]
    spectrum: FloatArray = values[values > 1e-12 * values[0]]
    return spectrum


def backtest_overfitting(returns: FloatArray, blocks: int = CSCV_BLOCKS) -> Overfitting:
    """Return the probability of backtest overfitting by combinatorially symmetric cross-validation.

    The record is cut into blocks; for every way to take half of them, the trial with the best
    Sharpe ratio there is ranked among all trials in the other half: w = rank / (N + 1), and
    PBO = share of ln(w/(1 − w)) ≤ 0. Trials with the same returns are one trial, equal ratios share
    their rank. Periods that do not fill the blocks are left out at the start, the oldest.

    It measures the choice, not the chosen: among trials that all earn the same, the best of one
    half is any of them, and PBO is a half. `money_loss` tells that case from luck.

    Parameters
    ----------
    returns : ndarray of shape (n_periods, n_trials), float64, oldest first
        NaN is not allowed.
    blocks : int
        Even; fewer are taken where the record has less than two periods for each.
    """
    different = np.unique(returns, axis=1)
    periods, trials = different.shape
    blocks = min(blocks, 2 * (periods // 4))
    if trials < 2 or blocks < 2:
        return Overfitting(math.nan, math.nan)
    length = periods // blocks
    cut = different[periods - length * blocks :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut * cut).sum(axis=1)  # (block, trial)
    half = length * (blocks // 2)
    worse = lost = splits = 0
    for chosen in _halvings(blocks):
        inside = _sharpes(chosen @ sums, chosen @ squares, half)
        outside = _sharpes((1.0 - chosen) @ sums, (1.0 - chosen) @ squares, half)
        rows = np.arange(len(chosen))
        kept = outside[rows, np.argmax(inside, axis=1)]
        below = (outside < kept[:, None]).sum(axis=1)
        level = (outside == kept[:, None]).sum(axis=1)
        rank = below + (level + 1) / 2.0
        worse += int(np.count_nonzero(rank <= (trials + 1) / 2.0))
        lost += int(np.count_nonzero(kept <= 0.0))
        splits += len(chosen)
    return Overfitting(worse / splits, lost / splits)


def _halvings(blocks: int) -> Iterator[FloatArray]:
    # Indicators of shape (splits, blocks), some at a time: with many trials all would not fit.
    members = list(combinations(range(blocks), blocks // 2))
    for start in range(0, len(members), SPLITS_AT_ONCE):
        part = np.array(members[start : start + SPLITS_AT_ONCE])
        chosen = np.zeros((len(part), blocks))
        np.put_along_axis(chosen, part, 1.0, axis=1)
        yield chosen


def _sharpes(sums: FloatArray, squares: FloatArray, periods: int) -> FloatArray:
    mean = sums / periods
    variance = np.maximum(squares / periods - mean * mean, 0.0)
    deviation = np.sqrt(np.where(variance > 1e-12 * squares / periods, variance, 0.0))
    ratio: FloatArray = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0.0)
    return ratio


def minimum_backtest_years(trials: float, yearly_sharpe: float) -> float:
    """Return MinBTL: years below which the best of so many lucky trials shows such a ratio.

    (E[max of N]/SR)², at most 2·ln N/SR². Infinite for a ratio ≤ 0.
    """
    if yearly_sharpe <= 0.0:
        return math.inf
    return (expected_maximum(trials) / yearly_sharpe) ** 2


def trials_within(years: float, yearly_sharpe: float) -> int:
    """Return how many independent trials a record of some years bears: MinBTL turned round.

    The best of more would show such a ratio by luck alone within the years. Counted up to
    `TRIALS_COUNTED`.
    """
    few, many = 1, TRIALS_COUNTED + 1
    while many - few > 1:
        middle = (few + many) // 2
        if minimum_backtest_years(middle, yearly_sharpe) <= years:
            few = middle
        else:
            many = middle
    return few


def minimum_track_periods(moments: SharpeMoments, benchmark: float, confidence: float) -> float:
    """Return MinTRL: periods after which a ratio counts as above a benchmark.

    1 + (1 − γ₃·SR + (γ₄ − 1)/4·SR²)·(z/(SR − SR*))². Infinite where it is not above.

    Parameters
    ----------
    moments : SharpeMoments
        Of the record; its own length does not matter.
    benchmark : float
        Sharpe ratio of a period to be above of.
    confidence : float
        In (0.5, 1).
    """
    ahead = moments.sharpe - benchmark
    if ahead <= 0.0:
        return math.inf
    return 1.0 + _error_factor(moments) * (float(ndtri(confidence)) / ahead) ** 2


def detection_power(
    yearly_sharpe: float, years: float, trials: float, level: float, periods_a_year: float
) -> float:
    """Return the chance that DSR calls a true Sharpe ratio more than luck, for normal returns.

    What DSR alone could find, with everything else passed: an upper bound of what gates promote.

    Parameters
    ----------
    yearly_sharpe : float
        True ratio a year.
    years, trials : float
        Length of the record; independent trials, each with the variance of chance.
    level : float
        DSR must reach 1 − level.
    periods_a_year : float
        Returns in a year.
    """
    periods = years * periods_a_year
    sharpe = yearly_sharpe / math.sqrt(periods_a_year)
    error = math.sqrt(1.0 + sharpe * sharpe / 2.0)
    ahead = sharpe * math.sqrt(periods - 1.0) - expected_maximum(trials)
    return float(ndtr(ahead / error - float(ndtri(1.0 - level))))
