"""A terminal whose symbols and answers a test sets by hand, behind the package's own strictness."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from models.market.sessions import SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.binding import Binding
from runtime.terminals.structures import (
    RATES_DTYPE,
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    RatesArray,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradePosition,
    TradeRequest,
)

BLANK: Final = {int: 0, float: 0.0, str: "", bool: False}


def blank(kind: Any, **known: Any) -> Any:
    """Return a structure of zeros and empty texts, some of its fields given."""
    return kind(**{name: known.get(name, BLANK[of]) for name, of in kind.__annotations__.items()})


def an_info(name: str, canonical: str = "", **changes: Any) -> SymbolInfo:
    """Return a symbol that can be traded, at 1.10000 to 1.10010, worth 1.0 in account currency."""
    of = canonical or name
    known: dict[str, Any] = {
        "name": name,
        "select": True,
        "visible": True,
        "time": 1,
        "digits": 5,
        "point": 1e-5,
        "trade_mode": mt5.SYMBOL_TRADE_MODE_FULL,
        "trade_calc_mode": mt5.SYMBOL_CALC_MODE_FOREX,
        "trade_exemode": mt5.SYMBOL_TRADE_EXECUTION_MARKET,
        "filling_mode": 3,
        "order_mode": 127,
        "bid": 1.1,
        "ask": 1.1001,
        "trade_tick_size": 1e-5,
        "trade_tick_value": 1.0,
        "trade_contract_size": 100_000.0,
        "volume_min": 0.01,
        "volume_max": 100.0,
        "volume_step": 0.01,
        "currency_base": of[:3],
        "currency_profit": of[3:6],
    }
    info: SymbolInfo = blank(SymbolInfo, **(known | changes))
    return info


def hours(*opens_ns: int) -> RatesArray:
    """Return bars that open at readings of the server's clock."""
    bars = np.zeros(len(opens_ns), dtype=RATES_DTYPE)
    bars["time"] = [at_ns // SECOND_NS for at_ns in opens_ns]
    for name in ("open", "high", "low", "close"):
        bars[name] = 1.1
    return bars


class HandTerminal(Binding):
    """Knows the symbols it is given; what a test sets in `answers` goes before them."""

    def __init__(self, *infos: SymbolInfo, currency: str = "USD") -> None:
        super().__init__()
        self.infos = {info.name: info for info in infos}
        self.account: AccountInfo = blank(AccountInfo, currency=currency, balance=10_000.0)
        self.program: TerminalInfo = blank(TerminalInfo, maxbars=100_000, connected=True)
        self.positions: tuple[TradePosition, ...] = ()
        self.answers: dict[str, Callable[..., Any]] = {}
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def called(self, function: str) -> list[tuple[object, ...]]:
        """Return the arguments of each call of a function."""
        return [arguments for name, arguments in self.calls if name == function]

    def change(self, name: str, **changes: Any) -> None:
        """Change a symbol."""
        self.infos[name] = self.infos[name]._replace(**changes)

    def steer(self, now_ns: int | None) -> None:
        """Do nothing: what is shown is set by hand."""

    def advance(self, to_ns: int) -> None:
        """Do nothing, likewise."""

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Return the end: nothing happens by itself."""
        return until_ns

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        self.calls.append((function, arguments))
        if function in self.answers:
            return self.answers[function](*arguments, **named)
        return getattr(self, f"_{function}")(*arguments, **named)

    def _initialize(self, *_: object, **__: object) -> bool:
        return True

    def _account_info(self) -> AccountInfo:
        return self.account

    def _terminal_info(self) -> TerminalInfo:
        return self.program

    def _symbols_get(self, group: str) -> tuple[SymbolInfo, ...]:
        return tuple(self.infos.values())

    def _symbol_info(self, symbol: str) -> SymbolInfo:
        if symbol not in self.infos:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return self.infos[symbol]

    def _symbol_info_tick(self, symbol: str) -> Tick:
        info = self._symbol_info(symbol)
        if not info.select:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        tick: Tick = blank(Tick, time=info.time, bid=info.bid, ask=info.ask)
        return tick

    def _symbol_select(self, symbol: str, enable: bool) -> bool:
        self._symbol_info(symbol)
        self.change(symbol, select=enable, visible=enable)
        return True

    def _positions_get(self, *, ticket: int = 0, **_: object) -> tuple[TradePosition, ...]:
        return tuple(each for each in self.positions if ticket in (0, each.ticket))

    def _orders_get(self, **_: object) -> tuple[object, ...]:
        return ()

    def _history_orders_get(self, *_: object, **__: object) -> tuple[object, ...]:
        return ()

    def _history_deals_get(self, *_: object, **__: object) -> tuple[object, ...]:
        return ()

    def _epoch_seen(self, epoch: int) -> int:
        return epoch

    def _order_check(self, request: TradeRequest) -> OrderCheckResult:
        result: OrderCheckResult = blank_check(request)
        return result

    def _order_send(self, request: TradeRequest, **_: object) -> OrderSendResult:
        return a_result(request)


def blank_check(request: TradeRequest, retcode: int = 0) -> OrderCheckResult:
    """Return what a check answers."""
    return OrderCheckResult(retcode, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "Done", request)


def a_result(request: TradeRequest, retcode: int = mt5.TRADE_RETCODE_DONE) -> OrderSendResult:
    """Return what a send answers."""
    return OrderSendResult(retcode, 1, 1, request.volume, 1.1001, 1.1, 1.1001, "", 1, 0, request)
