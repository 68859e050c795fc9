"""RSS and Atom: the titles of a feed's items, from XML that may hold neither entities nor a DTD."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from blackboard.facts.news import Medium
from runtime.feeds.answers import Answered, Refusal, Refused
from runtime.feeds.feed_client import XML, FeedCall, FeedClient
from runtime.feeds.text_source import ITEMS_MAX, RAW_LENGTH_MAX, RawText, Texts

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEPTH_MAX: Final = 64
"""Deepest nesting of a feed; real ones need six."""
_TAG = re.compile(r"<[^<>]{0,400}>")
_ITEMS: Final = frozenset({"item", "entry"})
_DATES: Final = ("pubdate", "published", "date", "updated")
"""Names under which an item says when it was published, the best first."""
_NS_PER_S: Final = 1_000_000_000


class SyndicatedFeed:
    """One RSS or Atom feed; implements `TextSource`."""

    medium = Medium.HEADLINE

    def __init__(self, client: FeedClient) -> None:
        """Take the client, whose address is the feed's."""
        self._client = client
        self.name = client.feed
        self._source = urlsplit(client.url).hostname or client.feed

    def fetch(self, now_ns: int) -> Texts:
        """Ask for the feed as it is now."""
        call = FeedCall(url=self._client.url, accepts=XML)
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return Texts((), problem=answer.reason)
        texts = texts_of(answer, self._source)
        if isinstance(texts, Refused):
            return Texts((), problem=texts.reason)
        self._client.keep(call, answer)
        return Texts(tuple(texts))


def texts_of(answer: Answered, source: str) -> list[RawText] | Refused:
    """Return the items of a feed in its order, or why it is none."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(answer.body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # Its message may quote the text, which is the feed's.
        return Refused(refusal=Refusal.MALFORMED, detail=type(error).__name__)
    if _local(root) not in ("rss", "feed", "rdf"):
        return Refused(refusal=Refusal.MALFORMED, detail="neither RSS nor Atom")
    texts = []
    for item in _items(root):
        texts.append(RawText(_title(item), source, published_ns=_published_ns(item)))
        if len(texts) > ITEMS_MAX:
            break
    return texts


def plain(text: str) -> str:
    """Return a text without markup: tags are taken out, and what they escape is written out.

    Examples
    --------
    >>> plain("rates &lt;em&gt;unchanged&lt;/em&gt; &amp;amp; steady")
    'rates unchanged & steady'
    """
    written = html.unescape(html.unescape(text[:RAW_LENGTH_MAX]))
    return " ".join(_TAG.sub(" ", written).split())


def _items(root: "Element") -> Iterator["Element"]:
    """Yield items in document order, as deep as feeds are."""
    level = [root]
    for _ in range(DEPTH_MAX):
        found = [child for element in level for child in element]
        yield from (child for child in found if _local(child) in _ITEMS)
        level = [child for child in found if _local(child) not in _ITEMS]
        if not level:
            return


def _title(item: "Element") -> str:
    for child in item:
        if _local(child) == "title":
            return plain("".join(child.itertext()))
    return ""


def _published_ns(item: "Element") -> int:
    dates = {_local(child): (child.text or "").strip() for child in item}
    for name in _DATES:
        if text := dates.get(name, ""):
            return _instant_ns(text[:64])
    return 0


def _instant_ns(text: str) -> int:
    """Return an instant of RFC 822 or RFC 3339, 0 where it is neither."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return int(moment.timestamp()) * _NS_PER_S
    except (OverflowError, ValueError):
        return 0


def _local(element: "Element") -> str:
    """Return an element's name in lower case, without its namespace."""
    return str(element.tag).rpartition("}")[2].lower()
