"""Posts of X about the traded pairs, by recent search through tweepy.

tweepy sets no time limits, follows redirects and reads answers of any size; the transport given to
it here does none of that, and sends to the address of the settings alone.
"""

import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
import requests
import tweepy
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from blackboard.facts.news import Medium
from config.feeds import FeedsSection, XTerms
from models.market.sessions import SECOND_NS
from runtime.clock import process_s
from runtime.feeds.allowance import Allowance
from runtime.feeds.answers import Answered, Refusal, Refused, refusal_of_status
from runtime.feeds.json_answers import decode_json
from runtime.feeds.text_source import RawText, Texts
from runtime.instants import instant_ns

NAME: Final = "x"
FOLLOWERS, YOUNG = "too few followers", "a new account"
_CHUNK_BYTES: Final = 65_536
_DAY_NS: Final = 86_400 * SECOND_NS


class _Counts(msgspec.Struct):
    followers_count: int = 0


class _User(msgspec.Struct):
    id: str
    created_at: str = ""
    public_metrics: _Counts | None = None


class _Post(msgspec.Struct):
    id: str
    text: str
    author_id: str = ""
    created_at: str = ""


class _Includes(msgspec.Struct):
    users: list[_User] = []


class _Meta(msgspec.Struct):
    newest_id: str = ""


class _Answer(msgspec.Struct):
    """What `2/tweets/search/recent` answers; without a match it has no `data`.

    Source: docs.x.com/x-api/posts/search-recent-posts.
    """

    data: list[_Post] = []
    includes: _Includes | None = None
    meta: _Meta | None = None


class _TooLarge(requests.RequestException):
    """An answer went on beyond its limit."""


