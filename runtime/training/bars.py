"""The bars that a training learns from: recorded ones, or the history of the synthetic market."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from blackboard.errors import ConfigError
from config.settings import AUTO_SYMBOLS, Settings
from models.market.bars import BAR_DTYPE, BarArray, resample
from models.market.sessions import MINUTE_NS, WEEK_NS, week_open_ns
from runtime.instants import end_of_ns, start_of_ns
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.source import MinuteArray


class TrainingBars(NamedTuple):
    """Bars of each symbol, and what they come from."""

    bars: dict[str, BarArray]
    provenance: dict[str, str]


def training_bars(settings: Settings, start: str = "", end: str = "") -> TrainingBars:
    """Return the closed bars of the trading timeframe that a market holds before its end.

    Parameters
    ----------
    settings : Settings
        Name the market: recorded bars, or the synthetic one, whose history ends where an account
        could begin to trade.
    start, end : str
        First and last moment, ISO 8601; a bare date counts whole. Empty means all there is.

    Raises
    ------
    ConfigError
        If the market cannot be opened, or nothing of it lies between the moments.
    """
    market = open_market(settings)
    source = market.source
    is_recorded = bool(settings.market.history.path)
    last_ns = source.end_ns if is_recorded else source.start_ns
    weeks = settings.market.synthetic.history_weeks
    first_ns = 0 if is_recorded else week_open_ns(source.start_ns) - weeks * WEEK_NS
    from_ns = max(_moment_ns("--from", start, start_of_ns, first_ns), first_ns)
    until_ns = min(_moment_ns("--to", end, end_of_ns, last_ns), last_ns)
    if from_ns >= until_ns:
        raise ConfigError("--from must lie before --to, and both in the market's history")
    symbols = settings.symbols
    if symbols == AUTO_SYMBOLS:
        symbols = tuple(traits.name for traits in source.traits())
    length_ns = settings.timeframe.length_ns
    bars = {
        symbol: resample(_closed(source.minutes(symbol, from_ns, until_ns)), length_ns)
        for symbol in symbols
    }
    return TrainingBars(bars, market.provenance)


def _moment_ns(option: str, text: str, read: Callable[[str], int], missing_ns: int) -> int:
    if not text:
        return missing_ns
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from error


def _closed(minutes: MinuteArray) -> BarArray:
    bars = np.empty(len(minutes), dtype=BAR_DTYPE)
    bars["close_ns"] = minutes["open_ns"] + MINUTE_NS
    for name in ("open", "high", "low", "close", "tick_volume", "spread_points"):
        bars[name] = minutes[name]
    return bars
