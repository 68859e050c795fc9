"""Nine agents on the day of payrolls, with a calendar of the network that breaks in every way.

The calendar's rows are those of the data folder, served in the shape of Financial Modeling Prep by
a server on this machine. It answers well until noon, fails until two, and answers well again.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from agents.requests import CalendarRead, ReadCalendar
from blackboard.access import Access
from blackboard.board import Board
from blackboard.chain import commits_of
from blackboard.entry import Entry
from blackboard.facts import (
    CalendarCoverage,
    Decision,
    EconomicEvent,
    EntryBlackout,
    Fact,
    RiskApproved,
    RiskRefused,
)
from blackboard.facts.news import Coverage
from blackboard.journal import MemoryJournal
from config.feeds import FeedsSection, FeedTerms
from config.settings import Settings
from models.market.sessions import MINUTE_NS
from runtime.clock import VirtualClock
from runtime.council import agent_order, declarations, load_agent
from runtime.feeds.calendar_chain import CalendarChain
from runtime.feeds.calendar_feeds import FMPCalendar
from runtime.feeds.feed_client import FeedClient, FeedKey
from runtime.feeds.feed_store import FeedStore
from runtime.feeds.sources import CalendarSource, NoHeadlines
from runtime.inprocess import InProcessHost
from runtime.instants import instant_ns
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.terminal import SimulatedTerminal
from tests.council_run import over_history
from tests.feed_server import (
    Asked,
    FeedServer,
    Reply,
    empty,
    failing,
    page,
    page_called_json,
    silent,
    too_many,
)

DATA = Path(__file__).parents[3] / "shared/data/unlicensed_internal_only"
CALENDAR = DATA / "calendar/emm_2007_2018_utc.csv"
needs_data = pytest.mark.skipif(not CALENDAR.exists(), reason="../shared/data is not there")
START, BREAKS, HEALS, END = (
    instant_ns(f"2018-02-02T{hour:02d}:00:00Z") for hour in (10, 12, 14, 16)
)
PAYROLLS_NS = instant_ns("2018-02-02T13:30:00Z")
EAGER: dict[str, Any] = {
    "trading": {"min_confidence": 0.5, "families_min": 1, "expected_value_margin_r": 0.0},
    "agents": {"sentiment": {"calendar_refresh_min": 15}},
}
SECTION = FeedsSection(
    read_timeout_s=30.0, connect_timeout_s=30.0, deadline_s=60.0, tries_max=1, retry_pause_s=0.0
)
IMPATIENT = SECTION.model_copy(update={"read_timeout_s": 1.0})
Row = dict[str, Any]
Answering = Callable[[list[Row]], Reply]


def answered(rows: list[Row]) -> Reply:
    """Return rows as the feed sends them."""
    return Reply(body=json.dumps(rows).encode())


def without_figures(rows: list[Row]) -> Reply:
    """Return rows that nobody fills in any more."""
    return answered([{**row, "actual": None} for row in rows])


def an_hour_late(rows: list[Row]) -> Reply:
    """Return rows on another clock."""
    moved = []
    for row in rows:
        hour = int(row["date"][11:13]) + 1
        if hour < 24:
            moved.append({**row, "date": f"{row['date'][:11]}{hour:02d}{row['date'][13:]}"})
    return answered(moved)


WAYS: dict[str, tuple[Answering, str]] = {
    "401": (lambda rows: failing(401), "401 the key is refused"),
    "402": (lambda rows: failing(402), "402 the plan does not include it"),
    "403": (lambda rows: failing(403), "403 forbidden"),
    "404": (lambda rows: failing(404), "404 not found"),
    "429": (lambda rows: too_many(None), "429 too many requests"),
    "500": (lambda rows: failing(500), "the server failed"),
    "html": (lambda rows: page(), "a web page instead of data"),
    "html called json": (lambda rows: page_called_json(), "a web page instead of data"),
    "time-out": (lambda rows: silent(), "no answer in time"),
    "no byte": (lambda rows: empty(), "empty"),
    "empty": (lambda rows: answered([]), "empty: no event"),
    "stale": (without_figures, "stale: none of"),
    "clock-shifted": (an_hour_late, "clock shifted: +1 h"),
}


def rows_of(first: str, last: str, now_ns: int) -> list[Row]:
    """Return the rows of some days as the feed would send them at a moment."""
    rows = []
    with CALENDAR.open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            if not first <= record["time"][:10] < last:
                continue
            is_out = instant_ns(record["time"]) <= now_ns
            rows.append(
                {
                    "date": record["time"][:19].replace("T", " "),
                    "country": record["country"],
                    "event": record["event"],
                    "currency": None,
                    "previous": 1.0,
                    "estimate": 1.0,
                    "actual": 1.1 if is_out else None,
                    "change": None,
                    "impact": record["impact"].capitalize(),
                    "changePercentage": None,
                    "unit": None,
                }
            )
    return rows


def a_day(settings: Settings, calendar: CalendarSource, clock: VirtualClock) -> list[Entry]:
    """Return the entries of nine agents in one process, with this calendar."""
    journal = MemoryJournal()
    terminal = SimulatedTerminal(
        open_market(settings).source, MemoryLedger(), settings, clock.now_ns, stop_file=None
    )
    world = TerminalWorld(
        terminal,
        settings,
        is_virtual=True,
        is_direct=True,
        calendar=calendar,
        headlines=NoHeadlines(),
    )
    host = InProcessHost(
        Board(Access(declarations(settings)), journal),
        {name: load_agent(name, settings) for name in agent_order(settings)},
        world,
        start_ns=START,
        end_ns=END,
    )
    host.run()
    return [entry for commit in commits_of(journal.blocks()) for entry in commit]


class OnTime:
    """A calendar that lets the feed's server know what time it is."""

    def __init__(self, calendar: CalendarSource, clock: VirtualClock) -> None:
        self._calendar = calendar
        self._clock = clock

    def read(self, request: ReadCalendar, now_ns: int) -> CalendarRead:
        """Answer a request as of now."""
        self._clock.set(now_ns)
        return self._calendar.read(request, now_ns)


