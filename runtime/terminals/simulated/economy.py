"""The synthetic market's own economic calendar: what is released when, and how far it moves prices.

Releases follow the habits of the real ones (payrolls on the first Friday at 08:30 New York, rate
decisions every six weeks), but the statistics are invented. A release surprises by z standard
deviations; its currency jumps in the direction the statistic implies, with correlation
`JUMP_SHARE`. Prices take the whole jump at once: nothing is left to earn for who reads the number.
"""

import math
from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np

from agents.requests import CalendarEvent
from blackboard.facts.news import Impact
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, from_market_clock_ns
from runtime.terminals.simulated.traits import RATES_PERCENT

JUMP_SHARE: Final = 0.8
"""Correlation of a jump with the surprise behind it."""

_EPOCH_MONDAY: Final = date(1970, 1, 5)
_EPOCH_MONDAY_NS: Final = 4 * DAY_NS
_NEW_YORK_TO_MARKET_HOURS: Final = 7
_MON, _TUE, _WED, _THU, _FRI = range(5)
_HIGH, _MEDIUM = Impact.HIGH, Impact.MEDIUM


class Figure(NamedTuple):
    """A statistic as text: ``typical`` ± ``spread`` of forecasts, surprises of deviation ``sd``."""

    typical: float
    spread: float
    sd: float
    decimals: int
    unit: str
    sign: int = 1
    """−1 where a higher figure weakens the currency."""


class Release(NamedTuple):
    """Something published again and again; time and weekday are New York's."""

    currency: str
    title: str
    impact: Impact
    jump_bp: float
    """Standard deviation of the currency's jump in basis points."""
    weekday: int
    hour: int
    minute: int
    nth: int = 0
    """Which such weekday of the month, 1..4; 0 if it is not monthly."""
    every_weeks: int = 0
    """Weeks from one to the next where it is not monthly."""
    phase: int = 0
    figure: Figure | None = None
    """None for a rate decision, whose figure is the rate itself and no surprise."""

    def falls_in(self, week: int) -> bool:
        """Whether the week, counted from the first Monday of 1970, holds it."""
        if self.every_weeks:
            return week % self.every_weeks == self.phase
        day = _EPOCH_MONDAY + timedelta(days=7 * week + self.weekday)
        return (day.day - 1) // 7 + 1 == self.nth


class Surprise(NamedTuple):
    """A release that happens: the event as published, and what it does to its currency."""

    event: CalendarEvent
    jump: float
    """Change of the currency's log value."""


_CPI = Figure(0.2, 0.1, 0.1, 1, "%")
_PMI = Figure(50.5, 1.5, 0.9, 1, "")
_SALES = Figure(0.3, 0.3, 0.5, 1, "%")

