"""What terms of exit are worth on random walks, where the answer is known.

A walk without drift is a fair game: no way of leaving it earns or loses anything. With a drift the
trade was chosen for its stop and target, and every measure that ends it earlier gives some of the
expected value away, for less risk. Costs are left out.
"""

from typing import NamedTuple

import numpy as np
import pytest
from numba import njit

from config.settings import Settings
from models.decision.exits import UNAGREED, ExitTerms, is_time_up
from models.decision.jump import RANGE_PER_SIGMA
from models.decision.trailing import Levels, Stake, tended_stop

SIGMA = 0.001
"""Standard deviation of a bar."""
STEPS = 30
"""Steps of a bar; a finer walk overshoots its stops less."""
PERIOD_BARS = 22
"""Bars of the chandelier's highest high."""
DRIFT = 0.02
"""Drift of a bar in its standard deviations; stop and target then earn a quarter of the risk."""
TRADES = 12_000
STOP_ATR, TARGET_R, BARS_MAX = 2.5, 3.0, 5000

pytestmark = pytest.mark.slow


class Result(NamedTuple):
    """What trades came to, in units of the risk at the stop."""

    mean_r: float
    deviation_r: float


@njit(cache=False)
def trade(drift: float, terms: ExitTerms, rng: np.random.Generator) -> float:
    """Return the R of one long that is opened on a walk and left by its terms."""
    step, atr = SIGMA / STEPS**0.5, RANGE_PER_SIGMA * SIGMA
    risk, price = STOP_ATR * atr, 1.0
    highs = np.zeros(PERIOD_BARS)
    for bar in range(PERIOD_BARS):
        highs[bar] = price
        for _ in range(STEPS):
            price += step * rng.normal()
            highs[bar] = max(highs[bar], price)
    opened, stop = price, price - risk
    for bar in range(BARS_MAX):
        high = price
        for _ in range(STEPS):
            price += drift * SIGMA / STEPS + step * rng.normal()
            high = max(high, price)
            if price <= stop:
                return (stop - opened) / risk
            if price >= opened + TARGET_R * risk:
                return TARGET_R
        highs[bar % PERIOD_BARS] = high
        if is_time_up(bar + 1, terms.hold_bars_max):
            break
        level = highs.max() - 3.0 * atr
        levels = Levels(price, price, 0.0, 1e-6, atr, level, 0.0, 3.0, 0.0, 0.0)
        stop, _ = tended_stop(Stake(1, opened, stop, risk), terms, levels)
    return (price - opened) / risk


def traded(drift: float, terms: ExitTerms) -> Result:
    """Return what many trades came to."""
    rng = np.random.default_rng(1)
    earned_r = np.array([trade(drift, terms, rng) for _ in range(TRADES)])
    return Result(float(earned_r.mean()), float(earned_r.std()))


UNTENDED = UNAGREED._replace(trail_from_r=1e9)
"""Stop and target alone."""


def defaults() -> ExitTerms:
    """Return the terms of the default settings, as far as prices decide them."""
    exits = Settings().trading.exits
    return UNAGREED._replace(
        break_even_r=exits.break_even_r,
        trail_from_r=exits.trail_from_r,
        trail_multiplier=3.0,
        hold_bars_max=exits.hold_bars_max,
    )


@pytest.mark.parametrize("trail_from_r", [0.0, 1.0, 2.0, 1e9])
@pytest.mark.parametrize("break_even_r", [0.0, 1.0])
def test_no_terms_earn_anything_in_a_fair_game(trail_from_r: float, break_even_r: float) -> None:
    """Within three standard errors and what a walk in steps overshoots, 0.03 R."""
    terms = UNAGREED._replace(
        break_even_r=break_even_r, trail_from_r=trail_from_r, hold_bars_max=192
    )

    found = traded(0.0, terms)

    assert abs(found.mean_r) < 3.0 * found.deviation_r / TRADES**0.5 + 0.03


def test_the_later_a_stop_trails_the_more_expected_value_is_left() -> None:
    """Of what stop and target earn about 41 % from the entry on, 65 % from 1 R, 76 % by default."""
    whole = traded(DRIFT, UNTENDED)
    default = defaults()
    shares = [
        traded(DRIFT, terms).mean_r / whole.mean_r
        for terms in (
            UNAGREED,
            default._replace(break_even_r=0.0, trail_from_r=1.0),
            default,
        )
    ]

    assert shares == pytest.approx([0.41, 0.65, 0.76], abs=0.1)
    assert shares == sorted(shares)


def test_default_exits_lower_the_risk_of_a_trade() -> None:
    """Their results scatter less than those of stop and target alone."""
    assert traded(DRIFT, defaults()).deviation_r < 0.9 * traded(DRIFT, UNTENDED).deviation_r
