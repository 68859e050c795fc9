"""A seeded, endless FX market.

Every currency has a log value; a symbol's bid is the exponential of a difference of two, rounded to
its digits, so crosses agree with their majors up to rounding. Prices are a function of the seed,
the first week and the week: they do not depend on what was asked before, and two processes get the
same bytes.

What is planted (`regimes.py`, `currencies.py`):

* trends, three quarters of the time, of 1.5 to 3 days: every currency drifts by 0.030 standard
  deviations a minute, most of them against the dollar. A symbol trends only if its two currencies
  drift apart, which is half of all time on the default symbols; the other trends cancel in it.
  The next trend of a week keeps its sides with a chance of 0.8.
* ranges of 0.5 to 1 day: half of a deviation from the range's start is taken back in 300 minutes.
* storms of 0.25 to 0.5 days: nothing but a random walk at 1.7 times the volatility.
* volatility by the hour in New York, in clusters, and after releases; a weekend gap; jumps at
  releases (`economy.py`), which leave nothing behind that prices have not taken at once.

How strong it is, measured with the rules of `models/opinion/signals.py` on M15, the default
symbols, 26 weeks, seeds 20250303, 11 and 12. Share of closes after which the first of two barriers
1.5 average true ranges away was the one that the rule named:

===================  ==================  ====================  ==================
rule                 symbol trends       symbol ranges         all closes
===================  ==================  ====================  ==================
side of the trend    0.67, 0.68, 0.67
SuperTrend M15       0.57, 0.59, 0.58    0.45, 0.44, 0.48      0.53, 0.54, 0.54
EMA 20 over EMA 50   0.61, 0.61, 0.61    0.45, 0.43, 0.44      0.55, 0.55, 0.54
trend score          0.61, 0.61, 0.60    0.47, 0.45, 0.48      0.55, 0.56, 0.55
reversion score      0.40, 0.39, 0.39    0.56, 0.58, 0.55      0.46, 0.45, 0.46
===================  ==================  ====================  ==================

So following pays, fading pays in ranges only, and MACD's histogram knows nothing (0.50). Voters
fitted on the four weeks before each week were right in 0.55, 0.54 and 0.53 of all closes, and in
0.59 of those, a fifth, to which they gave 0.58 or more.
"""

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.requests import CalendarEvent
from blackboard.errors import ConfigError
from config.system import SyntheticSection
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    from_market_clock_ns,
    is_open,
    market_clock_ns,
    next_week_open_ns,
)
from runtime.instants import iso, start_of_ns
from runtime.terminals.simulated.currencies import (
    TICKS_A_MINUTE,
    CurrencyWeek,
    FloatArray,
    World,
    draw_currency,
    draw_world,
)
from runtime.terminals.simulated.economy import Economy
from runtime.terminals.simulated.regimes import WEEK_MINUTES, Regime
from runtime.terminals.simulated.source import (
    ENDLESS_NS,
    MINUTE_DTYPE,
    MinuteArray,
    SymbolTraits,
)
from runtime.terminals.simulated.spreads import release_widening, usual_spread_points
from runtime.terminals.simulated.traits import dollars_per, traits_of

WEEKS_CACHED_MAX: Final = 12
"""Weeks whose minutes are kept in memory; older ones are made again when asked for."""
CURRENCY_WEEKS_CACHED_MAX: Final = 24
"""Paths of a week and currency that are kept, of half a megabyte each."""
HOME_PULL: Final = 0.01
"""Share of a currency's distance from its usual level that each week takes back."""
EARLIEST_START_NS: Final = 946_684_800_000_000_000
"""2000-01-01; weeks are counted from 1970, and the history must not reach before it."""

_EPOCH_MONDAY: Final = 4  # 1970-01-05, in days
_TICKS_USUAL: Final = 20.0  # a minute at average activity
_SPREAD_JITTER: Final = 0.08


class Episode(NamedTuple):
    """What is planted in a symbol for a while; for judging rules, not for trading."""

    regime: Regime
    from_ns: int
    until_ns: int
    direction: float
    """Drift of base over quote in units of `TREND_RATE`: near 0 where both drift alike."""


