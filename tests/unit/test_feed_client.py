"""The one way to a feed: every failure has its kind, every limit holds, and no key is ever told."""

import gzip
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import diskcache
import pytest
import stamina
from pydantic import SecretStr, ValidationError
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from config.feeds import FeedsSection, FeedTerms
from models.market.sessions import DAY_NS, MINUTE_NS, SECOND_NS
from runtime.feeds.answers import Answered, FeedAnswer, Refusal, Refused
from runtime.feeds.feed_client import JSON, XML, FeedCall, FeedClient, FeedKey, KeyPlace
from runtime.feeds.feed_store import FeedStore
from runtime.feeds.json_answers import decode_json, depth_of
from runtime.instants import instant_ns
from tests.feed_server import (
    Asked,
    FeedServer,
    Reply,
    called,
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
    until_date,
)

NOW_NS = instant_ns("2025-03-05T10:00:00Z")
CANARY = "canary-8c1f5d0e"
SECTION = FeedsSection(
    read_timeout_s=30.0,  # a busy machine is no silent feed
    connect_timeout_s=30.0,
    deadline_s=60.0,
    retry_pause_s=0.0,
    retry_after_max_s=1.0,
    bytes_max=100_000,
)
IMPATIENT = SECTION.model_copy(update={"read_timeout_s": 0.2})
GOOD = Reply(body=b'{"a": [1, 2]}')
PACKED = (("Content-Encoding", "gzip"),)


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    """Repeat without pauses, up to the configured number of tries."""
    with stamina.set_testing(True, attempts=3):
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


Ask = Callable[..., FeedAnswer]


@pytest.fixture
def ask(server: FeedServer, store: FeedStore) -> Iterator[Ask]:
    """Return a function that asks a path of the server, under terms of its own."""
    clients: list[FeedClient] = []

    def ask(
        path: str = "/feed",
        *replies: Reply | Callable[[Asked], Reply],
        now_ns: int = NOW_NS,
        key: FeedKey | None = None,
        accepts: tuple[str, ...] = JSON,
        parameters: tuple[tuple[str, str], ...] = (),
        **terms: int,
    ) -> FeedAnswer:
        if replies:
            server.serve(path, *replies)
        url = server.url(path)
        terms = {"cache_min": 0, "requests_per_min_max": 1000} | terms
        waits = any(isinstance(reply, Reply) and reply.is_slow for reply in replies)
        section = IMPATIENT if waits else SECTION
        client = FeedClient("test", FeedTerms(url=url, **terms), section, store, key=key)
        clients.append(client)
        call = FeedCall(url=url, accepts=accepts, parameters=parameters)
        answer = client.get(call, now_ns)
        if isinstance(answer, Answered):
            client.keep(call, answer)
        return answer

    yield ask
    for client in clients:
        client.close()


def refused(answer: FeedAnswer) -> Refused:
    """Return the refusal that an answer is."""
    assert isinstance(answer, Refused)
    return answer


def test_answer_comes_as_it_was_sent(ask: Ask) -> None:
    """Body, type and the moment of receipt."""
    answer = ask("/feed", GOOD)

    assert isinstance(answer, Answered)
    assert answer.body == GOOD.body
    assert answer.content_type == "application/json"
    assert 0 <= answer.received_ns - NOW_NS < 2 * SECOND_NS


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (failing(400), Refusal.OTHER_STATUS),
        (failing(401), Refusal.KEY_REFUSED),
        (failing(402), Refusal.NOT_PAID),
        (failing(403), Refusal.FORBIDDEN),
        (failing(404), Refusal.NOT_FOUND),
        (failing(410), Refusal.NOT_FOUND),
        (failing(204), Refusal.OTHER_STATUS),
        (page(), Refusal.HTML),
        (page(403), Refusal.FORBIDDEN),
        (page_called_json(), Refusal.HTML),
        (called(GOOD, "application/octet-stream"), Refusal.WRONG_TYPE),
        (called(GOOD, ""), Refusal.WRONG_TYPE),
        (Reply(body=b"x", headers=(("Content-Encoding", "br"),)), Refusal.WRONG_TYPE),
        (empty(), Refusal.EMPTY),
        (Reply(body=b"  \n "), Refusal.EMPTY),
        (huge(200_000), Refusal.HUGE),
        (Reply(body=b"1" * 100_001), Refusal.HUGE),
        (redirected("http://127.0.0.2:9/feed"), Refusal.REDIRECTED),
        (redirected("/feed", 300), Refusal.REDIRECTED),
    ],
)
def test_refusal_has_its_kind_and_is_asked_once(
    ask: Ask, server: FeedServer, reply: Reply, refusal: Refusal
) -> None:
    """What does not pass by itself is not repeated."""
    answer = refused(ask("/feed", reply))

    assert answer.refusal is refusal
    assert answer.reason.startswith(refusal.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (failing(500), Refusal.SERVER_FAILED),
        (page(503), Refusal.SERVER_FAILED),
        (too_many(None), Refusal.TOO_MANY),
        (silent(), Refusal.TIMED_OUT),
        (stuck(GOOD), Refusal.TIMED_OUT),
        (cut(GOOD), Refusal.CUT),
        (Reply(body=gzip.compress(b"x" * 99)[:-9], headers=PACKED), Refusal.CUT),
        (Reply(body=b"no gzip", headers=PACKED), Refusal.CUT),
    ],
)  # fmt: skip
def test_passing_failure_is_repeated_within_its_tries(
    ask: Ask, server: FeedServer, reply: Reply, refusal: Refusal
) -> None:
    """Three requests, then the refusal; a feed that recovers in between answers."""
    assert refused(ask("/feed", reply)).refusal is refusal
    assert len(server.asked) == 3

    if not reply.is_slow:  # a good answer may be slow as well, on a busy machine
        assert isinstance(ask("/other", reply, reply, GOOD), Answered)


