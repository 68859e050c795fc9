"""The sizing chain and the floor of lots, worked by hand."""

from math import inf

import pytest

from models.decision.sizing import (
    confidence_factor,
    drawdown_factor,
    floor_to_step,
    kelly_frac,
    loss_per_lot,
    lots_at_risk,
    news_factor,
    risk_budget_frac,
    shared_budget_frac,
    target_probability,
)


def test_drawdown_factor_falls_to_nothing() -> None:
    """Half of the way down half is risked; beyond the end nothing."""
    assert drawdown_factor(0.0, 0.10) == 1.0
    assert drawdown_factor(0.05, 0.10) == 0.5
    assert drawdown_factor(0.12, 0.10) == 0.0


def test_kelly_of_a_fair_bet_is_nothing() -> None:
    """At 3 to 1 a chance of a quarter has no edge, and a third has one ninth."""
    assert kelly_frac(0.25, 3.0) == 0.0
    assert kelly_frac(1.0 / 3.0, 3.0) == pytest.approx(1.0 / 9.0)  # 1/3 − (2/3) / 3
    assert kelly_frac(0.2, 3.0) < 0.0


def test_expected_value_implies_the_chance_of_the_target() -> None:
    """0.2 R at 3 R: 0.3 × 3 − 0.7 = 0.2."""
    assert target_probability(0.2, 3.0) == pytest.approx(0.3)


def test_confidence_caps_at_a_quarter_of_kelly() -> None:
    """A Kelly fraction of 0.012 allows 0.003, six tenths of 0.005; a large one allows all."""
    assert confidence_factor(0.005, 0.012) == pytest.approx(0.6)
    assert confidence_factor(0.005, 0.5) == 1.0
    assert confidence_factor(0.005, -0.1) == 0.0


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((1.0, 1.0, 1.0, 1.0, 1.0), 0.005),
        ((0.5, 1.2, 1.0, 1.0, 1.0), 0.003),  # 0.005 × 0.5 × 1.2
        ((0.0, 1.0, 1.0, 1.0, 1.0), 0.002),  # the floor
        ((1.0, 1.5, 1.0, 1.0, 1.0), 0.0075),
        ((1.0, 9.0, 1.0, 1.0, 1.0), 0.01),  # the ceiling
        ((1.0, 1.0, 1.0, 0.5, 1.0), 0.0025),  # half risk
        ((1.0, 1.0, 1.0, 0.5, 0.5), 0.0025),  # two reasons halve once
        ((0.0, 1.0, 1.0, 1.0, 0.5), 0.001),  # half of the floor is the absolute floor
    ],
)
def test_chain_is_clipped_then_halved(factors: tuple[float, ...], expected: float) -> None:
    """Half risk is felt at the lower bound too."""
    drawdown, portfolio, confidence, news, state = factors

    frac = risk_budget_frac(0.005, drawdown, portfolio, confidence, news, state, 0.002, 0.01)

    assert frac == pytest.approx(expected)


@pytest.mark.parametrize(
    ("is_blind", "against", "event_hours", "horizon_hours", "expected"),
    [
        (False, 0.0, inf, 2.0, 1.0),
        (False, -2.0, inf, 2.0, 1.0),  # texts for the side add nothing
        (True, 0.0, inf, 2.0, 0.5),
        (False, 0.4, inf, 2.0, 0.8),  # 1 − 0.4 / 2
        (False, 1.0, inf, 2.0, 0.5),
        (False, 2.0, inf, 2.0, 0.5),
        (False, 0.0, 0.0, 2.0, 0.5),
        (False, 0.0, 0.5, 2.0, 0.625),  # 0.5 + 0.5 × 0.5 / 2
        (False, 0.0, 2.0, 2.0, 1.0),
        (False, 0.0, 0.5, 0.0, 1.0),  # off
        (False, 0.4, 0.5, 2.0, 0.5),  # 0.8 × 0.625
        (True, 1.0, 0.0, 2.0, 0.25),  # an eighth, but never less than a quarter
    ],
)
def test_news_make_an_entry_smaller(
    is_blind: bool, against: float, event_hours: float, horizon_hours: float, expected: float
) -> None:
    """No calendar, texts against the side and a near event take half each, a quarter at most."""
    found = news_factor(is_blind, against, event_hours, horizon_hours)

    assert found == pytest.approx(expected)


def test_loss_of_one_lot_holds_spread_and_both_commissions() -> None:
    """(0.0020 + 0.0001) × 100,000 + 2 × 3.50 = 217; in yen the quote currency is converted."""
    assert loss_per_lot(0.0020, 0.0001, 100_000.0, 1.0, 3.5) == pytest.approx(217.0)
    # (0.20 + 0.01) × 100,000 = 21,000 yen at 1/150 = 140, and 7.
    assert loss_per_lot(0.20, 0.01, 100_000.0, 1.0 / 150.0, 3.5) == pytest.approx(147.0)


@pytest.mark.parametrize(
    ("lots", "step", "expected"),
    [
        (0.29, 0.01, 0.29),  # 0.29 // 0.01 is 28
        (0.07, 0.01, 0.07),
        (0.3, 0.1, 0.3),  # 3 × 0.1 is above 0.3
        (0.7, 0.1, 0.7),
        (0.2999999, 0.1, 0.2),
        (1.15, 0.05, 1.15),
        (0.009, 0.01, 0.0),
        (0.0, 0.01, 0.0),
        (-1.0, 0.01, 0.0),
        (7.9, 0.25, 7.75),
        (0.1, 0.03, 0.09),  # a step that is no part of a whole
        (25.0, 10.0, 20.0),
        (3.0, 1.0, 3.0),
    ],
)
def test_floor_is_exact_at_its_edges(lots: float, step: float, expected: float) -> None:
    """A size on the grid stays; anything else goes down to it."""
    assert floor_to_step(lots, step) == expected


def test_every_cent_of_a_lot_is_its_own_floor() -> None:
    """No multiple of 0.01 up to 100 lots loses a step."""
    assert all(floor_to_step(n / 100, 0.01) == n / 100 for n in range(10_001))


@pytest.mark.parametrize(
    ("equity", "frac", "expected"),
    [
        (10_000.0, 0.005, 0.23),  # 50 / 217 = 0.2304
        (868.0, 0.01, 0.04),  # 8.68 / 217, on the edge
        (400.0, 0.005, 0.0),  # 2 / 217 = 0.0092: below the smallest volume, skipped
        (1e9, 0.01, 50.0),  # the largest volume
        (0.0, 0.01, 0.0),
        (-100.0, 0.01, 0.0),
    ],
)
def test_lots_never_exceed_the_budget(equity: float, frac: float, expected: float) -> None:
    """Rounding up would exceed the budget, so too small is nothing at all."""
    assert lots_at_risk(equity, frac, 217.0, 0.01, 0.01, 50.0) == expected


def test_a_shared_budget_is_what_is_no_longer_at_risk() -> None:
    """Half a percent at the entry, 0.2 % at the stop now: 0.3 % is left, and never less than 0."""
    assert shared_budget_frac(0.005, 0.002) == pytest.approx(0.003)
    assert shared_budget_frac(0.005, 0.006) == 0.0
