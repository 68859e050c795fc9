"""A calendar on a wrong clock is told from one that is right."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, week_open_ns
from models.opinion.calendar_clock import shift_between, shift_from_new_york, shift_since
from runtime.feeds.calendar import read_calendar_file
from runtime.instants import instant_ns

DATA = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only/calendar"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
WEDNESDAY_NS = instant_ns("2025-03-05T13:30:00Z")  # 8:30 in New York, winter
SUMMER_NS = instant_ns("2025-07-03T12:30:00Z")  # the same in summer


def moments(*offsets_min: int, currency: str = "USD") -> set[tuple[str, int]]:
    """Return events of a currency so many minutes after a Wednesday's 13:30."""
    return {(currency, WEDNESDAY_NS + each * MINUTE_NS) for each in offsets_min}


OWN = moments(0, 90, 330) | moments(-240, -15, currency="EUR")


@pytest.mark.parametrize("shift_min", [60, -60, 30, -300, 14 * 60])
def test_shift_of_most_events_is_found(shift_min: int) -> None:
    """All five lie so far after the other's, though each calendar has one of its own."""
    ours = {(currency, at_ns + shift_min * MINUTE_NS) for currency, at_ns in OWN}

    found = shift_between(ours | moments(1111), OWN | moments(777))

    assert found == shift_min * MINUTE_NS


def test_agreement_disjoint_and_empty_calendars_are_no_shift() -> None:
    """The same events, a subset, other currencies, a few chance hits, or nothing."""
    assert shift_between(OWN, OWN) == 0
    assert shift_between(OWN, moments(0)) == 0
    assert shift_between(OWN, moments(60, 150, 390, currency="JPY")) == 0
    assert shift_between(OWN, moments(60, 150)) == 0  # two are too few
    assert shift_between(set(), OWN) == 0
    # Four of six agree as they are, three of them an hour off: releases share half hours.
    assert shift_between(moments(0, 60, 120, 180), moments(0, 60, 120, 180, 240)) == 0


def test_shift_that_is_no_clock_is_none() -> None:
    """Ten minutes are a correction of times, no clock."""
    assert shift_between({(c, at + 10 * MINUTE_NS) for c, at in OWN}, OWN) == 0


@pytest.mark.parametrize(
    ("moves_min", "shift_min"),
    [
        ((60, 60, 60), 60),
        ((60, 60, 60, 0, 0), 60),  # 3 of 5 is the share needed
        ((60, 60, 60, 0, 0, 0), 0),
        ((60, 60), 0),
        ((0, 0, 0), 0),
        ((10, 10, 10), 0),
        ((15 * 60,) * 5, 0),
        ((-330,) * 4, -330),
        ((), 0),
    ],
)
def test_shift_since_an_earlier_answer(moves_min: Sequence[int], shift_min: int) -> None:
    """Three events, and three fifths of those known twice, must move by the same half hours."""
    before = {str(place): place * DAY_NS for place in range(len(moves_min) + 2)}
    now = {str(place): before[str(place)] + m * MINUTE_NS for place, m in enumerate(moves_min)}

    assert shift_since(now | {"new": 7}, before) == shift_min * MINUTE_NS


def test_releases_stand_at_their_hour_in_new_york() -> None:
    """8:30 is 13:30 UTC in winter and 12:30 in summer; a feed that forgets it is an hour off."""
    winter = [("Non Farm Payrolls (Feb)", WEDNESDAY_NS), ("Initial Jobless Claims", WEDNESDAY_NS)]
    summer = [("Unemployment Claims", SUMMER_NS), ("ISM Services PMI", SUMMER_NS + 90 * MINUTE_NS)]
    late = [(title, at_ns + HOUR_NS) for title, at_ns in summer]

    assert shift_from_new_york(winter) == shift_from_new_york(summer) == 0
    assert shift_from_new_york(late) == HOUR_NS
    assert shift_from_new_york([(title, at_ns - 5 * HOUR_NS) for title, at_ns in winter]) == (
        -5 * HOUR_NS
    )
    assert shift_from_new_york(late[:1]) == 0  # one may have been moved
    assert shift_from_new_york([*late, summer[0]]) == 0
    assert shift_from_new_york([("GDP", WEDNESDAY_NS + HOUR_NS)] * 2) == 0
    assert shift_from_new_york([(title, at + 7 * SECOND_NS * 60) for title, at in summer]) == 0


def weeks_of(file: str) -> list[list[tuple[str, int]]]:
    """Return the events of the dollar of each week of a recorded calendar."""
    weeks: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for event in read_calendar_file(DATA / file):
        if event.currency == "USD":
            weeks[week_open_ns(event.scheduled_ns)].append((event.title, event.scheduled_ns))
    return list(weeks.values())


@needs_data
@pytest.mark.parametrize("file", ["ff_2022_utc.csv", "emm_2007_2018_utc.csv"])
def test_no_recorded_week_is_taken_for_shifted(file: str) -> None:
    """Over 43 and 550 weeks, changes of the clocks included, there is no false alarm."""
    assert not [week for week in weeks_of(file) if shift_from_new_york(week)]


@needs_data
@pytest.mark.parametrize("hours", [1, -1, 5, -5])
def test_every_week_of_a_full_calendar_tells_a_shifted_clock(hours: int) -> None:
    """In each of the 43 weeks of 2022 a calendar that many hours off is found by itself."""
    shift_ns = hours * HOUR_NS
    moved = [
        [(title, at_ns + shift_ns) for title, at_ns in week] for week in weeks_of("ff_2022_utc.csv")
    ]

    assert {shift_from_new_york(week) for week in moved} == {shift_ns}
