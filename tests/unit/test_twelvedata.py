"""Twelve Data and Fixer on a local server: both shapes of an answer, and every way to fail."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr

from agents.requests import BarsRead, ReadBars, ReadSecondPrices, Unanswered
from blackboard.facts.market import Timeframe
from config.feeds import FeedsSection, FixerTerms, TwelveDataTerms
from models.market.sessions import MINUTE_NS
from runtime.feeds.feed_client import FeedClient, FeedKey
from runtime.feeds.feed_store import FeedStore
from runtime.feeds.fixer import Fixer
from runtime.feeds.twelvedata import TwelveData
from runtime.feeds.twelvedata_prices import TwelveDataPrices
from runtime.feeds.worth import OutsideRate, OutsideRates, settled_outside
from runtime.instants import instant_ns
from tests.feed_server import (
    FeedServer,
    Reply,
    cut,
    failing,
    page,
    page_called_json,
    recorded,
    silent,
    too_many,
)

NOW_NS = instant_ns("2025-03-05T10:30:00Z")
"""The bar of 10:30 in the recorded answer is still forming."""
FROM_NS = instant_ns("2025-03-05T10:00:00Z")
SECTION = FeedsSection(read_timeout_s=0.2, deadline_s=1.0, tries_max=1)
CANARY = "canary-5b1d"
DEPTH = 32


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Return a feed on this machine."""
    with FeedServer() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedStore]:
    """Return an empty store."""
    store = FeedStore(tmp_path / "feeds", 10_000_000)
    yield store
    store.close()


@pytest.fixture
def feed(server: FeedServer, store: FeedStore) -> Iterator[TwelveData]:
    """Return Twelve Data as the server plays it, eight symbols a minute."""
    terms = TwelveDataTerms(url=server.url("").rstrip("/"))
    key = FeedKey(SecretStr(CANARY), "apikey")
    client = FeedClient("twelvedata", terms, SECTION, store, key=key)
    yield TwelveData(client, DEPTH)
    client.close()


@pytest.fixture
def fixer(server: FeedServer, store: FeedStore) -> Iterator[Fixer]:
    """Return Fixer as the server plays it."""
    terms = FixerTerms(url=server.url("/latest"))
    key = FeedKey(SecretStr(CANARY), "access_key")
    client = FeedClient("fixer", terms, SECTION, store, key=key)
    yield Fixer(client, DEPTH)
    client.close()


def asks(symbol: str, timeframe: Timeframe = Timeframe.M15, until_ns: int = NOW_NS) -> ReadBars:
    """Return a request for the bars since 10:00."""
    return ReadBars(symbol=symbol, timeframe=timeframe, from_ns=FROM_NS, until_ns=until_ns)


def closes(answer: BarsRead | Unanswered) -> list[float]:
    """Return the closes of an answer."""
    assert isinstance(answer, BarsRead)
    assert answer.source == "twelvedata"
    return [float(close) for close in answer.bars["close"]]


def test_one_symbol_is_answered_without_its_name(feed: TwelveData, server: FeedServer) -> None:
    """Newest first becomes oldest first; the forming bar is cut off; times are closes in UTC."""
    server.serve("/time_series", recorded("twelvedata_time_series.json"))

    (answer,) = feed.bars([asks("EURUSD")], NOW_NS)

    assert closes(answer) == [1.0666, 1.0671]
    assert isinstance(answer, BarsRead)
    assert answer.bars["close_ns"].tolist() == [
        instant_ns("2025-03-05T10:15:00Z"),
        instant_ns("2025-03-05T10:30:00Z"),
    ]
    (asked,) = server.asked
    assert asked.query == {
        "symbol": "EUR/USD",
        "interval": "15min",
        "start_date": "2025-03-05 10:00:00",
        "end_date": "2025-03-05 10:30:00",
        "timezone": "UTC",
        "order": "ASC",
        "outputsize": "5000",
        "apikey": CANARY,
    }


def test_several_symbols_are_answered_under_their_names(
    feed: TwelveData, server: FeedServer
) -> None:
    """One request, which counts each symbol."""
    server.serve("/time_series", recorded("twelvedata_time_series_batch.json"))

    euro, yen = feed.bars([asks("EURUSD"), asks("USDJPY")], NOW_NS)

    assert (closes(euro), closes(yen)) == ([1.0666, 1.0671], [149.41, 149.38])
    assert [asked.query["symbol"] for asked in server.asked] == ["EUR/USD,USD/JPY"]


