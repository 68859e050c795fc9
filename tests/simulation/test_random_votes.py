"""Chance as a baseline: the run's own votes at other moments, through the same machine."""

import numpy as np
import pytest

from runtime.columns import simulate_columns
from runtime.reports.baselines import BAND
from runtime.reports.random_votes import RUNS_MIN, random_band, random_votes, runs_within
from tests.decided_run import columns, settings, span_ns


def test_as_many_voices_speak_as_surely() -> None:
    """In each symbol the votes are the same but for their moment and their side."""
    own = columns()
    before = own.votes.copy()

    dealt = random_votes(own, np.random.default_rng(0))

    assert np.array_equal(own.votes, before)
    for symbol in range(len(own.symbols)):
        rows = own.views["has_bar"][:, symbol]
        one, other = own.votes[rows, symbol], dealt.votes[rows, symbol]
        sure, as_sure = (
            np.sort(np.abs(each["probability_up"] - 0.5), axis=0) for each in (one, other)
        )
        np.testing.assert_allclose(sure, as_sure, atol=1e-12)
        assert (one["abstains"].sum(axis=0) == other["abstains"].sum(axis=0)).all()
        assert np.array_equal(own.votes[~rows, symbol], dealt.votes[~rows, symbol])
        assert not np.array_equal(one["probability_up"], other["probability_up"])


def test_voters_of_a_moment_stay_together() -> None:
    """What voters said at one close they say at one close again: of one mind as often as before."""
    own = columns()

    dealt = random_votes(own, np.random.default_rng(1))

    def agreements(votes: np.ndarray) -> int:
        lean = np.sign(votes["probability_up"] - 0.5)
        return int((lean[..., 0] * lean[..., 1]).sum())

    assert agreements(dealt.votes) == agreements(own.votes)


def test_random_votes_are_traded_and_repeat() -> None:
    """Chance makes trades of its own by the run's rules, the same ones for a seed."""
    own = simulate_columns(columns(), settings())
    runs = [
        simulate_columns(random_votes(columns(), np.random.default_rng(seed)), settings())
        for seed in (3, 3, 4)
    ]

    assert len(runs[0].trades) > 0
    assert np.array_equal(runs[0].trades, runs[1].trades)
    assert not np.array_equal(runs[0].trades, runs[2].trades)
    assert not np.array_equal(runs[0].trades, own.trades)


def test_the_band_begins_with_the_deposit_and_ends_with_the_runs() -> None:
    """Quantiles at the last moment are those of the final returns."""
    found = random_band(columns(), settings(), span_ns()[1], 12)

    assert found is not None
    deposit = settings().terminal.deposit
    assert found.runs == len(found.final_returns) == len(found.final_drawdowns) == 12
    assert found.low[0] == found.median[0] == found.high[0] == deposit
    ends = deposit * (1.0 + np.array(found.final_returns))
    low, high = np.percentile(ends, BAND)
    assert (found.low[-1], found.high[-1]) == pytest.approx((low, high))
    assert random_band(columns(), settings(), span_ns()[1], 0) is None


def test_long_records_get_fewer_runs() -> None:
    """A short record has as many runs as are asked for, and none fewer than the least."""
    assert runs_within(columns(), 200) == 200
    assert runs_within(columns(), 5) == 5 < RUNS_MIN
