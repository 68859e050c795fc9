"""A board's end of connections without a board: its polls wait until a scene lets them go."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from blackboard.reading import Filter
from runtime.board_server import BoardServer
from runtime.board_wire import Address, Call, ReadCall

LOOPBACK = "127.0.0.1"
POLL = ReadCall(0, Filter(), 10, 5.0, 0.0)


@dataclass
class Stage:
    """A server on loopback whose polls wait until they are let go."""

    server: BoardServer
    address: Address
    asked: list[Call]
    dropped: list[Call]
    go: asyncio.Event


def played(play: Callable[[Stage], Awaitable[None]]) -> None:
    """Play a scene on a stage of its own."""

    async def scene() -> None:
        asked: list[Call] = []
        dropped: list[Call] = []
        go = asyncio.Event()

        async def answer(call: Call) -> bytes:
            asked.append(call)
            if isinstance(call, ReadCall):
                try:
                    await go.wait()
                except asyncio.CancelledError:
                    dropped.append(call)
                    raise
            return msgspec.msgpack.encode(len(asked))

        server = BoardServer(answer)
        stage = Stage(server, await server.listen(LOOPBACK), asked, dropped, go)
        try:
            await play(stage)
        finally:
            await server.close()

    asyncio.run(scene())


async def until(is_so: Callable[[], bool]) -> None:
    """Let everybody else run until something is so."""
    async with asyncio.timeout(30.0):
        while not is_so():  # noqa: ASYNC110 -- what it waits for may lie beyond a socket
            await asyncio.sleep(0.001)
