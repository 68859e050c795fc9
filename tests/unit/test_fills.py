"""What a minute brings to a position, where prices lie on the grid, and what a deal books."""

import numpy as np
import pytest

from models.decision.booking import (
    booked_commission,
    booked_profit,
    booked_swap,
    held_margin,
    margin_level,
    money,
)
from models.decision.fills import (
    NO_HIT,
    NO_ROW,
    STOP_HIT,
    TARGET_HIT,
    closing_price,
    fill_of,
    first_hit_row,
    hit_of,
    normalised,
    tightened,
)


@pytest.mark.parametrize("digits", range(9))
def test_the_grid_is_that_of_decimal_text(digits: int) -> None:
    """A price in whole points is the float that its decimal text denotes."""
    rng = np.random.default_rng(digits)
    for price in rng.uniform(0.0, 200.0, 200):
        assert normalised(price, digits) == round(price * 10.0**digits) / 10.0**digits


def test_a_stop_is_rounded_towards_the_market() -> None:
    """Up for a long position, down for a short one, and not at all where it lies on the grid."""
    assert tightened(1.100003, 1, 5) == 1.10001
    assert tightened(1.100007, -1, 5) == 1.1
    assert tightened(1.10001, 1, 5) == 1.10001
    assert tightened(1.10001, -1, 5) == 1.10001


def test_a_short_position_closes_on_asks() -> None:
    """The bid for a long position; the bid and the spread for a short one."""
    assert closing_price(1.1, 0.0002, 1, 5) == 1.1
    assert closing_price(1.1, 0.0002, -1, 5) == 1.1002


@pytest.mark.parametrize(
    ("side", "low", "high", "hit"),
    [
        (1, 1.0990, 1.1005, STOP_HIT),
        (1, 1.0991, 1.1030, TARGET_HIT),
        (1, 1.0990, 1.1030, STOP_HIT),  # both: the stop goes first
        (1, 1.0991, 1.1029, NO_HIT),
        (-1, 1.0995, 1.1010, STOP_HIT),
        (-1, 1.0970, 1.1009, TARGET_HIT),
    ],
)
def test_the_stop_goes_before_the_target(side: int, low: float, high: float, hit: int) -> None:
    """Stop 10 and target 30 pips from 1.1; touching is enough."""
    stop, target = round(1.1 - side * 0.001, 4), round(1.1 + side * 0.003, 4)

    assert hit_of(side, stop, target, low, high) == hit


def test_levels_of_zero_are_none() -> None:
    """Who has no stop is not stopped, however far the price goes."""
    assert hit_of(1, 0.0, 0.0, 0.5, 2.0) == NO_HIT
    assert hit_of(-1, 0.0, 0.0, 0.5, 2.0) == NO_HIT


def test_a_gap_fills_through_the_stop_but_not_beyond_the_target() -> None:
    """The open is the price where it lies beyond the stop; a target gives no more than it asked."""
    assert fill_of(STOP_HIT, 1, 1.099, 1.103, 1.098) == 1.098
    assert fill_of(STOP_HIT, 1, 1.099, 1.103, 1.1) == 1.099
    assert fill_of(STOP_HIT, -1, 1.101, 1.097, 1.102) == 1.102
    assert fill_of(TARGET_HIT, 1, 1.099, 1.103, 1.104) == 1.103


def test_the_first_minute_that_touches_is_found() -> None:
    """Only the rows that were asked for are judged."""
    low = np.array([1.1, 1.0985, 1.1, 1.0985])
    high, over = low + 0.0005, np.full(4, 0.0001)

    assert first_hit_row(1, 1.099, 1.103, low, high, over, 5, 0, 4) == 1
    assert first_hit_row(1, 1.099, 1.103, low, high, over, 5, 2, 4) == 3
    assert first_hit_row(1, 1.099, 1.103, low, high, over, 5, 2, 3) == NO_ROW


def test_deals_are_booked_in_whole_cents() -> None:
    """Worked by hand, with the arithmetic beside them."""
    assert money(2.675) == 2.68  # 2.675 × 100 is 267.5 in floats, and the even cent is 268
    assert booked_profit(1, 1.1, 1.101, 100_000.0, 0.07, 1.0) == 7.0  # 0.001 × 100,000 × 0.07
    assert booked_profit(-1, 1.1, 1.101, 100_000.0, 0.07, 1.0) == -7.0
    assert booked_commission(3.5, 0.08) == -0.28  # −3.5 × 0.08
    assert booked_swap(-7.4, 1e-5, 100_000.0, 0.1, 1.0, 3) == -2.22  # −7.4 × 1 × 0.1 × 3
    assert held_margin(0.1, 100_000.0, 30.0, 1.2) == 400.0  # 10,000 / 30 × 1.2
    assert margin_level(900.0, 300.0) == 300.0
    assert margin_level(900.0, 0.0) == 0.0
