"""Calendars of the network: each failure ends in unknown, and what one of them knows counts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from pydantic import SecretStr, ValidationError

from agents.requests import CalendarEvent, CalendarRead, ReadCalendar
from blackboard.facts.news import TEXT_LENGTH_MAX, Coverage, Impact
from config.feeds import FeedsSection, FeedTerms
from config.settings import Settings
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS
from runtime.feeds.calendar import CalendarFile
from runtime.feeds.calendar_chain import CalendarChain
from runtime.feeds.calendar_feeds import FMPCalendar, WeeklyJSONCalendar
from runtime.feeds.calendar_page import CalendarFeed
from runtime.feeds.feed_client import FeedClient, FeedKey
from runtime.feeds.feed_store import FeedStore
from runtime.feeds.sources import MarketCalendar, NoCalendar, open_calendar
from runtime.instants import instant_ns, iso
from tests.feed_server import (
    FeedServer,
    Reply,
    called,
    cut,
    empty,
    failing,
    huge,
    page,
    page_called_json,
    recorded,
    redirected,
    silent,
    stuck,
    too_many,
)

NOW_NS = instant_ns("2025-03-05T10:00:00Z")
PAYROLLS_NS = instant_ns("2025-03-07T13:30:00Z")
REQUEST = ReadCalendar(from_ns=NOW_NS - 4 * HOUR_NS, until_ns=NOW_NS + 3 * DAY_NS)
SECTION = FeedsSection(
    read_timeout_s=30.0,  # a busy machine is no silent feed
    connect_timeout_s=30.0,
    deadline_s=60.0,
    retry_pause_s=0.0,
    bytes_max=200_000,
    tries_max=1,
)
IMPATIENT = SECTION.model_copy(update={"read_timeout_s": 0.1})
FMP, WEEKLY = recorded("fmp_economic_calendar.json"), recorded("weekly_calendar.json")
SAMPLE = Path(__file__).parents[3] / (
    "shared/data/unlicensed_internal_only/calendar/ff_thisweek_2026-02-08.json"
)
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    """Ask once."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Return both calendars as they answer on a Wednesday."""
    with FeedServer() as server:
        server.serve("/fmp", FMP)
        server.serve("/weekly", WEEKLY)
        yield server


Chain = Callable[..., CalendarChain]


@pytest.fixture
def chain(server: FeedServer, tmp_path: Path) -> Iterator[Chain]:
    """Return a function that makes a chain of calendars by their names, a file included."""
    store = FeedStore(tmp_path / "feeds", 10_000_000)
    clients: list[FeedClient] = []

    def chain(*names: str, file: str = "", section: FeedsSection = SECTION) -> CalendarChain:
        def client(name: str, key: FeedKey | None) -> FeedClient:
            terms = FeedTerms(url=server.url(f"/{name}"), cache_min=0, requests_per_min_max=100)
            clients.append(FeedClient(name, terms, section, store, key=key))
            return clients[-1]

        path = tmp_path / "file.csv"
        path.write_text("time,currency,impact,title\n" + file)
        known: dict[str, CalendarFeed] = {
            "fmp": FMPCalendar(client("fmp", FeedKey(SecretStr("k"), "apikey")), SECTION),
            "weekly": WeeklyJSONCalendar(client("weekly", None), SECTION),
            "file": CalendarFile(path),
        }
        currencies = frozenset({"EUR", "USD", "GBP", "JPY", "AUD"})
        return CalendarChain([known[name] for name in names], currencies)

    yield chain
    for each in clients:
        each.close()
    store.close()


def rows(reply: Reply) -> list[Row]:
    """Return the rows of a reply."""
    decoded: list[Row] = json.loads(reply.body)
    return decoded


def of_rows(found: list[Row]) -> Reply:
    """Return a reply of rows."""
    return Reply(body=json.dumps(found).encode())


def titles(answer: CalendarRead) -> dict[str, str]:
    """Return the titles of an answer and who says so."""
    return {event.title: event.source for event in answer.events}


def shifted_fmp(hours: int) -> Reply:
    """Return the calendar of FMP with all its times so many hours later."""
    moved = rows(FMP)
    for row in moved:
        day, hour = row["date"][8:10], int(row["date"][11:13]) + hours
        days, hour = divmod(hour, 24)
        row["date"] = f"2025-03-{int(day) + days:02d} {hour:02d}{row['date'][13:]}"
    return of_rows(moved)


