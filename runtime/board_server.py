"""The board's end of its connections: whoever has the token asks, and each call is answered alone.

A call that waits holds up no other, and what a caller that has gone was waiting for is dropped.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
import structlog

from blackboard.errors import BoardUnavailable, InvariantBroken, PostRefused, QuorumError
from blackboard.journal import UNDECODABLE
from runtime.board_wire import (
    BUFFER_BYTES,
    TOKEN_BYTES,
    Address,
    Answered,
    Asked,
    Call,
    framed,
    keep_alive,
    read_frame,
)

CONNECTIONS_MAX: Final = 1_000
"""Callers at one time; nine agents and a driver are ten."""
STRANGERS_MAX: Final = 256
"""Callers at one time who have not shown the token; a further one takes the place of the oldest."""
CALLS_MAX: Final = 64
"""Calls of one connection that wait for an answer; further ones are not read until one has it."""
GREETING_S_MAX: Final = 5.0
"""Time in which a caller must show the token."""
_REASON_LENGTH_MAX: Final = 500
_log = structlog.get_logger()
_decoder = msgspec.msgpack.Decoder(Asked)


class _Numbered(msgspec.Struct, array_like=True, frozen=True):
    """What can be told of a call that cannot be decoded: whom to answer."""

    number: int


_numbered = msgspec.msgpack.Decoder(_Numbered)


class BoardServer:
    """Listens, admits who knows the token, and hands calls to the board.

    Parameters
    ----------
    answer
        Returns the encoded answer of a call, or raises an error of ours.
    """

    def __init__(self, answer: Callable[[Call], Awaitable[bytes]]) -> None:
        self._answer = answer
        self._token = secrets.token_bytes(TOKEN_BYTES)
        self._strangers: dict[asyncio.StreamWriter, None] = {}
        """Who has not shown the token yet, oldest first."""
        self._connections: set[asyncio.StreamWriter] = set()

    async def listen(self, host: str) -> Address:
        """Begin to listen on a port that the system chooses; return where, and the token."""
        self._server = await asyncio.start_server(self._serve, host, 0, limit=BUFFER_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return Address(host, port, self._token)

    async def close(self) -> None:
        """Stop listening, and hang up on everybody."""
        self._server.close()
        for writer in (*self._strangers, *self._connections):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls: set[asyncio.Task[None]] = set()
        try:
            if await self._is_welcome(reader, writer):
                self._connections.add(writer)
                keep_alive(writer)
                await self._take_calls(reader, writer, calls)
        except UNDECODABLE as error:
            _log.error("board_connection_refused", reason=str(error)[:_REASON_LENGTH_MAX])
        except (EOFError, OSError):
            pass  # whoever called has gone, and begins anew if it still lives
        finally:
            self._connections.discard(writer)
            for call in calls:
                call.cancel()
            writer.close()

    async def _is_welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        # Who has no token can keep none out who has it: that one shows it at once.
        self._strangers[writer] = None
        if len(self._strangers) > STRANGERS_MAX:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.close()
        try:
            given = await asyncio.wait_for(reader.readexactly(TOKEN_BYTES), GREETING_S_MAX)
        finally:
            self._strangers.pop(writer, None)
        if not hmac.compare_digest(given, self._token):
            _log.error("board_connection_refused", reason="another token")
            return False
        if len(self._connections) >= CONNECTIONS_MAX:
            _log.error("board_connection_refused", reason=f"there are {CONNECTIONS_MAX} already")
            return False
        return True

    async def _take_calls(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        calls: set[asyncio.Task[None]],
    ) -> None:
        room = asyncio.Semaphore(CALLS_MAX)

        def ended(call: asyncio.Task[None]) -> None:
            calls.discard(call)
            room.release()

        while True:
            frame = await read_frame(reader)
            try:
                asked = _decoder.decode(frame)
            except UNDECODABLE as error:
                # Hung up on, its caller would send the same again until his deadline.
                refused = PostRefused(f"the board cannot read the call: {error}")
                writer.write(framed(_refused(_numbered.decode(frame).number, refused)))
                await writer.drain()
                continue
            await room.acquire()
            call = asyncio.create_task(self._reply(asked, writer))
            calls.add(call)
            call.add_done_callback(ended)
            call.add_done_callback(partial(_tell_failure, asked.number, writer))

    async def _reply(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        try:
            body = msgspec.Raw(await self._answer(asked.call))
            frame = framed(Answered(asked.number, body))
        except QuorumError as error:
            frame = framed(_refused(asked.number, error))
        except OSError as error:  # of the journal: a full disk may pass, and is no caller's fault
            frame = framed(_refused(asked.number, BoardUnavailable(str(error))))
        with suppress(OSError):  # the caller has gone
            writer.write(frame)
            await writer.drain()


def _tell_failure(number: int, writer: asyncio.StreamWriter, call: asyncio.Task[None]) -> None:
    # Nobody else looks at the task: without this whoever asked would wait until his deadline.
    told: QuorumError
    if call.cancelled():
        told = BoardUnavailable("the board has dropped the call")
    elif (error := call.exception()) is not None:
        _log.error("board_call_failed", reason=repr(error)[:_REASON_LENGTH_MAX])
        told = InvariantBroken(f"the board failed: {error!r}")
    else:
        return
    if not writer.is_closing():
        writer.write(framed(_refused(number, told)))


def _refused(number: int, error: QuorumError) -> Answered:
    reason = str(error)[:_REASON_LENGTH_MAX]
    return Answered(number, error=type(error).__name__, reason=reason)
