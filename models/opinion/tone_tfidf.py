"""Word frequencies and logistic regression as a scorer of tone, beside the lexicon's two figures.

A text becomes its words and pairs of words, weighed by 1 + ln(count) and by how rare they are,
scaled to length 1; direction words and VADER's compound stand beside them. What is stored is a list
of words and arrays of numbers, so serving needs neither scikit-learn nor a pickle.

Source: scikit-learn, `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)` with smoothed
frequencies, whose numbers these are.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from models.opinion.sentiment import SCORED_LENGTH_MAX, clean_text
from models.opinion.tone import CLASSES, FloatArray
from models.opinion.tone_lexicon import LexiconScorer

TERMS_FILE, WEIGHTS_FILE = "terms.json", "weights.safetensors"
FEATURES: Final = ("words", "word_pairs", "direction_words", "vader_compound")
TERM_PATTERN: Final = r"(?u)\b\w\w+\b"
BESIDE: Final = 2
"""Figures of the lexicon that stand beside the words."""
_TERM = re.compile(TERM_PATTERN)


class TfidfScorer:
    """Needs a trained model. Implements `ToneScorer`.

    Parameters
    ----------
    terms : sequence of str
        Words and pairs of words, in the order of the columns.
    rarity : ndarray of shape (n_terms,)
        Inverse document frequency of each.
    weights : ndarray of shape (3, n_terms + 2)
        Of each class, the lexicon's two figures last.
    offsets : ndarray of shape (3,)
    name : str
        With its version.
    """

    tone_share = 0.5

    def __init__(
        self,
        terms: Sequence[str],
        rarity: FloatArray,
        weights: FloatArray,
        offsets: FloatArray,
        name: str,
    ) -> None:
        self.name = name
        self._columns = {term: column for column, term in enumerate(terms)}
        self._rarity = rarity
        self._weights = weights
        self._offsets = offsets
        self._lexicon = LexiconScorer()

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Return the softmax of each text's sums."""
        beside = self._lexicon.features(texts)
        sums = np.stack([self._sums(text) for text in texts]) if texts else np.zeros((0, 3))
        sums = sums + self._offsets + beside @ self._weights[:, -BESIDE:].T
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares: FloatArray = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def _sums(self, text: str) -> FloatArray:
        counts = Counter(self._columns[term] for term in terms_of(text) if term in self._columns)
        if not counts:
            return np.zeros(len(CLASSES))
        columns = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
        values = (1.0 + np.log(often)) * self._rarity[columns]
        sums: FloatArray = self._weights[:, columns] @ (values / np.linalg.norm(values))
        return sums


def read_text(text: str) -> str:
    """Return what of a text is counted."""
    return clean_text(text, SCORED_LENGTH_MAX).lower()


def terms_of(text: str) -> Iterator[str]:
    """Yield the words of a text and each pair of neighbours.

    Examples
    --------
    >>> list(terms_of("Profit beats hopes"))
    ['profit', 'beats', 'hopes', 'profit beats', 'beats hopes']
    """
    words = _TERM.findall(read_text(text))
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"


def files_of(
    terms: Sequence[str],
    rarity: FloatArray,
    weights: FloatArray,
    offsets: FloatArray,
    seen: Sequence[str],
) -> dict[str, bytes]:
    """Return a model as files; `seen` are the digests of the texts that it was fitted on."""
    from safetensors.numpy import save

    tensors = {"rarity": rarity, "weights": weights, "offsets": offsets}
    return {
        TERMS_FILE: json.dumps({"terms": list(terms), "seen": sorted(seen)}).encode(),
        WEIGHTS_FILE: save({name: np.ascontiguousarray(each) for name, each in tensors.items()}),
    }


def load_tfidf(files: Mapping[str, bytes], name: str) -> TfidfScorer:
    """Return the scorer of some files; raises ValueError for whatever is wrong with them."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        terms = json.loads(files[TERMS_FILE])["terms"]
        tensors = load(files[WEIGHTS_FILE])
        rarity, weights, offsets = (tensors[each] for each in ("rarity", "weights", "offsets"))
    except (KeyError, TypeError, SafetensorError) as error:
        raise ValueError(f"is no model of word frequencies: {error}") from error
    shapes = (rarity.shape, weights.shape, offsets.shape)
    count = len(terms)
    if shapes != ((count,), (len(CLASSES), count + BESIDE), (len(CLASSES),)):
        raise ValueError(f"{count} words do not fit arrays of {shapes}")
    if not all(isinstance(term, str) for term in terms):
        raise ValueError("a word is no text")
    return TfidfScorer(terms, rarity, weights, offsets, name)


def seen_texts(files: Mapping[str, bytes]) -> frozenset[str]:
    """Return the digests of the texts that a stored model was fitted on."""
    try:
        return frozenset(json.loads(files[TERMS_FILE])["seen"])
    except (KeyError, TypeError, ValueError):
        return frozenset()
