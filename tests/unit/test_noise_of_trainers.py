"""The families' own trainers on markets without memory: what they make of noise is not promoted.

Random walks through the whole way from bars to candidate, and the signals of one with its labels
shuffled. A training that ends without a candidate, as a leak alarm does, has promoted nothing.
"""

from dataclasses import replace

import numpy as np
import pytest

from models.learning.candidate import Candidate, Untrained
from models.opinion import classifiers, direction_training
from models.opinion.direction_rows import DirectionRows, direction_rows
from models.opinion.direction_training import train_direction
from models.opinion.har import HarTerms
from models.opinion.lstm_training import train_lstm
from tests.candidates import a_rehearsal, verdict_on
from tests.direction_rows import TERMS
from tests.random_bars import M15_NS, random_bars

SYMBOLS = ("EURUSD", "USDJPY")
WALK_BARS = 9_000
"""Nineteen weeks of M15, some hundred signals a symbol."""
LSTM_BARS = 8 * 480
VOLATILITY = HarTerms(horizons_bars=(4,), coverage=0.8, veto_quantile=0.95, rows_min=480)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train with fewer trees; noise is noise with any number."""
    monkeypatch.setattr(classifiers, "FOREST_TREES", 12)


@pytest.fixture(scope="module")
def signals() -> DirectionRows:
    """Give the judged signals of two random walks."""
    bars = {symbol: random_bars(WALK_BARS, seed=70 + at) for at, symbol in enumerate(SYMBOLS)}
    return direction_rows(bars, M15_NS, TERMS)


def on_walk(family: str, seed: int) -> Candidate | Untrained:
    """Train a family on random walks of its own."""
    bars = {symbol: random_bars(WALK_BARS, seed=2 * seed + at) for at, symbol in enumerate(SYMBOLS)}
    return train_direction(family, bars, M15_NS, TERMS, seed, {})


def on_shuffled(
    family: str, seed: int, signals: DirectionRows, monkeypatch: pytest.MonkeyPatch
) -> Candidate | Untrained:
    """Train a family on signals whose labels were dealt out anew."""
    labels = np.random.default_rng(seed).permutation(signals.target_first)
    shuffled = replace(signals, target_first=labels)
    monkeypatch.setattr(direction_training, "direction_rows", lambda *_: shuffled)
    return train_direction(family, {}, M15_NS, TERMS, seed, {})


def on_constant_volatility(seed: int) -> Candidate | Untrained:
    """Train the network where nothing foretells the next bar's range."""
    bars = {symbol: random_bars(LSTM_BARS, seed=2 * seed + at) for at, symbol in enumerate(SYMBOLS)}
    return train_lstm(bars, M15_NS, VOLATILITY, {}, seed=seed, epochs=2)


def is_promoted(result: Candidate | Untrained, seed: int, *, is_refresh: bool) -> bool:
    """Return what the gates say of a training's end."""
    if isinstance(result, Untrained):
        return False
    rehearsal = a_rehearsal()._replace(feature_schema=result.feature_schema)
    verdict = verdict_on(result, rehearsal=rehearsal, is_refresh=is_refresh, seed=seed)
    assert "sanity" in verdict.gates_passed or not verdict.failed_gate.startswith("sanity")
    return verdict.is_promoted


@pytest.mark.parametrize("family", ["xgboost", "logistic", "rf"])
def test_shuffled_labels_are_not_promoted(
    family: str, signals: DirectionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two deals of the labels a family, judged as newcomer and as refresh: none."""
    results = [on_shuffled(family, seed, signals, monkeypatch) for seed in range(2)]

    assert any(isinstance(result, Candidate) for result in results)
    assert not any(
        is_promoted(result, seed, is_refresh=bool(seed)) for seed, result in enumerate(results)
    )


def test_a_random_walk_is_not_promoted() -> None:
    """From bars to verdict, as the learner goes."""
    assert not is_promoted(on_walk("logistic", 5), 5, is_refresh=True)


@pytest.mark.slow
def test_of_forty_eight_trainings_on_noise_at_most_two_are_promoted(
    signals: DirectionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three families on six walks and six deals of labels, the network on twelve: one in twenty."""
    results: list[tuple[Candidate | Untrained, int]] = []
    for seed in range(6):
        results += [(on_walk(family, 100 + seed), seed) for family in ("rf", "xgboost", "logistic")]
    for seed in range(6):
        results += [
            (on_shuffled(family, 200 + seed, signals, monkeypatch), seed)
            for family in ("rf", "xgboost", "logistic")
        ]
        monkeypatch.undo()
        monkeypatch.setattr(classifiers, "FOREST_TREES", 12)
    results += [(on_constant_volatility(300 + seed), seed) for seed in range(12)]

    promoted = [
        is_promoted(result, seed, is_refresh=bool(place % 2))
        for place, (result, seed) in enumerate(results)
    ]

    assert len(promoted) == 48
    assert any(isinstance(result, Candidate) for result, _ in results)
    assert sum(promoted) <= 0.05 * len(promoted)
