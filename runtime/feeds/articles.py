"""Event Registry: titles of articles about the traded currencies, from sources of some rank."""

from collections.abc import Sequence
from typing import Final

import msgspec

from blackboard.facts.news import Medium
from config.feeds import EventRegistryTerms, FeedsSection
from runtime.feeds.answers import Refusal, Refused
from runtime.feeds.feed_client import FeedCall, FeedClient
from runtime.feeds.json_answers import decode_json
from runtime.feeds.syndication import plain
from runtime.feeds.text_source import RawText, Texts
from runtime.instants import instant_ns

KEYWORDS: Final = {
    "USD": "US dollar", "EUR": "euro currency", "GBP": "pound sterling", "JPY": "Japanese yen",
    "AUD": "Australian dollar", "CAD": "Canadian dollar", "CHF": "Swiss franc",
    "NZD": "New Zealand dollar",
}  # fmt: skip
"""What articles are searched for, by currency."""
KEY_OR_QUOTA: Final = "the key is refused or its quota is spent"
COPY, RANK, LANGUAGE = "copies", "source of low rank", "another language"


class _Ranking(msgspec.Struct):
    importanceRank: int = 2**31


class _Source(msgspec.Struct):
    uri: str = ""
    ranking: _Ranking | None = None


class _Article(msgspec.Struct):
    title: str = ""
    lang: str = ""
    isDuplicate: bool = False
    dateTimePub: str | None = None
    dateTime: str | None = None
    source: _Source | None = None


class _Results(msgspec.Struct):
    results: list[_Article] = []


class _Answer(msgspec.Struct):
    """What `article/getArticles` answers; an error is sent with status 200.

    Source: newsapi.ai/documentation, data models.
    """

    articles: _Results | None = None
    error: str | None = None


class ArticleSearch:
    """Articles of the latest hours; implements `TextSource`."""

    medium = Medium.HEADLINE
    name = "event_registry"

    def __init__(
        self,
        client: FeedClient,
        terms: EventRegistryTerms,
        section: FeedsSection,
        currencies: Sequence[str],
    ) -> None:
        self._client = client
        self._terms = terms
        self._depth_max = section.json_depth_max
        self._keywords = [KEYWORDS[each] for each in currencies if each in KEYWORDS]

    def fetch(self, now_ns: int) -> Texts:
        """Ask for the newest articles that name one of the currencies."""
        call = FeedCall(url=self._client.url, parameters=tuple(self._parameters()))
        answer = self._client.get(call, now_ns)
        if isinstance(answer, Refused):
            return Texts((), problem=answer.reason)
        found = decode_json(answer, _Answer, self._depth_max)
        if isinstance(found, Refused):
            return Texts((), problem=found.reason)
        if found.articles is None:
            # An exhausted quota and a refused key come as an error in words, with status 200.
            problem = KEY_OR_QUOTA if found.error else Refusal.MALFORMED.value
            return Texts((), problem=problem)
        self._client.keep(call, answer)
        return self._texts(found.articles.results)

    def _parameters(self) -> list[tuple[str, str]]:
        language = {"lang": self._terms.language}
        any_of = {"$or": [{"keyword": each} for each in self._keywords]}
        return [
            ("resultType", "articles"),
            ("dataType", "news"),
            ("query", msgspec.json.encode({"$query": {"$and": [language, any_of]}}).decode()),
            ("articlesSortBy", "date"),
            ("articlesCount", str(self._terms.articles_max)),
            ("isDuplicateFilter", "skipDuplicates"),
            ("includeArticleBody", "false"),
            ("includeSourceRanking", "true"),
        ]

    def _texts(self, articles: list[_Article]) -> Texts:
        texts: list[RawText] = []
        dropped = dict.fromkeys((COPY, RANK, LANGUAGE), 0)
        for article in articles:
            source = article.source or _Source()
            rank = (source.ranking or _Ranking()).importanceRank
            if article.isDuplicate:
                dropped[COPY] += 1
            elif article.lang not in ("", self._terms.language):
                dropped[LANGUAGE] += 1
            elif rank > self._terms.rank_max:
                dropped[RANK] += 1
            else:
                texts.append(
                    RawText(
                        plain(article.title),
                        source.uri or self.name,
                        published_ns=_published_ns(article),
                    )
                )
        return Texts(tuple(texts), tuple((name, count) for name, count in dropped.items() if count))


def _published_ns(article: _Article) -> int:
    try:
        return instant_ns(article.dateTimePub or article.dateTime or "")
    except ValueError:
        return 0
