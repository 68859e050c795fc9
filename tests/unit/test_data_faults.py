"""The data agent under faults of prices and time: what is rejected, with which word, and no more.

A test of fault F24 has `f24` in its name.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.requests import QuoteReading, ReadBars, ReadQuotes
from blackboard.entry import Draft
from blackboard.facts import Bar, Fact, Quote, SymbolSpec
from blackboard.facts.execution import Outcome, Purpose
from blackboard.facts.market import FeedState
from models.market.bars import BarArray
from models.market.sessions import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.builders import an_outcome
from tests.flat_terminal import M15_NS, WEDNESDAY_NS, Terminal, a_spec, start, states, told
from tests.lone_agent import LoneAgent

LATER_NS = WEDNESDAY_NS + M15_NS
"""The second close, at which a fault strikes."""

PAUSE_NS = 5 * MINUTE_NS
"""Five seconds of process time at sixty times the pace."""

Quoted = Callable[[QuoteReading, int], QuoteReading | None]


def only_at(close_ns: int, spoil: Callable[[QuoteReading], QuoteReading | None]) -> Quoted:
    """Return a source whose quotes are spoiled at one close."""
    return lambda quote, now_ns: spoil(quote) if now_ns == close_ns else quote


def changed(quote: QuoteReading, **fields: float) -> QuoteReading:
    """Return a quote with some fields changed."""
    return msgspec.structs.replace(quote, **fields)


def scaled(quote: QuoteReading, factor: float) -> QuoteReading:
    """Return a quote whose prices are a multiple."""
    return changed(quote, bid=quote.bid * factor, ask=quote.ask * factor)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda q: changed(q, bid=q.ask), "crossed"),
        (lambda q: changed(q, bid=q.ask, ask=q.bid), "crossed"),
        (lambda q: changed(q, bid=0.0), "price"),
        (lambda q: changed(q, ask=float("nan")), "price"),
        (lambda q: changed(q, bid=-q.bid), "price"),
        (lambda q: scaled(q, 100.0), "jump"),
        (lambda q: scaled(q, 0.01), "jump"),
        # Ten points are usual: 50 times as wide as that around the price.
        (lambda q: changed(q, bid=q.bid - 0.0025, ask=q.bid + 0.0025), "wide"),
        (lambda q: changed(q, account_per_quote=100.0), "rate"),
        (lambda q: changed(q, account_per_quote=0.01), "rate"),
        (lambda q: changed(q, account_per_quote=float("nan")), "price"),
    ],
)
def test_f24_a_false_price_is_rejected_with_its_word_and_the_feed_recovers(
    spoil: Callable[[QuoteReading], QuoteReading], reason: str
) -> None:
    """No quote of that close, a stale feed that says why, and a live one at the next."""
    host = start(Terminal(quote=only_at(LATER_NS, spoil)), WEDNESDAY_NS)

    host.advance_to(LATER_NS + M15_NS)

    assert [ts for ts, _ in told(host, Quote, "EURUSD")] == [WEDNESDAY_NS, LATER_NS + M15_NS]
    assert states(host, "EURUSD") == [
        (WEDNESDAY_NS, FeedState.LIVE, ""),
        (LATER_NS, FeedState.STALE, f"quote rejected: {reason}"),
        (LATER_NS + M15_NS, FeedState.LIVE, ""),
    ]


def test_f24_a_symbol_without_any_quote_is_a_stale_feed() -> None:
    """An answer that leaves a symbol out is absence, and absence is a fact."""
    host = start(Terminal(quote=only_at(LATER_NS, lambda _: None)), WEDNESDAY_NS)

    host.advance_to(LATER_NS)

    assert states(host, "EURUSD")[-1] == (LATER_NS, FeedState.STALE, "no quote")


def test_f24_a_rate_that_was_really_changed_is_quoted_again_after_four_days() -> None:
    """The collar has a way out: what was usual is forgotten, so a revaluation ends."""
    jump_ns = LATER_NS

    def revalued(quote: QuoteReading, now_ns: int) -> QuoteReading:
        return changed(quote, account_per_quote=1.5) if now_ns >= jump_ns else quote

    host = start(Terminal(quote=revalued), WEDNESDAY_NS)
    host.advance_to(WEDNESDAY_NS + 5 * 24 * HOUR_NS)  # Monday

    quotes = told(host, Quote, "EURUSD")
    assert [quote.account_per_quote for _, quote in quotes[:2]] == [1.0, 1.5]
    # Four days of ours lie in the weekend; the first quote after them is Sunday's first.
    assert quotes[1][0] > WEDNESDAY_NS + 4 * 24 * HOUR_NS


@pytest.mark.parametrize(
    ("age_s", "state", "reason"),
    [
        (-6, FeedState.STALE, "quote rejected: future"),
        (-5, FeedState.LIVE, ""),
        # The tick of the close before was WEDNESDAY_NS + 0: 15 minutes back is that same tick.
        (15 * 60, FeedState.LIVE, ""),
        (15 * 60 + 6, FeedState.STALE, "quote rejected: backwards"),
    ],
)
def test_f23_ticks_from_the_future_or_running_backwards_are_rejected(
    age_s: int, state: FeedState, reason: str
) -> None:
    """Five seconds are what two honest clocks differ by; the same tick again is none."""
    aged = only_at(LATER_NS, lambda q: changed(q, tick_ns=LATER_NS - age_s * SECOND_NS))
    host = start(Terminal(quote=aged), WEDNESDAY_NS)

    host.advance_to(LATER_NS)

    is_posted = state is FeedState.LIVE
    assert len(told(host, Quote, "EURUSD")) == 1 + is_posted
    assert states(host, "EURUSD")[-1][1:] == (state, reason)


def test_f23_ticks_that_stop_grow_old_and_leave_no_usable_quote() -> None:
    """A price that stands still is posted while it is young, and no later than its tick allows."""
    frozen_ns = WEDNESDAY_NS + 2 * MINUTE_NS

    def frozen(quote: QuoteReading, now_ns: int) -> QuoteReading:
        return changed(quote, tick_ns=min(now_ns, frozen_ns))

    host = start(Terminal(quote=frozen), WEDNESDAY_NS)
    host.advance_to(WEDNESDAY_NS + 4 * M15_NS)

    quotes = told(host, Quote, "EURUSD")
    assert [ts for ts, _ in quotes] == [WEDNESDAY_NS, LATER_NS]
    assert quotes[-1][1].valid_until_ns == frozen_ns + 20 * MINUTE_NS


def shuffled(bars: BarArray) -> BarArray:
    """Return the bars newest first."""
    return bars[::-1].copy()


def doubled(bars: BarArray) -> BarArray:
    """Return every bar twice."""
    return np.repeat(bars, 2)


def forming(bars: BarArray) -> BarArray:
    """Add the bar after the last, which is not closed yet."""
    last = bars[-1:].copy()
    last["close_ns"] += M15_NS
    last["close"] *= 1.0001
    return np.concatenate((bars, last))


def revised(bars: BarArray) -> BarArray:
    """Add the bar before the first once more, at another price."""
    first = bars[:1].copy()
    first["close_ns"] -= M15_NS
    first["open"] = first["high"] = first["low"] = first["close"] = 1.2
    return np.concatenate((first, bars))


def shifted(bars: BarArray, hours: int) -> BarArray:
    """Return bars whose server clock was read wrong by some hours."""
    moved = bars.copy()
    moved["close_ns"] += hours * HOUR_NS
    return moved


@pytest.mark.parametrize("spoil", [shuffled, doubled, forming, revised])
def test_f25_whatever_a_source_delivers_each_bar_is_posted_once_in_order(
    spoil: Callable[[BarArray], BarArray],
) -> None:
    """Wrong order, duplicates, a forming bar and revised history change no fact of a bar."""

    def bars(request: ReadBars, now_ns: int, sound: BarArray) -> BarArray:
        is_history = request.until_ns - request.from_ns > 5 * M15_NS
        return sound if is_history or not len(sound) else spoil(sound)

    clean, host = start(Terminal(), WEDNESDAY_NS), start(Terminal(bars=bars), WEDNESDAY_NS)
    for each in (clean, host):
        each.advance_to(WEDNESDAY_NS + 8 * M15_NS)

    assert told(host, Bar, "EURUSD") == told(clean, Bar, "EURUSD")
    assert len(told(host, Bar, "EURUSD")) == 9


def test_f25_a_short_read_leaves_a_gap_that_the_next_read_fills() -> None:
    """Bars that came short are asked for again from the newest that is known."""

    def short(request: ReadBars, now_ns: int, bars: BarArray) -> BarArray:
        is_struck = request.symbol == "EURUSD" and LATER_NS <= now_ns < LATER_NS + 2 * M15_NS
        return bars[:0] if is_struck else bars

    host = start(Terminal(bars=short), WEDNESDAY_NS)
    host.advance_to(LATER_NS + 2 * M15_NS)

    closes = [ts for ts, _ in told(host, Bar, "EURUSD")]
    assert closes == [WEDNESDAY_NS + i * M15_NS for i in range(4)]


@pytest.mark.parametrize("hours", [-1, 1])
def test_f26_a_wrong_server_offset_doubles_no_bar_and_is_stale(hours: int) -> None:
    """An hour off, bars are known already or not closed yet: none is posted, none twice."""

    def wrong(request: ReadBars, now_ns: int, bars: BarArray) -> BarArray:
        return shifted(bars, hours) if now_ns >= LATER_NS else bars

    host = start(Terminal(bars=wrong), WEDNESDAY_NS)
    host.advance_to(WEDNESDAY_NS + 4 * M15_NS)

    closes = [ts for ts, _ in told(host, Bar, "EURUSD")]
    assert closes == sorted(set(closes))
    assert all(close_ns <= host.now_ns for close_ns in closes)
    assert states(host, "EURUSD")[-1][1] is FeedState.STALE


def test_f26_a_clock_that_jumps_an_hour_leaves_no_hole() -> None:
    """The bars of the hour that nobody saw follow in order, each once."""
    host = start(Terminal(), WEDNESDAY_NS)
    host.now_ns = WEDNESDAY_NS + HOUR_NS + MINUTE_NS
    host.wake_ns = host.now_ns
    host.advance_to(WEDNESDAY_NS + 6 * M15_NS)

    closes = [ts for ts, _ in told(host, Bar, "EURUSD")]
    assert closes == [WEDNESDAY_NS + i * M15_NS for i in range(7)]


@pytest.mark.parametrize(
    "terms", [{"volume_step_lots": 0.1}, {"trade_mode": 3}, {"stops_level_points": 40}]
)
def test_f27_terms_that_change_within_a_day_are_posted_at_the_next_close(
    terms: dict[str, float],
) -> None:
    """What comes with the quotes replaces what was known, once, and the day's reading agrees."""
    new = msgspec.structs.replace(a_spec("EURUSD"), **terms)
    source = Terminal(quoted_specs={s: a_spec(s) for s in ("EURUSD", "USDJPY")})
    host = start(source, WEDNESDAY_NS)
    specs = {**source.specs, "EURUSD": new}
    host.world = replace(source, specs=specs, quoted_specs=specs)

    host.advance_to(LATER_NS + M15_NS)
    assert told(host, SymbolSpec, "EURUSD") == [(WEDNESDAY_NS, a_spec("EURUSD")), (LATER_NS, new)]

    host.restart()
    host.advance_to(WEDNESDAY_NS + 24 * HOUR_NS)
    assert len(told(host, SymbolSpec, "EURUSD")) == 2
    assert len(told(host, SymbolSpec, "USDJPY")) == 1


