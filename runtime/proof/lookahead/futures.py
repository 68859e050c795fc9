"""One market and its other futures: the same past, followed by what was, by nothing, or by more.

What an opinion says of a close must not depend on which of them follows.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from blackboard.errors import ConfigError
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray, resample
from models.market.sessions import (
    DAY_NS,
    MINUTE_NS,
    WEEK_NS,
    next_bar_close_ns,
    week_open_ns,
    weeks_before_ns,
)
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import MarketSource

FUTURE_NS: Final = 2 * DAY_NS
"""How much of the future is given to whoever might look: every H4 bar and horizon lies within."""
ALTERED_FACTOR: Final = 1.013
"""What the later prices of the altered future are multiplied by, after the first of them."""
SYNTHETIC_WEEKS: Final = 2
"""Weeks of the synthetic market from its start that are looked at if nobody says."""

Bars = dict[str, BarArray]
"""Closed bars of the trading timeframe by symbol."""


class Future(NamedTuple):
    """One course that the market takes after a close."""

    name: str
    bars: Bars


class Moment(NamedTuple):
    """A close that is looked at, with the bars up to it and what really followed."""

    close_ns: int
    anchor_ns: int
    """From where the window of the close's week begins."""
    open_ns: int
    """Open of the close's week: where the history of the window ends."""
    bars: Bars

    def futures(self) -> Iterator[Future]:
        """Yield the past alone, which is the measure, then what followed, and something else."""
        yield Future("cut off", {s: bars[self._past(bars)] for s, bars in self.bars.items()})
        yield Future("as it was", self.bars)
        yield Future("altered", {s: self._altered(bars) for s, bars in self.bars.items()})

    def _past(self, bars: BarArray) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        past: np.ndarray[tuple[int], np.dtype[np.bool_]] = bars["close_ns"] <= self.close_ns
        return past

    def _altered(self, bars: BarArray) -> BarArray:
        other = bars.copy()
        later = ~self._past(bars)
        for name in ("open", "high", "low", "close"):
            other[name][later] *= ALTERED_FACTOR
        # A gap moves every grid that counts bars instead of time.
        keeps = np.ones(len(bars), dtype=np.bool_)
        keeps[np.flatnonzero(later)[::3]] = False
        kept: BarArray = other[keeps]
        return kept


def moments(settings: Settings, count: int, seed: int) -> list[Moment]:
    """Return closes of the settings' market, spread over its time by chance, oldest first.

    Raises
    ------
    ConfigError
        If the market has no close with a complete window and a future.
    """
    source = open_market(settings).source
    start_ns, end_ns = source.start_ns, min(source.end_ns, _end_of_synthetic(source))
    closes = list(_closes(start_ns, end_ns, settings.timeframe.length_ns))
    if not closes:
        raise ConfigError("no close to look at: --from and --to must hold a bar of the market")
    rng = np.random.default_rng(seed)
    chosen = sorted(rng.choice(len(closes), size=min(count, len(closes)), replace=False).tolist())
    return [_moment(settings, source, closes[place]) for place in chosen]


def _end_of_synthetic(source: MarketSource) -> int:
    return source.start_ns + SYNTHETIC_WEEKS * WEEK_NS if source.end_ns > 2**62 else source.end_ns


def _closes(start_ns: int, end_ns: int, length_ns: int) -> Iterator[int]:
    close_ns = next_bar_close_ns(start_ns, length_ns)
    while close_ns <= end_ns:
        yield close_ns
        close_ns = next_bar_close_ns(close_ns, length_ns)


def _moment(settings: Settings, source: MarketSource, close_ns: int) -> Moment:
    anchor_ns = weeks_before_ns(close_ns - 1, settings.anchor_weeks)
    until_ns = close_ns + FUTURE_NS
    length_ns = settings.timeframe.length_ns
    bars = {
        symbol: _bars(source, symbol, anchor_ns, until_ns, length_ns) for symbol in settings.symbols
    }
    return Moment(close_ns, anchor_ns, week_open_ns(close_ns - 1), bars)


def _bars(
    source: MarketSource, symbol: str, from_ns: int, until_ns: int, length_ns: int
) -> BarArray:
    minutes = source.minutes(symbol, from_ns, until_ns)
    bars = np.zeros(len(minutes), dtype=BAR_DTYPE)
    bars["close_ns"] = minutes["open_ns"] + MINUTE_NS
    for name in ("open", "high", "low", "close", "tick_volume", "spread_points"):
        bars[name] = minutes[name]
    return resample(bars, length_ns)
