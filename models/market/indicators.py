"""Indicator columns of a window; the only place that calls pandas-ta-classic and knows its columns.

The library computes a history; recursions that are held to it carry the columns on bar by bar, and
compute alone what the library does not have: breakout, chandelier direction, candle patterns. Row
t of every column uses bars ≤ t only and is bit-identical whatever follows. Warm-up rows are NaN.

One path of the library is used, on purpose: TA-Lib never (``talib=False``), its compiled loops
always, because numba is a dependency of ours (they equal their uncompiled selves to the last bit).
Ichimoku's lagging span is left out: it is the close of 26 bars later.
"""

import warnings
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.market.bars import BarArray, FloatArray, Window
from models.market.recursions import STATE_SIZE, carry_on


class IndicatorPeriods(NamedTuple):
    """Lengths in bars, and multiples, of all indicators."""

    rsi: int = 14
    macd_fast: int = 12
    macd_slow: int = 26
    macd_signal: int = 9
    atr: int = 14
    adx: int = 14
    bollinger: int = 20
    bollinger_deviations: float = 2.0
    supertrend: int = 10
    supertrend_multiplier: float = 3.0
    ichimoku_tenkan: int = 9
    ichimoku_kijun: int = 26
    ichimoku_senkou: int = 52
    chandelier: int = 22
    chandelier_multiplier: float = 3.0
    donchian: int = 20


class IndicatorColumns(NamedTuple):
    """Columns of shape (n_bars,), float64, oldest first, NaN where the warm-up is not complete."""

    rsi: FloatArray
    """Relative strength index, 0..100; NaN while no price has moved."""
    macd_histogram: FloatArray
    """MACD less its signal line, in quote currency."""
    atr: FloatArray
    """Wilder's average true range, in quote currency."""
    adx: FloatArray
    """Average directional index, 0..100."""
    bollinger_middle: FloatArray
    bollinger_upper: FloatArray
    """The lower band lies as far below the middle."""
    supertrend_direction: FloatArray
    """+1 up, −1 down."""
    ichimoku_conversion: FloatArray
    ichimoku_base: FloatArray
    ichimoku_span_a: FloatArray
    """Cloud edge over this bar, made of bars that lie the base line's period before it."""
    ichimoku_span_b: FloatArray
    highest_high: FloatArray
    """Highest price of the chandelier's bars."""
    lowest_low: FloatArray
    """Lowest price of the chandelier's bars."""
    donchian_direction: FloatArray
    """Side on which a close last left the channel of the bars before it, +1 or −1; 0 before."""
    chandelier_direction: FloatArray
    """+1 while closes hold above the long's trailing stop, −1 once one fell through it."""
    candle: FloatArray
    """Reversal pattern of the bar itself, −1..1, see `recursions.candle_reading`."""


@lru_cache(maxsize=1)
def _library() -> ModuleType:
    with warnings.catch_warnings():
        # Importing it formats a date by a property that pandas has deprecated.
        warnings.simplefilter("ignore")
        import pandas_ta_classic
    return pandas_ta_classic  # type: ignore[no-any-return]


def warm_up_bars(periods: IndicatorPeriods) -> int:
    """Return how many bars it takes until every column has a value."""
    return max(
        periods.rsi + 1,
        max(periods.macd_fast, periods.macd_slow) + periods.macd_signal - 1,
        periods.atr + 1,
        2 * periods.adx,
        periods.bollinger,
        periods.supertrend + 1,
        max(periods.ichimoku_tenkan, periods.ichimoku_kijun, periods.ichimoku_senkou)
        + periods.ichimoku_kijun,
        periods.chandelier,
        periods.donchian + 1,
    )


def indicator_columns(window: Window, periods: IndicatorPeriods) -> IndicatorColumns:
    """Return all indicators of a window.

    A window shorter than `warm_up_bars` gives NaN everywhere, and the rows before it are NaN in a
    longer one too: the library refuses a short series, and a column may not depend on its length.
    """
    row_count, warm_up = len(window), warm_up_bars(periods)
    if row_count < warm_up:
        return IndicatorColumns(*(np.full(row_count, np.nan) for _ in IndicatorColumns._fields))
    table = np.empty((len(IndicatorColumns._fields), row_count))
    _carry(window, 0, warm_up, periods, np.zeros(STATE_SIZE), table)
    for place, column in enumerate(_library_columns(window, periods)):
        table[place, warm_up - 1 :] = column[warm_up - 1 :]
    table.flags.writeable = False
    return IndicatorColumns(*table)


