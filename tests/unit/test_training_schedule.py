"""When families are due: at once, on weekends, after trading days; on New York's clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agents.training.schedule import (
    Due,
    Timetable,
    due_family,
    last_hour_ns,
    last_weekend_ns,
    next_look_ns,
)
from models.market.sessions import DAY_NS, HOUR_NS

TABLE = Timetable(
    families=("har", "lstm"), weekend_hour=10, daily_hour=17, interval_days={"har": 1}
)


def new_york_ns(text: str) -> int:
    """Return an instant of New York's wall clock."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 1_000_000_000


THURSDAY_NS = new_york_ns("2025-03-06 12:00")
SATURDAY_NS = new_york_ns("2025-03-08 10:00")


def test_what_was_never_tried_is_due_at_once() -> None:
    """In the order of the families."""
    assert due_family(THURSDAY_NS, {}, TABLE) == Due("har", "first")
    assert due_family(THURSDAY_NS, {"har": THURSDAY_NS}, TABLE) == Due("lstm", "first")


def test_every_family_is_due_once_a_weekend() -> None:
    """Not a minute before Saturday's hour, and not again after it was tried."""
    tried = {"har": SATURDAY_NS - HOUR_NS, "lstm": THURSDAY_NS}

    assert due_family(SATURDAY_NS - 1, tried, TABLE) is None
    assert due_family(SATURDAY_NS, tried, TABLE) == Due("har", "weekly")
    tried["har"] = SATURDAY_NS
    assert due_family(SATURDAY_NS, tried, TABLE) == Due("lstm", "weekly")
    tried["lstm"] = SATURDAY_NS + HOUR_NS
    assert due_family(SATURDAY_NS + 2 * HOUR_NS, tried, TABLE) is None


def test_a_daily_family_is_due_after_the_trading_day() -> None:
    """At 17:00 New York, the others wait for the weekend."""
    tried = {"har": new_york_ns("2025-03-05 17:00"), "lstm": THURSDAY_NS}

    assert due_family(new_york_ns("2025-03-06 16:59"), tried, TABLE) is None
    assert due_family(new_york_ns("2025-03-06 17:00"), tried, TABLE) == Due("har", "daily")


def test_a_family_of_a_month_passes_weekends_over() -> None:
    """It is due on the first weekend after its interval."""
    table = TABLE._replace(families=("ppo",), interval_days={"ppo": 28})

    assert due_family(SATURDAY_NS, {"ppo": SATURDAY_NS - 21 * DAY_NS}, table) is None
    assert due_family(SATURDAY_NS, {"ppo": SATURDAY_NS - 28 * DAY_NS}, table) is not None


@pytest.mark.parametrize(
    ("now", "hour", "weekend"),
    [
        ("2025-03-08 10:00", "2025-03-07 17:00", "2025-03-08 10:00"),
        ("2025-03-08 09:59", "2025-03-07 17:00", "2025-03-01 10:00"),
        ("2025-03-12 18:00", "2025-03-12 17:00", "2025-03-08 10:00"),
    ],
)
def test_hours_are_those_of_new_york(now: str, hour: str, weekend: str) -> None:
    """The first two weeks of March have different offsets from UTC."""
    now_ns = new_york_ns(now)

    assert last_hour_ns(now_ns, 17) == new_york_ns(hour)
    assert abs(last_weekend_ns(now_ns, 10) - new_york_ns(weekend)) <= HOUR_NS


def test_the_next_look_is_later_and_not_far() -> None:
    """At most a day away, at least an hour."""
    for hours in range(24 * 14):
        now_ns = THURSDAY_NS + hours * HOUR_NS
        assert HOUR_NS <= next_look_ns(now_ns, TABLE) - now_ns <= 25 * HOUR_NS
