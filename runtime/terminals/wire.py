"""What client and terminal process say to each other: msgpack bodies, floats to the bit.

A result travels as its function's structure; an array as its raw bytes, whose dtype both sides
know. A refusal of the last gate has a place of its own, so it can never be read as an answer
of the broker.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from runtime.terminals.port import TerminalRefused
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
)

T = TypeVar("T")

CONTENT_TYPE: Final = "application/msgpack"


class Bars(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bars as bytes of `RATES_DTYPE`."""

    raw: bytes


class Ticks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ticks as bytes of `TICKS_DTYPE`."""

    raw: bytes


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of a function."""

    function: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    request_id: str = ""
    """Of `order_send`: under which the request runs once, ever."""
    epoch: int = 0
    """Of `order_send`: the sender's."""
    now_ns: int | None = None
    """Market time to which a simulated terminal goes first; None leaves it to its own clock."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of it, with the last error of the very call."""

    result: msgspec.Raw
    last_error: tuple[int, str]
    refused: TerminalRefused | None = None
    raised: str = ""
    """Text of a `SystemError`, which the package raises for some wrong arguments."""


FUNCTIONS: Final[dict[str, Any]] = {
    "initialize": bool,
    "login": bool,
    "shutdown": bool,
    "version": tuple[int, int, str] | None,
    "terminal_info": TerminalInfo | None,
    "account_info": AccountInfo | None,
    "symbols_total": int | None,
    "symbols_get": tuple[SymbolInfo, ...] | bool | None,
    "symbol_info": SymbolInfo | None,
    "symbol_info_tick": Tick | None,
    "symbol_select": bool,
    "copy_rates_from_pos": Bars | None,
    "copy_rates_from": Bars | None,
    "copy_rates_range": Bars | None,
    "copy_ticks_from": Ticks | None,
    "copy_ticks_range": Ticks | None,
    "positions_total": int | None,
    "positions_get": tuple[TradePosition, ...] | None,
    "orders_total": int | None,
    "orders_get": tuple[TradeOrder, ...] | None,
    "history_orders_total": int | None,
    "history_orders_get": tuple[TradeOrder, ...] | None,
    "history_deals_total": int | None,
    "history_deals_get": tuple[TradeDeal, ...] | None,
    "order_calc_margin": float | None,
    "order_calc_profit": float | None,
    "order_check": OrderCheckResult | None,
    "order_send": OrderSendResult | None,
    "epoch_seen": int | None,
}
"""Every function that may be called, with what it gives; nothing else is reachable."""

CONTROLS: Final[dict[str, Any]] = {"advance": None, "next_event_ns": int}
"""The same for what only a simulated terminal has."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_reply: Final = msgspec.msgpack.Decoder(Reply).decode
_decode_call: Final = msgspec.msgpack.Decoder(Call).decode
_result_decoders: Final = {
    function: msgspec.msgpack.Decoder(kind) for function, kind in (FUNCTIONS | CONTROLS).items()
}


def encode_call(call: Call) -> bytes:
    """Return a call's body."""
    return _encode(call)


def decode_call(body: bytes) -> Call:
    """Return the call in a body; raises `msgspec.MsgspecError` for anything else."""
    return _decoded(_decode_call, body)


def encode_reply(result: object, last_error: tuple[int, str]) -> bytes:
    """Return the body of a function's answer."""
    refused = result if isinstance(result, TerminalRefused) else None
    plain = _packed(result) if isinstance(result, np.ndarray) else result
    raw = msgspec.Raw(_encode(None if refused is not None else plain))
    return _encode(Reply(result=raw, last_error=last_error, refused=refused))


def encode_raised(text: str, last_error: tuple[int, str]) -> bytes:
    """Return the body that makes the client raise what the terminal raised."""
    return _encode(Reply(result=msgspec.Raw(_encode(None)), last_error=last_error, raised=text))


def decode_reply(body: bytes) -> Reply:
    """Return the reply in a body; raises `msgspec.MsgspecError` for anything else."""
    return _decoded(_decode_reply, body)


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    # For a name that is no UTF-8, and for depth without end, msgspec has no error of its own.
    try:
        return decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"no message: {error}") from error


def decode_result(function: str, reply: Reply) -> Any:
    """Return a function's answer as the structures that the package gives."""
    result = _decoded(_result_decoders[function].decode, bytes(reply.result))
    match result:
        case Bars(raw=raw):
            return _rows(raw, RATES_DTYPE)
        case Ticks(raw=raw):
            return _rows(raw, TICKS_DTYPE)
        case _:
            return result


def _packed(rows: NDArray[np.void]) -> Bars | Ticks:
    raw = rows.tobytes()
    return Ticks(raw) if rows.dtype == TICKS_DTYPE else Bars(raw)


def _rows(raw: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    if len(raw) % dtype.itemsize:
        raise msgspec.ValidationError(f"an array must be rows of {dtype.itemsize} bytes")
    return np.frombuffer(raw, dtype=dtype)
