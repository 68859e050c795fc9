"""What the MetaTrader5 package does between its caller and the terminal: strict types, last error.

The package refuses arguments before they leave the process, and it remembers the last error of the
process. Both the simulated terminal and the client of the terminal process stand behind this one
class, so their strictness is the same code. Types are strict, values are not: an `int` volume is
refused, a NaN volume passes.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Final, NoReturn, ParamSpec, TypeVar

from runtime.terminals import constants as mt5
from runtime.terminals.port import Moment, Request, TerminalRefused
from runtime.terminals.structures import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
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


P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F")
_Method = Callable[Concatenate["Binding", P], R]


def _answers(failed: F) -> Callable[[_Method[P, R]], _Method[P, R | F]]:
    """Let a function of the package keep the last error, and answer `failed` where it fails."""

    def keep(method: _Method[P, R]) -> _Method[P, R | F]:
        @wraps(method)
        def kept(binding: "Binding", /, *args: P.args, **kwargs: P.kwargs) -> R | F:
            binding.error = SUCCESS
            try:
                return method(binding, *args, **kwargs)
            except CallFailed as failure:
                binding.error = (failure.code, failure.text)
                return failed

        return kept

    return keep


class Binding(ABC):
    """The package's functions over one way of reaching a terminal; they are `port.Terminal`'s."""

    def __init__(self) -> None:
        self.error = SUCCESS

    @abstractmethod
    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        """Run a function of the terminal with arguments that the binding has let pass.

        Raises
        ------
        CallFailed
            If the call ends with `None`.
        """

    @_answers(failed=False)
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
        """Connect."""
        _credentials(password, server)
        return bool(
            self._forward(
                "initialize",
                path,
                login=login,
                password=password,
                server=server,
                timeout=timeout,
                portable=portable,
            )
        )

    @_answers(failed=False)
    def login(
        self, login: int, password: str = "", server: str = "", timeout: int = 60_000
    ) -> bool:
        """Switch to an account."""
        _credentials(password, server)
        return bool(
            self._forward("login", login=login, password=password, server=server, timeout=timeout)
        )

    @_answers(failed=False)
    def shutdown(self) -> bool:
        """Disconnect."""
        return bool(self._forward("shutdown"))

    def last_error(self) -> tuple[int, str]:
        """Return code and text of the call before this one; changes nothing."""
        return self.error

    @_answers(failed=None)
    def version(self) -> tuple[int, int, str]:
        """Return version, build and build date."""
        answer: tuple[int, int, str] = self._forward("version")
        return answer

    @_answers(failed=None)
    def terminal_info(self) -> TerminalInfo:
        """Return the state of the terminal program."""
        answer: TerminalInfo = self._forward("terminal_info")
        return answer

    @_answers(failed=None)
    def account_info(self) -> AccountInfo:
        """Return the account."""
        answer: AccountInfo = self._forward("account_info")
        return answer

    @_answers(failed=None)
    def symbols_total(self) -> int:
        """Return how many symbols there are."""
        answer: int = self._forward("symbols_total")
        return answer

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | bool | None:
        """Return the symbols that match; False for wrong arguments, None for other failures."""
        answer = self._symbols_get(group)
        is_ours = answer is None and self.error[0] == mt5.RES_E_INVALID_PARAMS
        return False if is_ours else answer

    @_answers(failed=None)
    def _symbols_get(self, group: str) -> tuple[SymbolInfo, ...]:
        answer: tuple[SymbolInfo, ...] = self._forward("symbols_get", _group(group))
        return answer

    @_answers(failed=None)
    def symbol_info(self, symbol: str) -> SymbolInfo:
        """Return a symbol's properties."""
        answer: SymbolInfo = self._forward("symbol_info", _name("symbol_info", symbol))
        return answer

    @_answers(failed=None)
    def symbol_info_tick(self, symbol: str) -> Tick:
        """Return a selected symbol's latest tick."""
        answer: Tick = self._forward("symbol_info_tick", _name("symbol_info_tick", symbol))
        return answer

    @_answers(failed=False)
    def symbol_select(self, symbol: str, enable: bool = True) -> bool:
        """Show or hide a symbol."""
        return bool(self._forward("symbol_select", _name("symbol_select", symbol), bool(enable)))

    @_answers(failed=None)
    def copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int
    ) -> RatesArray:
        """Return bars back from a position."""
        function = "copy_rates_from_pos"
        numbers = [_integer(function, number) for number in (timeframe, start_pos, count)]
        answer: RatesArray = self._forward(function, _name(function, symbol), *numbers)
        return answer

    @_answers(failed=None)
    def copy_rates_from(
        self, symbol: str, timeframe: int, date_from: Moment, count: int
    ) -> RatesArray:
        """Return bars back from a moment."""
        function = "copy_rates_from"
        answer: RatesArray = self._forward(
            function,
            _name(function, symbol),
            _integer(function, timeframe),
            _epoch_s(function, date_from),
            _integer(function, count),
        )
        return answer

    @_answers(failed=None)
    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: Moment, date_to: Moment
    ) -> RatesArray:
        """Return the bars of a range."""
        function = "copy_rates_range"
        answer: RatesArray = self._forward(
            function,
            _name(function, symbol),
            _integer(function, timeframe),
            _epoch_s(function, date_from),
            _epoch_s(function, date_to),
        )
        return answer

    @_answers(failed=None)
    def positions_total(self) -> int:
        """Return how many positions are open."""
        answer: int = self._forward("positions_total")
        return answer

    @_answers(failed=None)
    def positions_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradePosition, ...]:
        """Return open positions."""
        answer: tuple[TradePosition, ...] = self._forward(
            "positions_get", **_selection("positions_get", unnamed, ticket, symbol, group)
        )
        return answer

    @_answers(failed=None)
    def orders_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradeOrder, ...]:
        """Return working orders."""
        answer: tuple[TradeOrder, ...] = self._forward(
            "orders_get", **_selection("orders_get", unnamed, ticket, symbol, group)
        )
        return answer

    @_answers(failed=None)
    def history_orders_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeOrder, ...]:
        """Return finished orders: of a range, with a ticket, or of a position."""
        answer: tuple[TradeOrder, ...] = self._history(
            "history_orders_get", dates, group, ticket, position
        )
        return answer

    @_answers(failed=None)
    def history_deals_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeDeal, ...]:
        """Return deals: of a range, the first of an order, or of a position."""
        answer: tuple[TradeDeal, ...] = self._history(
            "history_deals_get", dates, group, ticket, position
        )
        return answer

    def _history(
        self, function: str, dates: tuple[Moment, ...], group: str, ticket: int, position: int
    ) -> Any:
        if sum((bool(dates), bool(ticket), bool(position))) != 1 or len(dates) not in (0, 2):
            raise _invalid("Invalid arguments")
        return self._forward(
            function,
            *(_epoch_s(function, date) for date in dates),
            group=_group(group),
            ticket=_unsigned(function, ticket, UNSIGNED_64_MAX),
            position=_unsigned(function, position, UNSIGNED_64_MAX),
        )

    @_answers(failed=None)
    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float:
        """Return the margin of an order."""
        function = "order_calc_margin"
        numbers = [_number(function, number) for number in (volume, price)]
        answer: float = self._forward(
            function, _integer(function, action), _name(function, symbol), *numbers
        )
        return answer

    @_answers(failed=None)
    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float:
        """Return the profit between two prices."""
        function = "order_calc_profit"
        numbers = [_number(function, number) for number in (volume, price_open, price_close)]
        answer: float = self._forward(
            function, _integer(function, action), _name(function, symbol), *numbers
        )
        return answer

    @_answers(failed=None)
    def order_check(self, request: Request) -> OrderCheckResult:
        """Return what a request would do."""
        answer: OrderCheckResult = self._forward(
            "order_check", read_request("order_check", request)
        )
        return answer

    @_answers(failed=None)
    def order_send(
        self, request: Request, *, request_id: str, epoch: int
    ) -> OrderSendResult | TerminalRefused:
        """Send a request once, ever.

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
        answer: OrderSendResult | TerminalRefused = self._forward(
            "order_send", read_request("order_send", request), request_id=request_id, epoch=epoch
        )
        return answer

    @_answers(failed=None)
    def epoch_seen(self) -> int:
        """Return the highest epoch that has sent here."""
        answer: int = self._forward("epoch_seen")
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
        raise _invalid("Invalid arguments")
    return TradeRequest(*(_field(function, request, name) for name in TradeRequest._fields))


def _field(function: str, request: Request, name: str) -> Any:
    if name in _FLOATS:
        number = request.get(name, 0.0)
        # np.float64 is a float and passes; np.float32 and int are not.
        return float(number) if isinstance(number, float) else _refuse(name)
    if name in _TEXT_FIELDS:
        text = request.get(name, "")
        return (
            str(text) if isinstance(text, str) and _fits(TEXT_LENGTH_MAX, text) else _refuse(name)
        )
    whole = request.get(name, 0)
    if not isinstance(whole, int):
        _refuse(name)
    if name == "expiration":
        if not -SIGNED_64_MAX - 1 <= whole <= SIGNED_64_MAX:
            _raise_pending(function)
        return int(whole)
    return _unsigned(function, whole, _UNSIGNED_MAX[name])


def _refuse(field: str) -> NoReturn:
    raise _invalid(f'Invalid "{field}" argument')


def _raise_pending(function: str) -> NoReturn:
    raise SystemError(
        f"<built-in function {function}> returned a result with an exception set"
    ) from None


def _fits(length_max: int, *texts: str) -> bool:
    return all(isinstance(text, str) and _wide_length(text) <= length_max for text in texts)


def _wide_length(text: str) -> int:
    # The package counts wide characters of Windows, of which some texts need two for one of ours.
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _invalid(text: str) -> CallFailed:
    return CallFailed(mt5.RES_E_INVALID_PARAMS, text)


def _name(function: str, symbol: object) -> str:
    if not isinstance(symbol, str):
        _raise_pending(function)
    if not _fits(TEXT_LENGTH_MAX, symbol):
        raise _invalid("Invalid arguments")
    return symbol


def _group(group: object) -> str:
    if not isinstance(group, str):
        raise _invalid("Invalid arguments")
    return group


def _credentials(*texts: str) -> None:
    if not _fits(CREDENTIAL_LENGTH_MAX, *texts):
        raise _invalid("Invalid arguments")


def _selection(
    function: str, unnamed: tuple[object, ...], ticket: int, symbol: str, group: str
) -> dict[str, object]:
    if unnamed:
        raise _invalid("Unnamed arguments not allowed")
    return {
        "ticket": _unsigned(function, ticket, UNSIGNED_64_MAX),
        "symbol": _name(function, symbol),
        "group": _group(group),
    }


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
