"""From the terminal's symbols, rates and ticks to what the agents ask for.

The server's time becomes UTC here, the broker's names become ours, the forming bar is cut off, and
whatever the terminal answers with None becomes TerminalUnavailable: a failure is never read as
"nothing there".
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.requests import BarsRead, QuoteReading, QuotesRead, ReadBars, SymbolsRead
from blackboard.errors import TerminalUnavailable
from blackboard.facts import SymbolSpec, Timeframe
from models.market.bars import BAR_DTYPE, BarArray, empty_bars
from models.market.sessions import DAY_NS, SECOND_NS
from runtime.feeds.worth import OutsideRate, settled_outside
from runtime.terminals import constants
from runtime.terminals.conversion import Price, live_rate, settled_rate
from runtime.terminals.port import Terminal
from runtime.terminals.server_time import ServerClock
from runtime.terminals.structures import RatesArray, SymbolInfo
from runtime.terminals.symbols import SymbolNames, selected

TIMEFRAMES: Final[Mapping[Timeframe, int]] = {
    Timeframe.M1: constants.TIMEFRAME_M1,
    Timeframe.M5: constants.TIMEFRAME_M5,
    Timeframe.M15: constants.TIMEFRAME_M15,
    Timeframe.M30: constants.TIMEFRAME_M30,
    Timeframe.H1: constants.TIMEFRAME_H1,
    Timeframe.H4: constants.TIMEFRAME_H4,
    Timeframe.D1: constants.TIMEFRAME_D1,
}
SOURCE: Final = "terminal"
"""Named as the source of whatever is read here."""
CLOSED_NS_MAX: Final = 4 * DAY_NS
"""Longest time without bars in a market that trades: a weekend between two holidays."""
_PIP_DIGITS: Final = frozenset({3, 5})
"""Quotes with a digit more than traders count in."""


def read_symbols(terminal: Terminal, names: SymbolNames, symbols: tuple[str, ...]) -> SymbolsRead:
    """Select the symbols and read their specifications; those that cannot be traded are named."""
    specs, skipped = [], []
    for symbol in symbols:
        info, refusal = selected(terminal, names.terminal_name(terminal, symbol))
        if info is None or refusal:
            skipped.append((symbol, refusal))
            continue
        try:
            specs.append(symbol_spec(symbol, info))
        except ValueError as error:
            skipped.append((symbol, f"the terminal's terms make no sense: {error}"))
    return SymbolsRead(specs=tuple(specs), skipped=tuple(skipped))


def symbol_spec(symbol: str, info: SymbolInfo) -> SymbolSpec:
    """Return the fact for a symbol of the terminal; ValueError if its terms make no sense."""
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


def read_bars(
    terminal: Terminal,
    names: SymbolNames,
    server: ServerClock,
    request: ReadBars,
    bars_per_call: int,
) -> BarsRead:
    """Read the closed bars of a request, in parts that the terminal can answer.

    A call for more bars than a chart holds fails as a wrong argument does, and says nothing of
    history.
    """
    last_open_ns = request.until_ns - request.timeframe.length_ns
    part_ns = bars_per_call * request.timeframe.length_ns
    # Parts divide the opens, not the bars: none is cut in two where a grid shifts by an hour.
    parts = [
        _part(terminal, names, server, request, from_ns, min(from_ns + part_ns - 1, last_open_ns))
        for from_ns in range(request.from_ns, last_open_ns + 1, part_ns)
    ]
    bars = parts[0] if len(parts) == 1 else np.concatenate((empty_bars(), *parts))
    return BarsRead(request=request, bars=bars, source=SOURCE)


def _part(
    terminal: Terminal,
    names: SymbolNames,
    server: ServerClock,
    request: ReadBars,
    first_open_ns: int,
    last_open_ns: int,
) -> BarArray:
    rates = terminal.copy_rates_range(
        names.terminal_name(terminal, request.symbol),
        TIMEFRAMES[request.timeframe],
        float(server.to_server_s(first_open_ns)),  # an int would have 32 bits on Windows
        float(server.to_server_s(last_open_ns)),
    )
    if rates is None:
        code, text = terminal.last_error()
        raise TerminalUnavailable(f"bars of {request.symbol}: {code} {text}")
    bars = bars_of(rates, server, request.timeframe.length_ns)
    opens_ns = bars["close_ns"] - request.timeframe.length_ns
    return bars[(opens_ns >= first_open_ns) & (opens_ns <= last_open_ns)]


def starts_late(read: BarsRead) -> bool:
    """Whether bars are missing at the beginning, as while a terminal still loads its history."""
    request = read.request
    first_ns = int(read.bars["close_ns"][0]) if len(read.bars) else request.until_ns
    return first_ns - request.from_ns > CLOSED_NS_MAX


def bars_of(rates: RatesArray, server: ServerClock, length_ns: int) -> BarArray:
    """Return a rates array as bars: the close's time in UTC instead of the open's on the server."""
    bars = np.empty(len(rates), dtype=BAR_DTYPE)
    bars["close_ns"] = _to_utc_ns(rates["time"].astype(np.int64), server) + length_ns
    for name in ("open", "high", "low", "close", "tick_volume"):
        bars[name] = rates[name]
    bars["spread_points"] = rates["spread"]
    return bars


def read_infos(
    terminal: Terminal, names: SymbolNames, symbols: tuple[str, ...]
) -> dict[str, SymbolInfo]:
    """Read what the terminal shows of several symbols now, by our names."""
    infos = {}
    for symbol in symbols:
        info = terminal.symbol_info(names.terminal_name(terminal, symbol))
        if info is None:
            code, text = terminal.last_error()
            if code == constants.RES_E_NOT_FOUND:
                names.forget()
            raise TerminalUnavailable(f"quote of {symbol}: {code} {text}")
        infos[symbol] = info
    return infos


def ticks_of(infos: Mapping[str, SymbolInfo]) -> dict[str, int]:
    """Return when the latest tick of each symbol was made, in the server's time."""
    return {symbol: info.time * SECOND_NS for symbol, info in infos.items() if info.time > 0}