def test_an_error_in_the_place_of_one_symbol_leaves_the_other(
    feed: TwelveData, server: FeedServer
) -> None:
    """And one that the answer leaves out is unanswered, too."""
    whole = json.loads(recorded("twelvedata_time_series_batch.json").body)
    whole["USD/JPY"] = {"code": 404, "message": "symbol not found", "status": "error"}
    server.serve("/time_series", Reply(body=json.dumps(whole).encode()))

    euro, yen, pound = feed.bars([asks("EURUSD"), asks("USDJPY"), asks("GBPUSD")], NOW_NS)

    assert closes(euro) == [1.0666, 1.0671]
    assert isinstance(yen, Unanswered)
    assert isinstance(pound, Unanswered)
    assert (yen.reason, pound.reason) == ("404 not found", "the answer leaves it out")


FAULTS: dict[str, tuple[Reply, str]] = {
    "error with status 200": (recorded("twelvedata_error.json"), "429 too many requests"),
    "wrong key with status 200": (
        Reply(body=b'{"code": 401, "message": "apikey is wrong", "status": "error"}'),
        "401 the key is refused",
    ),
    "429": (too_many("60"), "429 too many requests"),
    "500": (failing(500), "the server failed (500)"),
    "page": (page(), "a web page instead of data"),
    "page called JSON": (page_called_json(), "a web page instead of data"),
    "silent": (silent(), "no answer in time (ReadTimeout)"),
    "cut": (cut(recorded("twelvedata_time_series.json")), "the answer was cut off"),
    "list": (Reply(body=b"[1, 2]"), "not in the expected form"),
    "no text": (
        Reply(body=b'{"values": [{"datetime": 1}], "status": "ok"}'),
        "not in the expected form",
    ),
    "no number": (
        Reply(
            body=b'{"status": "ok", "values": [{"datetime": "2025-03-05 10:00:00", "open": "x",'
            b' "high": "1", "low": "1", "close": "1"}]}'
        ),
        "not in the expected form",
    ),
}


@pytest.mark.parametrize(("reply", "reason"), FAULTS.values(), ids=FAULTS)
def test_f37_every_failure_is_unanswered_with_its_kind_and_never_its_text(
    feed: TwelveData, server: FeedServer, reply: Reply, reason: str
) -> None:
    """The feed's own words may repeat the key, so they are not passed on."""
    server.serve("/time_series", reply)

    (answer,) = feed.bars([asks("EURUSD")], NOW_NS)

    assert isinstance(answer, Unanswered)
    assert answer.reason == reason
    assert CANARY not in repr(answer)


def test_the_own_limit_counts_symbols(feed: TwelveData, server: FeedServer) -> None:
    """Eight a minute: the second batch of five is refused here, unasked."""
    server.serve("/time_series", recorded("twelvedata_time_series_batch.json"))
    names = ("EURUSD", "USDJPY", "GBPUSD", "AUDUSD", "USDCAD")

    feed.bars([asks(name) for name in names], NOW_NS)
    second = feed.bars([asks(name) for name in names], NOW_NS)

    assert len(server.asked) == 1
    assert isinstance(second[0], Unanswered)
    assert second[0].reason.startswith("our own limit of requests is spent")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (
            asks("EURUSD", Timeframe.H4),
            "twelvedata begins bars of H4 at other hours than a terminal",
        ),
        (
            asks("EURUSD", Timeframe.M1, FROM_NS + 5001 * MINUTE_NS),
            "twelvedata gives at most 5000 bars, asked for 5001",
        ),
    ],
)
def test_what_cannot_be_answered_is_not_asked(
    feed: TwelveData, server: FeedServer, request_: ReadBars, reason: str
) -> None:
    """Bars on another grid, or too many of them."""
    (answer,) = feed.bars([request_], NOW_NS)

    assert isinstance(answer, Unanswered)
    assert (answer.reason, server.asked) == (reason, [])


