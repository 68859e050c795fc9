"""Which posts are no opinion: lists of tickers, advertisements, shouting, and the same text again.

Posts are written by anybody, and by programs for anybody. What is dropped here is counted by its
reason; what passes is still only read for words in a list.
"""

import hashlib
import re
from typing import Final, NamedTuple

from models.opinion.sentiment import clean_text

CASHTAGS, LINKS, HASHTAGS = "too many cashtags", "too many links", "too many hashtags"
ADVERTISING, SHOUTING, WORDLESS = "advertising", "shouting", "no words"
LETTERS_MIN: Final = 8
"""Letters without which there is nothing to read."""
SHOUTED_LETTERS_MIN: Final = 40
"""Letters from which on capitals alone are shouting; headlines of agencies are short."""
_SHOUTED_SHARE: Final = 0.8
_LINK = re.compile(r"https?://\S+|\bwww\.\S+")
_CASHTAG = re.compile(r"\$[A-Za-z]{2,10}\b")
_HASHTAG = re.compile(r"#\w+")
_HANDLE = re.compile(r"@\w+")
_ADVERTISING = re.compile(
    r"\b(?:join (?:now|us|my|our|the)|dm (?:me|for|us)|whats\s?app|telegram|discord|giveaway"
    r"|airdrop|free signals?|vip (?:signals?|group|channel)|sign up|promo code|link in bio|100x"
    r"|guaranteed|win big|double your|copy (?:my )?trades?|follow (?:me|for|us))\b",
    re.IGNORECASE,
)


class PostTerms(NamedTuple):
    """How much of what a post may hold."""

    cashtags_max: int = 2
    hashtags_max: int = 4
    links_max: int = 1


def why_unwanted(text: str, terms: PostTerms) -> str:
    """Return why a post is no opinion, empty if it may be one.

    Examples
    --------
    >>> why_unwanted("WIN BIG $EURUSD $GBPUSD $USDJPY join now", PostTerms())
    'too many cashtags'
    >>> why_unwanted("$EURUSD breaks 1.0670, euro looks strong into the ECB", PostTerms())
    ''
    """
    if len(_CASHTAG.findall(text)) > terms.cashtags_max:
        return CASHTAGS
    if len(_LINK.findall(text)) > terms.links_max:
        return LINKS
    if len(_HASHTAG.findall(text)) > terms.hashtags_max:
        return HASHTAGS
    if _ADVERTISING.search(text):
        return ADVERTISING
    letters = [each for each in _bare(text) if each.isalpha()]
    if len(letters) < LETTERS_MIN:
        return WORDLESS
    shouted = sum(each.isupper() for each in letters) / len(letters)
    if len(letters) >= SHOUTED_LETTERS_MIN and shouted > _SHOUTED_SHARE:
        return SHOUTING
    return ""


def gist_of(text: str) -> str:
    """Return a name for what a text says, the same for copies with other links, tags and case.

    Examples
    --------
    >>> gist_of("Euro climbs! https://t.co/a") == gist_of("RT @desk: euro  climbs https://t.co/b")
    True
    """
    bare = _bare(text).casefold().removeprefix("rt ")
    words = "".join(each if each.isalnum() else " " for each in bare).split()
    return hashlib.blake2b(" ".join(words).encode(), digest_size=12).hexdigest()


def _bare(text: str) -> str:
    return _HANDLE.sub(" ", _LINK.sub(" ", clean_text(text))).strip()
