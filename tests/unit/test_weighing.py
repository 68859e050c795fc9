"""Who weighs what, by hand."""

import math

import pytest

from models.learning.weighing import LOG_ODDS_MAX, Weighing, WeighingTerms, judge, unjudged

TERMS = WeighingTerms(rate=1.0, share=0.1, hearing_prior=0.8, hearing_rate=2.0)


def test_the_unjudged_weigh_by_the_prior() -> None:
    """Three voters hold 0.8 of a quarter each, the constant its quarter and what is not heard."""
    weights = unjudged(3, TERMS).weights

    assert weights == pytest.approx((0.2, 0.2, 0.2, 0.4))
    assert math.fsum(weights) == 1.0


def test_a_loss_moves_hedge_and_hearing_by_hand() -> None:
    """One voter with an excess loss of ln 2 at rates 1 and 2, and a share of a tenth."""
    after = judge(unjudged(1, TERMS), (math.log(2.0),), (1.0,), TERMS)

    # Hedge: 1/2 · 1/2 against 1/2: a third and two thirds, then 0.9 of it and 0.1 / 2 for both
    assert after.hedged == pytest.approx((0.9 / 3 + 0.05, 0.9 * 2 / 3 + 0.05))
    # odds of 4 are divided by e^(2 ln 2) = 4: even
    assert after.log_odds == pytest.approx((0.0,))
    assert after.weights == pytest.approx((0.35 / 2, 1.0 - 0.35 / 2))


def test_overlapping_outcomes_count_once() -> None:
    """Four outcomes at a quarter of the evidence make the same weights as one at all of it."""
    once = judge(unjudged(2, TERMS), (0.1, -0.2), (1.0, 1.0), TERMS._replace(share=0.0))
    after = unjudged(2, TERMS)
    for _ in range(4):
        after = judge(after, (0.1, -0.2), (0.25, 0.25), TERMS._replace(share=0.0))

    assert after.weights == pytest.approx(once.weights)


def test_who_abstains_is_not_judged() -> None:
    """Neither its share nor its chance of being heard changes, to the bit."""
    before = unjudged(2, TERMS)

    after = judge(before, (None, 0.2), (1.0, 1.0), TERMS)

    assert (after.hedged[0], after.log_odds[0]) == (before.hedged[0], before.log_odds[0])
    assert judge(before, (None, None), (1.0, 1.0), TERMS) == before


def test_no_record_is_beyond_repair() -> None:
    """However long a voter was wrong, its chance of being heard stays within a bound."""
    after = Weighing((0.5, 0.5), (-LOG_ODDS_MAX,))

    assert judge(after, (0.75,), (1.0,), TERMS).log_odds == (-LOG_ODDS_MAX,)


@pytest.mark.parametrize("prior", [1e-12, 1.0 - 1e-12])
def test_no_prior_is_beyond_the_bound_of_a_record(prior: float) -> None:
    """Whoever is as good as sure of a voter begins where the longest record would end."""
    first = unjudged(1, TERMS._replace(hearing_prior=prior))

    assert abs(first.log_odds[0]) == LOG_ODDS_MAX


def test_who_has_all_of_the_weight_never_holds_more() -> None:
    """Without a share for the others one voter comes to hold everything, and rounding adds none."""
    terms = TERMS._replace(rate=5.0, share=0.0)
    after = unjudged(4, terms)
    for turn in range(2_000):
        after = judge(after, (-0.2, 0.1, None if turn % 2 else 0.2, 0.05), (0.7,) * 4, terms)
        assert max(after.hedged) <= 1.0


def test_latecomer_weighs_nothing_and_takes_nothing() -> None:
    """Until its first outcome the others weigh, to the bit, what they weigh without it."""
    alone, beside = unjudged(2, TERMS), unjudged(3, TERMS, frozenset({1}))
    for first, second in ((0.1, -0.2), (-0.3, None), (None, 0.15)):
        alone = judge(alone, (first, second), (1.0, 0.5), TERMS)
        beside = judge(beside, (first, None, second), (1.0, 1.0, 0.5), TERMS)

    assert beside.weights[1] == 0.0
    assert (beside.weights[0], *beside.weights[2:]) == alone.weights


def test_latecomer_joins_with_an_equal_share_by_hand() -> None:
    """At its first outcome it gets a third of two experts' weight, and is judged at once."""
    terms = TERMS._replace(share=0.0)

    after = judge(unjudged(2, terms, frozenset({1})), (None, math.log(2.0)), (1.0, 1.0), terms)

    # A third each. It competes with the constant alone: 2/3 of weight, 1/2 against 1.
    assert after.hedged == pytest.approx((1.0 / 3.0, 2.0 / 9.0, 4.0 / 9.0))
    assert math.fsum(after.weights) == 1.0
