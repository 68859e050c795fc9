"""What can be wrong with a reading of the terminal: nothing there, another account, false prices.

The terminal's own answer is true; what is handed on may not be. Whatever is distorted stays of the
type that the package answers with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from blackboard.facts import Timeframe
from models.market.sessions import HOUR_NS, SECOND_NS
from runtime.simulation.broker import Broker
from runtime.simulation.faults import Faults
from runtime.simulation.history import FeedCut
from runtime.simulation.plan import PlannedFault
from runtime.simulation.recorder import Recorder
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.server_offset import PROOF_SPAN_NS
from runtime.terminals.structures import AccountInfo, RatesArray, SymbolInfo

SPIKE: Final = 100.0
SPREADS: Final = 50.0
NEVER_ANSWERS: Final = 3
"""Fewest bars for which a distortion of their order makes sense."""

_HISTORY: Final = ("history_orders_get", "history_deals_get")
_TIMES: Final = ("time", "time_msc", "time_update", "time_update_msc", "time_setup", "time_done")

Distort = Callable[[Any, PlannedFault], Any]


class Distortion:
    """Stands between the terminal's answers and whoever asked."""

    def __init__(
        self,
        broker: Broker,
        faults: Faults,
        recorder: Recorder,
        now_ns: Callable[[], int],
        timeframe: Timeframe,
    ) -> None:
        self._broker = broker
        self._faults = faults
        self._recorder = recorder
        self._now_ns = now_ns
        self._frozen: dict[str, SymbolInfo] = {}
        # Two looks at the ticks further apart cannot tell one offset from the next: on longer
        # timeframes a server that sets its clock within a week is not found out.
        self._is_provable = timeframe.length_ns <= PROOF_SPAN_NS
        self._barless: set[str] = set()
        """Symbols whose bars have stopped as well; of the others the same tick is repeated."""

    def call(self, function: str, arguments: Sequence[object], named: Mapping[str, object]) -> Any:
        """Call a function of the terminal and distort what it says; CallFailed for None."""
        offset = self._faults.strike("server_offset") if self._is_provable else None
        shift_s = int(offset.value * HOUR_NS // SECOND_NS) if offset else 0
        if shift_s and (function in _HISTORY or function == "copy_rates_range"):
            arguments = [_earlier(one, shift_s) for one in arguments]
        answer: Any
        match function:
            case "symbol_info":
                answer = self._symbol_info(str(arguments[0]))
            case "copy_rates_range":
                answer = self._rates(arguments)
            case "positions_get" | "history_deals_get":
                answer = self._book(function, arguments, named)
            case "account_info":
                answer = self._account(self._broker.call(function))
            case _:
                answer = self._broker.call(function, *arguments, **named)
        return _later(answer, shift_s) if shift_s else answer

    def _book(self, function: str, arguments: Sequence[object], named: Mapping[str, object]) -> Any:
        answer = self._broker.call(function, *arguments, **named)
        if function == "history_deals_get":
            return () if answer and self._faults.strike("deals_empty") else answer
        if answer and not named.get("ticket"):
            if self._faults.strike("positions_none"):
                raise CallFailed(mt5.RES_E_INTERNAL_FAIL_SEND)
            if self._faults.strike("positions_empty"):
                return ()
        return answer

    def _account(self, info: AccountInfo) -> AccountInfo:
        fault = self._faults.strike("account_switched")
        if fault is None:
            return info
        another: tuple[dict[str, object], ...] = (
            {"login": info.login + 1},
            {"server": "Elsewhere-Demo"},
            {"trade_mode": mt5.ACCOUNT_TRADE_MODE_REAL},
            {"margin_mode": mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING},
            {"currency": "EUR"},
            {"login": info.login + 1, "balance": info.balance * 10, "equity": info.equity * 10},
        )
        return info._replace(**another[int(fault.value)])  # type: ignore[arg-type]

    def _symbol_info(self, symbol: str) -> SymbolInfo:
        strike = self._faults.strike
        if strike("symbol_renamed", symbol):
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        info: SymbolInfo = self._broker.call("symbol_info", symbol)
        if fault := strike("ticks_stopped", symbol):
            info = self._stopped(symbol, info, fault)
        else:
            self._frozen.pop(symbol, None)
            self._barless.discard(symbol)
        if fault := strike("tick_backwards", symbol):
            info = info._replace(time=info.time - int(fault.value))
        if fault := strike("tick_future", symbol):
            info = info._replace(time=info.time + int(fault.value))
        if fault := strike("quote_false", symbol):
            info = _falsified(info, int(fault.value))
        if fault := strike("terms_changed", symbol):
            info = _renegotiated(info, int(fault.value))
        return info

    def _stopped(self, symbol: str, info: SymbolInfo, fault: PlannedFault) -> SymbolInfo:
        if symbol not in self._frozen:
            self._frozen[symbol] = info
            if fault.number % 2 == 1:
                self._barless.add(symbol)
            now_ns = self._now_ns()
            cut = FeedCut(symbol=symbol, from_ns=now_ns, until_ns=fault.until_ns)
            self._recorder.feed_cuts.append(cut)
        frozen = self._frozen[symbol]
        return info._replace(bid=frozen.bid, ask=frozen.ask, time=frozen.time)

    def _rates(self, arguments: Sequence[object]) -> RatesArray:
        symbol = str(arguments[0])
        if self._faults.strike("symbol_renamed", symbol):
            raise CallFailed(mt5.RES_E_FAIL)
        rates: RatesArray = self._broker.call("copy_rates_range", *arguments)
        if symbol in self._barless:
            rates = rates[rates["time"] < self._frozen[symbol].time]
        fault = self._faults.strike("bars_false", symbol)
        return rates if fault is None else _disordered(rates, int(fault.value))


def _falsified(info: SymbolInfo, how: int) -> SymbolInfo:
    bid, ask = info.bid, info.ask
    prices = (
        (0.0, 0.0),
        (float("nan"), float("nan")),
        (-bid, -ask),
        (ask, bid),
        (bid * SPIKE, ask * SPIKE),
        (bid, bid + max(ask - bid, info.point) * SPREADS),
    )[how]
    return info._replace(bid=prices[0], ask=prices[1])


def _renegotiated(info: SymbolInfo, how: int) -> SymbolInfo:
    if how == 0:
        return info._replace(digits=info.digits - 1, point=info.point * 10.0)
    if how == 1:
        return info._replace(volume_step=info.volume_step * 10, volume_min=info.volume_min * 10)
    return info._replace(trade_stops_level=info.trade_stops_level + 100)


def _disordered(rates: RatesArray, how: int) -> RatesArray:
    if how == 0:
        raise CallFailed(mt5.RES_E_INVALID_PARAMS)
    if not len(rates):
        return rates
    if how == 1:
        return np.delete(rates, len(rates) // 2)
    if how == 2:
        return np.concatenate([rates, rates[-1:]])
    if how == 3:
        return rates[::-1].copy()
    if how == 4:
        return rates[:-1]
    changed = rates.copy()
    if how == 5:
        # What was closed is told differently: a little higher all over.
        for name in ("open", "high", "low", "close"):
            changed[name][-1] *= 1.0002
    else:
        changed["close"][-1] = np.nan
    return changed


def _earlier(argument: object, shift_s: int) -> object:
    # Only moments are epochs; counts and constants are far below.
    is_moment = isinstance(argument, int | float) and argument > 10**8
    return argument - shift_s if is_moment else argument  # type: ignore[operator]


def _later(answer: Any, shift_s: int) -> Any:
    if isinstance(answer, np.ndarray):
        moved = answer.copy()
        moved["time"] += shift_s
        return moved
    if not isinstance(answer, tuple):
        return answer
    fields: tuple[str, ...] | None = getattr(answer, "_fields", None)
    if fields is None:
        return tuple(_later(one, shift_s) for one in answer)
    times = {
        name: getattr(answer, name) + shift_s * (1000 if name.endswith("msc") else 1)
        for name in _TIMES
        if name in fields and getattr(answer, name)
    }
    named: Any = answer
    return named._replace(**times) if times else answer
