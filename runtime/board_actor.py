"""The board as a Ray actor: what every agent on whatever node reads and posts to.

Guarantees are those of `blackboard.board.Board`. The actor adds the wait: a reader that is up to
date waits until something new is there (long poll), and in virtual time an agent waits at the
barrier of `Supersteps`. A restarted actor rebuilds itself from its journal in the constructor,
which fails if the journal cannot be trusted: a board without its past must not serve.

Ray starts and watches it and says where it answers; what is read and posted comes over connections
of its own, see `board_server`.
"""

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import ray

from blackboard.access import Access
from blackboard.board import Board
from blackboard.entry import Ack, Post, encode_entries
from blackboard.errors import JournalCorrupt, JournalFenced, PostRefused
from blackboard.journal import Durability
from blackboard.reading import Filter, Joined
from config.system import LogSection
from runtime.board_plan import BoardPlan, BoardPulse
from runtime.board_server import BoardServer
from runtime.board_service import BoardService
from runtime.board_wire import Call, JoinCall, PostCall, PulseCall, ReadCall, TurnCall
from runtime.clock import process_s
from runtime.ground import require_ground
from runtime.journals.opening import open_to_write
from runtime.log_setup import set_up_logs
from runtime.settled_heap import leave_out_of_collections
from runtime.supersteps import Release, Supersteps, Turn

LOOPBACK: Final = "127.0.0.1"


class EncodedRead(msgspec.Struct, frozen=True, kw_only=True):
    """A `ReadAnswer` whose entries are as the board stores them."""

    read_to: int
    entries: msgspec.Raw


