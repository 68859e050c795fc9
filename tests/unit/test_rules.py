"""The rule voters of a week."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.market.bars import BarArray, Window, empty_bars, one_bar
from models.market.indicators import IndicatorPeriods
from models.market.sessions import (
    HOUR_NS,
    MINUTE_NS,
    week_close_ns,
    week_open_ns,
    weeks_before_ns,
)
from models.opinion.calibration import first_barrier
from models.opinion.rules import FALLBACK_BARRIER_FRAC, Opinion, RuleSettings, WeekRules
from models.opinion.signals import Family
from tests.random_bars import M15_NS, random_bars, real_bars

SETTINGS = RuleSettings(
    timeframes=(("M15", M15_NS), ("H1", HOUR_NS)),
    periods=IndicatorPeriods(),
    chandelier_multiplier=3.0,
    barrier_atr=1.5,
    horizon_bars=32,
    rows_min=100,
    ridge_rows=50.0,
)


def waves(count: int) -> BarArray:
    """Return slow waves, on which a trend that has begun goes on: every trend follower is right."""
    bars = random_bars(count)
    phase = 2.0 * np.pi * np.arange(count + 1) / 160.0
    prices = 1.1 + 0.02 * np.sin(phase)
    bars["open"], bars["close"] = prices[:-1], prices[1:]
    bars["high"] = np.maximum(prices[:-1], prices[1:]) + 1e-4
    bars["low"] = np.minimum(prices[:-1], prices[1:]) - 1e-4
    return bars


def test_a_family_that_was_right_votes() -> None:
    """On a market of long waves the trend family earns a slope and speaks with its score."""
    bars = waves(1600)
    rules = WeekRules(bars[:1500], SETTINGS)
    rules.follow(Window(bars))

    opinions = [rules.opinion(Family.TREND, row) for row in range(1500, 1600)]

    assert rules.calibration(Family.TREND).slope > 0.0
    spoken = [opinion for opinion in opinions if not opinion.abstains]
    assert len(spoken) > 90
    assert all(0.0 < opinion.probability_up < 1.0 for opinion in spoken)
    assert {round(abs(opinion.probability_up - 0.5), 3) for opinion in spoken} != {0.0}


def test_agreement_follows_from_the_readings() -> None:
    """The shares of weight and of timeframes on the side of the probability."""
    bars = waves(1600)
    rules = WeekRules(bars[:1500], SETTINGS)
    rules.follow(Window(bars))
    opinions = [rules.opinion(Family.TREND, row) for row in range(1500, 1600)]
    spoken = [opinion for opinion in opinions if not opinion.abstains]

    assert len({opinion.agreement for opinion in spoken}) > 10
    for opinion in spoken:
        side = 1.0 if opinion.probability_up > 0.5 else -1.0
        along = sum(r.weight for r in opinion.readings if r.value * side > 0.0)
        assert opinion.agreement == pytest.approx(along / sum(r.weight for r in opinion.readings))
        frames = {r.timeframe for r in opinion.readings}
        leaning = [
            frame
            for frame in frames
            if sum(r.weight * r.value for r in opinion.readings if r.timeframe == frame) * side > 0
        ]
        assert opinion.confluence == len(leaning) / len(frames)


def test_a_family_that_was_wrong_abstains_with_its_reason() -> None:
    """A slope that is not positive is no skill: the vote says 0.5 and why."""
    rules = WeekRules(random_bars(600), SETTINGS)
    rules._calibrations = {
        family: rules.calibration(family)._replace(slope=-0.4) for family in Family
    }

    opinion = rules.opinion(Family.TREND, 599)

    assert (opinion.probability_up, opinion.abstains) == (0.5, True)
    assert opinion.reason == "no skill: slope -0.400"
    assert opinion.readings


def test_a_slope_within_its_error_proves_nothing() -> None:
    """With a slope of 0.3 ± 0.2 one standard error lets the family vote, two do not."""
    bars = waves(1600)

    def opinion(errors_min: float) -> Opinion:
        rules = WeekRules(bars, replace(SETTINGS, skill_errors_min=errors_min))
        rules._calibrations = {
            family: rules.calibration(family)._replace(slope=0.3, slope_error=0.2)
            for family in Family
        }
        return rules.opinion(Family.TREND, 1599)

    assert not opinion(1.0).abstains
    assert opinion(2.0).abstains
    assert opinion(2.0).reason == "no proof: slope 0.300, needs 0.400"


def test_too_few_judged_rows_abstain() -> None:
    """A fit on a handful of rows is not used."""
    opinion = WeekRules(random_bars(150), SETTINGS).opinion(Family.TREND, 149)

    assert opinion.abstains
    assert "judged rows, needs 100" in opinion.reason


def test_no_history_abstains_with_a_barrier() -> None:
    """In the warm-up the barrier is a share of the price, so that the vote is still complete."""
    rules = WeekRules(empty_bars(), SETTINGS)
    bars = random_bars(10)
    rules.follow(Window(bars))

    opinion = rules.opinion(Family.REVERSION, 9)

    assert opinion.reason == "warm-up: no average true range"
    assert opinion.barrier_distance == FALLBACK_BARRIER_FRAC * bars["close"][9]
    assert np.isnan(rules.trailing_levels(9).atr)


def test_a_market_that_stands_still_abstains() -> None:
    """Prices that never move have no range and no opinion."""
    rows = [one_bar(int(bar["close_ns"]), 1.1, 1.1, 1.1, 1.1) for bar in random_bars(200)]

    opinion = WeekRules(np.concatenate(rows), SETTINGS).opinion(Family.TREND, 199)

    assert opinion.abstains
    assert opinion.probability_up == 0.5
    assert opinion.barrier_distance > 0.0


def test_the_fit_sees_the_history_only() -> None:
    """Later bars change neither coefficients nor the model's name."""
    bars = random_bars(900)
    rules = WeekRules(bars[:700], SETTINGS)
    before = [(rules.calibration(family), rules.model(family)) for family in Family]

    rules.follow(Window(bars))

    assert [(rules.calibration(family), rules.model(family)) for family in Family] == before


