"""What crosses the connection between the board's process and those who read and post.

A caller begins with the board's token. From then on both sides send frames: four bytes of length,
then a msgpack array, `Asked` one way and `Answered` the other, numbered by the caller, so that a
post need not wait for a poll. Nothing is unpickled, and nothing is decoded before the token.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final

import msgspec

from blackboard.entry import Post
from blackboard.errors import PostRefused
from blackboard.reading import Filter
from runtime.supersteps import Turn

TOKEN_BYTES: Final = 32
FRAME_BYTES_MAX: Final = 1 << 28
"""Longest frame: a thousand times what a council of 28 symbols says in one post."""
BUFFER_BYTES: Final = 1 << 20
"""What a side takes in before it lets the other wait; the votes of 28 symbols are 107 KB."""
_LENGTH_BYTES: Final = 4
_SILENCE: Final = {
    "SO_KEEPALIVE": 1,
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPALIVE": 5,  # as macOS calls it
    "TCP_KEEPINTVL": 2,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 11_000,
}
"""After 11 s a machine that is gone counts as gone, as far as the system can be told so; that a
process has died its system says at once."""


class JoinCall(msgspec.Struct, tag="join", array_like=True, frozen=True):
    """Admit a new instance of an author; answered with `Joined`."""

    author: str


class PostCall(msgspec.Struct, tag="post", array_like=True, frozen=True):
    """Take a post; answered with an `Ack` for each draft."""

    post: Post


class ReadCall(msgspec.Struct, tag="read", array_like=True, frozen=True):
    """Read after a cursor, as `BoardPort.read` says; answered with `ReadAnswer`."""

    after: int
    wanted: Filter
    limit: int
    timeout_s: float
    linger_s: float


class TurnCall(msgspec.Struct, tag="turn", array_like=True, frozen=True):
    """Wait for the next turn in virtual time; answered with `Told`."""

    turn: Turn


class PulseCall(msgspec.Struct, tag="pulse", array_like=True, frozen=True):
    """Tell how far the run has come; answered with `BoardPulse`."""


Call = JoinCall | PostCall | ReadCall | TurnCall | PulseCall


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A call under the caller's own number."""

    number: int
    call: Call


class Answered(msgspec.Struct, array_like=True, frozen=True):
    """What became of a call: its answer, or the name of one of our errors and its reason."""

    number: int
    body: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: str = ""
    reason: str = ""


class Address(msgspec.Struct, frozen=True):
    """Where a board answers, and the token that it wants; only Ray's own calls carry it."""

    host: str
    port: int
    token: bytes

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port})"


_encoder = msgspec.msgpack.Encoder()


def framed(message: Asked | Answered) -> bytes:
    """Return a message as a frame; PostRefused where it is longer than one may be."""
    body = _encoder.encode(message)
    if len(body) > FRAME_BYTES_MAX:
        raise PostRefused(f"a frame may have {FRAME_BYTES_MAX} bytes, was {len(body)}")
    return len(body).to_bytes(_LENGTH_BYTES) + body


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next message, still encoded.

    Raises
    ------
    EOFError, OSError
        If the connection has ended, or the peer announces more than `FRAME_BYTES_MAX`.
    """
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
    if length > FRAME_BYTES_MAX:
        raise ConnectionError(f"a frame may have {FRAME_BYTES_MAX} bytes, was {length}")
    return await reader.readexactly(length)


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system notice that the other machine is gone, not only that its process has ended."""
    connection: socket.socket = writer.get_extra_info("socket")
    for name, value in _SILENCE.items():
        level = socket.SOL_SOCKET if name == "SO_KEEPALIVE" else socket.IPPROTO_TCP
        with suppress(OSError):  # the system does not know it, or the connection is lost already
            if hasattr(socket, name):
                connection.setsockopt(level, getattr(socket, name), value)
