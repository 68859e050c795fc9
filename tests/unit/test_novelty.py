"""Rows unlike the training rows are told."""

import json

import numpy as np
import pytest

from models.opinion.novelty import familiarity_from, familiarity_of

TRAINING = np.random.default_rng(1).normal([1.0, -2.0, 0.0], [1.0, 5.0, 0.1], (4_000, 3))


def test_half_a_percent_of_the_training_is_novel() -> None:
    """The limit is the 99.5 % quantile of the training's own distances."""
    share = familiarity_of(TRAINING).is_novel(TRAINING).mean()

    assert share == pytest.approx(0.005, abs=0.0005)


def test_far_row_is_novel_and_near_row_is_not() -> None:
    """Ten deviations away in one feature is news, the middle is none, NaN always is."""
    known = familiarity_of(TRAINING)
    rows = np.array([[1.0, -2.0, 0.0], [1.0, -2.0, 1.0], [1.0, np.nan, 0.0]])

    assert known.is_novel(rows).tolist() == [False, True, True]


def test_features_that_repeat_each_other_do_no_harm() -> None:
    """A copied and a constant feature leave a distance that is finite."""
    doubled = np.column_stack((TRAINING, TRAINING[:, 0], np.ones(len(TRAINING))))

    assert np.isfinite(familiarity_of(doubled).distances(doubled)).all()


def test_familiarity_survives_being_written() -> None:
    """JSON gives the same distances to the last bit."""
    known = familiarity_of(TRAINING)

    read = familiarity_from(json.loads(json.dumps(known.plain())))

    assert np.array_equal(read.distances(TRAINING), known.distances(TRAINING))


@pytest.mark.parametrize(
    "change",
    [
        {"centre": [1.0]},
        {"scale": [0.0, 1.0, 1.0]},
        {"scale": [1.0, float("nan"), 1.0]},
        {"precision": [[1.0]]},
        {"distance_max": float("inf")},
        {"distance_max": None},
    ],
)
def test_familiarity_that_is_none_is_refused(change: dict[str, object]) -> None:
    """Another shape, a scale of nothing, or a figure that is not finite."""
    plain = {**familiarity_of(TRAINING).plain(), **change}

    with pytest.raises(ValueError, match="familiarity"):
        familiarity_from(plain)
