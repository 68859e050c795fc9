"""One row of a timeframe's indicators to the readings of all rules: compiled, scalars only.

What each reading means stands in `signals`. Divisions by nothing are asked for first: where no
price has moved there is no scale, so nothing is said.
"""

from typing import Final

import numpy as np
from numba import njit

from models.market.bars import FloatArray, IntArray
from models.market.indicators import IndicatorColumns

MACD_FULL_ATR: Final = 0.25
"""Histogram, in average true ranges, that reads as full strength."""
BASE_LINE_FULL_ATR: Final = 2.0
"""Distance from Ichimoku's base line, in average true ranges, that reads as full strength."""
RSI_DEAD, RSI_FULL = 10.0, 30.0
"""Distance of RSI from 50 up to which it says nothing, and from which it says all."""
BAND_DEAD, BAND_FULL = 0.5, 1.5
"""The same for the distance from the middle band, in half-widths."""
ADX_RANGING, ADX_TRENDING = 15.0, 35.0
"""ADX at which a market does not trend at all, and at which it does nothing else."""

TREND_NAMES: Final = ("supertrend", "macd", "cloud", "base_line", "donchian", "chandelier")
REVERSION_NAMES: Final = ("rsi", "bollinger", "candle")
READING_COUNT: Final = len(TREND_NAMES) + len(REVERSION_NAMES)
TRENDINESS: Final = READING_COUNT
"""Place of the trendiness after the readings."""
WARM: Final = READING_COUNT + 1
"""Place of whether the warm-up is over, 1 or 0."""
ROW_SIZE: Final = READING_COUNT + 2

_COLUMN = {name: place for place, name in enumerate(IndicatorColumns._fields)}
_RSI, _MACD, _ATR, _ADX = (_COLUMN[n] for n in ("rsi", "macd_histogram", "atr", "adx"))
_MIDDLE, _UPPER = _COLUMN["bollinger_middle"], _COLUMN["bollinger_upper"]
_SUPERTREND, _BASE = _COLUMN["supertrend_direction"], _COLUMN["ichimoku_base"]
_SPAN_A, _SPAN_B = _COLUMN["ichimoku_span_a"], _COLUMN["ichimoku_span_b"]
_DONCHIAN, _CHANDELIER = _COLUMN["donchian_direction"], _COLUMN["chandelier_direction"]
_CANDLE = _COLUMN["candle"]


@njit(cache=True)
def _ratio(distance: float, full: float) -> float:
    return min(max(distance / full, -1.0), 1.0) if full != 0.0 else 0.0


@njit(cache=True)
def _against(distance: float, dead: float, full: float) -> float:
    size = min(max((abs(distance) - dead) / (full - dead), 0.0), 1.0)
    return -size if distance > 0.0 else size


@njit(cache=True)
def trendiness(adx: float) -> float:
    """Return how much of a trend there is, 0 ranging to 1 trending."""
    return min(max((adx - ADX_RANGING) / (ADX_TRENDING - ADX_RANGING), 0.0), 1.0)


@njit(cache=True)
def read_row(close: float, indicators: FloatArray, said: FloatArray) -> None:
    """Write the readings of one row, its trendiness, and that it is warm; all 0 in the warm-up.

    Parameters
    ----------
    close : float
        Close of the timeframe's bar.
    indicators : ndarray of shape (n_columns,)
        In the order of `IndicatorColumns`. RSI may be NaN while no price has moved.
    said : ndarray of shape (ROW_SIZE,)
        Written: `TREND_NAMES`, `REVERSION_NAMES`, trendiness, warmth.
    """
    if np.isnan(indicators[_ADX]):
        said[:] = 0.0
        return
    upper = max(indicators[_SPAN_A], indicators[_SPAN_B])
    lower = min(indicators[_SPAN_A], indicators[_SPAN_B])
    atr = indicators[_ATR]
    said[0] = indicators[_SUPERTREND]
    said[1] = _ratio(indicators[_MACD], MACD_FULL_ATR * atr)
    said[2] = 1.0 if close > upper else (-1.0 if close < lower else 0.0)
    said[3] = _ratio(close - indicators[_BASE], BASE_LINE_FULL_ATR * atr)
    said[4] = indicators[_DONCHIAN]
    said[5] = indicators[_CHANDELIER]
    rsi = indicators[_RSI]
    said[6] = 0.0 if np.isnan(rsi) else _against(rsi - 50.0, RSI_DEAD, RSI_FULL)
    half_width = indicators[_UPPER] - indicators[_MIDDLE]
    offset = (close - indicators[_MIDDLE]) / half_width if half_width != 0.0 else 0.0
    said[7] = _against(offset, BAND_DEAD, BAND_FULL)
    said[8] = indicators[_CANDLE]
    said[9] = trendiness(indicators[_ADX])
    said[10] = 1.0


@njit(cache=True)
def read_rows(close: FloatArray, indicators: FloatArray, rows: IntArray, said: FloatArray) -> None:
    """Write `read_row` of some rows of a timeframe; a row of −1 says nothing.

    Parameters
    ----------
    close : ndarray of shape (n_bars,)
    indicators : ndarray of shape (n_columns, n_bars)
    rows : ndarray of shape (n_rows,)
    said : ndarray of shape (ROW_SIZE, n_rows)
        Written.
    """
    for place in range(len(rows)):
        row = rows[place]
        if row < 0:
            said[:, place] = 0.0
        else:
            read_row(close[row], indicators[:, row], said[:, place])
