"""Which of many forecasts cannot be told from the best: the model confidence set.

Source: Hansen, Lunde, Nason, "The model confidence set" (2011), by the bootstrap of `arch`.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BOOTSTRAP_DRAWS: Final = 1000


def confidence_set(
    losses: Mapping[str, FloatArray],
    *,
    block_rows: int,
    seed: int,
    level: float = 0.1,
    draws: int = BOOTSTRAP_DRAWS,
) -> frozenset[str]:
    """Return the forecasts that cannot be told from the best at a level.

    Parameters
    ----------
    losses : mapping of name to ndarray of shape (n_rows,), float64
        Losses of every forecast on the same rows, which should not overlap.
    block_rows : int
        Mean length of a block of the stationary bootstrap.
    seed : int
        Of the bootstrap.
    level : float
        Chance that the best is left out.
    """
    from arch.bootstrap import MCS

    names = list(losses)
    if len(names) == 1:
        return frozenset(names)
    columns = np.column_stack([losses[name] for name in names])
    found = MCS(columns, size=level, reps=draws, block_size=block_rows, seed=seed)
    found.compute()
    kept = set(found.included)
    return frozenset(name for place, name in enumerate(names) if place in kept)
