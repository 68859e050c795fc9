"""Instants as people write them: ISO 8601 with an offset, or a bare date for a whole day in UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from models.market.sessions import DAY_NS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def instant_ns(text: str) -> int:
    """Return nanoseconds UTC of an ISO 8601 time; a bare date is its first moment.

    Raises
    ------
    ValueError
        If it is no such time, or has a time of day without an offset. The message continues the
        name of what was read.
    """
    day = _bare_date_ns(text)
    if day is not None:
        return day
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"must be an ISO 8601 time such as 2018-03-01T08:00:00+00:00, was {text!r}"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"must have an offset from UTC such as Z or +02:00, was {text!r}")
    return (moment - _EPOCH) // _MICROSECOND * 1000


def end_ns(text: str) -> int:
    """Return the same for an end; a bare date counts whole."""
    day = _bare_date_ns(text)
    return instant_ns(text) if day is None else day + DAY_NS


def iso(ts_ns: int) -> str:
    """Return an instant as people read it, to the second."""
    return f"{_EPOCH + timedelta(microseconds=ts_ns // 1000):%Y-%m-%dT%H:%M:%SZ}"


def _bare_date_ns(text: str) -> int | None:
    try:
        return (date.fromisoformat(text) - _EPOCH.date()).days * DAY_NS
    except ValueError:
        return None
