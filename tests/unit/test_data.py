"""The data agent: what it reads, what it posts, and what it says when it cannot."""

from dataclasses import replace

import pytest

from agents.data import DataAgent
from agents.requests import QuoteReading, ReadBars, ReadQuotes, ReadSymbols
from blackboard.facts import Bar, BarHistory, Fact, FeedStatus, Quote, SymbolSpec
from blackboard.facts.market import FeedState
from models.market.bars import BarArray
from models.market.sessions import (
    MINUTE_NS,
    SECOND_NS,
    WEEK_NS,
    week_open_ns,
    weeks_before_ns,
)
from tests.flat_terminal import (
    FRIDAY_CLOSE_NS,
    M15_NS,
    SETTINGS,
    SUNDAY_FIRST_NS,
    SYMBOLS,
    WEDNESDAY_NS,
    Terminal,
    drop,
    start,
    states,
    told,
)
from tests.lone_agent import LoneAgent


def test_a_new_book_begins_with_specifications_then_one_whole_close() -> None:
    """Specifications come first; the first close has histories, then bars and quotes by symbol."""
    host = start(Terminal(), WEDNESDAY_NS)

    kinds = [(entry.kind, entry.fact.scope) for entry in host.entries()]
    assert kinds == [
        ("SymbolSpec", "EURUSD"),
        ("SymbolSpec", "USDJPY"),
        ("BarHistory", "EURUSD"),
        ("BarHistory", "USDJPY"),
        ("Bar", "EURUSD"),
        ("Quote", "EURUSD"),
        ("Bar", "USDJPY"),
        ("Quote", "USDJPY"),
        ("FeedStatus", "EURUSD"),
        ("FeedStatus", "USDJPY"),
    ]
    assert {entry.ts_event_ns for entry in host.entries()} == {WEDNESDAY_NS}
    assert states(host, "EURUSD") == [(WEDNESDAY_NS, FeedState.LIVE, "")]


def test_history_and_later_bars_are_the_window_without_overlap() -> None:
    """The history ends one bar before the first bar posted, and its bars are counted."""
    host = start(Terminal(), WEDNESDAY_NS)

    ((_, history),) = told(host, BarHistory, "EURUSD")
    anchor_ns = weeks_before_ns(WEDNESDAY_NS, 2)
    assert history.anchor_ns == anchor_ns
    assert history.last_close_ns == WEDNESDAY_NS - M15_NS
    # Two weeks of 480 bars, then Sunday 22:00 to Wednesday 09:45 UTC: 59.75 h × 4 = 239.
    assert history.bar_count == 2 * 480 + 239


def test_a_history_that_is_short_keeps_its_anchor() -> None:
    """What is not there is told by the count, never by another anchor."""
    source = Terminal(bars=lambda request, now_ns, bars: bars[-3:])

    host = start(source, WEDNESDAY_NS)

    ((_, history),) = told(host, BarHistory, "EURUSD")
    assert (history.anchor_ns, history.bar_count) == (weeks_before_ns(WEDNESDAY_NS, 2), 3)


def test_each_close_brings_one_post_of_bars_and_quotes() -> None:
    """Later closes of the week bring bars and quotes only, each close once."""
    host = start(Terminal(), WEDNESDAY_NS)
    before = len(host.entries())

    host.advance_to(WEDNESDAY_NS + 2 * M15_NS)

    later = host.entries()[before:]
    assert [entry.kind for entry in later] == ["Bar", "Quote", "Bar", "Quote"] * 2
    assert [ts for ts, _ in told(host, Bar, "USDJPY")] == [
        WEDNESDAY_NS + i * M15_NS for i in range(3)
    ]


def test_between_closes_only_the_next_close_is_awaited() -> None:
    """A start inside a bar reads the close before it, then waits for the next."""
    host = start(Terminal(), WEDNESDAY_NS + 7 * MINUTE_NS)

    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [WEDNESDAY_NS]
    assert host.wake_ns == WEDNESDAY_NS + M15_NS


