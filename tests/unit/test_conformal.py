"""Adaptive bands: their arithmetic, their promise, and that rows do not depend on batches."""

import numpy as np
import pytest

from models.opinion.conformal import ADAPTATION_RATE, TABLE_SIZE, AdaptiveBand, error_table

TABLE = np.linspace(-2.0, 2.0, TABLE_SIZE)


def test_the_first_band_is_cut_at_the_promised_share() -> None:
    """Of errors spread evenly over −2..2, 80 % lie within −1.6..1.6."""
    band = AdaptiveBand(TABLE, coverage=0.8, horizon_bars=1)

    band.extend(np.full(1, np.nan))

    assert band.low[0] == pytest.approx(-1.6)
    assert band.high[0] == pytest.approx(1.6)


def test_an_outcome_beyond_an_end_widens_it_and_others_narrow_it() -> None:
    """One error above moves that level by rate · (0.1 − 1), the other by rate · 0.1."""
    band = AdaptiveBand(TABLE, coverage=0.8, horizon_bars=1)

    band.extend(np.array([np.nan, 1.7]))

    widened, narrowed = 0.1 - 0.9 * ADAPTATION_RATE, 0.1 + 0.1 * ADAPTATION_RATE
    assert band.high[1] == pytest.approx(-2.0 + 4.0 * (1.0 - widened))
    assert band.low[1] == pytest.approx(-2.0 + 4.0 * narrowed)


def test_an_outcome_is_held_against_the_band_of_its_forecast() -> None:
    """Two rows ahead, the error of row 2 belongs to the band of row 0."""
    band = AdaptiveBand(TABLE, coverage=0.8, horizon_bars=2)

    band.extend(np.array([np.nan, 9.0, 1.7]))

    assert band.high[1] == band.high[0]  # nothing was forecast before row 0
    assert band.high[2] > band.high[1]


def test_the_share_holds_although_errors_have_doubled() -> None:
    """Errors twice as wide as the table's: 80 % ± 2 inside once the levels have moved."""
    errors = np.random.default_rng(8).normal(0.0, 2.0, 6000)
    table = error_table(np.random.default_rng(9).normal(0.0, 1.0, 6000))
    band = AdaptiveBand(table, coverage=0.8, horizon_bars=1)

    band.extend(errors)

    inside = (errors[1:] >= band.low[:-1]) & (errors[1:] <= band.high[:-1])
    assert inside[2000:].mean() == pytest.approx(0.8, abs=0.02)
    assert (band.low <= 0.0).all()
    assert (band.high >= 0.0).all()


def test_rows_are_the_same_however_they_came() -> None:
    """One by one or at once: the same bits."""
    errors = np.random.default_rng(8).normal(0.0, 2.0, 300)
    whole, stepwise = AdaptiveBand(TABLE, 0.8, 4), AdaptiveBand(TABLE, 0.8, 4)

    whole.extend(errors)
    for row in range(len(errors)):
        stepwise.extend(errors[row : row + 1])

    assert (whole.low == stepwise.low).all()
    assert (whole.high == stepwise.high).all()
