"""RSS, Atom, Event Registry and X: their shapes, their faults, and keys that nobody sees."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr

from blackboard.facts.news import Medium
from config.feeds import EventRegistryTerms, FeedsSection, FeedTerms, XTerms
from models.market.sessions import MINUTE_NS
from runtime.feeds.allowance import Allowance
from runtime.feeds.answers import Answered, Refused
from runtime.feeds.articles import ArticleSearch
from runtime.feeds.feed_client import FeedClient, FeedKey
from runtime.feeds.feed_store import FeedStore
from runtime.feeds.headlines import FileTexts
from runtime.feeds.syndication import SyndicatedFeed, plain, texts_of
from runtime.feeds.x_posts import RecentPosts, query_of
from runtime.instants import instant_ns
from tests.feed_server import (
    FeedServer,
    Reply,
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
KEY = "k3y-that-nobody-may-see"
SECTION = FeedsSection(retry_pause_s=0.0, bytes_max=200_000, tries_max=1)
IMPATIENT = SECTION.model_copy(update={"read_timeout_s": 0.2, "deadline_s": 2.0})
"""For servers that never answer; any other may be slow on a machine that has much to do."""
X_PATH = "/2/tweets/search/recent"


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    """Ask once."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a fault, with little patience where the server never ends its answer."""
    name = str(request.param)
    if name in {"silent", "stuck"}:
        monkeypatch.setattr("tests.unit.test_text_feeds.SECTION", IMPATIENT)
    return name


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Return a server of every text feed."""
    with FeedServer() as server:
        server.serve("/rss", recorded("headlines.rss"))
        server.serve("/atom", recorded("headlines.atom"))
        server.serve("/articles", recorded("event_registry_articles.json"))
        server.serve(X_PATH, recorded("x_recent_search.json"))
        yield server


@pytest.fixture
def store(tmp_path: Path) -> FeedStore:
    """Return a store of its own."""
    return FeedStore(tmp_path / "feeds", 10_000_000)


_clients: list[FeedClient] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the clients that a test has made."""
    yield
    while _clients:
        _clients.pop().close()


def a_client(name: str, terms: FeedTerms, store: FeedStore, key: str = "") -> FeedClient:
    """Return a client, with a key as a parameter if there is one."""
    held = FeedKey(SecretStr(key), "apiKey") if name == "event_registry" else None
    _clients.append(FeedClient(name, terms, SECTION, store, key=held))
    return _clients[-1]


def a_feed(server: FeedServer, store: FeedStore, path: str = "/rss") -> SyndicatedFeed:
    """Return a feed of headlines."""
    terms = FeedTerms(url=server.url(path), cache_min=0, requests_per_min_max=100)
    return SyndicatedFeed(a_client("rss1", terms, store))


def a_search(server: FeedServer, store: FeedStore, key: str = KEY) -> ArticleSearch:
    """Return an article search for the pairs of two currencies."""
    terms = EventRegistryTerms(url=server.url("/articles"), cache_min=0)
    client = a_client("event_registry", terms, store, key)
    return ArticleSearch(client, terms, SECTION, ("EUR", "USD"))


def posts_of(
    server: FeedServer, store: FeedStore, *symbols: str, token: str = KEY, **terms: object
) -> RecentPosts:
    """Return recent posts, from a hub of this machine."""
    own = XTerms.model_validate({"url": server.url().rstrip("/"), **terms})
    return RecentPosts(
        SecretStr(token), own, SECTION, Allowance("x", own, store), symbols or ("EURUSD",)
    )


def test_rss_gives_titles_with_their_times(server: FeedServer, store: FeedStore) -> None:
    """Two items, the second in another time zone, entities written out, no description."""
    answer = a_feed(server, store).fetch(NOW_NS)

    assert [(each.text, each.published_ns) for each in answer.texts] == [
        ("Dollar slips as services data disappoint", instant_ns("2025-03-05T09:55:00Z")),
        ("Bank of Japan official sees room to hike & wait", instant_ns("2025-03-05T09:40:00Z")),
    ]
    assert {each.source for each in answer.texts} == {"127.0.0.1"}


