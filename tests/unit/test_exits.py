"""Trailing stops."""

import math
from typing import Any

import numpy as np
import pytest

from models.decision.exits import chandelier_levels


def test_chandelier_hangs_from_the_extremes() -> None:
    """A long's stop lies a multiple of the range below the high, a short's above the low."""
    long_stop, short_stop = chandelier_levels(1.2000, 1.1900, 0.0010, 3.0)

    assert long_stop == pytest.approx(1.1970)  # 1.2000 - 3 * 0.0010
    assert short_stop == pytest.approx(1.1930)  # 1.1900 + 3 * 0.0010


def test_chandelier_of_columns_equals_that_of_each_row() -> None:
    """One arithmetic for one close and for all bars."""
    high: Any = np.array([1.2, 1.3])
    low: Any = np.array([1.1, 1.0])
    atr: Any = np.array([0.01, np.nan])

    levels: Any = chandelier_levels(high, low, atr, 2.0)

    long_stops, short_stops = levels
    assert (long_stops[0], short_stops[0]) == chandelier_levels(1.2, 1.1, 0.01, 2.0)
    assert math.isnan(long_stops[1])
    assert math.isnan(short_stops[1])