def test_nobody_there_is_unreachable(ask: Ask, server: FeedServer, store: FeedStore) -> None:
    """A closed port, and a name that is none, are refusals as well."""
    for url in ("http://127.0.0.1:9/feed", "http://localhost:9"):
        terms = FeedTerms(url=url, cache_min=0)
        client = FeedClient("gone", terms, SECTION, store)
        answer = refused(client.get(FeedCall(url=url), NOW_NS))
        client.close()
        assert answer.refusal is Refusal.UNREACHABLE


def test_packed_content_is_unpacked_within_the_limit(ask: Ask) -> None:
    """Gzip is taken; what unpacks to more than the limit is too large, not cut."""
    small, bomb = gzip.compress(GOOD.body), gzip.compress(b"0" * 50_000_000)

    answer = ask("/small", Reply(body=small, headers=PACKED))
    assert isinstance(answer, Answered)
    assert answer.body == GOOD.body
    assert len(bomb) < SECTION.bytes_max
    assert refused(ask("/bomb", Reply(body=bomb, headers=PACKED))).refusal is Refusal.HUGE


@pytest.mark.parametrize(("asked_for", "pause_s"), [("1", 1.0), (until_date(NOW_NS), 0.0)])
def test_short_pause_that_a_feed_asks_for_is_kept(ask: Ask, asked_for: str, pause_s: float) -> None:
    """Retry-After within the limit is the pause before the next request, seconds or a date."""
    pauses: list[float] = []
    stamina.set_testing(False)

    def note(details: RetryDetails) -> None:
        pauses.append(details.wait_for)

    set_on_retry_hooks([note])
    try:
        answer = ask("/feed", too_many(asked_for), GOOD)
    finally:
        set_on_retry_hooks(None)

    assert isinstance(answer, Answered)
    assert pauses == [pause_s]


@pytest.mark.parametrize("asked_for", ["90", until_date(NOW_NS + 90 * SECOND_NS)])
def test_feed_is_left_alone_for_a_long_pause(ask: Ask, server: FeedServer, asked_for: str) -> None:
    """A pause beyond the limit ends the attempt, and nothing is asked until it is over."""
    answer = refused(ask("/feed", too_many(asked_for), GOOD))
    assert (answer.refusal, len(server.asked)) == (Refusal.TOO_MANY, 1)

    early = refused(ask("/feed", now_ns=NOW_NS + 60 * SECOND_NS))
    assert (early.refusal, early.detail) == (Refusal.SPENT, "asked to wait another 30 s")
    assert len(server.asked) == 1

    assert isinstance(ask("/feed", now_ns=NOW_NS + 91 * SECOND_NS), Answered)


def test_a_feed_cannot_ask_for_years(ask: Ask) -> None:
    """The longest pause is a day by default."""
    ask("/feed", too_many("999999999"), GOOD)

    assert isinstance(ask("/feed", now_ns=NOW_NS + DAY_NS), Answered)


def test_requests_a_minute_are_limited(ask: Ask, server: FeedServer) -> None:
    """Two a minute: the third waits until the first is a minute old."""
    for _ in range(2):
        assert isinstance(ask("/feed", GOOD, requests_per_min_max=2), Answered)

    third = refused(ask("/feed", requests_per_min_max=2))
    assert (third.refusal, third.detail) == (Refusal.SPENT, "2 a minute")
    assert 59.0 < third.retry_after_s <= 61.0
    assert len(server.asked) == 2

    later_ns = NOW_NS + MINUTE_NS + 2 * SECOND_NS
    assert isinstance(ask("/feed", now_ns=later_ns, requests_per_min_max=2), Answered)


