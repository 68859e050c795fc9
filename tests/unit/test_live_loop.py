"""The live loop hears every failure of a reading, counts none of the board, and keeps no past."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.agent import Inbox, Outbox
from agents.requests import Wake
from blackboard.access import Declaration, declare
from blackboard.entry import Ack, Draft, Entry, Post
from blackboard.errors import BoardUnavailable
from blackboard.facts import RetrainRequested
from blackboard.reading import Joined
from config.settings import Settings
from config.system import BoardSection
from runtime import live_loop
from runtime.board_port import ReadAnswer


async def _fails() -> Any:
    raise BoardUnavailable("the board did not answer read within 30.0 s")


def test_a_reading_that_failed_meanwhile_is_not_reported_as_lost() -> None:
    """While a post waited for the same board, the reading beside it failed: nothing is lost."""
    told: list[dict[str, Any]] = []

    async def forget_a_failed_reading() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        reading = asyncio.create_task(_fails())
        await asyncio.sleep(0)

        live_loop._cancel(reading)

        del reading
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(forget_a_failed_reading())

    assert told == []


def test_a_reading_under_way_is_cancelled() -> None:
    """Nobody waits for it any more."""

    async def cancel_one() -> bool:
        reading: asyncio.Task[Any] = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        live_loop._cancel(reading)
        await asyncio.sleep(0)
        return reading.cancelled()

    assert asyncio.run(cancel_one())


def test_an_agent_without_its_board_waits_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the board stays away, no fault is counted; another error is one."""
    said: list[str] = []
    errors = [BoardUnavailable("away"), BoardUnavailable("still away"), OSError("a fault")]
    host = SimpleNamespace(
        name="risk",
        has_ended=False,
        settings=Settings(),
        open_world=lambda: SimpleNamespace(close=lambda: None),
        waits=lambda reason: said.append(f"waits: {reason}"),
    )

    def failed(reason: str) -> int:
        said.append(f"failed: {reason}")
        host.has_ended = True
        return 1

    host.failed = failed

    async def follow(_agent: Any, _world: Any) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(live_loop, "_FAULT_PAUSE_S", 0.0)
    asyncio.run(live_loop.reside(host, follow))

    assert said == ["waits: away", "waits: still away", "failed: a fault"]


class _Noted(Entry, frozen=True, kw_only=True, gc=True, weakref=True):
    """An entry of which can be asked whether anybody still holds it."""


class _Board:
    """A board that answers with these entries, one list after the other, and then waits."""

    def __init__(self, *answers: list[Entry]) -> None:
        self._answers = list(answers)

    async def join(self, author: str) -> Joined:
        return Joined(epoch=1, read_to=0, now_ns=0)

    async def read(self, *_: object) -> ReadAnswer:
        if not self._answers:
            await asyncio.Event().wait()
        entries = self._answers.pop(0)
        return ReadAnswer(read_to=entries[-1].seq, entries=entries)


class _Follower:
    """An agent that says what it sees in which turn, and whether anybody still holds an entry."""

    name, unhurried = "risk", ()

    def __init__(self, held: Callable[[], object]) -> None:
        self._held = held
        self.turns: list[tuple[list[int], bool]] = [([], True)]

    def declaration(self) -> Declaration:
        return declare([], [])

    def see(self, entry: Entry) -> None:
        self.turns[-1][0].append(entry.seq)

    def step(self, _now_ns: int, inbox: Inbox) -> Outbox:
        self.turns.append(([entry.seq for entry in inbox.entries], self._held() is not None))
        return Outbox()


def test_the_past_is_folded_batch_by_batch_and_nobody_holds_it_at_the_first_turn() -> None:
    """However long a journal is, an agent that starts needs the memory of one batch."""
    batch = 10
    past = [_noted(seq) for seq in range(1, batch + 1)]
    held = weakref.ref(past[0])
    board = _Board(past, [_noted(11)], [_noted(12)])
    del past
    turned = asyncio.Queue[int]()
    host = SimpleNamespace(
        name="risk",
        board=board,
        clock=SimpleNamespace(now_ns=lambda: 2),
        settings=Settings(board=BoardSection(read_batch_max=batch)),
        poll_timeout_s=1.0,
        beat=lambda: None,
        well=lambda: None,
        turned=lambda _seconds, taken, _posted: turned.put_nowait(taken),
    )
    agent = _Follower(held)

    async def two_turns() -> list[int]:
        running = asyncio.create_task(live_loop.LiveLoop(host, agent, SimpleNamespace()).run())  # type: ignore[arg-type]
        taken = [await turned.get(), await turned.get()]
        running.cancel()
        return taken

    assert asyncio.run(two_turns()) == [0, 1]
    assert agent.turns == [(list(range(1, 12)), True), ([], False), ([12], False)]


class _SlowBoard(_Board):
    """A board that takes a post and lets it be read a while later."""

    def __init__(self, *, is_repeated: bool) -> None:
        super().__init__([_noted(1)])
        self._is_repeated = is_repeated
        self._posted = asyncio.Event()
        self._reads = 0

    async def post(self, post: Post) -> tuple[Ack, ...]:
        self._posted.set()
        return tuple(Ack(1, created=not self._is_repeated) for _ in post.drafts)

    async def read(self, *_: object) -> ReadAnswer:
        self._reads += 1
        if self._reads == 1:
            return ReadAnswer(read_to=0, entries=[])
        await self._posted.wait()
        await asyncio.sleep(0.05)
        return await super().read()


class _Poster:
    """An agent that posts and wants to be woken at once, and notes what it is given."""

    name, unhurried = "supervisor", ()

    def __init__(self) -> None:
        self.turns: list[tuple[list[int], int]] = []

    def declaration(self) -> Declaration:
        return declare([], [])

    def step(self, _now_ns: int, inbox: Inbox) -> Outbox:
        self.turns.append(([entry.seq for entry in inbox.entries], len(inbox.replies)))
        if len(self.turns) > 1:
            return Outbox()
        return Outbox([Draft(fact=_noted(1).fact, ts_event_ns=1)], [Wake(at_ns=1)])


@pytest.mark.parametrize("is_repeated", [False, True])
def test_own_entries_come_before_any_reply(is_repeated: bool) -> None:
    """Also where the post was a repetition, because the first call was cut off after it."""
    turned = asyncio.Queue[int]()
    host = SimpleNamespace(
        name="supervisor",
        board=_SlowBoard(is_repeated=is_repeated),
        clock=SimpleNamespace(now_ns=lambda: 2, wait_s=lambda _: 0.0),
        settings=Settings(),
        poll_timeout_s=1.0,
        beat=lambda: None,
        well=lambda: None,
        turned=lambda _seconds, taken, _posted: turned.put_nowait(taken),
    )
    agent = _Poster()

    async def three_turns() -> None:
        running = asyncio.create_task(live_loop.LiveLoop(host, agent, SimpleNamespace()).run())  # type: ignore[arg-type]
        for _ in range(3):
            await turned.get()
        running.cancel()

    asyncio.run(asyncio.wait_for(three_turns(), 5.0))
    assert agent.turns == [([], 0), ([1], 0), ([], 1)]


def _noted(seq: int) -> Entry:
    return _Noted(
        seq=seq,
        author="supervisor",
        epoch=1,
        key=str(seq),
        fact=RetrainRequested(scope="all", reason="drift", evidence=""),
        ts_event_ns=seq,
        known_at_ns=seq,
        read_to=0,
        now_ns=seq,
    )
