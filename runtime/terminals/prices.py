"""From the terminal's symbols, rates and ticks to what the agents ask for.

The server's time becomes UTC here, the forming bar is cut off here, and whatever the terminal
answers with None becomes TerminalUnavailable: a failure is never read as "nothing there".
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.requests import BarsRead, QuoteReading, QuotesRead, ReadBars, SymbolsRead
from blackboard.errors import TerminalUnavailable
from blackboard.facts import SymbolSpec, Timeframe
from models.market.bars import BAR_DTYPE, BarArray, empty_bars
from models.market.sessions import SECOND_NS
from runtime.terminals import constants
from runtime.terminals.port import Terminal
from runtime.terminals.server_time import ServerClock
from runtime.terminals.structures import RatesArray, SymbolInfo

TIMEFRAMES: Final[Mapping[Timeframe, int]] = {
    Timeframe.M1: constants.TIMEFRAME_M1,
    Timeframe.M5: constants.TIMEFRAME_M5,
    Timeframe.M15: constants.TIMEFRAME_M15,
    Timeframe.M30: constants.TIMEFRAME_M30,
    Timeframe.H1: constants.TIMEFRAME_H1,
    Timeframe.H4: constants.TIMEFRAME_H4,
    Timeframe.D1: constants.TIMEFRAME_D1,
}
_HALF_HOUR_NS = 1800 * SECOND_NS
_PIP_DIGITS: Final = frozenset({3, 5})
"""Quotes with a digit more than traders count in."""


def read_symbols(terminal: Terminal, symbols: tuple[str, ...]) -> SymbolsRead:
    """Select the symbols and read their specifications; those that cannot be traded are named."""
    specs, skipped = [], []
    for name in symbols:
        terminal.symbol_select(name, True)
        info = terminal.symbol_info(name)
        if info is None:
            code, text = terminal.last_error()
            if code != constants.RES_E_NOT_FOUND:
                raise TerminalUnavailable(f"symbol {name}: {code} {text}")
            skipped.append((name, f"the terminal does not know it: {text}"))
        elif info.trade_mode != constants.SYMBOL_TRADE_MODE_FULL:
            skipped.append((name, f"trade mode must be FULL (4), was {info.trade_mode}"))
        else:
            specs.append(symbol_spec(name, info))
    return SymbolsRead(specs=tuple(specs), skipped=tuple(skipped))


def symbol_spec(symbol: str, info: SymbolInfo) -> SymbolSpec:
    """Return the fact for a symbol of the terminal."""
    return SymbolSpec(
        scope=symbol,
        terminal_name=info.name,
        digits=info.digits,
        point=info.point,
        pip=info.point * (10.0 if info.digits in _PIP_DIGITS else 1.0),
        contract_size=info.trade_contract_size,
        currency_base=info.currency_base,
        currency_profit=info.currency_profit,
        volume_min_lots=info.volume_min,
        volume_max_lots=info.volume_max,
        volume_step_lots=info.volume_step,
        stops_level_points=info.trade_stops_level,
        freeze_level_points=info.trade_freeze_level,
        filling_mask=info.filling_mode,
        trade_mode=info.trade_mode,
        swap_long_points=info.swap_long,
        swap_short_points=info.swap_short,
    )


def read_bars(terminal: Terminal, server: ServerClock, request: ReadBars, source: str) -> BarsRead:
    """Read the closed bars of a request."""
    length_ns = request.timeframe.length_ns
    last_open_ns = request.until_ns - length_ns
    if last_open_ns < request.from_ns:
        return BarsRead(request=request, bars=empty_bars(), source=source)
    rates = terminal.copy_rates_range(
        request.symbol,
        TIMEFRAMES[request.timeframe],
        server.to_server_s(request.from_ns),
        server.to_server_s(last_open_ns),
    )
    if rates is None:
        code, text = terminal.last_error()
        raise TerminalUnavailable(f"bars of {request.symbol}: {code} {text}")
    bars = bars_of(rates, server, length_ns)
    closed = (bars["close_ns"] <= request.until_ns) & (
        bars["close_ns"] - length_ns >= request.from_ns
    )
    return BarsRead(request=request, bars=bars[closed], source=source)


def bars_of(rates: RatesArray, server: ServerClock, length_ns: int) -> BarArray:
    """Return a rates array as bars: the close's time in UTC instead of the open's on the server."""
    bars = np.empty(len(rates), dtype=BAR_DTYPE)
    bars["close_ns"] = _to_utc_ns(rates["time"].astype(np.int64), server) + length_ns
    for name in ("open", "high", "low", "close", "tick_volume"):
        bars[name] = rates[name]
    bars["spread_points"] = rates["spread"]
    return bars


def read_quotes(
    terminal: Terminal, server: ServerClock, symbols: tuple[str, ...], source: str
) -> QuotesRead:
    """Read bid, ask and the value of the profit currency; symbols without a quote are left out."""
    quotes = []
    for name in symbols:
        info = terminal.symbol_info(name)
        if info is None:
            code, text = terminal.last_error()
            raise TerminalUnavailable(f"quote of {name}: {code} {text}")
        per_tick = info.trade_tick_size * info.trade_contract_size
        if info.ask > info.bid > 0.0 and info.trade_tick_value > 0.0 and per_tick > 0.0:
            quotes.append(
                QuoteReading(
                    symbol=name,
                    bid=info.bid,
                    ask=info.ask,
                    account_per_quote=info.trade_tick_value / per_tick,
                    tick_ns=server.to_utc_ns(info.time * SECOND_NS),
                )
            )
    return QuotesRead(quotes=tuple(quotes), source=source)


def _to_utc_ns(server_s: NDArray[np.int64], server: ServerClock) -> NDArray[np.int64]:
    # An offset holds for half an hour at least, so each is looked up once.
    server_ns = server_s * SECOND_NS
    slots, places = np.unique(server_ns // _HALF_HOUR_NS, return_inverse=True)
    offsets = np.array(
        [int(slot) * _HALF_HOUR_NS - server.to_utc_ns(int(slot) * _HALF_HOUR_NS) for slot in slots],
        dtype=np.int64,
    )
    return server_ns - offsets[places] if len(slots) else server_ns
