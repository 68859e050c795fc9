"""What people are told and when: events of trading, learning and feeds; sessions and weeks."""

from datetime import UTC, datetime

import pytest

from agents.rounds.days import SETTLING_NS
from agents.rounds.periods import week_end_ns
from agents.rounds.summaries import LATE_DEALS_NS_MAX
from blackboard.facts import (
    GateReport,
    ModelPromoted,
    OrderIntent,
    Summary,
    TrainingSkipped,
    TrialRecorded,
)
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from models.market.centres import session_end_ns
from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.instants import instant_ns, iso
from tests.builders import T0_NS, a_coverage, a_feed, a_position, a_snapshot, a_trade
from tests.chamber import Chamber

REFUSED = GateReport(
    scope="forest", version="f7", is_promoted=False, failed_gate="baseline", detail="p_value 0.31"
)

LOST = "Not to be relied on: the account's deals"


def told(chamber: Chamber, event: str) -> list[Summary]:
    """Return the summaries of an event."""
    return [fact for fact in chamber.all(Summary) if fact.event == event]


def test_an_opened_position_is_told_with_who_led_to_it() -> None:
    """Side, size, price, levels, chance and the leading voter; a changed stop is no news."""
    chamber = Chamber()
    chamber.hear_close()
    chamber.settle()
    chamber.now_ns += MINUTE_NS
    intent_id = chamber.last(OrderIntent).intent_id
    chamber.say("execution", a_position(intent_id=intent_id))
    chamber.settle()
    chamber.say("execution", a_position(intent_id=intent_id, stop_price=1.099))
    chamber.settle()

    (opened,) = told(chamber, "opened")
    assert opened.title == "BUY 0.1 EURUSD opened at 1.1"
    assert opened.text.startswith("stop 1.098, target 1.106; chance ")
    assert opened.text.endswith("led by technical.trend")


def test_verdicts_of_training_are_told() -> None:
    """A candidate that is refused, and a training that gave none, with their reasons."""
    chamber = Chamber()
    chamber.say("learner", REFUSED)
    chamber.say("learner", TrainingSkipped(scope="lstm", reason="too few bars", have=3, need=9))
    chamber.settle()

    assert [fact.text for fact in told(chamber, "training")] == [
        "forest f7 refused by baseline: p_value 0.31",
        "lstm gave no candidate: too few bars",
    ]


def test_feeds_that_fail_are_told_once_and_again_when_they_are_back() -> None:
    """Unknown coverage and stale prices; a market that is closed is no failure."""
    chamber = Chamber()
    for state in (FeedState.STALE, FeedState.STALE, FeedState.LIVE, FeedState.CLOSED):
        chamber.say("data", a_feed(state=state))
        chamber.settle()
    for coverage in (Coverage.UNKNOWN, Coverage.UNKNOWN, Coverage.COVERED):
        chamber.say("sentiment", a_coverage(coverage))
        chamber.settle()

    assert [fact.title for fact in told(chamber, "feed")] == [
        "Not to be relied on: prices of EURUSD",
        "Back: prices of EURUSD",
        "Not to be relied on: the calendar",
        "Back: the calendar",
    ]


def test_deals_that_are_lost_are_told_and_late_ones_are_not() -> None:
    """A person hears once that payments cannot be told from profit, and once that they can."""
    chamber = Chamber()

    def read(after_ns: int, *, is_explained: bool) -> list[str]:
        chamber.now_ns += after_ns
        chamber.say("execution", a_snapshot(is_explained=is_explained))
        chamber.settle()
        return [fact.title for fact in told(chamber, "feed")]

    assert read(0, is_explained=False) == []
    assert read(LATE_DEALS_NS_MAX, is_explained=False) == []
    assert read(MINUTE_NS, is_explained=True) == []
    assert read(MINUTE_NS, is_explained=False) == []
    assert read(LATE_DEALS_NS_MAX + 1, is_explained=False) == [LOST]
    assert read(MINUTE_NS, is_explained=False) == [LOST]
    assert read(MINUTE_NS, is_explained=True) == [LOST, "Back: the account's deals"]


