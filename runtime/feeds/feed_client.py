"""The one way to a feed of the network: every limit, every refusal and every key in one place.

A request is a GET: it may be repeated. A key goes into the request and nowhere else; what is
returned, logged or raised never holds it, nor the address that may hold it. Whatever goes wrong is
a `Refused` of its kind.
"""

import hashlib
import logging
import ssl
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec
import stamina
from pydantic import SecretStr

from config.feeds import LOOPBACK, FeedsSection, FeedTerms
from models.market.sessions import MINUTE_NS, SECOND_NS
from runtime.clock import process_s
from runtime.feeds.allowance import Allowance
from runtime.feeds.answers import (
    PASSING,
    Answered,
    FeedAnswer,
    Refusal,
    Refused,
    refusal_of_status,
)
from runtime.feeds.feed_store import FeedStore

JSON: Final = ("application/json", "text/json", "text/plain")
"""Types under which feeds send JSON; what it is decides the decoder."""
XML: Final = ("application/rss+xml", "application/atom+xml", "application/xml", "text/xml")
"""Types under which feeds send RSS and Atom."""

_INSTANT_S: Final = 0.001
_CHUNK_BYTES: Final = 65_536
_CONNECTIONS_MAX: Final = 2
_HTML: Final = ("text/html", "application/xhtml+xml")
_PAGES: Final = (b"<!doctype html", b"<html")
_GZIP_WINDOW: Final = 31
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TELLS_URLS: Final = ("httpx", "httpcore")
_ANSWER_PREFIX: Final = "answer/"


class KeyPlace(StrEnum):
    """Where a feed wants its key."""

    QUERY = "query"
    HEADER = "header"


class FeedKey:
    """A feed's key and where it belongs; shows neither."""

    def __init__(
        self, secret: SecretStr, name: str, place: KeyPlace = KeyPlace.QUERY, prefix: str = ""
    ) -> None:
        """Take the secret, the name of parameter or header, and what stands before it there."""
        self._secret = secret
        self._name = name
        self._place = place
        self._prefix = prefix

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return bool(self._secret.get_secret_value())

    def headers(self) -> dict[str, str]:
        """Return it as a header, if that is its place."""
        return self._item() if self._place is KeyPlace.HEADER else {}

    def parameters(self) -> dict[str, str]:
        """Return it as a parameter, if that is its place."""
        return self._item() if self._place is KeyPlace.QUERY else {}

    def _item(self) -> dict[str, str]:
        return {self._name: self._prefix + self._secret.get_secret_value()}


class FeedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, without any key."""

    url: str
    parameters: tuple[tuple[str, str], ...] = ()
    accepts: tuple[str, ...] = JSON
    cost: int = 1
    """What it counts of the allowance, where a feed counts by symbols."""

    @property
    def name(self) -> str:
        """A short name of the content, the same in every process."""
        content = "\n".join((self.url, *(f"{name}={text}" for name, text in self.parameters)))
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


class _AskAgain(Exception):
    """Carries a refusal through the repetitions."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class FeedClient:
    """Asks one feed.

    `get` never raises and never takes much longer than `feeds.deadline_s`. Threads may share it.
    Every request counts, repetitions too; an answer that is kept costs none.
    """

    def __init__(
        self,
        feed: str,
        terms: FeedTerms,
        section: FeedsSection,
        store: FeedStore,
        *,
        key: FeedKey | None = None,
    ) -> None:
        """Take the feed's name, its terms, the common limits, and where its state is kept."""
        self.feed = feed
        self.url = terms.url
        self._terms = terms
        self._section = section
        self._store = store
        self._key = key
        self._allowance = Allowance(feed, terms, store)
        for name in _TELLS_URLS:  # they write whole addresses, keys included
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            headers={"user-agent": "quorum-fx", "accept-encoding": "gzip, identity"},
            limits=httpx.Limits(max_connections=_CONNECTIONS_MAX),
            verify=_trusted(),
            follow_redirects=False,
            # Proxies are for the world outside.
            trust_env=urlsplit(terms.url).hostname not in LOOPBACK,
        )

    def get(self, call: FeedCall, now_ns: int) -> FeedAnswer:
        """Return what is kept and fresh, else what the feed answers now."""
        if self._key is not None and not self._key.is_set:
            return Refused(refusal=Refusal.NO_KEY)
        try:
            return self._kept(call, now_ns) or self._asked(call, now_ns)
        except OSError as error:
            return Refused(refusal=Refusal.STORE_FAILED, detail=type(error).__name__)

    def keep(self, call: FeedCall, answer: Answered) -> None:
        """Keep an answer that its reader found to be sound, for `cache_min` minutes.

        The client cannot tell: a page of errors may come as JSON with status 200.
        """
        if self._terms.cache_min and not answer.is_kept:
            try:
                self._store.write(_ANSWER_PREFIX + self.feed + "/" + call.name, answer)
            except OSError:
                return  # the next reading asks again

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _kept(self, call: FeedCall, now_ns: int) -> Answered | None:
        if not self._terms.cache_min:
            return None
        kept = self._store.read(_ANSWER_PREFIX + self.feed + "/" + call.name, Answered)
        fresh_ns = self._terms.cache_min * MINUTE_NS
        if kept is None or not 0 <= now_ns - kept.received_ns < fresh_ns:
            return None
        return msgspec.structs.replace(kept, is_kept=True)

    def _asked(self, call: FeedCall, now_ns: int) -> FeedAnswer:
        end_s = process_s() + self._section.deadline_s
        failed: list[Refused] = []

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, _AskAgain):
                return False
            asked_for_s = error.refused.retry_after_s
            if asked_for_s > self._section.retry_after_max_s:
                return False
            if process_s() + asked_for_s >= end_s:
                return False
            return asked_for_s or True

        try:
            for attempt in stamina.retry_context(
                on=pause,
                attempts=self._section.tries_max,
                timeout=self._section.deadline_s,
                wait_initial=self._section.retry_pause_s,
                wait_max=self._section.retry_after_max_s,
                wait_jitter=self._section.retry_pause_s,
            ):
                with attempt:
                    answer = self._once(call, now_ns, end_s)
                    if isinstance(answer, Refused) and answer.refusal in PASSING:
                        failed.append(answer)
                        raise _AskAgain(answer)
                    # A repetition that our own limit forbids is no reason; what failed first is.
                    is_spent = isinstance(answer, Refused) and answer.refusal is Refusal.SPENT
                    return failed[-1] if failed and is_spent else answer
        except _AskAgain as last:
            self._rest(last.refused, now_ns)
            return last.refused
        raise AssertionError("the last attempt returns or raises")

    def _rest(self, refused: Refused, now_ns: int) -> None:
        if refused.retry_after_s > 0.0:
            longest_s = self._section.retry_after_hours_max * 3600.0
            self._allowance.rest(now_ns, min(refused.retry_after_s, longest_s))

    def _once(self, call: FeedCall, now_ns: int, end_s: float) -> FeedAnswer:
        url = call.url
        parameters = dict(call.parameters) | (self._key.parameters() if self._key else {})
        headers = {"accept": ", ".join(call.accepts)} | (self._key.headers() if self._key else {})
        for _ in range(self._section.redirects_max + 1):
            if refused := self._allowance.take(now_ns, call.cost):
                return refused
            answer = self._request(call, url, parameters, headers, now_ns, end_s)
            if not isinstance(answer, str):
                return answer
            url, parameters = answer, {}
        return Refused(refusal=Refusal.REDIRECTED, detail="too often")

    def _request(
        self,
        call: FeedCall,
        url: str,
        parameters: dict[str, str],
        headers: dict[str, str],
        now_ns: int,
        end_s: float,
    ) -> FeedAnswer | str:
        """Return the answer, or the address on the same host to which it was redirected."""
        try:
            with self._client.stream(
                "GET", url, params=parameters or None, headers=headers, timeout=self._left(end_s)
            ) as response:
                if response.status_code in _REDIRECTS:
                    return self._elsewhere(response)
                if refused := _refused_by_head(response, call.accepts, self._section.bytes_max):
                    return msgspec.structs.replace(
                        refused, retry_after_s=_retry_after_s(response, now_ns)
                    )
                return self._read(response, call, now_ns, end_s)
        except httpx.TimeoutException as error:
            return Refused(refusal=Refusal.TIMED_OUT, detail=type(error).__name__)
        except httpx.RemoteProtocolError:
            return Refused(refusal=Refusal.CUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Refused(refusal=Refusal.UNREACHABLE, detail=type(error).__name__)

    def _left(self, end_s: float) -> httpx.Timeout:
        left_s = max(_INSTANT_S, end_s - process_s())
        section = self._section
        connect_s = min(section.connect_timeout_s, left_s)
        return httpx.Timeout(min(section.read_timeout_s, left_s), connect=connect_s)

    def _elsewhere(self, response: httpx.Response) -> Refused | str:
        here = urlsplit(str(response.request.url))
        location: str = response.headers.get("location", "")
        target = urljoin(str(response.request.url), location)
        there = urlsplit(target)
        is_near = there.netloc == here.netloc and there.scheme in (here.scheme, "https")
        if self._key is not None or not is_near:
            return Refused(refusal=Refusal.REDIRECTED, detail=str(response.status_code))
        return target

    def _read(
        self, response: httpx.Response, call: FeedCall, now_ns: int, end_s: float
    ) -> FeedAnswer:
        body = bytearray()
        for chunk in _unpacked(response, self._section.bytes_max):
            body += chunk
            if len(body) > self._section.bytes_max:
                return _huge(self._section.bytes_max)
            if process_s() > end_s:
                return Refused(refusal=Refusal.TIMED_OUT, detail="whole answer")
        head = bytes(body[:64]).lstrip().lower()
        if not head:
            return Refused(refusal=Refusal.EMPTY)
        if head.startswith(_PAGES) or (call.accepts is JSON and head.startswith(b"<")):
            return Refused(refusal=Refusal.HTML)
        content_type = _type_of(response)
        return Answered(body=bytes(body), content_type=content_type, received_ns=now_ns)


@cache
def _trusted() -> ssl.SSLContext:
    """Return the authorities that are trusted; reading them takes as long as a request."""
    return httpx.create_ssl_context()


def _refused_by_head(
    response: httpx.Response, accepts: tuple[str, ...], bytes_max: int
) -> Refused | None:
    refusal = refusal_of_status(response.status_code)
    if refusal is not None:
        is_told = refusal in (Refusal.SERVER_FAILED, Refusal.OTHER_STATUS)
        return Refused(refusal=refusal, detail=str(response.status_code) if is_told else "")
    content_type = _type_of(response)
    if content_type in _HTML:
        return Refused(refusal=Refusal.HTML)
    if content_type not in accepts:
        # The type is the feed's own text: it is not repeated.
        return Refused(refusal=Refusal.WRONG_TYPE)
    if response.headers.get("content-encoding", "identity") not in ("identity", "gzip"):
        return Refused(refusal=Refusal.WRONG_TYPE, detail="packed in another way than gzip")
    length = response.headers.get("content-length", "")
    return _huge(bytes_max) if length.isdigit() and int(length) > bytes_max else None


def _unpacked(response: httpx.Response, bytes_max: int) -> Iterator[bytes]:
    """Yield the content; what is packed is unpacked no further than just beyond the limit."""
    if response.headers.get("content-encoding", "identity") == "identity":
        yield from response.iter_raw(_CHUNK_BYTES)
        return
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        for chunk in response.iter_raw(_CHUNK_BYTES):
            yield unpacking.decompress(chunk, bytes_max + 1)
            if unpacking.unconsumed_tail:
                return  # more than the limit has been yielded
    except zlib.error as error:
        raise httpx.RemoteProtocolError("packed content is damaged") from error
    if not unpacking.eof:
        raise httpx.RemoteProtocolError("packed content is cut")


def _huge(bytes_max: int) -> Refused:
    return Refused(refusal=Refusal.HUGE, detail=f"more than {bytes_max} bytes")


def _type_of(response: httpx.Response) -> str:
    text: str = response.headers.get("content-type", "")
    return text.partition(";")[0].strip().lower()


def _retry_after_s(response: httpx.Response, now_ns: int) -> float:
    """Return the pause asked for, in seconds or until a date (RFC 9110, 10.2.3); else 0."""
    text: str = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, until_s - now_ns / SECOND_NS)