def test_a_quote_lives_as_long_as_its_tick_is_young() -> None:
    """Validity counts from the tick, not from the reading: 10:00 − 3 min + 20 min."""
    source = Terminal(quote=lambda quote, now_ns: _aged(quote, 3 * MINUTE_NS))

    host = start(source, WEDNESDAY_NS)

    ((_, quote),) = told(host, Quote, "EURUSD")
    assert quote.valid_until_ns == WEDNESDAY_NS + 17 * MINUTE_NS


def test_f26_an_old_tick_is_no_quote_and_closes_no_bar() -> None:
    """A bar that ends after the newest tick may only look closed: our clock may run ahead."""
    source = Terminal(quote=lambda quote, now_ns: _aged(quote, 20 * MINUTE_NS))

    host = start(source, WEDNESDAY_NS)

    assert told(host, Quote) == []
    assert told(host, Bar) == []


def test_f26_with_a_tick_from_the_future_no_bar_is_dated() -> None:
    """A server that is an hour ahead would show the bar before under the time of this one."""
    source = Terminal(quote=lambda quote, now_ns: _aged(quote, -60 * MINUTE_NS))

    host = start(source, WEDNESDAY_NS)

    assert told(host, Bar) == []
    ((at_ns, state, _),) = states(host, "EURUSD")
    assert (at_ns, state) == (WEDNESDAY_NS, FeedState.STALE)


def test_f26_where_no_quote_can_be_dated_no_bar_is_taken() -> None:
    """The clock that failed over the quotes may have dated the bars a moment before."""
    source = Terminal(fails=lambda request, _: isinstance(request, ReadQuotes))

    host = start(source, WEDNESDAY_NS)

    assert told(host, Bar) == []
    ((_, state, _),) = states(host, "EURUSD")
    assert state is FeedState.STALE


@pytest.mark.parametrize(
    ("bid_factor", "ask_factor", "reason"),
    [(1.0, 1.0, "crossed"), (100.0, 100.1, "jump"), (float("nan"), 1.0, "price")],
)
def test_a_bad_quote_makes_the_feed_stale(
    bid_factor: float, ask_factor: float, reason: str
) -> None:
    """A quote that cannot be true is not posted, and nobody enters on the feed that gave it."""

    def bad(quote: QuoteReading, now_ns: int) -> QuoteReading:
        return QuoteReading(
            symbol=quote.symbol,
            bid=quote.bid * bid_factor,
            ask=quote.bid * ask_factor,
            account_per_quote=1.0,
            tick_ns=now_ns,
        )

    host = start(Terminal(quote=bad), WEDNESDAY_NS)

    assert told(host, Quote) == []
    assert states(host, "EURUSD") == [(WEDNESDAY_NS, FeedState.STALE, f"quote rejected: {reason}")]


def test_one_missing_bar_is_not_stale_and_the_next_bar_follows() -> None:
    """A hole of one bar in one symbol changes nothing of its feed."""
    hole_ns = WEDNESDAY_NS + M15_NS
    host = start(Terminal(bars=drop(("EURUSD",), hole_ns)), WEDNESDAY_NS)

    host.advance_to(WEDNESDAY_NS + 2 * M15_NS)

    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [WEDNESDAY_NS, hole_ns + M15_NS]
    assert states(host, "EURUSD") == [(WEDNESDAY_NS, FeedState.LIVE, "")]


def test_a_feed_is_stale_after_the_limit_and_live_with_the_next_bar() -> None:
    """Three closes without a bar are too many; the bar after them brings the feed back."""
    holes = [WEDNESDAY_NS + i * M15_NS for i in (1, 2, 3, 4)]
    host = start(Terminal(bars=drop(("EURUSD",), *holes)), WEDNESDAY_NS)

    host.advance_to(WEDNESDAY_NS + 5 * M15_NS)

    assert states(host, "EURUSD") == [
        (WEDNESDAY_NS, FeedState.LIVE, ""),
        (holes[2], FeedState.STALE, "no bar for 3 closes or more"),
        (WEDNESDAY_NS + 5 * M15_NS, FeedState.LIVE, ""),
    ]
    assert states(host, "USDJPY") == [(WEDNESDAY_NS, FeedState.LIVE, "")]


