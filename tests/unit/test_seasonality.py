"""The season of the trading week."""

import numpy as np
import pytest

from models.market.seasonality import fit_seasonality, week_positions
from models.market.sessions import HOUR_NS
from tests.random_bars import M15_NS, SUNDAY_OPEN_NS, random_bars

WEEK_BARS = 480
SUMMER_OPEN_NS = 1_741_554_000_000_000_000
"""2025-03-09 21:00 UTC: the first Sunday 17:00 New York after daylight saving began."""


def test_positions_count_from_the_opening_bar_and_wrap_over_the_weekend() -> None:
    """The week's first bar is 0, its last 479, and the next week begins at 0 again."""
    close_ns = random_bars(2 * WEEK_BARS)["close_ns"]

    positions = week_positions(close_ns, M15_NS)

    assert positions.tolist() == [*range(WEEK_BARS), *range(WEEK_BARS)]


@pytest.mark.parametrize("open_ns", [SUNDAY_OPEN_NS, SUMMER_OPEN_NS])
def test_daylight_saving_moves_no_position(open_ns: int) -> None:
    """Nine in the morning in New York is the same bar of the week in winter and in summer."""
    close_ns = np.array([open_ns + 16 * HOUR_NS + M15_NS])

    assert week_positions(close_ns, M15_NS).tolist() == [64]  # 16 h × 4 bars


def test_a_planted_season_is_found() -> None:
    """Busy hours that repeat every day come out with their factor, smoothed over five slots."""
    close_ns = random_bars(4 * WEEK_BARS)["close_ns"]
    slot = week_positions(close_ns, M15_NS) % 96
    is_busy = (slot >= 40) & (slot < 60)

    season = fit_seasonality(close_ns, np.where(is_busy, np.log(4.0), 0.0), M15_NS)

    assert season.factors[50] == pytest.approx(4.0)  # two slots around it are busy as well
    assert season.factors[10] == pytest.approx(1.0)
    assert season.factors[38] == pytest.approx(4.0**0.2)  # one of five slots, in logs


def test_a_weekday_is_shrunk_by_its_days() -> None:
    """Four Wednesdays of log 1.4 above the rest count 4 / (4 + 10) of what is left to explain."""
    close_ns = random_bars(4 * WEEK_BARS)["close_ns"]
    day = week_positions(close_ns, M15_NS) // 96

    season = fit_seasonality(
        close_ns, np.where(day == 2, 1.4, 0.0), M15_NS, open_prior_weeks=np.inf
    )

    # Time of day takes 1.4 / 5 = 0.28; Wednesday is 1.12 above it, the others 0.28 below.
    logs = np.log(season.factors)
    assert logs[2 * 96 + 50] == pytest.approx(0.28 + 1.12 * 4 / 14)
    assert logs[3 * 96 + 50] == pytest.approx(0.28 - 0.28 * 4 / 14)


def test_the_opening_bar_has_a_factor_of_its_own() -> None:
    """Four openings of log 2 above their slot count 4 / (4 + 4) of it."""
    close_ns = random_bars(4 * WEEK_BARS)["close_ns"]
    is_open = week_positions(close_ns, M15_NS) == 0

    season = fit_seasonality(
        close_ns, np.where(is_open, 2.0, 0.0), M15_NS, weekday_prior_days=np.inf
    )

    # The slot's mean is 2 / 5 = 0.4, smoothed over five slots 0.08; 1.92 is left.
    assert np.log(season.factors[0]) == pytest.approx(0.08 + 1.92 / 2)
    assert np.log(season.factors[96]) == pytest.approx(0.08)


def test_a_bar_of_the_week_has_a_factor_of_its_own_from_an_hour_on() -> None:
    """Four busy Wednesday hours count 4 / (4 + 4) of what day and hour leave; none on M15."""
    hour_ns = SUNDAY_OPEN_NS + HOUR_NS * np.array(
        [168 * week + hour + 1 for week in range(4) for hour in range(120)]
    )
    busy = np.where(week_positions(hour_ns, HOUR_NS) == 58, 2.4, 0.0)
    quarters = random_bars(4 * WEEK_BARS)["close_ns"]
    busy_quarters = np.where(week_positions(quarters, M15_NS) == 232, 2.4, 0.0)

    season = fit_seasonality(hour_ns, busy, HOUR_NS, weekday_prior_days=np.inf)
    fine = fit_seasonality(quarters, busy_quarters, M15_NS, weekday_prior_days=np.inf)

    # The hour of the day takes 2.4 / 5 = 0.48 of it, so 1.92 is left; the other days lose 0.48 / 2.
    assert np.log(season.factors[58]) == pytest.approx(0.48 + 1.92 * 4 / 8)
    assert np.log(season.factors[82]) == pytest.approx(0.48 - 0.48 * 4 / 8)
    assert fine.factors[232] == fine.factors[328]


def test_the_sum_ahead_goes_on_into_the_next_week() -> None:
    """After Friday's last bar comes the opening bar."""
    close_ns = random_bars(2 * WEEK_BARS)["close_ns"]
    is_open = week_positions(close_ns, M15_NS) == 0
    season = fit_seasonality(close_ns, np.where(is_open, 2.0, 0.0), M15_NS)

    ahead = season.ahead(4)

    assert ahead[WEEK_BARS - 1] == pytest.approx(season.factors[:4].sum())
    assert ahead[100] == pytest.approx(season.factors[101:105].sum())


def test_an_unfloored_variance_is_refused() -> None:
    """A bar without a range has no logarithm, and one of them would spoil a whole slot."""
    close_ns = random_bars(10)["close_ns"]

    with pytest.raises(ValueError, match="floor it first"):
        fit_seasonality(close_ns, np.full(10, -np.inf), M15_NS)