class BoundedTransport(HTTPAdapter):
    """Sends whatever a session asks to one address, within limits of time and size."""

    def __init__(self, url: str, section: FeedsSection) -> None:
        super().__init__(max_retries=0)
        self._base = urlsplit(url)
        self._section = section

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; its answer is read here, and is never a redirection."""
        del stream, timeout
        path = urlsplit(request.url or "")
        request.url = self._base._replace(path=path.path, query=path.query).geturl()
        response = super().send(
            request,
            stream=True,
            timeout=(self._section.connect_timeout_s, self._section.read_timeout_s),
            verify=verify,
            cert=cert,  # type: ignore[arg-type]
            proxies=proxies,
        )
        response.headers.pop("location", None)
        self._read(response)
        return response

    def _read(self, response: requests.Response) -> None:
        end_s, content = process_s() + self._section.deadline_s, bytearray()
        try:
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if len(content) > self._section.bytes_max:
                    raise _TooLarge
                if process_s() > end_s:
                    raise requests.Timeout
        finally:
            response.close()
            self.close()  # the server ends the connection too: the next pair needs one of its own
        response._content = bytes(content)


class RecentPosts:
    """Recent posts about each pair; implements `TextSource`."""

    medium = Medium.POST
    name = NAME

    def __init__(
        self,
        token: SecretStr,
        terms: XTerms,
        section: FeedsSection,
        allowance: Allowance,
        symbols: Sequence[str],
    ) -> None:
        for name in ("tweepy", "urllib3", "requests_oauthlib"):  # they write headers, keys included
            logging.getLogger(name).setLevel(logging.WARNING)
        self._terms = terms
        self._depth_max = section.json_depth_max
        self._allowance = allowance
        self._symbols = tuple(symbols)
        self._next = 0
        self._since: dict[str, str] = {}
        self._client: tweepy.Client | None = None
        if token.get_secret_value():
            self._client = tweepy.Client(
                bearer_token=token.get_secret_value(), return_type=requests.Response
            )
            session = self._client.session
            session.trust_env = False
            session.headers["Connection"] = "close"  # minutes lie between two searches
            for scheme in ("https://", "http://"):
                session.mount(scheme, BoundedTransport(terms.url, section))

    def fetch(self, now_ns: int) -> Texts:
        """Ask for posts about each pair in turn, as far as the allowance goes."""
        if self._client is None:
            return Texts((), problem=Refusal.NO_KEY.value)
        texts: list[RawText] = []
        dropped: dict[str, int] = {}
        problem = ""
        for _ in self._symbols:
            symbol = self._symbols[self._next % len(self._symbols)]
            answer = self._asked(self._client, symbol, now_ns)
            if isinstance(answer, Refused):
                problem = f"{symbol}: {answer.reason}"
                break  # the pair that was refused is asked first next time
            self._next += 1
            texts += self._texts(answer, now_ns, dropped)
        return Texts(tuple(texts), tuple(sorted(dropped.items())), problem)

    def _asked(self, client: tweepy.Client, symbol: str, now_ns: int) -> _Answer | Refused:
        try:
            if refused := self._allowance.take(now_ns):
                return refused
            response = client.search_recent_tweets(
                query_of(symbol, self._terms.language),
                max_results=self._terms.posts_max,
                since_id=self._since.get(symbol),
                tweet_fields=["created_at", "lang"],
                expansions=["author_id"],
                user_fields=["created_at", "public_metrics"],
            )
        except tweepy.TooManyRequests as error:
            self._allowance.rest(now_ns, _pause_s(error, now_ns, self._terms))
            return Refused(refusal=Refusal.TOO_MANY)
        except tweepy.HTTPException as error:
            status = error.response.status_code
            return Refused(refusal=refusal_of_status(status) or Refusal.OTHER_STATUS)
        except _TooLarge:
            return Refused(refusal=Refusal.HUGE)
        except requests.Timeout:
            return Refused(refusal=Refusal.TIMED_OUT)
        except requests.RequestException:
            return Refused(refusal=Refusal.UNREACHABLE)
        except OSError as error:
            return Refused(refusal=Refusal.STORE_FAILED, detail=type(error).__name__)
        return self._decoded(response, symbol, now_ns)

    def _decoded(self, response: requests.Response, symbol: str, now_ns: int) -> _Answer | Refused:
        content_type = response.headers.get("content-type", "")
        if "html" in content_type:
            return Refused(refusal=Refusal.HTML)
        answered = Answered(body=response.content, content_type=content_type, received_ns=now_ns)
        answer = decode_json(answered, _Answer, self._depth_max)
        if isinstance(answer, _Answer) and answer.meta and answer.meta.newest_id.isdigit():
            self._since[symbol] = answer.meta.newest_id
        return answer

    def _texts(self, answer: _Answer, now_ns: int, dropped: dict[str, int]) -> list[RawText]:
        users = {user.id: user for user in (answer.includes.users if answer.includes else [])}
        texts = []
        for post in answer.data:
            reason = self._why_unheard(users.get(post.author_id), now_ns)
            if reason:
                dropped[reason] = dropped.get(reason, 0) + 1
                continue
            texts.append(
                RawText(post.text, NAME, author=post.author_id, published_ns=_ns(post.created_at))
            )
        return texts

    def _why_unheard(self, user: _User | None, now_ns: int) -> str:
        counts = user.public_metrics if user else None
        if (counts.followers_count if counts else 0) < self._terms.followers_min:
            return FOLLOWERS
        joined_ns = _ns(user.created_at) if user else 0
        if now_ns - joined_ns < self._terms.account_days_min * _DAY_NS:
            return YOUNG
        return ""


def query_of(symbol: str, language: str) -> str:
    """Return the search for posts about a pair: no copies, no replies, one language.

    Examples
    --------
    >>> query_of("EURUSD", "en")
    '(EURUSD OR $EURUSD OR "EUR/USD") -is:retweet -is:reply lang:en'
    """
    base, quote = symbol[:3], symbol[3:6]
    names = f'{base}{quote} OR ${base}{quote} OR "{base}/{quote}"'
    return f"({names}) -is:retweet -is:reply lang:{language}"


def _pause_s(error: tweepy.TooManyRequests, now_ns: int, terms: XTerms) -> float:
    """Return how long X asks to be left alone, within the longest that is believed."""
    reset = error.response.headers.get("x-rate-limit-reset", "")
    asked_s = int(reset) - now_ns // SECOND_NS if reset.isdigit() and len(reset) < 13 else 0
    return float(min(max(asked_s, terms.pause_s), terms.pause_max_s))


def _ns(text: str) -> int:
    try:
        return instant_ns(text)
    except ValueError:
        return 0
