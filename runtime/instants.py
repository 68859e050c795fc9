"""Instants as people write them: ISO 8601 with an offset, or a bare date for a whole day in UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from models.market.sessions import DAY_NS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def instant_ns(text: str) -> int:
    """Return nanoseconds UTC of an ISO 8601 time with its offset.

    Raises
    ------
    ValueError
        If it is no time of day, or has no offset. The message continues the name of what was read.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or _bare_date_ns(text) is not None:
        raise ValueError(f"must be a time such as 2018-03-01T08:00:00Z, was {text!r}")
    if moment.tzinfo is None:
        raise ValueError(f"must have an offset from UTC such as Z or +02:00, was {text!r}")
    return (moment - _EPOCH) // _MICROSECOND * 1000


def start_of_ns(text: str) -> int:
    """Return the same for a start, where a bare date is its first moment."""
    day_ns = _bare_date_ns(text)
    return instant_ns(text) if day_ns is None else day_ns


def end_of_ns(text: str) -> int:
    """Return the same for an end, where a bare date counts whole."""
    day_ns = _bare_date_ns(text)
    return instant_ns(text) if day_ns is None else day_ns + DAY_NS


def iso(ts_ns: int) -> str:
    """Return an instant as people read it, to the second."""
    return f"{_EPOCH + timedelta(microseconds=ts_ns // 1000):%Y-%m-%dT%H:%M:%SZ}"


def _bare_date_ns(text: str) -> int | None:
    try:
        return (date.fromisoformat(text) - _EPOCH.date()).days * DAY_NS
    except ValueError:
        return None
