"""Readings and scores."""

import numpy as np
import pytest

from models.market.indicators import IndicatorColumns, IndicatorPeriods
from models.market.sessions import HOUR_NS
from models.opinion.components import RecordTerms
from models.opinion.readings import (
    READING_COUNT,
    ROW_SIZE,
    TREND_NAMES,
    WARM,
    read_row,
    trendiness,
)
from models.opinion.signals import (
    READINGS,
    Family,
    RuleWindow,
    score_of,
)
from tests.random_bars import M15_NS, random_bars

TIMEFRAMES = (("M15", M15_NS), ("H1", HOUR_NS), ("H4", 4 * HOUR_NS))
TERMS = RecordTerms(barrier_atr=1.5, horizon_bars=32, shrink_outcomes=20.0, weight_min=0.1)


def said(close: float = 100.0, **changes: float) -> list[float]:
    """Return the readings of one row around a price of 100 with a range of 4."""
    values = {
        "rsi": 50.0, "macd_histogram": 0.0, "atr": 4.0, "adx": 25.0, "bollinger_middle": 100.0,
        "bollinger_upper": 102.0, "supertrend_direction": 1.0, "ichimoku_conversion": 100.0,
        "ichimoku_base": 100.0, "ichimoku_span_a": 99.0, "ichimoku_span_b": 101.0,
        "highest_high": 104.0, "lowest_low": 96.0, "donchian_direction": 1.0,
        "chandelier_direction": -1.0, "candle": 0.0, **changes,
    }  # fmt: skip
    row = np.array([values[name] for name in IndicatorColumns._fields])
    written = np.empty(ROW_SIZE)
    read_row(close, row, written)
    return [float(value) for value in written]


def trend(close: float = 100.0, **changes: float) -> list[float]:
    """Return the trend readings of one row."""
    return said(close, **changes)[: len(TREND_NAMES)]


def reversion(close: float = 100.0, **changes: float) -> list[float]:
    """Return the reversion readings of one row."""
    return said(close, **changes)[len(TREND_NAMES) : READING_COUNT]


def test_trend_readings_by_hand() -> None:
    """SuperTrend, MACD over a quarter range, place to the cloud, distance to the base line."""
    # histogram 0.5 / (0.25 * 4); 102 above both edges; (102 - 100) / (2 * 4)
    assert trend(102.0, macd_histogram=0.5) == [1.0, 0.5, 1.0, 0.25, 1.0, -1.0]
    # -3 / 1 is cut to -1; 98 below both edges; -2 / 8
    falling = trend(98.0, macd_histogram=-3.0, supertrend_direction=-1.0)
    assert falling == [-1.0, -1.0, -1.0, -0.25, 1.0, -1.0]
    assert trend(100.0)[2] == 0.0  # between the edges


@pytest.mark.parametrize(
    ("rsi", "reading"),
    [(50.0, 0.0), (60.0, 0.0), (70.0, -0.5), (80.0, -1.0), (95.0, -1.0), (30.0, 0.5), (20.0, 1.0)],
)
def test_rsi_reads_against_the_extreme(rsi: float, reading: float) -> None:
    """Silent between 40 and 60, full beyond 20 and 80."""
    assert reversion(rsi=rsi)[0] == reading


@pytest.mark.parametrize(
    ("close", "reading"),
    [(100.0, 0.0), (101.0, 0.0), (102.0, -0.5), (103.0, -1.0), (98.0, 0.5), (90.0, 1.0)],
)
def test_bands_read_against_the_extreme(close: float, reading: float) -> None:
    """With a half-width of 2: silent within ±1, half at the band, full at one and a half."""
    assert reversion(close)[1] == reading


def test_a_flat_market_says_nothing() -> None:
    """No range and an undefined RSI are readings of 0, not NaN."""
    assert reversion(rsi=np.nan, bollinger_upper=100.0) == [0.0, 0.0, 0.0]
    assert trend(atr=0.0)[1] == 0.0


def test_warm_up_has_no_reading() -> None:
    """Undefined ADX marks the warm-up, in which nothing is said."""
    assert said(rsi=20.0, adx=np.nan) == [0.0] * ROW_SIZE
    assert said()[WARM] == 1.0


def test_trendiness_runs_from_15_to_35() -> None:
    """Linear between a ranging and a trending market."""
    adx = (5.0, 15.0, 20.0, 25.0, 35.0, 60.0)

    assert [trendiness(each) for each in adx] == [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("family", list(Family))
def test_score_is_the_sum_of_its_readings(family: Family) -> None:
    """Evidence is complete: weights times values give the score, and weights never exceed 1."""
    rules = RuleWindow(random_bars(1500), TIMEFRAMES, IndicatorPeriods(), TERMS)
    scores = rules.scores(family)

    for row in (100, 500, 1300, 1499):
        readings = rules.readings(family, row)

        assert score_of(readings) == scores[row]
        assert 0.0 <= sum(r.weight for r in readings) <= 1.0 + 1e-12
        assert all(-1.0 <= r.value <= 1.0 for r in readings)


def test_timeframes_join_when_they_are_warm() -> None:
    """78 bars of warm-up: M15 from row 77, H1 with row 311 and H4 with row 1247 (bars 16 · 78)."""
    rules = RuleWindow(random_bars(1300), TIMEFRAMES, IndicatorPeriods(), TERMS)

    def timeframes(row: int) -> list[str]:
        readings = rules.readings(Family.TREND, row)
        return [reading.timeframe for reading in readings[:: len(READINGS[Family.TREND])]]

    assert timeframes(76) == []
    assert np.isnan(rules.scores(Family.TREND)[76])
    assert timeframes(77) == ["M15"]
    assert timeframes(310) == ["M15"]
    assert timeframes(311) == ["M15", "H1"]
    assert timeframes(1246) == ["M15", "H1"]
    assert timeframes(1247) == ["M15", "H1", "H4"]


def test_a_rising_market_scores_up_in_trend_and_down_in_reversion() -> None:
    """The two families disagree about a straight line."""
    bars = random_bars(600)
    step = 0.001 * np.arange(600)
    for name in ("open", "high", "low", "close"):
        bars[name] = bars[name] * 0.0 + 1.0 + step
    bars["high"] += 0.0008
    bars["low"] -= 0.0002

    rules = RuleWindow(bars, TIMEFRAMES[:1], IndicatorPeriods(), TERMS)

    assert rules.scores(Family.TREND)[-1] > 0.5
    # A full trend leaves no weight to reversion, so its readings, not its score, point down.
    assert all(reading.value <= 0.0 for reading in rules.readings(Family.REVERSION, 599))