class SyntheticMarket:
    """The synthetic market as a `MarketSource`.

    Parameters
    ----------
    symbols : tuple of str
        Six-letter names; which ones are asked for changes no price.
    section : SyntheticSection
        Seed, start and length of the history.

    Raises
    ------
    ConfigError
        If a symbol is no pair of currencies or the start is no instant; names all of them.
    """

    def __init__(self, symbols: tuple[str, ...], section: SyntheticSection) -> None:
        self._traits, self.start_ns = _checked(symbols, section)
        self._by_name = {traits.name: traits for traits in self._traits}
        self._currencies = sorted(
            {code for one in self._traits for code in (one.currency_base, one.currency_profit)}
        )
        self._seed = section.seed
        self._economy = Economy(section.seed)
        self._first_week = week_of(self.start_ns) - section.history_weeks
        self._home = np.array([math.log(dollars_per(code)) for code in self._currencies])
        # Levels before each week from the first on: the one thing that grows, 50 bytes a week.
        self._levels = [self._home]
        self._currency_week = lru_cache(CURRENCY_WEEKS_CACHED_MAX)(self._make_currency_week)
        self._world = lru_cache(WEEKS_CACHED_MAX)(self._make_world)
        self._surprises = lru_cache(WEEKS_CACHED_MAX)(self._economy.week)
        self._symbol_week = lru_cache(WEEKS_CACHED_MAX * len(symbols))(self._make_symbol_week)

    @property
    def end_ns(self) -> int:
        """There is no end."""
        return ENDLESS_NS

    @property
    def has_calendar(self) -> bool:
        """It publishes its own calendar."""
        return True

    @property
    def first_ns(self) -> int:
        """Open of the first week there is."""
        return open_of_week_ns(self._first_week)

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol, in the order in which they were asked for."""
        return self._traits

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return all minutes with ``from_ns <= open_ns < until_ns``; the weekend has none."""
        traits = self._by_name[symbol]
        parts = []
        for week in self._weeks_of(from_ns, until_ns):
            minutes = self._symbol_week(week, traits.name)
            first, last = np.searchsorted(minutes["open_ns"], (from_ns, until_ns))
            parts.append(minutes[first:last])
        if len(parts) == 1:
            return parts[0]
        return _read_only(np.concatenate([np.empty(0, dtype=MINUTE_DTYPE), *parts]))

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the releases of the symbols' currencies scheduled in [from_ns, until_ns)."""
        return tuple(
            surprise.event
            for week in self._weeks_of(from_ns, until_ns)
            for surprise in self._surprises(week)
            if surprise.event.currency in self._currencies
            and from_ns <= surprise.event.scheduled_ns < until_ns
        )

    def episodes(self, symbol: str, from_ns: int, until_ns: int) -> tuple[Episode, ...]:
        """Return what is planted in a symbol within [from_ns, until_ns), in order."""
        traits = self._by_name[symbol]
        found = []
        for week in self._weeks_of(from_ns, until_ns):
            open_ns = open_of_week_ns(week)
            base = self._currency_week(week, traits.currency_base).directions
            profit = self._currency_week(week, traits.currency_profit).directions
            for row, spell in enumerate(self._world(week).spells):
                start_ns = max(open_ns + spell.from_minute * MINUTE_NS, from_ns)
                end_ns = min(open_ns + spell.until_minute * MINUTE_NS, until_ns)
                if start_ns < end_ns:
                    direction = base[row] - profit[row]
                    found.append(Episode(spell.regime, start_ns, end_ns, direction))
        return tuple(found)

    def _weeks_of(self, from_ns: int, until_ns: int) -> range:
        if until_ns <= from_ns:
            return range(0)
        first = max(week_of(max(from_ns, self.first_ns)), self._first_week)
        return range(first, week_of(until_ns - 1) + 1)

    def _level(self, week: int) -> FloatArray:
        # Log values before a week's gap; each week's move and pull lead to the next.
        while len(self._levels) <= week - self._first_week:
            latest = self._levels[-1]
            done = self._first_week + len(self._levels) - 1
            moves = [self._currency_week(done, code).path[-1] for code in self._currencies]
            self._levels.append(latest + moves - HOME_PULL * (latest - self._home))
        return self._levels[week - self._first_week]

    def _make_world(self, week: int) -> World:
        return draw_world(self._seed, week)

    def _make_currency_week(self, week: int, currency: str) -> CurrencyWeek:
        open_ns = open_of_week_ns(week)
        surprises = [
            ((surprise.event.scheduled_ns - open_ns) // MINUTE_NS, surprise)
            for surprise in self._surprises(week)
            if surprise.event.currency == currency
        ]
        return draw_currency(self._seed, week, currency, self._world(week), surprises)

    def _make_symbol_week(self, week: int, symbol: str) -> MinuteArray:
        traits = self._by_name[symbol]
        base = self._currency_week(week, traits.currency_base)
        profit = self._currency_week(week, traits.currency_profit)
        minutes = np.empty(WEEK_MINUTES, dtype=MINUTE_DTYPE)
        open_ns = open_of_week_ns(week)
        minutes["open_ns"] = open_ns + np.arange(WEEK_MINUTES) * MINUTE_NS
        ticks = self._ticks(week, traits, base, profit)
        minutes["open"], minutes["close"] = ticks[:, 0], ticks[:, -1]
        minutes["high"], minutes["low"] = ticks.max(axis=1), ticks.min(axis=1)
        generator = np.random.default_rng([self._seed, week, int.from_bytes(symbol.encode())])
        activity = np.maximum(base.activity, profit.activity)
        minutes["tick_volume"] = 1 + generator.poisson(_TICKS_USUAL * activity)
        jitter = 1.0 + _SPREAD_JITTER * generator.standard_normal(WEEK_MINUTES)
        spread = self._usual_spread(week, traits, minutes["open_ns"]) * jitter
        minutes["spread_points"] = np.maximum(np.rint(spread), 1.0)
        return _read_only(minutes)

    def _usual_spread(
        self, week: int, traits: SymbolTraits, open_ns: NDArray[np.int64]
    ) -> FloatArray:
        own = (traits.currency_base, traits.currency_profit)
        events = [one.event for one in self._surprises(week) if one.event.currency in own]
        return usual_spread_points(traits.name, open_ns) * release_widening(events, open_ns)

    def _ticks(
        self, week: int, traits: SymbolTraits, base: CurrencyWeek, profit: CurrencyWeek
    ) -> FloatArray:
        level, home = self._level(week), self._home
        pulls = HOME_PULL * (level - home)
        row_base = self._currencies.index(traits.currency_base)
        row_profit = self._currencies.index(traits.currency_profit)
        log_price = base.path - profit.path
        log_price += level[row_base] - level[row_profit]
        pull = pulls[row_base] - pulls[row_profit]
        log_price -= pull * (np.arange(1, len(log_price) + 1) / len(log_price))
        prices: FloatArray = np.exp(log_price).round(traits.digits)
        return prices.reshape(WEEK_MINUTES, TICKS_A_MINUTE)


def week_of(ts_ns: int) -> int:
    """Return the week that holds an instant, counted from the first Monday of 1970.

    The weekend belongs to the week before it.
    """
    return (market_clock_ns(ts_ns) // DAY_NS - _EPOCH_MONDAY) // 7


def open_of_week_ns(week: int) -> int:
    """Return the Sunday 17:00 New York with which a week of `week_of` begins."""
    return from_market_clock_ns((7 * week + _EPOCH_MONDAY) * DAY_NS)


def _read_only(minutes: MinuteArray) -> MinuteArray:
    minutes.flags.writeable = False
    return minutes


def _checked(
    symbols: tuple[str, ...], section: SyntheticSection
) -> tuple[tuple[SymbolTraits, ...], int]:
    problems, traits = [], []
    for symbol in symbols:
        try:
            traits.append(traits_of(symbol))
        except ValueError as wrong:
            problems.append(f"symbols: {wrong}")
    try:
        start_ns = _first_open_ns(start_of_ns(section.start))
    except ValueError as wrong:
        problems.append(f"market.synthetic.start {wrong}")
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(traits), start_ns


def _first_open_ns(ts_ns: int) -> int:
    if ts_ns < EARLIEST_START_NS:
        raise ValueError(f"must not be before {iso(EARLIEST_START_NS)}, was {iso(ts_ns)}")
    return ts_ns if is_open(ts_ns) else next_week_open_ns(ts_ns)