@pytest.fixture
def payrolls(tmp_path: Path) -> Iterator[Callable[[Answering | None], list[Entry]]]:
    """Return a function that lives through the day, with a feed that breaks in one way, or none."""
    store = FeedStore(tmp_path / "feeds", 10_000_000)
    with FeedServer() as server, stamina.set_testing(True, attempts=1):

        def live(breaking: Answering | None) -> list[Entry]:
            is_silent = breaking is WAYS["time-out"][0]
            section = IMPATIENT if is_silent else SECTION
            clock = VirtualClock(START)

            def answer(asked: Asked) -> Reply:
                now_ns = clock.now_ns()
                rows = rows_of(asked.query["from"], asked.query["to"], now_ns)
                is_broken = breaking is not None and BREAKS <= now_ns < HEALS
                return breaking(rows) if is_broken and breaking else answered(rows)

            terms = FeedTerms(url=server.serve("/fmp", answer), cache_min=0)
            key = FeedKey(SecretStr("key"), "apikey")
            client = FeedClient("fmp", terms, section, store, key=key)
            chain = CalendarChain([FMPCalendar(client, section)], frozenset({"EUR", "GBP", "USD"}))
            bars = DATA / "m1"
            settings = over_history(
                tmp_path, bars, ["EURUSD", "GBPUSD"], "2018-02-02", "2018-02-02", EAGER
            )
            entries = a_day(settings, OnTime(chain, clock), clock)
            client.close()
            return entries

        yield live
    store.close()


def coverages(entries: list[Entry]) -> list[tuple[int, Coverage, str]]:
    """Return what was said of the calendar where that changed, with the times."""
    said: list[tuple[int, Coverage, str]] = []
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, CalendarCoverage) and (not said or fact.state is not said[-1][1]):
            said.append((entry.ts_event_ns, fact.state, fact.reason))
    return said


def times_of(entries: list[Entry], kind: type[Fact]) -> list[int]:
    """Return the event times of a kind of facts."""
    return [entry.ts_event_ns for entry in entries if isinstance(entry.fact, kind)]


@needs_data
def test_nothing_is_entered_around_payrolls(
    payrolls: Callable[[Answering | None], list[Entry]],
) -> None:
    """With a sound calendar entries are made, none within a blackout, and the reason is named."""
    entries = payrolls(None)

    assert [state for _, state, _ in coverages(entries)] == [Coverage.COVERED]
    spans = [
        (fact.scope, fact.from_ns, fact.valid_until_ns)
        for fact in (entry.fact for entry in entries)
        if isinstance(fact, EntryBlackout)
    ]
    width_ns = 15 * MINUTE_NS
    for symbol in ("EURUSD", "GBPUSD"):
        assert (symbol, PAYROLLS_NS - width_ns, PAYROLLS_NS + width_ns) in spans
    approved = [
        (entry.fact.scope, entry.ts_event_ns)
        for entry in entries
        if isinstance(entry.fact, RiskApproved)
    ]
    assert approved
    assert not [
        (symbol, at_ns)
        for symbol, at_ns in approved
        for barred, from_ns, until_ns in spans
        if symbol == barred and from_ns <= at_ns <= until_ns
    ]
    stopped = [
        entry.ts_event_ns
        for entry in entries
        if isinstance(entry.fact, Decision) and entry.fact.blocked_by == "blackout"
    ]
    assert stopped
    sources = {entry.fact.source for entry in entries if isinstance(entry.fact, EconomicEvent)}
    assert sources == {"fmp"}


@needs_data
@pytest.mark.slow  # thirteen days of nine agents
@pytest.mark.parametrize("way", WAYS)
def test_broken_calendar_permits_no_entry_and_recovers(
    payrolls: Callable[[Answering | None], list[Entry]], way: str
) -> None:
    """While it fails coverage is unknown with its reason and nothing is approved; then it is back.

    What was known of the payrolls before stays in force.
    """
    breaking, reason = WAYS[way]
    entries = payrolls(breaking)

    before, broken, healed = coverages(entries)
    assert before[:2] == (START, Coverage.COVERED)
    assert broken[:2] == (BREAKS, Coverage.UNKNOWN)
    assert reason in broken[2]
    assert healed[:2] == (HEALS, Coverage.COVERED)
    approved = times_of(entries, RiskApproved)
    assert approved
    assert not [at_ns for at_ns in approved if BREAKS <= at_ns < HEALS]
    told_of = {fact.event for fact in (e.fact for e in entries) if isinstance(fact, EntryBlackout)}
    assert any("Payrolls" in event for event in told_of)
    refused = [entry.fact.reason for entry in entries if isinstance(entry.fact, RiskRefused)]
    stopped = [
        entry.fact.blocked_by
        for entry in entries
        if isinstance(entry.fact, Decision) and BREAKS <= entry.ts_event_ns < HEALS
    ]
    assert "blackout" in stopped or "calendar_unknown" in refused
