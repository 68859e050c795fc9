"""What texts and releases together say of a currency at a close, each aged at its own pace."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from agents.news.releases import Release
from agents.news.state import News, ScoredText
from blackboard.facts.news import Medium
from config.sentiment import SentimentSection
from models.market.sessions import MINUTE_NS
from models.opinion.sentiment import decayed_score

HALF_LIVES: Final = 10
"""Half-lives after which a text is forgotten: it would count a thousandth."""
CAUSES_MAX: Final = 32
"""Newest texts that a score names as its causes."""
SCORER_LENGTH_MAX: Final = 200
RELEASES: Final = "surprise-1"
"""Who scores a release: the arithmetic of its surprise."""


class SentimentTerms(NamedTuple):
    """How fast what is said is forgotten."""

    half_lives_ns: dict[Medium, int]
    release_half_life_ns: int

    @classmethod
    def of(cls, section: SentimentSection) -> "SentimentTerms":
        """Return the terms of the settings."""
        return cls(
            half_lives_ns={
                Medium.HEADLINE: section.headline_half_life_min * MINUTE_NS,
                Medium.POST: section.post_half_life_min * MINUTE_NS,
            },
            release_half_life_ns=section.release_half_life_min * MINUTE_NS,
        )

    @property
    def forgotten_ns(self) -> int:
        """Age at which every text is forgotten."""
        return HALF_LIVES * max(self.half_lives_ns.values())


class Score(NamedTuple):
    """What is said of a currency at a close."""

    currency: str
    score: float
    weight: float
    text_count: int
    release_count: int
    scorer: str
    causes: tuple[int | str, ...]


def score_of(currency: str, close_ns: int, news: News, terms: SentimentTerms) -> Score | None:
    """Return what is said of a currency, None where nothing is."""
    texts = news.texts_about(currency, close_ns - terms.forgotten_ns, close_ns)
    from_ns = close_ns - HALF_LIVES * terms.release_half_life_ns
    releases = news.releases.about(currency, from_ns, close_ns)
    if not texts and not releases:
        return None
    score, weight = decayed_score(
        [*(text.score for text in texts), *(release.score for release in releases)],
        [close_ns - each for each in _times(texts, releases)],
        [
            *(terms.half_lives_ns[text.medium] for text in texts),
            *[terms.release_half_life_ns] * len(releases),
        ],
        [*[1.0] * len(texts), *(release.weight for release in releases)],
    )
    causes = (
        *(text.cause for text in texts[-CAUSES_MAX:]),
        *(release.cause for release in releases[-CAUSES_MAX:]),
    )
    names = [*(text.scorer for text in texts), *[RELEASES] * len(releases)]
    return Score(currency, score, weight, len(texts), len(releases), joined(names), causes)


def joined(names: Iterable[str]) -> str:
    """Return scorers as one name, each of them once."""
    each = sorted({part for name in names for part in name.split(" + ") if part})
    return " + ".join(each)[:SCORER_LENGTH_MAX]


def _times(texts: list[ScoredText], releases: list[Release]) -> tuple[int, ...]:
    return (
        *(text.ts_event_ns for text in texts),
        *(release.scheduled_ns for release in releases),
    )
