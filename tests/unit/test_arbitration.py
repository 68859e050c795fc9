"""The arithmetic of a decision, worked by hand, and the order of its gates."""

import math
from typing import Any

import numpy as np
import pytest

from models.decision import arbitration
from models.decision.arbitration import GATES, Ballot, Circumstances, Ruling, Terms


def a_ballot(*probabilities: float | None, **changes: Any) -> Ballot:
    """Return votes of equal weight, the constant expert included; None abstains."""
    count = len(probabilities)
    fields: dict[str, Any] = {
        "probabilities_up": np.array([0.5 if p is None else p for p in probabilities]),
        "weights": np.full(count, 1.0 / (count + 1)),
        "answers": np.ones(count, dtype=np.bool_),
        "abstains": np.array([p is None for p in probabilities], dtype=np.bool_),
        "is_proven": np.zeros(count, dtype=np.bool_),
        "constant_weight": 1.0 / (count + 1),
    }
    return Ballot(**{**fields, **changes})


def rule(ballot: Ballot, terms: dict[str, Any] | None = None, **changes: Any) -> Ruling:
    """Arbitrate in circumstances that permit everything, but for the changes."""
    asked: dict[str, Any] = {
        "quorum": 2,
        "min_confidence": 0.515,
        "families_min": 2,
        "rr_ratio": 3.0,
        "margin_r": 0.02,
    }
    circumstances: dict[str, Any] = {
        "reversal_voter": 1,
        "vetoes_reversal": False,
        "vol_ratio": 1.0,
        "vol_ratio_limit": 2.0,
        "is_priced": True,
        "cost_r": 0.05,
        "is_blackout": False,
        "blocks_buy": False,
        "blocks_sell": False,
        "permits_entries": True,
    }
    ruling: Ruling = arbitration.arbitrate(
        ballot, Terms(**{**asked, **(terms or {})}), Circumstances(**{**circumstances, **changes})
    )
    return ruling


def blocked_by(ruling: Ruling) -> str:
    """Return the name of the blocking gate, empty if none blocks."""
    return "" if ruling.blocked_by < 0 else GATES[ruling.blocked_by]


def test_pool_is_the_weighted_mean_with_the_constant_expert() -> None:
    """Weights 0.5, 0.3 and the constant's 0.2 give 0.5·0.7 + 0.3·0.4 + 0.2·0.5 = 0.57."""
    ballot = a_ballot(0.7, 0.4, weights=np.array([0.5, 0.3]), constant_weight=0.2)

    assert arbitration.pool(ballot) == pytest.approx(0.57)


