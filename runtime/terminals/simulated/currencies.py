"""One currency's week: the path of its log value, made tick by tick from the seed and the week.

A symbol's price is the exponential of the difference of two such paths, so every cross agrees with
its majors. What a week does to a currency depends on the seed, the week and the currency's name,
never on what came before, except for the slow pull of its level (see `synthetic.py`).
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blackboard.facts.news import Impact
from runtime.terminals.simulated.economy import Surprise
from runtime.terminals.simulated.regimes import (
    MINUTES_A_DAY,
    VOLATILITY,
    WEEK_MINUTES,
    Regime,
    Spell,
    draw_spells,
)

FloatArray = NDArray[np.float64]

TICKS_A_MINUTE: Final = 6
"""Ticks behind a minute's open, high, low and close."""
TREND_RATE: Final = 0.030
"""Drift of a trend a minute, in standard deviations of the minute."""
TREND_RATE_JITTER: Final = 0.2
"""Largest relative departure of a currency's drift from the rate."""
AGAINST_DOLLAR_SHARE: Final = 0.75
"""Chance that a currency drifts against the dollar in a trend, rather than with it."""
RESUME_SHARE: Final = 0.8
"""Chance that the next trend of the week keeps a side without drawing it anew."""
REVERSION_HALF_LIFE_MIN: Final = 300.0
"""Minutes in which a range takes back half of a deviation."""
GAP_ANNUAL_SHARE: Final = 0.02
"""Standard deviation of the weekend's jump, as a share of the annual volatility."""

_ANNUAL_VOLATILITY: Final = {
    "AUD": 0.052,
    "CAD": 0.038,
    "CHF": 0.042,
    "EUR": 0.040,
    "GBP": 0.044,
    "JPY": 0.049,
    "NZD": 0.053,
    "USD": 0.042,
    "XAG": 0.25,
    "XAU": 0.14,
}
# Of the noise alone: trends add to it. A pair of two such currencies moves 7 to 9 % a year.
_ANNUAL_VOLATILITY_ELSE: Final = 0.055
_WEEKS_A_YEAR: Final = 52

# By hour of the market clock: 17:00, 18:00, ... 16:00 New York, linear in between.
_VOLATILITY_BY_HOUR: Final = np.array([
    0.45, 0.50, 0.62, 0.75, 0.75, 0.65, 0.60, 0.58, 0.65, 0.95, 1.35, 1.30,
    1.10, 1.00, 1.10, 1.50, 1.70, 1.70, 1.45, 1.10, 0.95, 0.95, 0.85, 0.65,
])  # fmt: skip
_ASIAN: Final = frozenset({"AUD", "JPY", "NZD"})
_ASIAN_HOURS: Final = slice(2, 9)
_ASIAN_FACTOR: Final = 1.4

_CLUSTER_STEP_MIN: Final = 15
_CLUSTER_HALF_LIFE_MIN: Final = 240.0
_CLUSTER_SD: Final = 0.22  # of log volatility, of the world and of each currency
_WEEKLY_SD: Final = 0.15  # of log volatility, between weeks, of the world

_EVENT_VOLATILITY: Final = {Impact.HIGH: 3.0, Impact.MEDIUM: 1.0, Impact.LOW: 0.0}
_EVENT_VOLATILITY_LIFE_MIN: Final = 20.0

_WORLD_STREAM: Final = 0


class World(NamedTuple):
    """What all currencies share in a week."""

    spells: tuple[Spell, ...]
    dollar_sides: tuple[float, ...]
    """Side on which the dollar drifts in each spell, +1 or −1; it counts in trends only."""
    log_volatility: FloatArray
    """Of shape (WEEK_MINUTES,): regimes and clusters, without the time of day."""


class CurrencyWeek(NamedTuple):
    """A currency's week, relative to its level before the weekend."""

    path: FloatArray
    """Log value after each tick, of shape (WEEK_MINUTES * TICKS_A_MINUTE,)."""
    directions: tuple[float, ...]
    """Drift of each spell in units of `TREND_RATE`, 0 outside trends."""
    activity: FloatArray
    """Standard deviation of each minute over its average, of shape (WEEK_MINUTES,)."""


def draw_world(seed: int, week: int) -> World:
    """Return what all currencies share in a week."""
    generator = np.random.default_rng([seed, week, _WORLD_STREAM])
    spells = draw_spells(generator)
    dollar_sides = _draw_sides(generator, len(spells), 0.5)
    # Two weeks share the knot between them, so volatility does not jump over the weekend.
    knots = [_weekly_knot(seed, week), _weekly_knot(seed, week + 1)]
    log_volatility = np.linspace(knots[0], knots[1], WEEK_MINUTES) + _clusters(generator)
    for spell in spells:
        log_volatility[spell.minutes] += math.log(VOLATILITY[spell.regime])
    return World(spells, dollar_sides, log_volatility)


