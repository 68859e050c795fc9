"""What the MetaTrader5 package does between its caller and the terminal: strict types, last error.

The package refuses arguments before they leave the process, and it remembers the last error of the
process. Both the simulated terminal and the client of the terminal process stand behind this one
class, so their strictness is the same code. Types are strict, values are not: an `int` volume is
refused, a NaN volume passes.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from runtime.terminals import constants as mt5
from runtime.terminals.port import Moment, Request, SendAnswer
from runtime.terminals.structures import (
    AccountInfo,
    OrderCheckResult,
    RatesArray,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

SUCCESS: Final = (mt5.RES_S_OK, "Success")
TEXT_LENGTH_MAX: Final = 29
"""The package counts the terminator, so one character less than its buffer of 30."""
CREDENTIAL_LENGTH_MAX: Final = 253
UNSIGNED_32_MAX: Final = 2**32 - 1
UNSIGNED_64_MAX: Final = 2**64 - 1
SIGNED_32_MAX: Final = 2**31 - 1
SIGNED_64_MAX: Final = 2**63 - 1
REQUEST_ID_LENGTH_MAX: Final = 128

_TEXTS: Final = {
    mt5.RES_E_INVALID_PARAMS: "Terminal: Invalid params",
    mt5.RES_E_NO_MEMORY: "Terminal: Out of memory",
    mt5.RES_E_NOT_FOUND: "Terminal: Not found",
    mt5.RES_E_INVALID_VERSION: (
        "Terminal: Incompatible versions, please install the latest version of Terminal and "
        "Python module"
    ),
    mt5.RES_E_AUTH_FAILED: "Terminal: Authorization failed",
    mt5.RES_E_UNSUPPORTED: "Terminal: Unsupported function",
    mt5.RES_E_AUTO_TRADING_DISABLED: "Auto-Trading using Python API disabled in Terminal",
    mt5.RES_E_INTERNAL_FAIL: "IPC call failed",
    mt5.RES_E_INTERNAL_FAIL_SEND: "IPC send failed",
    mt5.RES_E_INTERNAL_FAIL_RECEIVE: "IPC recv failed",
    mt5.RES_E_INTERNAL_FAIL_INIT: "IPC initialize failed",
    mt5.RES_E_INTERNAL_FAIL_CONNECT: "No IPC connection",
    mt5.RES_E_INTERNAL_FAIL_TIMEOUT: "IPC timeout",
}
_TEXT_ELSE: Final = "Terminal: Call failed"


class CallFailed(Exception):
    """A call that ends with `None` and a last error; it never leaves the terminal's surface."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        self.text = text or _TEXTS.get(code, _TEXT_ELSE)
        super().__init__(f"{self.code}: {self.text}")


