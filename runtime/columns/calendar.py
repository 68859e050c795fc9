"""The market's own clock over a run: readings of the account, days, weeks, nights."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from models.decision.simulated.columns import DAY_DTYPE, ROLLOVER_DTYPE
from models.market.grid import bar_numbers, last_bar_close_ns
from models.market.sessions import (
    DAY_NS,
    WEEK_NS,
    from_market_clock_ns,
    is_open,
    market_clock_ns,
    next_bar_close_ns,
    next_week_open_ns,
    week_close_ns,
    week_open_ns,
)
from runtime.terminals.server_time import ServerClock

AHEAD_NS: Final = 5 * WEEK_NS
"""How far days and weeks are known beyond the end: a restriction may reach there."""

FRIDAY: Final = 4
WEEK_DAYS: Final = 7
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday, Monday is 0


def days_of(start_ns: int, end_ns: int) -> NDArray[np.void]:
    """Return the days of the market's own clock from before a run to beyond it."""
    first = market_clock_ns(start_ns - WEEK_NS) // DAY_NS
    last = market_clock_ns(end_ns + AHEAD_NS) // DAY_NS
    starts_ns = [from_market_clock_ns(day * DAY_NS) for day in range(first, last + 1)]
    rows = [
        (start_ns, (first + place + _EPOCH_WEEKDAY) // WEEK_DAYS, next_week_open_ns(start_ns))
        for place, start_ns in enumerate(starts_ns)
    ]
    return np.array(rows, DAY_DTYPE)


def rollovers_of(zone: str, start_ns: int, end_ns: int) -> NDArray[np.void]:
    """Return the ends of the server's working days within a run."""
    clock = ServerClock(zone)
    rows = []
    for day in range(clock.to_server_ns(start_ns) // DAY_NS, clock.to_server_ns(end_ns) // DAY_NS):
        at_ns = clock.to_utc_ns((day + 1) * DAY_NS)
        if (day + _EPOCH_WEEKDAY) % WEEK_DAYS <= FRIDAY and start_ns < at_ns <= end_ns:
            rows.append((at_ns, (day + _EPOCH_WEEKDAY + 1) % WEEK_DAYS))
    return np.array(rows, ROLLOVER_DTYPE)


def readings_of(settings: Settings, start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """Return when the account is read: at the start, then at every close of the snapshot."""
    return np.array(list(_readings(settings, start_ns, end_ns)), np.int64)


def bar_number(close_ns: int, length_ns: int) -> int:
    """Return the place of a close in the row of all closes of open markets."""
    return int(bar_numbers(np.array([last_bar_close_ns(close_ns, length_ns)]), length_ns)[0])


def hours_of(close_ns: int) -> tuple[bool, bool, int, int, int]:
    """Return the last five fields of `CLOSE_DTYPE` for a close."""
    before_ns = close_ns - 1
    return (
        is_open(close_ns),
        is_open(before_ns),
        week_open_ns(close_ns),
        week_close_ns(close_ns),
        week_close_ns(before_ns),
    )


def _readings(settings: Settings, start_ns: int, end_ns: int) -> Iterator[int]:
    length_ns = settings.agents.execution.snapshot_timeframe.length_ns
    at_ns = start_ns
    while at_ns <= end_ns:
        yield at_ns
        at_ns = next_bar_close_ns(at_ns, length_ns)
