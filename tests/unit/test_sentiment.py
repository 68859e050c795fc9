"""The sentiment agent: calendar, blackouts, scores and votes, and what absence costs."""

import pytest

from agents.news.bulletin import EVENTS_PER_READ_MAX
from agents.requests import (
    CalendarEvent,
    HeadlinesRead,
    ReadCalendar,
    ReadHeadlines,
    Reply,
    Request,
)
from agents.sentiment import SentimentAgent, probability_of
from blackboard.entry import Draft
from blackboard.facts import (
    Bar,
    CalendarCoverage,
    EconomicEvent,
    EntryBlackout,
    Fact,
    Headline,
    SentimentScore,
    Vote,
)
from blackboard.facts.news import Coverage, Impact
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS
from tests.chamber import a_vote
from tests.lone_agent import LoneAgent
from tests.news_feeds import (
    FRIDAY_CLOSE_NS,
    M15_NS,
    SETTINGS,
    START_NS,
    SUNDAY_FIRST_NS,
    Feeds,
    a_bar,
    a_text,
    an_event,
    close,
    start,
    told,
)


def test_without_texts_every_symbol_gets_an_abstention() -> None:
    """Each symbol with a bar gets one vote of the close, which abstains at 0.5."""
    host = start(Feeds())

    close(host, START_NS)

    votes = told(host, Vote)
    assert [(ts, vote.scope) for ts, vote in votes] == [(START_NS, "EURUSD"), (START_NS, "USDJPY")]
    assert all(vote.abstains and vote.probability_up == 0.5 for _, vote in votes)
    assert votes[0][1].reason == "no texts"
    assert votes[0][1].horizon_bars == 32
    assert told(host, SentimentScore) == []


def test_a_symbol_without_a_bar_gets_no_vote() -> None:
    """A vote speaks of a bar; where there is none, there is no vote."""
    host = start(Feeds())

    close(host, START_NS, symbols=("USDJPY",))

    assert [vote.scope for _, vote in told(host, Vote)] == ["USDJPY"]


def test_a_vote_of_another_that_came_first_is_not_taken_for_its_own() -> None:
    """An agent that was busy finds the bars and the votes of a faster one in the same inbox."""
    host = start(Feeds())
    host.advance_to(START_NS)
    host.tell(
        a_bar("EURUSD", START_NS),
        a_bar("USDJPY", START_NS),
        Draft(fact=a_vote("technical.trend"), ts_event_ns=START_NS),
    )

    host.settle()

    own = [vote.scope for _, vote in told(host, Vote) if vote.voter == "sentiment"]
    assert own == ["EURUSD", "USDJPY"]


def test_texts_move_the_vote_of_the_pair() -> None:
    """One fresh bullish text on the euro: score 1 / (2 + 1) against nothing on the dollar."""
    host = start(Feeds(texts=(a_text("Euro rises", 0),)))

    close(host, START_NS)

    ((_, score),) = told(host, SentimentScore)
    (_, eurusd), (_, usdjpy) = told(host, Vote)
    assert (score.scope, score.score, score.weight, score.text_count) == ("EUR", 1 / 3, 1.0, 1)
    assert eurusd.probability_up == probability_of(1 / 3)
    assert not eurusd.abstains
    assert eurusd.evidence[0].value == 1 / 3
    assert usdjpy.abstains


def test_the_quote_currency_counts_against_the_pair() -> None:
    """What is good for the dollar is bad for EURUSD and good for USDJPY."""
    host = start(Feeds(texts=(a_text("Dollar surges", 0),)))

    close(host, START_NS)

    (_, eurusd), (_, usdjpy) = told(host, Vote)
    assert eurusd.probability_up == probability_of(-1 / 3) < 0.5
    assert usdjpy.probability_up == probability_of(1 / 3) > 0.5
    assert eurusd.evidence[0].value == -usdjpy.evidence[0].value


def test_old_texts_weigh_too_little_to_vote() -> None:
    """After six hours and a minute a text weighs less than a half, and the voter abstains."""
    host = start(Feeds(texts=(a_text("Euro rises", -361),)))

    close(host, START_NS)

    assert told(host, Vote)[0][1].reason == "weight of texts 0.50 is too low"
    assert told(host, Vote)[0][1].abstains