def test_f27_what_a_close_told_is_not_undone_by_an_older_reading() -> None:
    """The reading of a new life said what was known; the close after it knows better."""
    source = Terminal()
    host = start(source, WEDNESDAY_NS)
    host.now_ns = WEDNESDAY_NS + MINUTE_NS
    host.restart()
    closed = msgspec.structs.replace(a_spec("EURUSD"), trade_mode=3)
    host.world = replace(source, quoted_specs={"EURUSD": closed})
    host.advance_to(LATER_NS + M15_NS)

    assert told(host, SymbolSpec, "EURUSD")[-1] == (LATER_NS, closed)
    assert len(told(host, SymbolSpec, "EURUSD")) == 2


def a_rejection(ts_ns: int = WEDNESDAY_NS, **changes: Any) -> Draft:
    """Return a requote of an entry in EURUSD."""
    fields = {"outcome": Outcome.REJECTED, "retcode": 10004, "may_retry": True, **changes}
    fact = an_outcome(**fields)
    return Draft(fact=fact, ts_event_ns=ts_ns, ordinal=fact.intent_id)


def requotes(host: LoneAgent) -> list[int]:
    """Return the times of the quotes that rejections asked for."""
    return [entry.ts_event_ns for entry in host.entries(Quote) if entry.key.endswith("/EURUSD-1")]


