"""The window, and the way to higher timeframes."""

import numpy as np
import pytest

from models.market.bars import (
    BarArray,
    Window,
    bin_opens_ns,
    empty_bars,
    last_closed_rows,
    one_bar,
    resample,
)
from models.market.sessions import HOUR_NS, MINUTE_NS, bar_open_ns
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars


def quarter_hours(*prices: tuple[int, float, float, float, float]) -> BarArray:
    """Return bars given as (minute of the close after the week's open, open, high, low, close)."""
    return np.concatenate(
        [
            one_bar(SUNDAY_OPEN_NS + minute * MINUTE_NS, first, high, low, last, 10, 2)
            for minute, first, high, low, last in prices
        ]
    )


def test_window_returns_what_was_appended() -> None:
    """Columns and rows survive growth beyond the first capacity."""
    bars = random_bars(50)

    window = Window(bars[:20], capacity=4)
    window.extend(bars[20:])

    assert len(window) == 50
    assert np.array_equal(window.bars(), bars)
    assert np.array_equal(window.close, bars["close"])
    assert window.newest_ns == bars["close_ns"][-1]


def test_window_columns_are_read_only() -> None:
    """Nobody changes a price through a view."""
    window = Window(random_bars(3))

    with pytest.raises(ValueError, match="read-only"):
        window.close[0] = 1.0


def test_view_keeps_its_values_when_the_window_grows() -> None:
    """A column taken earlier neither grows nor changes."""
    bars = random_bars(10)
    window = Window(bars[:5], capacity=5)

    column = window.close
    window.extend(bars[5:])

    assert np.array_equal(column, bars["close"][:5])


def test_window_refuses_an_older_bar_and_changes_nothing() -> None:
    """Bars only ever follow each other."""
    bars = random_bars(6)
    window = Window(bars[:4])

    with pytest.raises(ValueError, match="close_ns must increase"):
        window.extend(bars[[4, 3]])

    assert len(window) == 4


def test_row_of_finds_a_close_or_nothing() -> None:
    """A close between two bars belongs to neither."""
    bars = random_bars(5)
    window = Window(bars)

    assert window.row_of(int(bars["close_ns"][3])) == 3
    assert window.row_of(int(bars["close_ns"][3]) + 1) == -1
    assert window.row_of(int(bars["close_ns"][4]) + M15_NS) == -1


def test_bins_open_where_the_session_says() -> None:
    """The vectorised grid equals the one of the sessions, across both changes of the clocks."""
    march, november = 1_741_213_800_000_000_000, 1_761_777_000_000_000_000
    for start_ns in (march, november):
        times_ns = start_ns + np.arange(0, 8 * 24, 1, dtype=np.int64) * HOUR_NS
        for length_ns in (HOUR_NS, 4 * HOUR_NS, 24 * HOUR_NS):
            expected = [bar_open_ns(int(time_ns), length_ns) for time_ns in times_ns]

            assert bin_opens_ns(times_ns, length_ns).tolist() == expected


def test_resample_builds_one_hour_from_its_quarters() -> None:
    """Open of the first, extremes of all, close of the last, sum of volumes."""
    bars = quarter_hours(
        (15, 1.0, 1.2, 0.9, 1.1), (30, 1.1, 1.5, 1.0, 1.2), (45, 1.2, 1.3, 0.8, 0.9),
        (60, 0.9, 1.0, 0.85, 0.95),
    )  # fmt: skip

    (hour,) = resample(bars, HOUR_NS)

    assert hour.tolist() == (SUNDAY_OPEN_NS + HOUR_NS, 1.0, 1.5, 0.8, 0.95, 40, 2)


def test_resample_leaves_out_the_hour_that_is_still_open() -> None:
    """Three quarters are no hour."""
    bars = quarter_hours((15, 1, 1, 1, 1), (30, 1, 1, 1, 1), (45, 1, 1, 1, 1))

    assert len(resample(bars, HOUR_NS)) == 0
    assert len(resample(empty_bars(), HOUR_NS)) == 0


def test_a_gap_closes_the_hour_with_the_next_bar() -> None:
    """An hour whose last quarter is missing is over when a later bar exists."""
    bars = quarter_hours((15, 1, 2, 1, 1), (45, 1, 1, 1, 1), (75, 3, 3, 3, 3))

    (hour,) = resample(bars, HOUR_NS)

    assert (hour["close_ns"], hour["high"]) == (SUNDAY_OPEN_NS + HOUR_NS, 2.0)


def test_a_row_never_sees_the_hour_that_it_lies_in() -> None:
    """Up to the last quarter of an hour the hour before counts, with it the hour itself."""
    bars = random_bars(9)
    hours = resample(bars, HOUR_NS)

    rows = last_closed_rows(bars["close_ns"], hours["close_ns"])

    assert rows.tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1]
