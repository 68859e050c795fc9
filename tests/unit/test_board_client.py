"""The way to the board through its restarts: what is asked again, of whom, and until when."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from blackboard.errors import BoardUnavailable, PostRefused
from blackboard.reading import Filter
from runtime import board_client
from runtime.board_client import BoardClient
from runtime.board_plan import BoardPulse
from runtime.board_server import BoardServer
from runtime.board_wire import Address, Call
from runtime.supersteps import Turn

LOOPBACK = "127.0.0.1"
Answer = Callable[[Call], Awaitable[bytes]]


class Boards:
    """Stands for Ray: knows at most one board at a time, by name."""

    def __init__(self) -> None:
        self.board: BoardServer | None = None
        self.looks = 0
        self._address: Address | None = None

    async def start(self, answer: Answer) -> None:
        """Start a board in place of the one before it."""
        await self.end()
        self.board = BoardServer(answer)
        self._address = await self.board.listen(LOOPBACK)

    async def end(self) -> None:
        """End the board's process."""
        board, self.board = self.board, None
        if board is not None:
            await board.close()

    def get_actor(self, name: str) -> Any:
        """Return a handle, as Ray does."""
        self.looks += 1
        if self.board is None:
            raise ValueError(f"Failed to look up actor with name '{name}'")
        return self

    @property
    def address(self) -> Any:
        """The handle's method."""
        return self

    async def remote(self) -> bytes:
        """Call it."""
        return msgspec.msgpack.encode(self._address)


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> Boards:
    """Return a Ray without a board."""
    ray = Boards()
    monkeypatch.setattr(board_client, "ray", ray)
    monkeypatch.setattr(board_client, "_PAUSE_S_MIN", 0.001)
    return ray


def a_pulse(head: int) -> bytes:
    """Return what a board at a head says of itself."""
    return msgspec.msgpack.encode(
        BoardPulse(head=head, now_ns=0, supersteps=0, has_ended=False, failure="", authors={})
    )


def test_a_call_cut_off_by_a_restart_is_asked_again(boards: Boards) -> None:
    """A call whose board dies under it is put to the one that takes its place, wherever it is."""
    asked = []

    async def scene() -> int:
        dying = asyncio.Event()

        async def hangs(call: Call) -> bytes:
            asked.append(call)
            dying.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def answers(call: Call) -> bytes:
            asked.append(call)
            return a_pulse(7)

        await boards.start(hangs)
        client = BoardClient(30.0)
        waiting = asyncio.create_task(client.pulse())
        await dying.wait()
        await boards.end()
        await boards.start(answers)
        pulse = await waiting
        client.close()
        await boards.end()
        return pulse.head

    assert asyncio.run(scene()) == 7
    assert len(asked) == 2
    assert boards.looks > 1


def test_calls_at_one_time_share_a_connection(boards: Boards) -> None:
    """However many calls begin before there is a connection, Ray is asked once for the board."""

    async def answers(call: Call) -> bytes:
        del call
        return a_pulse(1)

    async def scene() -> None:
        await boards.start(answers)
        client = BoardClient(30.0)
        await asyncio.gather(*(client.pulse() for _ in range(5)))
        await client.pulse()
        client.close()
        await boards.end()

    asyncio.run(scene())
    assert boards.looks == 1


def test_without_a_board_the_deadline_ends_the_wait(boards: Boards) -> None:
    """Where no board comes the caller hears which call had no answer, and that none was there."""

    async def scene() -> None:
        await BoardClient(0.05).pulse()

    with pytest.raises(BoardUnavailable, match=r"did not answer pulse within 0\.05 s"):
        asyncio.run(scene())
    assert boards.looks > 1


def test_no_pause_reaches_beyond_the_deadline(
    boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told at his deadline, whichever it is, not when the next try would be."""
    monkeypatch.setattr(board_client, "_PAUSE_S_MIN", 60.0)
    turn = Turn(author="data", epoch=1, read_to=0)

    async def scene() -> None:
        async with asyncio.timeout(30.0):
            await BoardClient(600.0).turn(turn, 0.05)

    with pytest.raises(BoardUnavailable, match=r"did not answer turn within 0\.05 s"):
        asyncio.run(scene())
    assert boards.looks == 1


def test_a_caller_that_is_cancelled_as_the_answer_comes_is_cancelled(boards: Boards) -> None:
    """No answer swallows a cancellation: whoever ends a loop that asks would wait for ever."""

    async def scene() -> None:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def answers(call: Call) -> bytes:
            del call
            return a_pulse(1)

        await boards.start(answers)
        client = BoardClient(30.0)
        await client.pulse()
        link = client._link
        assert link is not None

        async def call(_call: Call) -> bytes:
            return await answer

        link.call = call  # type: ignore[method-assign,assignment]
        asking = asyncio.create_task(client.pulse())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answer.set_result(a_pulse(1))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        client.close()
        await boards.end()

    asyncio.run(scene())


def test_a_board_that_hangs_is_left_at_the_deadline(boards: Boards) -> None:
    """A board that is frozen costs the caller his deadline, and the next call looks for it anew."""

    async def hangs(call: Call) -> bytes:
        del call
        await asyncio.Event().wait()
        raise AssertionError

    async def answers(call: Call) -> bytes:
        del call
        return a_pulse(3)

    async def scene() -> int:
        await boards.start(hangs)
        client = BoardClient(0.05)
        with pytest.raises(BoardUnavailable):
            await client.pulse()
        frozen, boards.board = boards.board, None
        assert frozen is not None
        await boards.start(answers)
        found = await client.pulse()
        client.close()
        await boards.end()
        await frozen.close()
        return found.head

    assert asyncio.run(scene()) == 3


def test_a_journal_that_is_away_is_waited_for(boards: Boards) -> None:
    """The same call is repeated while the board says that its journal does not answer."""
    asked = []

    async def away_at_first(call: Call) -> bytes:
        asked.append(call)
        if len(asked) < 3:
            raise BoardUnavailable("redis is away")
        return a_pulse(1)

    async def scene() -> None:
        await boards.start(away_at_first)
        client = BoardClient(30.0)
        await client.pulse()
        client.close()
        await boards.end()

    asyncio.run(scene())
    assert len(asked) == 3
    assert boards.looks == 1


def test_why_the_journal_was_away_is_told_at_the_deadline(boards: Boards) -> None:
    """The error of a caller who gives up has the board's own reason."""

    async def away(call: Call) -> bytes:
        del call
        raise BoardUnavailable("redis is away")

    async def scene() -> None:
        await boards.start(away)
        client = BoardClient(0.05)
        try:
            await client.read(0, Filter(), 10)
        finally:
            client.close()
            await boards.end()

    with pytest.raises(BoardUnavailable, match=r"read within 0\.05 s: redis is away"):
        asyncio.run(scene())


def test_what_the_board_refuses_is_not_asked_again(boards: Boards) -> None:
    """A refusal is the caller's at once."""
    asked = []

    async def refuses(call: Call) -> bytes:
        asked.append(call)
        raise PostRefused("no")

    async def scene() -> None:
        await boards.start(refuses)
        client = BoardClient(30.0)
        try:
            await client.join("nobody")
        finally:
            client.close()
            await boards.end()

    with pytest.raises(PostRefused, match="no"):
        asyncio.run(scene())
    assert len(asked) == 1
