"""What of the market can be seen at a moment: quotes, closes, and the worth of a currency.

The source knows the whole course of the market; nothing later than the moment asked for leaves this
module through `quote` or `last_close`. The minutes themselves are handed out by `columns` to the
one part that steps through them, which acts on a minute only after its close.
"""

from collections import OrderedDict
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.decision.fills import normalised
from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, WEEK_NS
from runtime.terminals.simulated.columns import Columns
from runtime.terminals.simulated.day import Day
from runtime.terminals.simulated.source import MarketSource, SymbolTraits

BLOCKS_MAX: Final = 64
"""Weeks of minutes kept in memory, over all symbols."""
LOOKBACK_BLOCKS: Final = 8
"""Weeks after which a last close is no price any more."""
LAST_TICK_NS: Final = 59 * SECOND_NS
"""When, within a minute, its close was made: its last second."""
DAY_NS_MAX: Final = DAY_NS + HOUR_NS
"""Length of the day on which daylight saving ends."""
BRIDGE_CURRENCY: Final = "USD"
"""Through which a currency is valued that has no symbol together with the account's."""


class Quote(msgspec.Struct, frozen=True):
    """Bid and ask at a moment."""

    bid: float
    ask: float
    made_ns: int


class UnknownRate(Exception):
    """There is no symbol with a price by which a currency could be valued."""


class Prices:
    """A source's market, seen from a moment.

    Asks stand above bids by the minute's spread times `spread_factor`, in whole points.
    """

    def __init__(
        self, source: MarketSource, account_currency: str, spread_factor: float = 1.0
    ) -> None:
        self.traits: dict[str, SymbolTraits] = {one.name: one for one in source.traits()}
        self.account_currency = account_currency
        self.spread_factor = spread_factor
        self._source = source
        self._blocks: OrderedDict[tuple[str, int], Columns] = OrderedDict()
        self._symbols = {
            (one.currency_base, one.currency_profit): one.name for one in self.traits.values()
        }
        self._routes: dict[str, tuple[tuple[str, bool], ...] | None] = {}
        self._quotes: dict[str, Quote | None] = {}
        self._days: dict[str, Day] = {}
        self._quoted_ns = -1

    def columns(self, symbol: str, block: int) -> Columns:
        """Return a week of minutes, counted in weeks since the epoch."""
        key = (symbol, block)
        columns = self._blocks.get(key)
        if columns is None:
            minutes = self._source.minutes(symbol, block * WEEK_NS, (block + 1) * WEEK_NS)
            columns = Columns(minutes, self.traits[symbol], self.spread_factor)
            self._blocks[key] = columns
            if len(self._blocks) > BLOCKS_MAX:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(key)
        return columns

    def day(self, symbol: str, midnight_ns: int) -> Day:
        """Return the prices of the server's day that begins at an instant."""
        day = self._days.get(symbol)
        if day is None or day.midnight_ns != midnight_ns:
            minutes = self._source.minutes(symbol, midnight_ns, midnight_ns + DAY_NS_MAX)
            columns = Columns(minutes, self.traits[symbol], self.spread_factor)
            day = self._days[symbol] = Day(midnight_ns, columns)
        return day

    def forget(self, since_ns: int) -> None:
        """Read minutes from a moment on anew: a source that follows a real market has grown."""
        self._days.clear()
        for key in [key for key in self._blocks if key[1] >= since_ns // WEEK_NS]:
            del self._blocks[key]
        self._quotes.clear()

    def quote(self, symbol: str, now_ns: int) -> Quote | None:
        """Return bid and ask: the open of the running minute, else the last close; None before."""
        if now_ns != self._quoted_ns:
            self._quotes.clear()
            self._quoted_ns = now_ns
        if symbol not in self._quotes:
            self._quotes[symbol] = self._read_quote(symbol, now_ns)
        return self._quotes[symbol]

    def _read_quote(self, symbol: str, now_ns: int) -> Quote | None:
        found = self._last_row(symbol, now_ns)
        if found is None:
            return None
        columns, row = found
        open_ns = int(columns.open_ns[row])
        is_running = open_ns > now_ns - MINUTE_NS
        bid = float(columns.open[row] if is_running else columns.close[row])
        ask = normalised(bid + float(columns.ask_over[row]), self.traits[symbol].digits)
        return Quote(bid, ask, open_ns if is_running else open_ns + LAST_TICK_NS)

    def last_close(self, symbol: str, moment_ns: int) -> tuple[float, float]:
        """Return bid and ask with which the last minute before a moment ended.

        Raises
        ------
        UnknownRate
            If there is none.
        """
        found = self._last_row(symbol, moment_ns - MINUTE_NS)
        if found is None:
            raise UnknownRate(f"{symbol} has no price before {moment_ns}")
        columns, row = found
        bid = float(columns.close[row])
        return bid, normalised(bid + float(columns.ask_over[row]), self.traits[symbol].digits)

    def _last_row(self, symbol: str, latest_open_ns: int) -> tuple[Columns, int] | None:
        newest = latest_open_ns // WEEK_NS
        for block in range(newest, newest - LOOKBACK_BLOCKS, -1):
            columns = self.columns(symbol, block)
            row = int(columns.open_ns.searchsorted(latest_open_ns, side="right")) - 1
            if row >= 0:
                return columns, row
        return None

    def route(self, currency: str) -> tuple[tuple[str, bool], ...]:
        """Return the symbols that lead from a currency to the account's, and which to invert.

        Raises
        ------
        UnknownRate
            If no symbol, nor two of them through dollars, join the currencies.
        """
        if currency not in self._routes:
            self._routes[currency] = self._find_route(currency)
        route = self._routes[currency]
        if route is None:
            raise UnknownRate(f"no symbol values {currency} in {self.account_currency}")
        return route

    def _find_route(self, currency: str) -> tuple[tuple[str, bool], ...] | None:
        if currency == self.account_currency:
            return ()
        direct = self._step(currency, self.account_currency)
        if direct is not None:
            return (direct,)
        to_bridge = self._step(currency, BRIDGE_CURRENCY)
        from_bridge = self._step(BRIDGE_CURRENCY, self.account_currency)
        if to_bridge is None or from_bridge is None:
            return None
        return (to_bridge, from_bridge)

    def _step(self, currency: str, into: str) -> tuple[str, bool] | None:
        if (currency, into) in self._symbols:
            return self._symbols[currency, into], False
        if (into, currency) in self._symbols:
            return self._symbols[into, currency], True
        return None

    def rate(self, currency: str, now_ns: int) -> float:
        """Return the worth of one unit in account currency now, at bids.

        Raises
        ------
        UnknownRate
            If a symbol of the route is missing or has no price.
        """
        rate = 1.0
        for symbol, is_inverse in self.route(currency):
            quote = self.quote(symbol, now_ns)
            if quote is None:
                raise UnknownRate(f"{symbol} has no price at {now_ns}")
            rate = rate / quote.bid if is_inverse else rate * quote.bid
        return rate

    def closing_rate(self, currency: str, moment_ns: int) -> float:
        """Return the worth of one unit at the close of the minute that ends at a moment."""
        rate = 1.0
        for symbol, is_inverse in self.route(currency):
            close = self.last_close(symbol, moment_ns)[0]
            rate = rate / close if is_inverse else rate * close
        return rate


def normalised_array(prices: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Return the same as `normalised` for each price, to the bit."""
    scale = 10.0**digits
    whole: NDArray[np.float64] = np.rint(prices * scale) / scale
    return whole
