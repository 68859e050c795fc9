"""A connection to the board that is slow, lost or long: who hears of it, and what is kept."""

import asyncio
import gc
import socket
import weakref

import msgspec
import pytest

from blackboard.errors import BoardUnavailable
from runtime import board_server, board_wire
from runtime.board_link import BoardLink
from runtime.board_server import BoardServer
from runtime.board_wire import Call, JoinCall, PulseCall, ReadCall
from tests.board_stage import LOOPBACK, POLL, Stage, played, until


def test_both_ends_notice_that_the_other_machine_is_gone() -> None:
    """The system probes a silent connection from either side."""

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        await link.call(PulseCall())
        for writer in (link._writer, *stage.server._connections):
            connection = writer.get_extra_info("socket")
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        link.close()

    played(play)


def test_a_system_that_knows_no_keep_alive_is_connected_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option that the system refuses is done without, on both ends."""
    monkeypatch.setattr(board_wire, "_SILENCE", {"TCP_KEEPCNT": -1})

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        await link.call(PulseCall())
        link.close()

    played(play)


def test_calls_beyond_the_bound_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose bound of open calls is reached is heard again once one is answered."""
    monkeypatch.setattr(board_server, "CALLS_MAX", 2)

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        calls = [asyncio.create_task(link.call(call)) for call in (POLL, POLL, PulseCall())]
        await until(lambda: len(stage.asked) == 2)
        other = await BoardLink.open(stage.address)
        await other.call(PulseCall())

        assert stage.asked == [POLL, POLL, PulseCall()]
        stage.go.set()
        await asyncio.gather(*calls)
        assert len(stage.asked) == 4
        link.close()
        other.close()

    played(play)


def test_who_does_not_listen_holds_up_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board makes no answers in advance for a caller that takes none; others have theirs."""
    monkeypatch.setattr(board_server, "CALLS_MAX", 1)
    count, size = 8, 16 << 20
    asked = []

    async def answer(call: Call) -> bytes:
        asked.append(call)
        return msgspec.msgpack.encode(bytes(size if isinstance(call, ReadCall) else 1))

    async def scene() -> None:
        server = BoardServer(answer)
        address = await server.listen(LOOPBACK)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(address.token)
        for number in range(count):
            writer.write(board_wire.framed(board_wire.Asked(number, POLL)))
        await until(lambda: POLL in asked)
        link = await BoardLink.open(address)
        for _ in range(10):
            await link.call(PulseCall())
        assert asked.count(POLL) < count
        for _ in range(count):
            await board_wire.read_frame(reader)
        assert asked.count(POLL) == count
        writer.close()
        link.close()
        await server.close()

    asyncio.run(scene())


def test_a_call_that_the_board_drops_is_told_so() -> None:
    """Where a later call takes the place of an earlier one, the earlier does not wait on."""

    async def scene() -> None:
        asked: list[asyncio.Future[bytes]] = []

        async def answer(call: Call) -> bytes:
            del call
            for earlier in asked:
                earlier.cancel()
            asked.append(asyncio.get_running_loop().create_future())
            return await asked[-1]

        server = BoardServer(answer)
        link = await BoardLink.open(await server.listen(LOOPBACK))
        calls = [asyncio.create_task(link.call(POLL)) for _ in range(2)]
        with pytest.raises(BoardUnavailable, match="dropped"):
            async with asyncio.timeout(30.0):
                await calls[0]
        assert not calls[1].done()
        asked[-1].set_result(b"\xc0")
        assert bytes(await calls[1]) == b"\xc0"
        link.close()
        await server.close()

    asyncio.run(scene())


def test_a_lost_connection_is_told_to_all_who_wait() -> None:
    """When the board's end is gone every open call fails, and so does each further one."""

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        calls = [asyncio.create_task(link.call(POLL)) for _ in range(3)]
        await until(lambda: len(stage.asked) == 3)

        link.close()
        for call in calls:
            with pytest.raises(ConnectionError):
                await call
        assert link.is_lost
        with pytest.raises(ConnectionError):
            await link.call(PulseCall())
        assert len(stage.asked) == 3

    played(play)


def test_a_connection_that_is_lost_before_it_begins_is_told_too() -> None:
    """A call over a link that is closed before its first turn of the loop does not wait on."""

    async def play(stage: Stage) -> None:
        reader, writer = await asyncio.open_connection(stage.address.host, stage.address.port)

        async def hang_up() -> None:
            link.close()

        hanging_up = asyncio.create_task(hang_up())
        link = BoardLink(reader, writer)
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(30.0):
                await link.call(POLL)
        await hanging_up

    played(play)


def test_a_call_that_could_not_be_sent_fails_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller hears of the loss, and asyncio reports no second error that nobody has heard."""
    monkeypatch.setattr(board_server, "CALLS_MAX", 1)

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        poll = asyncio.create_task(link.call(POLL))
        await until(lambda: POLL in stage.asked)
        calls = [asyncio.create_task(link.call(JoinCall("x" * (10 << 20)))) for _ in range(3)]
        await asyncio.sleep(0.1)  # until no buffer takes more

        await stage.server.close()
        for call in (poll, *calls):
            with pytest.raises(ConnectionError):
                await call

    played(play)
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_what_a_caller_that_has_gone_waited_for_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The board keeps no poll of a process that has died, and answers none."""
    polls = [POLL] * 20

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        calls = [asyncio.create_task(link.call(poll)) for poll in polls]
        await until(lambda: stage.asked == polls)

        link.close()
        for call in calls:
            with pytest.raises(ConnectionError):
                await call
        await until(lambda: stage.dropped == polls and not stage.server._connections)

    played(play)
    assert caplog.text == ""


def test_nothing_is_kept_of_a_call_that_is_over() -> None:
    """Neither end of a connection that lives for months grows with its calls."""
    tasks = []

    async def answer(call: Call) -> bytes:
        tasks.append(weakref.ref(asyncio.current_task()))
        return b"\xc0"

    async def scene() -> None:
        server = BoardServer(answer)
        link = await BoardLink.open(await server.listen(LOOPBACK))
        for _ in range(board_server.CALLS_MAX * 2):
            await link.call(PulseCall())
        gc.collect()
        assert link._waiting == {}
        assert sum(task() is not None for task in tasks) <= 1  # the latest, while a frame names it
        link.close()
        await server.close()

    asyncio.run(scene())


def test_an_answer_that_meets_a_cancellation_ends_no_connection() -> None:
    """What comes for a call that is being cancelled is passed over."""

    async def play(stage: Stage) -> None:
        _, writer = await asyncio.open_connection(stage.address.host, stage.address.port)
        heard = asyncio.StreamReader()
        link = BoardLink(heard, writer)
        calls = [asyncio.create_task(link.call(PulseCall())) for _ in range(2)]
        await until(lambda: len(link._waiting) == 2)

        heard.feed_data(board_wire.framed(board_wire.Answered(1)))
        calls[0].cancel()
        heard.feed_data(board_wire.framed(board_wire.Answered(2)))
        assert bytes(await calls[1]) == b"\xc0"
        assert calls[0].cancelled()
        link.close()

    played(play)


def test_a_call_that_is_no_longer_waited_for_disturbs_none() -> None:
    """The answer of a call that was cancelled is passed over; later ones get their own."""

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        poll = asyncio.create_task(link.call(POLL))
        await until(lambda: POLL in stage.asked)
        poll.cancel()
        stage.go.set()

        assert msgspec.msgpack.decode(await link.call(PulseCall())) == 2
        link.close()

    played(play)
