"""Who scores texts: the best that is there, the next where it fails, and always somebody."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from agents.requests import HeadlineReading, HeadlinesRead, ReadHeadlines, Unanswered
from config.agents import AgentsSection
from config.sentiment import SentimentSection
from config.settings import Settings
from config.texts import TextsSection
from models.opinion.tone import FloatArray
from runtime.feeds.scored import ScoredHeadlines
from runtime.texts.scoring import LEXICON, TFIDF, TRANSFORMER, Rung, TextScorers

VADER = "lexicon-2-vader"


@dataclass
class Oracle:
    """A scorer that says what a test wants."""

    says: tuple[float, float, float] = (0.0, 0.0, 1.0)
    fails_after: int = 10**9
    name: str = "oracle"
    tone_share: float = 0.5
    asked: list[str] = field(default_factory=list)

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Return the same row for every text, or fail."""
        self.asked += texts
        if len(self.asked) > self.fails_after:
            raise RuntimeError("out of memory")
        return np.array([self.says] * len(texts), dtype=np.float64).reshape(len(texts), 3)


def scorers_of(
    tmp_path: Path,
    network: Rung | None = None,
    *,
    is_virtual: bool = False,
    scorer: str = "auto",
    **section: object,
) -> TextScorers:
    """Return scorers whose transformer is given by the test."""
    texts = TextsSection.model_validate({"scorer": scorer, **section})
    settings = Settings(
        home=tmp_path, agents=AgentsSection(sentiment=SentimentSection(texts=texts))
    )
    scorers = TextScorers(settings, tmp_path / "models", is_virtual=is_virtual)
    scorers._network = network  # the one that would have been opened
    return scorers


def test_where_nothing_is_configured_the_lexicon_scores(tmp_path: Path) -> None:
    """No model, no note: that is the normal state, and it names itself."""
    scoring = scorers_of(tmp_path).score(["Euro rises", "Gold rises"])

    assert [each.scorer for each in scoring.texts] == [VADER, VADER]
    assert scoring.texts[0].scores == (("EUR", 1.0),)
    assert scoring.texts[1].scores == ()
    assert scoring.note == ""


def test_the_best_that_is_there_scores(tmp_path: Path) -> None:
    """A transformer that hears good news: half of 1 and half of its own 1."""
    oracle = Oracle()

    scoring = scorers_of(tmp_path, Rung(oracle, "")).score(["Euro rises", "ECB meets"])

    assert [each.scorer for each in scoring.texts] == ["oracle", "oracle"]
    assert scoring.texts[0].scores == (("EUR", 1.0),)
    assert scoring.texts[1].scores == (("EUR", 0.5),)  # no direction word: half of the tone


def test_over_history_nobody_scores_who_may_have_read_the_news(tmp_path: Path) -> None:
    """Auto is the lexicon where time stands still, unless another is named."""
    oracle = Oracle()

    auto = scorers_of(tmp_path, Rung(oracle, ""), is_virtual=True).score(["Euro rises"])
    named = scorers_of(tmp_path, Rung(oracle, ""), is_virtual=True, scorer=TRANSFORMER)

    assert auto.texts[0].scorer == VADER
    assert oracle.asked == []
    assert named.score(["Euro rises"]).texts[0].scorer == "oracle"


def test_a_scorer_that_says_nan_is_replaced_and_it_is_told(tmp_path: Path) -> None:
    """No score is made of NaN."""
    nan = Oracle(says=(np.nan, 0.0, 1.0))

    scoring = scorers_of(tmp_path, Rung(nan, "")).score(["Euro rises"])

    assert scoring.texts[0].scorer == VADER
    assert scoring.note == "oracle: ValueError a probability is not within 0..1"


def test_a_scorer_that_fails_in_the_middle_keeps_what_it_has_said(tmp_path: Path) -> None:
    """Batches of two: the first is kept, the rest goes to the next scorer."""
    oracle = Oracle(fails_after=2)

    scoring = scorers_of(tmp_path, Rung(oracle, ""), batch_texts=2).score(["Euro rises"] * 5)

    assert [each.scorer for each in scoring.texts] == ["oracle"] * 2 + [VADER] * 3
    assert "out of memory" in scoring.note


