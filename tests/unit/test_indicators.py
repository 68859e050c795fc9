"""Indicator columns against hand-worked values and the library's uncompiled self."""

import numpy as np
import pytest

from models.market.bars import BarArray, Window, one_bar
from models.market.indicators import (
    IndicatorColumns,
    IndicatorPeriods,
    indicator_columns,
    warm_up_bars,
)
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars

SHORT = IndicatorPeriods(
    rsi=2, macd_fast=2, macd_slow=3, macd_signal=2, atr=2, adx=2, bollinger=2,
    bollinger_deviations=2.0, supertrend=2, supertrend_multiplier=1.0, ichimoku_tenkan=2,
    ichimoku_kijun=2, ichimoku_senkou=3, chandelier=2,
)  # fmt: skip
"""Periods that a hand can follow."""


def of_closes(*closes: float, half_range: float = 1.0) -> Window:
    """Return a window of bars that open and close at one price, with equal wicks."""
    rows = [
        one_bar(SUNDAY_OPEN_NS + (i + 1) * M15_NS, c, c + half_range, c - half_range, c)
        for i, c in enumerate(closes)
    ]
    return Window(np.concatenate(rows))


def test_columns_by_hand() -> None:
    """Six closes of 10 10 10 10 12 11, ranges of ±1, periods of two."""
    columns = indicator_columns(of_closes(10, 10, 10, 10, 12, 11), SHORT)

    # true ranges 2 2 2 3 (12 + 1 - 10) 2 (max(2, |12 - 12|, |12 - 10|)); Wilder over 2
    assert columns.atr[4:] == pytest.approx([2.5, 2.25])  # (2 + 3) / 2, (2.5 + 2) / 2
    # gains 0 0 0 2 0 and losses 0 0 0 0 1 over 2: averages 1, 0 then 0.5, 0.5
    assert columns.rsi[4:] == pytest.approx([100.0, 50.0])
    # middle (10 + 12) / 2, (12 + 11) / 2; two deviations of 1 and 0.5
    assert columns.bollinger_middle[4:] == pytest.approx([11.0, 11.5])
    assert columns.bollinger_upper[4:] == pytest.approx([13.0, 12.5])
    assert columns.highest_high[4:].tolist() == [13.0, 13.0]
    assert columns.lowest_low[4:].tolist() == [9.0, 10.0]
    # midpoints of the last two bars: (13 + 9) / 2, (13 + 10) / 2
    assert columns.ichimoku_base[4:].tolist() == [11.0, 11.5]
    # the cloud was made two bars before
    assert columns.ichimoku_span_a[4:].tolist() == [10.0, 10.0]
    assert columns.ichimoku_span_b[4:].tolist() == [10.0, 10.0]


def test_warm_up_is_nan_however_long_the_window() -> None:
    """A row before the warm-up has no value in a short window, nor in a long one."""
    periods = IndicatorPeriods()
    warm_up = warm_up_bars(periods)
    bars = random_bars(warm_up + 5)

    short = indicator_columns(Window(bars[: warm_up - 1]), periods)
    long = indicator_columns(Window(bars), periods)

    for brief, full in zip(short, long, strict=True):
        assert np.isnan(brief).all()
        assert np.isnan(full[: warm_up - 1]).all()
        assert np.isfinite(full[warm_up - 1 :]).all()


def test_an_empty_window_has_empty_columns() -> None:
    """No bar, no row, no error."""
    assert all(len(column) == 0 for column in indicator_columns(Window(), IndicatorPeriods()))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_compiled_path_changes_no_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba makes the library faster, not different."""
    import importlib

    window = Window(random_bars(400, seed))
    compiled = indicator_columns(window, IndicatorPeriods())
    for module_name, kernel in (
        ("pandas_ta_classic.overlap.supertrend", "_supertrend_loop"),
        ("pandas_ta_classic.utils._wilder", "_wilder_smooth_nb"),
    ):
        module = importlib.import_module(module_name)
        loop = getattr(module, kernel)
        monkeypatch.setattr(module, kernel, getattr(loop, "py_func", loop))

    plain = indicator_columns(window, IndicatorPeriods())

    for name, one, other in zip(IndicatorColumns._fields, compiled, plain, strict=True):
        assert np.array_equal(one, other, equal_nan=True), name


def test_one_flat_bar_changes_no_earlier_row() -> None:
    """A range of exactly zero is replaced where it stands and nowhere else."""
    bars: BarArray = random_bars(200)
    before = indicator_columns(Window(bars[:150]), IndicatorPeriods())
    for name in ("open", "high", "low", "close"):
        bars[name][150] = bars["close"][149]

    after = indicator_columns(Window(bars), IndicatorPeriods())

    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one, other[:150], equal_nan=True)


def test_columns_are_read_only() -> None:
    """Nobody changes an indicator that others read."""
    columns = indicator_columns(Window(random_bars(100)), IndicatorPeriods())

    with pytest.raises(ValueError, match="read-only"):
        columns.atr[99] = 0.0
