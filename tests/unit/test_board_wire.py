"""The connection to the board: who is let in, what is refused, and what waits for what."""

import asyncio

import msgspec
import pytest

from blackboard.entry import Draft, Post
from blackboard.errors import (
    BoardUnavailable,
    InvariantBroken,
    JournalUnavailable,
    PostRefused,
    QuorumError,
    StaleEpoch,
)
from runtime import board_server, board_wire
from runtime.board_link import BoardLink
from runtime.board_server import BoardServer
from runtime.board_wire import TOKEN_BYTES, Address, Call, JoinCall, PostCall, PulseCall
from tests.board_stage import LOOPBACK, POLL, Stage, played, until
from tests.builders import a_quote


async def said_to(address: Address, *parts: bytes) -> bytes:
    """Return what a caller hears, who says just this, until the other side hangs up."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        for part in parts:
            writer.write(part)
        async with asyncio.timeout(30.0):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_without_the_token_nothing_is_decoded() -> None:
    """A caller with another token is hung up on, whatever follows it, and the board hears none."""
    call = board_wire.framed(board_wire.Asked(1, PulseCall()))

    async def play(stage: Stage) -> None:
        assert await said_to(stage.address, bytes(TOKEN_BYTES), call) == b""
        assert stage.asked == []

        token = stage.address.token
        link = await BoardLink.open(stage.address)
        await link.call(PulseCall())
        link.close()
        assert stage.asked == [PulseCall()]
        assert repr(token)[2:-1] not in repr(stage.address)

    played(play)


def test_who_shows_no_token_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that stays silent is hung up on after its time."""
    monkeypatch.setattr(board_server, "GREETING_S_MAX", 0.01)

    async def play(stage: Stage) -> None:
        assert await said_to(stage.address, b"half a token") == b""

    played(play)


def test_no_more_callers_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a caller is hung up on, and those who are in stay."""
    monkeypatch.setattr(board_server, "CONNECTIONS_MAX", 1)

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        await link.call(PulseCall())
        with pytest.raises(ConnectionError):
            await (await BoardLink.open(stage.address)).call(PulseCall())
        await link.call(PulseCall())
        link.close()

    played(play)


def test_callers_without_the_token_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are silent, who shows the token comes in: the oldest of them makes room."""
    monkeypatch.setattr(board_server, "GREETING_S_MAX", 600.0)
    monkeypatch.setattr(board_server, "STRANGERS_MAX", 2)
    monkeypatch.setattr(board_server, "CONNECTIONS_MAX", 1)

    async def play(stage: Stage) -> None:
        host, port = stage.address.host, stage.address.port
        strangers = [await asyncio.open_connection(host, port) for _ in range(3)]
        async with asyncio.timeout(30.0):
            assert await strangers[0][0].read() == b""
            link = await BoardLink.open(stage.address)
            await link.call(PulseCall())
            more = [await asyncio.open_connection(host, port) for _ in range(3)]
            assert await more[0][0].read() == b""
            await link.call(PulseCall())
        link.close()
        for _, writer in strangers + more:
            writer.close()

    played(play)


def test_a_poll_holds_up_no_post() -> None:
    """Of two calls over one connection the later is answered while the earlier waits."""

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        poll = asyncio.create_task(link.call(POLL))
        await until(lambda: POLL in stage.asked)

        assert msgspec.msgpack.decode(await link.call(PulseCall())) == 2
        assert not poll.done()
        stage.go.set()
        assert msgspec.msgpack.decode(await poll) == 2
        link.close()

    played(play)


@pytest.mark.parametrize(
    ("raised", "heard"),
    [
        (PostRefused("too old"), PostRefused),
        (StaleEpoch("a younger one"), StaleEpoch),
        (BoardUnavailable("no server"), BoardUnavailable),
        (JournalUnavailable("no server"), JournalUnavailable),
        (OSError("no room"), BoardUnavailable),
        (KeyError("nobody"), InvariantBroken),
    ],
)
def test_an_error_of_the_board_is_the_callers(raised: Exception, heard: type[QuorumError]) -> None:
    """What the board raises arrives as the same error with its reason; the connection stays."""

    async def answer(call: Call) -> bytes:
        if isinstance(call, JoinCall):
            raise raised
        return b"\xc0"

    async def scene() -> None:
        server = BoardServer(answer)
        link = await BoardLink.open(await server.listen(LOOPBACK))
        with pytest.raises(heard, match=str(raised.args[0])) as caught:
            await link.call(JoinCall("data"))
        assert type(caught.value) is heard
        assert bytes(await link.call(PulseCall())) == b"\xc0"
        link.close()
        await server.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x02\x92\x01",
        b"\xff\xff\xff\xff",
    ],
    ids=["no message", "half a message", "too long"],
)
def test_what_is_no_call_ends_only_its_connection(said: bytes) -> None:
    """Whoever knows the token and talks nonsense is hung up on; others are served."""

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        assert await said_to(stage.address, stage.address.token, said) == b""
        await link.call(PulseCall())
        assert stage.asked == [PulseCall()]
        link.close()

    played(play)


def test_a_call_that_cannot_be_read_is_refused_alone() -> None:
    """A post with a fact that is none is refused by name; what else is open waits on."""
    fact = a_quote()
    msgspec.structs.force_setattr(fact, "bid", "much")
    draft = Draft(fact=fact, ts_event_ns=1)
    post = Post(author="data", epoch=1, drafts=(draft,), read_to=0, now_ns=1)

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        poll = asyncio.create_task(link.call(POLL))
        await until(lambda: POLL in stage.asked)
        with pytest.raises(PostRefused, match="bid"):
            await link.call(PostCall(post))
        assert not poll.done()
        assert stage.asked == [POLL]
        stage.go.set()
        await poll
        link.close()

    played(play)


def test_a_post_beyond_a_frame_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call or an answer that no frame holds is refused by name, and the connection stays."""
    post = Post(
        author="data",
        epoch=1,
        drafts=(Draft(fact=a_quote(), ts_event_ns=1),),
        read_to=0,
        now_ns=1,
    )

    async def play(stage: Stage) -> None:
        link = await BoardLink.open(stage.address)
        monkeypatch.setattr(board_wire, "FRAME_BYTES_MAX", 100)
        with pytest.raises(PostRefused, match="100 bytes"):
            await link.call(PostCall(post))
        assert stage.asked == []
        await link.call(PulseCall())
        monkeypatch.setattr(board_wire, "FRAME_BYTES_MAX", 1 << 20)
        link.close()

    played(play)
