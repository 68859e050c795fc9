"""What an event may do to a position, and when that is asked."""

import pytest

from models.decision.jump import (
    is_event_ahead,
    is_inside_jump,
    jump_distance,
    kept_lots,
    locked_stop,
    sigma_from_range,
)

M15 = 15


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        (1, False),
        (15, True),  # the blackout of 30 to 60 begins by the next close
        (30, True),
        (44, True),
        (45, False),  # the event itself
        (60, False),
    ],
)
def test_an_event_is_ahead_from_the_close_before_its_blackout(
    close: int, *, expected: bool
) -> None:
    """Asked at the last close before the blackout and within it, never at or after the event."""
    assert is_event_ahead(close, 30, 60, M15) is expected


def test_the_jump_is_a_multiple_of_the_forecast() -> None:
    """Two deviations of 0.1 % of 1.1 are 22 pips."""
    assert jump_distance(1.1, 0.001, 2.0) == pytest.approx(0.0022)
    assert jump_distance(1.1, 0.001, 0.0) == 0.0


def test_a_range_stands_for_a_deviation() -> None:
    """A bar's mean range of 1.5958 deviations, over four bars twice the bar's deviation."""
    assert sigma_from_range(0.0015957691, 1.0, 4) == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("side", "stop", "expected"),
    [(1, 1.0978, False), (1, 1.0979, True), (-1, 1.1023, False), (-1, 1.1022, True)],
)
def test_a_stop_nearer_than_the_jump_is_inside_it(
    side: int, stop: float, *, expected: bool
) -> None:
    """From a bid of 1.1 and an ask of 1.1001 a jump of 21.5 pips reaches 1.09785 and 1.10225."""
    assert is_inside_jump(side, stop, 1.1, 1.1001, 0.00215) is expected


def test_the_lock_keeps_the_brokers_gap() -> None:
    """Ten pips from the closing price, or the gap where that is wider."""
    assert locked_stop(1, 1.1, 1.1001, 0.0002, 0.001) == pytest.approx(1.099)
    assert locked_stop(-1, 1.1, 1.1001, 0.0002, 0.001) == pytest.approx(1.1011)
    assert locked_stop(1, 1.1, 1.1001, 0.0015, 0.001) == pytest.approx(1.0985)


@pytest.mark.parametrize(
    ("lots", "stop_distance", "jump", "lots_min", "expected"),
    [
        (0.10, 0.0019, 0.0022, 0.01, 0.08),  # 0.1 × 19 / 22 = 0.086
        (0.10, 0.0021, 0.0022, 0.05, 0.05),  # 0.095 may stay, but 0.05 is the least that leaves
        (0.10, 0.0001, 0.0022, 0.01, 0.0),  # 0.0045 is less than the smallest lot
        (0.01, 0.0021, 0.0022, 0.01, 0.0),  # all or nothing
        (0.10, 0.0, 0.0022, 0.01, 0.0),
        (0.10, -0.001, 0.0022, 0.01, 0.0),  # the price is beyond the stop
        (1.00, 0.0011, 0.0022, 0.10, 0.5),
    ],
)
def test_what_may_stay_before_a_jump(
    lots: float, stop_distance: float, jump: float, lots_min: float, expected: float
) -> None:
    """So much that the jump costs what the stop would, in steps of 0.01, and never too small."""
    assert kept_lots(lots, stop_distance, jump, 0.01, lots_min) == pytest.approx(expected)
