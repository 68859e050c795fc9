"""MetaTrader 5 behind the terminal's surface: one account, one connection, each id sent once.

The package exists for Windows and is loaded in the terminal process alone. It has one connection
and one last error for the whole process, and it holds the interpreter while it waits, so a call
that hangs freezes this process, and the watch outside ends it (`runtime.terminal_watch`).
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import structlog

from runtime.clock import process_s
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.binding import Binding
from runtime.terminals.connecting import connecting
from runtime.terminals.credentials import Credentials
from runtime.terminals.gate import LastGate
from runtime.terminals.identity import Expected, identity_of, mismatch
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.send_record import Answer, RecordUnavailable, SendRecord
from runtime.terminals.structures import (
    RATES_DTYPE,
    TICKS_DTYPE,
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

RECONNECT_PAUSE_S: Final = 15.0
"""Process seconds after a failed connection in which no other is tried: each freezes the process
for up to its whole timeout."""

_log = structlog.get_logger()
_encode: Final = msgspec.msgpack.Encoder().encode

_STRUCTURES: Final[Mapping[str, type[Any]]] = {
    "terminal_info": TerminalInfo,
    "account_info": AccountInfo,
    "symbol_info": SymbolInfo,
    "symbol_info_tick": Tick,
    "order_check": OrderCheckResult,
    "order_send": OrderSendResult,
}
_LISTS: Final[Mapping[str, type[Any]]] = {
    "symbols_get": SymbolInfo,
    "positions_get": TradePosition,
    "orders_get": TradeOrder,
    "history_orders_get": TradeOrder,
    "history_deals_get": TradeDeal,
}
_ARRAYS: Final[Mapping[str, Any]] = {
    "copy_rates_from_pos": RATES_DTYPE,
    "copy_rates_from": RATES_DTYPE,
    "copy_rates_range": RATES_DTYPE,
    "copy_ticks_from": TICKS_DTYPE,
    "copy_ticks_range": TICKS_DTYPE,
}


class MetaTraderTerminal(Binding):
    """The real terminal; implements `port.Terminal`.

    Guarantees: an id is handed to the broker at most once, ever, also over the death of this
    process. One that was started and has no recorded answer is answered with -10005, which means
    that nobody knows. Every send asks first whose account it would reach; any other than the
    book's is refused. The account is that of the credentials: no caller can choose another one.

    Parameters
    ----------
    package
        The MetaTrader5 package, or what stands for it.
    credentials : Credentials
        The account of this process.
    record : SendRecord
        Ids, epoch and pinned account of the book. It is closed with the terminal.
    is_real : bool
        Whether the account was confirmed to hold real money; otherwise only a demo account passes.
    stop_file : Path, optional
        The kill switch.
    note : Path, optional
        Where the watch looks whether this process connects, see `runtime.terminals.connecting`.
    """

    def __init__(
        self,
        package: Any,
        credentials: Credentials,
        record: SendRecord,
        *,
        is_real: bool = False,
        stop_file: Path | None = None,
        note: Path | None = None,
        clock_s: Callable[[], float] = process_s,
    ) -> None:
        super().__init__()
        self._package = package
        self._credentials = credentials
        self._record = record
        self._expected = Expected(
            login=credentials.login, server=credentials.server, is_real=is_real
        )
        self._gate = LastGate(record, stop_file)
        self._note = note
        self._clock_s = clock_s
        # Reentrant: a send reads account and position under the lock that it holds.
        self._lock = threading.RLock()
        self._is_connected = False
        self._failure: CallFailed | None = None
        self._retry_s = float("-inf")
        self._foreign = ""

    def has_met(self) -> bool:
        """Whether the book has met its account, so that a failure to connect may pass."""
        return self._record.identity() is not None

    def close(self) -> None:
        """Disconnect and let go of the record; the program and its positions go on."""
        with self._lock:
            self._package.shutdown()
            self._record.close()

    def _forward(self, function: str, *arguments: Any, **named: Any) -> Any:
        with self._lock:
            match function:
                case "initialize":
                    return self._initialize(**named)
                case "login":
                    return self._log_in(**named)
                case "shutdown":
                    self._is_connected = False
                    return self._native("shutdown")
                case "account_info":
                    return self._account()
                case "order_send":
                    return self._send(*arguments, **named)
                case "epoch_seen":
                    self._noted(self._record.raise_epoch, *arguments)
                    return self._noted(self._record.epoch)
                case _:
                    return self._native(function, *arguments, **named)

    def _initialize(self, *, login: int, server: str, **_: object) -> bool:
        self._require_own(login, server)
        if self._is_connected and self._package.terminal_info() is not None:
            return True  # connecting again would cut off whoever else is being answered
        if self._failure is not None and self._clock_s() < self._retry_s:
            raise self._failure
        try:
            self._connect()
        except CallFailed as failure:
            self._is_connected = False
            self._failure, self._retry_s = failure, self._clock_s() + RECONNECT_PAUSE_S
            _log.warning("terminal_not_connected", code=failure.code, reason=failure.text)
            raise
        self._failure = None
        return True

    def _connect(self) -> None:
        own = self._credentials
        with connecting(self._note, own.timeout_s):
            self._native(
                "initialize",
                *([own.path] if own.path else []),
                login=own.login,
                password=own.password.get_secret_value(),
                server=own.server,
                timeout=int(own.timeout_s * 1000.0),
            )
        self._is_connected = True
        self._meet(self._account())

    def _meet(self, account: AccountInfo) -> None:
        """Pin the account of a new book; a wrong one is left at once, and nothing is pinned."""
        if self._noted(self._record.identity) is not None:
            return  # a foreign account is shown, so that everybody sees it; nothing reaches it
        if self._foreign:
            self._package.shutdown()
            raise CallFailed(mt5.RES_E_AUTH_FAILED, f"{Refusal.IDENTITY}: {self._foreign}")
        self._noted(self._record.pin, identity_of(account))

    def _log_in(self, *, login: int, server: str, **_: object) -> bool:
        self._require_own(login, server)
        own = self._credentials
        with connecting(self._note, own.timeout_s):
            self._native(
                "login",
                own.login,
                password=own.password.get_secret_value(),
                server=own.server,
                timeout=int(own.timeout_s * 1000.0),
            )
        self._account()
        return True

    def _require_own(self, login: int, server: str) -> None:
        own = self._credentials
        if login not in (0, own.login) or server not in ("", own.server):
            raise CallFailed(
                mt5.RES_E_AUTH_FAILED, "Terminal: this process serves its own account alone"
            )

    def _account(self) -> AccountInfo:
        """Read the account, and say so in the log when it becomes a foreign one."""
        account: AccountInfo = self._native("account_info")
        pinned = self._noted(self._record.identity)
        foreign = mismatch(identity_of(account), self._expected, pinned)
        if foreign and foreign != self._foreign:
            _log.error("account_is_foreign", reason=foreign)
        self._foreign = foreign
        return account

    def _send(
        self, request: TradeRequest, *, request_id: str, epoch: int
    ) -> OrderSendResult | TerminalRefused:
        asked = _encode(request)
        earlier = self._noted(self._record.sent, request_id)
        if earlier is not None:
            # Before the gate: a refusal would claim that nothing was sent, and it may have been.
            return _repeated(request_id, earlier.answer, is_same=earlier.request == asked)
        refused = self._refusal(request, epoch)
        if refused is not None:
            return refused
        self._noted(self._record.start, request_id, asked)
        answer = self._send_once(request)
        # The answer is the caller's even if it cannot be noted; a repetition is then unknown.
        with suppress(RecordUnavailable):
            self._record.finish(request_id, answer)
        return _answered(answer)

    def _refusal(self, request: TradeRequest, epoch: int) -> TerminalRefused | None:
        """Return why a request must not leave. Whatever cannot be read lets nothing leave."""
        try:
            self._account()
            named = self._position(request.position) if request.position else None
        except CallFailed as failure:
            raise CallFailed(
                mt5.RES_E_INTERNAL_FAIL_CONNECT,
                f"account and position cannot be read before the send: {failure}",
            ) from failure
        if self._foreign:
            return TerminalRefused(Refusal.IDENTITY, self._foreign)
        refused: TerminalRefused | None = self._noted(self._gate.refusal, request, epoch, named)
        return refused

    def _position(self, ticket: int) -> TradePosition | None:
        found: tuple[TradePosition, ...] = self._native("positions_get", ticket=ticket)
        return found[0] if found else None

    def _send_once(self, request: TradeRequest) -> Answer:
        try:
            return Answer(self._native("order_send", request))
        except CallFailed as failure:
            return Answer(None, (failure.code, failure.text))

    def _noted(self, note: Callable[..., Any], *arguments: object) -> Any:
        """Use the record; where it fails nothing may leave, and nothing has."""
        try:
            return note(*arguments)
        except RecordUnavailable as error:
            raise CallFailed(mt5.RES_E_NO_MEMORY, str(error)) from error

    def _native(self, function: str, *arguments: Any, **named: Any) -> Any:
        """Call the package and take its last error at once; CallFailed where it has no answer."""
        places = _native_arguments(function, arguments)
        try:
            found = getattr(self._package, function)(*places, **named)
        except SystemError as error:  # the package left a Python error pending, whenever that was
            raise CallFailed(mt5.RES_E_FAIL, str(error)) from error
        if found is None or found is False:
            code, text = self._package.last_error()
            if code == mt5.RES_S_OK:
                raise CallFailed(mt5.RES_E_FAIL, "neither an answer nor an error")
            raise CallFailed(code, text)
        return _own_result(function, found)


def _repeated(
    request_id: str, answer: Answer | None, *, is_same: bool
) -> OrderSendResult | TerminalRefused:
    if not is_same:
        return TerminalRefused(
            Refusal.REUSED_ID, f"request_id {request_id} belongs to another request"
        )
    if answer is None:
        raise CallFailed(
            mt5.RES_E_INTERNAL_FAIL_TIMEOUT,
            f"request {request_id} was started before and its answer is lost: it is not sent again",
        )
    return _answered(answer)


def _answered(answer: Answer) -> OrderSendResult:
    if answer.result is None:
        raise CallFailed(*answer.error)
    return answer.result


def _native_arguments(function: str, arguments: tuple[Any, ...]) -> list[Any]:
    """Return arguments as the package takes them: a request as a dict, all symbols as nothing."""
    if function == "symbols_get" and arguments == ("*",):
        return []
    return [one._asdict() if isinstance(one, TradeRequest) else one for one in arguments]


def _own_result(function: str, found: Any) -> Any:
    """Return the package's answer in our structures, field by name."""
    if (structure := _STRUCTURES.get(function)) is not None:
        return _own(structure, found)
    if (structure := _LISTS.get(function)) is not None:
        return tuple(_own(structure, one) for one in found)
    if (columns := _ARRAYS.get(function)) is not None:
        return np.ascontiguousarray(found, dtype=columns)
    return found


def _own(structure: type[Any], found: Any) -> Any:
    try:
        fields = {name: getattr(found, name) for name in structure._fields}
    except AttributeError as error:
        raise CallFailed(mt5.RES_E_FAIL, f"not the package's known structure: {error}") from error
    if "request" in fields:
        fields["request"] = _own(TradeRequest, fields["request"])
    return structure(**fields)
