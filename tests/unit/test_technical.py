"""The rule voter: what it asks for, what it answers, and that the answer is a function of facts."""

import pytest

from agents import technical
from agents.agent import Inbox, Outbox
from agents.requests import BarsRead, ReadBars, Unanswered
from agents.technical import TechnicalAgent
from blackboard.entry import Draft, Entry
from blackboard.facts import (
    AnyFact,
    Bar,
    BarHistory,
    ComponentScores,
    Timeframe,
    TrailingStop,
    Vote,
)
from config.agents import AgentsSection, TechnicalSection
from config.settings import Settings
from models.market.bars import BarArray
from tests.random_bars import M15_NS, random_bars

SETTINGS = Settings(
    symbols=("EURUSD", "GBPUSD"),
    agents=AgentsSection(technical=TechnicalSection(barrier_atr=1.5, horizon_bars=32)),
)
HISTORY_ROWS = 1920
BARS = random_bars(HISTORY_ROWS + 300, seed=5)
"""Four weeks of history, which end with the week, and what follows."""
VOTERS = ("technical.trend", "technical.reversion", "technical.learned")


def entry(
    seq: int, fact: AnyFact, ts_event_ns: int, author: str = "data", ordinal: str = ""
) -> Entry:
    """Return an entry as the board would make it."""
    return Entry(
        seq=seq,
        author=author,
        epoch=1,
        key=f"{author}/{type(fact).__name__}/{fact.scope}/{ts_event_ns}/{ordinal}",
        fact=fact,
        ts_event_ns=ts_event_ns,
        known_at_ns=ts_event_ns,
        read_to=0,
        now_ns=ts_event_ns,
    )


def close_ns(row: int) -> int:
    """Return the close of a row."""
    return int(BARS["close_ns"][row])


def bar(row: int, symbol: str = "EURUSD") -> Entry:
    """Return the fact of a row; its seq is the row plus 10."""
    values = BARS[row]
    fact = Bar(
        scope=symbol,
        timeframe=Timeframe.M15,
        open=float(values["open"]),
        high=float(values["high"]),
        low=float(values["low"]),
        close=float(values["close"]),
        tick_volume=int(values["tick_volume"]),
        spread_points=int(values["spread_points"]),
        source="test",
    )
    return entry(row + 10, fact, close_ns(row))


def history(symbol: str = "EURUSD") -> Entry:
    """Return the history of the week that begins after it."""
    fact = BarHistory(
        scope=symbol,
        timeframe=Timeframe.M15,
        anchor_ns=close_ns(0) - M15_NS,
        last_close_ns=close_ns(HISTORY_ROWS - 1),
        bar_count=HISTORY_ROWS,
        source="test",
    )
    return entry(1, fact, close_ns(HISTORY_ROWS))


def answer(request: ReadBars) -> BarsRead:
    """Return what a faithful source gives."""
    times_ns = BARS["close_ns"]
    bars: BarArray = BARS[(times_ns > request.from_ns) & (times_ns <= request.until_ns)]
    return BarsRead(request=request, bars=bars, source="test")


def asked(outbox: Outbox) -> ReadBars:
    """Return the one request of an outbox."""
    (request,) = outbox.requests
    assert isinstance(request, ReadBars)
    return request


def running(last_row: int = HISTORY_ROWS) -> TechnicalAgent:
    """Return an agent that has its history and has seen bars up to a row, all but that answered."""
    agent = TechnicalAgent(SETTINGS)
    first = agent.step(close_ns(HISTORY_ROWS), Inbox((history(),)))
    agent.step(close_ns(HISTORY_ROWS), Inbox((), (answer(asked(first)),)))
    for row in range(HISTORY_ROWS, last_row):
        agent.see(bar(row))
    return agent


def posted(drafts: list[Draft], seq: int = 5000) -> tuple[Entry, ...]:
    """Return drafts as the entries that they become."""
    return tuple(
        entry(seq + i, draft.fact, draft.ts_event_ns, "technical", draft.ordinal)
        for i, draft in enumerate(drafts)
    )


def step_at(agent: TechnicalAgent, row: int) -> list[Draft]:
    """Return what the agent posts at the close of a row."""
    return agent.step(close_ns(row), Inbox((bar(row),))).drafts


def test_history_is_asked_for_once() -> None:
    """A new BarHistory leads to one ReadBars with exactly its bounds."""
    agent = TechnicalAgent(SETTINGS)

    first = agent.step(close_ns(HISTORY_ROWS), Inbox((history(), bar(HISTORY_ROWS))))
    second = agent.step(close_ns(HISTORY_ROWS), Inbox())

    request = asked(first)
    assert (request.symbol, request.timeframe) == ("EURUSD", Timeframe.M15)
    assert request.from_ns == close_ns(0) - M15_NS
    assert request.until_ns == close_ns(HISTORY_ROWS - 1)
    assert not second.requests