def test_requests_a_day_are_limited_across_restarts(
    ask: Ask, server: FeedServer, store: FeedStore, tmp_path: Path
) -> None:
    """The count lies on disk, repetitions count, and the day is UTC's."""
    assert refused(ask("/feed", failing(500), requests_per_day_max=4)).refusal is (
        Refusal.SERVER_FAILED
    )  # three requests
    again = FeedStore(tmp_path / "feeds", 10_000_000)
    url = server.serve("/feed", GOOD)
    terms = FeedTerms(url=url, requests_per_day_max=4, cache_min=0)
    client = FeedClient("test", terms, SECTION, again)
    call = FeedCall(url=url)

    assert isinstance(client.get(call, NOW_NS), Answered)
    spent = refused(client.get(call, NOW_NS + MINUTE_NS))
    assert (spent.refusal, spent.detail) == (Refusal.SPENT, "4 a day")
    midnight_ns = instant_ns("2025-03-06T00:00:00Z")
    assert isinstance(client.get(call, midnight_ns), Answered)
    client.close()
    again.close()


def test_repetition_that_our_limit_forbids_hides_no_reason(ask: Ask, server: FeedServer) -> None:
    """With one request a minute a failing server is what is told, not the limit."""
    answer = refused(ask("/feed", failing(503), requests_per_min_max=1))

    assert (answer.refusal, len(server.asked)) == (Refusal.SERVER_FAILED, 1)


def test_a_clock_set_back_locks_no_feed_out(ask: Ask) -> None:
    """Requests that lie ahead of now are forgotten for the minute."""
    ask("/feed", GOOD, requests_per_min_max=1)

    assert isinstance(ask("/feed", now_ns=NOW_NS - 5 * MINUTE_NS, requests_per_min_max=1), Answered)


def test_sound_answer_is_taken_again_while_fresh(ask: Ask, server: FeedServer) -> None:
    """Within the minutes of the cache nothing is asked; the moment of receipt stays."""
    first = ask("/feed", GOOD, cache_min=30)
    again = ask("/feed", now_ns=NOW_NS + 29 * MINUTE_NS, cache_min=30)

    assert isinstance(first, Answered)
    assert isinstance(again, Answered)
    assert (again.body, again.received_ns) == (first.body, first.received_ns)
    assert (first.is_kept, again.is_kept) == (False, True)
    assert len(server.asked) == 1
    ask("/feed", now_ns=NOW_NS + 31 * MINUTE_NS, cache_min=30)
    ask("/feed", now_ns=NOW_NS, cache_min=30, parameters=(("week", "2"),))
    assert len(server.asked) == 3


def test_failure_is_never_kept(ask: Ask, server: FeedServer) -> None:
    """After a failure the next reading asks again."""
    ask("/feed", failing(403), GOOD, cache_min=30)

    assert isinstance(ask("/feed", cache_min=30), Answered)


def test_redirection_is_followed_on_the_same_host_without_a_key(
    ask: Ask, server: FeedServer
) -> None:
    """A feed may move on its host; with a key nothing is followed."""
    server.serve("/new", GOOD)
    assert isinstance(ask("/feed", redirected("/new")), Answered)
    assert refused(ask("/feed", redirected("/feed"))).detail == "too often"
    server.asked.clear()

    key = FeedKey(SecretStr(CANARY), "apikey")
    assert refused(ask("/feed", redirected("/new"), key=key)).refusal is Refusal.REDIRECTED
    assert [asked.path for asked in server.asked] == ["/feed"]


def test_a_missing_key_asks_nothing(ask: Ask, server: FeedServer) -> None:
    """An empty key is told before anything leaves."""
    assert refused(ask("/feed", GOOD, key=FeedKey(SecretStr(""), "apikey"))).refusal is (
        Refusal.NO_KEY
    )
    assert not server.asked


def test_key_goes_to_its_place(ask: Ask, server: FeedServer) -> None:
    """In the query or in a header, with what stands before it."""
    ask("/feed", GOOD, key=FeedKey(SecretStr("k1"), "apikey"), parameters=(("from", "a"),))
    header = FeedKey(SecretStr("k2"), "Authorization", KeyPlace.HEADER, "Bearer ")
    ask("/feed", GOOD, key=header)

    assert server.asked[0].query == {"from": "a", "apikey": "k1"}
    assert server.asked[1].headers["authorization"] == "Bearer k2"
    assert server.asked[1].query == {}


