"""Minutes to bars of any timeframe, on the grid of the server's clock.

The running minute shows its open only, so the forming bar can be read and never tells what is to
come.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, WEEK_NS
from runtime.terminals import constants as mt5
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.source import MarketSource, SymbolTraits
from runtime.terminals.structures import RATES_DTYPE, RatesArray

_MONTH: Final = 0
LENGTHS_NS: Final = {
    **{minutes: minutes * MINUTE_NS for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{0x4000 + hours: hours * HOUR_NS for hours in (1, 2, 3, 4, 6, 8, 12, 24)},
    mt5.TIMEFRAME_W1: WEEK_NS,
    mt5.TIMEFRAME_MN1: _MONTH,
}
"""Length of each timeframe's bar by the terminal's constant; a month has none of its own."""

_SUNDAY_NS: Final = 3 * DAY_NS  # 1970-01-04: the terminal's weeks begin on Sundays
_WEEKEND_NS: Final = 3 * DAY_NS
_LONGEST_MONTH_NS: Final = 31 * DAY_NS


class Rates:
    """The bars of a source, as the terminal shows them at a moment."""

    def __init__(self, source: MarketSource, clock: ServerClock, spread_factor: float) -> None:
        self._source = source
        self._clock = clock
        self._spread_factor = spread_factor

    def range(
        self, traits: SymbolTraits, timeframe: int, from_server_ns: int, until_server_ns: int,
        now_ns: int,
    ) -> RatesArray:  # fmt: skip
        """Return the bars whose open lies in [from, until] on the server's clock."""
        first_ns = self._clock.to_utc_ns(max(from_server_ns, 0))
        # The last bar may have opened just at `until`, and its minutes follow.
        last_server_ns = until_server_ns + (LENGTHS_NS[timeframe] or _LONGEST_MONTH_NS)
        last_ns = min(self._clock.to_utc_ns(last_server_ns), now_ns) + 1
        # A bar that opened before `from` would be built from a part of its minutes only; it is
        # dropped below, by its open.
        bars = self._bars(traits, timeframe, first_ns, last_ns, now_ns)
        times = bars["time"] * SECOND_NS
        return bars[(times >= from_server_ns) & (times <= until_server_ns)]

    def back(
        self, traits: SymbolTraits, timeframe: int, until_ns: int, count: int, now_ns: int
    ) -> RatesArray:
        """Return the last `count` bars up to the one that holds a moment, fewer if there are none.

        The span read doubles until it holds enough: weekends and holes take none of the count.
        """
        length_ns = LENGTHS_NS[timeframe] or _LONGEST_MONTH_NS
        # The bar that holds the moment is shown with all of its minutes up to now.
        last_ns = min(until_ns + length_ns, now_ns) + 1
        latest_s = self._clock.to_server_s(until_ns)
        span_ns = (count + 2) * length_ns + _WEEKEND_NS
        while True:
            from_ns = max(last_ns - span_ns, 0)
            bars = self._bars(traits, timeframe, from_ns, last_ns, now_ns)
            bars = bars[bars["time"] <= latest_s]
            # The first bar may lack minutes from before the span, so it does not count.
            if len(bars) > count or from_ns == 0:
                return bars[-count:]
            span_ns *= 2

    def _bars(
        self, traits: SymbolTraits, timeframe: int, from_ns: int, until_ns: int, now_ns: int
    ) -> RatesArray:
        minutes = self._source.minutes(traits.name, from_ns, min(until_ns, now_ns + 1))
        if not len(minutes):
            return np.empty(0, dtype=RATES_DTYPE)
        if int(minutes["open_ns"][-1]) > now_ns - MINUTE_NS:
            minutes = _with_running_minute(minutes)
        opens_ns = self._bar_opens_ns(timeframe, minutes["open_ns"])
        starts = np.flatnonzero(np.diff(opens_ns, prepend=opens_ns[0] - 1))
        ends = np.append(starts[1:], len(minutes)) - 1
        bars = np.zeros(len(starts), dtype=RATES_DTYPE)
        bars["time"] = opens_ns[starts] // SECOND_NS
        bars["open"] = minutes["open"][starts]
        bars["high"] = np.maximum.reduceat(minutes["high"], starts)
        bars["low"] = np.minimum.reduceat(minutes["low"], starts)
        bars["close"] = minutes["close"][ends]
        bars["tick_volume"] = np.add.reduceat(minutes["tick_volume"], starts)
        bars["spread"] = np.rint(minutes["spread_points"][ends] * self._spread_factor)
        return bars

    def _bar_opens_ns(self, timeframe: int, opens_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        server_ns = self._clock.to_server_array_ns(np.ascontiguousarray(opens_ns))
        if timeframe == mt5.TIMEFRAME_MN1:
            months = server_ns.astype("datetime64[ns]").astype("datetime64[M]")
            return months.astype("datetime64[ns]").astype(np.int64)
        shift_ns = _SUNDAY_NS if timeframe == mt5.TIMEFRAME_W1 else 0
        length_ns = LENGTHS_NS[timeframe]
        floored: NDArray[np.int64] = (server_ns - shift_ns) // length_ns * length_ns + shift_ns
        return floored


def _with_running_minute(minutes: NDArray[np.void]) -> NDArray[np.void]:
    shown = minutes.copy()
    opening = shown["open"][-1]
    for column in ("high", "low", "close"):
        shown[column][-1] = opening
    shown["tick_volume"][-1] = 1  # the opening tick
    return shown