def test_atom_gives_titles_without_markup(server: FeedServer, store: FeedStore) -> None:
    """A title of type html loses its tags."""
    (entry,) = a_feed(server, store, "/atom").fetch(NOW_NS).texts

    assert entry.text == "Monetary policy decisions: rates unchanged"
    assert entry.published_ns == instant_ns("2025-03-05T09:30:00Z")


def xml(body: bytes) -> Answered:
    """Return an answer in XML."""
    return Answered(body=body, content_type="application/xml", received_ns=NOW_NS)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><rss><channel><item><title>&c;</title></item>'
    b"</channel></rss>"
)
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<rss><channel><item><title>&x;</title></item></channel></rss>"
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        OUTSIDE,
        b'<!DOCTYPE rss SYSTEM "http://127.0.0.1/x.dtd"><rss/>',
        b"<rss><channel>",
        b"<html><body>Just a moment</body></html>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><rss/>',
        b"",
    ],
)
def test_xml_that_could_harm_or_is_no_feed_is_refused(body: bytes) -> None:
    """Entities, documents from outside, unfinished or other XML, and what is none."""
    assert isinstance(texts_of(xml(body), "wire"), Refused)


def test_a_feed_of_any_depth_and_length_is_bounded() -> None:
    """Ten thousand items are read to the limit; an item far below is not looked for."""
    item = b"<item><title>Euro rises</title></item>"
    long = b"<rss><channel>" + item * 10_000 + b"</channel></rss>"
    deep = b"<rss>" + b"<a>" * 5_000 + item + b"</a>" * 5_000 + b"</rss>"

    many, none = texts_of(xml(long), "wire"), texts_of(xml(deep), "wire")

    assert not isinstance(many, Refused)
    assert len(many) == 1_001
    assert none == []


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Wed, 05 Mar 2025 09:55:00 GMT", "2025-03-05T09:55:00Z"),
        ("2025-03-05T10:55:00+01:00", "2025-03-05T09:55:00Z"),
        ("2025-03-05T09:55:00", "2025-03-05T09:55:00Z"),
    ],
)
def test_dates_of_feeds_are_read_in_both_forms(date: str, at: str) -> None:
    """RFC 822 and RFC 3339; a time without a zone is taken for UTC."""
    texts = texts_of(
        xml(f"<rss><item><title>a</title><pubDate>{date}</pubDate></item></rss>".encode()), "w"
    )

    assert not isinstance(texts, Refused)
    assert texts[0].published_ns == instant_ns(at)


@pytest.mark.parametrize("date", ["yesterday", "", "Wed, 99 Mar 99999 99:99:99", "9" * 5_000])
def test_a_date_that_is_none_is_unknown(date: str) -> None:
    """It is not now, and not 1970."""
    texts = texts_of(
        xml(f"<rss><item><title>a</title><pubDate>{date}</pubDate></item></rss>".encode()), "w"
    )

    assert not isinstance(texts, Refused)
    assert texts[0].published_ns == 0


def test_markup_is_taken_out_of_any_text() -> None:
    """Tags, escaped tags, and a tag that does not end."""
    assert plain("<script>alert(1)</script>Euro") == "alert(1) Euro"
    assert plain("&lt;img src=x onerror=run()&gt;Euro") == "Euro"
    assert plain("1 < 2 and euro") == "1 < 2 and euro"
    assert len(plain("<" * 1_000_000)) <= 4_096


def test_articles_of_rank_and_language_pass(server: FeedServer, store: FeedStore) -> None:
    """A copy is counted, the first is dated by its publication."""
    answer = a_search(server, store).fetch(NOW_NS)

    (text,) = answer.texts
    assert text.text == "Euro climbs as German spending plan lifts growth outlook"
    assert (text.source, text.published_ns) == ("news.example", instant_ns("2025-03-05T09:41:00Z"))
    assert answer.dropped == (("copies", 1),)


def test_the_search_names_currencies_and_language(server: FeedServer, store: FeedStore) -> None:
    """As Event Registry documents its queries."""
    a_search(server, store).fetch(NOW_NS)

    (asked,) = server.asked
    query = json.loads(asked.query["query"])["$query"]["$and"]
    assert query == [
        {"lang": "eng"},
        {"$or": [{"keyword": "euro currency"}, {"keyword": "US dollar"}]},
    ]
    assert asked.query["apiKey"] == KEY
    assert asked.query["includeArticleBody"] == "false"