class Blackboard:
    """The board actor; one per run."""

    def __init__(self, plan: bytes) -> None:
        self.plan = msgspec.msgpack.decode(plan, type=BoardPlan)
        require_ground(self.plan.ground)
        log = LogSection.model_validate_json(self.plan.log)
        set_up_logs("blackboard", Path(self.plan.log_folder), log, profile=self.plan.profile)
        durability = Durability.UNSYNCED if self.plan.is_virtual else Durability.SAFE
        journal = open_to_write(Path(self.plan.folder), self.plan.bytes_max)
        self._board = board = Board(
            Access(self.plan.declarations),
            journal,
            durability=durability,
            limits=self.plan.limits,
        )
        self._filters = {
            name: Filter(kinds=self.plan.declarations[name].reads, author=name)
            for name in self.plan.order
        }
        self._service = BoardService(board, self.plan.clock.now_ns, journal.tidy)
        self._server = BoardServer(self._answer)
        self._listening = asyncio.create_task(self._server.listen(_host(self.plan)))
        self._settling = asyncio.create_task(leave_out_of_collections())
        self._held: deque[asyncio.Future[Any]] = deque()
        self._supersteps: Supersteps | None = None
        self._released: dict[str, asyncio.Future[bytes]] = {}
        self._jumping: asyncio.Task[None] | None = None
        self._has_ended = False
        if self.plan.is_virtual:
            self._supersteps = Supersteps(
                board, self._filters, self.plan.start_ns, self.plan.end_ns
            )

    @ray.method(enable_task_events=False)
    async def address(self) -> bytes:
        """Return where the board answers its callers, see `board_wire`."""
        return msgspec.msgpack.encode(await asyncio.shield(self._listening))

    async def _answer(self, call: Call) -> bytes:
        match call:
            case PostCall(post):
                return msgspec.msgpack.encode(await self._post(post))
            case ReadCall():
                return await self._read(call)
            case TurnCall(turn):
                return await self._turn(turn)
            case JoinCall(author):
                return msgspec.msgpack.encode(self._join(author))
            case PulseCall():
                return msgspec.msgpack.encode(self._pulse())

    def _join(self, author: str) -> Joined:
        if self._supersteps is not None:
            self._supersteps.leave(author)
            if self._jumping is not None:
                self._jumping.cancel()  # time stands still until the new instance waits too
        return self._service.join(author)

    async def _post(self, post: Post) -> tuple[Ack, ...]:
        if self._supersteps is None:
            return await self._service.post(post)
        answer: tuple[Ack, ...] | PostRefused = await self._injected(self._supersteps, post)
        if isinstance(answer, PostRefused):
            raise answer
        return answer

    async def _read(self, call: ReadCall) -> bytes:
        head, stored = await self._service.read(
            call.after, call.wanted, call.limit, call.timeout_s, call.linger_s
        )
        answer = EncodedRead(read_to=head, entries=msgspec.Raw(encode_entries(stored)))
        return msgspec.msgpack.encode(answer)

    async def _turn(self, turn: Turn) -> bytes:
        if self._supersteps is None:
            raise PostRefused("turn is for runs in virtual time, this one follows the clock")
        self._service.beat_s = process_s()
        release = self._supersteps.hand_in(turn)
        if release is not None:
            return release.encoded()
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if (repeated := self._released.get(turn.author)) is not None:
            repeated.cancel()
        self._released[turn.author] = future
        self._run_supersteps(self._supersteps)
        return await future

    def _pulse(self) -> BoardPulse:
        return BoardPulse(
            head=self._board.head,
            now_ns=self._board.now_ns if self.plan.is_virtual else self.plan.clock.now_ns(),
            supersteps=self._supersteps.count if self._supersteps else 0,
            has_ended=self._has_ended,
            failure=self._service.failure,
            authors=self._board.pulses,
        )

    async def rest(self) -> None:
        """Store a snapshot for the next start; nothing is lost where that fails."""
        self._board.rest()

    @ray.method(concurrency_group="ctl", enable_task_events=False)
    async def health(self) -> Mapping[str, Any]:
        """Return process id, node, age of the last turn, and why the journal is away, if it is.

        It answers from a thread of its own.
        """
        return {
            "pid": os.getpid(),
            "loop_age_s": process_s() - self._service.beat_s,
            "away": self._service.away,
            "node": ray.get_runtime_context().get_node_id(),
        }

    def __repr__(self) -> str:
        return "blackboard"

    def _injected(self, supersteps: Supersteps, post: Post) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        supersteps.inject(post)
        self._held.append(future)
        self._run_supersteps(supersteps)
        return future

    def _run_supersteps(self, supersteps: Supersteps) -> None:
        if self._jumping is not None:
            self._jumping.cancel()
        try:
            self._settle(supersteps)
        except (OSError, JournalCorrupt, JournalFenced) as error:
            self._fail(error)

    def _settle(self, supersteps: Supersteps) -> None:
        released, answers, jump_ns = supersteps.settle()
        for answer in answers:
            future = self._held.popleft()
            if not future.done():
                future.set_result(answer)
        if answers or released:
            self._service.wake_readers()
        if jump_ns is not None and self.plan.is_paced:
            self._jumping = asyncio.create_task(self._paced_jump(supersteps, jump_ns))
            return
        self._deliver(released if jump_ns is None else supersteps.jump(jump_ns))

    async def _paced_jump(self, supersteps: Supersteps, jump_ns: int) -> None:
        await asyncio.sleep(self.plan.clock.wait_s(jump_ns))
        self._jumping = None
        try:
            self._deliver(supersteps.jump(jump_ns))
        except (OSError, JournalCorrupt, JournalFenced) as error:
            self._fail(error)

    def _fail(self, error: OSError | JournalCorrupt | JournalFenced) -> None:
        # Nothing was stored and time stands still; everybody who waits is told why.
        self._service.failure = str(error)
        for future in [*self._held, *self._released.values()]:
            if not future.done():
                future.set_exception(PostRefused(f"the journal cannot be written: {error}"))
        self._held.clear()
        self._released.clear()
        if self._supersteps is not None:
            self._supersteps.drop_injected()

    def _deliver(self, released: list[Release]) -> None:
        for release in released:
            self._has_ended = self._has_ended or release.has_ended
            future = self._released.pop(release.author, None)
            if future is not None and not future.done():
                future.set_result(release.encoded())
        if self._has_ended:
            self._service.release_readers()


def _host(plan: BoardPlan) -> str:
    if not plan.serves_nodes:
        return LOOPBACK
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return address