def test_f9_a_requote_brings_a_younger_quote_once() -> None:
    """The price of a retry is read after the rejection, and named after its intent."""
    host = start(Terminal(), WEDNESDAY_NS)
    host.now_ns = WEDNESDAY_NS + MINUTE_NS
    host.post(a_rejection())
    assert requotes(host) == [WEDNESDAY_NS + MINUTE_NS]
    assert host.asked(ReadQuotes)[-1] == ReadQuotes(symbols=("EURUSD",))

    host.restart()
    host.advance_to(LATER_NS)
    assert len(requotes(host)) == 1
    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [WEDNESDAY_NS, LATER_NS]


def test_f9_after_too_many_requests_the_quote_waits_for_the_pause() -> None:
    """What is read at once would be old when asking again makes sense."""
    host = start(Terminal(), WEDNESDAY_NS)
    host.post(a_rejection(retcode=10024))
    assert requotes(host) == []

    host.advance_to(WEDNESDAY_NS + PAUSE_NS)
    assert requotes(host) == [WEDNESDAY_NS + PAUSE_NS]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"may_retry": False, "retcode": 10006}, 0),
        ({"outcome": Outcome.UNKNOWN, "may_retry": False, "retcode": 10012}, 0),
        ({"outcome": Outcome.NOT_SENT, "retcode": -10004}, 1),
        ({"purpose": Purpose.AMEND, "retcode": 10020}, 1),
        ({"purpose": Purpose.AMEND, "may_retry": False, "retcode": 10016}, 1),
        ({"purpose": Purpose.AMEND, "may_retry": False, "retcode": 10029}, 1),
        ({"purpose": Purpose.AMEND, "may_retry": False, "retcode": 10025}, 0),
        (
            {
                "purpose": Purpose.AMEND,
                "may_retry": False,
                "outcome": Outcome.NOT_SENT,
                "retcode": 0,
                "reason": "stops_level",
            },
            1,
        ),
        ({"purpose": Purpose.EXIT, "retcode": 10004}, 0),
    ],
)
def test_f15_quotes_are_read_for_what_is_asked_for_again(
    changes: dict[str, Any], count: int
) -> None:
    """What may be retried, and a stop that was refused for its place; nothing else."""
    host = start(Terminal(), WEDNESDAY_NS)
    host.post(a_rejection(**changes))

    assert len(requotes(host)) == count