def test_sources_of_low_rank_and_other_languages_are_counted(
    server: FeedServer, store: FeedStore
) -> None:
    """Rank 912,400 is beyond 200,000; German is not read."""
    body = json.loads(recorded("event_registry_articles.json").body)
    first, second = body["articles"]["results"]
    first["lang"], second["isDuplicate"] = "deu", False
    server.serve("/articles", Reply(body=json.dumps(body).encode()))

    answer = a_search(server, store).fetch(NOW_NS)

    assert answer.texts == ()
    assert dict(answer.dropped) == {"another language": 1, "source of low rank": 1}


def test_an_error_that_comes_with_status_200_is_told(server: FeedServer, store: FeedStore) -> None:
    """Event Registry says so when a key is wrong or the day's tokens are spent."""
    server.serve("/articles", Reply(body=b'{"error": "daily limit of tokens reached"}'))

    assert a_search(server, store).fetch(NOW_NS).problem == (
        "the key is refused or its quota is spent"
    )


def test_a_days_quota_is_kept(server: FeedServer, store: FeedStore) -> None:
    """After two requests of two the third is not made."""
    terms = EventRegistryTerms(url=server.url("/articles"), cache_min=0, requests_per_day_max=2)

    def fetch(minutes: int) -> str:
        client = a_client("event_registry", terms, store, KEY)
        search = ArticleSearch(client, terms, SECTION, ("EUR",))
        return search.fetch(NOW_NS + minutes * MINUTE_NS).problem

    assert [fetch(0), fetch(10)] == ["", ""]
    assert fetch(20) == "our own limit of requests is spent (2 a day)"
    assert len(server.asked) == 2


def test_posts_come_through_tweepy(server: FeedServer, store: FeedStore) -> None:
    """As X documents its search: bearer, fields, one query a pair; an advertiser is not heard."""
    answer = posts_of(server, store, "EURUSD", "USDJPY").fetch(NOW_NS)

    first, second = server.asked
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.query["query"] == query_of("EURUSD", "en")
    assert first.query["expansions"] == "author_id"
    assert second.query["query"] == query_of("USDJPY", "en")
    assert answer.texts[0].text == "$EURUSD breaks 1.0670, euro looks strong into the ECB"
    assert answer.texts[0].author == "1001"
    assert dict(answer.dropped) == {"too few followers": 2}  # one in each pair's answer
    assert posts_of(server, store).medium is Medium.POST


def test_a_search_goes_on_behind_the_newest_post(server: FeedServer, store: FeedStore) -> None:
    """The second question names what was seen."""
    posts = posts_of(server, store)
    posts.fetch(NOW_NS)
    posts.fetch(NOW_NS + MINUTE_NS)

    assert "since_id" not in server.asked[0].query
    assert server.asked[1].query["since_id"] == "1897220000000000002"


def test_an_answer_without_posts_is_a_quiet_market(server: FeedServer, store: FeedStore) -> None:
    """X leaves `data` out then."""
    server.serve(X_PATH, Reply(body=b'{"meta": {"result_count": 0}}'))

    answer = posts_of(server, store).fetch(NOW_NS)

    assert (answer.texts, answer.problem) == ((), "")


def test_a_new_account_is_not_heard(server: FeedServer, store: FeedStore) -> None:
    """Joined in 2025, however many follow."""
    posts = posts_of(server, store, followers_min=0)

    answer = posts.fetch(NOW_NS)

    assert dict(answer.dropped) == {"a new account": 1}


def test_x_is_left_alone_when_it_asks_for_it(server: FeedServer, store: FeedStore) -> None:
    """429 until ten minutes from now: no request before, and the pair that was refused is next."""
    reset = (NOW_NS + 10 * MINUTE_NS) // 1_000_000_000
    refusing = replace(failing(429), headers=(("x-rate-limit-reset", str(reset)),))
    server.serve(X_PATH, refusing, recorded("x_recent_search.json"))
    posts = posts_of(server, store, "EURUSD", "USDJPY")

    first = posts.fetch(NOW_NS)
    second = posts.fetch(NOW_NS + 9 * MINUTE_NS)
    third = posts.fetch(NOW_NS + 11 * MINUTE_NS)

    assert first.problem == "EURUSD: 429 too many requests"
    assert (
        second.problem == "EURUSD: our own limit of requests is spent (asked to wait another 60 s)"
    )
    assert third.problem == ""
    assert [each.query["query"][1:7] for each in server.asked] == ["EURUSD", "EURUSD", "USDJPY"]


