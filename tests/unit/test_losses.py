"""Tables of losses, by hand."""

import numpy as np

from benchmarks.losses import Losses, cell, pooled, without_worst_days
from models.market.sessions import DAY_NS
from models.opinion.volatility_baselines import HAR_DESEASONALISED

TENTH_DAY_NS = DAY_NS // 10


def some_losses(har: list[float], other: list[float]) -> Losses:
    """Return two forecasts over days of two closes each."""
    close_ns = np.array([row // 2 * DAY_NS + row % 2 * TENTH_DAY_NS for row in range(len(har))])
    return Losses(close_ns, {HAR_DESEASONALISED: np.array(har), "other": np.array(other)})


def test_the_worst_day_is_that_of_the_yardstick() -> None:
    """The second day costs HAR 7 of 10; without it the other loses twice what HAR does."""
    losses = some_losses([1.0, 1.0, 6.0, 1.0, 0.5, 0.5], [2.0, 2.0, 0.0, 0.0, 1.0, 1.0])

    rest = without_worst_days({"EURUSD": losses})["EURUSD"]

    assert losses.worst_day() == np.datetime64("1970-01-02")
    assert losses.ratio("other") == 0.6  # 6 / 10
    assert rest.ratio("other") == 2.0  # 6 / 3
    assert len(rest.close_ns) == 4


def test_symbols_are_pooled_by_close() -> None:
    """A close that both have is one row with their mean, one that a single symbol has stays."""
    first, second = some_losses([1.0, 3.0], [1.0, 1.0]), some_losses([5.0], [2.0])

    both = pooled([first, second])

    assert both.by_name[HAR_DESEASONALISED].tolist() == [3.0, 3.0]  # (1 + 5) / 2, and 3
    assert both.by_name["other"].tolist() == [1.5, 1.0]


def test_a_forecast_that_is_the_yardstick_has_no_t() -> None:
    """What the gates publish where nothing is promoted is HAR itself: no difference, no error."""
    same = some_losses([1.0, 3.0], [1.0, 3.0])

    assert cell(same, "other", 1, 1) == "2.000 +0.0% (-)"
    assert cell(same, HAR_DESEASONALISED, 1, 1) == "2.000"