def test_an_unanswered_reading_is_stale_at_once_and_caught_up() -> None:
    """What was not answered is declared; the bars that were missed follow in order."""
    failed_ns = WEDNESDAY_NS + M15_NS
    source = Terminal(
        fails=lambda request, now_ns: now_ns == failed_ns and isinstance(request, ReadBars)
    )
    host = start(source, WEDNESDAY_NS)

    host.advance_to(WEDNESDAY_NS + 2 * M15_NS)

    assert states(host, "EURUSD")[1:] == [
        (failed_ns, FeedState.STALE, "bars unanswered: timeout"),
        (failed_ns + M15_NS, FeedState.LIVE, ""),
    ]
    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [
        WEDNESDAY_NS,
        failed_ns,
        failed_ns + M15_NS,
    ]


def test_an_unanswered_history_is_asked_again_at_the_next_close() -> None:
    """Until the history is named the feed is stale; it then ends where its post's bars begin."""
    source = Terminal(
        fails=lambda request, now_ns: (
            now_ns == WEDNESDAY_NS
            and isinstance(request, ReadBars)
            and request.until_ns < WEDNESDAY_NS
        )
    )
    host = start(source, WEDNESDAY_NS)

    host.advance_to(WEDNESDAY_NS + M15_NS)

    assert states(host, "EURUSD")[0][1:] == (FeedState.STALE, "history unanswered: timeout")
    ((named_ns, history),) = told(host, BarHistory, "EURUSD")
    assert (named_ns, history.last_close_ns) == (WEDNESDAY_NS + M15_NS, WEDNESDAY_NS)


def test_only_rejected_bars_are_a_stale_feed() -> None:
    """A spike is never posted, and its feed says why."""
    spike_ns = WEDNESDAY_NS + M15_NS

    def spiked(request: ReadBars, now_ns: int, bars: BarArray) -> BarArray:
        bars["high"][bars["close_ns"] == spike_ns] *= 100.0
        return bars

    host = start(Terminal(bars=spiked), WEDNESDAY_NS)

    host.advance_to(WEDNESDAY_NS + 3 * M15_NS)

    assert spike_ns not in [ts for ts, _ in told(host, Bar)]
    assert states(host, "EURUSD")[1:] == [
        (spike_ns, FeedState.STALE, "rejected: off_scale 1"),
        # The spike is delivered again with the sound bar, then read no more.
        (spike_ns + M15_NS, FeedState.LIVE, "rejected: off_scale 1"),
        (spike_ns + 2 * M15_NS, FeedState.LIVE, ""),
    ]
    assert told(host, FeedStatus, "EURUSD")[1][1].rejected_bars == 1


def test_bars_that_come_late_are_asked_for_again() -> None:
    """A source without any bar of the close is asked every five seconds before that counts."""
    close_ns = WEDNESDAY_NS + M15_NS

    def late(request: ReadBars, now_ns: int, bars: BarArray) -> BarArray:
        return bars if now_ns >= close_ns + 10 * SECOND_NS else bars[bars["close_ns"] < close_ns]

    host = start(Terminal(bars=late), WEDNESDAY_NS)

    host.advance_to(close_ns + MINUTE_NS)

    posted = [entry for entry in host.entries(Bar) if entry.ts_event_ns == close_ns]
    assert [entry.now_ns for entry in posted] == [close_ns + 10 * SECOND_NS] * 2