def test_a_repeated_text_is_no_second_opinion() -> None:
    """The same words twice are posted twice and count once."""
    host = start(Feeds(texts=(a_text("Euro rises", -1), a_text("Euro rises", 0))))

    close(host, START_NS)

    assert len(told(host, Headline)) == 2
    assert told(host, SentimentScore)[0][1].text_count == 1


def test_texts_are_read_on_from_the_newest() -> None:
    """Each text becomes one fact for each currency it names, once; others belong to the market."""
    texts = (a_text("EUR/USD falls", -5), a_text("Gold shines", -4), a_text("Yen gains", 10))
    host = start(Feeds(texts=texts))

    close(host, START_NS)
    close(host, START_NS + M15_NS)

    assert [(fact.scope, fact.text) for _, fact in told(host, Headline)] == [
        ("EUR", "EUR/USD falls"),
        ("USD", "EUR/USD falls"),
        ("market", "Gold shines"),
        ("JPY", "Yen gains"),
    ]


def test_hostile_texts_are_cut_and_texts_from_the_future_wait() -> None:
    """Marks that turn text are gone, length is bounded, and no fact lies in the future."""

    class Hostile(Feeds):
        def __call__(self, request: Request, now_ns: int) -> Reply:
            if not isinstance(request, ReadHeadlines):
                return super().__call__(request, now_ns)
            texts = (
                a_text("\u202e" + "Euro " * 100_000, 0),
                a_text("Euro rises", 9_999),
                a_text("", 0),
            )
            return HeadlinesRead(request=request, headlines=texts)

    host = start(Hostile())

    close(host, START_NS)

    facts = [fact for _, fact in told(host, Headline)]
    assert [len(fact.text) for fact in facts] == [512, 7]  # cut, and "(empty)"
    assert "\u202e" not in facts[0].text


def test_a_blackout_is_posted_as_soon_as_the_calendar_reaches_it() -> None:
    """A high event at 15:00 forbids 14:45 to 15:15; what was read at 10:00 holds until 14:30."""
    host = start(Feeds(events=(an_event(300),)))

    for minutes in range(0, 315, 15):
        close(host, START_NS + minutes * MINUTE_NS)

    blackouts = told(host, EntryBlackout)
    assert [(ts, fact.scope) for ts, fact in blackouts] == [
        (START_NS + 240 * MINUTE_NS, "EURUSD"),
        (START_NS + 240 * MINUTE_NS, "USDJPY"),
    ]
    assert blackouts[0][1].from_ns == START_NS + 285 * MINUTE_NS
    assert blackouts[0][1].valid_until_ns == START_NS + 315 * MINUTE_NS
    assert host.board.lineage(host.entries(EntryBlackout)[0].seq)[1].kind == "EconomicEvent"


@pytest.mark.parametrize(
    ("event", "symbols"),
    [
        (an_event(10), ["EURUSD", "USDJPY"]),
        (an_event(-10), ["EURUSD", "USDJPY"]),  # released ten minutes ago, holds for five more
        (an_event(-16), []),
        (an_event(10, "EUR"), ["EURUSD"]),
        (an_event(10, "ALL"), ["EURUSD", "USDJPY"]),
        (an_event(10, "NZD"), []),
        (an_event(10, impact=Impact.LOW), []),
        (an_event(275, impact=Impact.MEDIUM), ["EURUSD", "USDJPY"]),  # 4.5 hours on, to the minute
        (an_event(276, impact=Impact.MEDIUM), []),
        (an_event(-6, impact=Impact.MEDIUM), []),
    ],
)
def test_blackouts_follow_impact_and_currency(event: CalendarEvent, symbols: list[str]) -> None:
    """What is forbidden at a close depends on the event's currency, impact and time."""
    host = start(Feeds(events=(event,)))

    close(host, START_NS)

    assert [fact.scope for _, fact in told(host, EntryBlackout)] == symbols


