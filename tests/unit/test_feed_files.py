"""Calendar and headline files: four layouts, nothing before its time, and failure that shows."""

import os
from pathlib import Path

import pytest

from agents.requests import (
    CalendarEvent,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Unanswered,
)
from blackboard.errors import ConfigError
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Impact
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS
from runtime.feeds.calendar import CURRENCIES, CalendarFile, as_known, read_calendar_file
from runtime.feeds.headlines import HeadlinesFile, read_headlines_file
from runtime.instants import instant_ns

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FRIDAY_NS = instant_ns("2025-03-07T13:30:00Z")

OWN = """time,currency,impact,title
2025-03-07T13:30:00Z,USD,high,Payrolls
2025-03-05T10:00:00+00:00,eur,Low,"Sales, retail"
"""
BY_COUNTRY = """event,country,impact,certainty,ticker,time
Inflation,Eurozone,medium,confirmed,CPI,2025-03-05T10:00:00Z
Rates,CH,high,confirmed,,2025-03-06T08:30:00Z
Jobs,UK,high,rule,X,2025-03-04T07:00:00Z
"""
BY_CURRENCY = """time,date,time_raw,currency,impact,event,actual,forecast,previous
,2025-03-03,All Day,NZD,holiday,Bank Holiday,,,
2025-03-07T13:30:00Z,2025-03-07,8:30am,USD,high,Payrolls,151K,160K,125K
2025-03-06T20:00:00Z,2025-03-06,3:00pm,All,medium,Meeting,,,
"""
WEEKLY = """[
 {"title": "Payrolls", "country": "USD", "date": "2025-03-07T08:30:00-05:00",
  "impact": "High", "forecast": "160K", "previous": ""},
 {"title": "Closed", "country": "JPY", "date": "2025-03-07T00:00:00-05:00",
  "impact": "Holiday", "forecast": null, "previous": ""}
]"""


def a_file(folder: Path, text: str, name: str = "calendar.csv") -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text)
    return path


def test_own_layout(tmp_path: Path) -> None:
    """Time, currency, impact and title are enough; events come by time."""
    events = read_calendar_file(a_file(tmp_path, OWN))

    assert events == [
        CalendarEvent(
            currency="EUR",
            title="Sales, retail",
            impact=Impact.LOW,
            scheduled_ns=instant_ns("2025-03-05T10:00:00Z"),
        ),
        CalendarEvent(currency="USD", title="Payrolls", impact=Impact.HIGH, scheduled_ns=FRIDAY_NS),
    ]


def test_layout_by_country(tmp_path: Path) -> None:
    """Countries stand for their currencies."""
    events = read_calendar_file(a_file(tmp_path, BY_COUNTRY))

    assert [(one.currency, one.title) for one in events] == [
        ("GBP", "Jobs"),
        ("EUR", "Inflation"),
        ("CHF", "Rates"),
    ]


def test_layout_by_currency(tmp_path: Path) -> None:
    """Figures are kept, holidays and rows without a clock are none, and All means every one."""
    events = read_calendar_file(a_file(tmp_path, BY_CURRENCY))

    assert [one.currency for one in events] == [*CURRENCIES, "USD"]
    payrolls = events[-1]
    assert (payrolls.actual, payrolls.forecast, payrolls.previous) == ("151K", "160K", "125K")


def test_weekly_json(tmp_path: Path) -> None:
    """The weekly feed gives times with their offset and absent figures as empty."""
    events = read_calendar_file(a_file(tmp_path, WEEKLY, "week.json"))

    assert [(one.title, one.scheduled_ns, one.forecast) for one in events] == [
        ("Payrolls", FRIDAY_NS, "160K")
    ]


