"""Whether a text is good or bad news, whoever it is about: the port of all scorers.

A scorer reads many texts at once and gives each of three classes a probability. What that means for
a currency is not its business: `score_with_tone` joins it with the direction words of the text.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BEARISH, NEUTRAL, BULLISH = 0, 1, 2
CLASSES: Final = ("bearish", "neutral", "bullish")
"""In the order of the columns of every scorer."""
NAMES: Final = {
    "bearish": BEARISH, "negative": BEARISH, "neg": BEARISH, "dovish": BEARISH,
    "neutral": NEUTRAL, "neu": NEUTRAL, "none": NEUTRAL,
    "bullish": BULLISH, "positive": BULLISH, "pos": BULLISH, "hawkish": BULLISH,
}  # fmt: skip
"""What classes are called elsewhere, in lower case; FinBERT's own labels are, others' are not."""


class ToneScorer(Protocol):
    """Reads texts."""

    name: str
    """With its version; it stands on every score."""
    tone_share: float
    """What its tone counts where direction words give the sign; see `score_with_tone`."""

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Return the chance of each of `CLASSES`, shape (n_texts, 3); rows sum to 1.

        Raises
        ------
        ValueError
            If the scorer says what no text can mean: a number that is not finite, or another shape.
        """


def class_of(name: str) -> int:
    """Return the class that a name means, whatever its case; raises ValueError for others."""
    known = NAMES.get(name.strip().casefold())
    if known is None:
        raise ValueError(f"a class must be one of {', '.join(sorted(NAMES))}, was {name[:40]!r}")
    return known


def tones_of(probabilities: FloatArray) -> FloatArray:
    """Return ``p_bullish − p_bearish`` of each row, shape (n_texts,), −1 to +1; neutral is 0.

    Raises
    ------
    ValueError
        If the rows are no probabilities of three classes; NaN is none.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(CLASSES):
        raise ValueError(f"probabilities must have 3 columns, their shape {probabilities.shape}")
    # NaN is within no bounds.
    is_sane = (probabilities >= -1e-6) & (probabilities <= 1.0 + 1e-6)
    if not is_sane.all():
        raise ValueError("a probability is not within 0..1")
    tones: FloatArray = np.clip(probabilities[:, BULLISH] - probabilities[:, BEARISH], -1.0, 1.0)
    return tones


def macro_f1(labels: IntArray, said: IntArray) -> float:
    """Return the mean over the three classes of the harmonic mean of precision and recall.

    A class that is neither there nor said counts 0. All neutral scores 0.26 where two thirds of the
    texts are neutral, and not the 0.66 of accuracy.

    Examples
    --------
    >>> macro_f1(np.array([0, 1, 2]), np.array([0, 1, 1]))  # F1 of 1, 2/3 and 0
    0.5555555555555555
    """
    table = np.bincount(labels * len(CLASSES) + said, minlength=len(CLASSES) ** 2)
    return float(macro_f1_of_tables(table.astype(np.float64)))


def macro_f1_of_tables(tables: FloatArray) -> FloatArray:
    """Return the macro-F1 of tables of counts, shape (..., 9), rows the classes, columns said."""
    counts = tables.reshape(*tables.shape[:-1], len(CLASSES), len(CLASSES))
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    named = counts.sum(axis=-2) + counts.sum(axis=-1)
    scores = np.divide(2.0 * hits, named, out=np.zeros_like(hits), where=named > 0.0)
    mean: FloatArray = scores.mean(axis=-1)
    return mean