def test_blackouts_stand_before_the_votes_of_their_close() -> None:
    """Whoever waits for the votes has seen the blackouts: they are in the same post, before."""
    host = start(Feeds(events=(an_event(5),), texts=(a_text("Euro rises", 0),)))

    close(host, START_NS)

    kinds = [entry.kind for entry in host.entries() if entry.ts_event_ns == START_NS]
    assert kinds[-5:] == ["EntryBlackout", "EntryBlackout", "SentimentScore", "Vote", "Vote"]


def test_the_first_vote_waits_for_the_calendar() -> None:
    """Coverage is on the board before any vote, and the vote names it."""
    host = start(Feeds())

    close(host, START_NS)

    kinds = [entry.kind for entry in host.entries()]
    assert kinds == ["CalendarCoverage", "Vote", "Vote"]
    causes = host.board.lineage(host.entries(Vote)[0].seq)
    assert {entry.kind for entry in causes} == {"Vote", "Bar", "CalendarCoverage"}


def test_no_answer_yet_is_no_vote_yet() -> None:
    """While the calendar is being read, bars wait; nothing is decided on half a picture."""

    class Silent(Feeds):
        def __call__(self, request: Request, now_ns: int) -> Reply:
            answer = super().__call__(request, now_ns)
            return None if isinstance(request, ReadCalendar) else answer  # type: ignore[return-value]

    host = start(Silent())

    close(host, START_NS)

    assert host.entries() == []


def test_an_unanswered_calendar_is_unknown_and_blocks_no_vote() -> None:
    """A failing calendar is a fact, tried again at each close and told when it changes."""
    host = start(
        Feeds(
            fails=lambda request, now_ns: (
                isinstance(request, ReadCalendar) and now_ns < START_NS + 2 * M15_NS
            )
        )
    )

    for i in range(4):
        close(host, START_NS + i * M15_NS)

    assert [(ts, fact.state, fact.reason) for ts, fact in told(host, CalendarCoverage)] == [
        (START_NS, Coverage.UNKNOWN, "unanswered: timeout"),
        (START_NS + 2 * M15_NS, Coverage.COVERED, ""),
    ]
    assert len(told(host, Vote)) == 8


def test_a_calendar_that_is_not_configured_is_told_as_such() -> None:
    """The operator's choice is another thing than a failure."""
    host = start(Feeds(coverage=lambda now_ns: Coverage.NOT_CONFIGURED))

    close(host, START_NS)

    ((_, coverage),) = told(host, CalendarCoverage)
    assert (coverage.state, coverage.reason) == (Coverage.NOT_CONFIGURED, "no key")


def test_known_events_stay_in_force_when_the_calendar_turns_unknown() -> None:
    """An event that was known before the failure still forbids entries."""
    event = an_event(260)
    feeds = Feeds(events=(event,))
    host = start(feeds)
    close(host, START_NS)
    feeds.fails = lambda request, now_ns: isinstance(request, ReadCalendar)

    close(host, START_NS + 240 * MINUTE_NS)

    assert told(host, CalendarCoverage)[-1][1].state is Coverage.UNKNOWN
    assert len(told(host, EntryBlackout)) == 2


def test_an_absurd_calendar_is_unknown() -> None:
    """An answer with thousands of events is no calendar, and none of it is taken."""
    events = tuple(an_event(i % 60, title=str(i)) for i in range(EVENTS_PER_READ_MAX + 1))
    host = start(Feeds(events=events))

    close(host, START_NS)

    assert told(host, CalendarCoverage)[0][1].reason == "more than 2000 events"
    assert told(host, EconomicEvent) == []


def test_the_calendar_is_read_when_due_only() -> None:
    """After four hours the calendar is read again, and its coverage is dated anew."""
    feeds = Feeds()
    host = start(feeds)

    for i in range(18):
        close(host, START_NS + i * M15_NS)

    asked = [when for kind, when in feeds.log if kind == "ReadCalendar"]
    assert asked == [START_NS, START_NS + 4 * HOUR_NS]
    assert [ts for ts, _ in told(host, CalendarCoverage)] == asked


