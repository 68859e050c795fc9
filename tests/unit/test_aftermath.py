"""After an event entries stay barred while its market is restless, and not a close longer."""

from collections.abc import Mapping

import pytest

from blackboard.entry import Draft
from blackboard.facts import (
    Bar,
    EntryBlackout,
    Fact,
    Quote,
    SymbolSpec,
    Timeframe,
    VolatilityForecast,
    Vote,
)
from blackboard.facts.news import Impact
from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.proof.safety.entry_scene import a_spec
from tests.lone_agent import LoneAgent
from tests.news_feeds import M15_NS, SETTINGS, START_NS, Feeds, a_bar, a_text, an_event, told
from tests.samples import SAMPLES

EVENT_MIN = 20
"""An event of high impact at 10:20: its blackout lasts from 10:05 to 10:35."""
USUAL_POINTS = 10


def a_forecast(symbol: str, close_ns: int, ratio: float, **changes: object) -> Draft:
    """Return a forecast of a close with a ratio whose limit is 3."""
    fields: dict[str, object] = {
        "timeframe": Timeframe.M15,
        "horizon_bars": SETTINGS.agents.lstm_vol.horizons_bars[0],
        "sigma_frac": 0.001,
        "sigma_low_frac": 0.0005,
        "sigma_high_frac": 0.002,
        "vol_ratio": ratio,
        "vol_ratio_limit": 3.0,
        "vetoes_reversal": ratio > 3.0,
        "atr_scale": 1.0,
        "abstains": False,
        "reason": "",
        "model": "test",
    }
    fact = VolatilityForecast(scope=symbol, **(fields | changes))  # type: ignore[arg-type]
    return Draft(fact=fact, ts_event_ns=close_ns, timeframe="M15", ordinal=str(fact.horizon_bars))


def a_quote(symbol: str, at_ns: int, spread_points: int, place: int = 0) -> Draft:
    """Return a quote around 1.1 with a spread."""
    ask = round(1.1 + spread_points * 0.00001, 5)
    fact = Quote(scope=symbol, bid=1.1, ask=ask, account_per_quote=1.0, source="test")
    return Draft(fact=fact, ts_event_ns=at_ns, ordinal=str(place))


def begin(feeds: Feeds, quotes: int = 30, **options: object) -> LoneAgent:
    """Start a sentiment agent that has seen usual spreads, and hears forecasts."""
    from agents.sentiment import SentimentAgent

    host = LoneAgent(
        SentimentAgent,
        SETTINGS,
        feeds,
        now_ns=START_NS,
        neighbour_posts=[Bar, Quote, SymbolSpec, VolatilityForecast],
        **options,  # type: ignore[arg-type]
    )
    host.post(*(Draft(fact=a_spec(symbol), ts_event_ns=START_NS) for symbol in SETTINGS.symbols))
    host.post(
        *(
            a_quote(symbol, START_NS, USUAL_POINTS, 1 + place)
            for symbol in SETTINGS.symbols
            for place in range(quotes)
        )
    )
    return host


def at(
    host: LoneAgent, number: int, *more: Draft, spreads: Mapping[str, int] | None = None
) -> None:
    """Let a close come with its bars, quotes and what else is said at it."""
    close_ns = START_NS + number * M15_NS
    host.advance_to(close_ns)
    drafts = [a_bar(symbol, close_ns) for symbol in SETTINGS.symbols]
    for symbol in SETTINGS.symbols:
        points = (spreads or {}).get(symbol, USUAL_POINTS)
        drafts.append(a_quote(symbol, close_ns, points))
    host.post(*drafts)
    if more:
        host.post(*more)


