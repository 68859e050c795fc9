"""Benchmark: scorers of texts, how often they are right on labelled posts, and how fast they read.

The posts are about stocks and labelled by others; nobody here was fitted on them but the word
frequencies, and those are asked out of fold. Folds are blocks of the file as it stands, and beside
them shuffled ones, which put twins of a text on both sides. The transformer is a random one of some
two thousand weights: its row shows that the whole path runs, and what the path itself costs.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Final

import numpy as np

from benchmarks.sections import Section, table
from config.texts import TextsSection
from models.opinion.sentiment import score_with_tone
from models.opinion.tone import IntArray, ToneScorer, macro_f1, tones_of
from models.opinion.tone_lexicon import LexiconScorer
from models.opinion.tone_tfidf import TERM_PATTERN, read_text
from models.opinion.tone_training import CHARGES, fitted_scorer, out_of_fold
from runtime.texts.labelled import read_labelled_texts
from runtime.texts.transformer import scorer_of
from tests.headlines import TEMPLATES
from tests.tiny_transformer import save_tiny_bert

POSTS: Final = Path("../shared/data/clean_licence/sentiment/twitter_fin_valid.csv")
MEANINGS: Final = ("bearish", "bullish", "neutral")
FOLDS: Final = 5
REFERENCE_CHARGE: Final = 20.0
REPETITIONS: Final = 3
SPEED_TEXTS: Final = 500


def run() -> Section:
    """Return accuracy, macro-F1 and speed of every scorer; without the posts, speed alone."""
    if not POSTS.exists():
        return Section("texts", "Scorers of texts", f"{POSTS} is not there: nothing measured.")
    texts, labels = read_labelled_texts(POSTS, MEANINGS)
    order = np.random.default_rng(1).permutation(len(texts))
    mixed = [texts[place] for place in order]
    with tempfile.TemporaryDirectory() as folder:
        section = TextsSection()
        tiny = scorer_of(save_tiny_bert(Path(folder) / "tiny"), "tiny", section)
        lexicon = LexiconScorer()
        words = fitted_scorer(texts, labels, CHARGES[0])
        rows = [
            _row("all neutral", labels, np.ones(len(labels), dtype=np.int64)),
            _row("VADER alone, beyond ±0.05", labels, _vader(lexicon, texts)),
            _row("lexicon: direction words and VADER", labels, _said(lexicon, texts)),
            _row("TF-IDF alone, C = 20, blocks", labels, _tfidf_alone(texts, labels)),
            _row(
                "TF-IDF alone, C = 20, shuffled", labels[order], _tfidf_alone(mixed, labels[order])
            ),
        ]
        rows += [
            _row(
                f"TF-IDF and lexicon, C = {each:g}, blocks",
                labels,
                out_of_fold(texts, labels, each),
            )
            for each in CHARGES
        ]
        said = out_of_fold(mixed, labels[order], CHARGES[0])
        rows.append(_row("TF-IDF and lexicon, C = 1, shuffled", labels[order], said))
        rows.append(_row("transformer path, a random BERT", labels, _said(tiny, texts)))
        speeds = [
            [name, f"{_texts_a_second(scorer, texts):,.0f}"]
            for name, scorer in (
                ("lexicon", lexicon),
                ("TF-IDF and lexicon", words),
                ("tiny BERT", tiny),
            )
        ]
        signs = [
            [name, f"{_right(scorer, share)} of {len(TEMPLATES)}"]
            for name, scorer, share in (
                ("lexicon", lexicon, 0.0),
                ("TF-IDF and lexicon", words, 0.5),
                ("transformer path, a random BERT", tiny, 0.5),
            )
        ]
    text = (
        f"{len(texts):,} posts about stocks ({POSTS.name}, MIT): bearish, neutral, bullish "
        f"{', '.join(f'{count:,}' for count in np.bincount(labels))}. Signs are those of forty "
        "headlines about currencies (`tests/headlines.py`), each right only if all of its are."
    )
    return Section(
        "texts",
        "Scorers of texts",
        text,
        (
            table(("scorer", "accuracy", "macro-F1"), rows),
            table(("scorer", "texts a second, one thread"), speeds),
            table(("scorer", "signs of currencies right"), signs),
        ),
        (
            "No transformer of the hub could be fetched here; the figures that its authors publish "
            "stand in no row.",
            "Blocks against shuffled folds: neighbours in the file are often of one template.",
        ),
    )


def _row(name: str, labels: IntArray, said: IntArray) -> list[str]:
    return [name, f"{np.mean(labels == said):.3f}", f"{macro_f1(labels, said):.3f}"]


def _said(scorer: ToneScorer, texts: Sequence[str]) -> IntArray:
    said: IntArray = np.argmax(scorer.probabilities(texts), axis=1)
    return said


def _vader(lexicon: LexiconScorer, texts: Sequence[str]) -> IntArray:
    compound = lexicon.features(texts)[:, 1]
    return np.where(compound > 0.05, 2, np.where(compound < -0.05, 0, 1))


def _tfidf_alone(texts: Sequence[str], labels: IntArray) -> IntArray:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    said = np.empty(len(texts), dtype=np.int64)
    for rows in np.array_split(np.arange(len(texts)), FOLDS):
        rest = np.setdiff1d(np.arange(len(texts)), rows)
        model = make_pipeline(
            TfidfVectorizer(
                ngram_range=(1, 2),
                min_df=2,
                sublinear_tf=True,
                preprocessor=read_text,
                token_pattern=TERM_PATTERN,
            ),
            LogisticRegression(C=REFERENCE_CHARGE, class_weight="balanced", max_iter=500),
        )
        model.fit([texts[row] for row in rest], labels[rest])
        said[rows] = model.predict([texts[row] for row in rows])
    return said


def _texts_a_second(scorer: ToneScorer, texts: Sequence[str]) -> float:
    asked = texts[:SPEED_TEXTS]
    scorer.probabilities(asked[:16])
    return len(asked) / min(_timed(lambda: scorer.probabilities(asked)) for _ in range(REPETITIONS))


def _timed(work: Callable[[], object]) -> float:
    began_s = process_time()
    work()
    return process_time() - began_s


def _right(scorer: ToneScorer, share: float) -> int:
    tones = tones_of(scorer.probabilities([text for text, _ in TEMPLATES])).tolist()
    return sum(
        all(
            score_with_tone(text, tone, share).get(each, 0.0) * sign > 0
            for each, sign in said.items()
        )
        for (text, said), tone in zip(TEMPLATES, tones, strict=True)
    )