def test_what_is_not_scored_in_time_goes_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch a second and a budget of 2.5 s: three batches are the transformer's."""
    seconds = iter(range(100))
    monkeypatch.setattr("runtime.texts.scoring.process_s", lambda: float(next(seconds)))
    scorers = scorers_of(tmp_path, Rung(Oracle(), ""), batch_texts=1, score_time_s=2.5)

    scoring = scorers.score(["Euro rises"] * 6)

    # asked at 0 s, batches begin at 1 and 2 s; at 3 s the time is over
    assert [each.scorer for each in scoring.texts] == ["oracle"] * 2 + [VADER] * 4
    assert scoring.note == "oracle: 4 texts left after 2.5 s"


def test_a_scorer_that_was_named_and_is_not_there_is_told(tmp_path: Path) -> None:
    """An operator who asked for a model must not believe that it works."""
    transformer = scorers_of(tmp_path, scorer=TRANSFORMER).score(["Euro rises"])
    tfidf = scorers_of(tmp_path, scorer=TFIDF).score(["Euro rises"])

    assert transformer.note == "transformer: ProsusAI/finbert is not fetched"
    assert tfidf.note == "tfidf: no model is promoted"
    assert tfidf.texts[0].scorer == VADER


def test_a_refused_model_is_told_by_its_reason(tmp_path: Path) -> None:
    """The name of FinGPT's model that does not exist is no way to a download."""
    model = "FinGPT/fingpt-forex-sentiment-v1.0"

    scoring = scorers_of(tmp_path, scorer=TRANSFORMER, model=model).score(["Euro rises"])

    assert "is refused: FinGPT lists no such model" in scoring.note


def test_without_vader_direction_words_score_alone(tmp_path: Path) -> None:
    """A package that is missing all the same is survived."""
    scorers = scorers_of(tmp_path)
    scorers._lexicon = Rung(None, "ImportError no vaderSentiment", is_failure=True)

    scoring = scorers.score(["Euro rises"])

    assert scoring.texts[0] == ((("EUR", 1.0),), "lexicon-2")
    assert scoring.note == "lexicon: ImportError no vaderSentiment"
    assert scorers.active().scorer is None


def test_the_ladder_says_who_is_active_and_who_is_not(tmp_path: Path) -> None:
    """What doctor shows."""
    scorers = scorers_of(tmp_path)

    assert scorers.kind() == LEXICON
    assert scorers.absent() == [
        (TRANSFORMER, "ProsusAI/finbert is not fetched"),
        (TFIDF, "no model is promoted"),
    ]


@dataclass
class Wire:
    """A source with some texts."""

    headlines: tuple[HeadlineReading, ...] = ()
    note: str = ""
    fails: bool = False

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead | Unanswered:
        """Answer."""
        if self.fails:
            return Unanswered(request=request, reason="503")
        return HeadlinesRead(request=request, headlines=self.headlines, note=self.note)


def test_texts_come_with_scores_and_no_more_are_scored_than_asked_for(tmp_path: Path) -> None:
    """Limit 2 of 3: the third comes as it is, for the next time."""
    texts = tuple(
        HeadlineReading(text=text, source="wire", received_ns=at_ns)
        for at_ns, text in enumerate(("Euro rises", "Dollar falls", "Yen falls"), 1)
    )
    source = ScoredHeadlines(Wire(texts, note="rss: slow"), scorers_of(tmp_path))

    answer = source.read(ReadHeadlines(after_ns=0, limit=2), 10)

    assert isinstance(answer, HeadlinesRead)
    assert [each.scorer for each in answer.headlines] == [VADER, VADER, ""]
    assert answer.headlines[1].scores == (("USD", -1.0),)
    assert answer.note == "rss: slow"


def test_a_source_that_fails_is_not_scored(tmp_path: Path) -> None:
    """Its reason goes on as it is."""
    source = ScoredHeadlines(Wire(fails=True), scorers_of(tmp_path))

    answer = source.read(ReadHeadlines(after_ns=0, limit=2), 10)

    assert isinstance(answer, Unanswered)
    assert answer.reason == "503"
