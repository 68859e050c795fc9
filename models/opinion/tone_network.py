"""A transformer as a scorer of tone: its own label names, whatever their order and case.

What is given is a classifier of texts as `transformers.pipeline` makes one; where it comes from and
whether its files are those that were fetched is not decided here.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from models.opinion.sentiment import SCORED_LENGTH_MAX, clean_text
from models.opinion.tone import BEARISH, BULLISH, CLASSES, FloatArray, class_of

_SPOKEN: Final = "(nothing)"
"""Stands for a text of which cleaning leaves nothing."""


class Classifier(Protocol):
    """What a text-classification pipeline does."""

    def __call__(self, texts: list[str]) -> list[list[dict[str, object]]]:
        """Return for each text the score of every label, as `label` and `score`."""


class NetworkScorer:
    """Implements `ToneScorer`.

    Parameters
    ----------
    classifier : Classifier
        Gives every label a score.
    id2label : mapping of int to str
        The model's own table. A model that calls its classes LABEL_0 does not say which is which,
        and guessing has sold what it should have bought.
    name : str
        Owner, name and revision.
    batch_texts : int
        Texts read at once.

    Raises
    ------
    ValueError
        If the labels do not say which class is bearish and which bullish.
    """

    tone_share = 0.5

    def __init__(
        self,
        classifier: Classifier,
        id2label: Mapping[int, str],
        name: str,
        batch_texts: int,
    ) -> None:
        self.name = name
        self._classifier = classifier
        self._batch_texts = batch_texts
        self._columns = columns_of(id2label)

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Return what the model says, by classes; labels of one class are summed."""
        rows = np.zeros((len(texts), len(CLASSES)))
        for start in range(0, len(texts), self._batch_texts):
            batch = texts[start : start + self._batch_texts]
            read = [clean_text(text, SCORED_LENGTH_MAX) or _SPOKEN for text in batch]
            for row, said in enumerate(self._classifier(read), start):
                for each in said:
                    rows[row, self._columns[str(each["label"])]] += float(str(each["score"]))
        if not np.isfinite(rows).all():
            raise ValueError(f"{self.name} says a number that is not finite")
        return rows


def columns_of(id2label: Mapping[int, str]) -> dict[str, int]:
    """Return the class of each label of a model.

    Raises
    ------
    ValueError
        If a label means no class, or none of them is bearish or bullish.

    Examples
    --------
    >>> columns_of({0: "Positive", 1: "NEGATIVE", 2: "neutral"})
    {'Positive': 2, 'NEGATIVE': 0, 'neutral': 1}
    """
    columns = {label: class_of(label) for label in id2label.values()}
    if not {BEARISH, BULLISH} <= set(columns.values()):
        raise ValueError(f"labels {', '.join(columns)} must hold a bearish and a bullish one")
    return columns