def test_fmp_is_read_in_its_shape(chain: Chain, server: FeedServer) -> None:
    """Times are UTC, figures get their unit, none is no event, and days around now are asked."""
    answer = chain("fmp").read(REQUEST, NOW_NS)

    assert (answer.coverage, answer.source) == (Coverage.COVERED, "fmp")
    assert answer.reason == "fmp serves"
    assert answer.events[-1] == CalendarEvent(
        currency="USD",
        title="Unemployment Rate (Feb)",
        impact=Impact.HIGH,
        scheduled_ns=PAYROLLS_NS,
        forecast="4%",
        previous="4%",
        source="fmp",
    )
    assert [event.actual for event in answer.events if event.currency == "GBP"] == ["51"]
    asked = server.asked[0].query
    assert asked == {"from": "2025-03-03", "to": "2025-03-13", "apikey": "k"}


def test_weekly_json_is_read_in_its_shape(chain: Chain) -> None:
    """Times have their offset, holidays are no events, and there are no figures."""
    answer = chain("weekly").read(REQUEST, NOW_NS)

    assert (answer.coverage, answer.source) == (Coverage.COVERED, "weekly_json")
    by_title = {event.title: event for event in answer.events}
    assert by_title["Non-Farm Employment Change"].scheduled_ns == PAYROLLS_NS
    assert by_title["Main Refinancing Rate"].forecast == "2.65%"
    assert "Bank Holiday" not in by_title