def extensions(host: LoneAgent) -> list[tuple[int, str, str]]:
    """Return the extensions posted: number of the close, symbol, and what keeps them."""
    return [
        ((ts_ns - START_NS) // M15_NS, fact.scope, fact.extends)
        for ts_ns, fact in told(host, EntryBlackout)
        if fact.extends
    ]


def storm(number: int, symbol: str = "EURUSD", ratio: float = 5.0) -> Draft:
    """Return a forecast above its limit for a close."""
    return a_forecast(symbol, START_NS + number * M15_NS, ratio)


def test_storm_keeps_entries_barred_from_close_to_close_for_an_hour() -> None:
    """The forecast of the close before counts; from 10:35 on that is 10:45 to 11:30."""
    host = begin(Feeds(events=(an_event(EVENT_MIN),)))
    for number in range(9):
        at(host, number, storm(number))

    assert extensions(host) == [(number, "EURUSD", "volatility") for number in (3, 4, 5, 6)]
    barred = [fact for _, fact in told(host, EntryBlackout) if fact.extends]
    spans = [(fact.from_ns - START_NS, fact.valid_until_ns - START_NS) for fact in barred]
    assert spans[0] == (3 * M15_NS, 4 * M15_NS - SECOND_NS)
    assert spans[-1] == (6 * M15_NS, 95 * MINUTE_NS)  # an hour after 10:35
    assert {(fact.currency, fact.event, fact.impact) for fact in barred} == {
        ("USD", "CPI", Impact.HIGH)
    }


def test_calm_market_is_entered_when_its_blackout_is_over() -> None:
    """Below the limit, abstaining, of another horizon or not yet before the close: no extension."""
    calm = begin(Feeds(events=(an_event(EVENT_MIN),)))
    for number in range(8):
        close_ns = START_NS + number * M15_NS
        at(
            calm,
            number,
            storm(number, ratio=2.9),
            a_forecast("EURUSD", close_ns, 9.0, horizon_bars=16),
            a_forecast("USDJPY", close_ns, 9.0, abstains=True),
        )
    assert extensions(calm) == []

    late = begin(Feeds(events=(an_event(EVENT_MIN),)))
    for number in range(4):
        at(late, number, *([storm(number)] if number == 3 else []))
    assert extensions(late) == []


@pytest.mark.parametrize(("points", "expected"), [(14, []), (15, [(3, "EURUSD", "spread")])])
def test_wide_spread_keeps_entries_barred(
    points: int, expected: list[tuple[int, str, str]]
) -> None:
    """From one and a half times the median of the hour on: 15 points where 10 are usual."""
    host = begin(Feeds(events=(an_event(EVENT_MIN),)))
    for number in range(6):
        at(host, number, spreads={"EURUSD": points if number == 3 else USUAL_POINTS})

    assert extensions(host) == expected


def test_spread_says_nothing_while_the_usual_one_is_not_known() -> None:
    """Fewer quotes than risk asks for are no median."""
    host = begin(Feeds(events=(an_event(EVENT_MIN),)), quotes=3)
    for number in range(5):
        at(host, number, spreads={"EURUSD": 90})

    assert extensions(host) == []


def test_strong_texts_lengthen_a_blackout_and_never_shorten_one() -> None:
    """Four texts of one mind, a quarter of an hour old, score 0.66, three 0.59: 0.6 is strong.

    Both pairs of the dollar wait at the closes until an hour after the event, at 11:20.
    """
    texts = tuple(a_text(f"Dollar slumps to {days}-day low", 31) for days in (10, 20, 30, 40))
    three = begin(Feeds(events=(an_event(EVENT_MIN),), texts=texts[:3]))
    four = begin(Feeds(events=(an_event(EVENT_MIN),), texts=texts))
    for number in range(8):
        at(three, number)
        at(four, number)

    assert extensions(three) == []
    assert extensions(four) == [
        (number, symbol, "texts") for number in (3, 4, 5) for symbol in SETTINGS.symbols
    ]
    barred = [fact for _, fact in told(four, EntryBlackout)]
    own = {fact.valid_until_ns - START_NS for fact in barred if not fact.extends}
    assert own == {35 * MINUTE_NS}
    assert max(fact.valid_until_ns for fact in barred) == START_NS + 80 * MINUTE_NS


def test_only_pairs_of_the_currency_wait() -> None:
    """An event of the euro leaves the yen's pair alone; one of all currencies concerns each."""
    euro = begin(Feeds(events=(an_event(EVENT_MIN, currency="EUR"),)))
    world = begin(Feeds(events=(an_event(EVENT_MIN, currency="ALL"),)))
    for number in range(4):
        for host in (euro, world):
            at(host, number, storm(number), storm(number, "USDJPY"))

    assert {symbol for _, symbol, _ in extensions(euro)} == {"EURUSD"}
    assert {symbol for _, symbol, _ in extensions(world)} == {"EURUSD", "USDJPY"}


def test_events_of_low_impact_have_no_aftermath() -> None:
    """What has no blackout has none that is extended."""
    host = begin(Feeds(events=(an_event(EVENT_MIN, impact=Impact.LOW),)))
    for number in range(5):
        at(host, number, storm(number))

    assert told(host, EntryBlackout) == []


def test_extension_is_there_before_anybody_votes_and_the_same_after_a_restart() -> None:
    """A decision of that close sees it, and a new life says the same once more."""
    killed = begin(Feeds(events=(an_event(EVENT_MIN),)), kill_before=frozenset({14, 17}))
    whole = begin(Feeds(events=(an_event(EVENT_MIN),)))
    for number in range(6):
        at(killed, number, storm(number))
        at(whole, number, storm(number))

    votes = {entry.ts_event_ns: entry.seq for entry in reversed(whole.entries(Vote))}
    for entry in whole.entries(EntryBlackout):
        assert entry.seq < votes[entry.ts_event_ns]
    assert extensions(killed) == extensions(whole)


def test_sample_is_no_extension() -> None:
    """Journals written before read as blackouts of their own."""
    sample: Fact = SAMPLES["EntryBlackout"]

    assert isinstance(sample, EntryBlackout)
    assert sample.extends == ""
