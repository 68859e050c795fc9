"""Drift: losses and features that change are told of, those that do not are left in peace."""

import math

import numpy as np
import pytest

from models.learning.drift import (
    PSI_SHARE_MIN,
    LossStream,
    RenewedStream,
    critical_psi,
    feature_drift,
    loss_alarms,
    moved_share,
    reference_of,
)

YEAR = 6_000
"""About a year of outcomes an hour apart."""
FLOATS = np.empty(0)


def stream(rng: np.random.Generator, count: int, level: float, spread: float) -> np.ndarray:
    """Return losses around a level, lognormal."""
    return level * np.exp(rng.normal(0.0, spread, count))


def alarms(loss: np.ndarray) -> tuple[int, ...]:
    """Return the places of the alarms that losses rose, of outcomes that do not overlap."""
    times_ns = np.arange(len(loss), dtype=np.int64)
    found = loss_alarms(times_ns, times_ns + 1, loss)
    return tuple(alarm.settled_ns - 1 for alarm in found if alarm.is_worse)


@pytest.mark.parametrize("spread", [0.2, 0.5, 1.8])
def test_stationary_year_gives_at_most_one_alarm(spread: float) -> None:
    """A year without change raises no alarm, or one, whatever the noise of the losses."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        losses = stream(rng, YEAR, 0.3, spread)

        assert len(loss_alarms(*_every_outcome(YEAR), losses)) <= 1


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.5])
def test_loss_that_rises_by_30_percent_is_found_within_300_outcomes(spread: float) -> None:
    """A loss that is 30 % higher from one outcome on is told of within 300 more."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        before = stream(rng, 3_000, 0.25, spread)
        after = stream(rng, 300, 1.3 * 0.25, spread)

        found = [place for place in alarms(np.concatenate((before, after))) if place >= 3_000]

        assert found, seed


def test_fall_of_the_loss_is_no_deterioration() -> None:
    """Losses that fall by half are a change, and not one for the worse."""
    rng = np.random.default_rng(0)
    losses = np.concatenate((stream(rng, 2_000, 0.3, 0.3), stream(rng, 500, 0.15, 0.3)))

    found = loss_alarms(*_every_outcome(len(losses)), losses)

    assert found
    assert not any(alarm.is_worse for alarm in found)


def test_overlapping_outcomes_count_once() -> None:
    """Of forecasts whose lives overlap the first is taken, so copies of it change nothing."""
    rng = np.random.default_rng(3)
    once = np.concatenate((stream(rng, 2_000, 0.25, 0.3), stream(rng, 400, 0.4, 0.3)))
    close_ns = 4 * np.arange(len(once), dtype=np.int64)
    copied = np.repeat(once, 4)
    copies_ns = np.arange(len(copied), dtype=np.int64)

    expected = loss_alarms(close_ns, close_ns + 4, once)

    assert expected
    assert loss_alarms(copies_ns, copies_ns + 4, copied) == expected


def test_loss_that_is_not_finite_is_left_out() -> None:
    """A loss that nobody could compute says nothing about the market."""
    told, untold = LossStream(), LossStream()
    rng = np.random.default_rng(5)
    for place, loss in enumerate(stream(rng, 500, 0.25, 0.5).tolist()):
        expected = untold.add(2 * place, 2 * place + 1, loss)

        assert told.add(2 * place, 2 * place + 1, loss) == expected
        assert told.add(2 * place + 1, 2 * place + 2, math.nan) is None


def test_a_renewed_stream_depends_on_nothing_older_than_its_memory() -> None:
    """One that has seen only the latest 500 outcomes gives the same alarms from then on."""
    rng = np.random.default_rng(7)
    whole, late = RenewedStream(500), RenewedStream(500)
    levels = np.concatenate([stream(rng, 400, level, 0.3) for level in (0.2, 0.3, 0.2, 0.4)])
    told = []
    for place, loss in enumerate(levels.tolist()):
        alarm = whole.add(place, place + 1, loss)
        seen = late.add(place, place + 1, loss) if place >= 500 else None
        if place >= 1000:
            assert seen == alarm
            told += [alarm] if alarm else []

    assert any(alarm.is_worse for alarm in told)


@pytest.mark.parametrize(("rows", "expected"), [(200, 0.113), (500, 0.048), (2_000, 0.015)])
def test_critical_index_knows_how_many_rows_stand_behind_it(rows: int, expected: float) -> None:
    """5,000 training rows and few later ones allow more: (1/n + 1/m) χ²(9, .99)."""
    assert critical_psi(5_000, rows) == pytest.approx(expected, abs=5e-4)


def test_index_of_a_shifted_feature_is_worked_by_hand() -> None:
    """Half the reference is 0 and a quarter of the new rows: two bins, by the formula."""
    reference = reference_of(np.array([0.0] * 50 + [1.0] * 50))
    assert reference.edges == (0.0,)

    drift = feature_drift(reference, np.array([0.0] * 25 + [1.0] * 75))

    # (.25 - .5) ln(.25/.5) + (.75 - .5) ln(.75/.5) = .1733 + .1014
    assert drift.psi == pytest.approx(0.25 * math.log(2.0) + 0.25 * math.log(1.5))
    # 3 (1/100 + 1/100) χ²(1, .99), which is 6.635
    assert drift.threshold == pytest.approx(0.3981, abs=1e-4)
    assert not drift.is_moved


def test_unchanged_features_stay_below_the_threshold() -> None:
    """Of 200 features that did not change, none is called moved."""
    rng = np.random.default_rng(1)
    drifts = tuple(
        feature_drift(reference_of(rng.normal(size=5_000)), rng.normal(size=500))
        for _ in range(200)
    )

    assert moved_share(drifts) == 0.0


def test_shifted_features_are_called_moved() -> None:
    """Features that moved by half a deviation are seen in 500 rows."""
    rng = np.random.default_rng(2)
    drifts = tuple(
        feature_drift(reference_of(rng.normal(size=5_000)), rng.normal(0.5, 1.0, 500))
        for _ in range(20)
    )

    assert moved_share(drifts) > PSI_SHARE_MIN


@pytest.mark.parametrize("values", [FLOATS, np.full(9, np.nan), np.full(9, 2.0)])
def test_feature_without_any_spread_never_drifts(values: np.ndarray) -> None:
    """A feature that was constant or absent in training has no bins, so nothing can move."""
    drift = feature_drift(reference_of(values), np.arange(50.0))

    assert not drift.is_moved


def test_no_rows_are_no_drift() -> None:
    """Where there is nothing to compare, nothing has moved."""
    drift = feature_drift(reference_of(np.arange(100.0)), np.full(5, np.nan))

    assert (drift.psi, drift.is_moved) == (0.0, False)
    assert moved_share(()) == 0.0


def _every_outcome(count: int) -> tuple[np.ndarray, np.ndarray]:
    times_ns = np.arange(count, dtype=np.int64)
    return times_ns, times_ns + 1