def test_bars_wait_for_the_history() -> None:
    """Nothing is said before the window is complete, everything as soon as it is."""
    agent = TechnicalAgent(SETTINGS)
    now_ns = close_ns(HISTORY_ROWS)

    waiting = agent.step(now_ns, Inbox((history(), bar(HISTORY_ROWS))))
    answered = agent.step(now_ns, Inbox((), (answer(asked(waiting)),)))

    assert not waiting.drafts
    assert len(answered.drafts) == 5  # three votes, levels, and the record of the night before


def test_every_close_gets_all_votes_and_the_levels() -> None:
    """Three voters, abstentions included, and one TrailingStop, all keyed by the close."""
    drafts = step_at(running(), HISTORY_ROWS)

    votes = [draft for draft in drafts if isinstance(draft.fact, Vote)]
    (stop,) = [draft for draft in drafts if isinstance(draft.fact, TrailingStop)]
    assert tuple(draft.ordinal for draft in votes) == VOTERS
    for draft in (*votes, stop):
        assert draft.ts_event_ns == close_ns(HISTORY_ROWS)
        assert draft.timeframe == "M15"
        assert draft.causes == (HISTORY_ROWS + 10, 1)
        assert draft.fact.valid_until_ns == close_ns(HISTORY_ROWS) + 2 * M15_NS
    for draft in votes:
        assert isinstance(draft.fact, Vote)
        assert draft.fact.reference_price == BARS["close"][HISTORY_ROWS]
        assert draft.fact.horizon_bars == 32
    for draft in votes[:2]:
        assert isinstance(draft.fact, Vote)
        assert draft.fact.model.startswith("rules/")
        assert len(draft.fact.evidence) in (9, 18)  # three or six readings on three timeframes


def test_barrier_is_a_multiple_of_the_range_in_the_levels() -> None:
    """Votes and levels of one close stand on one average true range."""
    trend, *_, stop = (draft.fact for draft in step_at(running(), HISTORY_ROWS))

    assert isinstance(trend, Vote)
    assert isinstance(stop, TrailingStop)
    assert trend.barrier_distance == 1.5 * stop.atr
    assert stop.long_stop_price < stop.short_stop_price + 6 * stop.atr


def test_components_are_told_once_a_trading_day() -> None:
    """The first close after 17:00 New York brings the record of all 27, the next 95 none."""
    agent = running()

    told = [
        draft
        for row in range(HISTORY_ROWS, HISTORY_ROWS + 97)
        for draft in step_at(agent, row)
        if isinstance(draft.fact, ComponentScores) and draft.ts_event_ns == close_ns(row)
    ]

    assert [draft.ts_event_ns for draft in told] == [close_ns(HISTORY_ROWS + i) for i in (0, 96)]
    fact = told[0].fact
    assert isinstance(fact, ComponentScores)
    assert len(fact.components) == 27  # six and three readings on three timeframes
    assert {each.scope for each in fact.components} == {"M15", "H1", "H4"}
    assert any(each.weight != 1.0 for each in fact.components)
    assert all(each.month_outcomes >= each.day_outcomes for each in fact.components)


@pytest.mark.parametrize(
    ("timeframe", "names", "read"),
    [
        (Timeframe.M15, ("M15", "H1", "H4"), ["M15", "H1", "H4"]),
        (Timeframe.H1, ("M15", "H1", "H4"), ["H1", "H4"]),
        (Timeframe.M1, ("M5", "M1", "M15"), ["M1", "M5", "M15"]),
        (Timeframe.M5, ("M1", "H1"), ["M5", "H1"]),
    ],
)
def test_timeframes_are_those_not_shorter_than_the_trading_one(
    timeframe: Timeframe, names: tuple[str, ...], read: list[str]
) -> None:
    """The trading timeframe itself, then the configured longer ones in order of length."""
    section = TechnicalSection(timeframes=tuple(map(Timeframe, names)))

    chosen = technical.rule_settings(timeframe, section).timeframes

    assert [name for name, _ in chosen] == read


def test_an_answered_close_is_not_answered_again() -> None:
    """Own votes on the board end the matter."""
    agent = running()
    drafts = step_at(agent, HISTORY_ROWS)

    again = agent.step(close_ns(HISTORY_ROWS), Inbox(posted(drafts)))

    assert not again.drafts


def test_the_vote_of_another_agent_answers_nothing() -> None:
    """Votes are read by kind, so other voters' come too; only own ones count."""
    agent = running()
    drafts = step_at(agent, HISTORY_ROWS)
    foreign = entry(6000, drafts[0].fact, close_ns(HISTORY_ROWS), "sentiment")

    assert agent.step(close_ns(HISTORY_ROWS), Inbox((foreign,))).drafts == drafts


def test_an_unacknowledged_answer_is_repeated() -> None:
    """Until its votes come back, the agent wants them posted: the board keeps the first."""
    agent = running()

    first = step_at(agent, HISTORY_ROWS)
    second = agent.step(close_ns(HISTORY_ROWS), Inbox()).drafts

    assert first == second


