"""What of live texts is passed on: new, of today, by many, and no advertisement; the rest counted.

All that is remembered is bounded, whatever a source sends.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from blackboard.facts.news import TEXT_LENGTH_MAX, Medium
from config.texts import TextsSection
from models.market.sessions import HOUR_NS, MINUTE_NS
from models.opinion.post_filter import PostTerms, gist_of, why_unwanted
from models.opinion.sentiment import clean_text
from runtime.feeds.text_source import ITEMS_MAX, RAW_LENGTH_MAX, RawText

EMPTY, OLD, FUTURE, UNDATED = "empty", "too old", "dated in the future", "undated at the start"
REPEATED, AUTHOR, OVERFLOW = "repeated", "more than an author's share", "over the limit"
SEEN_MAX: Final = 50_000
"""Texts whose gist is remembered."""
AUTHORS_MAX: Final = 10_000
"""Authors whose latest posts are remembered."""
FUTURE_NS: Final = 5 * MINUTE_NS
"""How far a source's clock may be ahead."""


class TextFilter:
    """Remembers what came, and lets pass what is worth reading."""

    def __init__(self, section: TextsSection) -> None:
        self._section = section
        self._terms = PostTerms(section.cashtags_max, section.hashtags_max, section.links_max)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._authors: OrderedDict[str, deque[int]] = OrderedDict()

    def passed(
        self,
        texts: Iterable[RawText],
        medium: Medium,
        now_ns: int,
        *,
        is_first: bool,
        dropped: Counter[str],
    ) -> list[RawText]:
        """Return the texts that are passed on, cleaned, and count the others.

        Parameters
        ----------
        texts : iterable of RawText
            What a source gave, in its order.
        medium : Medium
            Posts are held to more than headlines are.
        now_ns : int
            When they were received.
        is_first : bool
            Whether the source was never asked before: what has no date then may be of last year.
        dropped : Counter
            Takes the counts by reason.
        """
        kept: list[RawText] = []
        for place, raw in enumerate(texts):
            text = clean_text(raw.text[:RAW_LENGTH_MAX], TEXT_LENGTH_MAX)
            reason = (
                OVERFLOW
                if place >= ITEMS_MAX
                else self._reason(raw._replace(text=text), medium, now_ns, is_first=is_first)
            )
            if reason:
                dropped[reason] += 1
            else:
                kept.append(raw._replace(text=text))
        return kept

    def _reason(self, raw: RawText, medium: Medium, now_ns: int, *, is_first: bool) -> str:
        if not raw.text:
            return EMPTY
        is_known = self._knows(raw.text)  # remembered also where it is dropped for another reason
        if raw.published_ns > now_ns + FUTURE_NS:
            return FUTURE
        if raw.published_ns and now_ns - raw.published_ns > self._section.age_max_min * MINUTE_NS:
            return OLD
        if not raw.published_ns and is_first:
            return UNDATED
        if is_known:
            return REPEATED
        if medium is Medium.POST:
            if reason := why_unwanted(raw.text, self._terms):
                return reason
            if not self._has_share(raw.author, now_ns):
                return AUTHOR
        return ""

    def _knows(self, text: str) -> bool:
        gist = gist_of(text)
        is_known = gist in self._seen
        self._seen[gist] = None
        self._seen.move_to_end(gist)
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return is_known

    def _has_share(self, author: str, now_ns: int) -> bool:
        """Count a post of an author; return whether it lies within its share of an hour."""
        latest = self._authors.setdefault(author, deque(maxlen=self._section.posts_per_author_max))
        self._authors.move_to_end(author)
        if len(self._authors) > AUTHORS_MAX:
            self._authors.popitem(last=False)
        while latest and now_ns - latest[0] >= HOUR_NS:
            latest.popleft()
        if len(latest) >= self._section.posts_per_author_max:
            return False
        latest.append(now_ns)
        return True
