"""Which centres of the FX market are at work at an instant: Tokyo, London, New York.

A centre works from Monday to Friday within its own local hours, so daylight saving moves them
against each other. This is a convention among traders, not a rule of any exchange.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from models.market.sessions import HOUR_NS


class Centre(NamedTuple):
    """A centre and its working hours on its own clock."""

    name: str
    zone: ZoneInfo
    first_hour: int
    end_hour: int


CENTRES: Final = (
    Centre("Tokyo", ZoneInfo("Asia/Tokyo"), 9, 18),
    Centre("London", ZoneInfo("Europe/London"), 8, 17),
    Centre("New York", ZoneInfo("America/New_York"), 8, 17),
)
BETWEEN: Final = "between centres"
"""When none of them works: late evening in New York, early morning in Tokyo."""


@lru_cache(maxsize=65_536)
def _at_work(hour: int) -> str:
    moment = datetime.fromtimestamp(hour * 3600, UTC)
    names = []
    for centre in CENTRES:
        local = moment.astimezone(centre.zone)
        if local.weekday() < 5 and centre.first_hour <= local.hour < centre.end_hour:
            names.append(centre.name)
    return " and ".join(names) or BETWEEN


def centres_at_work(ts_ns: int) -> str:
    """Return the centres at work at an instant, joined by "and", in the order of their days.

    All three stand on whole hours from UTC, so an hour has one answer.
    """
    return _at_work(ts_ns // HOUR_NS)


def session_end_ns(name: str, ts_ns: int) -> int:
    """Return the end of a centre's working hours that hold an instant, 0 outside of them.

    Parameters
    ----------
    name
        Of `CENTRES`.
    ts_ns
        Nanoseconds UTC.
    """
    return _session_end_ns(name, ts_ns // HOUR_NS)


@lru_cache(maxsize=65_536)
def _session_end_ns(name: str, hour: int) -> int:
    centre = next(each for each in CENTRES if each.name == name)
    local = datetime.fromtimestamp(hour * 3600, UTC).astimezone(centre.zone)
    if local.weekday() >= 5 or not centre.first_hour <= local.hour < centre.end_hour:
        return 0
    return (hour + centre.end_hour - local.hour) * HOUR_NS
