"""The usual spread of an hour of the trading day, by hand and against the agent's own fold."""

from math import isnan

import numpy as np
import pytest

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS
from models.market.spreads import SPREADS_PER_SLOT_MAX, spread_slot, usual_spread, usual_spreads
from tests.builders import T0_NS


def test_slots_begin_at_17_new_york() -> None:
    """12:00 UTC in winter is hour 14 of the trading day, 22:00 its first."""
    assert spread_slot(T0_NS) == 14  # 07:00 in New York
    assert spread_slot(T0_NS + 10 * HOUR_NS) == 0
    assert spread_slot(T0_NS + 10 * HOUR_NS - 1) == 23


def test_daylight_saving_moves_no_slot() -> None:
    """A week later New York is on summer time, and 11:00 UTC is what 12:00 was."""
    assert spread_slot(T0_NS + 7 * DAY_NS - HOUR_NS) == 14


def test_usual_is_the_median_of_enough() -> None:
    """Of 10, 12 and 50 points 12 is usual; of fewer than asked for nothing is."""
    assert usual_spread(np.array([10.0, 50.0, 12.0]), 3) == 12.0
    assert isnan(usual_spread(np.array([10.0, 50.0]), 3))


def test_a_quote_does_not_measure_itself() -> None:
    """Row t uses earlier rows of its own slot only."""
    spreads = np.array([10.0, 99.0, 12.0, 14.0, 98.0, 1000.0])
    slots = np.array([3, 4, 3, 3, 4, 3])

    usual = usual_spreads(spreads, slots, 2)

    assert usual == pytest.approx([np.nan, np.nan, np.nan, 11.0, np.nan, 12.0], nan_ok=True)


def test_old_spreads_are_forgotten() -> None:
    """Only the latest of a slot count."""
    old, new = np.full(SPREADS_PER_SLOT_MAX, 10.0), np.full(SPREADS_PER_SLOT_MAX, 20.0)
    spreads = np.concatenate([old, new, [30.0]])

    usual = usual_spreads(spreads, np.zeros(len(spreads), dtype=np.int64), 1)

    assert usual[SPREADS_PER_SLOT_MAX] == 10.0
    assert usual[-1] == 20.0


def test_an_altered_future_changes_no_row() -> None:
    """What follows a row is not in it."""
    random = np.random.default_rng(4)
    spreads = random.integers(5, 40, 500).astype(np.float64)
    slots = np.array([spread_slot(T0_NS + row * 15 * MINUTE_NS) for row in range(500)])
    whole = usual_spreads(spreads, slots, 3)

    altered = spreads.copy()
    altered[300:] *= 7.0

    assert usual_spreads(altered, slots, 3)[:301] == pytest.approx(whole[:301], nan_ok=True)