def test_an_old_close_is_not_answered() -> None:
    """Two bars later a vote could no longer be used; exactly then it still may be posted."""
    agent = running()
    agent.see(bar(HISTORY_ROWS))
    limit_ns = close_ns(HISTORY_ROWS) + 2 * M15_NS

    assert len(agent.step(limit_ns, Inbox()).drafts) == 5
    assert not agent.step(limit_ns + 1, Inbox()).drafts


def test_a_failed_reading_abstains_and_is_asked_again_with_the_next_bar() -> None:
    """Without history both voters abstain with the reason, and the next close tries again."""
    agent = TechnicalAgent(SETTINGS)
    now_ns = close_ns(HISTORY_ROWS)
    request = asked(agent.step(now_ns, Inbox((history(), bar(HISTORY_ROWS)))))

    failed = agent.step(now_ns, Inbox((), (Unanswered(request=request, reason="timeout"),)))
    retried = agent.step(
        close_ns(HISTORY_ROWS + 1), Inbox((*posted(failed.drafts), bar(HISTORY_ROWS + 1)))
    )

    votes = [draft.fact for draft in failed.drafts]
    assert all(isinstance(vote, Vote) and vote.abstains for vote in votes)
    assert {vote.reason for vote in votes if isinstance(vote, Vote)} == {"no history: timeout"}
    assert asked(retried) == request


def test_one_batch_equals_bar_by_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 closes in one inbox give exactly the votes of 200 single steps."""
    monkeypatch.setattr(technical, "LIVE_BARS", 10_000)
    rows = range(HISTORY_ROWS, HISTORY_ROWS + 200)
    batch_agent, single_agent = running(), running()

    batch = batch_agent.step(close_ns(rows[-1]), Inbox(tuple(map(bar, rows)))).drafts
    single: list[Draft] = []
    for row in rows:
        drafts = step_at(single_agent, row)
        single += drafts
        single_agent.step(close_ns(row), Inbox(posted(drafts)))

    assert len(single) == 803  # three votes and levels each, three nights
    assert batch == single


def test_a_rebuilt_agent_says_what_the_dead_one_would_have_said() -> None:
    """The whole journal in one inbox, own votes included, leads to the same next vote."""
    rows = range(HISTORY_ROWS, HISTORY_ROWS + 60)
    agent = running()
    journal: list[Entry] = [history()]
    for row in rows:
        drafts = step_at(agent, row)
        own = posted(drafts)
        agent.step(close_ns(row), Inbox(own))
        journal += [bar(row), *own]
    expected = step_at(agent, rows[-1] + 1)

    rebuilt = TechnicalAgent(SETTINGS)
    restart = rebuilt.step(close_ns(rows[-1]), Inbox(tuple(journal)))
    quiet = rebuilt.step(close_ns(rows[-1]), Inbox((), (answer(asked(restart)),)))

    assert not restart.drafts
    assert not quiet.drafts
    assert step_at(rebuilt, rows[-1] + 1) == expected


def test_symbols_do_not_wait_for_each_other() -> None:
    """A symbol without a bar at this close gets no vote and holds up no other."""
    agent = running()
    agent.see(history("GBPUSD"))

    drafts = step_at(agent, HISTORY_ROWS)

    assert {draft.fact.scope for draft in drafts} == {"EURUSD"}


def test_foreign_symbols_and_timeframes_pass_by() -> None:
    """Only bars of the traded symbols and timeframe are read."""
    agent = running()
    row = bar(HISTORY_ROWS)
    assert isinstance(row.fact, Bar)
    hourly = Bar(
        **{
            name: getattr(row.fact, name)
            for name in row.fact.__struct_fields__
            if name != "timeframe"
        },
        timeframe=Timeframe.H1,
    )

    outbox = agent.step(
        close_ns(HISTORY_ROWS),
        Inbox((bar(HISTORY_ROWS, "XAUUSD"), entry(9, hourly, close_ns(HISTORY_ROWS)))),
    )

    assert not outbox.drafts


def test_a_new_week_replaces_the_window() -> None:
    """A later BarHistory starts over; closes after it stand on it alone."""
    agent = running(HISTORY_ROWS + 10)
    last = HISTORY_ROWS + 15
    fact = BarHistory(
        scope="EURUSD",
        timeframe=Timeframe.M15,
        anchor_ns=close_ns(480) - M15_NS,
        last_close_ns=close_ns(HISTORY_ROWS + 9),
        bar_count=HISTORY_ROWS + 10 - 480,
        source="test",
    )

    outbox = agent.step(close_ns(last), Inbox((entry(7, fact, close_ns(last)), bar(last))))
    answered = agent.step(close_ns(last), Inbox((), (answer(asked(outbox)),)))

    assert not outbox.drafts
    assert {draft.causes for draft in answered.drafts} == {(last + 10, 7)}