class IndicatorWindow:
    """A window of bars with its indicators, growing at the end.

    Rows of the history are the library's, later rows are carried on from them. Which rows are
    history is part of what a window is, so nothing depends on how later bars were batched.

    Parameters
    ----------
    history : BarArray
        Bars to begin with; may be empty.
    periods : IndicatorPeriods
        See there.
    """

    def __init__(self, history: BarArray, periods: IndicatorPeriods) -> None:
        self.window = Window(history)
        self._periods = periods
        self._warm_up = warm_up_bars(periods)
        self._state = np.zeros(STATE_SIZE)
        self._table = np.empty((len(IndicatorColumns._fields), max(2 * len(history), 512)))
        self._columns: IndicatorColumns | None = None
        self._carry_from(0)
        self._table[:, : len(history)] = indicator_columns(self.window, periods)

    @property
    def columns(self) -> IndicatorColumns:
        """Read-only views of all columns."""
        if self._columns is None:
            rows = self._table[:, : len(self.window)]
            rows.flags.writeable = False
            self._columns = IndicatorColumns(*rows)
        return self._columns

    @property
    def table(self) -> FloatArray:
        """All columns, shape (n_columns, n_bars), in the order of `IndicatorColumns`; read only."""
        return self._table[:, : len(self.window)]

    def extend(self, bars: BarArray) -> None:
        """Append bars, as `Window.extend` does."""
        start = len(self.window)
        self.window.extend(bars)
        if len(self.window) > self._table.shape[1]:
            grown = np.empty((len(self._table), 2 * len(self.window)))
            grown[:, :start] = self._table[:, :start]
            self._table = grown
        self._carry_from(start)

    def _carry_from(self, start: int) -> None:
        self._columns = None
        _carry(self.window, start, self._warm_up, self._periods, self._state, self._table)


def _carry(
    window: Window,
    start: int,
    warm_up: int,
    periods: IndicatorPeriods,
    state: FloatArray,
    table: FloatArray,
) -> None:
    prices = (window.open, window.high, window.low, window.close)
    carry_on(*prices, start, warm_up, periods, state, table)


def _library_columns(window: Window, periods: IndicatorPeriods) -> tuple[FloatArray, ...]:
    # The first columns, in their order; what follows them the library does not know, or knows it
    # with another meaning, and the recursions alone compute it.
    ta = _library()
    high, low, close = (pd.Series(column) for column in (window.high, window.low, window.close))
    macd = ta.macd(
        close,
        fast=periods.macd_fast,
        slow=periods.macd_slow,
        signal=periods.macd_signal,
        talib=False,
    )
    bands = ta.bbands(
        close, length=periods.bollinger, std=periods.bollinger_deviations, talib=False
    )
    trend = ta.supertrend(
        high, low, close, length=periods.supertrend, multiplier=periods.supertrend_multiplier
    )
    cloud = ta.ichimoku(
        high,
        low,
        close,
        tenkan=periods.ichimoku_tenkan,
        kijun=periods.ichimoku_kijun,
        senkou=periods.ichimoku_senkou,
        include_chikou=False,
        as_dataframe=True,
    )
    # The library names a column after its parameters; the prefix is what stays.
    return (
        _values(ta.rsi(close, length=periods.rsi, talib=False)),
        _values(_named(macd, "MACDh_")),
        _values(ta.atr(high, low, close, length=periods.atr, talib=False)),
        _values(_named(ta.adx(high, low, close, length=periods.adx, talib=False), "ADX_")),
        _values(_named(bands, "BBM_")),
        _values(_named(bands, "BBU_")),
        _values(_named(trend, "SUPERTd_")),
        _values(_named(cloud, "ITS_")),
        _values(_named(cloud, "IKS_")),
        _values(_named(cloud, "ISA_")),
        _values(_named(cloud, "ISB_")),
        _values(high.rolling(periods.chandelier).max()),
        _values(low.rolling(periods.chandelier).min()),
    )


def _named(frame: pd.DataFrame, prefix: str) -> pd.Series:
    (name,) = [name for name in frame.columns if str(name).startswith(prefix)]
    return frame[name]


def _values(series: pd.Series) -> FloatArray:
    return np.array(series, dtype=np.float64)
