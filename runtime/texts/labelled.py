"""A file of labelled texts: CSV with the columns text and label, the operator's own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blackboard.errors import ConfigError
from models.opinion.tone import IntArray, class_of
from runtime.feeds.tables import csv_records, refuse, text_of


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
    try:
        names, records = csv_records(text_of(path))
    except ValueError as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong
    missing = [name for name in ("text", "label") if name not in names]
    if missing:
        refuse(path, [f"column {' and '.join(missing)} missing; found {', '.join(names)}"])
    problems: list[str] = []
    texts: list[str] = []
    labels: list[int] = []
    for number, record in enumerate(records, 1):
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
