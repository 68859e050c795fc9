"""The server's clock: what a terminal shows for an instant, and the instant behind what it shows.

A terminal dresses its server's wall time as a UTC epoch. Everything of ours is nanoseconds UTC, so
each time crosses this border exactly once, in one of the two directions.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from blackboard.errors import ConfigError
from models.market.sessions import DAY_NS, HOUR_NS, SECOND_NS, market_clock_ns

MARKET_ZONE: Final = "new_york+7"
"""The market's own clock: EET with US dates, so a day ends at 17:00 New York."""

AUTO_ZONE: Final = "auto"
"""The zone that a terminal's server is found to keep (`server_offset`). Until it is found, and on a
simulated server, which keeps what it is told, it stands for the market's own."""

_FIXED: Final = re.compile(r"UTC([+-])(\d\d):([0-5]\d)")
_FIXED_HOURS_MAX: Final = 14

CACHED_HOURS_MAX: Final = 65_536

OffsetOfHour = Callable[[int], int]


class ServerClock:
    """One server zone, by its name in the setting that is given.

    Raises
    ------
    ConfigError
        If the zone is none of `auto`, `new_york+7`, ``UTC+03:00`` and its like, or a name of the
        time zone database.
    """

    def __init__(self, zone: str, setting: str = "terminal.server_zone") -> None:
        self.zone = zone
        self._offset_of_hour_ns = _offsets_of(zone, setting)

    def offset_ns(self, utc_ns: int) -> int:
        """Return what to add to an instant for the server's wall time."""
        return self._offset_of_hour_ns(utc_ns // HOUR_NS)

    def to_server_ns(self, utc_ns: int) -> int:
        """Return the server's wall time at an instant, as if it were UTC."""
        return utc_ns + self._offset_of_hour_ns(utc_ns // HOUR_NS)

    def to_server_s(self, utc_ns: int) -> int:
        """Return the same in whole seconds, which is how a terminal shows it."""
        return self.to_server_ns(utc_ns) // SECOND_NS

    def to_server_msc(self, utc_ns: int) -> int:
        """Return the same in whole milliseconds."""
        return self.to_server_ns(utc_ns) // 1_000_000

    def to_utc_ns(self, server_ns: int) -> int:
        """Return the instant behind a reading of the server's clock.

        An hour that daylight saving repeats gives one of its two instants; on the market's own
        clock such an hour lies in the weekend.
        """
        guess_ns = server_ns - self.offset_ns(server_ns)
        return server_ns - self.offset_ns(guess_ns)

    def to_server_array_ns(self, utc_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the server's wall time of many instants, given in order."""
        if not len(utc_ns):
            return utc_ns
        first_ns, last_ns = int(utc_ns[0]), int(utc_ns[-1])
        if last_ns - first_ns < DAY_NS and self.offset_ns(first_ns) == self.offset_ns(last_ns):
            return utc_ns + self.offset_ns(first_ns)  # no zone changes twice within a day
        hours = utc_ns // HOUR_NS
        first_of_hour = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
        offsets_ns = [self._offset_of_hour_ns(int(hour)) for hour in hours[first_of_hour]]
        counts = np.diff(first_of_hour, append=len(hours))
        return utc_ns + np.repeat(np.asarray(offsets_ns, dtype=np.int64), counts)


def _offsets_of(zone: str, setting: str) -> OffsetOfHour:
    # Daylight saving switches on full hours, so an hour of UTC has one offset.
    if zone in (MARKET_ZONE, AUTO_ZONE):
        return _market_offset_of_hour_ns
    fixed = _FIXED.fullmatch(zone)
    if fixed and int(fixed[2]) <= _FIXED_HOURS_MAX:
        seconds = int(fixed[2]) * 3600 + int(fixed[3]) * 60
        fixed_ns = (seconds if fixed[1] == "+" else -seconds) * SECOND_NS
        return lambda _: fixed_ns
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as missing:
        raise ConfigError(
            f"{setting} must be {AUTO_ZONE}, {MARKET_ZONE}, UTC, UTC+03:00 or an IANA "
            f"name, was {zone!r}"
        ) from missing

    @lru_cache(maxsize=CACHED_HOURS_MAX)
    def offset_of_hour_ns(hour: int) -> int:
        moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(info)
        return int((moment.utcoffset() or timedelta()) / timedelta(seconds=1)) * SECOND_NS

    return offset_of_hour_ns


def fixed_zone(offset_ns: int) -> str:
    """Return the name of the zone that is always as far from UTC."""
    minutes = abs(offset_ns) // (60 * SECOND_NS)
    return f"UTC{'-' if offset_ns < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


@lru_cache(maxsize=CACHED_HOURS_MAX)
def _market_offset_of_hour_ns(hour: int) -> int:
    return market_clock_ns(hour * HOUR_NS) - hour * HOUR_NS
