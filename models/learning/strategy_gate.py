"""The gate of strategies: an edge that is more than the luck of everything that was ever tried.

The order of the tests is that of their cost. The deflated Sharpe ratio carries the attempt's level;
the others are vetoes, which a real edge passes easily and a lucky one less so.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learning.adaptation.evaluation import WON_MIN, deployment
from models.learning.candidate import Candidate, StrategyEvidence
from models.learning.loss_difference import superior_predictive_ability
from models.learning.returns import TRADING_DAYS_A_YEAR
from models.learning.validation import (
    backtest_overfitting,
    deflated_sharpe,
    effective_trials,
    minimum_backtest_years,
    sharpe_moments,
    trial_variance,
)
from models.learning.verdict import (
    DRAWDOWN_FREE_FRAC,
    DRAWDOWN_RATIO_MAX,
    FOLDS_POSITIVE_MIN,
    MONEY_LOSS_MAX,
    NEIGHBOUR_SHARE_MIN,
    Finding,
    GateTerms,
    at_least,
    at_most,
    holds,
)

FloatArray = NDArray[np.float64]

GATE: Final = "strategy"


class Search(NamedTuple):
    """What was tried on the way to a candidate."""

    returns: FloatArray
    """Of the trials that have them, shape (n_periods, n_trials), all finite."""
    effective_trials: float
    """Of all trials; those without returns, or with some that are no numbers, count singly."""


def search_of(candidate: Candidate) -> Search:
    """Return the trials of a candidate as one; a training that names none was one trial."""
    known = [
        each.returns
        for each in candidate.trials
        if len(each.returns) and np.isfinite(each.returns).all()
    ]
    unknown = len(candidate.trials) - len(known)
    periods = min(map(len, known), default=0)
    returns = np.array([each[-periods:] for each in known]).T if known else np.empty((0, 0))
    counted = effective_trials(returns) if known else 0.0
    return Search(returns, max(1.0, counted + unknown))


def findings(
    evidence: StrategyEvidence, search: Search, earlier_trials: float, terms: GateTerms, seed: int
) -> Iterator[Finding]:
    """Yield what the tests of the gate find, in order.

    Parameters
    ----------
    evidence : StrategyEvidence
        Returns out of sample and after costs. NaN fails.
    search : Search
        What was tried for this candidate.
    earlier_trials : float
        Effective number of all trials that the family made before.
    terms : GateTerms
        Thresholds.
    seed : int
        Of the bootstrap.
    """
    returns, champion = evidence.day_returns, evidence.champion_day_returns
    is_whole = len(returns) == len(champion) and all(
        np.isfinite(each).all() for each in (returns, champion)
    )
    yield holds(GATE, "returns", is_true=is_whole)
    yield at_least(GATE, "trades", evidence.trades, terms.trades_min)
    if evidence.paired_gains.size:
        found = deployment(evidence.paired_gains, seed)
        yield holds(GATE, "gain_over_static", is_true=found.gain_low > 0.0)
        yield at_least(GATE, "windows_won", found.won / found.windows, WON_MIN)
    folds = evidence.fold_scores
    positive = float(np.mean(folds > 0.0)) if len(folds) else 0.0
    yield at_least(GATE, "folds_positive", positive, FOLDS_POSITIVE_MIN)
    worst = max(DRAWDOWN_RATIO_MAX * evidence.champion_drawdown_frac, DRAWDOWN_FREE_FRAC)
    yield at_most(GATE, "drawdown", evidence.drawdown_frac, worst)
    if len(evidence.neighbour_scores):
        beside = float(np.median(evidence.neighbour_scores))
        yield at_least(GATE, "neighbours", beside, NEIGHBOUR_SHARE_MIN * evidence.score)
    yield from _luck(returns, search, earlier_trials, terms)
    yield from _choice(search, terms)
    yield at_most(GATE, "spa_p_value", _spa(returns, champion, search, seed), terms.spa_p_max)


def _luck(
    returns: FloatArray, search: Search, earlier_trials: float, terms: GateTerms
) -> Iterator[Finding]:
    moments = sharpe_moments(returns)
    trials = search.effective_trials + earlier_trials
    variance = _variance(returns, search, is_first=earlier_trials == 0.0)
    dsr = deflated_sharpe(moments, trials, variance)
    yield at_least(GATE, "dsr", dsr, max(terms.deflated_sharpe_min, 1.0 - terms.level))
    years = len(returns) / TRADING_DAYS_A_YEAR
    needed = minimum_backtest_years(trials, moments.sharpe * math.sqrt(TRADING_DAYS_A_YEAR))
    yield at_most(GATE, "years_needed", needed, years)


def _variance(returns: FloatArray, search: Search, *, is_first: bool) -> float:
    # Trials of other searches had luck of their own, which the spread of this one does not show.
    if not is_first or len(search.returns) != len(returns):
        return trial_variance(np.empty(0), len(returns))
    sharpes = np.array([sharpe_moments(each).sharpe for each in search.returns.T])
    return trial_variance(sharpes, len(returns))


def _choice(search: Search, terms: GateTerms) -> Iterator[Finding]:
    # Where all trials earn, the best of one half is any of them and PBO is a half; then it does not
    # matter what was chosen, and choosing well is no condition.
    found = backtest_overfitting(search.returns)
    if math.isnan(found.rank_loss):
        return
    by_rank = at_most(GATE, "pbo", found.rank_loss, terms.overfitting_max)
    by_money = at_most(GATE, "pbo_money_loss", found.money_loss, MONEY_LOSS_MAX)
    yield by_money if by_money.is_passed and not by_rank.is_passed else by_rank


def _spa(returns: FloatArray, champion: FloatArray, search: Search, seed: int) -> float:
    rivals = returns[:, None]
    if len(search.returns) == len(returns):
        rivals = np.column_stack((returns, search.returns))
    return superior_predictive_ability(-champion, -rivals, seed=seed)