def test_x_is_asked_no_more_often_than_allowed(server: FeedServer, store: FeedStore) -> None:
    """Two of three pairs in this minute; the third comes first in the next."""
    posts = posts_of(server, store, "EURUSD", "USDJPY", "GBPUSD", requests_per_min_max=2)

    first = posts.fetch(NOW_NS)
    posts.fetch(NOW_NS + 2 * MINUTE_NS)

    assert first.problem == "GBPUSD: our own limit of requests is spent (2 a minute)"
    asked = [each.query["query"][1:7] for each in server.asked]
    assert asked == ["EURUSD", "USDJPY", "GBPUSD", "EURUSD"]


FAULTS: dict[str, Reply] = {
    "401": failing(401),
    "402": failing(402),
    "403": failing(403),
    "404": failing(404),
    "429": too_many(),
    "500": failing(500),
    "html": page(),
    "html called json": page_called_json(),
    "empty": empty(),
    "huge": huge(400_000),
    "silent": silent(),
    "cut": cut(recorded("x_recent_search.json")),
    "stuck": stuck(recorded("x_recent_search.json")),
    "redirected": redirected("https://example.com/"),
    "deep": Reply(body=b"[" * 5_000 + b"]" * 5_000),
    "other shape": Reply(body=b'{"data": {"text": 7}, "articles": [1]}'),
}


@pytest.mark.parametrize("fault", FAULTS, indirect=True)
@pytest.mark.parametrize("make", [a_feed, a_search, posts_of])
def test_every_fault_is_a_problem_with_a_name(
    server: FeedServer,
    store: FeedStore,
    fault: str,
    make: Callable[[FeedServer, FeedStore], SyndicatedFeed | ArticleSearch | RecentPosts],
) -> None:
    """No text, no exception, and never silence."""
    for path in ("/rss", "/articles", X_PATH):
        server.serve(path, FAULTS[fault])

    answer = make(server, store).fetch(NOW_NS)

    assert answer.texts == ()
    assert answer.problem


def test_no_redirect_takes_the_bearer_elsewhere(server: FeedServer, store: FeedStore) -> None:
    """X is asked at its address and nowhere else."""
    server.serve(X_PATH, redirected(server.url("/elsewhere")))
    server.serve("/elsewhere", recorded("x_recent_search.json"))

    posts_of(server, store).fetch(NOW_NS)

    assert [each.path for each in server.asked] == [X_PATH]


def test_without_a_key_nothing_is_asked(server: FeedServer, store: FeedStore) -> None:
    """And it says so."""
    assert posts_of(server, store, token="").fetch(NOW_NS).problem == "no key is set"
    assert a_search(server, store, key="").fetch(NOW_NS).problem == "no key is set"
    assert server.asked == []


@pytest.mark.parametrize(
    "fault", ["401", "429", "html", "cut", "silent", "redirected"], indirect=True
)
def test_no_key_is_ever_told(
    server: FeedServer, store: FeedStore, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a problem, not in a log at the finest level."""
    caplog.set_level(logging.DEBUG)
    for path in ("/articles", X_PATH):
        server.serve(path, FAULTS[fault])

    problems = [make(server, store).fetch(NOW_NS).problem for make in (a_search, posts_of)]

    assert KEY not in " ".join([*problems, *caplog.messages])


def test_a_file_stands_beside_the_network(tmp_path: Path) -> None:
    """Its texts are dated as it says; a file that is gone is a problem."""
    path = tmp_path / "wire.csv"
    path.write_text("time,text\n2025-03-05T09:00:00Z,Euro rises\n2025-03-05T11:00:00Z,Later\n")

    (text,) = FileTexts(path).fetch(NOW_NS).texts
    missing = FileTexts(tmp_path / "none.csv").fetch(NOW_NS)

    assert (text.text, text.published_ns) == ("Euro rises", instant_ns("2025-03-05T09:00:00Z"))
    assert "cannot be read" in missing.problem
