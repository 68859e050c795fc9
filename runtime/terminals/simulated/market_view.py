"""What the simulated terminal shows of its market: symbols, bars and ticks at a moment.

Nothing later than the moment is shown, and nothing of an unknown symbol. While `syncing_reads` of
the conditions counts down, bars and ticks are not there yet: `None`, and at last a part of them.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from config.settings import Settings
from models.market.sessions import DAY_NS, SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated import views
from runtime.terminals.simulated.conditions import Conditions
from runtime.terminals.simulated.masks import matching
from runtime.terminals.simulated.prices import Prices, UnknownRate
from runtime.terminals.simulated.rates import LENGTHS_NS, Rates
from runtime.terminals.simulated.source import MarketSource, SymbolTraits
from runtime.terminals.simulated.ticks import Ticks
from runtime.terminals.structures import (
    RATES_DTYPE,
    TICKS_DTYPE,
    RatesArray,
    SymbolInfo,
    Tick,
    TicksArray,
)

LATEST_NS: Final = 2**62
"""Moments asked for are cut to [0, this]: far beyond any market, still a 64-bit integer."""
_TICK_FLAGS: Final = (mt5.COPY_TICKS_ALL, mt5.COPY_TICKS_INFO, mt5.COPY_TICKS_TRADE)


class MarketView:
    """A market at the moment that `now` tells.

    Parameters
    ----------
    is_in_use : callable
        Whether the account holds anything in a symbol, which then cannot be hidden.
    """

    def __init__(
        self,
        source: MarketSource,
        prices: Prices,
        clock: ServerClock,
        settings: Settings,
        conditions: Conditions,
        *,
        now: Callable[[], int],
        is_in_use: Callable[[str], bool],
    ) -> None:
        self._prices = prices
        self._clock = clock
        self._conditions = conditions
        self._now = now
        self._is_in_use = is_in_use
        self._bars_max = settings.terminal.bars_max
        self._rates = Rates(source, clock, settings.terminal.spread_factor)
        self._ticks = Ticks(source, clock, settings.terminal.spread_factor)
        self._selected = set(settings.symbols) & set(prices.traits)

    def table(self) -> dict[str, Callable[..., object]]:
        """Return the functions of the terminal that are answered here."""
        return {
            "symbols_total": lambda: len(self._prices.traits),
            "symbols_get": self._symbols_get,
            "symbol_info": self._symbol_info,
            "symbol_info_tick": self._symbol_info_tick,
            "symbol_select": self._symbol_select,
            "copy_rates_from_pos": self._copy_rates_from_pos,
            "copy_rates_from": self._copy_rates_from,
            "copy_rates_range": self._copy_rates_range,
            "copy_ticks_from": self._copy_ticks_from,
            "copy_ticks_range": self._copy_ticks_range,
        }

    def traits(self, symbol: str) -> SymbolTraits:
        """Return a symbol's terms; CallFailed with -4 if there is no such symbol."""
        if symbol not in self._prices.traits:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return self._prices.traits[symbol]

    def _symbols_get(self, group: str) -> tuple[SymbolInfo, ...]:
        return tuple(map(self._symbol_info, matching(group, self._prices.traits)))

    def _symbol_info(self, symbol: str) -> SymbolInfo:
        traits = self.traits(symbol)
        now_ns = self._now()
        midnight_ns = self._clock.to_utc_ns(self._midnight_server_ns(now_ns))
        try:
            account_per_quote = self._prices.rate(traits.currency_profit, now_ns)
        except UnknownRate:
            account_per_quote = 0.0
        return views.symbol_of(
            traits,
            self._prices.quote(symbol, now_ns),
            self._prices.day(symbol, midnight_ns).until(now_ns),
            account_per_quote,
            is_selected=symbol in self._selected,
            conditions=self._conditions,
            clock=self._clock,
        )

    def _midnight_server_ns(self, now_ns: int) -> int:
        return self._clock.to_server_ns(now_ns) // DAY_NS * DAY_NS

    def _symbol_info_tick(self, symbol: str) -> Tick:
        self.traits(symbol)
        now_ns = self._now()
        if symbol not in self._selected:
            match self._conditions.tick_of_unselected:
                case "zero":
                    return views.NO_TICK
                case "stale":  # what was there when the day began
                    now_ns = self._clock.to_utc_ns(self._midnight_server_ns(now_ns)) - 1
                case "none":
                    raise CallFailed(mt5.RES_E_NOT_FOUND)
        quote = self._prices.quote(symbol, now_ns)
        if quote is None:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return views.tick_of(quote, self._clock)

    def _symbol_select(self, symbol: str, enable: bool) -> bool:
        self.traits(symbol)
        if enable:
            self._selected.add(symbol)
            return True
        if self._is_in_use(symbol):
            raise CallFailed(mt5.RES_E_FAIL)
        self._selected.discard(symbol)
        return True

    def _copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, count)
        if start_pos < 0:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        now_ns = self._now()
        bars = self._rates.back(traits, timeframe, now_ns, start_pos + count, now_ns)
        if len(bars) <= start_pos:
            raise CallFailed(mt5.RES_E_FAIL)
        return self._downloaded(bars[: len(bars) - start_pos][-count:])

    def _copy_rates_from(
        self, symbol: str, timeframe: int, date_from: float, count: int
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, count)
        now_ns = self._now()
        until_ns = min(max(self._clock.to_utc_ns(server_ns(date_from)), 0), now_ns)
        return self._downloaded(self._rates.back(traits, timeframe, until_ns, count, now_ns))

    def _copy_rates_range(
        self, symbol: str, timeframe: int, date_from: float, date_to: float
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, 1)
        from_ns, until_ns = server_ns(date_from), server_ns(date_to)
        if from_ns > until_ns:
            return np.empty(0, dtype=RATES_DTYPE)
        bars = self._rates.range(traits, timeframe, from_ns, until_ns, self._now())
        if len(bars) >= self._bars_max:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        return self._downloaded(bars)

    def _rates_of(self, symbol: str, timeframe: int, count: int) -> SymbolTraits:
        if timeframe not in LENGTHS_NS or not 0 < count < self._bars_max:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        if symbol not in self._prices.traits:
            raise CallFailed(mt5.RES_E_FAIL)
        return self._prices.traits[symbol]

    def _copy_ticks_from(self, symbol: str, date_from: float, count: int, flags: int) -> TicksArray:
        traits = self._ticks_of(symbol, flags)
        if count <= 0:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        if flags == mt5.COPY_TICKS_TRADE:
            return np.empty(0, dtype=TICKS_DTYPE)
        ticks = self._ticks.onward(traits, server_ns(date_from), count, self._now())
        return self._downloaded(ticks)

    def _copy_ticks_range(
        self, symbol: str, date_from: float, date_to: float, flags: int
    ) -> TicksArray:
        traits = self._ticks_of(symbol, flags)
        from_ns, until_ns = server_ns(date_from), server_ns(date_to)
        if from_ns > until_ns or flags == mt5.COPY_TICKS_TRADE:
            return np.empty(0, dtype=TICKS_DTYPE)
        return self._downloaded(self._ticks.range(traits, from_ns, until_ns, self._now()))

    def _ticks_of(self, symbol: str, flags: int) -> SymbolTraits:
        # Nobody trades currencies at an exchange, so there are no ticks of trades, and those that
        # change bid or ask are all there are.
        if flags not in _TICK_FLAGS:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        return self.traits(symbol)

    def _downloaded(self, rows: RatesArray) -> RatesArray:
        if not count_syncing(self._conditions):
            return rows
        if self._conditions.syncing_reads:
            raise CallFailed(mt5.RES_E_FAIL)
        return rows[(len(rows) + 1) // 2 :]  # the newest ones come first


def count_syncing(conditions: Conditions) -> bool:
    """Count a read of history, and return whether it meets one that is still being downloaded."""
    if not conditions.syncing_reads:
        return False
    conditions.syncing_reads -= 1
    return True


def server_ns(epoch_s: float) -> int:
    """Return a caller's moment on the server's clock, cut to what a market can have."""
    if not math.isfinite(epoch_s):
        raise CallFailed(mt5.RES_E_INVALID_PARAMS)
    if not 0 <= epoch_s < LATEST_NS / SECOND_NS:
        return 0 if epoch_s < 0 else LATEST_NS
    return int(epoch_s) * SECOND_NS