def test_the_close_of_a_session_is_told() -> None:
    """What London's working hours held is told after they end; in New York's nothing happened."""
    chamber = Chamber()
    chamber.say("execution", a_snapshot(equity=10_000.0))
    chamber.hear_close()
    chamber.settle()
    chamber.now_ns += MINUTE_NS
    chamber.say("execution", a_trade(pnl=-20.0), a_snapshot(equity=9_980.0))
    chamber.settle()
    london_ns = instant_ns("2025-03-05T17:00:00Z")
    assert chamber.wake_ns == london_ns + SETTLING_NS
    chamber.at(chamber.wake_ns)

    (session,) = told(chamber, "session")
    assert session.title == "London 2025-03-05"
    assert "equity 9980.00 USD, -20.00 on the session" in session.text
    assert "trades closed 1, won 0, P&L -20.00" in session.text

    chamber.at(instant_ns("2025-03-05T22:00:00Z") + SETTLING_NS)
    assert told(chamber, "session") == [session]


def test_the_week_is_told_on_sunday_with_its_verdicts() -> None:
    """Trials of each family, verdicts and promotions, after the weekend's training."""
    chamber = Chamber()
    trial = TrialRecorded(scope="forest", trial_id="1", parameters="{}", score=0.1, data_hash="0")
    promoted = ModelPromoted(scope="har", version="h2", content_hash="0", effective_from_ns=T0_NS)
    chamber.hear_close()
    chamber.say("learner", trial, REFUSED, promoted)
    chamber.settle()
    sunday_ns = instant_ns("2025-03-09T16:00:00Z")  # noon in New York, in summer time
    chamber.at(sunday_ns + SETTLING_NS - 1)
    assert not told(chamber, "week")
    chamber.at(sunday_ns + SETTLING_NS)

    (week,) = told(chamber, "week")
    assert week.title == "Week to 2025-03-07"
    assert week.text.splitlines()[-3:] == [
        "configurations tried: forest 1",
        "verdict: forest f7 refused by baseline: p_value 0.31",
        "verdict: har h2 serves",
    ]


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2025-03-05T12:00:00Z", "2025-03-09T16:00:00Z"),
        ("2025-03-09T16:00:00Z", "2025-03-09T16:00:00Z"),
        ("2025-03-09T16:00:01Z", "2025-03-16T16:00:00Z"),  # between noon and the opening
        ("2025-03-10T12:00:00Z", "2025-03-16T16:00:00Z"),
        ("2025-01-08T12:00:00Z", "2025-01-12T17:00:00Z"),  # winter
    ],
)
def test_a_week_ends_on_sunday_at_its_hour(at: str, end: str) -> None:
    """The end is the first such hour at or after the instant."""
    assert iso(week_end_ns(instant_ns(at), 12)) == end


@pytest.mark.parametrize(
    ("name", "at", "end"),
    [
        ("London", "2025-03-05T08:00:00Z", "2025-03-05T17:00:00Z"),
        ("London", "2025-03-05T07:59:59Z", ""),
        ("London", "2025-03-05T17:00:00Z", ""),
        ("London", "2025-03-08T12:00:00Z", ""),  # Saturday
        ("New York", "2025-03-12T13:30:00Z", "2025-03-12T21:00:00Z"),  # summer time
        ("Tokyo", "2025-03-05T03:00:00Z", "2025-03-05T09:00:00Z"),
    ],
)
def test_a_session_ends_with_the_working_hours(name: str, at: str, end: str) -> None:
    """Outside of a centre's hours there is no session."""
    found = session_end_ns(name, instant_ns(at))

    assert (iso(found) if found else "") == end
    assert datetime.fromtimestamp(found / 1e9, UTC).minute == 0
    assert found % HOUR_NS == 0
