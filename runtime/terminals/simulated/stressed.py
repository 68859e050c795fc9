"""A market made worse on purpose: a `MarketSource` over another one.

Gaps and crashes strike currencies, so all their symbols jump together; which, when and how far is
a function of the seed and the week. Nothing before the source's start is touched but by the factor
on moves, which holds for the history too: opinions are formed on the same market that is traded.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from agents.requests import CalendarEvent
from config.system import StressSection
from models.market.distortion import Prices, Shock, amplified, crash_share, crashed, gapped
from models.market.sessions import DAY_NS, WEEK_NS, next_week_open_ns, week_close_ns, week_open_ns
from runtime.terminals.simulated.source import MarketSource, MinuteArray, SymbolTraits

GAP: Final = 0
CRASH: Final = 1
_LOOKBACK_NS: Final = 5 * DAY_NS
_CRASH_LEAD_NS: Final = DAY_NS
WEEKS_CACHED_MAX: Final = 4096


class StressedMarket:
    """A source whose prices are made worse.

    Parameters
    ----------
    source : MarketSource
        The market as it was.
    section : StressSection
        How it is made worse.
    """

    def __init__(self, source: MarketSource, section: StressSection) -> None:
        self._source = source
        self._section = section
        self._traits = {one.name: one for one in source.traits()}
        self._currencies = sorted(
            {code for one in source.traits() for code in (one.currency_base, one.currency_profit)}
        )
        self._references: dict[str, float] = {}
        self._week_shocks = lru_cache(WEEKS_CACHED_MAX)(self._draw)

    @property
    def start_ns(self) -> int:
        """First moment at which the account can trade."""
        return self._source.start_ns

    @property
    def end_ns(self) -> int:
        """Moment at which the market ends."""
        return self._source.end_ns

    @property
    def has_calendar(self) -> bool:
        """Whether `events` answers."""
        return self._source.has_calendar

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol."""
        return self._source.traits()

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return the scheduled events; what is injected stands in no calendar."""
        return self._source.events(from_ns, until_ns)

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return all steps with ``from_ns <= open_ns < until_ns``, made worse."""
        minutes = self._source.minutes(symbol, from_ns, until_ns)
        if not len(minutes):
            return minutes
        traits = self._traits[symbol]
        prices = Prices(
            np.ascontiguousarray(minutes["open_ns"]),
            *(minutes[name] for name in ("open", "high", "low", "close")),
        )
        if self._section.volatility_factor != 1.0:
            prices = amplified(prices, self._reference(symbol), self._section.volatility_factor)
        last_ns = int(prices.open_ns[-1]) + 1
        prices = gapped(prices, self.shocks(symbol, GAP, self.start_ns, last_ns))
        crashes = self.shocks(symbol, CRASH, int(prices.open_ns[0]) - _CRASH_LEAD_NS, last_ns)
        prices = crashed(prices, crashes)
        worse = minutes.copy()
        for name in ("open", "high", "low", "close"):
            worse[name] = np.maximum(getattr(prices, name), traits.point).round(traits.digits)
        widening = 1.0 + (self._section.crash_spread_factor - 1.0) * crash_share(
            prices.open_ns, crashes
        )
        worse["spread_points"] = np.rint(minutes["spread_points"] * widening)
        worse.flags.writeable = False
        return worse

    def shocks(self, symbol: str, kind: int, from_ns: int, until_ns: int) -> list[Shock]:
        """Return what strikes a symbol in a span, from the source's start on, in order."""
        traits = self._traits[symbol]
        signs = {traits.currency_base: 1.0, traits.currency_profit: -1.0}
        found: list[Shock] = []
        week_ns = week_open_ns(max(from_ns, self.start_ns))
        while week_ns < until_ns:
            found += [
                Shock(shock.at_ns, signs[currency] * shock.size)
                for currency, shock in self._week_shocks(kind, week_ns)
                if currency in signs and max(from_ns, self.start_ns) <= shock.at_ns < until_ns
            ]
            week_ns = next_week_open_ns(week_ns)
        return sorted(found)

    def _draw(self, kind: int, week_ns: int) -> tuple[tuple[str, Shock], ...]:
        section = self._section
        rate = section.gaps_a_week if kind == GAP else section.crashes_a_week
        size = section.gap_frac if kind == GAP else section.crash_frac
        if not rate:
            return ()
        generator = np.random.default_rng((section.seed, kind, week_ns // DAY_NS))
        count = int(generator.poisson(rate))
        span_ns = week_close_ns(week_ns) - week_ns
        drawn = []
        for _ in range(count):
            currency = self._currencies[int(generator.integers(len(self._currencies)))]
            at_ns = week_ns + int(generator.random() * span_ns)
            # A gap goes either way, a crash down.
            sign = -1.0 if kind == CRASH or generator.random() < 0.5 else 1.0
            drawn.append((currency, Shock(at_ns, sign * size)))
        return tuple(drawn)

    def _reference(self, symbol: str) -> float:
        if symbol not in self._references:
            start_ns = self._source.start_ns
            before = self._source.minutes(symbol, start_ns - _LOOKBACK_NS, start_ns + 1)
            if len(before):
                self._references[symbol] = float(before["close"][-1])
            else:  # recorded bars may begin with the start itself, or a little after it
                after = self._source.minutes(symbol, start_ns, start_ns + WEEK_NS)
                self._references[symbol] = float(after["open"][0])
        return self._references[symbol]
