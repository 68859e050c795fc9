"""The past of every column stays as it is, whatever follows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.market.bars import BarArray, Window, resample
from models.market.indicators import (
    IndicatorColumns,
    IndicatorPeriods,
    IndicatorWindow,
    indicator_columns,
)
from models.market.sessions import HOUR_NS
from models.opinion.components import RecordTerms
from models.opinion.signals import Family, RuleWindow
from tests.random_bars import M15_NS, random_bars

TIMEFRAMES = (("M15", M15_NS), ("H1", HOUR_NS), ("H4", 4 * HOUR_NS))
TERMS = RecordTerms(barrier_atr=1.5, horizon_bars=32, shrink_outcomes=20.0, weight_min=0.1)
BARS = random_bars(700, seed=3)
PRICES = ("open", "high", "low", "close")

cuts = st.integers(min_value=90, max_value=len(BARS) - 1)
factors = st.sampled_from([0.5, 0.999, 1.001, 3.0])


def with_other_future(cut: int, factor: float, flat: bool) -> BarArray:
    """Return the bars with everything from a row on moved, or standing still."""
    bars = BARS.copy()
    for name in PRICES:
        bars[name][cut:] = bars["close"][cut - 1] if flat else bars[name][cut:] * factor
    return bars


@settings(max_examples=25)
@given(cut=cuts, factor=factors, flat=st.booleans())
def test_no_indicator_sees_the_future(cut: int, factor: float, flat: bool) -> None:
    """Row t of every column is bit-identical under another future, and under none."""
    full = indicator_columns(Window(BARS), IndicatorPeriods())
    other = indicator_columns(Window(with_other_future(cut, factor, flat)), IndicatorPeriods())
    none = indicator_columns(Window(BARS[:cut]), IndicatorPeriods())

    for name, here, there, alone in zip(IndicatorColumns._fields, full, other, none, strict=True):
        assert np.array_equal(here[:cut], there[:cut], equal_nan=True), name
        assert np.array_equal(here[:cut], alone, equal_nan=True), name


@settings(max_examples=25)
@given(cut=cuts, factor=factors, flat=st.booleans(), gap=st.integers(0, 40))
def test_no_score_sees_the_future(cut: int, factor: float, flat: bool, gap: int) -> None:
    """Scores over three timeframes are bit-identical, also where a future gap moves the grid."""
    altered = with_other_future(cut, factor, flat)
    altered = np.concatenate((altered[:cut], altered[cut + gap :]))
    full = RuleWindow(BARS, TIMEFRAMES, IndicatorPeriods(), TERMS)
    other = RuleWindow(altered, TIMEFRAMES, IndicatorPeriods(), TERMS)

    for family in Family:
        here, there = full.scores(family)[:cut], other.scores(family)[:cut]

        assert np.array_equal(here, there, equal_nan=True)


@settings(max_examples=25)
@given(
    history=st.integers(0, 500),
    pieces=st.lists(st.integers(1, 120), min_size=1, max_size=12),
    factor=factors,
)
def test_later_bars_and_batches_change_nothing(
    history: int, pieces: list[int], factor: float
) -> None:
    """Bar by bar or all at once, before another future or none: one history, one opinion."""
    ends = np.minimum(history + np.cumsum(pieces), len(BARS))
    single = RuleWindow(BARS[:history], TIMEFRAMES, IndicatorPeriods(), TERMS)
    for start, end in zip([history, *ends[:-1]], ends, strict=True):
        single.extend(BARS[start:end])
    batched = RuleWindow(BARS[:history], TIMEFRAMES, IndicatorPeriods(), TERMS)
    batched.extend(with_other_future(int(ends[-1]), factor, flat=False)[history:])

    rows = slice(0, int(ends[-1]))
    for family in Family:
        early, late = single.scores(family), batched.scores(family, rows)

        assert np.array_equal(early, late, equal_nan=True)
        assert single.readings(family, rows.stop - 1) == batched.readings(family, rows.stop - 1)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    flat_from=st.integers(0, 250),
    flat_rows=st.integers(0, 60),
    history=st.integers(0, 300),
    periods=st.builds(
        IndicatorPeriods,
        rsi=st.integers(2, 30),
        macd_fast=st.integers(2, 30),
        macd_slow=st.integers(2, 30),
        macd_signal=st.integers(2, 12),
        atr=st.integers(2, 30),
        adx=st.integers(2, 30),
        bollinger=st.integers(2, 40),
        bollinger_deviations=st.sampled_from([0.5, 2.0, 3.1]),
        supertrend=st.integers(2, 30),
        supertrend_multiplier=st.sampled_from([0.5, 3.0, 4.5]),
        ichimoku_tenkan=st.integers(2, 12),
        ichimoku_kijun=st.integers(2, 30),
        ichimoku_senkou=st.integers(2, 60),
        chandelier=st.integers(2, 40),
        chandelier_multiplier=st.sampled_from([0.5, 3.0]),
        donchian=st.integers(2, 60),
    ),
)
def test_carried_columns_equal_the_library(
    seed: int, flat_from: int, flat_rows: int, history: int, periods: IndicatorPeriods
) -> None:
    """The recursions say what pandas-ta-classic says, for any periods and through flat markets."""
    bars = random_bars(300, seed)
    for name in PRICES:
        bars[name][flat_from : flat_from + flat_rows] = bars["close"][max(flat_from - 1, 0)]
    expected = indicator_columns(Window(bars), periods)

    carried = IndicatorWindow(bars[:history], periods)
    carried.extend(bars[history:])

    for name, here, there in zip(IndicatorColumns._fields, carried.columns, expected, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-12, err_msg=name)


@given(end=st.integers(1, len(BARS)), length_hours=st.sampled_from([1, 4, 24]))
def test_closed_higher_bars_never_change(end: int, length_hours: int) -> None:
    """Later bars only add to what was resampled."""
    early = resample(BARS[:end], length_hours * HOUR_NS)

    late = resample(BARS, length_hours * HOUR_NS)

    assert np.array_equal(early, late[: len(early)])