def test_asking_for_late_bars_has_an_end() -> None:
    """After four readings the close counts as having no bar, and its quotes are posted."""
    close_ns = WEDNESDAY_NS + M15_NS
    host = start(Terminal(bars=drop(SYMBOLS, close_ns)), WEDNESDAY_NS)
    before = len(host.asked(ReadBars))

    host.advance_to(close_ns + MINUTE_NS)

    assert len(host.asked(ReadBars)) - before == 4 * len(SYMBOLS)
    assert [entry.now_ns for entry in host.entries(Quote)][-1] == close_ns + 15 * SECOND_NS
    assert [ts for ts, _ in told(host, Quote, "EURUSD")] == [WEDNESDAY_NS, close_ns]


def test_the_weekend_is_declared_once_and_ends_with_the_first_bar() -> None:
    """Friday's last close closes the feeds; the week's first close names a new history."""
    host = start(Terminal(), FRIDAY_CLOSE_NS - M15_NS)

    host.advance_to(SUNDAY_FIRST_NS)

    assert states(host, "EURUSD") == [
        (FRIDAY_CLOSE_NS - M15_NS, FeedState.LIVE, ""),
        (FRIDAY_CLOSE_NS, FeedState.CLOSED, "weekend"),
        (SUNDAY_FIRST_NS, FeedState.LIVE, ""),
    ]
    named_ns, history = told(host, BarHistory, "EURUSD")[1]
    assert named_ns == SUNDAY_FIRST_NS
    assert history.last_close_ns == week_open_ns(SUNDAY_FIRST_NS)
    assert history.anchor_ns == weeks_before_ns(SUNDAY_FIRST_NS, 2)
    assert history.bar_count == 2 * 480
    assert [ts for ts, _ in told(host, Bar, "EURUSD")][-2:] == [FRIDAY_CLOSE_NS, SUNDAY_FIRST_NS]


def test_a_start_in_the_weekend_closes_the_feeds_and_waits() -> None:
    """On a Saturday nothing is read but specifications."""
    host = start(Terminal(), FRIDAY_CLOSE_NS + 12 * 60 * MINUTE_NS)

    assert states(host, "EURUSD") == [(FRIDAY_CLOSE_NS, FeedState.CLOSED, "weekend")]
    assert host.asked(ReadBars) == []
    assert host.wake_ns == SUNDAY_FIRST_NS


def test_an_absence_over_the_weekend_is_caught_up() -> None:
    """Every bar missed is posted, the old week's too, and the new history ends at the open."""
    host = start(Terminal(), FRIDAY_CLOSE_NS - 2 * M15_NS)
    host.now_ns = SUNDAY_FIRST_NS + 3 * M15_NS

    host.restart()

    first_ns = FRIDAY_CLOSE_NS - 2 * M15_NS
    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [
        *(first_ns + i * M15_NS for i in range(3)),
        *(SUNDAY_FIRST_NS + i * M15_NS for i in range(4)),
    ]
    assert told(host, BarHistory, "EURUSD")[1][1].last_close_ns == week_open_ns(SUNDAY_FIRST_NS)


def test_a_long_absence_is_bounded_and_bridged_by_a_history() -> None:
    """Beyond the limit bars are not posted singly; a new history reaches up to those that are."""
    section = SETTINGS.agents.data.model_copy(update={"catch_up_bars_max": 4})
    agents = SETTINGS.agents.model_copy(update={"data": section})
    settings = SETTINGS.model_copy(update={"agents": agents})
    host = LoneAgent(DataAgent, settings, Terminal(), now_ns=WEDNESDAY_NS)
    host.now_ns = WEDNESDAY_NS + 10 * M15_NS

    host.restart()

    assert len(told(host, Bar, "EURUSD")) == 1 + 4
    history = told(host, BarHistory, "EURUSD")[1][1]
    assert history.last_close_ns == WEDNESDAY_NS + 6 * M15_NS