@pytest.mark.parametrize("place", KeyPlace)
def test_key_is_in_no_log_answer_or_repr(
    ask: Ask,
    server: FeedServer,
    store: FeedStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: KeyPlace,
) -> None:
    """Whatever the feed does, and even if it repeats the key, nothing of it is told or kept."""
    caplog.set_level(logging.DEBUG)
    key = FeedKey(SecretStr(CANARY), "apikey", place)
    replies = (
        failing(401, f"Invalid API KEY {CANARY}"),
        failing(500, CANARY),
        redirected(f"http://{CANARY}.example/?apikey={CANARY}"),
        called(GOOD, CANARY),
        Reply(body=CANARY.encode(), headers=(("Content-Encoding", CANARY),)),
        page(), silent(), stuck(GOOD), cut(GOOD), huge(200_000), too_many("1"), empty(), GOOD,
    )  # fmt: skip
    told = [repr(key), str(key)]
    for reply in replies:
        answer = ask("/feed", reply, key=key, cache_min=1, now_ns=NOW_NS + len(told) * MINUTE_NS)
        told += [repr(answer), getattr(answer, "reason", "")]
    url = f"http://127.0.0.1:9/{CANARY}"
    client = FeedClient("gone", FeedTerms(url=url), SECTION, store, key=key)
    told.append(repr(client.get(FeedCall(url=url), NOW_NS)))
    client.close()

    assert all(
        CANARY in asked.query.get("apikey", "") + str(asked.headers) for asked in server.asked
    )
    assert CANARY not in "\n".join(told)
    assert CANARY not in caplog.text
    kept = b"".join(path.read_bytes() for path in (tmp_path / "feeds").iterdir())
    assert CANARY.encode() not in kept


def test_store_never_unpickles(tmp_path: Path) -> None:
    """A row that is pickled, or no bytes of ours, counts as missing and runs nothing."""
    folder = tmp_path / "feeds"
    store = FeedStore(folder, 1_000_000)
    hostile = diskcache.Cache(str(folder))
    hostile.set("answer/pickled", {"a": object})
    hostile.set("answer/text", "no bytes")
    hostile.set("answer/bytes", b"\xc1")
    hostile.close()

    for name in ("pickled", "text", "bytes", "none"):
        assert store.read(f"answer/{name}", Answered) is None
    store.close()


def test_a_broken_store_refuses_to_ask(server: FeedServer, tmp_path: Path) -> None:
    """Without its quota a feed is not asked: the refusal says so."""
    folder = tmp_path / "feeds"
    store = FeedStore(folder, 1_000_000)
    url = server.serve("/feed", GOOD)
    client = FeedClient("test", FeedTerms(url=url), SECTION, store)
    with store._cache.transact():
        store._cache._sql("DROP TABLE Cache")

    assert refused(client.get(FeedCall(url=url), NOW_NS)).refusal is Refusal.STORE_FAILED
    assert not server.asked
    client.close()
    store.close()
    (folder / "cache.db").write_bytes(b"no database")
    with pytest.raises(OSError, match="cannot be opened"):
        FeedStore(folder, 1_000_000)


def test_depth_counts_brackets_outside_of_texts() -> None:
    r"""``{"a\"[": [[1], "]]]"]}`` is three deep: brackets and quotes inside of texts are none."""
    assert depth_of(rb'{"a\"[": [[1], "]]]"]}') == 3
    assert depth_of(b"7") == 0
    assert depth_of(b'"' + b"[" * 50) == 50  # a text without its end is none


@pytest.mark.parametrize(
    "body",
    [b"[" * 40 + b"]" * 40, b"[" * 100_000, b"{", b'["\xff"]', b'{"a": 1}', b"[1e999]", b"[NaN]"],
)
def test_what_is_not_in_its_shape_is_malformed(body: bytes) -> None:
    """Too deep, cut, not UTF-8, another shape, or no finite number: a refusal, never an error."""
    answer = Answered(body=body, content_type="application/json", received_ns=0)

    decoded = decode_json(answer, list[float], 32)

    assert isinstance(decoded, Refused)
    assert decoded.refusal is Refusal.MALFORMED


@pytest.mark.parametrize("name", ["headlines.rss", "headlines.atom"])
def test_xml_is_taken_where_it_is_asked_for(ask: Ask, name: str) -> None:
    """RSS and Atom pass under their types, a web page does not."""
    assert isinstance(ask("/feed", recorded(name), accepts=XML), Answered)
    assert refused(ask("/feed", called(page(), "text/xml"), accepts=XML)).refusal is Refusal.HTML


@pytest.mark.parametrize("url", ["http://feed.example/x", "ftp://a.b", "https://", "file:///etc/x"])
def test_feeds_are_reached_encrypted(url: str) -> None:
    """Only this machine may be reached without encryption."""
    with pytest.raises(ValidationError, match="url"):
        FeedTerms(url=url)
