"""Statistics of closed trades, worked by hand."""

import math

import pytest

from models.learning.trade_statistics import (
    longest_streaks,
    mean_with_error,
    profit_factor,
    system_quality,
    united,
    win_rate,
)


def test_win_rate_and_its_error() -> None:
    """Three of four: √(0.1875/4 + 0.25/16) / 1.25 = 0.25 / 1.25."""
    rate = win_rate([1.0, 2.0, 0.5, -1.0])

    assert rate.value == 0.75
    assert rate.error == pytest.approx(0.2)


def test_win_rate_of_nothing_is_unknown_and_of_wins_alone_is_not_certain() -> None:
    """No trade has no rate; a single win has one, with an error."""
    assert math.isnan(win_rate([]).value)
    assert tuple(win_rate([1.0])) == pytest.approx((1.0, 0.25))  # √0.25 / 2


def test_profit_factor() -> None:
    """130 won for 110 lost; without a loss it is unknown, and 0 is no loss."""
    assert profit_factor([100.0, -50.0, -60.0, 30.0]) == pytest.approx(130.0 / 110.0)
    assert math.isnan(profit_factor([10.0, 0.0]))


def test_mean_with_error() -> None:
    """1 and 3: mean 2, deviation √2, over √2."""
    assert tuple(mean_with_error([1.0, 3.0])) == pytest.approx((2.0, 1.0))
    assert math.isnan(mean_with_error([1.0]).error)
    assert math.isnan(mean_with_error([]).value)


def test_system_quality() -> None:
    """32 trades of +2 and −1 in turn: mean 0.5, deviation 1.5 · √(32/31)."""
    quality = system_quality([2.0, -1.0] * 16)

    assert quality == pytest.approx(math.sqrt(32) * 0.5 / (1.5 * math.sqrt(32 / 31)))


def test_system_quality_counts_a_hundred_trades() -> None:
    """With 400 trades the root stays 10."""
    quality = system_quality([2.0, -1.0] * 200)

    assert quality == pytest.approx(10.0 * 0.5 / (1.5 * math.sqrt(400 / 399)))


def test_system_quality_of_too_little_is_unknown() -> None:
    """29 trades, or equal ones, have none."""
    assert math.isnan(system_quality([1.0, -1.0] * 14 + [1.0]))
    assert math.isnan(system_quality([1.0] * 30))


def test_streaks() -> None:
    """Three losses in a row, two wins; nothing won or lost ends both."""
    assert longest_streaks([1.0, 1.0, 0.0, 1.0, -1.0, -2.0, -1.0, 3.0]) == (2, 3)
    assert longest_streaks([]) == (0, 0)


def test_spans_are_united() -> None:
    """Overlaps and neighbours become one, empty spans go, gaps stay."""
    assert united([(5, 8), (0, 3), (2, 5), (9, 9), (10, 12)]) == [(0, 8), (10, 12)]
