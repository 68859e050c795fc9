"""Which rows a model may learn from, and on which later ones it is judged: purged walk-forward.

A row is a forecast: made at a close, settled by a later one. The borders between training and test
are instants, the same for all symbols, because rows of one instant are one piece of luck: symbols
that are split by row have the answer of one in the training of another. A row trains only if it has
settled before the first test row is made (purging; López de Prado, Advances in Financial Machine
Learning, 7.4). Nothing is trained on what lies after its test, so no embargo is needed.
"""

from typing import NamedTuple

import numpy as np

from models.market.bars import IntArray


class Split(NamedTuple):
    """Rows of one training and of the test behind it."""

    train: IntArray
    """Rows settled before the test begins, in the order given."""
    test: IntArray
    """Rows made from the border on, and before the next one."""
    test_from_ns: int


def purged_split(close_ns: IntArray, settled_ns: IntArray, border_ns: int) -> Split:
    """Return what has settled before a border, and what was forecast from it on.

    Rows that are forecast before the border and settle after it are in neither part.

    Parameters
    ----------
    close_ns, settled_ns : ndarray of shape (n_rows,), int64
        Close of each forecast, and of the bar that settled it; any order, any mixture of symbols.
    border_ns : int
        First close of the test.
    """
    return Split(
        np.flatnonzero(settled_ns < border_ns), np.flatnonzero(close_ns >= border_ns), border_ns
    )


def walk_forward_splits(
    close_ns: IntArray, settled_ns: IntArray, tests: int, first_train_frac: float
) -> tuple[Split, ...]:
    """Return trainings that grow, each with the test that follows it.

    The tests are adjoining stretches of time with about equally many rows; together they hold each
    row after the first training once.

    Parameters
    ----------
    close_ns, settled_ns : ndarray of shape (n_rows,), int64
        See `purged_split`.
    tests : int
        How many tests, >= 1.
    first_train_frac : float
        Share of the rows before the first test, in (0, 1).

    Returns
    -------
    tuple of Split
        Fewer than `tests` where many rows share an instant; empty where there are no rows.

    Raises
    ------
    ValueError
        If an argument is out of range, or a row settles before it is made.
    """
    if not (tests >= 1 and 0.0 < first_train_frac < 1.0):
        raise ValueError(f"tests >= 1 and a fraction in (0, 1), were {tests}, {first_train_frac}")
    if np.any(settled_ns < close_ns):
        raise ValueError("settled_ns must not lie before close_ns: labels would come before rows")
    if not len(close_ns):
        return ()
    places = len(close_ns) * np.linspace(first_train_frac, 1.0, tests + 1)[:-1]
    borders = np.unique(np.sort(close_ns)[places.astype(np.int64)]).tolist()
    splits = []
    for border_ns, next_ns in zip(borders, [*borders[1:], None], strict=True):
        split = purged_split(close_ns, settled_ns, border_ns)
        if next_ns is not None:
            split = split._replace(test=split.test[close_ns[split.test] < next_ns])
        splits.append(split)
    return tuple(splits)
