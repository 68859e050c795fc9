"""Direction models: found edges, silence without one, and an alarm where the answer leaked."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.learning.candidate import Candidate, ForecastEvidence, Untrained
from models.opinion import classifiers, direction_lstm, direction_training
from models.opinion.direction import FILE, NO_SKILL, NOVEL, DirectionModel, load_direction
from models.opinion.direction_features import feature_names
from models.opinion.direction_rows import DirectionRows, direction_rows
from models.opinion.direction_training import (
    FITS,
    evidence_split,
    train_direction,
    walk_forward,
)
from tests.direction_rows import FEATURES, TERMS, made_up_rows
from tests.random_bars import M15_NS, random_bars

FAMILIES = tuple(FITS)
Train = Callable[..., Candidate | Untrained]
QUICK = ("xgboost", "logistic")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train with fewer trees and epochs; what is tested does not depend on how many."""
    monkeypatch.setattr(classifiers, "FOREST_TREES", 12)
    monkeypatch.setattr(direction_lstm, "EPOCHS", 4)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Train:
    """Give a training over rows instead of bars, of six features without names."""
    monkeypatch.setattr(type(TERMS), "schema", tuple(map(str, range(FEATURES + 1))))

    def run(
        rows: DirectionRows, family: str = "logistic", terms: Any = TERMS, champion: Any = None
    ) -> Candidate | Untrained:
        monkeypatch.setattr(direction_training, "direction_rows", lambda *_: rows)
        return train_direction(family, {}, M15_NS, terms, 1, champion or {})

    return run


def trained(result: Candidate | Untrained) -> tuple[DirectionModel, ForecastEvidence]:
    """Return a candidate's model and its evidence."""
    assert isinstance(result, Candidate), result
    assert isinstance(result.evidence, ForecastEvidence)
    return load_direction(result.files), result.evidence


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edge_is_learned_and_beats_the_baseline(train: Train, family: str) -> None:
    """A feature that is worth something makes a model that speaks, and loses less than 0.5."""
    allowed = replace(TERMS, leak_auc_max=1.0)

    model, evidence = trained(train(made_up_rows(2_500, seed=1, edge=1.5), family, allowed))

    assert model.is_skilled
    assert evidence.loss.mean() < 0.95 * evidence.baseline_loss.mean()
    assert np.array_equal(evidence.champion_loss, evidence.baseline_loss)  # nothing serves yet


@pytest.mark.parametrize("family", QUICK)
def test_without_an_edge_a_model_stays_silent(train: Train, family: str) -> None:
    """On coins nothing is proven, so 0.5 is published, and that never beats the baseline."""
    for seed in range(5):
        model, evidence = trained(train(made_up_rows(1_200, seed=seed), family))
        answer = model.answer(made_up_rows(1, seed=9).inputs)

        assert not model.is_skilled
        assert (answer.probability, answer.abstains, answer.reason) == (0.5, True, NO_SKILL)
        assert evidence.loss.mean() >= evidence.baseline_loss.mean()


def test_shuffled_targets_are_a_coin() -> None:
    """Purged out of sample, targets in another order are ranked within 0.5 ± 2 standard errors."""
    rows = made_up_rows(2_000, seed=1, edge=1.5)
    within = 0
    for seed in range(10):
        shuffled = np.random.default_rng(seed).permutation(rows.target_first)
        skill = walk_forward(FITS["logistic"], replace(rows, target_first=shuffled), 1).skill
        within += abs(skill.auc - 0.5) <= 2.0 * skill.auc_error

    assert within >= 8


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_leak_trips_the_alarm(train: Train, family: str) -> None:
    """A feature that holds the answer makes a refusal that says so, and no candidate."""
    rows = made_up_rows(2_500, seed=1)
    answer = 2.0 * rows.target_first - 1.0
    rows.inputs.features[:, 3] += answer
    rows.inputs.sequences[:, -1, 0] += 2.0 * answer

    result = train(rows, family)

    assert isinstance(result, Untrained)
    assert result.reason.startswith("leak alarm: AUC ")
    assert result.have > result.need == 60


def test_leak_in_the_evidence_alone_trips_the_alarm(train: Train) -> None:
    """A leak that training cannot see but the judged rows have is one all the same."""
    rows = made_up_rows(1_500, seed=1, edge=0.35)
    judged = evidence_split(rows).test
    rows.inputs.features[judged, 0] += 2.0 * rows.target_first[judged] - 1.0

    result = train(rows)

    assert isinstance(result, Untrained)
    assert "evidence" in result.reason


