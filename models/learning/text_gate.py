"""The gate of scorers of texts: a better macro-F1 out of fold than the lexicon, and surely so.

Texts have no dates and no outcomes, so nothing of days or purging fits. What fits is asked: whether
the candidate is better than what serves and than the baseline on the same texts, by more than the
draw of the texts explains, at the level that an attempt may spend; and whether it has learned at
all: who guesses three classes beats a lexicon that finds none of its words and says neutral.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.learning.candidate import TextEvidence
from models.learning.verdict import Finding, at_least, at_most, holds
from models.opinion.tone import CLASSES, macro_f1, macro_f1_of_tables

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

GATE: Final = "texts"
BASELINE: Final = "baseline"
CHANCE: Final = "chance"
TEXTS_MIN: Final = 300
"""Labelled texts on which two scorers are compared, at least."""
DRAWS: Final = 4000
_BLOCK: Final = 10
"""Neighbours in a file that are drawn together: they often come from one template."""


def findings(evidence: TextEvidence, *, trials: int, level: float, seed: int) -> Iterator[Finding]:
    """Yield what the tests of the gate find, in order.

    Parameters
    ----------
    evidence : TextEvidence
        What each said of texts that the candidate was not fitted on.
    trials : int
        Configurations of this training; they share the level (Šidák).
    level : float
        What the attempt may spend.
    seed : int
        Of the bootstrap.
    """
    shared = 1.0 - (1.0 - level) ** (1.0 / trials)
    rows = len(evidence.label)
    said = (evidence.said, evidence.baseline_said, evidence.champion_said)
    yield holds(GATE, "rows_fit", is_true=all(len(each) == rows for each in said))
    guessed = chance_of_guess(evidence.label, evidence.said, seed)
    yield at_most(CHANCE, "p_value", guessed, shared)
    fresh = evidence.champion_said >= 0
    yield at_least(GATE, "texts_new_to_champion", int(fresh.sum()), TEXTS_MIN)
    yield from _better(
        GATE,
        evidence.label[fresh],
        evidence.said[fresh],
        evidence.champion_said[fresh],
        shared,
        seed,
    )
    yield from _better(
        BASELINE, evidence.label, evidence.said, evidence.baseline_said, shared, seed
    )


def _better(
    gate: str, label: IntArray, said: IntArray, other: IntArray, level: float, seed: int
) -> Iterator[Finding]:
    own, others = macro_f1(label, said), macro_f1(label, other)
    yield at_least(gate, "macro_f1", own, np.nextafter(others, 1.0))
    yield at_most(gate, "p_value", chance_of_worse(label, said, other, seed), level)


def chance_of_guess(label: IntArray, said: IntArray, seed: int) -> float:
    """Return the share of reorderings of what was said that score as well as it does.

    Parameters
    ----------
    label, said : ndarray of shape (n_texts,)
        Classes.
    seed : int
        Of the reorderings.
    """
    rng = np.random.default_rng(seed)
    own = macro_f1(label, said)
    guessed = (macro_f1(label, rng.permutation(said)) for _ in range(DRAWS))
    return (1 + sum(each >= own for each in guessed)) / (1 + DRAWS)


def chance_of_worse(label: IntArray, said: IntArray, other: IntArray, seed: int) -> float:
    """Return the share of block bootstraps in which the first is not the better of the two.

    Parameters
    ----------
    label, said, other : ndarray of shape (n_texts,)
        Classes, in the order of the file.
    seed : int
        Of the draws.
    """
    blocks = np.arange(len(label)) // _BLOCK
    count = int(blocks[-1]) + 1
    mine, theirs = _tables(label, said, blocks, count), _tables(label, other, blocks, count)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=DRAWS).astype(np.float64)
    gains = macro_f1_of_tables(drawn @ mine) - macro_f1_of_tables(drawn @ theirs)
    return float((1 + np.count_nonzero(gains <= 0.0)) / (1 + DRAWS))


def _tables(label: IntArray, said: IntArray, blocks: IntArray, count: int) -> FloatArray:
    """Return each block's table of classes and what was said, shape (n_blocks, 9)."""
    cells = len(CLASSES) ** 2
    table = np.zeros((count, cells))
    np.add.at(table, (blocks, label * len(CLASSES) + said), 1.0)
    return table
