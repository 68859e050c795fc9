"""A caller's end of its connection to the board: numbered calls, answered in whatever order."""

import asyncio
from typing import Final

import msgspec

from blackboard import errors
from blackboard.errors import InvariantBroken, QuorumError
from blackboard.journal import UNDECODABLE
from runtime.board_wire import (
    BUFFER_BYTES,
    Address,
    Answered,
    Asked,
    Call,
    framed,
    keep_alive,
    read_frame,
)

_ERRORS: Final[dict[str, type[QuorumError]]] = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, QuorumError)
}
_decoder = msgspec.msgpack.Decoder(Answered)


class BoardLink:
    """One connection; once it is lost it stays so, and every call that waits is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._calls = 0
        self._waiting: dict[int, asyncio.Future[Answered | None]] = {}
        self._listening = asyncio.create_task(self._listen())
        # No `finally` of its own: a task that is cancelled before it begins runs none.
        self._listening.add_done_callback(self._tell_lost)

    @classmethod
    async def open(cls, address: Address) -> "BoardLink":
        """Connect and show the token; OSError where nobody listens."""
        reader, writer = await asyncio.open_connection(
            address.host, address.port, limit=BUFFER_BYTES
        )
        keep_alive(writer)
        writer.write(address.token)
        return cls(reader, writer)

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._listening.done()

    async def call(self, call: Call) -> msgspec.Raw:
        """Return the encoded answer.

        Raises
        ------
        ConnectionError
            If the connection is lost before the answer has come: the call may have had effect.
        QuorumError
            As the board raised it.
        """
        if self.is_lost:
            raise ConnectionResetError("the connection to the board is lost")
        self._calls += 1
        number = self._calls
        answer: asyncio.Future[Answered | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(framed(Asked(number, call)))
            await self._writer.drain()
            answered = await answer
        finally:
            del self._waiting[number]
        if answered is None:
            raise ConnectionResetError("the board's process has gone")
        if answered.error:
            raise _ERRORS.get(answered.error, InvariantBroken)(answered.reason)
        return answered.body

    def close(self) -> None:
        """End the connection; whoever waits for an answer is told that it is lost."""
        self._listening.cancel()
        self._writer.close()

    async def _listen(self) -> None:
        try:
            while True:
                answered = _decoder.decode(await read_frame(self._reader))
                answer = self._waiting.get(answered.number)  # none: its caller no longer waits
                if answer is not None and not answer.done():
                    answer.set_result(answered)
        except (EOFError, OSError, *UNDECODABLE):
            pass

    def _tell_lost(self, _listening: asyncio.Task[None]) -> None:
        self._writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)  # no exception: a caller that cannot send never hears it
