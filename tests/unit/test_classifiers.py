"""The classifiers: each file gives back the model, and runs no code."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from models.learning.skill import auc
from models.opinion import classifiers, direction_lstm
from models.opinion.classifiers import Boosted, Forest, Line
from models.opinion.direction_lstm import SequenceNet
from tests.direction_rows import made_up_rows

KINDS = [Forest, Boosted, Line, SequenceNet]
TRAINING, TEST = made_up_rows(2_000, seed=1, edge=1.5), made_up_rows(400, seed=2, edge=1.5)


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Train with fewer trees and epochs; what is tested does not depend on how many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifiers, "FOREST_TREES", 12)
        patch.setattr(direction_lstm, "EPOCHS", 4)
        yield


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def fitted(request: pytest.FixtureRequest) -> Any:
    """Give a classifier that was fitted on an edge."""
    return request.param.fit(TRAINING, TRAINING.weight, seed=1)


def test_edge_is_found(fitted: Any) -> None:
    """Where one feature tells the outcome, unseen rows are ranked by it."""
    said = fitted.probability(TEST.inputs)

    assert auc(said, TEST.target_first, TEST.weight) > 0.65
    assert ((said > 0.0) & (said < 1.0)).all()


def test_file_gives_the_same_model(fitted: Any) -> None:
    """What was saved answers as what was trained, to the last bit, one row or many."""
    loaded = type(fitted).load(fitted.content())

    assert np.array_equal(loaded.probability(TEST.inputs), fitted.probability(TEST.inputs))
    alone = loaded.probability(TEST.inputs.take(np.array([7])))
    assert alone[0] == pytest.approx(fitted.probability(TEST.inputs)[7], rel=1e-5)


def test_one_seed_gives_one_model(fitted: Any) -> None:
    """A training that is repeated says the same."""
    again = type(fitted).fit(TRAINING, TRAINING.weight, seed=1)

    assert np.array_equal(again.probability(TEST.inputs), fitted.probability(TEST.inputs))


@pytest.mark.parametrize("kind", [Forest, Line, SequenceNet])
def test_damaged_file_is_refused(kind: Any) -> None:
    """A file that is cut off, empty or of another kind is an error with a name."""
    content = kind.fit(TRAINING.take(np.arange(200)), TRAINING.weight[:200], seed=1).content()

    for damaged in (content[: len(content) // 2], b"", b"no model", b'{"at": 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - each format has words of its own
            kind.load(damaged)


class OneIdea:
    """A type of which nobody has heard."""

    word = "no tree"


def test_forest_file_with_a_foreign_type_is_refused() -> None:
    """Only the types of a forest may stand in its file, because others may run code."""
    from sklearn.neighbors import KNeighborsClassifier
    from skops.io import dumps

    foreign = dumps(KNeighborsClassifier().fit([[0.0], [1.0]], [0, 1]))

    with pytest.raises(ValueError, match="KNeighborsClassifier"):
        Forest.load(foreign)
    with pytest.raises(ValueError, match="not trusted"):
        Forest.load(dumps(OneIdea()))


@pytest.mark.parametrize(
    "change",
    [{"at": None}, {"at": float("nan")}, {"scale": [0.0] * 6}, {"slopes": [1.0]}, {"centre": 1.0}],
)
def test_line_of_impossible_figures_is_refused(change: dict[str, object]) -> None:
    """NaN, a scale of nothing and columns of other lengths are no line."""
    line = json.loads(Line.fit(TRAINING, TRAINING.weight, seed=1).content())

    with pytest.raises(ValueError, match=r"line\.json"):
        Line.load(json.dumps({**line, **change}).encode())


def test_network_with_an_infinite_weight_is_refused() -> None:
    """Weights that are not finite would make every answer NaN."""
    from safetensors.torch import load, save

    net = SequenceNet.fit(TRAINING.take(np.arange(100)), TRAINING.weight[:100], seed=1)
    state = load(net.content())
    state["head.bias"][0] = float("inf")

    with pytest.raises(ValueError, match="finite"):
        SequenceNet.load(save(state, {"symbols": json.dumps(["AUDUSD", "EURUSD", "USDJPY"])}))


def test_network_knows_nothing_before_it_learns() -> None:
    """Rows without any edge leave it near 0.5, because its head starts at zero."""
    coin = made_up_rows(300, seed=3)

    said = SequenceNet.fit(coin, coin.weight, seed=1).probability(coin.inputs)

    assert np.abs(said - 0.5).mean() < 0.1


def test_network_answers_for_a_symbol_it_has_not_seen() -> None:
    """A symbol that was not in the training has a place of its own."""
    net = SequenceNet.fit(TRAINING.take(np.arange(200)), TRAINING.weight[:200], seed=1)
    row = TEST.inputs.take(np.array([0]))
    stranger = type(row)(("EURNOK",), row.features, row.sequences)

    assert 0.0 < net.probability(stranger)[0] < 1.0