BROKEN = {
    "401": (failing(401), "401 the key is refused"),
    "402": (failing(402), "402 the plan does not include it"),
    "403": (failing(403), "403 forbidden"),
    "404": (failing(404), "404 not found"),
    "429": (too_many(None), "429 too many requests"),
    "500": (failing(500), "the server failed (500)"),
    "page": (page(), "a web page instead of data"),
    "page called json": (page_called_json(), "a web page instead of data"),
    "silent": (silent(), "no answer in time"),
    "stuck": (stuck(FMP), "no answer in time"),
    "cut": (cut(FMP), "the answer was cut off"),
    "type": (called(FMP, "image/png"), "another type than expected"),
    "no byte": (empty(), "empty"),
    "no event": (of_rows([]), "empty: no event"),
    "huge": (huge(300_000), "too large"),
    "redirect": (redirected("https://login.example/"), "redirected elsewhere"),
    "error in 200": (Reply(body=b'{"Error Message": "Invalid API KEY."}'), "not in the expected"),
    "half a list": (Reply(body=FMP.body[:-40]), "not in the expected form"),
    "deep": (Reply(body=b"[" * 99 + b"]" * 99), "not in the expected form"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("feed", ["fmp", "weekly"])
def test_broken_feed_is_unknown_and_recovers(
    chain: Chain, server: FeedServer, feed: str, name: str
) -> None:
    """Never "no events": the reason is named, and the next sound answer covers again."""
    reply, reason = BROKEN[name]
    calendar = chain(feed, section=IMPATIENT if reply.is_slow else SECTION)
    server.serve(f"/{feed}", reply, FMP if feed == "fmp" else WEEKLY)

    broken = calendar.read(REQUEST, NOW_NS)
    healed = chain(feed).read(REQUEST, NOW_NS + 15 * MINUTE_NS)

    assert (broken.coverage, broken.events) == (Coverage.UNKNOWN, ())
    assert reason in broken.reason
    assert len(broken.reason) <= TEXT_LENGTH_MAX
    assert healed.coverage is Coverage.COVERED
    assert healed.events


def test_stale_week_is_unknown(chain: Chain) -> None:
    """Last week's file on Monday says nothing of this week."""
    answer = chain("weekly").read(REQUEST, NOW_NS + 5 * DAY_NS)

    assert answer.coverage is Coverage.UNKNOWN
    assert "stale: events of 2025-03-02 to 2025-03-09" in answer.reason


def test_fmp_that_stands_still_is_unknown(chain: Chain, server: FeedServer) -> None:
    """Seven past releases without a figure: nobody fills them in any more."""
    old = rows(FMP)
    for row in old:
        row["actual"] = None
    server.serve("/fmp", of_rows(old))
    later_ns = PAYROLLS_NS + 7 * HOUR_NS

    answer = chain("fmp").read(REQUEST, later_ns)

    assert answer.coverage is Coverage.UNKNOWN
    assert "stale: none of 7 past releases has its figure" in answer.reason


@pytest.mark.parametrize("hours", [1, -1, -5])
def test_calendar_off_new_yorks_hours_is_unknown(
    chain: Chain, server: FeedServer, hours: int
) -> None:
    """Payrolls and claims come at 8:30 in New York, in summer and in winter."""
    server.serve("/fmp", shifted_fmp(hours), FMP)
    calendar = chain("fmp")

    answer = calendar.read(REQUEST, NOW_NS)

    assert (answer.coverage, answer.events) == (Coverage.UNKNOWN, ())
    assert f"clock shifted: {hours:+d} h off New York's hours".replace("-", "−") in answer.reason
    assert calendar.read(REQUEST, NOW_NS).coverage is Coverage.COVERED


def test_offset_that_new_york_has_not_is_a_shifted_clock(chain: Chain, server: FeedServer) -> None:
    """A feed that stays in winter when New York has moved its clocks is an hour off."""
    text = WEEKLY.body.decode().replace("2025-03-0", "2025-03-1")  # 14 to 17 March: summer time
    server.serve("/weekly", Reply(body=text.encode()))

    answer = chain("weekly").read(REQUEST, instant_ns("2025-03-15T10:00:00Z"))

    assert answer.coverage is Coverage.UNKNOWN
    assert "clock shifted" in answer.reason


def test_figures_before_their_release_are_a_shifted_clock(chain: Chain, server: FeedServer) -> None:
    """Who knows two figures an hour early has the events too late."""
    early = rows(FMP)
    for row in early[:4]:
        row["actual"] = 1.0
    server.serve("/fmp", of_rows(early))

    answer = chain("fmp").read(REQUEST, NOW_NS)

    assert answer.coverage is Coverage.UNKNOWN
    assert "clock shifted: 4 figures before their release" in answer.reason


def test_preferred_calendar_serves_and_others_take_its_place(
    chain: Chain, server: FeedServer
) -> None:
    """FMP, then the weekly one, then the file; the serving one is named, failures too."""
    file = "2025-03-07T13:30:00Z,USD,high,Payrolls\n"
    calendar = chain("fmp", "weekly", "file", file=file)
    assert calendar.read(REQUEST, NOW_NS).source == "fmp"

    server.serve("/fmp", failing(402))
    second = calendar.read(REQUEST, NOW_NS)
    assert (second.coverage, second.source) == (Coverage.COVERED, "weekly_json")
    assert second.reason == (
        "weekly_json serves, held against file; fmp: 402 the plan does not include it"
    )

    server.serve("/weekly", page(403))
    third = calendar.read(REQUEST, NOW_NS)
    assert (third.source, titles(third)) == ("file", {"Payrolls": "file"})

    server.serve("/fmp", FMP)
    assert calendar.read(REQUEST, NOW_NS).source == "fmp"


def test_disagreement_gives_the_union(chain: Chain, server: FeedServer) -> None:
    """An event at another time, one taken for less, and one that is missing are added.

    FMP has the claims as medium, the weekly calendar as high; only the latter knows the speech.
    """
    moved = rows(WEEKLY)
    moved[2]["date"] = "2025-03-05T10:30:00-05:00"  # ISM half an hour later
    server.serve("/weekly", of_rows(moved))

    found = titles(chain("fmp", "weekly").read(REQUEST, NOW_NS))

    assert found["ISM Services PMI (Feb)"] == "fmp"
    assert {title for title, source in found.items() if source == "weekly_json"} == {
        "Unemployment Claims",
        "Fed Chair Powell Speaks",
        "ISM Services PMI",
    }


def test_two_calendars_hours_apart_are_unknown_until_they_agree(
    chain: Chain, server: FeedServer
) -> None:
    """Nobody can tell which of two clocks is right, so nothing is entered."""
    unnamed = rows(FMP)
    for row in unnamed:
        row["event"] = f"Release of {row['country']} ({row['date']})"  # no known hour to test by
        row["actual"] = None
    for row, hour in zip(unnamed, (14, 14, 14, 14, 16, 10, 1), strict=False):
        row["date"] = f"{row['date'][:11]}{hour:02d}{row['date'][13:]}"
    server.serve("/fmp", of_rows(unnamed), FMP)
    calendar = chain("fmp", "weekly")

    apart = calendar.read(REQUEST, NOW_NS)

    assert (apart.coverage, apart.events) == (Coverage.UNKNOWN, ())
    assert "fmp: clock shifted: +1 h from weekly_json" in apart.reason
    assert calendar.read(REQUEST, NOW_NS).coverage is Coverage.COVERED


def test_a_third_calendar_decides(chain: Chain, server: FeedServer) -> None:
    """Where the file stands by the weekly one, the one that lies apart is left out."""
    unnamed = rows(shifted_fmp(1))
    for row in unnamed:
        row["event"] = f"Release {row['date']}"
    server.serve("/fmp", of_rows(unnamed))
    weekly = chain("weekly").read(REQUEST, NOW_NS).events
    file = "".join(
        f"{iso(event.scheduled_ns)},{event.currency},{event.impact.value},{event.title}\n"
        for event in weekly
    )

    answer = chain("fmp", "weekly", "file", file=file).read(REQUEST, NOW_NS)

    assert (answer.coverage, answer.source) == (Coverage.COVERED, "weekly_json")
    assert "fmp: clock shifted: +1 h from weekly_json, +1 h from file" in answer.reason


def test_unknown_words_are_taken_for_the_strictest(chain: Chain, server: FeedServer) -> None:
    """An impact that nobody knows is high; a foreign text is one clean line."""
    odd = rows(FMP)
    odd[0] |= {"impact": "Extreme", "event": "Pay\u202erolls\x00 <b>" + "x" * 2000}
    server.serve("/fmp", of_rows(odd))

    event = next(
        event
        for event in chain("fmp").read(REQUEST, NOW_NS).events
        if event.title.startswith("Pay")
    )

    assert event.impact is Impact.HIGH
    assert event.title.isprintable()
    assert len(event.title) == TEXT_LENGTH_MAX


def test_figures_of_later_releases_are_not_told(chain: Chain, server: FeedServer) -> None:
    """One figure that is there too early, as a source's slip, is left out."""
    slip = rows(FMP)
    slip[0]["actual"] = 151
    server.serve("/fmp", of_rows(slip))

    events = chain("fmp").read(REQUEST, NOW_NS).events

    assert [event.actual for event in events if event.title.startswith("Non")] == [""]


def sources(*names: str, kind: str = "metatrader", file: str = "", **feeds: float) -> Settings:
    """Return settings with these calendars."""
    return Settings.model_validate(
        {
            "profile": "paper" if kind == "metatrader" else "sim",
            "speed": 1.0 if kind == "metatrader" else 60.0,
            "terminal": {"kind": kind},
            "feeds": feeds,
            "agents": {"sentiment": {"calendar_sources": names, "calendar_file": file}},
        }
    )


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        (("fmp",), {"kind": "simulated"}, "must be file with terminal.kind simulated"),
        (("fmp", "fmp"), {}, "must be distinct"),
        (("fmp", "file"), {}, "must name file where"),
        (("fmp",), {"file": "a.csv"}, "must name file where"),
        (("fmp", "weekly_json"), {"deadline_s": 20.0}, "feeds.deadline_s must leave"),
        ((), {}, "calendar_sources"),
        (("tea leaves",), {}, "calendar_sources"),
    ],
)
def test_contradictions_of_calendars_are_refused(
    arguments: tuple[str, ...], named: dict[str, Any], message: str
) -> None:
    """A simulated or past time never asks the network; the rest is refused by name."""
    with pytest.raises(ValidationError, match=message):
        sources(*arguments, **named)


