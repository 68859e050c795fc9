"""Rows whose fields are read by name, compiled or not."""

import numpy as np

Fields = list[tuple[str, type[np.generic]]]


def row_type(fields: Fields) -> np.dtype[np.void]:
    """Return the type of a row; its elements are records, which plain Python reads by name too."""
    return np.dtype((np.record, fields))
