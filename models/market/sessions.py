"""The FX week and the trading day, on the one clock that the market itself keeps.

The week runs from Sunday 17:00 to Friday 17:00 New York; a trading day ends at 17:00 New York.
Seven hours added to New York's wall time turn that into Monday 00:00 to Friday 24:00 and a day that
ends at midnight, which is what most servers show ("EET with US dates"). All instants are
nanoseconds UTC.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS
TRADING_WEEK_DAYS = 5
_SHIFT_NS = 7 * HOUR_NS
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, Monday is 0


@lru_cache(maxsize=65_536)
def _new_york_offset_of_hour_ns(hour: int) -> int:
    # Daylight saving switches on full UTC hours, so an hour has one offset.
    moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(NEW_YORK)
    return int((moment.utcoffset() or timedelta()).total_seconds()) * SECOND_NS


def new_york_offset_ns(ts_ns: int) -> int:
    """Return what to add to a UTC instant for New York's wall time; negative."""
    return _new_york_offset_of_hour_ns(ts_ns // HOUR_NS)


def market_clock_ns(ts_ns: int) -> int:
    """Return New York's wall time plus seven hours, as if it were UTC."""
    return ts_ns + new_york_offset_ns(ts_ns) + _SHIFT_NS


def from_market_clock_ns(market_ns: int) -> int:
    """Return the UTC instant of a market clock reading.

    An hour that daylight saving skips or repeats lies on a Sunday morning, outside the week.
    """
    guess_ns = market_ns - _SHIFT_NS
    utc_ns = guess_ns - new_york_offset_ns(guess_ns)
    return guess_ns - new_york_offset_ns(utc_ns)


@lru_cache(maxsize=65_536)
def _day_of_hour(hour: int) -> tuple[int, int]:
    # Trading days begin on full UTC hours, so an hour has one day: its start and its weekday.
    day = market_clock_ns(hour * HOUR_NS) // DAY_NS
    return from_market_clock_ns(day * DAY_NS), (day + _EPOCH_WEEKDAY) % 7


def weekday(ts_ns: int) -> int:
    """Return the day of the trading week, 0 Monday to 6 Sunday; 5 and 6 are the weekend."""
    return _day_of_hour(ts_ns // HOUR_NS)[1]


def is_open(ts_ns: int) -> bool:
    """Whether the market trades at an instant."""
    return weekday(ts_ns) < TRADING_WEEK_DAYS


def was_open_before(ts_ns: int) -> bool:
    """Whether the market traded just before an instant, which is what a bar's close asks."""
    return is_open(ts_ns - 1)


def week_open_ns(ts_ns: int) -> int:
    """Return the Sunday 17:00 New York that begins the week holding an instant."""
    day = market_clock_ns(ts_ns) // DAY_NS
    return from_market_clock_ns((day - weekday(ts_ns)) * DAY_NS)


def week_close_ns(ts_ns: int) -> int:
    """Return the Friday 17:00 New York of the week holding an instant."""
    day = market_clock_ns(ts_ns) // DAY_NS
    return from_market_clock_ns((day - weekday(ts_ns) + TRADING_WEEK_DAYS) * DAY_NS)


def weeks_before_ns(ts_ns: int, weeks: int) -> int:
    """Return the open of the week that lies `weeks` before the one holding an instant."""
    return week_open_ns(week_open_ns(ts_ns) - weeks * WEEK_NS + DAY_NS)


def next_week_open_ns(ts_ns: int) -> int:
    """Return the open of the week after the one holding an instant."""
    return week_open_ns(week_open_ns(ts_ns) + WEEK_NS + DAY_NS)


def trading_day(ts_ns: int) -> date:
    """Return the date on which the trading day that holds an instant ends."""
    return datetime.fromtimestamp(market_clock_ns(ts_ns) // SECOND_NS, UTC).date()


def trading_day_start_ns(ts_ns: int) -> int:
    """Return the 17:00 New York at which the trading day holding an instant began."""
    return _day_of_hour(ts_ns // HOUR_NS)[0]


def bar_open_ns(ts_ns: int, length_ns: int) -> int:
    """Return the open of the bar that holds an instant; bars count from the trading day's start.

    Lengths up to an hour fall on the same grid as in UTC; H4 and D1 follow the trading day.
    """
    start_ns = trading_day_start_ns(ts_ns)
    return start_ns + (ts_ns - start_ns) // length_ns * length_ns


def next_bar_close_ns(ts_ns: int, length_ns: int) -> int:
    """Return the first close of a bar after an instant, weekends passed over."""
    close_ns = bar_open_ns(ts_ns, length_ns) + length_ns
    if was_open_before(close_ns):
        return close_ns
    return next_week_open_ns(ts_ns) + length_ns
