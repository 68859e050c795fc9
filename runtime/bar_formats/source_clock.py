"""The clock of a file that does not state one: found by where its weeks begin and end.

A file tells wall times. Read on the wrong clock, the market would trade while it is shut: an hour
a week in summer between New York's clock and one without daylight saving. The clock that keeps
every week of the file inside the FX week is the one it was written by. Where several do, nothing
in the file can tell; where none does, clocks are mixed. Both are refused, because a bar that is
dated an hour off is worse than none.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import DAY_NS, MINUTE_NS, WEEK_NS
from runtime.instants import iso
from runtime.terminals.server_time import AUTO_ZONE, ServerClock
from runtime.terminals.simulated.bar_files import IntArray, to_utc, within_week

OUTSIDE_NS_MIN: Final = 30 * MINUTE_NS
"""Market time outside the FX week from which a week speaks against a clock."""

_SETTING: Final = "market.history.zone"
_TO_MONDAY_NS: Final = 4 * DAY_NS
"""1970 began on a Thursday; weeks are cut within the weekend's two days."""


class FileClock(NamedTuple):
    """A clock by which a source may have written."""

    zone: str
    """As `ServerClock` takes it."""
    words: str
    """Whose it is, for people."""


class Clocks(NamedTuple):
    """What the settings say of clocks."""

    server: ServerClock
    """Of the terminal that wrote exports."""
    file_zone: str = AUTO_ZONE
    """Of files that do not state theirs; `auto` lets the weeks in them decide."""


class Dated(NamedTuple):
    """Opens in UTC, and the clock they were read by."""

    open_ns: IntArray
    words: str


def dated(
    wall_ns: IntArray, length_ns: int, candidates: Sequence[FileClock], clocks: Clocks
) -> Dated:
    """Return wall times in UTC.

    Parameters
    ----------
    wall_ns : ndarray of shape (n_bars,), int64
        Wall times as if they were UTC, in nanoseconds.
    length_ns : int
        Length of a bar.
    candidates : sequence of FileClock
        Clocks that the source is known to write by, the stated one first.
    clocks : Clocks
        A zone that the operator set is taken without a question.

    Raises
    ------
    ValueError
        If no clock fits all weeks, or several do and differ.
    """
    if clocks.file_zone != AUTO_ZONE:
        candidates = [FileClock(clocks.file_zone, f"as {_SETTING} says")]
    read = _distinct(
        [(each, to_utc(wall_ns, ServerClock(each.zone, _SETTING))) for each in candidates]
    )
    if len(read) == 1:
        clock, open_ns = read[0]
        return Dated(open_ns, f"{clock.zone} ({clock.words})")
    weeks = (wall_ns + _TO_MONDAY_NS) // WEEK_NS
    rows = weeks - weeks.min()
    outside_ns = [
        np.bincount(rows[~within_week(o)], None, rows.max() + 1) * length_ns for _, o in read
    ]
    least_ns = np.minimum.reduce(outside_ns)
    speaks_against = [
        (outside >= OUTSIDE_NS_MIN) & (2 * least_ns < outside) for outside in outside_ns
    ]
    fitting = [each for each, wrong in zip(read, speaks_against, strict=True) if not wrong.any()]
    if len(fitting) == 1:
        clock, open_ns = fitting[0]
        return Dated(open_ns, f"{clock.zone} ({clock.words})")
    names = ", ".join(f"{clock.zone} ({clock.words})" for clock, _ in fitting or read)
    if fitting:
        raise ValueError(
            f"nothing in the times tells the clock they were written by: {names} all fit; "
            f"{_SETTING} must name it"
        )
    where = _first_weeks(wall_ns, rows, [clock for clock, _ in read], speaks_against)
    raise ValueError(f"the times fit no one clock, so clocks are mixed or unknown: {where}")


def _distinct(read: list[tuple[FileClock, IntArray]]) -> list[tuple[FileClock, IntArray]]:
    # Clocks that differ nowhere in a file are no question: without a bar in summer there is none.
    found: list[tuple[FileClock, IntArray]] = []
    for clock, open_ns in read:
        if not any(np.array_equal(open_ns, other) for _, other in found):
            found.append((clock, open_ns))
    return found


def _first_weeks(
    wall_ns: IntArray,
    rows: IntArray,
    clocks: list[FileClock],
    speaks_against: list[NDArray[np.bool_]],
) -> str:
    def first(wrong: NDArray[np.bool_]) -> str:
        week = int(np.argmax(wrong))
        return f"{int(wrong.sum())} weeks, the first with {iso(int(wall_ns[rows == week][0]))}"

    return "; ".join(
        f"not {clock.zone} ({clock.words}) in {first(wrong)}"
        for clock, wrong in zip(clocks, speaks_against, strict=True)
    )
