"""Judging votes: settlement, weights, proof and calibration."""

import numpy as np
import pytest

from models.learning.scoring import (
    IDENTITY,
    FloatArray,
    Platt,
    brier,
    compare,
    fit_platt,
    hedge,
    is_proven,
    platt,
    refresh_platt,
    settle,
    skill,
    try_platt,
)
from models.opinion.calibration import first_barrier
from tests.random_bars import random_bars

RATE, SHARE = 0.15, 0.0005
CONSTANT_LOSS = 0.25


def sigmoid(logit: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(−x))."""
    odds: FloatArray = np.exp(-logit)
    return 1.0 / (1.0 + odds)


@pytest.mark.parametrize(
    ("high", "low", "close", "is_last", "label"),
    [
        (1.002, 0.9995, 1.0, False, 1.0),
        (1.0005, 0.998, 1.0, False, 0.0),
        (1.002, 0.998, 1.0001, False, 1.0),
        (1.002, 0.998, 0.9999, False, 0.0),
        (1.002, 0.998, 1.0, False, 0.5),
        (1.0005, 0.9995, 1.0001, False, None),
        (1.0005, 0.9995, 1.0001, True, 1.0),
        (1.0005, 0.9995, 0.9999, True, 0.0),
        (1.0005, 0.9995, 1.0, True, 0.5),
    ],
)
def test_a_bar_settles_by_touch_then_by_its_close(
    high: float, low: float, close: float, *, is_last: bool, label: float | None
) -> None:
    """The touched barrier decides; both in one bar, or the horizon, leave it to the close."""
    assert settle(1.0, 0.001, high, low, close, is_last=is_last) == label


def test_bar_by_bar_gives_the_labels_of_the_calibration() -> None:
    """The incremental rule and the columnar one judge 200 rows alike."""
    bars = random_bars(240)
    high, low, close = (np.ascontiguousarray(bars[name]) for name in ("high", "low", "close"))
    labels, ends = first_barrier(high, low, close, np.arange(200), np.full(200, 8e-4), 16)

    for row in range(200):
        for bar in range(row + 1, row + 17):
            prices = (float(high[bar]), float(low[bar]), float(close[bar]))
            label = settle(float(close[row]), 8e-4, *prices, is_last=bar == row + 16)
            if label is not None:
                break
        assert (label, bar) == (labels[row], ends[row])


def test_brier_and_skill_of_known_votes() -> None:
    """0.7 for what came true costs 0.09; a mean of 0.2 is a fifth better than a coin."""
    assert brier(0.7, 1.0) == pytest.approx(0.09)
    assert skill(0.2) == pytest.approx(0.2)
    assert skill(0.25) == 0.0


def test_hedge_moves_by_hand() -> None:
    """Two experts, losses 0 and ln 2 at rate 1: 2/3 and 1/3, then a tenth is shared out."""
    after = hedge((0.5, 0.5), (0.0, float(np.log(2.0))), rate=1.0, share=0.1)

    assert after == pytest.approx((0.9 * 2 / 3 + 0.05, 0.9 / 3 + 0.05))


def test_who_abstains_keeps_the_weight_to_the_bit() -> None:
    """Only those with a loss compete, for the mass that they hold together."""
    after = hedge((0.5, 0.3, 0.2), (None, 0.1, 0.9), RATE, SHARE)

    assert after[0] == 0.5
    assert after[1] + after[2] == pytest.approx(0.5)
    assert after[1] > 0.3
    assert hedge((0.5, 0.5), (None, None), RATE, SHARE) == (0.5, 0.5)


def test_comparison_counts_overlapping_outcomes_once() -> None:
    """Ten votes that are each open for four closes make three groups: at 0, 4 and 8."""
    voted_ns = np.arange(10)

    found = compare(voted_ns, voted_ns + 4, np.linspace(0.0, 0.9, 10))

    assert found.groups == 3
    assert found.gain == pytest.approx(0.45)
    assert found.p_value == pytest.approx(0.1127, abs=1e-4)  # t = 0.4 / (0.4 / √3) with 2 degrees


def test_votes_of_one_close_are_one_group() -> None:
    """Seven symbols that move together are no seven proofs."""
    voted_ns = np.repeat(np.arange(5), 7)

    assert compare(voted_ns, voted_ns + 1, np.ones(35)).groups == 5


def test_a_coin_is_rarely_proven_and_skill_is() -> None:
    """Of 200 coins at most 6 pass at a level of 1 %; a voter of real skill passes."""
    rng = np.random.default_rng(1)
    times = np.arange(400)

    def proven(edge: float) -> bool:
        probability = np.clip(0.5 + 0.1 * rng.normal(size=400), 0.02, 0.98)
        chance = 0.5 + edge * (probability - 0.5)
        label = (rng.random(400) < chance).astype(np.float64)
        gain = CONSTANT_LOSS - (probability - label) ** 2
        return is_proven(compare(times, times + 1, gain), 400, 100)

    assert sum(proven(0.0) for _ in range(200)) <= 6
    assert sum(proven(3.0) for _ in range(20)) >= 15


@pytest.mark.parametrize(("outcomes", "groups"), [(99, 99), (120, 29)])
def test_a_short_record_proves_nothing(outcomes: int, groups: int) -> None:
    """Too few outcomes, or too few that do not overlap, whatever their gain."""
    voted_ns = np.repeat(np.arange(groups), -(-outcomes // groups))[:outcomes]
    gain = np.full(outcomes, 0.1) + 1e-3 * np.arange(outcomes)

    assert not is_proven(compare(voted_ns, voted_ns + 1, gain), outcomes, 100)


def test_nothing_to_compare_is_no_evidence() -> None:
    """Without outcomes the chance of luck is 1."""
    empty = np.empty(0, dtype=np.int64)

    assert compare(empty, empty, np.empty(0)).p_value == 1.0


def overconfident(rows: int, seed: int = 2) -> tuple[FloatArray, FloatArray]:
    """Return votes whose log-odds are four times too large, and the outcomes."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0.0, 0.4, rows)
    label = (rng.random(rows) < sigmoid(odds)).astype(np.float64)
    return np.clip(sigmoid(4.0 * odds), 0.02, 0.98), label