def quotes_of(
    terminal: Terminal,
    names: SymbolNames,
    server: ServerClock,
    infos: Mapping[str, SymbolInfo],
    currency: str,
    oldest_ns: int,
    rate_outside: Callable[[str], OutsideRate | str] | None = None,
) -> QuotesRead:
    """Return bid, ask and the worth of the profit currency of symbols that were read.

    A symbol without prices, or that nothing values, is left out; what is wrong with the others is
    for their reader to judge, who says so.

    Parameters
    ----------
    currency : str
        The account's.
    oldest_ns : int
        Prices made before it value no currency.
    rate_outside : callable, optional
        Values a currency that no price of the terminal does, or says why it cannot.
    """

    def price_of(symbol: str) -> Price | None:
        info = infos.get(symbol)
        if info is not None:
            return Price(info.bid, server.to_utc_ns(info.time * SECOND_NS))
        return _price_beside(terminal, names, server, symbol)

    quotes, unvalued = [], []
    for symbol, info in infos.items():
        per_tick = info.trade_tick_size * info.trade_contract_size
        if (info.bid, info.ask) == (0.0, 0.0) or not per_tick > 0.0:
            continue
        live = live_rate(info.currency_profit, currency, price_of, oldest_ns)
        told = info.trade_tick_value / per_tick
        rate, outside = settled_rate(told, live), None
        if rate is None and live is None and rate_outside is not None:
            found = rate_outside(info.currency_profit)
            outside = settled_outside(told, found) if isinstance(found, OutsideRate) else found
        if isinstance(outside, OutsideRate):
            rate = outside.rate
        elif rate is None:
            if info.ask > info.bid > 0.0:
                unvalued.append((symbol, outside or "its tick value contradicts the live rate"))
                continue
            rate = math.nan  # prices that make no sense may be what its rate was counted from
        quotes.append(
            QuoteReading(
                symbol=symbol,
                bid=info.bid,
                ask=info.ask,
                account_per_quote=rate,
                tick_ns=server.to_utc_ns(info.time * SECOND_NS),
                rate_source=outside.source if isinstance(outside, OutsideRate) else "",
                rate_ns=outside.made_ns if isinstance(outside, OutsideRate) else 0,
            )
        )
    return QuotesRead(
        quotes=tuple(quotes),
        source=SOURCE,
        specs=_specs_of(infos),
        unvalued=tuple(unvalued),
    )


def _specs_of(infos: Mapping[str, SymbolInfo]) -> tuple[SymbolSpec, ...]:
    specs = []
    for symbol, info in infos.items():
        # Terms that make no sense are never posted; the daily reading of symbols says so.
        with suppress(ValueError):
            specs.append(symbol_spec(symbol, info))
    return tuple(specs)


def _price_beside(
    terminal: Terminal, names: SymbolNames, server: ServerClock, symbol: str
) -> Price | None:
    """Return the price of a symbol that is not traded but values a currency."""
    name = names.offered_name(terminal, symbol)
    if not name:
        return None
    tick = terminal.symbol_info_tick(name)
    if tick is None and terminal.symbol_select(name, True):
        tick = terminal.symbol_info_tick(name)
    return None if tick is None else Price(tick.bid, server.to_utc_ns(tick.time * SECOND_NS))


def _to_utc_ns(server_s: NDArray[np.int64], server: ServerClock) -> NDArray[np.int64]:
    return np.array([server.to_utc_ns(one * SECOND_NS) for one in server_s.tolist()], np.int64)