def test_a_symbol_that_is_not_traded_is_stale_with_the_reason() -> None:
    """The terminal's reason stands in the feed's state, and the symbol is not read."""
    host = start(Terminal(skipped={"USDJPY": "not offered"}), WEDNESDAY_NS)

    assert states(host, "USDJPY") == [(WEDNESDAY_NS, FeedState.STALE, "not offered")]
    assert {request.symbol for request in host.asked(ReadBars)} == {"EURUSD"}  # type: ignore[attr-defined]


def test_f27_a_symbol_that_comes_back_is_read_from_the_next_close_on() -> None:
    """What was not traded is asked for at each close, not only on the next trading day."""
    host = start(Terminal(skipped={"USDJPY": "not offered"}), WEDNESDAY_NS)
    host.world = Terminal()

    host.advance_to(WEDNESDAY_NS + 2 * M15_NS)

    assert states(host, "USDJPY")[-1][1] is FeedState.LIVE
    assert told(host, Bar, "USDJPY") != []


def test_without_specifications_all_is_stale_and_asked_again() -> None:
    """A terminal that says nothing of its symbols is asked at each close until it does."""
    source = Terminal(
        fails=lambda request, now_ns: now_ns == WEDNESDAY_NS and isinstance(request, ReadSymbols)
    )
    host = start(source, WEDNESDAY_NS)
    assert states(host, "EURUSD")[0][1:] == (
        FeedState.STALE,
        "specification unanswered: timeout",
    )

    host.advance_to(WEDNESDAY_NS + M15_NS)

    assert states(host, "EURUSD")[1][:2] == (WEDNESDAY_NS + M15_NS, FeedState.LIVE)


def test_specifications_are_read_each_day_and_posted_when_changed() -> None:
    """A changed volume step becomes a new fact after the roll at 17:00 New York, others do not."""
    source = Terminal()
    host = start(source, WEDNESDAY_NS)
    changed = {**source.specs, "EURUSD": _restepped(source.specs["EURUSD"])}
    host.world = replace(source, specs=changed)

    host.advance_to(WEDNESDAY_NS + WEEK_NS // 7)

    steps = [fact.volume_step_lots for _, fact in told(host, SymbolSpec, "EURUSD")]
    assert steps == [0.01, 0.1]
    assert len(told(host, SymbolSpec, "USDJPY")) == 1


def test_a_restart_posts_nothing_twice() -> None:
    """A successor that has seen the journal finds nothing to add."""
    host = start(Terminal(), WEDNESDAY_NS)
    before = host.entries()

    host.restart()

    assert host.entries() == before


@pytest.mark.parametrize("kill_before", range(2, 24))
def test_a_kill_at_any_step_changes_no_fact(kill_before: int) -> None:
    """From Friday to Sunday with a late bar, a kill before any step leads to the same facts."""
    close_ns = FRIDAY_CLOSE_NS - M15_NS

    def late(request: ReadBars, now_ns: int, bars: BarArray) -> BarArray:
        return bars if now_ns >= close_ns + 5 * SECOND_NS else bars[bars["close_ns"] < close_ns]

    def facts(kills: frozenset[int]) -> list[tuple[str, int, Fact]]:
        host = start(Terminal(bars=late), FRIDAY_CLOSE_NS - 2 * M15_NS, kills)
        host.advance_to(SUNDAY_FIRST_NS + M15_NS)
        assert host.steps > kill_before
        return [(entry.key, entry.now_ns, entry.fact) for entry in host.entries()]

    assert facts(frozenset({kill_before})) == facts(frozenset())


def _aged(quote: QuoteReading, age_ns: int) -> QuoteReading:
    return QuoteReading(
        symbol=quote.symbol,
        bid=quote.bid,
        ask=quote.ask,
        account_per_quote=1.0,
        tick_ns=quote.tick_ns - age_ns,
    )


def _restepped(spec: SymbolSpec) -> SymbolSpec:
    fields = {name: getattr(spec, name) for name in spec.__struct_fields__}
    return SymbolSpec(**{**fields, "volume_step_lots": 0.1})
