"""The winner of a walk-forward search as a file: values, and what they earned out of sample."""

import json
from collections.abc import Mapping
from typing import Final

FAMILY: Final = "walkforward"
FILE: Final = "best_params.json"
FORMAT: Final = 1
NAMES: Final = (
    *("min_confidence", "min_rr_ratio", "atr_multiplier", "risk_frac"),
    *("target_atr_multiplier", "confluence_min"),
)
"""Parameters that a winner names, which is also the schema that its readers ask for."""


def load_best_params(files: Mapping[str, bytes]) -> dict[str, float]:
    """Return the values of a winner by name.

    Raises
    ------
    ValueError
        If the file is missing or broken, of another layout, or lacks a finite value.
    """
    try:
        content = json.loads(files[FILE])
        if content["format"] != FORMAT:
            raise ValueError(f"{FILE}: format must be {FORMAT}, was {content['format']}")
        values = {name: float(content["values"][name]) for name in NAMES}
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{FILE} is missing, incomplete or broken: {error!r}") from error
    if not all(abs(value) < float("inf") for value in values.values()):
        raise ValueError(f"{FILE} holds what is not finite")
    return values
