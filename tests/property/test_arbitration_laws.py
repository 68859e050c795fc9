"""Laws of arbitration that hold for any votes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.decision import arbitration
from models.decision.arbitration import Ballot

PROBABILITY = st.floats(0.02, 0.98)
RATIO = st.floats(0.5, 5.0)


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    """Draw any ballot of up to six voters."""
    count = draw(st.integers(1, 6))
    return Ballot(
        probabilities_up=np.array(draw(st.lists(PROBABILITY, min_size=count, max_size=count))),
        weights=np.array(draw(st.lists(st.floats(0.0, 1.0), min_size=count, max_size=count))),
        answers=np.ones(count, dtype=np.bool_),
        abstains=np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count))),
        is_proven=np.zeros(count, dtype=np.bool_),
        constant_weight=draw(st.floats(0.0, 1.0)),
    )


@given(ballots())
def test_shares_sum_to_one(ballot: Ballot) -> None:
    """Whoever abstains and whatever weighs, the shares are a distribution."""
    shares = arbitration.shares(ballot)

    assert abs(shares.sum() - 1.0) < 1e-12
    assert (shares >= 0.0).all()


@given(ballots())
def test_pool_stays_between_the_opinions(ballot: Ballot) -> None:
    """No pool is more confident than the most confident opinion, ignorance included."""
    opinions = [0.5, *ballot.probabilities_up[~ballot.abstains]]

    assert min(opinions) - 1e-12 <= arbitration.pool(ballot) <= max(opinions) + 1e-12


@given(PROBABILITY, PROBABILITY, RATIO)
def test_target_chance_rises_with_the_vote(one: float, other: float, ratio: float) -> None:
    """A more confident vote never makes the target less likely."""
    low, high = sorted((one, other))

    assert arbitration.target_first(low, ratio) <= arbitration.target_first(high, ratio) + 1e-12


@given(PROBABILITY, RATIO, RATIO)
def test_target_chance_falls_with_its_distance(p: float, one: float, other: float) -> None:
    """A target further away is never more likely, and every chance is a probability."""
    near, far = sorted((one, other))

    assert (
        0.0 < arbitration.target_first(p, far) <= arbitration.target_first(p, near) + 1e-12 < 1.01
    )


@given(PROBABILITY, RATIO)
def test_stop_and_target_share_all_chances(p: float, ratio: float) -> None:
    """Seen from the other side, the target is the stop: the two chances add up to 1."""
    # A unit of the other side's distance is `ratio` of ours, and its drift `ratio` times as big.
    odds = (1.0 - p) / p
    mirrored = odds**ratio / (1.0 + odds**ratio)
    if 1e-9 < mirrored < 1.0 - 1e-9:
        total = arbitration.target_first(p, ratio) + arbitration.target_first(mirrored, 1.0 / ratio)
        assert abs(total - 1.0) < 1e-6


@given(PROBABILITY, RATIO, st.floats(0.0, 1.0))
def test_value_is_zero_at_break_even(p: float, ratio: float, cost_r: float) -> None:
    """The expected value is positive exactly where the target's chance exceeds break-even."""
    value_r = arbitration.expected_value_r(p, ratio, cost_r)
    surplus = arbitration.target_first(p, ratio) - arbitration.break_even(ratio, cost_r)

    assert abs(value_r - surplus * (1.0 + ratio)) < 1e-9
