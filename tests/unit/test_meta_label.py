"""Signals of the rules, and what became of the side that they pointed to."""

from pathlib import Path

import numpy as np
import pytest

from models.market.bars import FloatArray
from models.market.sessions import DAY_NS
from models.opinion.calibration import first_barrier, uniqueness
from models.opinion.meta_label import (
    ensemble_scores,
    meta_labels,
    signal_sides,
    time_decay,
)
from models.opinion.readings import READING_COUNT, ROW_SIZE, TRENDINESS, WARM
from tests.random_bars import real_bars

HOURS = Path(__file__).parents[3] / "shared/data/clean_licence/h1"


def said(trend: float, reversion: float, trust: float, warm: float = 1.0) -> FloatArray:
    """Return the readings of one timeframe in one row, alike within each family."""
    row = np.zeros((1, ROW_SIZE, 1))
    row[0, :6], row[0, 6:READING_COUNT] = trend, reversion
    row[0, TRENDINESS], row[0, WARM] = trust, warm
    return row


def test_score_weighs_families_by_trendiness() -> None:
    """A trend of 0.75 says +1 from one family and −0.4 from the other: 0.75 − 0.25 × 0.4."""
    assert ensemble_scores(said(1.0, -0.4, 0.75)).tolist() == [pytest.approx(0.65)]


def test_score_is_the_mean_over_timeframes() -> None:
    """Two timeframes that say +1 and 0 make one half."""
    both = np.concatenate((said(1.0, 1.0, 0.5), said(0.0, 0.0, 0.5)))

    assert ensemble_scores(both).tolist() == [pytest.approx(0.5)]


def test_timeframe_in_warm_up_has_no_score() -> None:
    """One timeframe that is not warm silences the score, because models know warm rows only."""
    both = np.concatenate((said(1.0, 1.0, 0.5), said(1.0, 1.0, 0.5, warm=0.0)))

    assert np.isnan(ensemble_scores(both)).all()


def test_signal_is_where_the_rules_begin_to_point() -> None:
    """A side counts once until it was given up or turned round; row 0 has no row before it."""
    scores = np.array([0.5, 0.5, 0.1, 0.3, 0.4, -0.3, np.nan, -0.3, 0.2])

    sides = signal_sides(scores, 0.25)

    assert sides.tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0]


def test_signal_of_a_row_does_not_depend_on_later_rows() -> None:
    """Sides of the first rows are the same when more rows follow."""
    scores = np.random.default_rng(1).uniform(-0.6, 0.6, 300)

    assert np.array_equal(signal_sides(scores[:200], 0.25), signal_sides(scores, 0.25)[:200])


def test_short_signal_is_right_when_the_price_falls() -> None:
    """A fall of one barrier makes a short right and a long wrong, and both live for two bars."""
    close = np.array([1.0, 1.0, 0.98, 0.98, 0.98, 0.98])
    rows = np.array([0, 0])

    labels = meta_labels(
        close, close, close, rows, np.array([-1.0, 1.0]), np.array([0.01, 0.01]), 4
    )

    assert labels.target_first.tolist() == [1.0, 0.0]
    assert labels.ends.tolist() == [2, 2]
    assert labels.weights.tolist() == [0.5, 0.5]  # two labels alive on the same bars


def test_signal_without_outcome_is_left_out() -> None:
    """A price that ends where it began says nothing of either side, nor does too short a time."""
    close = np.full(6, 1.0)

    labels = meta_labels(
        close, close, close, np.array([0, 4]), np.array([1.0, 1.0]), np.array([0.01, 0.01]), 4
    )

    assert len(labels.rows) == 0


def test_label_of_a_year_ago_counts_half() -> None:
    """The newest row counts whole, one of 365 days before it half."""
    close_ns = np.array([0, 365 * DAY_NS])

    assert time_decay(close_ns).tolist() == [pytest.approx(0.5), 1.0]
    assert len(time_decay(np.empty(0, dtype=np.int64))) == 0


def every_bar_uniqueness(high: FloatArray, low: FloatArray, close: FloatArray) -> float:
    """Return the mean uniqueness of a label at every bar: two ranges of 14 bars, 24 bars."""
    before = np.concatenate(([close[0]], close[:-1]))
    true_range = np.maximum(high, before) - np.minimum(low, before)
    mean_range = np.convolve(true_range, np.full(14, 1.0 / 14.0))[: len(close)]
    rows = np.arange(200, len(close) - 24)
    _, ends = first_barrier(high, low, close, rows, 2.0 * mean_range[rows], 24)
    # The measured figures count the bar of the row itself as part of a label's life.
    return float(uniqueness(rows - 1, ends).mean())


@pytest.mark.slow
@pytest.mark.parametrize(("symbol", "expected"), [("GBPUSD", 0.097), ("USDJPY", 0.099)])
def test_uniqueness_of_every_bar_is_that_of_the_reference(symbol: str, expected: float) -> None:
    """28,000 labels at every hour are worth a tenth of that, as was measured elsewhere."""
    path = HOURS / f"{symbol}_H1.parquet"
    if not path.exists():
        pytest.skip(f"no recorded bars at {path}")
    import pandas as pd

    frame = pd.read_parquet(path).tail(28_000)
    prices = (frame[name].to_numpy() for name in ("high", "low", "close"))

    assert every_bar_uniqueness(*prices) == pytest.approx(expected, abs=0.001)


@pytest.mark.slow
def test_uniqueness_of_every_quarter_hour_is_that_of_the_reference() -> None:
    """EURUSD of 2018 on M15: 0.101."""
    bars = real_bars("EURUSD")

    found = every_bar_uniqueness(bars["high"], bars["low"], bars["close"])

    assert found == pytest.approx(0.101, abs=0.001)
