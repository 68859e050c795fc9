"""A file of labelled texts: CSV with the columns text and label, the operator's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.opinion.tone import IntArray, class_of
from runtime.feeds.tables import refuse, table_of


def read_labelled_texts(path: Path, meanings: Sequence[str]) -> tuple[list[str], IntArray]:
    """Return all texts of a file and their classes, in its order.

    Parameters
    ----------
    path : Path
        The file; its size is bounded as that of every file from outside.
    meanings : sequence of str
        What labels that are numbers mean, from 0.

    Raises
    ------
    ConfigError
        If there is no such file, a column is missing, or a label is none; names every problem.
    """
    problems: list[str] = []
    texts: list[str] = []
    labels: list[int] = []
    for number, record in enumerate(table_of(path, ("text", "label")), 1):
        try:
            label = _class_of(record["label"].strip(), meanings)
        except ValueError as wrong:
            problems.append(f"row {number}: {wrong}")
            continue
        texts.append(record["text"])
        labels.append(label)
    refuse(path, problems)
    return texts, np.array(labels, dtype=np.int64)


def _class_of(label: str, meanings: Sequence[str]) -> int:
    if label.isascii() and label.isdigit() and int(label) < len(meanings):
        return class_of(meanings[int(label)])
    return class_of(label)
