"""When a position is left: chandelier levels, excursions, time, and the order of reasons."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from models.decision.exits import (
    EXITS,
    STAYS,
    chandelier_levels,
    excursion_r,
    first_exit,
    is_time_up,
)


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


@pytest.mark.parametrize(
    ("side", "bid", "ask", "expected"),
    [
        (1, 1.1030, 1.1031, 1.5),  # (1.1030 - 1.1000) / 0.0020
        (-1, 1.0969, 1.0970, 1.5),  # (1.1000 - 1.0970) / 0.0020
        (1, 1.0990, 1.0991, -0.5),
    ],
)
def test_excursion_is_measured_to_the_closing_price(
    side: int, bid: float, ask: float, expected: float
) -> None:
    """A long would close at the bid and a short at the ask."""
    assert excursion_r(side, 1.1, bid, ask, 0.002) == pytest.approx(expected)


def test_excursion_of_an_unplanned_position_is_none() -> None:
    """Without a planned distance there is no R, so no measure that counts in R begins."""
    assert excursion_r(1, 1.1, 1.2, 1.2001, 0.0) == 0.0


@pytest.mark.parametrize(
    ("held", "most", "expected"), [(191, 192, False), (192, 192, True), (500, 0, False)]
)
def test_time_is_up_at_the_last_close_that_was_agreed(
    held: int, most: int, *, expected: bool
) -> None:
    """The 192nd close ends a trade of 192, and a zero ends none."""
    assert is_time_up(held, most) is expected


def test_exits_have_one_order_of_precedence() -> None:
    """Of all subsets of reasons the first in the order of EXITS gives its name."""
    for subset in itertools.product((False, True), repeat=len(EXITS)):
        expected = subset.index(True) if any(subset) else STAYS

        assert first_exit(*subset) == expected

    assert EXITS == ("unprotected", "weekend", "blackout", "reversal", "time")