def test_f9_a_false_requote_is_dropped_and_trading_goes_on() -> None:
    """A spike in the answer makes no quote; the next close is read as ever."""
    spoiled = only_at(WEDNESDAY_NS + MINUTE_NS, lambda quote: scaled(quote, 100.0))
    host = start(Terminal(quote=spoiled), WEDNESDAY_NS)
    host.now_ns = WEDNESDAY_NS + MINUTE_NS
    host.post(a_rejection())
    host.advance_to(LATER_NS)

    assert requotes(host) == []
    assert [ts for ts, _ in told(host, Quote, "EURUSD")] == [WEDNESDAY_NS, LATER_NS]


def test_f9_an_unanswered_requote_is_dropped_and_trading_goes_on() -> None:
    """No answer is no quote: the decision is abandoned, and the close comes in time."""
    struck_ns = WEDNESDAY_NS + MINUTE_NS
    host = start(Terminal(fails=lambda request, now_ns: now_ns == struck_ns), WEDNESDAY_NS)
    host.now_ns = struck_ns
    host.post(a_rejection())
    host.advance_to(LATER_NS)

    assert requotes(host) == []
    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [WEDNESDAY_NS, LATER_NS]


@pytest.mark.parametrize("kill_before", range(2, 14))
def test_f9_a_kill_at_any_step_changes_no_fact(kill_before: int) -> None:
    """A requote between two closes, and a successor that takes over before any step."""

    def facts(kills: frozenset[int]) -> list[tuple[str, int, Fact]]:
        host = start(Terminal(), WEDNESDAY_NS, kills)
        host.now_ns = WEDNESDAY_NS + MINUTE_NS
        host.post(a_rejection())
        host.advance_to(LATER_NS)
        assert host.steps > kill_before
        return [(entry.key, entry.now_ns, entry.fact) for entry in host.entries()]

    assert facts(frozenset({kill_before})) == facts(frozenset())