def rate(value: object, at_ns: int) -> Reply:
    """Return an answer to exchange_rate."""
    body = {"symbol": "PLN/USD", "rate": value, "timestamp": at_ns // 1_000_000_000}
    return Reply(body=json.dumps(body).encode())


def test_a_rate_is_asked_once_and_kept_for_its_minutes(
    feed: TwelveData, server: FeedServer
) -> None:
    """A kept rate has the time of its making, not of its reading."""
    made_ns = NOW_NS - 3 * MINUTE_NS
    server.serve("/exchange_rate", rate(0.2561, made_ns))

    prices = [feed.price("PLNUSD", NOW_NS + minute * MINUTE_NS) for minute in (0, 14)]

    assert prices == [(0.2561, made_ns)] * 2
    assert [asked.query["symbol"] for asked in server.asked] == ["PLN/USD"]


@pytest.mark.parametrize(
    "reply",
    [
        rate(0.0, NOW_NS),
        rate(-1.0, NOW_NS),
        rate("0.25", NOW_NS),
        rate(0.25, NOW_NS + 60 * MINUTE_NS),
        recorded("twelvedata_error.json"),
        failing(500),
    ],
)
def test_a_rate_that_makes_no_sense_is_none(
    feed: TwelveData, server: FeedServer, reply: Reply
) -> None:
    """Nor is it kept: the next reading asks again."""
    server.serve("/exchange_rate", reply, rate(0.25, NOW_NS))

    assert feed.price("PLNUSD", NOW_NS) is None
    assert feed.price("PLNUSD", NOW_NS) == (0.25, NOW_NS)


FIXER_NS = 1_741_168_744 * 1_000_000_000


def test_fixer_values_any_two_currencies_of_its_table(fixer: Fixer, server: FeedServer) -> None:
    """The worth is the quotient of two rates of the base, and one request serves them all."""
    server.serve("/latest", recorded("fixer_latest.json"))

    price = fixer.price("PLNUSD", FIXER_NS)

    assert price == (1.067302 / 4.170911, FIXER_NS)
    assert fixer.price("EURUSD", FIXER_NS) == (1.067302, FIXER_NS)
    assert fixer.price("TRYUSD", FIXER_NS) is None
    assert len(server.asked) == 1
    assert server.asked[0].query == {"access_key": CANARY}


@pytest.mark.parametrize("reply", [recorded("fixer_error.json"), failing(500), page()])
def test_a_failure_of_fixer_is_no_rate(fixer: Fixer, server: FeedServer, reply: Reply) -> None:
    """Its errors come with status 200."""
    server.serve("/latest", reply)

    assert fixer.price("PLNUSD", FIXER_NS) is None


@pytest.fixture
def rates(feed: TwelveData, fixer: Fixer) -> OutsideRates:
    """Return both sources, whose rates may be an hour old."""
    return OutsideRates((("twelvedata", feed), ("fixer", fixer)), 60)


def test_the_first_source_with_a_young_rate_is_taken(
    rates: OutsideRates, server: FeedServer
) -> None:
    """With its name and its time; one that is older makes room for the next."""
    old_ns = FIXER_NS - 61 * MINUTE_NS
    server.serve("/exchange_rate", rate(0.2561, old_ns))
    server.serve("/latest", recorded("fixer_latest.json"))

    found = rates.rate("PLN", "USD", FIXER_NS)

    assert found == OutsideRate(1.067302 / 4.170911, "fixer", FIXER_NS)


def test_where_no_rate_is_young_enough_the_reason_names_each(
    rates: OutsideRates, server: FeedServer
) -> None:
    """No default stands in for it."""
    server.serve("/exchange_rate", failing(500))
    server.serve("/latest", recorded("fixer_latest.json"))

    said = rates.rate("PLN", "USD", FIXER_NS + 90 * MINUTE_NS)

    assert said == "no rate of PLN in USD: twelvedata: none, fixer: 90 min old, at most 60"
    nobody = OutsideRates((), 60).rate("PLN", "USD", FIXER_NS)
    assert str(nobody).endswith("terminal.conversion_sources names nobody to ask")


@pytest.mark.parametrize(
    ("told", "is_taken"), [(0.0, True), (0.25, True), (0.2561, True), (0.5, False)]
)
def test_a_rate_that_the_terminal_contradicts_is_not_taken(told: float, is_taken: bool) -> None:
    """A terminal that cannot value a currency tells 0."""
    outside = OutsideRate(0.2561, "fixer", FIXER_NS)

    assert (settled_outside(told, outside) == outside) == is_taken


Second = Callable[[str], list[tuple[str, float, str]]]


def test_the_second_source_values_by_its_own_bars_first(
    feed: TwelveData, rates: OutsideRates, server: FeedServer
) -> None:
    """Yen by USDJPY of the same answer, zloty by a rate; without a currency nothing is valued."""
    server.serve("/time_series", recorded("twelvedata_time_series_batch.json"))
    server.serve("/exchange_rate", rate(3.9, NOW_NS))
    request = ReadSecondPrices(bars=(asks("EURUSD"), asks("USDJPY")))
    prices = TwelveDataPrices(feed, rates)

    in_dollars = prices.read(request, "USD", NOW_NS).worths
    in_zloty = prices.read(request, "PLN", NOW_NS + 5 * MINUTE_NS).worths

    assert [(one.symbol, one.account_per_quote, one.source) for one in in_dollars] == [
        ("EURUSD", 1.0, "twelvedata"),
        ("USDJPY", 1.0 / 149.38, "twelvedata"),
    ]
    assert [(one.symbol, one.account_per_quote, one.made_ns) for one in in_zloty] == [
        ("EURUSD", 3.9, NOW_NS),
        ("USDJPY", 3.9, NOW_NS),
    ]
    assert prices.read(request, "", NOW_NS + 10 * MINUTE_NS).worths == ()
