"""Laws of the scorer: whatever the text, scores stay in bounds and nothing raises."""

from hypothesis import given
from hypothesis import strategies as st

from models.opinion.lexicon import (
    BREAKS,
    CURRENCIES,
    GLOOM,
    MOVEMENTS,
    NEGATIONS,
    POLICIES,
    QUALITIES,
    WEIGHING,
)
from models.opinion.sentiment import clean_text, decayed_score, score_text

WORDS = sorted(
    {*CURRENCIES, *GLOOM, *MOVEMENTS, *POLICIES, *QUALITIES, *NEGATIONS, *WEIGHING, *BREAKS}
)


@given(st.text(max_size=300))
def test_any_text_is_cleaned_to_one_short_visible_line(text: str) -> None:
    """What is left can be encoded, is cut, and stays as it is when cleaned again."""
    cleaned = clean_text(text, 100)

    assert len(cleaned) <= 100
    assert "\n" not in cleaned
    assert cleaned.encode().decode() == cleaned


@given(st.text(max_size=300))
def test_any_text_scores_within_bounds(text: str) -> None:
    """No text makes a score leave −1..1 or raises."""
    assert all(-1.0 <= score <= 1.0 for score in score_text(text).values())


@given(st.lists(st.sampled_from([*WORDS, "EUR/USD", "eurusd", ",", "\u202e"]), max_size=40))
def test_any_order_of_known_words_scores_within_bounds(words: list[str]) -> None:
    """Headlines made of nothing but listed words stay in bounds too, the same each time."""
    scores = score_text(" ".join(words))

    assert all(-1.0 <= score <= 1.0 for score in scores.values())
    assert scores == score_text(" ".join(words))


@given(
    st.lists(st.tuples(st.floats(-1.0, 1.0), st.integers(0, 10**15)), max_size=50),
    st.integers(1, 10**15),
)
def test_decay_never_leaves_the_range_of_scores(texts: list[tuple[float, int]], half: int) -> None:
    """A mean that is pulled to neutral lies within the scores and 0."""
    scores, ages = [score for score, _ in texts], [age for _, age in texts]

    score, weight = decayed_score(scores, ages, [half] * len(ages))

    assert min([0.0, *scores]) <= score <= max([0.0, *scores])
    assert 0.0 <= weight <= len(texts)
