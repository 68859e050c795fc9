"""Two sources of prices: whose bars are posted at a close, and when nothing may be entered."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from agents.data import DataAgent
from agents.requests import (
    BarsRead,
    QuoteReading,
    QuotesRead,
    ReadBars,
    ReadQuotes,
    ReadSecondPrices,
    Reply,
    Request,
    SecondPricesRead,
    Unanswered,
    Worth,
)
from blackboard.facts import Bar, BarHistory, FeedStatus, OrderOutcome, Quote
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.bars import BarArray
from tests.flat_terminal import (
    M15_NS,
    SYMBOLS,
    WEDNESDAY_NS,
    Terminal,
    drop,
    flat_bars,
    states,
    told,
)
from tests.lone_agent import LoneAgent

FIRST_NS = WEDNESDAY_NS
"""First close; the second source is compared at every fourth close, this one among them."""
HALF_SPREAD = 10 * 2.0 * 1e-5 / 2  # median of 10 points, doubled, a half on either side


def settings(**changes: object) -> Settings:
    """Return settings with a second source on this machine."""
    data = {"second_source": "twelvedata", "compare_every_bars": 0, **changes}
    return Settings.model_validate(
        {
            "symbols": SYMBOLS,
            "anchor_weeks": 2,
            "agents": {"data": data},
            "feeds": {"twelvedata": {"url": "http://127.0.0.1:1"}},
        }
    )


@dataclass
class Sources:
    """A terminal of flat prices and a second source beside it, both to be spoiled."""

    terminal: Terminal = field(default_factory=Terminal)
    second_fails: Callable[[int], bool] = lambda now_ns: False
    apart: Callable[[int], float] = lambda now_ns: 0.0
    """How far the second source's prices lie above the terminal's, in quote currency."""

    def __call__(self, request: Request, now_ns: int) -> Reply:
        """Answer a request."""
        if not isinstance(request, ReadSecondPrices):
            return self.terminal(request, now_ns)
        if self.second_fails(now_ns):
            return Unanswered(request=request, reason="429 too many requests")
        return SecondPricesRead(
            request=request,
            source="second",
            bars=tuple(self._read(each, now_ns) for each in request.bars),
            worths=tuple(
                Worth(
                    symbol=each.symbol, account_per_quote=1.0, source="second", made_ns=now_ns - 7
                )
                for each in request.bars
            ),
        )

    def _read(self, request: ReadBars, now_ns: int) -> BarsRead:
        bars = moved(
            flat_bars(request.symbol, request.from_ns, request.until_ns), self.apart(now_ns)
        )
        bars["spread_points"] = bars["tick_volume"] = 0
        return BarsRead(request=request, bars=bars, source="second")


def moved(bars: BarArray, by: float) -> BarArray:
    """Return bars at other prices."""
    for name in ("open", "high", "low", "close"):
        bars[name] += by
    return bars


def begin(
    sources: Sources, kill_before: frozenset[int] = frozenset(), **changes: object
) -> LoneAgent:
    """Start a data agent with two sources on an empty book."""
    return LoneAgent(
        DataAgent,
        settings(**changes),
        sources,
        now_ns=FIRST_NS,
        neighbour_posts=[OrderOutcome],
        kill_before=kill_before,
    )


def close(number: int) -> int:
    """Return a close by its number, the first is 0."""
    return FIRST_NS + number * M15_NS


def outage(first: int, last: int) -> Callable[[Request, int], bool]:
    """Return a terminal that answers nothing about prices from one close to another."""

    def fails(request: Request, now_ns: int) -> bool:
        is_away = close(first) <= now_ns < close(last + 1)
        return is_away and isinstance(request, ReadBars | ReadQuotes)

    return fails


def sources_of(host: LoneAgent, kind: type[Bar] | type[Quote]) -> list[str]:
    """Return who gave each bar or quote of EURUSD, in order."""
    return [fact.source for _, fact in told(host, kind, "EURUSD")]


def test_a_sound_terminal_is_enough() -> None:
    """Nobody else is asked, and nothing that is posted differs from a run without a second."""
    host, alone = begin(Sources()), begin(Sources(), second_source="none")

    for each in (host, alone):
        each.advance_to(close(9))

    assert host.asked(ReadSecondPrices) == []
    assert [one.fact for one in host.entries()] == [one.fact for one in alone.entries()]


def test_an_outage_is_bridged_at_its_first_close_without_a_gap_or_a_repeated_bar() -> None:
    """Each close has one bar with its source named; the terminal returns after three sound ones."""
    host = begin(Sources(Terminal(fails=outage(2, 4))))

    host.advance_to(close(9))

    bars = told(host, Bar, "EURUSD")
    assert [ts for ts, _ in bars] == [close(number) for number in range(10)]
    second_until_7 = ["test"] * 2 + ["second"] * 5 + ["test"] * 3
    assert sources_of(host, Bar) == sources_of(host, Quote) == second_until_7
    assert states(host, "EURUSD") == [
        (close(0), FeedState.LIVE, ""),
        (close(2), FeedState.FALLBACK, "terminal: bars unanswered: timeout; quotes unanswered: "
         "timeout"),
        (close(5), FeedState.FALLBACK, "terminal: sound for 1 of 3 closes"),
        (close(6), FeedState.FALLBACK, "terminal: sound for 2 of 3 closes"),
        (close(7), FeedState.LIVE, ""),
    ]  # fmt: skip
    assert len(told(host, BarHistory, "EURUSD")) == 1


def test_a_price_of_the_second_source_has_an_assumed_spread_and_names_its_rate() -> None:
    """Twice the median spread of the terminal's bars, around the close."""
    host = begin(Sources(Terminal(fails=outage(1, 1))))

    host.advance_to(close(1))

    _, quote = told(host, Quote, "EURUSD")[-1]
    assert (quote.bid, quote.ask) == (1.1 - HALF_SPREAD, 1.1 + HALF_SPREAD)
    assert (quote.source, quote.rate_source, quote.rate_ns) == ("second", "second", close(1) - 7)
    assert quote.tick_ns == close(1)


