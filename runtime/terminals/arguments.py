"""How the MetaTrader5 package reads its arguments: strict about types, blind to values.

What it does not take ends the call with -2 before anything leaves the process; some wrong arguments
make CPython raise instead. Each reader here returns the plain value that goes on to the terminal.
"""

import math
import operator
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from runtime.terminals import constants as mt5
from runtime.terminals.port import Request
from runtime.terminals.structures import TradeRequest

TEXT_LENGTH_MAX: Final = 29
"""The package counts the terminator, so one character less than its buffer of 30."""
CREDENTIAL_LENGTH_MAX: Final = 253
UNSIGNED_32_MAX: Final = 2**32 - 1
UNSIGNED_64_MAX: Final = 2**64 - 1
SIGNED_32_MAX: Final = 2**31 - 1
SIGNED_64_MAX: Final = 2**63 - 1

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
        raise invalid("Invalid arguments")
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
    return unsigned_of(function, whole, _UNSIGNED_MAX[name])


def _refuse(field: str) -> NoReturn:
    raise invalid(f'Invalid "{field}" argument')


def _raise_pending(function: str) -> NoReturn:
    raise SystemError(
        f"<built-in function {function}> returned a result with an exception set"
    ) from None


def _fits(length_max: int, *texts: str) -> bool:
    return all(isinstance(text, str) and _wide_length(text) <= length_max for text in texts)


def _wide_length(text: str) -> int:
    # The package counts wide characters of Windows, of which some texts need two for one of ours.
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def invalid(text: str) -> CallFailed:
    """Return the failure of an argument, in the package's words."""
    return CallFailed(mt5.RES_E_INVALID_PARAMS, text)


def name_of(function: str, symbol: object) -> str:
    """Return a symbol's name, of at most 29 characters."""
    if not isinstance(symbol, str):
        _raise_pending(function)
    if not _fits(TEXT_LENGTH_MAX, symbol):
        raise invalid("Invalid arguments")
    return symbol


def group_of(group: object) -> str:
    """Return the masks of a group."""
    if not isinstance(group, str):
        raise invalid("Invalid arguments")
    return group


def check_credentials(*texts: str) -> None:
    """Refuse a password or server that the package has no room for."""
    if not _fits(CREDENTIAL_LENGTH_MAX, *texts):
        raise invalid("Invalid arguments")


def selection_of(
    function: str, unnamed: tuple[object, ...], ticket: int, symbol: str, group: str
) -> dict[str, object]:
    """Return what selects positions or orders; it must be named."""
    if unnamed:
        raise invalid("Unnamed arguments not allowed")
    return {
        "ticket": unsigned_of(function, ticket, UNSIGNED_64_MAX),
        "symbol": name_of(function, symbol),
        "group": group_of(group),
    }


def unsigned_of(function: str, number: object, highest: int) -> int:
    """Return an integer from 0 up."""
    whole = integer_of(function, number, highest)
    if whole < 0:
        _raise_pending(function)
    return whole


def integer_of(function: str, number: Any, highest: int = SIGNED_32_MAX) -> int:
    """Return an integer within [-highest - 1, highest]."""
    try:
        whole = operator.index(number)
    except TypeError:
        _raise_pending(function)
    if not -highest - 1 <= whole <= highest:
        _raise_pending(function)
    return whole


def number_of(function: str, number: object) -> float:
    """Return a number as a float; the calculations take integers too."""
    if not isinstance(number, int | float):
        _raise_pending(function)
    return float(number)


def epoch_s_of(function: str, moment: object) -> float:
    """Return a moment as an epoch in seconds."""
    if isinstance(moment, datetime):
        return moment.timestamp()  # a naive one is read in the local zone, as the package does
    return number_of(function, moment)


def check_calculation(action: int, *numbers: float) -> None:
    """Raise CallFailed unless the action is a market order and all numbers are positive."""
    is_market = action in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)
    if not is_market or not all(0.0 < number < math.inf for number in numbers):
        raise CallFailed(mt5.RES_E_INVALID_PARAMS)