class Binding(ABC):
    """The package's functions over one way of reaching a terminal."""

    def __init__(self) -> None:
        self._last_error = SUCCESS

    @abstractmethod
    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        """Run a function of the terminal with arguments that the binding has let pass.

        Raises
        ------
        CallFailed
            If the call ends with `None`.
        """

    def _call(self, function: str, *arguments: object, **named: object) -> Any:
        self._last_error = SUCCESS
        try:
            return self._forward(function, *arguments, **named)
        except CallFailed as failure:
            return self._fail(failure.code, failure.text)

    def _fail(self, code: int, text: str = "") -> None:
        failure = CallFailed(code, text)
        self._last_error = (failure.code, failure.text)

    def _invalid(self, text: str) -> None:
        self._fail(mt5.RES_E_INVALID_PARAMS, text)

    def initialize(
        self,
        path: str = "",
        *,
        login: int = 0,
        password: str = "",
        server: str = "",
        timeout: int = 60_000,
        portable: bool = False,
    ) -> bool:
        """Connect; see `port.Terminal`."""
        if not _fits(CREDENTIAL_LENGTH_MAX, password, server):
            self._invalid("Invalid arguments")
            return False
        return bool(
            self._call(
                "initialize",
                path,
                login=login,
                password=password,
                server=server,
                timeout=timeout,
                portable=portable,
            )
        )

    def login(
        self, login: int, password: str = "", server: str = "", timeout: int = 60_000
    ) -> bool:
        """Switch to an account; see `port.Terminal`."""
        if not _fits(CREDENTIAL_LENGTH_MAX, password, server):
            self._invalid("Invalid arguments")
            return False
        return bool(self._call("login", login, password=password, server=server, timeout=timeout))

    def shutdown(self) -> bool:
        """Disconnect; see `port.Terminal`."""
        return bool(self._call("shutdown"))

    def last_error(self) -> tuple[int, str]:
        """Return code and text of the call before this one; changes nothing."""
        return self._last_error

    def version(self) -> tuple[int, int, str] | None:
        """Return version, build and build date; see `port.Terminal`."""
        answer: tuple[int, int, str] | None = self._call("version")
        return answer

    def terminal_info(self) -> TerminalInfo | None:
        """Return the state of the terminal program; see `port.Terminal`."""
        answer: TerminalInfo | None = self._call("terminal_info")
        return answer

    def account_info(self) -> AccountInfo | None:
        """Return the account; see `port.Terminal`."""
        answer: AccountInfo | None = self._call("account_info")
        return answer

    def symbols_total(self) -> int | None:
        """Return how many symbols there are; see `port.Terminal`."""
        answer: int | None = self._call("symbols_total")
        return answer

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | bool | None:
        """Return the symbols that match; see `port.Terminal`."""
        if not isinstance(group, str):
            self._invalid("Invalid arguments")
            return False
        answer: tuple[SymbolInfo, ...] | None = self._call("symbols_get", group)
        return answer

    def symbol_info(self, symbol: str) -> SymbolInfo | None:
        """Return a symbol's properties; see `port.Terminal`."""
        if not _is_name("symbol_info", symbol):
            return self._invalid("Invalid arguments")
        answer: SymbolInfo | None = self._call("symbol_info", symbol)
        return answer

    def symbol_info_tick(self, symbol: str) -> Tick | None:
        """Return a selected symbol's latest tick; see `port.Terminal`."""
        if not _is_name("symbol_info_tick", symbol):
            return self._invalid("Invalid arguments")
        answer: Tick | None = self._call("symbol_info_tick", symbol)
        return answer

    def symbol_select(self, symbol: str, enable: bool = True) -> bool | None:
        """Show or hide a symbol; see `port.Terminal`."""
        if not _is_name("symbol_select", symbol):
            return self._invalid("Invalid arguments")
        return bool(self._call("symbol_select", symbol, bool(enable)))

    def copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int
    ) -> RatesArray | None:
        """Return bars back from a position; see `port.Terminal`."""
        function = "copy_rates_from_pos"
        if not _is_name(function, symbol):
            return self._invalid("Invalid arguments")
        numbers = [_integer(function, number) for number in (timeframe, start_pos, count)]
        answer: RatesArray | None = self._call(function, symbol, *numbers)
        return answer

    def copy_rates_from(
        self, symbol: str, timeframe: int, date_from: Moment, count: int
    ) -> RatesArray | None:
        """Return bars back from a moment; see `port.Terminal`."""
        function = "copy_rates_from"
        if not _is_name(function, symbol):
            return self._invalid("Invalid arguments")
        answer: RatesArray | None = self._call(
            function,
            symbol,
            _integer(function, timeframe),
            _epoch_s(function, date_from),
            _integer(function, count),
        )
        return answer

    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: Moment, date_to: Moment
    ) -> RatesArray | None:
        """Return the bars of a range; see `port.Terminal`."""
        function = "copy_rates_range"
        if not _is_name(function, symbol):
            return self._invalid("Invalid arguments")
        answer: RatesArray | None = self._call(
            function,
            symbol,
            _integer(function, timeframe),
            _epoch_s(function, date_from),
            _epoch_s(function, date_to),
        )
        return answer

    def positions_total(self) -> int | None:
        """Return how many positions are open; see `port.Terminal`."""
        answer: int | None = self._call("positions_total")
        return answer

    def positions_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradePosition, ...] | None:
        """Return open positions; see `port.Terminal`."""
        if not self._selects("positions_get", unnamed, ticket, symbol, group):
            return None
        answer: tuple[TradePosition, ...] | None = self._call(
            "positions_get", ticket=ticket, symbol=symbol, group=group
        )
        return answer

    def orders_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradeOrder, ...] | None:
        """Return working orders; see `port.Terminal`."""
        if not self._selects("orders_get", unnamed, ticket, symbol, group):
            return None
        answer: tuple[TradeOrder, ...] | None = self._call(
            "orders_get", ticket=ticket, symbol=symbol, group=group
        )
        return answer

    def _selects(
        self, function: str, unnamed: tuple[object, ...], ticket: int, symbol: str, group: str
    ) -> bool:
        if unnamed:
            self._invalid("Unnamed arguments not allowed")
            return False
        _unsigned(function, ticket, UNSIGNED_64_MAX)
        if not (_is_name(function, symbol) and isinstance(group, str)):
            self._invalid("Invalid arguments")
            return False
        return True

    def history_orders_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeOrder, ...] | None:
        """Return finished orders; see `port.Terminal`."""
        answer: tuple[TradeOrder, ...] | None = self._history(
            "history_orders_get", dates, group, ticket, position
        )
        return answer

    def history_deals_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeDeal, ...] | None:
        """Return deals; see `port.Terminal`."""
        answer: tuple[TradeDeal, ...] | None = self._history(
            "history_deals_get", dates, group, ticket, position
        )
        return answer

    def _history(
        self, function: str, dates: tuple[Moment, ...], group: str, ticket: int, position: int
    ) -> Any:
        for number in (ticket, position):
            _unsigned(function, number, UNSIGNED_64_MAX)
        ways = (bool(dates), bool(ticket), bool(position))
        if sum(ways) != 1 or len(dates) not in (0, 2) or not isinstance(group, str):
            return self._invalid("Invalid arguments")
        moments = [_epoch_s(function, date) for date in dates]
        return self._call(function, *moments, group=group, ticket=ticket, position=position)

    def order_calc_margin(
        self, action: int, symbol: str, volume: float, price: float
    ) -> float | None:
        """Return the margin of an order; see `port.Terminal`."""
        function = "order_calc_margin"
        if not _is_name(function, symbol):
            return self._invalid("Invalid arguments")
        numbers = [_number(function, number) for number in (volume, price)]
        answer: float | None = self._call(function, _integer(function, action), symbol, *numbers)
        return answer

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float | None:
        """Return the profit between two prices; see `port.Terminal`."""
        function = "order_calc_profit"
        if not _is_name(function, symbol):
            return self._invalid("Invalid arguments")
        numbers = [_number(function, number) for number in (volume, price_open, price_close)]
        answer: float | None = self._call(function, _integer(function, action), symbol, *numbers)
        return answer

    def order_check(self, request: Request) -> OrderCheckResult | None:
        """Return what a request would do; see `port.Terminal`."""
        self._last_error = SUCCESS
        try:
            read = read_request("order_check", request)
        except CallFailed as failure:
            return self._fail(failure.code, failure.text)
        answer: OrderCheckResult | None = self._call("order_check", read)
        return answer

    def order_send(self, request: Request, *, request_id: str, epoch: int) -> SendAnswer:
        """Send a request once, ever; see `port.Terminal`.

        Raises
        ------
        ValueError
            If the id is empty or too long, or the epoch negative: that is our own error, not one
            of the request.
        """
        if not 0 < len(request_id) <= REQUEST_ID_LENGTH_MAX:
            raise ValueError(f"request_id must have 1..{REQUEST_ID_LENGTH_MAX} characters")
        if not 0 <= epoch <= SIGNED_64_MAX:
            raise ValueError(f"epoch must be in [0, 2**63), was {epoch}")
        self._last_error = SUCCESS
        try:
            read = read_request("order_send", request)
        except CallFailed as failure:
            return self._fail(failure.code, failure.text)
        answer: SendAnswer = self._call("order_send", read, request_id=request_id, epoch=epoch)
        return answer

    def epoch_seen(self) -> int | None:
        """Return the highest epoch that has sent here; see `port.Terminal`."""
        answer: int | None = self._call("epoch_seen")
        return answer