def test_foreign_text_is_cut_and_cleaned(tmp_path: Path) -> None:
    """A title is one printable line of bounded length."""
    title = "A\x1b[31m\u202eB " + "x" * 5000
    path = a_file(tmp_path, f"time,currency,impact,title\n2025-03-07T13:30:00Z,USD,high,{title}\n")

    (event,) = read_calendar_file(path)

    assert len(event.title) == TEXT_LENGTH_MAX
    assert event.title.isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty; a header with the column names is needed"),
        ("time,currency,impact\n", "columns needed are time or date, .* title or event, impact"),
        (OWN.replace("USD", "Mars"), "row 1: currency must be a currency .*, was 'Mars'"),
        (OWN.replace("high", "huge"), "row 1: impact must be low, medium, high or .*, was 'huge'"),
        (OWN.replace("Payrolls", " "), "row 1: title must not be empty"),
        (OWN.replace("+00:00", ""), "row 2: time must have an offset from UTC"),
        (OWN.replace("T13:30:00Z", ""), "row 1: time must be a time such as"),
        (OWN + "a,b,c,d,e\n", "row 3: has 5 cells, the header 4"),
        ("time,currency,impact,title\n", "has no event"),
        ("[1, 2]", "is no JSON list of events"),
        ('[{"a": "b"}]', "columns needed are"),
        ("[]", "columns needed are"),
        ("[{", "is no JSON list of events"),
    ],
)
def test_bad_calendar_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """The refusal names file, row, value and what is allowed."""
    with pytest.raises(ConfigError, match=f"calendar.csv: {expected}"):
        read_calendar_file(a_file(tmp_path, text))


def test_all_bad_rows_are_named_up_to_a_limit(tmp_path: Path) -> None:
    """Twenty problems are named, further ones counted."""
    rows = "".join(f"2025-03-07T13:30:00Z,USD,{level},x\n" for level in range(30))

    with pytest.raises(ConfigError) as refusal:
        read_calendar_file(a_file(tmp_path, "time,currency,impact,title\n" + rows))

    lines = str(refusal.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 10 more")


def test_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """What cannot be read as text says so."""
    with pytest.raises(ConfigError, match=r"nothing.csv: cannot be read"):
        read_calendar_file(tmp_path / "nothing.csv")
    (tmp_path / "latin.csv").write_bytes(OWN.encode() + b"\xff\xfe")
    with pytest.raises(ConfigError, match="must be UTF-8"):
        read_calendar_file(tmp_path / "latin.csv")


def a_request(
    from_ns: int = FRIDAY_NS - DAY_NS, until_ns: int = FRIDAY_NS + DAY_NS
) -> ReadCalendar:
    """Return a request for the days around the payrolls."""
    return ReadCalendar(from_ns=from_ns, until_ns=until_ns)


def test_figures_are_known_after_their_release_only(tmp_path: Path) -> None:
    """Before its minute an event has a forecast and no actual."""
    calendar = CalendarFile(a_file(tmp_path, BY_CURRENCY))

    before = calendar.read(a_request(), FRIDAY_NS - 1)
    after = calendar.read(a_request(), FRIDAY_NS)

    assert before.coverage is after.coverage is Coverage.COVERED
    assert [one.actual for one in before.events if one.title == "Payrolls"] == [""]
    assert [one.actual for one in after.events if one.title == "Payrolls"] == ["151K"]
    assert calendar.events(FRIDAY_NS, FRIDAY_NS + 1)[0].actual == "151K"


def test_events_are_announced_a_week_ahead(tmp_path: Path) -> None:
    """Nothing is known of an event more than a week before it."""
    events = read_calendar_file(a_file(tmp_path, OWN))

    assert as_known(events, FRIDAY_NS - WEEK_NS) == tuple(events)
    assert as_known(events, FRIDAY_NS - WEEK_NS - 1) == (events[0],)


def test_range_includes_its_start_and_excludes_its_end(tmp_path: Path) -> None:
    """An event at the start is in, one at the end is not."""
    calendar = CalendarFile(a_file(tmp_path, OWN))

    assert len(calendar.read(a_request(FRIDAY_NS, FRIDAY_NS + 1), FRIDAY_NS).events) == 1
    assert calendar.read(a_request(FRIDAY_NS - 1, FRIDAY_NS), FRIDAY_NS).events == ()


def test_failure_is_unknown_and_never_no_events(tmp_path: Path) -> None:
    """A calendar that is missing or broken is unknown, with its reason."""
    missing = CalendarFile(tmp_path / "none.csv").read(a_request(), FRIDAY_NS)
    broken = CalendarFile(a_file(tmp_path, "hello")).read(a_request(), FRIDAY_NS)

    for answer in (missing, broken):
        assert answer.coverage is Coverage.UNKNOWN
        assert answer.events == ()
        assert 0 < len(answer.reason) <= TEXT_LENGTH_MAX


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2025-03-02T21:59:59Z", Coverage.UNKNOWN),
        ("2025-03-02T22:00:00Z", Coverage.COVERED),
        ("2025-03-09T20:59:59Z", Coverage.COVERED),
        ("2025-03-09T21:00:00Z", Coverage.UNKNOWN),
    ],
)
def test_calendar_covers_the_weeks_of_its_events(
    tmp_path: Path, now: str, expected: Coverage
) -> None:
    """After the week of the last event nothing is known, although no event is missing."""
    now_ns = instant_ns(now)

    answer = CalendarFile(a_file(tmp_path, OWN)).read(a_request(now_ns, now_ns + DAY_NS), now_ns)

    assert answer.coverage is expected


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    """A new week's file takes the place of the old one, and a broken one is noticed."""
    path = a_file(tmp_path, OWN)
    calendar = CalendarFile(path)
    assert len(calendar.read(a_request(), FRIDAY_NS).events) == 1

    path.write_text(OWN.replace("Payrolls", "Employment"))
    os.utime(path, ns=(1, 1))
    assert calendar.read(a_request(), FRIDAY_NS).events[0].title == "Employment"

    path.unlink()
    assert calendar.read(a_request(), FRIDAY_NS).coverage is Coverage.UNKNOWN


