"""The port of scorers: classes, tones and macro-F1, and the lexicon behind it."""

import numpy as np
import pytest

from models.opinion.sentiment import score_text, score_with_tone
from models.opinion.tone import BEARISH, BULLISH, NEUTRAL, class_of, macro_f1, tones_of
from models.opinion.tone_lexicon import LexiconScorer
from tests.headlines import TEMPLATES


def test_macro_f1_is_the_mean_over_classes() -> None:
    """One class right twice, one never said, one right once in two: worked by hand."""
    labels = np.array([0, 0, 1, 2])
    said = np.array([0, 0, 2, 2])

    # F1: 2·2/(2+2) = 1; 0 of the neutral; 2·1/(2+1) = 2/3
    assert macro_f1(labels, said) == pytest.approx((1.0 + 0.0 + 2.0 / 3.0) / 3.0)


def test_all_neutral_scores_a_third_of_its_f1() -> None:
    """Two of three neutral: accuracy 0.67, F1 of neutral 0.8, macro-F1 0.27."""
    assert macro_f1(np.array([1, 1, 0]), np.array([1, 1, 1])) == pytest.approx(0.8 / 3.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("positive", BULLISH), ("NEGATIVE", BEARISH), (" Neutral ", NEUTRAL), ("dovish", BEARISH)],
)
def test_a_class_is_known_by_any_case(name: str, expected: int) -> None:
    """FinBERT's labels are lower case, others' are not; neutral is never negative."""
    assert class_of(name) == expected


@pytest.mark.parametrize("name", ["LABEL_0", "", "good"])
def test_a_name_that_says_no_class_is_refused(name: str) -> None:
    """Guessing which of LABEL_0 and LABEL_1 is good would sell what should be bought."""
    with pytest.raises(ValueError, match="must be one of"):
        class_of(name)


def test_tone_is_bullish_less_bearish() -> None:
    """0.7 − 0.1; neutral counts nothing."""
    assert tones_of(np.array([[0.1, 0.2, 0.7]]))[0] == pytest.approx(0.6)


@pytest.mark.parametrize("row", [[np.nan, 0.5, 0.5], [np.inf, 0.0, 0.0], [-0.5, 1.0, 0.5]])
def test_what_is_no_probability_is_refused(row: list[float]) -> None:
    """A network that has gone wrong says NaN, and no score is made of it."""
    with pytest.raises(ValueError, match=r"0\.\.1"):
        tones_of(np.array([row]))


def test_probabilities_need_three_classes() -> None:
    """An answer of another shape is none."""
    with pytest.raises(ValueError, match="3 columns"):
        tones_of(np.array([[0.5, 0.5]]))


def test_the_lexicon_gives_probabilities() -> None:
    """Rows sum to 1; "beats" is bullish for whoever it is said of, nothing is neutral."""
    rows = LexiconScorer().probabilities(["Apple beats estimates", "Apple misses estimates", ""])

    assert rows.sum(axis=1) == pytest.approx(1.0)
    assert rows.argmax(axis=1).tolist() == [BULLISH, BEARISH, NEUTRAL]


def test_nine_of_ten_headlines_have_their_sign() -> None:
    """Forty templates about currencies: all signs of a headline right, or it counts as wrong."""
    tones = tones_of(LexiconScorer().probabilities([text for text, _ in TEMPLATES]))

    right = sum(
        all(
            score_with_tone(text, tone, 0.0).get(each, 0.0) * sign > 0
            for each, sign in said.items()
        )
        for (text, said), tone in zip(TEMPLATES, tones.tolist(), strict=True)
    )

    assert len(TEMPLATES) == 40
    assert right >= 36


@pytest.mark.parametrize("tone", [-1.0, 0.0, 1.0])
def test_direction_words_decide_the_sign_whatever_a_model_says(tone: float) -> None:
    """A finance model hears bad news in falling unemployment; for the currency it is good."""
    right = sum(
        all(
            score_with_tone(text, tone, 0.5).get(each, 0.0) * sign > 0
            for each, sign in said.items()
        )
        for text, said in TEMPLATES
    )

    assert right >= 36


def test_a_tone_speaks_where_direction_words_are_silent() -> None:
    """Half of it, and for the quote currency of a pair the other way round."""
    assert score_text("ECB speaks of headwinds") == {"EUR": 0.0}
    assert score_with_tone("ECB speaks of headwinds", -0.8, 0.5) == {"EUR": -0.4}
    assert score_with_tone("EUR/USD outlook", 0.8, 0.5) == {"EUR": 0.4, "USD": -0.4}


def test_a_tone_that_disagrees_halves_a_score() -> None:
    """(1 − 0.5)·1 + 0.5·max(0, −0.6) = 0.5; one that agrees gives (1 − 0.5)·1 + 0.5·0.6."""
    assert score_with_tone("Euro rises", -0.6, 0.5) == {"EUR": 0.5}
    assert score_with_tone("Euro rises", 0.6, 0.5) == {"EUR": 0.8}


def test_a_possessive_names_its_currency() -> None:
    """Canada's deficit is Canada's."""
    assert score_text("Canada's trade deficit widens") == {"CAD": -1.0}