_FLOATS: Final = frozenset({"volume", "price", "stoplimit", "sl", "tp"})
_TEXT_FIELDS: Final = frozenset({"symbol", "comment"})
_UNSIGNED_MAX: Final = {
    "action": UNSIGNED_32_MAX,
    "magic": UNSIGNED_64_MAX,
    "order": UNSIGNED_64_MAX,
    "deviation": UNSIGNED_64_MAX,
    "type": UNSIGNED_32_MAX,
    "type_filling": UNSIGNED_32_MAX,
    "type_time": UNSIGNED_32_MAX,
    "position": UNSIGNED_64_MAX,
    "position_by": UNSIGNED_64_MAX,
}


def read_request(function: str, request: Request) -> TradeRequest:
    """Return a request as the package reads it: in its order, missing keys 0 or empty.

    Raises
    ------
    CallFailed
        -2 with the first field that has the wrong type.
    SystemError
        If an integer is out of range: the package leaves a Python error pending, and CPython
        raises. Source: the compiled module; not observed live.
    """
    if not isinstance(request, Mapping):
        raise CallFailed(mt5.RES_E_INVALID_PARAMS, "Invalid arguments")
    return TradeRequest(*(_field(function, request, name) for name in TradeRequest._fields))


def _field(function: str, request: Request, name: str) -> Any:
    if name in _FLOATS:
        number = request.get(name, 0.0)
        # np.float64 is a float and passes; np.float32 and int are not.
        return float(number) if isinstance(number, float) else _refuse(name)
    if name in _TEXT_FIELDS:
        text = request.get(name, "")
        return str(text) if isinstance(text, str) and _fits(TEXT_LENGTH_MAX, text) else _refuse(name)
    whole = request.get(name, 0)
    if not isinstance(whole, int):
        _refuse(name)
    if name == "expiration":
        if not -SIGNED_64_MAX - 1 <= whole <= SIGNED_64_MAX:
            _raise_pending(function)
        return int(whole)
    return _unsigned(function, whole, _UNSIGNED_MAX[name])