def nowhere() -> FeedsSection:
    """Return feeds at a port where nobody listens."""
    gone = {"url": "http://127.0.0.1:9/"}
    return FeedsSection.model_validate({"fmp": gone, "weekly_json": gone})


def test_folder_that_cannot_be_used_is_unknown(tmp_path: Path) -> None:
    """Without a place for its quota no feed is asked, and no entry is permitted."""
    (tmp_path / "feeds").write_text("a file in the folder's place")
    settings = sources("weekly_json").model_copy(update={"home": tmp_path, "feeds": nowhere()})

    answer = open_calendar(settings).read(REQUEST, NOW_NS)

    assert answer.coverage is Coverage.UNKNOWN
    assert "remove the folder" in answer.reason


def test_network_is_opened_by_its_settings_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a named feed there is no client and no folder; with one only once it is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMP_API_KEY", raising=False)
    home = {"home": tmp_path / "var"}
    assert isinstance(open_calendar(Settings(**home)), MarketCalendar)
    quiet = sources("file").model_copy(update=home)
    assert isinstance(open_calendar(quiet), NoCalendar)
    assert not (tmp_path / "var").exists()

    asking = sources("fmp", "weekly_json").model_copy(update=home)
    asking = asking.model_copy(update={"feeds": nowhere()})
    calendar = open_calendar(asking)
    assert not (tmp_path / "var").exists()
    answer = calendar.read(REQUEST, NOW_NS)
    assert (answer.coverage, answer.source) == (Coverage.UNKNOWN, "fmp, weekly_json")
    assert answer.reason == "fmp: no key is set; weekly_json: cannot be reached (ConnectError)"
    assert (tmp_path / "var" / "feeds").stat().st_mode & 0o777 == 0o700


def test_missing_key_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that is named without its key is configured and failing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMP_API_KEY", raising=False)
    settings = sources("fmp").model_copy(update={"home": tmp_path / "var"})

    answer = open_calendar(settings).read(REQUEST, NOW_NS)

    assert (answer.coverage, answer.reason) == (Coverage.UNKNOWN, "fmp: no key is set")


@pytest.mark.parametrize(("key", "verdicts"), [("", ["OK", "WARN"]), ("k", ["OK"])])
def test_doctor_names_a_missing_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, verdicts: list[str]
) -> None:
    """Whoever names a feed without its key is told before the start."""
    from runtime.examination.network import keys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMP_API_KEY", key)

    assert [finding.verdict for finding in keys(sources("fmp"))] == verdicts