def test_online_calibration_finds_the_true_slope() -> None:
    """Log-odds four times too large need a slope of a quarter."""
    fitted, _ = fit_platt(*overconfident(4000), prior_slope=0.5)

    assert fitted.slope == pytest.approx(0.25, abs=0.06)
    assert fitted.intercept == pytest.approx(0.0, abs=0.1)


def test_calibration_starts_at_its_prior_and_never_sees_its_own_outcome() -> None:
    """The first vote is halved in log-odds; an altered outcome changes later rows only."""
    votes, label = overconfident(50)
    altered = label.copy()
    altered[20] = 1.0 - altered[20]

    _, foreseen = fit_platt(votes, label, prior_slope=0.5)
    _, other = fit_platt(votes, altered, prior_slope=0.5)

    assert foreseen[0] == pytest.approx(platt(votes[:1], Platt(0.0, 0.5))[0])
    assert (foreseen[:21] == other[:21]).all()
    assert (foreseen[21:] != other[21:]).all()


def test_a_refresh_that_would_harm_leaves_votes_as_they_are() -> None:
    """Honest votes are not halved; overconfident ones are corrected."""
    rng = np.random.default_rng(5)
    odds = rng.normal(0.0, 1.5, 400)
    honest = np.clip(sigmoid(odds), 0.02, 0.98)
    label = (rng.random(400) < honest).astype(np.float64)
    inverted = np.where(np.arange(400) < 300, 1.0 - label, label)

    def refreshed(votes: FloatArray, outcomes: FloatArray) -> Platt:
        times = np.arange(len(votes))
        return refresh_platt(votes, outcomes, times, times + 1, prior_slope=0.5)

    assert refreshed(honest, label) == IDENTITY
    assert refreshed(honest, inverted) != IDENTITY  # they were wrong for three quarters of the time
    assert refreshed(*overconfident(400)) != IDENTITY
    assert refreshed(*overconfident(29)) == IDENTITY  # too few to be sure


def test_who_is_always_wrong_is_silenced_not_turned_round() -> None:
    """The slope ends at 0, and the calibrated vote near a coin."""
    votes, label = overconfident(3000)

    fitted, foreseen = fit_platt(votes, 1.0 - label, prior_slope=0.5)

    assert 0.0 <= fitted.slope < 0.01
    assert np.abs(foreseen[1000:] - 0.5).max() < 0.05


def test_overlapping_outcomes_teach_a_calibration_once() -> None:
    """The same outcome ten times at a tenth of the evidence moves as far as once, within 1 %."""
    votes, label = overconfident(200)

    once, _ = fit_platt(votes, label, 0.5)
    tenfold, _ = fit_platt(np.repeat(votes, 10), np.repeat(label, 10), 0.5, np.full(2000, 0.1))

    assert tenfold.slope == pytest.approx(once.slope, rel=0.01)


def test_a_candidate_is_judged_on_what_it_has_not_seen() -> None:
    """A quarter is held back, and what was still open when it began is purged from training."""
    votes, label = overconfident(400)
    voted_ns = np.arange(400)

    trial = try_platt(votes, label, voted_ns, voted_ns + 5, incumbent=IDENTITY, prior_slope=0.5)

    assert (trial.train_rows, trial.judged_rows) == (296, 100)  # votes 296..299 end after 300
    assert trial.candidate_brier < trial.incumbent_brier
    assert trial.comparison.gain == pytest.approx(trial.incumbent_brier - trial.candidate_brier)
