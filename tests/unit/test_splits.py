"""Purged walk-forward splits: nothing that trains knows of what is tested."""

import numpy as np
import pytest

from models.learning.splits import purged_split, walk_forward_splits


def test_row_that_settles_after_the_border_is_in_neither_part() -> None:
    """Of rows around a border at 10, the one whose label reaches across it is left out."""
    close_ns = np.array([1, 8, 9, 10, 12])
    settled_ns = np.array([5, 9, 11, 14, 13])

    split = purged_split(close_ns, settled_ns, 10)

    assert split.train.tolist() == [0, 1]
    assert split.test.tolist() == [3, 4]


def test_label_that_settles_at_the_border_itself_is_purged() -> None:
    """A label that ends with the first test bar has seen it."""
    split = purged_split(np.array([1, 2]), np.array([9, 10]), 10)

    assert split.train.tolist() == [0]


def test_no_label_of_a_training_reaches_into_its_test() -> None:
    """For any lives of the labels, the last to settle does so before the first test row."""
    rng = np.random.default_rng(1)
    close_ns = np.sort(rng.integers(0, 5_000, 800))
    settled_ns = close_ns + rng.integers(0, 300, 800)

    splits = walk_forward_splits(close_ns, settled_ns, tests=5, first_train_frac=0.3)

    assert len(splits) == 5
    for split in splits:
        assert settled_ns[split.train].max() < close_ns[split.test].min()
        assert len(split.train) > 0


def test_tests_hold_every_later_row_once() -> None:
    """Together the tests are all rows after the first border, without repetition."""
    close_ns = np.sort(np.random.default_rng(2).integers(0, 900, 500))

    splits = walk_forward_splits(close_ns, close_ns + 3, tests=4, first_train_frac=0.4)

    tested = np.concatenate([split.test for split in splits])
    assert np.array_equal(np.sort(tested), np.flatnonzero(close_ns >= splits[0].test_from_ns))
    assert len(set(tested.tolist())) == len(tested)


def test_rows_of_one_instant_stay_together() -> None:
    """Symbols that forecast at the same close are never parted, in whatever order they come."""
    close_ns = np.tile(np.arange(100), 6)
    order = np.random.default_rng(3).permutation(len(close_ns))
    close_ns = close_ns[order]

    for split in walk_forward_splits(close_ns, close_ns + 2, tests=3, first_train_frac=0.5):
        assert not set(close_ns[split.train]) & set(close_ns[split.test])
        counts = np.unique(close_ns[split.test], return_counts=True)[1]
        assert set(counts.tolist()) == {6}


def test_nothing_gives_no_splits() -> None:
    """Without rows there is nothing to test."""
    none = np.empty(0, dtype=np.int64)

    assert walk_forward_splits(none, none, tests=3, first_train_frac=0.5) == ()


@pytest.mark.parametrize(("tests", "frac"), [(0, 0.5), (3, 0.0), (3, 1.0), (3, float("nan"))])
def test_splits_that_make_no_sense_are_refused(tests: int, frac: float) -> None:
    """A test needs rows before it, and there has to be one."""
    with pytest.raises(ValueError, match="fraction"):
        walk_forward_splits(np.arange(9), np.arange(9) + 1, tests, frac)


def test_label_before_its_row_is_refused() -> None:
    """Times that were mixed up would purge the wrong rows."""
    with pytest.raises(ValueError, match="settled_ns"):
        walk_forward_splits(np.array([5]), np.array([4]), 1, 0.5)