def test_a_long_outage_keeps_the_spread_that_was_assumed() -> None:
    """Bars of the second source have none, and after 15 of them nobody remembers another."""
    host = begin(Sources(Terminal(fails=outage(1, 20))))

    host.advance_to(close(20))

    spreads = {round(quote.ask - quote.bid, 5) for _, quote in told(host, Quote, "EURUSD")[1:]}
    assert (len(told(host, Quote, "EURUSD")), spreads) == (21, {2 * HALF_SPREAD})


def test_both_failing_is_stale_with_both_reasons_and_nothing_is_made_up() -> None:
    """What was missed comes from the terminal once it answers again, each bar once."""
    sources = Sources(Terminal(fails=outage(2, 3)), second_fails=lambda now_ns: True)
    host = begin(sources)

    host.advance_to(close(5))

    assert [ts for ts, _ in told(host, Bar, "EURUSD")] == [close(number) for number in range(6)]
    (_, stale), (back_ns, live) = told(host, FeedStatus, "EURUSD")[1:]
    assert (stale.state, live.state, back_ns) == (FeedState.STALE, FeedState.LIVE, close(4))
    assert "bars unanswered: timeout" in stale.reason
    assert stale.reason.endswith("twelvedata: 429 too many requests")


def test_a_spread_above_its_limit_turns_to_the_second_source() -> None:
    """The limit is the one that refuses entries: 3 pips for a major by default."""

    def wide(quote: QuoteReading, now_ns: int) -> QuoteReading:
        return replace_ask(quote, 40e-5) if now_ns == close(1) else quote

    host = begin(Sources(Terminal(quote=wide)))
    host.advance_to(close(2))

    assert sources_of(host, Quote) == ["test", "second", "second"]
    reason = states(host, "EURUSD")[1][2]
    assert reason.startswith("terminal: spread 4 pips, at most ")