def test_only_changed_events_are_posted_again() -> None:
    """A release that got its figure is a new fact of the same event; the others stay."""
    before = an_event(100)
    after = CalendarEvent(
        currency="USD",
        title="CPI",
        impact=Impact.HIGH,
        scheduled_ns=before.scheduled_ns,
        actual="3.1%",
    )
    feeds = Feeds(events=(before, an_event(300, title="GDP")))
    host = start(feeds)
    close(host, START_NS)
    feeds.events = (after, an_event(300, title="GDP"))

    close(host, START_NS + 4 * HOUR_NS)

    assert [(ts - START_NS, fact.title, fact.actual) for ts, fact in told(host, EconomicEvent)][
        2:
    ] == [(4 * HOUR_NS, "CPI", "3.1%")]


def test_a_start_in_the_weekend_tells_coverage_and_waits() -> None:
    """The calendar is read at once; the first close of the week has its votes."""
    start_ns = FRIDAY_CLOSE_NS + 12 * HOUR_NS
    host = start(Feeds(), now_ns=start_ns)
    assert [ts for ts, _ in told(host, CalendarCoverage)] == [start_ns]

    close(host, SUNDAY_FIRST_NS)

    assert len(told(host, Vote)) == 2


def test_late_bars_of_an_old_close_get_no_vote() -> None:
    """What comes a bar too late is history, and nobody waits for an opinion on it."""
    host = start(Feeds())
    host.advance_to(START_NS + M15_NS)

    host.post(a_bar("EURUSD", START_NS))

    assert told(host, Vote) == []


def test_another_calendar_is_noticed_by_a_new_life() -> None:
    """An operator who names another file and restarts does not wait for the next reading."""
    feeds = Feeds(coverage=lambda now_ns: Coverage.NOT_CONFIGURED, source="none")
    host = start(feeds)
    close(host, START_NS)
    feeds.coverage, feeds.source = (lambda now_ns: Coverage.COVERED), "file"

    host.restart()

    assert [fact.state for _, fact in told(host, CalendarCoverage)] == [
        Coverage.NOT_CONFIGURED,
        Coverage.COVERED,
    ]


def test_barriers_come_from_the_ranges_of_the_last_bars() -> None:
    """With fewer than sixteen bars 0.1 % of the price, then 1.5 × 20 pips."""
    host = start(Feeds())

    for i in range(16):
        close(host, START_NS + i * M15_NS)

    distances = [vote.barrier_distance for _, vote in told(host, Vote) if vote.scope == "EURUSD"]
    assert distances[14] == pytest.approx(0.0011)
    assert distances[15] == pytest.approx(0.0030)


def test_the_probability_is_modest_and_symmetric() -> None:
    """0.5 + 0.1·tanh: no lean is ignorance, and two opposite leans add up to one."""
    assert probability_of(0.0) == 0.5
    assert 0.59 < probability_of(2.0) < 0.6
    assert probability_of(0.7) + probability_of(-0.7) == pytest.approx(1.0)


@pytest.mark.parametrize("kill_before", range(2, 22))
def test_a_kill_at_any_step_changes_no_fact(kill_before: int) -> None:
    """With texts, events and a failing calendar, a kill before any step leads to the same facts."""

    def facts(kills: frozenset[int]) -> list[tuple[str, Fact, tuple[int, ...]]]:
        feeds = Feeds(
            events=(an_event(35), an_event(20, "EUR", Impact.MEDIUM)),
            texts=(a_text("Euro rises", -5), a_text("Yen slumps", 17), a_text("Dollar firms", 31)),
            fails=lambda request, now_ns: (
                isinstance(request, ReadCalendar) and now_ns == START_NS + M15_NS
            ),
        )
        settings = _refreshed_each_close()
        host = LoneAgent(
            SentimentAgent,
            settings,
            feeds,
            now_ns=START_NS,
            neighbour_posts=[Bar],
            kill_before=kills,
        )
        for i in range(5):
            close(host, START_NS + i * M15_NS)
        assert host.steps > kill_before
        return [(entry.key, entry.fact, entry.causes) for entry in host.entries()]

    assert facts(frozenset({kill_before})) == facts(frozenset())


def _refreshed_each_close() -> Settings:
    section = SETTINGS.agents.sentiment.model_copy(update={"calendar_refresh_min": 15})
    agents = SETTINGS.agents.model_copy(update={"sentiment": section})
    return SETTINGS.model_copy(update={"agents": agents})
