"""Minutes to ticks: the same few for the same minute, whenever they are asked for.

A minute is told by its open, its extremes where they lie beyond open and close, and its close: the
nearer extreme first, as in a bar that rose its low. The running minute has made its open only. So
the latest tick of all is the quote that the terminal shows.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import MINUTE_NS, SECOND_NS, WEEK_NS
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.prices import LAST_TICK_NS, normalised_array
from runtime.terminals.simulated.source import MarketSource, SymbolTraits
from runtime.terminals.structures import TICKS_DTYPE, TicksArray

TICKS_MAX: Final = 1_000_000
"""Ticks of one answer; what would hold more fails, as a terminal without memory does."""

_OFFSETS_NS: Final = np.array((0, 20 * SECOND_NS, 40 * SECOND_NS, LAST_TICK_NS))
_MSC_NS: Final = 1_000_000
_QUOTED: Final = mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK


class Ticks:
    """The ticks of a source, as the terminal shows them at a moment."""

    def __init__(self, source: MarketSource, clock: ServerClock, spread_factor: float) -> None:
        self._source = source
        self._clock = clock
        self._spread_factor = spread_factor

    def onward(
        self, traits: SymbolTraits, from_server_ns: int, count: int, now_ns: int
    ) -> TicksArray:
        """Return the first `count` ticks from a moment of the server's clock on.

        Raises
        ------
        CallFailed
            -3 if they are too many for one answer.
        """
        found = [np.empty(0, dtype=TICKS_DTYPE)]
        for ticks in self._weeks(traits, from_server_ns, now_ns, now_ns):
            left = count - sum(map(len, found))
            found.append(_fitting(found, ticks[:left]))
            if left <= len(ticks):
                break
        return np.concatenate(found)

    def range(
        self, traits: SymbolTraits, from_server_ns: int, until_server_ns: int, now_ns: int
    ) -> TicksArray:
        """Return the ticks in [from, until] on the server's clock.

        Raises
        ------
        CallFailed
            -3 if they are too many for one answer.
        """
        until_ns = min(self._clock.to_utc_ns(until_server_ns), now_ns)
        found = [np.empty(0, dtype=TICKS_DTYPE)]
        for ticks in self._weeks(traits, from_server_ns, until_ns, now_ns):
            is_inside = ticks["time_msc"] * _MSC_NS <= until_server_ns
            found.append(_fitting(found, ticks[is_inside]))
        return np.concatenate(found)

    def _weeks(
        self, traits: SymbolTraits, from_server_ns: int, until_ns: int, now_ns: int
    ) -> Iterator[TicksArray]:
        from_ns = self._clock.to_utc_ns(from_server_ns) // MINUTE_NS * MINUTE_NS
        span_ns = WEEK_NS
        while from_ns <= until_ns:
            end_ns = min(from_ns + span_ns, until_ns + 1)
            minutes = self._source.minutes(traits.name, max(from_ns, 0), end_ns)
            ticks = self._ticks_of(minutes, traits, now_ns)
            yield ticks[ticks["time_msc"] * _MSC_NS >= from_server_ns]
            from_ns = end_ns
            # From the epoch to where a market begins is a long way in weeks.
            span_ns = WEEK_NS if len(minutes) else 2 * span_ns

    def _ticks_of(self, minutes: NDArray[np.void], traits: SymbolTraits, now_ns: int) -> TicksArray:
        opened, high, low, close = (minutes[name] for name in ("open", "high", "low", "close"))
        rose = close >= opened
        bids = np.stack(
            (opened, np.where(rose, low, high), np.where(rose, high, low), close), axis=1
        )  # (minute, tick)
        is_beyond_low, is_beyond_high = (
            low < np.minimum(opened, close),
            high > np.maximum(opened, close),
        )
        is_made = np.ones(bids.shape, dtype=np.bool_)
        is_made[:, 1] = np.where(rose, is_beyond_low, is_beyond_high)
        is_made[:, 2] = np.where(rose, is_beyond_high, is_beyond_low)
        is_made[minutes["open_ns"] > now_ns - MINUTE_NS, 1:] = False
        times_ns = minutes["open_ns"][:, None] + _OFFSETS_NS  # (minute, tick)
        over = np.rint(minutes["spread_points"] * self._spread_factor) * traits.point
        asks = normalised_array(bids + over[:, None], traits.digits)  # (minute, tick)
        ticks = np.zeros(int(is_made.sum()), dtype=TICKS_DTYPE)
        server_ns = self._clock.to_server_array_ns(np.ascontiguousarray(times_ns[is_made]))
        ticks["time"] = server_ns // SECOND_NS
        ticks["time_msc"] = server_ns // _MSC_NS
        ticks["bid"], ticks["ask"] = bids[is_made], asks[is_made]
        ticks["flags"] = _QUOTED
        return ticks


def _fitting(found: list[TicksArray], ticks: TicksArray) -> TicksArray:
    if sum(map(len, found)) + len(ticks) > TICKS_MAX:
        raise CallFailed(mt5.RES_E_NO_MEMORY)
    return ticks
