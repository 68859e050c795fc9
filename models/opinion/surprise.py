"""How far a release lies from what was expected, in standard deviations of its own surprises.

Before a release its title says nothing of a direction; only after it the difference does.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from models.opinion.lexicon import GLOOM

FULL_SCORE: Final = 2.0
"""Standard deviations of surprise at which a score is full."""
_FIGURE = re.compile(r"^\s*([<>~]?)\s*([+-]?\d{1,15}(?:[.,]\d{1,9})?)\s*([%KMBT]?)", re.IGNORECASE)
_SCALES: Final = {"": 1.0, "%": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORD = re.compile(r"[a-z]+")
_INVERTED: Final = frozenset(word for word, value in GLOOM.items() if value == 0.0) | {"claimant"}
"""Unemployment, claims and the like: more of it is worse."""


def figure_of(text: str) -> float | None:
    """Return the number of a figure as calendars write it, None where there is none.

    Examples
    --------
    >>> figure_of("0.8%"), figure_of("-80.2B"), figure_of("2.76|2.5"), figure_of("")
    (0.8, -80200000000.0, 2.76, None)
    """
    match = _FIGURE.match(_THOUSANDS.sub("", text.replace("−", "-")))
    if match is None:
        return None
    _, number, scale = match.groups()
    return float(number.replace(",", ".")) * _SCALES[scale.upper()]


def sign_of(title: str) -> float:
    """Return −1 for what is bad when there is more of it, 1 for everything else.

    Examples
    --------
    >>> sign_of("Unemployment Rate"), sign_of("Retail Sales m/m")
    (-1.0, 1.0)
    """
    return -1.0 if _INVERTED.intersection(_WORD.findall(title.casefold())) else 1.0


def surprise_score(title: str, surprise: float, earlier: Sequence[float]) -> float:
    """Return what a release says of its currency, −1 to +1.

    ``z = surprise / sd(earlier surprises) · sign``, full at two standard deviations.

    Parameters
    ----------
    title : str
        Of the event; only its words of what is inverted are read.
    surprise : float
        Actual less forecast.
    earlier : sequence of float
        Surprises of the same event before; without a spread among them nothing is said.

    Examples
    --------
    >>> surprise_score("CPI m/m", 0.1, [0.1, -0.1, 0.1, -0.1])  # 0.1 / 0.1 / 2
    0.5
    """
    # Around zero, not their mean: what was expected is the forecast.
    spread = math.sqrt(float(np.mean(np.square(earlier)))) if len(earlier) else 0.0
    if spread <= 0.0 or not math.isfinite(surprise):
        return 0.0
    return max(-1.0, min(1.0, sign_of(title) * surprise / spread / FULL_SCORE))
