"""How the MetaTrader5 package reads its arguments: strict about types, blind to values.

What it does not take ends the call with -2 before anything leaves the process. Where one of
CPython's own conversions fails it forgets to clear the error, and CPython raises instead; such a
failure is an `ErrorLeft`. Each reader here returns the plain value that goes on to the terminal.

Source: the machine code of the compiled module, version 5.0.6231.
"""

import math
import operator
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from runtime.terminals import constants as mt5
from runtime.terminals.structures import TradeRequest

TEXT_LENGTH_MAX: Final = 29
"""The package counts the terminator, so one character less than its buffer of 30."""
GROUP_LENGTH_MAX: Final = 1997
CREDENTIAL_LENGTH_MAX: Final = 253
UNSIGNED_32_MAX: Final = 2**32 - 1
UNSIGNED_64_MAX: Final = 2**64 - 1
SIGNED_32_MAX: Final = 2**31 - 1
SIGNED_64_MAX: Final = 2**63 - 1

_TEXTS: Final = {
    mt5.RES_S_OK: "Success",
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

Named = Mapping[str, object]
"""Keywords of a call, of which the package looks for those that it knows and ignores the rest."""


class CallFailed(Exception):
    """A call that ends with `None` and a last error; it never leaves the terminal's surface."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        self.text = text or _TEXTS.get(code, _TEXT_ELSE)
        super().__init__(f"{self.code}: {self.text}")


class ErrorLeft(CallFailed):
    """A failure that leaves a Python error behind, for which CPython raises `SystemError`."""


def invalid(text: str = "Invalid arguments") -> CallFailed:
    """Return the failure of an argument, in the package's words."""
    return CallFailed(mt5.RES_E_INVALID_PARAMS, text)


def _left(text: str = "Invalid arguments") -> ErrorLeft:
    return ErrorLeft(mt5.RES_E_INVALID_PARAMS, text)


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


def read_request(unnamed: tuple[object, ...], named: Named) -> TradeRequest:
    """Return a request, given as one dict or as keywords, as the package reads it.

    The fields are read in its order; a missing one is 0 or empty, an unknown one is ignored.

    Raises
    ------
    CallFailed
        -2 with the first field that has the wrong type.
    """
    if named and unnamed:
        raise invalid("Unnamed arguments not allowed")
    if not named and len(unnamed) != 1:
        raise invalid("Invalid number of arguments")
    request = named or unnamed[0]
    if not isinstance(request, dict):
        raise invalid()
    return TradeRequest(*(_field(request, name) for name in TradeRequest._fields))


def _field(request: Named, name: str) -> Any:
    if name in _FLOATS:
        number = request.get(name, 0.0)
        # np.float64 is a float and passes; np.float32 and int are not.
        if not isinstance(number, float):
            raise invalid(f'Invalid "{name}" argument')
        return float(number)
    if name in _TEXT_FIELDS:
        return text_field(request, name, TEXT_LENGTH_MAX) or ""
    if name != "expiration":
        return unsigned_field(request, name, _UNSIGNED_MAX[name]) or 0
    return _whole(request.get(name, 0), -SIGNED_64_MAX - 1, SIGNED_64_MAX, _wrong(name))


def text_field(named: Named, name: str, length_max: int) -> str | None:
    """Return a text by its keyword, None where it is missing."""
    return text_of(named[name], length_max, _wrong(name)) if name in named else None


def unsigned_field(named: Named, name: str, highest: int = UNSIGNED_64_MAX) -> int | None:
    """Return an integer from 0 up by its keyword, None where it is missing."""
    return unsigned_of(named[name], highest, _wrong(name)) if name in named else None


def _wrong(field: str) -> str:
    return f'Invalid "{field}" argument'


def text_of(text: object, length_max: int, wrong: str) -> str:
    """Return a text as it arrives: up to its first NUL, in whole characters."""
    if not isinstance(text, str) or _wide_length(text) > length_max:
        raise invalid(wrong)
    seen = text.partition("\0")[0]
    # A lone surrogate passes the package; nothing of ours can store one.
    return seen if seen.isascii() else seen.encode("utf-8", "replace").decode()


def unsigned_of(whole: object, highest: int, wrong: str) -> int:
    """Return an integer from 0 up; only `int` is one, and `bool`, which is an `int` too."""
    return _whole(whole, 0, highest, wrong)


def _whole(whole: object, lowest: int, highest: int, wrong: str) -> int:
    if not isinstance(whole, int):
        raise invalid(wrong)
    if not lowest <= whole <= highest:
        raise _left(wrong)
    return int(whole)


def _wide_length(text: str) -> int:
    # The package counts wide characters of Windows, of which some texts need two for one of ours.
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def symbol_of(symbol: object) -> str:
    """Return a symbol's name, of at most 29 characters."""
    return text_of(symbol, TEXT_LENGTH_MAX, "Invalid arguments")


def integer_of(number: Any) -> int:
    """Return a signed integer of 32 bits; whatever can stand for an index is one."""
    try:
        whole = operator.index(number)
    except TypeError:
        raise _left() from None
    if not -SIGNED_32_MAX - 1 <= whole <= SIGNED_32_MAX:
        raise _left()
    return whole


def masked_of(number: object) -> int:
    """Return the low 32 bits of an integer: here the package does not look at the range."""
    if not isinstance(number, int):
        raise _left()
    return number & UNSIGNED_32_MAX


def number_of(number: Any) -> float:
    """Return a number as a float; the calculations take whatever converts to one, not text."""
    try:
        return math.ldexp(number, 0)  # converts as the package does
    except (TypeError, OverflowError):
        raise _left() from None


def epoch_s_of(moment: object) -> float:
    """Return a moment as an epoch in whole seconds; a naive datetime is of the local zone.

    An `int` is a C long, which has 32 bits on Windows: from 2038 on only the others will do.
    """
    if isinstance(moment, int):
        if not -SIGNED_32_MAX - 1 <= moment <= SIGNED_32_MAX:
            raise ErrorLeft(mt5.RES_S_OK)
        return float(moment)
    if isinstance(moment, datetime):
        try:
            moment = moment.timestamp()
        except (OverflowError, OSError, ValueError):
            raise _left() from None
    if not isinstance(moment, float):
        raise invalid()
    return float(math.trunc(moment)) if math.isfinite(moment) else float(moment)


def selection_of(unnamed: tuple[object, ...], named: Named) -> dict[str, Any]:
    """Return by what positions or orders are selected: ticket before symbol before group."""
    if unnamed:
        raise invalid("Unnamed arguments not allowed")
    if "ticket" in named:
        return {"ticket": unsigned_field(named, "ticket")}
    if "symbol" in named:
        return {"symbol": text_field(named, "symbol", TEXT_LENGTH_MAX)}
    return _group_of(named)


def past_of(unnamed: tuple[object, ...], named: Named) -> tuple[tuple[float, ...], dict[str, Any]]:
    """Return by what the history is selected: two dates and a group, a ticket, or a position."""
    if len(unnamed) == 2:
        return tuple(map(epoch_s_of, unnamed)), _group_of(named)
    for name in ("ticket", "position"):
        if name in named:
            if unnamed:
                raise invalid("Unnamed arguments not allowed")
            return (), {name: unsigned_field(named, name)}
    raise invalid()


def _group_of(named: Named) -> dict[str, Any]:
    group = text_field(named, "group", GROUP_LENGTH_MAX)
    return {} if group is None else {"group": group}


def credentials_of(unnamed: tuple[object, ...], named: Named) -> dict[str, Any]:
    """Return account and password of `login`: the first three unnamed, all of them named."""
    if len(unnamed) > 3:
        raise invalid("Invalid number of arguments")
    given: dict[str, Any] = {}
    if unnamed:
        first = _ordinal("1st")
        given["login"] = unsigned_of(unnamed[0], UNSIGNED_64_MAX, first)
    for place, name, ordinal in ((1, "password", "2nd"), (2, "server", "3rd")):
        if len(unnamed) > place:
            given[name] = text_of(unnamed[place], CREDENTIAL_LENGTH_MAX, _ordinal(ordinal))
    given |= account_fields(named)
    if not given.get("login"):
        raise invalid(_wrong("login"))
    return given


def account_fields(named: Named) -> dict[str, Any]:
    """Return what of an account is named, in the order in which the package looks for it."""
    found = {
        "login": unsigned_field(named, "login"),
        "server": text_field(named, "server", CREDENTIAL_LENGTH_MAX),
        "password": text_field(named, "password", CREDENTIAL_LENGTH_MAX),
        "timeout": unsigned_field(named, "timeout", UNSIGNED_32_MAX),
    }
    return {name: value for name, value in found.items() if value is not None}


def first_text(unnamed: tuple[object, ...], named: Named, name: str, length_max: int) -> str | None:
    """Return a text that may be given first or by its keyword, which wins."""
    if len(unnamed) > 1:
        raise invalid("Invalid number of arguments")
    first = text_of(unnamed[0], length_max, _ordinal("1st")) if unnamed else None
    by_name = text_field(named, name, length_max)
    return first if by_name is None else by_name


def _ordinal(place: str) -> str:
    return f"Invalid {place} unnamed argument"


def check_calculation(action: int, *numbers: float) -> None:
    """Raise CallFailed unless the action is a market order and all numbers are positive."""
    is_market = action in (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)
    if not is_market or not all(0.0 < number < math.inf for number in numbers):
        raise CallFailed(mt5.RES_E_INVALID_PARAMS)
