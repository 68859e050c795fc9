"""What components have been worth, and the weights that follow."""

import math

import numpy as np
import pytest

from models.market.indicators import IndicatorPeriods
from models.market.sessions import HOUR_NS
from models.opinion.calibration import first_barrier
from models.opinion.components import (
    DAY_SPAN_NS,
    ComponentRecord,
    RecordTerms,
    component_records,
    component_weight,
    nights,
)
from models.opinion.signals import READINGS, Family, RuleWindow
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars

TERMS = RecordTerms(barrier_atr=1.5, horizon_bars=32, shrink_outcomes=20.0, weight_min=0.0)
TIMEFRAMES = (("M15", M15_NS), ("H1", HOUR_NS))


def closes(count: int) -> np.ndarray:
    """Return closes an hour apart."""
    return SUNDAY_OPEN_NS + HOUR_NS * np.arange(1, count + 1)


def record_of(
    values: np.ndarray,
    labels: np.ndarray,
    ends: np.ndarray,
    close_ns: np.ndarray,
    night: int,
    horizon_bars: int,
    span_ns: int,
) -> ComponentRecord:
    """Return the record of one component."""
    judged = (labels, ends, close_ns, night, horizon_bars, span_ns)
    (record,) = component_records(values[np.newaxis], np.array([0]), *judged)
    return record


def test_edge_and_outcomes_by_hand() -> None:
    """Two readings that share a bar, one that was silent, one alone and wrong."""
    values = np.array([1.0, 0.5, 0.0, -1.0, 1.0, 1.0])
    labels = np.array([1.0, 1.0, 0.0, 1.0, np.nan, np.nan])
    ends = np.array([2, 3, 4, 5, 4, 5])

    record = record_of(values, labels, ends, closes(6), 5, 2, 100 * HOUR_NS)

    # alive: bar 1 one, bar 2 two (rows 0 and 1), bar 3 one, bars 4 and 5 one (row 3)
    # uniqueness: row 0 (1 + 1/2) / 2 = 0.75, row 1 (1/2 + 1) / 2 = 0.75, row 3 (1 + 1) / 2 = 1
    # gain 0.75 * 1 + 0.75 * 0.5 - 1 * 1 = 0.125; said 0.75 + 0.375 + 1 = 2.125
    assert record.outcomes == 2.5
    assert record.edge == pytest.approx(0.125 / 2.125)


def test_a_record_holds_what_was_settled_within_its_span() -> None:
    """With a horizon of 2 a span of 3 hours at row 9 holds rows 5, 6 and 7: settled at 7, 8, 9."""
    values = np.zeros(10)
    labels, ends = np.ones(10), np.arange(10) + 1

    def outcomes(row: int) -> float:
        alone = values.copy()
        alone[row] = 1.0
        return record_of(alone, labels, ends, closes(10), 9, 2, 3 * HOUR_NS).outcomes

    assert [outcomes(row) for row in range(10)] == [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]


def test_components_are_judged_together_as_each_alone() -> None:
    """One that always speaks, one that is silent at times and one that never speaks."""
    generator = np.random.default_rng(5)
    said = generator.uniform(-1.0, 1.0, (3, 80))
    said[1, generator.random(80) < 0.5] = 0.0
    said[2] = 0.0
    labels = generator.integers(0, 2, 80).astype(np.float64)
    labels[[3, 40]] = np.nan
    ends = np.minimum(np.arange(80) + generator.integers(1, 9, 80), 79)
    ends[[3, 40]] = 3, 40
    judged = (labels, ends, closes(80), 79, 8, 50 * HOUR_NS)

    together = component_records(said, np.array([2, 0, 1]), *judged)

    assert together == [record_of(said[place], *judged) for place in (2, 0, 1)]
    assert [record.outcomes > 0.0 for record in together] == [False, True, True]


