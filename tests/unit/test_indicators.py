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
from models.market.recursions import candle_reading
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars

SHORT = IndicatorPeriods(
    rsi=2, macd_fast=2, macd_slow=3, macd_signal=2, atr=2, adx=2, bollinger=2,
    bollinger_deviations=2.0, supertrend=2, supertrend_multiplier=1.0, ichimoku_tenkan=2,
    ichimoku_kijun=2, ichimoku_senkou=3, chandelier=2, chandelier_multiplier=1.0, donchian=2,
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


def test_breakout_and_chandelier_direction_by_hand() -> None:
    """A fall through both, and a rise beyond both; in between the last direction holds."""
    columns = indicator_columns(of_closes(10, 10, 10, 10, 12, 11, 7, 7.5, 12), SHORT)

    # channel of the two bars before: 9..11, then 9..13, 10..13, 6..13 (7 - 1), 6..12, and 6..8.5
    # closes        12 > 11   11 in 9..13   7 < 10   7.5 in 6..12   12 > 8.5
    assert columns.donchian_direction[4:].tolist() == [1.0, 1.0, -1.0, -1.0, 1.0]
    # true ranges 3 2 5 2 5.5, Wilder over 2: 2.5 2.25 3.625 2.8125 4.15625
    # long stop 13 - 2.5 = 10.5; 11 > 10.5; then 13 - 2.25 = 10.75 and 7 < 10.75: down
    # short stop at the 7: 6 + 3.625 = 9.625; 7.5 holds below; 12 > min(9.625, 6 + 2.8125): up
    assert columns.chandelier_direction[4:].tolist() == [1.0, 1.0, -1.0, -1.0, 1.0]


def test_breakout_agrees_with_the_library_s_channel() -> None:
    """The library's Donchian channel of the bars before tells the same side at every row."""
    import pandas as pd
    import pandas_ta_classic as ta

    window = Window(random_bars(600, seed=4))
    direction = indicator_columns(window, IndicatorPeriods()).donchian_direction
    channel = ta.donchian(
        pd.Series(window.high), pd.Series(window.low), lower_length=20, upper_length=20
    ).shift(1)
    broke_up = (pd.Series(window.close) > channel["DCU_20_20"]).to_numpy()
    broke_down = (pd.Series(window.close) < channel["DCL_20_20"]).to_numpy()

    start = warm_up_bars(IndicatorPeriods())

    assert (direction[start:][broke_up[start:]] == 1.0).all()
    assert (direction[start:][broke_down[start:]] == -1.0).all()
    held = ~(broke_up | broke_down)[start + 1 :]
    assert (direction[start + 1 :][held] == direction[start:-1][held]).all()
    assert set(direction[start:]) == {1.0, -1.0}


@pytest.mark.parametrize(
    ("before", "bar", "reading"),
    [
        # open high low close around a middle band of 100 and an upper one of 102
        ((100.0, 100.2, 98.8, 99.0), (98.9, 100.5, 98.8, 100.2), 1.0),  # 1.3 up holds 1 down
        ((99.0, 100.2, 98.8, 100.0), (100.1, 100.3, 98.5, 98.8), -1.0),  # mirrored
        ((100.0, 100.2, 98.8, 99.0), (99.1, 100.5, 99.0, 100.2), 0.0),  # opens inside the body
        ((102.0, 102.2, 100.8, 101.0), (100.9, 102.5, 100.8, 102.2), 0.0),  # never below the middle
        ((98.7, 99.5, 98.0, 98.7), (98.7, 99.0, 97.9, 99.0), 1.0),  # wick 0.8 >= 2 * 0.3
        ((101.0, 101.5, 100.8, 101.2), (101.3, 102.1, 101.0, 101.0), -1.0),  # wick 0.8, body 0.3
        ((98.7, 99.5, 98.0, 98.7), (98.7, 99.4, 97.9, 99.0), 0.0),  # 0.4 above is more than 0.3
        ((98.5, 98.9, 98.0, 98.4), (98.4, 98.9, 97.9, 98.4), 0.5),  # no body, at the lower band
        ((101.5, 102.0, 101.3, 101.6), (101.6, 102.1, 101.1, 101.6), -0.5),  # at the upper band
        ((100.0, 100.5, 99.5, 100.0), (100.0, 100.5, 99.5, 100.0), 0.0),  # within the bands
        ((98.0, 98.0, 98.0, 98.0), (98.0, 98.0, 98.0, 98.0), 0.0),  # no range at all
    ],
)
def test_candle_patterns_by_hand(
    before: tuple[float, ...], bar: tuple[float, ...], reading: float
) -> None:
    """Engulfing, hammer and shooting star say all, a doji at the band half, others nothing."""
    open_, high, low, close = (np.array(pair) for pair in zip(before, bar, strict=True))

    assert candle_reading(open_, high, low, close, 1, 100.0, 102.0) == reading
