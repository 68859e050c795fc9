"""The training of the word-frequency scorer, from texts that somebody has labelled.

Texts have no dates, so folds are blocks of the file as it stands: neighbours are often made by one
template, and shuffled folds would show a model what it is asked for. The lexicon, which learns
nothing, is the baseline.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from models.learning.candidate import Candidate, TextEvidence, Trial, Untrained
from models.opinion.tone import CLASSES, FloatArray, IntArray, macro_f1
from models.opinion.tone_lexicon import LexiconScorer
from models.opinion.tone_tfidf import (
    FEATURES,
    TERM_PATTERN,
    TfidfScorer,
    files_of,
    load_tfidf,
    read_text,
    seen_texts,
)

FAMILY: Final = "sentiment"
FOLDS: Final = 5
TEXTS_MIN: Final = 500
TEXTS_PER_CLASS_MIN: Final = 50
"""Below it a fold has no ten texts of the class, and its F1 is chance."""
CHARGES: Final = (1.0, 3.0, 20.0)
"""Inverse strengths of the penalty that are tried; the reference for this recipe uses 20."""
OFTEN_MIN: Final = 2
"""Texts in which a word must stand to be counted."""
_ITERATIONS_MAX: Final = 1000


class _Fit(NamedTuple):
    terms: tuple[str, ...]
    rarity: FloatArray
    weights: FloatArray
    offsets: FloatArray

    @property
    def scorer(self) -> TfidfScorer:
        return TfidfScorer(self.terms, self.rarity, self.weights, self.offsets, FAMILY)


def train_sentiment(
    texts: Sequence[str],
    labels: IntArray,
    now_ns: int,
    champion: Mapping[str, bytes],
) -> Candidate | Untrained:
    """Return a word-frequency scorer with its out-of-fold evidence.

    Parameters
    ----------
    texts : sequence of str
        As they stand in the operator's file.
    labels : ndarray of shape (n_texts,)
        Class of each, see `models.opinion.tone`.
    now_ns : int
        When it is trained; texts have no dates, so nothing later is known of them.
    champion : mapping of str to bytes
        Files of the model that serves now, empty where none does. It is asked only of texts that it
        was not fitted on.
    """
    texts, labels = _once(texts, labels)
    if len(texts) < TEXTS_MIN:
        return Untrained("too few labelled texts", len(texts), TEXTS_MIN)
    counts = np.bincount(labels, minlength=len(CLASSES))
    if counts.min() < TEXTS_PER_CLASS_MIN:
        name = CLASSES[int(counts.argmin())]
        return Untrained(f"too few {name} texts", int(counts.min()), TEXTS_PER_CLASS_MIN)
    beside = LexiconScorer().features(texts)
    said = {charge: _out_of_fold(texts, labels, beside, charge) for charge in CHARGES}
    scores = {charge: macro_f1(labels, each) for charge, each in said.items()}
    best = max(CHARGES, key=lambda charge: (scores[charge], -charge))
    fit = _fitted(texts, labels, beside, best)
    seen = [digest_of(text) for text in texts]
    baseline = np.argmax(LexiconScorer().probabilities(texts), axis=1)
    return Candidate(
        family=FAMILY,
        files=files_of(fit.terms, fit.rarity, fit.weights, fit.offsets, seen),
        feature_schema=FEATURES,
        rows=len(texts),
        trained_until_ns=now_ns,
        data_hash=_data_hash(texts, labels),
        evidence=TextEvidence(
            label=labels,
            said=said[best],
            baseline_said=baseline,
            champion_said=_champion_said(champion, texts, seen, baseline),
        ),
        trials=tuple(
            Trial(parameters=f'{{"C":{charge:g}}}', score=scores[charge]) for charge in CHARGES
        ),
    )


def digest_of(text: str) -> str:
    """Return a short name for a text."""
    return hashlib.blake2b(read_text(text).encode(), digest_size=8).hexdigest()


def out_of_fold(texts: Sequence[str], labels: IntArray, charge: float) -> IntArray:
    """Return the class of each text as a model says that was fitted on the other blocks."""
    return _out_of_fold(texts, labels, LexiconScorer().features(texts), charge)


def fitted_scorer(texts: Sequence[str], labels: IntArray, charge: float) -> TfidfScorer:
    """Return a scorer that was fitted on all texts."""
    return _fitted(texts, labels, LexiconScorer().features(texts), charge).scorer


def _out_of_fold(
    texts: Sequence[str], labels: IntArray, beside: FloatArray, charge: float
) -> IntArray:
    said = np.empty(len(texts), dtype=np.int64)
    for rows in np.array_split(np.arange(len(texts)), FOLDS):
        rest = np.setdiff1d(np.arange(len(texts)), rows)
        fit = _fitted([texts[row] for row in rest], labels[rest], beside[rest], charge)
        asked = fit.scorer.probabilities([texts[row] for row in rows])
        said[rows] = np.argmax(asked, axis=1)
    return said


def _fitted(texts: Sequence[str], labels: IntArray, beside: FloatArray, charge: float) -> _Fit:
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counter = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=OFTEN_MIN,
        sublinear_tf=True,
        preprocessor=read_text,
        token_pattern=TERM_PATTERN,
    )
    inputs = hstack([counter.fit_transform(texts), csr_matrix(beside)]).tocsr()
    model = LogisticRegression(C=charge, class_weight="balanced", max_iter=_ITERATIONS_MAX)
    model.fit(inputs, labels)
    return _Fit(
        terms=tuple(str(term) for term in counter.get_feature_names_out()),
        rarity=np.asarray(counter.idf_, dtype=np.float64),
        weights=np.asarray(model.coef_, dtype=np.float64),
        offsets=np.asarray(model.intercept_, dtype=np.float64),
    )


def _champion_said(
    champion: Mapping[str, bytes], texts: Sequence[str], seen: Sequence[str], baseline: IntArray
) -> IntArray:
    """Return what the champion says where it was not fitted, −1 elsewhere; the lexicon without."""
    if not champion:
        return baseline
    known = seen_texts(champion)
    fresh = np.array([each not in known for each in seen])
    said = np.full(len(texts), -1, dtype=np.int64)
    if fresh.any():
        scorer = load_tfidf(champion, FAMILY)
        asked = [text for text, is_fresh in zip(texts, fresh, strict=True) if is_fresh]
        said[fresh] = np.argmax(scorer.probabilities(asked), axis=1)
    return said


def _once(texts: Sequence[str], labels: IntArray) -> tuple[list[str], IntArray]:
    """Keep the first of texts that are the same: one in two folds would be known before."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(digest_of(text), row)
    rows = sorted(first.values())
    return [texts[row] for row in rows], labels[rows]


def _data_hash(texts: Sequence[str], labels: IntArray) -> str:
    content = hashlib.sha256()
    for text, label in zip(texts, labels.tolist(), strict=True):
        content.update(f"{label} {text}\n".encode())
    return content.hexdigest()
