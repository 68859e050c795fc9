"""Candidates whose worth is known: of nothing, and of an edge that was planted.

Of nothing: forecasters fitted to noise beside what moves a random walk, classifiers of shuffled
labels, and the best cell of a grid of crossing averages traded over a random walk after costs.
Planted: day returns of a search in which some trials truly earn.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.random import Generator

from models.learning.candidate import Candidate, FloatArray, ForecastEvidence, Trial
from tests.candidates import (
    DAYS,
    HOUR_NS,
    TRAINED_UNTIL_NS,
    YEAR,
    a_candidate,
    best_of,
)

TRAIN_ROWS: Final = 2_000
JUDGED_DAYS: Final = 25
HORIZON: Final = 4
"""Hours until an outcome is known, so that losses overlap as real ones do."""
INPUTS: Final = 8
FAST: Final = (4, 8, 16)
SLOW: Final = (32, 64, 128, 256)
COST: Final = 1e-5
"""Of a change of position, a share of the price."""
FOLDS: Final = 6


def _forecaster(loss: FloatArray, baseline: FloatArray, trials: int) -> Candidate:
    close_ns = TRAINED_UNTIL_NS + HOUR_NS * np.arange(1, len(loss) + 1)
    evidence = ForecastEvidence(
        close_ns=close_ns,
        settled_ns=close_ns + HORIZON * HOUR_NS,
        loss=loss,
        baseline_loss=baseline,
        champion_loss=baseline,
    )
    tried = tuple(Trial(f'{{"cell":{place}}}', 0.0) for place in range(trials))
    return a_candidate(evidence, trials=tried)


def _fitted(inputs: FloatArray, target: FloatArray, ridge: float) -> FloatArray:
    # Forecasts of the rows after the training rows, one horizon purged between them.
    train = slice(0, TRAIN_ROWS - HORIZON)
    design = np.column_stack((np.ones(len(inputs)), inputs))
    gram = design[train].T @ design[train] + ridge * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design[train].T @ target[train])
    found: FloatArray = design[TRAIN_ROWS:] @ weights
    return found


def volatility_of_nothing(generator: Generator) -> Candidate:
    """Return a forecaster with useless inputs beside the baseline's own, on a random walk."""
    rows = TRAIN_ROWS + 24 * JUDGED_DAYS
    variance = generator.standard_normal(rows + HORIZON + 24) ** 2
    ahead = np.convolve(variance, np.ones(HORIZON) / HORIZON, "valid")[25 : 25 + rows]
    means = np.column_stack(
        [np.convolve(variance, np.ones(k) / k, "valid")[24 - k + 1 :][:rows] for k in (1, 4, 24)]
    )
    target, known = np.log(ahead), np.log(means)
    useless = generator.standard_normal((rows, INPUTS))
    baseline = np.exp(_fitted(known, target, 0.0))
    loose = np.exp(_fitted(np.column_stack((known, useless)), target, 0.0))
    judged = ahead[TRAIN_ROWS:]
    return _forecaster(_qlike(judged, loose), _qlike(judged, baseline), trials=1)


def nearly_the_baseline(generator: Generator) -> Candidate:
    """Return a forecaster that says what the baseline says, and a little noise."""
    ahead = generator.standard_gamma(2.0, 24 * JUDGED_DAYS)
    said = np.exp(0.02 * generator.standard_normal(len(ahead)))
    return _forecaster(_qlike(ahead, 2.0 * said), _qlike(ahead, np.full(len(ahead), 2.0)), trials=1)


def classifier_of_shuffled_labels(generator: Generator) -> Candidate:
    """Return the best of four classifiers of directions that were shuffled, beside saying 0.5."""
    rows = TRAIN_ROWS + 24 * JUDGED_DAYS
    walk = generator.standard_normal(rows + 64)
    moved = np.column_stack(
        [np.convolve(walk, np.ones(k) / np.sqrt(k), "valid")[64 - k :][:rows] for k in (1, 4, 16)]
    )
    label = generator.permutation((walk[64:] > 0.0).astype(float))
    judged = label[TRAIN_ROWS:]
    losses = [
        (np.clip(_fitted(moved, label, ridge), 0.02, 0.98) - judged) ** 2
        for ridge in (0.0, 10.0, 100.0, 1_000.0)
    ]
    best = min(losses, key=lambda loss: float(np.mean(loss)))
    return _forecaster(best, np.full(len(judged), 0.25), trials=len(losses))