def test_a_quiet_minute_is_no_outage() -> None:
    """Without a tick there is no bar; a young quote shows that the terminal is there."""
    host = begin(Sources(Terminal(bars=drop(("EURUSD",), close(2)))))
    host.advance_to(close(3))

    assert host.asked(ReadSecondPrices) == []


@pytest.mark.parametrize(("apart", "is_apart"), [(1.1 * 0.0025 * 0.99, False), (0.003, True)])
def test_closes_of_both_are_compared_now_and_then(apart: float, is_apart: bool) -> None:
    """Beyond the limit the symbol is traded by neither, and the terminal's prices stay."""
    host = begin(Sources(apart=lambda now_ns: apart), compare_every_bars=4)

    host.advance_to(close(4))

    assert host.asked(ReadSecondPrices)
    seen = [state for _, state, _ in states(host, "EURUSD")]
    assert seen == [FeedState.DIVERGED] if is_apart else seen == [FeedState.LIVE]
    assert set(sources_of(host, Bar)) == {"test"}
    if is_apart:
        assert states(host, "EURUSD")[0][2] == "twelvedata closes at 1.103, the terminal at 1.1"


def test_a_contradiction_ends_after_three_closes_of_agreement() -> None:
    """It is compared at every close until then; one that cannot be compared does not count."""
    sources = Sources(
        apart=lambda now_ns: 0.01 if now_ns < close(1) else 0.0,
        second_fails=lambda now_ns: close(2) <= now_ns < close(3),
    )
    host = begin(sources, compare_every_bars=4)

    host.advance_to(close(5))

    assert [(ts, state) for ts, state, _ in states(host, "EURUSD")] == [
        (close(0), FeedState.DIVERGED),
        (close(1), FeedState.DIVERGED),
        (close(2), FeedState.DIVERGED),
        (close(3), FeedState.DIVERGED),
        (close(4), FeedState.LIVE),
    ]
    assert "not compared: twelvedata: 429" in states(host, "EURUSD")[2][2]


@pytest.mark.parametrize("step", range(2, 60, 3))
def test_a_kill_at_any_step_posts_each_close_once(step: int) -> None:
    """A rebuilt agent knows by the facts where each symbol stands."""
    whole = begin(Sources(Terminal(fails=outage(2, 4))))
    whole.advance_to(close(9))

    killed = begin(Sources(Terminal(fails=outage(2, 4))), frozenset({step}))
    killed.advance_to(close(9))

    assert [(e.key, e.fact) for e in killed.entries()] == [(e.key, e.fact) for e in whole.entries()]


def test_an_unvalued_symbol_keeps_its_bars_and_says_why() -> None:
    """Its prices are sound, so nobody else is asked for them."""

    @dataclass
    class Unvalued(Terminal):
        def __call__(self, request: Request, now_ns: int) -> Reply:
            reply = super().__call__(request, now_ns)
            if not isinstance(request, ReadQuotes):
                return reply
            return replace_quotes(reply)

    host = begin(Sources(Unvalued()))
    host.advance_to(close(1))

    assert len(told(host, Bar, "USDJPY")) == 2
    assert told(host, Quote, "USDJPY") == []
    assert states(host, "USDJPY") == [(close(0), FeedState.UNVALUED, "no rate of JPY in PLN")]
    assert host.asked(ReadSecondPrices) == []


def replace_ask(quote: QuoteReading, spread: float) -> QuoteReading:
    """Return a quote with another spread."""
    return msgspec.structs.replace(quote, ask=quote.bid + spread)


def replace_quotes(reply: Reply) -> Reply:
    """Return quotes without that of the yen, which nothing values."""
    assert isinstance(reply, QuotesRead)
    quotes = tuple(each for each in reply.quotes if each.symbol != "USDJPY")
    return msgspec.structs.replace(
        reply, quotes=quotes, unvalued=(("USDJPY", "no rate of JPY in PLN"),)
    )