RELEASES: Final = (
    Release("USD", "Non-Farm Employment Change", _HIGH, 18.0, _FRI, 8, 30, nth=1,
            figure=Figure(165.0, 25.0, 65.0, 0, "K")),
    Release("USD", "CPI m/m", _HIGH, 14.0, _WED, 8, 30, nth=2, figure=_CPI),
    Release("USD", "Federal Funds Rate", _HIGH, 15.0, _WED, 14, 0, every_weeks=6, phase=2),
    Release("USD", "ISM Manufacturing PMI", _MEDIUM, 4.0, _MON, 10, 0, nth=1, figure=_PMI),
    Release("USD", "Retail Sales m/m", _HIGH, 7.0, _FRI, 8, 30, nth=3, figure=_SALES),
    Release("USD", "Unemployment Claims", _MEDIUM, 2.5, _THU, 8, 30, every_weeks=1,
            figure=Figure(225.0, 6.0, 9.0, 0, "K", -1)),
    Release("EUR", "Main Refinancing Rate", _HIGH, 13.0, _THU, 8, 15, every_weeks=6, phase=3),
    Release("EUR", "CPI Flash Estimate y/y", _HIGH, 6.0, _TUE, 5, 0, nth=1,
            figure=Figure(2.2, 0.1, 0.1, 1, "%")),
    Release("EUR", "Flash Manufacturing PMI", _MEDIUM, 4.0, _THU, 4, 0, nth=4, figure=_PMI),
    Release("EUR", "ZEW Economic Sentiment", _MEDIUM, 2.5, _TUE, 5, 0, nth=2,
            figure=Figure(18.0, 6.0, 6.0, 1, "")),
    Release("GBP", "Official Bank Rate", _HIGH, 14.0, _THU, 7, 0, every_weeks=6, phase=0),
    Release("GBP", "CPI y/y", _HIGH, 9.0, _WED, 2, 0, nth=3,
            figure=Figure(2.7, 0.2, 0.15, 1, "%")),
    Release("GBP", "Claimant Count Change", _MEDIUM, 4.0, _TUE, 2, 0, nth=2,
            figure=Figure(10.0, 8.0, 9.0, 1, "K", -1)),
    Release("GBP", "Retail Sales m/m", _MEDIUM, 4.0, _FRI, 2, 0, nth=3, figure=_SALES),
    Release("JPY", "BOJ Policy Rate", _HIGH, 15.0, _THU, 23, 0, every_weeks=6, phase=4),
    Release("JPY", "National Core CPI y/y", _MEDIUM, 3.0, _THU, 19, 30, nth=3,
            figure=Figure(2.6, 0.2, 0.1, 1, "%")),
    Release("AUD", "Cash Rate", _HIGH, 13.0, _TUE, 0, 30, every_weeks=6, phase=1),
    Release("AUD", "Employment Change", _HIGH, 9.0, _WED, 20, 30, nth=3,
            figure=Figure(22.0, 10.0, 18.0, 1, "K")),
    Release("AUD", "CPI q/q", _MEDIUM, 5.0, _TUE, 20, 30, every_weeks=13, phase=4,
            figure=Figure(0.8, 0.2, 0.2, 1, "%")),
    Release("CAD", "Overnight Rate", _HIGH, 12.0, _WED, 9, 45, every_weeks=6, phase=5),
    Release("CAD", "Employment Change", _HIGH, 10.0, _FRI, 8, 30, nth=1,
            figure=Figure(18.0, 8.0, 25.0, 1, "K")),
    Release("CAD", "CPI m/m", _HIGH, 8.0, _TUE, 8, 30, nth=3, figure=_CPI),
    Release("CHF", "SNB Policy Rate", _HIGH, 14.0, _THU, 3, 30, every_weeks=13, phase=7),
    Release("CHF", "CPI m/m", _MEDIUM, 4.0, _TUE, 2, 30, nth=1, figure=_CPI),
    Release("NZD", "Official Cash Rate", _HIGH, 14.0, _TUE, 21, 0, every_weeks=7, phase=3),
    Release("NZD", "Employment Change q/q", _HIGH, 9.0, _TUE, 16, 45, every_weeks=13, phase=5,
            figure=Figure(0.3, 0.2, 0.3, 1, "%")),
)  # fmt: skip
"""Every release, in the order in which their surprises are drawn; append only."""


class Economy:
    """All releases of a seed, by week."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def week(self, week: int) -> tuple[Surprise, ...]:
        """Return a week's surprises by time, then currency, then title.

        Parameters
        ----------
        week : int
            Counted from the first Monday of 1970, on the market's clock.
        """
        generator = np.random.default_rng([self._seed, week, _STREAM])
        # Drawn for every release, so that the table's growth at its end moves no earlier draw.
        draws = generator.standard_normal((len(RELEASES), 3)).tolist()
        surprises = [
            _surprise(release, week, *draw)
            for release, draw in zip(RELEASES, draws, strict=True)
            if release.falls_in(week)
        ]
        return tuple(sorted(surprises, key=_order))


_STREAM: Final = 1
"""Number of the calendar's random stream; currencies have the letters of their names."""


def _order(surprise: Surprise) -> tuple[int, str, str]:
    event = surprise.event
    return event.scheduled_ns, event.currency, event.title


def _surprise(
    release: Release, week: int, consensus: float, shock: float, noise: float
) -> Surprise:
    forecast, actual, deviations = _figures(release, consensus, shock)
    event = CalendarEvent(
        currency=release.currency,
        title=release.title,
        impact=release.impact,
        scheduled_ns=_scheduled_ns(release, week),
        actual=actual,
        forecast=forecast,
    )
    own = math.sqrt(1.0 - JUMP_SHARE**2)
    return Surprise(event, release.jump_bp * 1e-4 * (JUMP_SHARE * deviations + own * noise))


def _figures(release: Release, consensus: float, shock: float) -> tuple[str, str, float]:
    figure = release.figure
    if figure is None:
        rate = f"{RATES_PERCENT[release.currency]:.2f}%"
        return rate, rate, shock
    forecast = round(figure.typical + figure.spread * consensus, figure.decimals)
    actual = round(forecast + figure.sd * shock, figure.decimals)
    texts = [f"{value:.{figure.decimals}f}{figure.unit}" for value in (forecast, actual)]
    return texts[0], texts[1], figure.sign * (actual - forecast) / figure.sd


def _scheduled_ns(release: Release, week: int) -> int:
    market_ns = (
        _EPOCH_MONDAY_NS
        + (7 * week + release.weekday) * DAY_NS
        + (release.hour + _NEW_YORK_TO_MARKET_HOURS) * HOUR_NS
        + release.minute * MINUTE_NS
    )
    return from_market_clock_ns(market_ns)
