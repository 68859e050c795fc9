"""The board of a simulation as a process of its own, and the clients that reach it.

Inside stands the production board with its production service. Around it is what a process and a
network do: the board dies with whatever it had not stored, its callers learn of that by an error
and call again, an answer is lost although the call ran, a message takes time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from blackboard.access import Access
from blackboard.board import Board, BoardLimits
from blackboard.entry import Ack, Post
from blackboard.errors import BoardUnavailable, JournalCorrupt, PostRefused
from blackboard.facts import OrderSubmitting, Vote
from blackboard.reading import Filter, Joined
from runtime.board_port import ReadAnswer
from runtime.board_service import BoardService
from runtime.clock import ScaledClock
from runtime.simulation.disk import SimulatedDisk
from runtime.simulation.faults import Faults
from runtime.simulation.process import Process
from runtime.simulation.recorder import Recorder

T = TypeVar("T")

PAUSE_S_MIN: Final = 0.05
PAUSE_S_MAX: Final = 1.0


class BoardDied(Exception):
    """The process behind a call ended before it answered."""


class _Service(BoardService):
    """A board service that can die with everybody who waits for it."""

    def die(self) -> None:
        posts, self._queue = self._queue, []
        for _, answer in posts:
            if not answer.done():
                answer.set_exception(BoardDied())
        for news in self._waiting:
            if not news.done():
                news.set_exception(BoardDied())


class BoardProcess:
    """The board, alive or dead."""

    def __init__(
        self, access: Access, disk: SimulatedDisk, clock: ScaledClock, limits: BoardLimits
    ) -> None:
        self.disk = disk
        self.service: BoardService | None = None
        self.corruption = ""
        """Why it cannot start; empty while it can."""
        self._access = access
        self._clock = clock
        self._limits = limits
        self._own: _Service | None = None

    def start(self) -> bool:
        """Rebuild it from its disk; return whether it could."""
        try:
            board = Board(self._access, self.disk, limits=self._limits)
        except JournalCorrupt as error:
            self.corruption = str(error)
            return False
        self.corruption = ""
        self._own = self.service = _Service(board, self._clock.now_ns)
        return True

    def rest(self) -> None:
        """Store a snapshot, if it lives and its disk takes it."""
        if self.service is not None:
            with suppress(OSError):
                self.service.board.rest()

    def kill(self) -> None:
        """End it; what was not stored is lost, and callers get an error."""
        if self._own is not None:
            self._own.die()
        self._own = self.service = None


class BoardLine:
    """One client's way to the board; a `runtime.board_port.BoardPort`."""

    def __init__(
        self,
        board: BoardProcess,
        process: Process,
        faults: Faults,
        recorder: Recorder,
        latency_s: Callable[[], float],
        deadline_s: float,
    ) -> None:
        self._board = board
        self._process = process
        self._faults = faults
        self._recorder = recorder
        self._latency_s = latency_s
        self._deadline_s = deadline_s

    async def join(self, author: str) -> Joined:
        """Admit this instance of an author."""

        async def join(service: BoardService) -> Joined:
            try:
                return service.join(author)
            except OSError as error:
                raise PostRefused(str(error)) from error

        return await self._call("join", join)

    async def post(self, post: Post) -> tuple[Ack, ...]:
        """Post; a lost answer and a repeated delivery are part of the line."""

        async def deliver(service: BoardService) -> tuple[Ack, ...]:
            acks = await service.post(post)
            if self._strikes("answer_lost", "order_answer_lost", post):
                raise BoardDied
            if self._strikes("post_repeated", "order_repeated", post):
                return await service.post(post)
            if any(isinstance(draft.fact, Vote) for draft in post.drafts) and (
                self._faults.strike("vote_repeated", post.author)
            ):
                await service.post(post)
            return acks

        self._process.at_post(post, is_done=False)
        try:
            acks = await self._call("post", deliver)
        except (PostRefused, BoardUnavailable) as refusal:
            self._recorder.refused(post, refusal)
            raise
        self._recorder.acknowledged(post, acks)
        self._process.at_post(post, is_done=True)
        return acks

    async def read(
        self,
        after: int,
        wanted: Filter,
        limit: int,
        timeout_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> ReadAnswer:
        """Read after a cursor."""

        async def read(service: BoardService) -> ReadAnswer:
            head, stored = await service.read(after, wanted, limit, timeout_s, linger_s)
            return ReadAnswer(read_to=head, entries=[item.entry for item in stored])

        return await self._call("read", read)

    def _strikes(self, kind: str, order_kind: str, post: Post) -> bool:
        is_order = any(isinstance(draft.fact, OrderSubmitting) for draft in post.drafts)
        kinds = (order_kind, kind) if is_order else (kind,)
        return any(self._faults.strike(each, post.author) is not None for each in kinds)

    async def _call(self, name: str, call: Callable[[BoardService], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._deadline_s
        pause_s = PAUSE_S_MIN
        while True:
            await self._process.is_running()
            if name != "read":
                await asyncio.sleep(self._latency_s())
            service = self._board.service
            if service is not None and not self._process.is_cut_off:
                try:
                    answer = await call(service)
                except BoardDied:
                    pass
                else:
                    await self._process.is_running()
                    return answer
            if loop.time() + pause_s >= end_s:
                raise BoardUnavailable(
                    f"the board did not answer {name} within {self._deadline_s} s"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_S_MAX, pause_s * 2)
