"""Word frequencies and logistic regression: scikit-learn's numbers without it, and training."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.learning.candidate import Candidate, TextEvidence, Untrained
from models.learning.promotion import judge
from models.learning.text_gate import chance_of_worse
from models.learning.verdict import GateTerms, Registry, Rehearsal
from models.opinion.tone import IntArray, macro_f1
from models.opinion.tone_lexicon import LexiconScorer
from models.opinion.tone_tfidf import (
    TERM_PATTERN,
    TERMS_FILE,
    WEIGHTS_FILE,
    TfidfScorer,
    files_of,
    load_tfidf,
    read_text,
)
from models.opinion.tone_training import digest_of, train_sentiment
from runtime.texts.labelled import read_labelled_texts

UNTRIED = Registry(0.0, 0)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
POSTS = DATA / "clean_licence" / "sentiment" / "twitter_fin_valid.csv"
_SUBJECTS = ("the council", "a merger", "the board", "our harvest", "this quarter", "the ferry")
_MOODS = (
    ("was a debacle", "went to the dogs", "left everyone aghast"),
    ("was on Tuesday", "will be in Lisbon", "has four parts"),
    ("was a triumph", "went swimmingly", "left everyone beaming"),
)


def invented_texts(count: int = 720, noise: float = 0.05) -> tuple[list[str], IntArray]:
    """Return texts whose moods no list of direction words knows, and their classes."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, count)
    texts = [
        f"{_SUBJECTS[rng.integers(6)]} {_MOODS[label][rng.integers(3)]}, item {row}"
        for row, label in enumerate(labels)
    ]
    is_wrong = rng.random(count) < noise
    return texts, np.where(is_wrong, rng.integers(0, 3, count), labels)


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    """Return what training on the invented texts gives."""
    result = train_sentiment(*invented_texts(), 1, {})
    assert isinstance(result, Candidate)
    return result


def test_it_says_what_scikit_learn_says() -> None:
    """The same probabilities to the last digits, from stored words and arrays alone."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = invented_texts(120)
    counter = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, preprocessor=read_text, token_pattern=TERM_PATTERN
    )
    inputs = hstack(
        [counter.fit_transform(texts), csr_matrix(LexiconScorer().features(texts))]
    ).tocsr()
    model = LogisticRegression(C=3.0, max_iter=500).fit(inputs, labels)
    terms = counter.get_feature_names_out().tolist()
    files = files_of(terms, counter.idf_, model.coef_, model.intercept_, [])

    said = load_tfidf(files, "x").probabilities(texts)

    assert said == pytest.approx(model.predict_proba(inputs), abs=1e-12)


def test_a_text_of_unknown_words_is_answered() -> None:
    """Nothing, foreign letters and a thousand repetitions give probabilities."""
    scorer = TfidfScorer(["up"], np.ones(1), np.ones((3, 3)), np.zeros(3), "x")

    said = scorer.probabilities(["", "日本銀行", "up " * 1000])

    assert said.sum(axis=1) == pytest.approx(1.0)


def test_what_words_can_learn_is_learned_and_promoted(candidate: Candidate) -> None:
    """Moods that the lexicon has no words for: the candidate passes every gate."""
    said = load_tfidf(candidate.files, "x").probabilities(invented_texts(60)[0]).ravel()
    rehearsal = Rehearsal(candidate.feature_schema, said, said, 0.0, 1.0, np.array([1.0]))

    verdict = judge(
        candidate,
        rehearsal,
        UNTRIED,
        has_champion=False,
        is_refresh=False,
        terms=GateTerms(),
        seed=1,
    )

    assert verdict.is_promoted, verdict.detail
    assert isinstance(candidate.evidence, TextEvidence)
    assert macro_f1(candidate.evidence.label, candidate.evidence.said) > 0.8
    assert macro_f1(candidate.evidence.label, candidate.evidence.baseline_said) < 0.4
    assert len(candidate.trials) == 3


def test_noise_is_never_promoted() -> None:
    """Labels that have nothing to do with the texts: the candidate is refused by name."""
    texts, labels = invented_texts()
    result = train_sentiment(texts, np.random.default_rng(2).permutation(labels), 1, {})
    assert isinstance(result, Candidate)

    verdict = judge(
        result, None, UNTRIED, has_champion=False, is_refresh=False, terms=GateTerms(), seed=1
    )

    assert not verdict.is_promoted
    assert verdict.failed_gate == "chance.p_value"


def test_a_champion_is_asked_only_what_it_has_not_read(candidate: Candidate) -> None:
    """Trained again on the same file there is nothing new to compare on, and nothing changes."""
    again = train_sentiment(*invented_texts(), 2, candidate.files)
    assert isinstance(again, Candidate)
    assert isinstance(again.evidence, TextEvidence)

    verdict = judge(
        again, None, UNTRIED, has_champion=True, is_refresh=False, terms=GateTerms(), seed=1
    )

    assert (again.evidence.champion_said == -1).all()
    assert verdict.failed_gate == "texts.texts_new_to_champion"


def test_too_little_is_no_candidate() -> None:
    """Too few texts, or too few of a class, are told by number."""
    texts, labels = invented_texts()

    few = train_sentiment(texts[:100], labels[:100], 1, {})
    lopsided = train_sentiment(texts, np.where(labels == 2, 1, labels), 1, {})

    assert few == Untrained("too few labelled texts", 100, 500)
    assert isinstance(lopsided, Untrained)
    assert lopsided.reason == "too few bullish texts"


def test_a_text_that_is_repeated_is_learned_once() -> None:
    """In two folds it would be known before it is asked for."""
    texts, labels = invented_texts(300)

    result = train_sentiment(texts * 3, np.tile(labels, 3), 1, {})

    assert result == Untrained("too few labelled texts", 300, 500)
    assert digest_of("Up  again") == digest_of("up again")


def test_the_same_texts_give_the_same_files(candidate: Candidate) -> None:
    """Byte for byte."""
    again = train_sentiment(*invented_texts(), 1, {})

    assert isinstance(again, Candidate)
    assert again.files == candidate.files


@pytest.mark.parametrize(
    "files",
    [
        {},
        {TERMS_FILE: b'{"terms": ["up"]}', WEIGHTS_FILE: b"no tensors"},
        {
            **files_of(["up"], np.ones(1), np.ones((3, 3)), np.zeros(3), []),
            TERMS_FILE: json.dumps({"terms": ["up", "down"]}).encode(),
        },
        {
            **files_of(["up"], np.ones(1), np.ones((3, 3)), np.zeros(3), []),
            TERMS_FILE: b'{"terms": [7]}',
        },
    ],
)
def test_files_that_do_not_fit_are_refused(files: dict[str, bytes]) -> None:
    """A missing file, another format, and words that do not fit the arrays."""
    with pytest.raises(ValueError, match=r"no model|do not fit|no text"):
        load_tfidf(files, "x")


def test_a_coin_against_itself_is_no_evidence() -> None:
    """Two that say the same are never better than each other."""
    said = np.tile([0, 1, 2], 50)

    assert chance_of_worse(said, said, said, seed=1) == 1.0


@pytest.mark.skipif(not POSTS.exists(), reason="../shared/data is not there")
def test_direction_words_beat_vader_on_labelled_posts() -> None:
    """On posts about stocks the lexicon is far above the 0.447 of VADER alone."""
    texts, labels = read_labelled_texts(POSTS, ("bearish", "bullish", "neutral"))

    said = LexiconScorer().probabilities(texts).argmax(axis=1)

    assert len(texts) == 2388
    assert macro_f1(labels, said) > 0.60