def _qlike(realised: FloatArray, forecast: FloatArray) -> FloatArray:
    ratio = realised / forecast
    loss: FloatArray = ratio - np.log(ratio) - 1.0
    return loss


def crossings_of_nothing(generator: Generator) -> Candidate:
    """Return the best of twelve pairs of averages traded over a random walk, costs paid."""
    returns = 1e-3 * generator.standard_normal(24 * DAYS)
    price = np.cumsum(returns)
    total = np.concatenate(([0.0], np.cumsum(price)))

    def average(length: int) -> FloatArray:
        mean = np.zeros(len(price))
        mean[length - 1 :] = (total[length:] - total[:-length]) / length
        return mean

    columns = []
    for fast in FAST:
        for slow in SLOW:
            side = np.sign(average(fast) - average(slow))
            side[: slow - 1] = 0.0
            earned = side[:-1] * returns[1:] - COST * np.abs(np.diff(side))
            columns.append(np.append(0.0, earned).reshape(DAYS, 24).sum(axis=1))
    return _traded(np.column_stack(columns))


def lottery(generator: Generator) -> Candidate:
    """Return the best of sixteen strategies that toss a coin every day."""
    return _traded(0.005 * generator.standard_normal((DAYS, 16)))


def _traded(returns: FloatArray) -> Candidate:
    # The best cell, with its folds and drawdown as they came out; nobody serves.
    chosen = returns[:, int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))]
    folds = np.array([part.mean() / part.std() for part in np.array_split(chosen, FOLDS)])
    equity = np.cumprod(1.0 + chosen)
    fall = float(np.max(1.0 - equity / np.maximum.accumulate(equity)))
    return best_of(
        returns,
        fold_scores=folds,
        drawdown_frac=fall,
        champion_drawdown_frac=0.10,
        neighbour_scores=np.empty(0),
    )


NOISE: Final[dict[str, Callable[[Generator], Candidate]]] = {
    "volatility": volatility_of_nothing,
    "nearly the baseline": nearly_the_baseline,
    "shuffled labels": classifier_of_shuffled_labels,
    "crossings": crossings_of_nothing,
    "lottery": lottery,
}
"""Makers of candidates that are worth nothing."""


def one_among_sixteen(yearly_sharpe: float, generator: Generator) -> Candidate:
    """Return the best of sixteen independent strategies of which one has an edge."""
    returns = generator.standard_normal((DAYS, 16))
    returns[:, 0] += yearly_sharpe / YEAR
    return _traded(0.005 * returns)


def hill(yearly_sharpe: float, generator: Generator) -> Candidate:
    """Return the best cell of a 7 × 7 grid whose edge falls off from one of its cells.

    Neighbours' returns have a correlation of 0.9, so that the grid is worth about eleven trials.
    """
    place = np.arange(7)
    beside = 0.9 ** np.abs(place[:, None] - place)
    root = np.linalg.cholesky(np.kron(beside, beside))
    row, column = generator.integers(0, 7, 2)
    away = ((place[:, None] - row) ** 2 + (place - column) ** 2).ravel()
    returns = generator.standard_normal((DAYS, 49)) @ root.T
    returns += yearly_sharpe / YEAR * np.exp(-away / 8.0)
    return _traded(0.005 * returns)


PLANTED: Final[dict[str, Callable[[float, Generator], Candidate]]] = {
    "one among 16": one_among_sixteen,
    "hill on a 7 × 7 grid": hill,
}
"""Makers of searches in which an edge was planted: yearly Sharpe ratio to candidate."""
