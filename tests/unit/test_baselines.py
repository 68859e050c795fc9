"""What a run is held against, worked by hand."""

import numpy as np
import pytest

from models.learning.baselines import held_equity
from models.market.sessions import HOUR_NS
from runtime.instants import instant_ns
from runtime.reports.baselines import band_of, day_ends_ns, nights, no_trade

MONDAY_17 = instant_ns("2018-02-05T22:00:00Z")
"""17:00 in New York."""


def test_two_symbols_are_held_in_equal_shares() -> None:
    """1000 each: 800 units at 1.25 gain 0.05, 8.333 units of dollars lose 2 yen at 0.01."""
    equity = held_equity(
        2000.0,
        bids=np.array([[1.25, 120.0], [1.30, 118.0]]),
        account_per_quote=np.array([[1.0, 1.0 / 120.0], [1.0, 0.01]]),
        entry_costs=np.array([0.0, 0.0]),
        nightly_swaps=np.zeros((2, 2)),
    )

    assert equity[0] == 2000.0
    assert equity[1] == pytest.approx(2000.0 + 800.0 * 0.05 - 1000.0 * 2.0 * 0.01)


def test_costs_and_swaps_of_holding() -> None:
    """A tenth of a percent of 1000 at once; each night takes 0.0001 for each of 800 units."""
    equity = held_equity(
        1000.0,
        bids=np.full((3, 1), 1.25),
        account_per_quote=np.ones((3, 1)),
        entry_costs=np.array([0.001]),
        nightly_swaps=np.array([[-9.0], [-0.0001], [-0.0003]]),
    )

    assert equity == pytest.approx([999.0, 999.0 - 0.08, 999.0 - 0.32])


def test_swap_nights() -> None:
    """One at the end of a trading day, three on Wednesday's, none within a day or at the start."""
    wednesday = 3

    assert nights(MONDAY_17, 0, wednesday) == 1
    assert nights(MONDAY_17 + 48 * HOUR_NS, 0, wednesday) == 3
    assert nights(MONDAY_17 + HOUR_NS, 0, wednesday) == 0
    assert nights(MONDAY_17, MONDAY_17, wednesday) == 0


def test_day_ends_pass_over_the_weekend() -> None:
    """From Monday to Monday there are four ends inside, Friday's included, Sunday's never."""
    ends = day_ends_ns(MONDAY_17, MONDAY_17 + 7 * 24 * HOUR_NS)

    assert [(end - MONDAY_17) // (24 * HOUR_NS) for end in ends] == [1, 2, 3, 4]


def test_no_trade_is_flat() -> None:
    """The deposit stays."""
    assert no_trade(500.0, 1, 2).equity == (500.0, 500.0)


def test_a_band_holds_ninety_of_a_hundred() -> None:
    """Of 101 runs ending at 100 … 200 the edges are the sixth from either end."""
    ends = np.arange(100.0, 201.0)
    runs = np.column_stack((np.full(101, 100.0), ends))

    band = band_of(np.array([1, 2]), runs, "about", [0.0] * 101)

    assert (band.low[1], band.median[1], band.high[1]) == pytest.approx((105.0, 150.0, 195.0))
    assert band.final_returns[-1] == pytest.approx(1.0)
