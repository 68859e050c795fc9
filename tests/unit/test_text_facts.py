"""Texts on the board: their scores, who gave them, what was dropped, and how each kind ages."""

import math

import msgspec
import pytest

from agents.requests import (
    HeadlineReading,
    HeadlinesRead,
    ReadHeadlines,
    Reply,
    Request,
)
from agents.sentiment import probability_of
from blackboard.facts import Headline, SentimentScore, TextsRead, Vote
from blackboard.facts.news import Medium
from tests.news_feeds import M15_NS, START_NS, Feeds, a_text, close, start, told


def scored(
    text: str, score: float, medium: Medium = Medium.HEADLINE, scorer: str = "finbert"
) -> HeadlineReading:
    """Return a text about the euro that somebody has scored."""
    reading = a_text(text, 0)
    return msgspec.structs.replace(reading, scores=(("EUR", score),), scorer=scorer, medium=medium)


class Wire(Feeds):
    """Feeds whose answers about texts carry an account."""

    dropped: tuple[tuple[str, int], ...] = ()
    note: str = ""

    def __call__(self, request: Request, now_ns: int) -> Reply:
        """Answer a request."""
        reply = super().__call__(request, now_ns)
        if isinstance(reply, HeadlinesRead):
            return msgspec.structs.replace(reply, dropped=self.dropped, note=self.note)
        return reply


def test_a_score_that_came_with_a_text_is_used_and_named() -> None:
    """0.6 of one fresh text: 0.6 / (2 + 1), by the scorer that gave it."""
    host = start(Feeds(texts=(scored("Euro zone talks", 0.6),)))

    close(host, START_NS)

    ((_, headline),) = told(host, Headline)
    ((_, score),) = told(host, SentimentScore)
    (_, vote), _ = told(host, Vote)
    assert (headline.score, headline.scorer) == (0.6, "finbert")
    assert score.score == pytest.approx(0.2)
    assert score.scorer == "finbert"
    assert vote.probability_up == probability_of(score.score)
    assert vote.model == "finbert"


def test_a_post_ages_three_times_as_fast_as_a_headline() -> None:
    """After two hours a post counts a half, a headline 2^(−1/3)."""
    texts = (scored("one", 1.0, Medium.POST), scored("two", 1.0))
    host = start(Feeds(texts=texts))

    close(host, START_NS)
    close(host, START_NS + 8 * M15_NS)

    _, (_, score) = told(host, SentimentScore)
    assert score.weight == pytest.approx(0.5 + 2.0 ** (-1.0 / 3.0))


def test_scorers_of_a_mixed_score_are_all_named() -> None:
    """Each once, in the order of their names."""
    texts = (scored("one", 1.0), scored("two", 1.0, scorer="lexicon-9"), scored("three", 1.0))
    host = start(Feeds(texts=texts))

    close(host, START_NS)

    ((_, score),) = told(host, SentimentScore)
    assert score.scorer == "finbert + lexicon-9"


@pytest.mark.parametrize("score", [math.nan, math.inf, -7.0])
def test_a_score_that_is_no_number_is_not_used_and_counted(score: float) -> None:
    """Direction words say what the text means, and the account says that a score was dropped."""
    host = start(Feeds(texts=(scored("Euro rises", score),)))

    close(host, START_NS)

    ((_, headline),) = told(host, Headline)
    ((_, found),) = told(host, SentimentScore)
    ((_, account),) = told(host, TextsRead)
    assert headline.scorer == ""
    assert found.score == pytest.approx(1 / 3)
    assert found.scorer == "lexicon-2"
    assert [(each.scope, each.count) for each in account.dropped] == [("score out of bounds", 1)]


def test_what_was_dropped_is_told_with_its_reasons() -> None:
    """And again at each close at which something is, never twice for one reading."""
    feeds = Wire()
    feeds.dropped = (("spam", 3), ("repeated", 2), ("nothing", 0))
    host = start(feeds)

    close(host, START_NS)
    close(host, START_NS + M15_NS)

    accounts = [account for _, account in told(host, TextsRead)]
    assert len(accounts) == 2
    assert [(each.scope, each.count) for each in accounts[0].dropped] == [
        ("repeated", 2),
        ("spam", 3),
    ]


def test_a_thousand_reasons_are_told_as_seventeen() -> None:
    """A source cannot fill the board with what it has dropped."""
    feeds = Wire()
    feeds.dropped = tuple((f"reason {number:04}", 1) for number in range(1000))
    host = start(feeds)

    close(host, START_NS)

    ((_, account),) = told(host, TextsRead)
    assert len(account.dropped) == 17
    assert sum(each.count for each in account.dropped) == 1000


def test_a_note_is_told_once_until_it_changes() -> None:
    """Why a better scorer did not score, and when it does again."""
    feeds = Wire()
    feeds.note = "oracle: out of memory"
    host = start(feeds)

    close(host, START_NS)
    close(host, START_NS + M15_NS)
    feeds.note = ""
    close(host, START_NS + 2 * M15_NS)

    notes = [(ts, account.note) for ts, account in told(host, TextsRead)]
    assert notes == [(START_NS, "oracle: out of memory"), (START_NS + 2 * M15_NS, "")]


def test_texts_that_are_not_answered_are_told() -> None:
    """A wire that fails is no quiet wire."""
    fails = Feeds(fails=lambda request, now_ns: isinstance(request, ReadHeadlines))
    host = start(fails)

    close(host, START_NS)

    ((_, account),) = told(host, TextsRead)
    assert account.note == "unanswered: timeout"


def test_where_nothing_is_dropped_and_the_lexicon_reads_nothing_is_told() -> None:
    """The normal state is no news."""
    host = start(Feeds(texts=(a_text("Euro rises", 0),)))

    close(host, START_NS)

    assert told(host, TextsRead) == []
