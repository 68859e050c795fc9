"""The lexicon as a scorer of tone: VADER for how people speak, direction words for what moves.

VADER alone knows no finance: "beats" and "cuts" are a fight and a wound to it. The direction words
alone are the better judge of finance texts, so VADER only tips what they leave open.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.opinion.sentiment import SCORED_LENGTH_MAX, clean_text, words_of
from models.opinion.tone import FloatArray

NAME: Final = "lexicon-2-vader"
"""It changes with every word of the lists."""
VADER_SHARE: Final = 0.3
"""What VADER's compound counts beside the direction words: less than their mildest word."""


class LexiconScorer:
    """Needs no model and no data. Implements `ToneScorer`; raises ImportError without VADER."""

    name = NAME
    tone_share = 0.0  # direction words say all that it knows of size too

    def __init__(self) -> None:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._vader = SentimentIntensityAnalyzer()

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """Return a tone t as the chances |t| of its side and 1 − |t| of neutral."""
        tones = np.array([self._tone(text) for text in texts], dtype=np.float64)
        return np.stack(
            (np.maximum(-tones, 0.0), 1.0 - np.abs(tones), np.maximum(tones, 0.0)), axis=-1
        )

    def features(self, texts: Sequence[str]) -> FloatArray:
        """Return direction words and VADER's compound apart, shape (n_texts, 2), −1 to +1."""
        read = [clean_text(text, SCORED_LENGTH_MAX) for text in texts]
        return np.array(
            [(words_of(text), self._compound(text)) for text in read], dtype=np.float64
        ).reshape(len(read), 2)

    def _tone(self, text: str) -> float:
        read = clean_text(text, SCORED_LENGTH_MAX)
        return max(-1.0, min(1.0, words_of(read) + VADER_SHARE * self._compound(read)))

    def _compound(self, text: str) -> float:
        return float(self._vader.polarity_scores(text)["compound"])