def test_judged_rows_end_before_the_history_does() -> None:
    """The last 32 rows of the history have no complete horizon."""
    fit = WeekRules(random_bars(600), SETTINGS).calibration(Family.TREND)

    assert 0 < fit.rows <= 600 - 32 - 77


def test_the_model_is_named_by_its_content() -> None:
    """Other settings, other history or other family: another name."""
    bars = random_bars(600)
    rules = WeekRules(bars, SETTINGS)

    names = {
        rules.model(Family.TREND),
        rules.model(Family.REVERSION),
        WeekRules(bars[:500], SETTINGS).model(Family.TREND),
        WeekRules(bars, replace(SETTINGS, ridge_rows=49.0)).model(Family.TREND),
    }

    assert len(names) == 4
    assert rules.model(Family.TREND) == WeekRules(bars, SETTINGS).model(Family.TREND)
    assert all(name.startswith("rules/") for name in names)


def test_trailing_levels_hang_from_the_chandelier() -> None:
    """Highest high of 22 bars less three ranges, and the mirror image."""
    bars = random_bars(300)
    levels = WeekRules(bars, SETTINGS).trailing_levels(299)

    assert levels.long_stop == bars["high"][-22:].max() - 3.0 * levels.atr
    assert levels.short_stop == bars["low"][-22:].min() + 3.0 * levels.atr


def test_votes_on_recorded_bars_are_numbers(record_property: Callable[[str, object], None]) -> None:
    """A recorded February, walked forward by week: finite votes; Brier and abstentions noted."""
    bars = real_bars("EURUSD")
    settings = replace(
        SETTINGS, timeframes=(*SETTINGS.timeframes, ("H4", 4 * HOUR_NS)), rows_min=300
    )
    closes_ns = bars["close_ns"]
    high, low, close = (np.ascontiguousarray(bars[name]) for name in ("high", "low", "close"))
    squares: dict[Family, list[float]] = {family: [] for family in Family}
    vote_count = 0
    february_ns = 1_517_443_200_000_000_000  # 2018-02-01
    open_ns = week_open_ns(february_ns)
    while open_ns < february_ns + 28 * 24 * HOUR_NS:
        anchor_ns = weeks_before_ns(open_ns + MINUTE_NS, 4)
        history = bars[(closes_ns > anchor_ns) & (closes_ns <= open_ns)]
        rules = WeekRules(history, settings)
        week = np.flatnonzero(
            (closes_ns > open_ns) & (closes_ns <= week_close_ns(open_ns + MINUTE_NS))
        )
        rules.follow(Window(bars[: week[-1] + 1]))
        for row in week:
            for family in Family:
                opinion = rules.opinion(family, rules.row_of(int(closes_ns[row])))
                vote_count += 1
                assert 0.0 < opinion.probability_up < 1.0
                assert opinion.barrier_distance > 0.0
                if not opinion.abstains:
                    (label,), _ = first_barrier(
                        high, low, close, np.array([row]), np.array([opinion.barrier_distance]), 32
                    )
                    squares[family].append(float((opinion.probability_up - label) ** 2))
        open_ns = week_open_ns(open_ns + 8 * 24 * HOUR_NS)
    for family, losses in squares.items():
        record_property(f"brier_{family}", float(np.mean(losses)) if losses else 0.25)
    spoken = sum(len(losses) for losses in squares.values())
    record_property("abstention_share", 1.0 - spoken / vote_count)
    assert vote_count > 3000