def draw_currency(
    seed: int, week: int, currency: str, world: World, surprises: list[tuple[int, Surprise]]
) -> CurrencyWeek:
    """Return a currency's week.

    Parameters
    ----------
    seed, week, currency
        What names the random stream.
    world : World
        Of the same seed and week.
    surprises : list of (int, Surprise)
        The currency's own releases with the minute of the week in which they come.
    """
    generator = np.random.default_rng([seed, week, int.from_bytes(currency.encode())])
    gap = float(generator.standard_normal())
    directions = _draw_directions(generator, currency, world)
    annual = _ANNUAL_VOLATILITY.get(currency, _ANNUAL_VOLATILITY_ELSE)
    activity = _by_time_of_day(currency) * np.exp(world.log_volatility + _clusters(generator))
    excitement = _excitement(surprises)
    sigma = annual / math.sqrt(_WEEKS_A_YEAR * WEEK_MINUTES) * activity
    noise = generator.standard_normal((WEEK_MINUTES, TICKS_A_MINUTE))
    noise *= (sigma * excitement / math.sqrt(TICKS_A_MINUTE))[:, np.newaxis]
    steps = _moved(noise, sigma, world.spells, directions)
    for minute, surprise in surprises:
        steps[minute, 1] += surprise.jump  # not in the first tick, so that the open is before it
    steps[0, 0] += gap * annual * GAP_ANNUAL_SHARE
    return CurrencyWeek(np.cumsum(steps.ravel()), directions, activity * excitement)


def _draw_directions(
    generator: np.random.Generator, currency: str, world: World
) -> tuple[float, ...]:
    against = _draw_sides(generator, len(world.spells), AGAINST_DOLLAR_SHARE)
    jitter = TREND_RATE_JITTER * generator.uniform(-1.0, 1.0, len(world.spells))
    return tuple(
        0.0
        if spell.regime is not Regime.TREND
        else (1.0 + float(change)) * dollar * (1.0 if currency == "USD" else -side)
        for spell, dollar, side, change in zip(
            world.spells, world.dollar_sides, against, jitter, strict=True
        )
    )


def _draw_sides(generator: np.random.Generator, count: int, up_share: float) -> tuple[float, ...]:
    sides: list[float] = []
    for turn, choice in generator.random((count, 2)).tolist():
        fresh = 1.0 if choice < up_share else -1.0
        sides.append(sides[-1] if sides and turn < RESUME_SHARE else fresh)
    return tuple(sides)


def _moved(
    noise: FloatArray, sigma: FloatArray, spells: tuple[Spell, ...], directions: tuple[float, ...]
) -> FloatArray:
    # Turn the noise of a week into the steps that each regime makes of it.
    steps = noise.copy()
    for spell, direction in zip(spells, directions, strict=True):
        rows = spell.minutes
        if spell.regime is Regime.TREND:
            drift = TREND_RATE * direction / TICKS_A_MINUTE * sigma[rows]
            steps[rows] += drift[:, np.newaxis]
        elif spell.regime is Regime.RANGE:
            deviation = _decayed_sum(noise[rows].ravel(), REVERSION_HALF_LIFE_MIN * TICKS_A_MINUTE)
            steps[rows] = np.diff(deviation, prepend=0.0).reshape(-1, TICKS_A_MINUTE)
    return steps


def _decayed_sum(shocks: FloatArray, half_life: float) -> FloatArray:
    # x[t] = x[t-1] * 2**(-1/half_life) + shocks[t] without a loop. The growth factor is bounded
    # by the caller: at most 2880 minutes of a range over 300, or 480 cluster steps over 16.
    growth = np.exp2(np.arange(len(shocks)) / half_life)
    return np.cumsum(shocks * growth) / growth


def _clusters(generator: np.random.Generator) -> FloatArray:
    # A stationary first-order autoregression, constant within a step, of mean square effect 1.
    steps = WEEK_MINUTES // _CLUSTER_STEP_MIN
    half_life = _CLUSTER_HALF_LIFE_MIN / _CLUSTER_STEP_MIN
    shocks = _CLUSTER_SD * generator.standard_normal(steps)
    shocks[1:] *= math.sqrt(1.0 - 2.0 ** (-2.0 / half_life))
    return np.repeat(_decayed_sum(shocks, half_life) - _CLUSTER_SD**2, _CLUSTER_STEP_MIN)


def _weekly_knot(seed: int, week: int) -> float:
    generator = np.random.default_rng([seed, week, _WORLD_STREAM, _WORLD_STREAM])
    return _WEEKLY_SD * float(generator.standard_normal())


def _by_time_of_day(currency: str) -> FloatArray:
    by_hour = _VOLATILITY_BY_HOUR.copy()
    if currency in _ASIAN:
        by_hour[_ASIAN_HOURS] *= _ASIAN_FACTOR
    by_hour /= math.sqrt(float(np.mean(by_hour**2)))
    minutes = np.arange(MINUTES_A_DAY) / 60.0
    day = np.interp(minutes, np.arange(24) + 0.5, by_hour, period=24.0)
    return np.tile(day, WEEK_MINUTES // MINUTES_A_DAY)


def _excitement(surprises: list[tuple[int, Surprise]]) -> FloatArray:
    # Factor of releases on the volatility: it jumps with them and fades.
    excitement = np.ones(WEEK_MINUTES)
    for minute, surprise in surprises:
        age_min = np.arange(WEEK_MINUTES - minute)
        size = _EVENT_VOLATILITY[surprise.event.impact]
        lifted = 1.0 + size * np.exp(-age_min / _EVENT_VOLATILITY_LIFE_MIN)
        excitement[minute:] = np.maximum(excitement[minute:], lifted)
    return excitement
