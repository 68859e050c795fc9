"""When a family of models is due to be trained, by the market's own week.

On weekends, when nothing trades, every family is due that was not trained since the weekend before;
after each trading day those whose interval is over, as long as it is shorter than a week. A family
that was never tried is due at once.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from config.training import TrainingSection
from models.market.sessions import DAY_NS, HOUR_NS, WEEK_NS, new_york_offset_ns

FIRST, WEEKLY, DAILY = "first", "weekly", "daily"
_SATURDAY: Final = 5
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday, Monday is 0
_WEEK_DAYS: Final = 7


class Due(NamedTuple):
    """A family that should be trained."""

    family: str
    reason: str


def timetable_of(section: TrainingSection) -> "Timetable":
    """Return what an operator has set."""
    daily = dict.fromkeys(section.daily_families, 1)
    return Timetable(
        families=section.families,
        weekend_hour=section.weekend_hour_new_york,
        daily_hour=section.daily_hour_new_york,
        interval_days={**daily, **section.interval_days},
    )


class Timetable(NamedTuple):
    """Hours in New York and intervals in days, as an operator sets them."""

    families: tuple[str, ...]
    weekend_hour: int
    daily_hour: int
    interval_days: Mapping[str, int]


def due_family(now_ns: int, tried_ns: Mapping[str, int], table: Timetable) -> Due | None:
    """Return the first family that is due, None if none is.

    Parameters
    ----------
    now_ns : int
        Market time.
    tried_ns : mapping of str to int
        Market time of each family's latest attempt; a family that was never tried is left out.
    table : Timetable
        What is trained, and when.
    """
    weekend_ns = last_weekend_ns(now_ns, table.weekend_hour)
    day_ns = last_hour_ns(now_ns, table.daily_hour)
    for family in table.families:
        latest_ns = tried_ns.get(family)
        if latest_ns is None:
            return Due(family, FIRST)
        days = table.interval_days.get(family, _WEEK_DAYS)
        is_old = now_ns - latest_ns >= days * DAY_NS - HOUR_NS
        if latest_ns < weekend_ns and (days <= _WEEK_DAYS or is_old):
            return Due(family, WEEKLY)
        if latest_ns < day_ns and days < _WEEK_DAYS and is_old:
            return Due(family, DAILY)
    return None


def next_look_ns(now_ns: int, table: Timetable) -> int:
    """Return the next moment, later than now, at which something can be due."""
    weekend_ns = last_weekend_ns(now_ns, table.weekend_hour) + WEEK_NS
    day_ns = last_hour_ns(now_ns, table.daily_hour) + DAY_NS
    # Daylight saving may have moved the hour; looking an hour late is early enough.
    return max(min(weekend_ns, day_ns), now_ns + HOUR_NS)


def last_hour_ns(now_ns: int, hour: int) -> int:
    """Return the latest moment, not after now, at which it was an hour in New York."""
    local_ns = now_ns + new_york_offset_ns(now_ns)
    at_ns = local_ns // DAY_NS * DAY_NS + hour * HOUR_NS
    if at_ns > local_ns:
        at_ns -= DAY_NS
    return now_ns - (local_ns - at_ns)


def last_weekend_ns(now_ns: int, hour: int) -> int:
    """Return the latest moment, not after now, at which it was an hour of Saturday there."""
    at_ns = last_hour_ns(now_ns, hour)
    local_day = (at_ns + new_york_offset_ns(at_ns)) // DAY_NS
    weekday = (local_day + _EPOCH_WEEKDAY) % _WEEK_DAYS
    return at_ns - (weekday - _SATURDAY) % _WEEK_DAYS * DAY_NS
