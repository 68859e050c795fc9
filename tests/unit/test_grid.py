"""The grid of bar closes, worked by hand around weekends and daylight saving."""

from datetime import datetime

import numpy as np
import pytest

from models.market.grid import bar_numbers, closes_between, last_bar_close_ns
from models.market.sessions import HOUR_NS, MINUTE_NS, SECOND_NS

M15_NS = 15 * MINUTE_NS


def ns(text: str) -> int:
    """Return an instant given in UTC."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("now", "close"),
    [
        ("2025-03-05T10:15:00", "2025-03-05T10:15:00"),  # a close is its own last close
        ("2025-03-05T10:29:59", "2025-03-05T10:15:00"),
        ("2025-03-07T22:00:00", "2025-03-07T22:00:00"),  # Friday 17:00 New York, winter time
        ("2025-03-08T12:00:00", "2025-03-07T22:00:00"),  # Saturday
        ("2025-03-09T20:59:00", "2025-03-07T22:00:00"),  # a minute before the open, summer time
        ("2025-03-09T21:07:00", "2025-03-07T22:00:00"),  # the week's first bar still forms
        ("2025-03-09T21:15:00", "2025-03-09T21:15:00"),
    ],
)
def test_last_close_passes_over_the_weekend(now: str, close: str) -> None:
    """The last close is on the grid of the open market, also when asked in the weekend."""
    assert last_bar_close_ns(ns(now), M15_NS) == ns(close)


def test_last_close_of_four_hours_follows_the_trading_day() -> None:
    """H4 bars are counted from 17:00 New York, which is 22:00 UTC in winter."""
    assert last_bar_close_ns(ns("2025-03-05T09:59:00"), 4 * HOUR_NS) == ns("2025-03-05T06:00:00")


def test_numbers_differ_by_one_across_the_weekend() -> None:
    """Friday's last close and Sunday's first one are neighbours, though the clock changed too."""
    friday, sunday = ns("2025-03-07T22:00:00"), ns("2025-03-09T21:15:00")

    assert closes_between(friday, sunday, M15_NS) == 1


def test_a_week_has_480_quarters_of_an_hour() -> None:
    """Five days of 24 hours are 480 bars, weekend passed over."""
    assert closes_between(ns("2025-03-05T10:00:00"), ns("2025-03-12T09:00:00"), M15_NS) == 480


def test_numbers_take_any_order_and_none() -> None:
    """Numbers are computed place by place, also of no closes at all."""
    times = np.array([ns("2025-03-05T10:30:00"), ns("2025-03-05T10:00:00")])

    first, second = bar_numbers(times, M15_NS)

    assert first - second == 2
    assert len(bar_numbers(np.empty(0, dtype=np.int64), M15_NS)) == 0