def test_judged_rows_come_after_everything_that_was_fitted(train: Train) -> None:
    """Twenty trading days and a fifth of the span, made after the last outcome of the training."""
    rows = made_up_rows(1_000, seed=2)
    result = train(rows)
    _, evidence = trained(result)

    assert isinstance(result, Candidate)
    assert evidence.close_ns.min() > result.trained_until_ns
    assert len(np.unique(evidence.close_ns // (86_400 * 10**9))) >= 20
    assert len(evidence.loss) >= 0.2 * len(rows) - 1
    assert len(result.trials) == 1


def test_row_unlike_the_training_is_answered_with_an_abstention(train: Train) -> None:
    """A skilled model does not speak of what it has never seen."""
    allowed = replace(TERMS, leak_auc_max=1.0)
    model, _ = trained(train(made_up_rows(1_500, seed=1, edge=1.5), "logistic", allowed))
    known, strange = made_up_rows(1, seed=3).inputs, made_up_rows(1, seed=3).inputs
    strange.features[0, 2] = 50.0

    assert not model.answer(known).abstains
    assert model.answer(known).probability == model.published(known)[0]
    assert model.answer(strange)[2:] == (True, NOVEL)
    assert model.published(strange)[0] == 0.5


def test_champion_is_asked_about_the_same_rows(train: Train) -> None:
    """The model that serves loses what it loses on the challenger's rows."""
    allowed = replace(TERMS, leak_auc_max=1.0)
    rows = made_up_rows(1_500, seed=1, edge=1.5)
    serving = train(rows, "xgboost", allowed)
    assert isinstance(serving, Candidate)

    _, evidence = trained(train(rows, "xgboost", allowed, serving.files))

    assert np.array_equal(evidence.champion_loss, evidence.loss)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (made_up_rows(200, seed=1), "too few signals"),
        (replace(made_up_rows(400, seed=1), close_ns=np.arange(400)), "too few trading days"),
        (replace(made_up_rows(900, seed=1), target_first=np.ones(900)), "too few of one outcome"),
    ],
)
def test_too_little_is_said_and_trained_by_nobody(
    train: Train, rows: DirectionRows, reason: str
) -> None:
    """Too few rows, days or outcomes of a kind are a result with figures."""
    result = train(rows)

    assert isinstance(result, Untrained)
    assert result.reason == reason
    assert result.have < result.need


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("family",), "oracle"),
        (("sigmoid", "slope"), float("nan")),
        (("skill", "auc"), None),
        (("schema",), ["one"]),
        (("familiarity",), {}),
        (("references",), 3),
    ],
)
def test_damaged_model_is_refused(train: Train, path: tuple[str, ...], value: object) -> None:
    """A file with another family, a missing part or a figure that is none is no model."""
    result = train(made_up_rows(900, seed=1))
    assert isinstance(result, Candidate)
    about = json.loads(result.files[FILE])
    place = about
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    with pytest.raises(ValueError):  # noqa: PT011 - each part has words of its own
        load_direction({**result.files, FILE: json.dumps(about).encode()})


@pytest.mark.parametrize("family", QUICK)
def test_classifier_that_was_cut_off_is_never_opened(train: Train, family: str) -> None:
    """A file that is not the one that was written is refused by its hash."""
    result = train(made_up_rows(900, seed=1), family)
    assert isinstance(result, Candidate)
    (name,) = set(result.files) - {FILE}

    for damaged in (result.files[name][:-9], b"", result.files[name] + b" "):
        with pytest.raises(ValueError, match="not the file"):
            load_direction({**result.files, name: damaged})


def test_missing_file_is_refused(train: Train) -> None:
    """A model without its classifier is none."""
    result = train(made_up_rows(900, seed=1))
    assert isinstance(result, Candidate)

    with pytest.raises(ValueError, match="direction model"):
        load_direction({FILE: result.files[FILE]})


def test_features_that_moved_are_told(train: Train) -> None:
    """A model knows what its training looked like, feature by feature."""
    model, _ = trained(train(made_up_rows(900, seed=1)))
    lately = made_up_rows(400, seed=5).inputs.features
    lately[:, 1] += 1.5

    moved = [each.is_moved for each in model.feature_drifts(lately)]

    assert moved == [False, True, False, False, False, False]


def test_random_walks_are_a_coin() -> None:
    """Bars without memory give signals that no model ranks better than 2 standard errors allow."""
    bars = {name: random_bars(9_000, seed=place) for place, name in enumerate(("EURUSD", "USDJPY"))}

    rows = direction_rows(bars, M15_NS, TERMS)

    assert len(rows) > 300
    assert np.all(np.diff(rows.close_ns) >= 0)
    assert np.all(rows.settled_ns > rows.close_ns)
    assert rows.inputs.features.shape[1] == len(feature_names(("M15", "H1", "H4")))
    for family in QUICK:
        skill = walk_forward(FITS[family], rows, 1).skill
        assert abs(skill.auc - 0.5) <= 2.0 * skill.auc_error


def test_no_bars_are_no_rows() -> None:
    """Without bars there is nothing to train on."""
    assert isinstance(train_direction("rf", {}, M15_NS, TERMS, 1, {}), Untrained)
    assert len(direction_rows({"EURUSD": random_bars(0)}, M15_NS, TERMS)) == 0


def test_an_interrupted_network_goes_on_from_its_fits() -> None:
    """Ended in its third fit and asked again it makes what is missing, the same to the byte."""
    rows = made_up_rows(900, seed=1)
    checkpoints: dict[str, bytes] = {}
    calls: list[int] = []
    fit = direction_training.FITS["direction_lstm"]

    def until(limit: int) -> direction_training.Fit:
        def counted(*given: Any) -> Any:
            if len(calls) == limit:
                raise InterruptedError
            calls.append(1)
            return fit(*given)

        return direction_training.kept_fit("direction_lstm", counted, checkpoints)

    split = direction_training.evidence_split(rows)
    known = rows.take(split.train)
    with pytest.raises(InterruptedError):
        direction_training.walk_forward(until(2), known, 0)
    assert len(checkpoints) == 2
    cut_off = next(iter(checkpoints))
    checkpoints[cut_off] = checkpoints[cut_off][:-4]

    again = until(99)
    walked = direction_training.walk_forward(again, known, 0)
    fitted = direction_training.fit_calibrated(again, known, 0)

    assert len(calls) == 2 + 4  # the one that was cut off, two of the walk-forward, the last
    plain = direction_training.walk_forward(fit, known, 0)
    assert (walked.probability == plain.probability).all()
    last = direction_training.fit_calibrated(fit, known, 0)
    assert fitted.classifier.content() == last.classifier.content()