@pytest.mark.parametrize(
    ("edge", "outcomes", "weight"),
    [
        (0.0, 0.0, 1.0),  # no record
        (0.1, 100.0, 1.0),  # within one standard error of 1 / 10
        (-0.1, 100.0, 1.0),
        (0.3, 100.0, 2.0),  # 1 + 10 * 100 / 200 * (0.3 - 0.1)
        (-0.2, 100.0, 0.5),  # 1 - 10 * 100 / 200 * (0.2 - 0.1)
        (-0.9, 100.0, 0.25),  # below the floor
        (1.0, 1.0, 1.0),  # one outcome proves nothing
    ],
)
def test_weight_is_the_shrunk_record(edge: float, outcomes: float, weight: float) -> None:
    """With a shrinkage of 100 outcomes and a floor of a quarter."""
    assert component_weight(edge, outcomes, 100.0, 0.25) == pytest.approx(weight)


def test_nights_are_the_first_closes_of_trading_days() -> None:
    """From Sunday 17:00 New York, M15: rows 96, 192, ... of 15 minutes; the weekend is one."""
    bars = random_bars(6 * 96)

    assert nights(bars["close_ns"]).tolist() == [96, 192, 288, 384, 480]
    assert not len(nights(bars["close_ns"][:1]))


def test_weights_hold_from_night_to_night() -> None:
    """A row's weights are those of the last night at or before it; 1 before the first record."""
    bars = random_bars(900)
    rules = RuleWindow(bars, TIMEFRAMES, IndicatorPeriods(), TERMS)
    scored = [rules.component_scores(row) for row in range(900)]
    told = [row for row, scores in enumerate(scored) if scores]

    assert told == nights(bars["close_ns"]).tolist()
    assert all(score.weight == 1.0 for score in scored[told[0]])  # nothing is settled yet
    for row in (told[-1] - 1, told[-1], 899):
        night = max(each for each in told if each <= row)
        weights = {(s.name, s.timeframe): s.weight for s in scored[night]}
        for family in Family:
            readings = rules.readings(family, row)
            total = sum(weights[r.name, r.timeframe] for r in readings)
            for timeframe in ("M15", "H1"):
                of_frame = [r for r in readings if r.timeframe == timeframe]
                # Σ r·g / Σ r over the frame gives g · share of the frame's records
                trusts = [r.weight * total / weights[r.name, r.timeframe] for r in of_frame]
                assert max(trusts) == pytest.approx(min(trusts))
    assert any(weight != 1.0 for weight in weights.values())


def test_a_component_that_was_right_gains_and_its_opposite_loses() -> None:
    """On long waves trend readings of the trading timeframe end above 1, reversion's below."""
    bars = random_bars(1600)
    phase = 2.0 * np.pi * np.arange(1601) / 160.0
    prices = 1.1 + 0.02 * np.sin(phase)
    bars["open"], bars["close"] = prices[:-1], prices[1:]
    bars["high"] = np.maximum(prices[:-1], prices[1:]) + 1e-4
    bars["low"] = np.minimum(prices[:-1], prices[1:]) - 1e-4
    rules = RuleWindow(bars, TIMEFRAMES, IndicatorPeriods(), TERMS)
    row = int(nights(bars["close_ns"])[-1])

    weights = {(s.name, s.timeframe): s.weight for s in rules.component_scores(row)}

    assert weights["base_line", "M15"] > 1.5
    assert weights["rsi", "M15"] < 0.5


def test_a_night_knows_settled_labels_only() -> None:
    """The record taken at a night is the one of a window that ends there, and of labels of it."""
    bars = random_bars(900, seed=8)
    night = int(nights(bars["close_ns"])[-2])
    rules = RuleWindow(bars, TIMEFRAMES, IndicatorPeriods(), TERMS)
    short = RuleWindow(bars[: night + 1], TIMEFRAMES, IndicatorPeriods(), TERMS)

    assert rules.component_scores(night) == short.component_scores(night)
    score = next(s for s in short.component_scores(night) if s.name == "supertrend")
    window, columns = short.window, short.columns
    labels, ends = first_barrier(
        window.high, window.low, window.close, np.arange(night + 1), 1.5 * columns.atr, 32
    )
    values = np.nan_to_num(columns.supertrend_direction)
    assert record_of(values, labels, ends, window.close_ns, night, 32, DAY_SPAN_NS) == score.day
    assert math.isfinite(score.month.edge)
    assert len(short.component_scores(night)) == sum(map(len, READINGS.values())) * 2
