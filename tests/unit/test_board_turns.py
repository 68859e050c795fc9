"""The barrier of virtual time over connections: what a lost one does to a turn that waits."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blackboard.board import BoardLimits
from blackboard.errors import BoardUnavailable, StaleEpoch
from blackboard.reading import Joined
from runtime import board_actor
from runtime.board_actor import Blackboard
from runtime.board_link import BoardLink
from runtime.board_plan import BoardPlan
from runtime.board_wire import Address, JoinCall, TurnCall
from runtime.clock import start_clock
from runtime.supersteps import Told, Turn
from tests.board_stage import until
from tests.contract.test_board_contract import ACCESS

START_NS, END_NS = 1_000, 1_000_000
LATER = START_NS + 2_000, START_NS + 4_000


class Seat:
    """An instance of an agent, with a connection of its own."""

    def __init__(self, board: Blackboard, author: str) -> None:
        self._board = board
        self._author = author
        self._epoch = 0

    async def connect(self) -> None:
        """Open a connection in place of the one before it."""
        board: Any = self._board  # for Ray's types `address` is called elsewhere only
        address = msgspec.msgpack.decode(await board.address(), type=Address)
        self.link = await BoardLink.open(address)

    async def join(self) -> None:
        """Connect, join, and hear the time."""
        await self.connect()
        answer = await self.link.call(JoinCall(self._author))
        self._epoch = msgspec.msgpack.decode(answer, type=Joined).epoch
        assert (await self.turn(START_NS)).now_ns >= START_NS

    async def turn(self, wake_ns: int) -> Told:
        """Wait until something is due."""
        turn = Turn(author=self._author, epoch=self._epoch, read_to=0, wake_ns=wake_ns)
        return msgspec.msgpack.decode(await self.link.call(TurnCall(turn)), type=Told)


@pytest.fixture
def played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Blackboard], Awaitable[None]]], None]:
    """Play a scene before a board of two agents in virtual time, in this process."""
    monkeypatch.setattr(board_actor, "set_up_logs", lambda *_args, **_options: None)
    plan = BoardPlan(
        folder=str(tmp_path / "journal"),
        declarations=ACCESS.declarations,
        order=("data", "supervisor"),
        limits=BoardLimits(),
        bytes_max=1 << 30,
        clock=start_clock(START_NS, 1e-6),
        is_virtual=True,
        start_ns=START_NS,
        end_ns=END_NS,
        is_paced=False,
        log_folder=str(tmp_path),
        log="{}",
        profile="sim",
    )

    def play(scene: Callable[[Blackboard], Awaitable[None]]) -> None:
        async def run() -> None:
            board = Blackboard(msgspec.msgpack.encode(plan))
            async with asyncio.timeout(30.0):
                await scene(board)
            await board._server.close()

        asyncio.run(run())

    return play


async def waits(board: Blackboard, author: str) -> None:
    """Let an agent's turn reach the barrier."""
    await until(lambda: author in board._released)


def test_a_turn_that_lost_its_connection_is_not_lost(
    played: Callable[[Callable[[Blackboard], Awaitable[None]]], None],
) -> None:
    """Time goes on over a turn that waited, and its agent hears so when it hands it in again."""

    async def scene(board: Blackboard) -> None:
        data, supervisor = Seat(board, "data"), Seat(board, "supervisor")
        await data.join()
        await supervisor.join()
        waiting = asyncio.create_task(data.turn(LATER[0]))
        await waits(board, "data")
        data.link.close()
        with pytest.raises(ConnectionError):
            await waiting
        others = asyncio.create_task(supervisor.turn(LATER[1]))
        await waits(board, "supervisor")
        await until(lambda: "data" not in board._released)

        await data.connect()
        told = await data.turn(LATER[0])
        assert told.now_ns == LATER[0]
        assert not others.done()
        at_end = asyncio.create_task(data.turn(END_NS))
        assert (await others).now_ns == LATER[1]
        await supervisor.turn(END_NS)
        assert (await at_end).now_ns == END_NS
        assert board._released == {}
        data.link.close()
        supervisor.link.close()

    played(scene)


def test_an_older_instance_whose_turn_still_waits_hears_of_the_younger(
    played: Callable[[Callable[[Blackboard], Awaitable[None]]], None],
) -> None:
    """It is told that its call was dropped, and when it asks again, that it must stop."""

    async def scene(board: Blackboard) -> None:
        older, younger = Seat(board, "data"), Seat(board, "data")
        await older.join()
        forgotten = asyncio.create_task(older.turn(LATER[0]))
        await waits(board, "data")
        await younger.join()
        waiting = asyncio.create_task(younger.turn(LATER[0]))
        with pytest.raises(BoardUnavailable):
            await forgotten
        with pytest.raises(StaleEpoch):
            await older.turn(LATER[0])
        assert not waiting.done()

        supervisor = Seat(board, "supervisor")
        await supervisor.join()
        others = asyncio.create_task(supervisor.turn(LATER[1]))
        assert (await waiting).now_ns == LATER[0]
        others.cancel()
        for seat in (older, younger, supervisor):
            seat.link.close()

    played(scene)