def _refuse(field: str) -> NoReturn:
    raise CallFailed(mt5.RES_E_INVALID_PARAMS, f'Invalid "{field}" argument')


def _raise_pending(function: str) -> NoReturn:
    raise SystemError(
        f"<built-in function {function}> returned a result with an exception set"
    ) from None


def _fits(length_max: int, *texts: str) -> bool:
    return all(isinstance(text, str) and _wide_length(text) <= length_max for text in texts)


def _wide_length(text: str) -> int:
    # The package counts wide characters of Windows, of which some texts need two for one of ours.
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_name(function: str, symbol: object) -> bool:
    if not isinstance(symbol, str):
        _raise_pending(function)
    return _fits(TEXT_LENGTH_MAX, symbol)


def _unsigned(function: str, number: object, highest: int) -> int:
    whole = _integer(function, number, highest)
    if whole < 0:
        _raise_pending(function)
    return whole


def _integer(function: str, number: Any, highest: int = SIGNED_32_MAX) -> int:
    try:
        whole = operator.index(number)
    except TypeError:
        _raise_pending(function)
    if not -highest - 1 <= whole <= highest:
        _raise_pending(function)
    return whole


def _number(function: str, number: object) -> float:
    if not isinstance(number, int | float):
        _raise_pending(function)
    return float(number)


def _epoch_s(function: str, moment: object) -> float:
    if isinstance(moment, datetime):
        return moment.timestamp()  # a naive one is read in the local zone, as the package does
    return _number(function, moment)
