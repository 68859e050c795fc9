"""Bars that a training was given, as a market that the simulator can step through."""

from collections.abc import Mapping

import numpy as np

from agents.requests import CalendarEvent
from models.market.bars import BarArray
from runtime.terminals.simulated.source import MINUTE_DTYPE, MinuteArray, SymbolTraits
from runtime.terminals.simulated.traits import traits_of


class BarsMarket:
    """A market whose steps are whole bars: inside one the stop comes before the target.

    Parameters
    ----------
    bars : mapping of str to BarArray
        Closed bars of one timeframe by symbol, oldest first, none empty.
    length_ns : int
        Length of a bar.
    """

    has_calendar = False

    def __init__(self, bars: Mapping[str, BarArray], length_ns: int) -> None:
        self._traits = tuple(traits_of(symbol) for symbol in bars)
        self._steps = {symbol: _steps(each, length_ns) for symbol, each in bars.items()}
        self.start_ns = max(int(each["open_ns"][0]) for each in self._steps.values())
        self.end_ns = max(int(each["close_ns"][-1]) for each in bars.values())

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the usual terms of each symbol."""
        return self._traits

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return the bars that open in [from_ns, until_ns)."""
        steps = self._steps[symbol]
        opens_ns = np.ascontiguousarray(steps["open_ns"])
        first, last = np.searchsorted(opens_ns, (from_ns, until_ns)).tolist()
        return steps[first:last]

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return nothing: bars tell of no event."""
        return ()


def _steps(bars: BarArray, length_ns: int) -> MinuteArray:
    steps = np.zeros(len(bars), MINUTE_DTYPE)
    steps["open_ns"] = bars["close_ns"] - length_ns
    for name in ("open", "high", "low", "close", "spread_points", "tick_volume"):
        steps[name] = bars[name]
    return steps
