"""The weather of the synthetic market: which regime rules which minutes of a week.

All currencies share one regime at a time, a Markov chain of three kinds. Each week starts afresh
from the chain's usual shares, so a week can be known without the weeks before it.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from models.market.sessions import TRADING_WEEK_DAYS

MINUTES_A_DAY: Final = 1440
WEEK_MINUTES: Final = TRADING_WEEK_DAYS * MINUTES_A_DAY


class Regime(StrEnum):
    """How prices move for a while."""

    TREND = "trend"
    """Each currency keeps a drift of its own, up or down."""
    RANGE = "range"
    """Each currency is pulled back to where it was when the regime began."""
    STORM = "storm"
    """A random walk at high volatility."""


class Spell(NamedTuple):
    """One uninterrupted stay in a regime, in minutes since the week's open."""

    regime: Regime
    from_minute: int
    until_minute: int

    @property
    def minutes(self) -> slice:
        """Rows of a week's minutes."""
        return slice(self.from_minute, self.until_minute)


VOLATILITY: Final = {Regime.TREND: 1.0, Regime.RANGE: 0.9, Regime.STORM: 1.7}
"""Factor of a regime on the volatility."""

_Choices = tuple[tuple[Regime, float], ...]  # kinds and their chances, which sum to 1

_DAYS: Final = {Regime.TREND: (1.5, 3.0), Regime.RANGE: (0.5, 1.0), Regime.STORM: (0.25, 0.5)}
# Shortest and longest stay; the weekend cuts whatever is left.
_FIRST: Final[_Choices] = ((Regime.TREND, 0.82), (Regime.RANGE, 0.12), (Regime.STORM, 0.06))
_NEXT: Final[dict[Regime, _Choices]] = {
    Regime.TREND: ((Regime.RANGE, 0.65), (Regime.STORM, 0.35)),
    Regime.RANGE: ((Regime.TREND, 0.85), (Regime.STORM, 0.15)),
    Regime.STORM: ((Regime.TREND, 0.8), (Regime.RANGE, 0.2)),
}


def draw_spells(generator: np.random.Generator) -> tuple[Spell, ...]:
    """Return the spells of one week, without gaps from its first minute to its last."""
    spells: list[Spell] = []
    minute = 0
    choices: _Choices = _FIRST
    while minute < WEEK_MINUTES:
        regime = _draw(choices, float(generator.random()))
        shortest, longest = _DAYS[regime]
        days = shortest + (longest - shortest) * float(generator.random())
        until = min(minute + round(days * MINUTES_A_DAY), WEEK_MINUTES)
        spells.append(Spell(regime, minute, until))
        minute, choices = until, _NEXT[regime]
    return tuple(spells)


def _draw(choices: _Choices, uniform: float) -> Regime:
    for regime, share in choices[:-1]:
        if uniform < share:
            return regime
        uniform -= share
    return choices[-1][0]