HEADLINES = """time,text,source
2025-03-07T13:31:00Z,"Dollar jumps, euro falls",wire
2025-03-07T13:00:00Z,Quiet before payrolls,
2025-03-07T13:30:00Z,   ,wire
"""


def test_headlines_come_by_time(tmp_path: Path) -> None:
    """Empty texts are passed over, and a text without source has the file's name."""
    headlines = read_headlines_file(a_file(tmp_path, HEADLINES, "wire.csv"))

    assert [(one.text, one.source) for one in headlines] == [
        ("Quiet before payrolls", "wire.csv"),
        ("Dollar jumps, euro falls", "wire"),
    ]


def test_headlines_are_known_when_received(tmp_path: Path) -> None:
    """An answer holds what came after the last one and up to now."""
    file = HeadlinesFile(a_file(tmp_path, HEADLINES))

    def texts(after_ns: int, now_ns: int) -> int:
        answer = file.read(ReadHeadlines(after_ns=after_ns, limit=10), now_ns)
        assert isinstance(answer, HeadlinesRead)
        return len(answer.headlines)

    assert texts(0, FRIDAY_NS) == 1
    assert texts(0, FRIDAY_NS + MINUTE_NS) == 2
    assert texts(FRIDAY_NS - 30 * MINUTE_NS, FRIDAY_NS + HOUR_NS) == 1


def test_limit_leaves_the_rest_for_the_next_request(tmp_path: Path) -> None:
    """The oldest come first, and texts of one instant stay together, or some would be lost."""
    rows = [f"2025-03-07T13:0{minute}:00Z,text {minute}" for minute in (0, 1, 1, 2)]
    file = HeadlinesFile(a_file(tmp_path, "\n".join(["time,text", *rows])))

    first = file.read(ReadHeadlines(after_ns=0, limit=2), FRIDAY_NS)
    assert isinstance(first, HeadlinesRead)
    last_ns = first.headlines[-1].received_ns
    rest = file.read(ReadHeadlines(after_ns=last_ns, limit=2), FRIDAY_NS)

    assert [one.text for one in first.headlines] == ["text 0", "text 1", "text 1"]
    assert isinstance(rest, HeadlinesRead)
    assert [one.text for one in rest.headlines] == ["text 2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("when,text\n", "column time missing; found when, text"),
        ("a,b\n", "column time and text missing"),
        ("time,text\nnow,hello\n", "row 1: time must be a time such as"),
        ("time,text\n2025-03-07,hello\n", "row 1: time must be a time such as"),
        ("", "is empty"),
    ],
)
def test_bad_headlines_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    """The refusal names file, row and value; while it lasts, requests stay unanswered."""
    path = a_file(tmp_path, text, "texts.csv")

    with pytest.raises(ConfigError, match=f"texts.csv: {expected}"):
        read_headlines_file(path)
    answer = HeadlinesFile(path).read(ReadHeadlines(after_ns=0, limit=5), FRIDAY_NS)
    assert isinstance(answer, Unanswered)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("emm_2007_2018_utc.csv", 3697),
        ("ff_2022_utc.csv", 3643),
        ("ff_thisweek_2026-02-08.json", 88),
    ],
)
def test_recorded_calendars_are_read_whole(name: str, count: int) -> None:
    """Every recorded layout is read without a refused row."""
    events = read_calendar_file(DATA / "unlicensed_internal_only" / "calendar" / name)

    assert len(events) == count
    assert {one.currency for one in events} <= set(CURRENCIES)