def test_silent_voter_without_weight_changes_no_bit() -> None:
    """A voter of weight 0 who abstains leaves the ruling as it is without it; it only answers."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        said, weights = rng.uniform(0.3, 0.7, 3), rng.uniform(0.0, 0.3, 3)
        alone = rule(a_ballot(*said, weights=weights, constant_weight=0.4))

        beside = rule(
            a_ballot(
                *said[:2], None, said[2], weights=np.insert(weights, 2, 0.0), constant_weight=0.4
            )
        )

        assert beside[:4] == alone[:4]
        assert np.array_equal(beside.values[1:], alone.values[1:])
        assert beside.values[0] == alone.values[0] + 1.0


def test_abstainers_leave_their_weight_to_the_others() -> None:
    """Without the second voter 0.5 and 0.2 renormalise: (0.5·0.7 + 0.2·0.5) / 0.7 = 0.642857."""
    ballot = a_ballot(0.7, None, weights=np.array([0.5, 0.3]), constant_weight=0.2)

    assert arbitration.pool(ballot) == pytest.approx(0.45 / 0.7)
    assert list(arbitration.shares(ballot)) == pytest.approx([5 / 7, 0.0, 2 / 7])


def test_pool_of_nobody_is_ignorance() -> None:
    """Where nothing weighs anything the constant expert has all, and the pool is exactly 0.5."""
    ballot = a_ballot(None, 0.9, weights=np.zeros(2), constant_weight=0.0)

    assert arbitration.pool(ballot) == 0.5
    assert list(arbitration.shares(ballot)) == [0.0, 0.0, 1.0]


def test_calibration_acts_on_log_odds() -> None:
    """Slope 0.5 halves the log-odds of 0.8: sqrt(4) = 2 to 1 is 2/3."""
    assert arbitration.calibrated(0.8, 0.0, 0.5) == pytest.approx(2.0 / 3.0)
    assert arbitration.calibrated(0.8, 0.0, 1.0) == pytest.approx(0.8)
    assert arbitration.calibrated(0.5, math.log(3.0), 1.0) == pytest.approx(0.75)


def test_calibration_never_claims_certainty() -> None:
    """A steep calibration ends at 0.98 and 0.02, as a vote does."""
    assert arbitration.calibrated(0.9, 0.0, 10.0) == 0.98
    assert arbitration.calibrated(0.1, 0.0, 10.0) == 0.02


def test_target_at_one_stop_distance_is_the_vote_itself() -> None:
    """Barriers one stop distance away on both sides are what votes speak of."""
    assert arbitration.target_first(0.6, 1.0) == pytest.approx(0.6)


def test_target_without_drift_is_the_fair_gamble() -> None:
    """Without drift the chance is 1 / (1 + R), and nearly so next to it."""
    assert arbitration.target_first(0.5, 3.0) == 0.25
    assert arbitration.target_first(0.5 + 1e-7, 3.0) == pytest.approx(0.25, abs=1e-6)


def test_target_follows_the_gamblers_ruin() -> None:
    """At odds of 2 to 1 and R = 2 a walk of unit steps gives (1 − ½) / (1 − ⅛) = 4/7."""
    # Ruin from 1 with goal 3 and q/p = ½: (1 − ½) / (1 − (½)³), the same as e^θ = 2.
    assert arbitration.target_first(2.0 / 3.0, 2.0) == pytest.approx(4.0 / 7.0)


def test_expected_value_is_gain_less_loss_less_cost() -> None:
    """At 4/7 for R = 2: 8/7 − 3/7 − 0.1 = 0.614286."""
    value_r = arbitration.expected_value_r(2.0 / 3.0, 2.0, 0.1)

    assert value_r == pytest.approx(5.0 / 7.0 - 0.1)


def test_break_even_matches_the_published_example() -> None:
    """A stop of 12 pips and a cost of 1 pip need 0.54 at R = 1 and 0.36 at R = 2."""
    assert arbitration.break_even(1.0, 1.0 / 12.0) == pytest.approx(0.54, abs=0.005)
    assert arbitration.break_even(2.0, 1.0 / 12.0) == pytest.approx(0.36, abs=0.005)


def test_round_trip_costs_the_spread_and_two_commissions() -> None:
    """One pip of spread and twice 3.5 on 100,000 units are 0.0001 + 0.00007."""
    assert arbitration.round_trip_cost(0.0001, 3.5, 100_000.0, 1.0) == pytest.approx(0.00017)


def test_commission_is_converted_into_quote_currency() -> None:
    """With a yen worth 0.0067 dollars, 7 dollars on 100,000 units are 7 / 670 yen a unit."""
    cost = arbitration.round_trip_cost(0.01, 3.5, 100_000.0, 0.0067)

    assert cost == pytest.approx(0.01 + 7.0 / 670.0)


def test_everything_passes() -> None:
    """Two voters at 0.6 lean up with (0.6 + 0.6 + 0.5) / 3, and no gate blocks."""
    ruling = rule(a_ballot(0.6, 0.6))

    assert (ruling.side, blocked_by(ruling)) == (1, "")
    assert ruling.probability_up == pytest.approx(1.7 / 3.0)


def test_the_lower_side_mirrors_the_upper() -> None:
    """Votes at 0.4 sell with the same value as votes at 0.6 buy."""
    up, down = rule(a_ballot(0.6, 0.6)), rule(a_ballot(0.4, 0.4))

    assert down.side == -1
    assert blocked_by(down) == ""
    assert down.expected_value_r == pytest.approx(up.expected_value_r)


GATE_CASES: list[tuple[str, Ballot, dict[str, Any], dict[str, Any]]] = [
    ("quorum", a_ballot(0.6, 0.6, answers=np.array([True, False])), {}, {}),
    ("opinion", a_ballot(None, None), {}, {}),
    ("min_confidence", a_ballot(0.51, 0.51), {}, {}),
    ("min_confidence", a_ballot(0.6, 0.4), {"min_confidence": 0.5}, {}),
    ("volatility", a_ballot(0.55, 0.6), {}, {"vetoes_reversal": True}),
    (
        "families",
        a_ballot(0.7, 0.45, is_proven=np.array([True, True])),
        {},
        {},
    ),
    ("expected_value", a_ballot(0.6, 0.6), {}, {"cost_r": 0.5}),
    ("expected_value", a_ballot(0.6, 0.6), {}, {"is_priced": False}),
    ("blackout", a_ballot(0.6, 0.6), {}, {"is_blackout": True}),
    ("position", a_ballot(0.6, 0.6), {}, {"blocks_buy": True}),
    ("position", a_ballot(0.4, 0.4), {}, {"blocks_sell": True}),
    ("trading_state", a_ballot(0.6, 0.6), {}, {"permits_entries": False}),
]


@pytest.mark.parametrize(("gate", "ballot", "terms", "circumstances"), GATE_CASES)
def test_each_gate_blocks_alone(
    gate: str, ballot: Ballot, terms: dict[str, Any], circumstances: dict[str, Any]
) -> None:
    """What fails one gate and passes those before it is blocked by that gate."""
    assert blocked_by(rule(ballot, terms, **circumstances)) == gate


def test_the_first_failing_gate_is_named() -> None:
    """Several failures are told as the first in the documented order."""
    ruling = rule(a_ballot(0.55, 0.6), vetoes_reversal=True, is_blackout=True, blocks_buy=True)

    assert blocked_by(ruling) == "volatility"


def test_a_position_on_one_side_only_blocks_that_side() -> None:
    """What forbids a sell does not stop a buy."""
    assert blocked_by(rule(a_ballot(0.6, 0.6), blocks_sell=True)) == ""


def test_a_storm_vetoes_only_decisions_that_the_reversal_leads() -> None:
    """The veto outweighs any confidence, but only where the reversal voter is the loudest."""
    led_by_trend = rule(a_ballot(0.6, 0.55), vetoes_reversal=True)
    led_by_reversal = rule(a_ballot(0.9, 0.95), vetoes_reversal=True)
    against_reversal = rule(a_ballot(0.7, 0.2), vetoes_reversal=True)

    assert blocked_by(led_by_trend) == ""
    assert blocked_by(led_by_reversal) == "volatility"
    assert blocked_by(against_reversal) == "volatility"  # reversal leads the sell


def test_loudness_is_weight_times_lean() -> None:
    """0.1 · 0.3 = 0.03 is quieter than 0.5 · 0.1 = 0.05; equals go to the first."""
    ballot = a_ballot(0.8, 0.6, weights=np.array([0.1, 0.5]))

    assert arbitration.loudest(ballot, 1) == 1
    assert arbitration.loudest(ballot, -1) == -1
    assert arbitration.loudest(a_ballot(0.6, 0.6), 1) == 0


def test_families_needed_follow_the_proven_ones() -> None:
    """min(families_min, proven), at least one."""
    none, one, three = np.zeros(3, np.bool_), np.array([True, False, False]), np.ones(3, np.bool_)

    assert [arbitration.families_needed(each, 2) for each in (none, one, three)] == [1, 1, 2]


def test_a_lean_of_nothing_has_no_side() -> None:
    """Votes that cancel out exactly choose no side, whatever the least confidence."""
    ruling = rule(a_ballot(0.5, 0.5), {"min_confidence": 0.5})

    assert (ruling.side, ruling.probability_up) == (0, 0.5)
    assert blocked_by(ruling) == "min_confidence"


def test_what_cannot_be_priced_counts_as_lost() -> None:
    """Without a price the expected value is the loss of the whole stake."""
    assert rule(a_ballot(0.6, 0.6), is_priced=False).expected_value_r == -1.0
