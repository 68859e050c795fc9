"""The one Ray actor that hosts an agent; every agent of a cluster runs in an instance of it.

The constructor starts the loop, so an instance that Ray restarts resumes by itself: it joins the
board under a new epoch, which fences the older instance, rebuilds the agent from the journal, and
follows. The loop survives whatever its agent raises, within a budget; `health` answers from a
thread of its own and is the only place where a fault shows.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import ray
import structlog
from ray.exceptions import RayError

from agents.agent import Agent, Inbox, Outbox
from agents.requests import (
    AwaitBroker,
    BrokerChanged,
    Reply,
    Request,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from blackboard.board import Filter
from blackboard.entry import Entry, Post
from blackboard.errors import QuorumError, StaleEpoch
from config.settings import Settings
from runtime.board_client import BoardClient
from runtime.clock import ScaledClock, process_s
from runtime.council import class_name, load_agent
from runtime.log_setup import set_up_logs
from runtime.seat import STANDING, Seat
from runtime.step import guarded_step
from runtime.supersteps import Turn
from runtime.terminal_world import READ_TRIES, WorldPlan, open_world
from runtime.world import World

TURN_DEADLINE_S = 3600.0
"""Longest wait for a turn in virtual time: a dead agent stops the time while it is dead."""
BROKER_POLL_S = 0.25
"""Process seconds between two looks at the broker's book while following the clock."""
_FAULT_PAUSE_S = 1.0
_TIME_OUT_JITTER = 0.2


class AgentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent's actor needs to start, and to start again; plain data, no secrets."""

    name: str
    settings: str
    """The settings as JSON."""
    world: WorldPlan
    is_virtual: bool
    clock: ScaledClock
    log_folder: str


class AgentActor:
    """Hosts one agent: reads the board, steps, posts, hands requests to the world."""

    def __init__(self, plan: bytes) -> None:
        self.plan = msgspec.msgpack.decode(plan, type=AgentPlan)
        self._settings = Settings.model_validate_json(self.plan.settings)
        set_up_logs(self.plan.name, Path(self.plan.log_folder), self._settings.log)
        self._log = structlog.get_logger().bind(agent=self.plan.name)
        self._beat_s = process_s()
        self._faults = 0
        self._fault = ""
        self._has_ended = False
        self._board = BoardClient(self._settings.board.call_deadline_s)
        self._task = asyncio.create_task(self._live())
        self._task.add_done_callback(self._loop_ended)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        # Nobody else looks at a task. Ray starts the process again, and the watch counts it.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("agent_loop_ended", reason=repr(error)[:500])
            os._exit(1)

    async def _live(self) -> None:
        while not self._has_ended:
            world: World | None = None
            try:
                world = await asyncio.to_thread(open_world, self.plan.world)
                agent = load_agent(self.plan.name, self._settings)
                if self.plan.is_virtual:
                    await self._take_turns(agent, world)
                else:
                    await LiveLoop(self, agent, world).run()
            except StaleEpoch as error:
                # A younger instance has taken over; joining again would fence that one in turn.
                self._has_ended = True
                self._fault = str(error)[:500]
                self._log.error("agent_fenced_off", reason=str(error)[:500])
            except (QuorumError, RayError, OSError) as error:
                self._faults += 1
                self._fault = str(error)[:500]
                self._log.error("agent_rebuilding", reason=self._fault, faults=self._faults)
                await asyncio.sleep(_FAULT_PAUSE_S * min(self._faults, 10))
            finally:
                if world is not None:
                    await asyncio.to_thread(world.close)

    async def _take_turns(self, agent: Agent, world: World) -> None:
        seat = Seat(agent, world)
        limit = self._settings.board.read_batch_max
        joined = await self._board.join(agent.name)
        wanted = self.wanted(agent)
        past = await self._board.read_all(wanted, limit, up_to=joined.read_to)
        turn: Turn = await asyncio.to_thread(seat.rejoin, joined, past.entries)
        while not self._has_ended:
            self.beat()
            told = await self._board.turn(turn, TURN_DEADLINE_S)
            self._has_ended = told.has_ended
            if not told.has_ended:
                turn = await asyncio.to_thread(seat.turn, told)
                self._fault = ""

    def wanted(self, agent: Agent) -> Filter:
        """Return what the agent reads, its own entries included."""
        return Filter(kinds=agent.declaration().reads, author=agent.name)

    def beat(self) -> None:
        """Note that the loop is alive."""
        self._beat_s = process_s()

    def well(self) -> None:
        """Note that the agent has worked since its last fault."""
        self._fault = ""

    @property
    def board(self) -> BoardClient:
        """The way to the board."""
        return self._board

    @property
    def settings(self) -> Settings:
        """The settings of the run, without secrets."""
        return self._settings

    async def stop(self) -> None:
        """End the loop; what the agent has at the broker stays protected there."""
        self._has_ended = True
        self._task.cancel()

    @ray.method(concurrency_group="ctl")
    async def health(self) -> Mapping[str, Any]:
        """Return process id, age of the last turn, faults so far, and the open fault if any."""
        died = self._task.done() and not self._task.cancelled() and not self._has_ended
        return {
            "pid": os.getpid(),
            "loop_age_s": process_s() - self._beat_s,
            "faults": self._faults,
            "fault": repr(self._task.exception()) if died else self._fault,
            "has_ended": self._has_ended,
        }

    def __repr__(self) -> str:
        return self.plan.name


class LiveLoop:
    """The loop of an agent that follows the real clock by long poll."""

    def __init__(self, host: AgentActor, agent: Agent, world: World) -> None:
        self._host = host
        self._agent = agent
        self._world = world
        self._epoch = 0
        self._cursor = 0
        self._at_work: dict[asyncio.Task[Reply], Request] = {}
        self._sends = asyncio.Lock()
        self._mark: tuple[object, ...] | None = None

    async def run(self) -> None:
        """Rebuild, then follow until cancelled."""
        host, board = self._host, self._host.board
        wanted, limit = host.wanted(self._agent), host.settings.board.read_batch_max
        self._epoch = (await board.join(self._agent.name)).epoch
        past = await board.read_all(wanted, limit)
        self._cursor, entries = past.read_to, past.entries
        replies: list[Reply] = []
        now_ns = 0
        reading: asyncio.Task[Any] | None = None
        try:
            while True:
                host.beat()
                # Never before what was seen, whichever clock has stepped back or lags.
                seen_ns = max((entry.now_ns for entry in entries), default=0)
                now_ns = max(now_ns, host.plan.clock.now_ns(), seen_ns)
                inbox = Inbox(entries=tuple(entries), replies=tuple(replies))
                outbox = await asyncio.to_thread(guarded_step, self._agent, now_ns, inbox)
                posted = await self._post(outbox, now_ns)
                host.well()
                if posted:
                    # Own entries are seen before the next step, or it would want them again.
                    await _cancelled(reading)
                    reading = None
                    answer = await board.read(self._cursor, wanted, limit)
                    self._cursor, entries, replies = answer.read_to, answer.entries, []
                    continue
                reading = reading or asyncio.create_task(
                    board.read(self._cursor, wanted, limit, self._poll_timeout_s())
                )
                entries, replies, reading = await self._wait(reading)
        finally:
            await _cancelled(reading)
            for task in self._at_work:
                task.cancel()

    async def _post(self, outbox: Outbox, now_ns: int) -> bool:
        created: set[str] = set()
        if outbox.drafts:
            post = Post(
                author=self._agent.name,
                epoch=self._epoch,
                drafts=tuple(outbox.drafts),
                read_to=self._cursor,
                now_ns=now_ns,
            )
            acks = await self._host.board.post(post)
            created = {
                draft.slot for draft, ack in zip(outbox.drafts, acks, strict=True) if ack.created
            }
        for request in outbox.requests:
            if not request.needs or request.needs in created:
                self._start(request)
        return bool(created)

    def _start(self, request: Request) -> None:
        under_way = list(self._at_work.items())
        if any(other == request for _, other in under_way):
            return
        for task, other in under_way:
            is_replaced = isinstance(request, STANDING) and type(other) is type(request)
            if is_replaced and not task.done():  # one that is done is still to be heard
                task.cancel()
                del self._at_work[task]
        self._at_work[asyncio.create_task(self._ask(request))] = request

    async def _ask(self, request: Request) -> Reply:
        if isinstance(request, SendOrder):
            last_s = process_s() + self._host.settings.terminal.send_timeout_s
            async with self._sends:  # in the order in which the agent asked
                if process_s() >= last_s:
                    # Its author has given it up by now; sent late it would surprise everybody.
                    return Unanswered(request=request, reason="its turn came too late: not sent")
                return await self._perform(request)
        return await self._perform(request)

    async def _perform(self, request: Request) -> Reply:
        clock, terminal = self._host.plan.clock, self._host.settings.terminal
        if isinstance(request, Wake):
            await asyncio.sleep(clock.wait_s(request.at_ns))
            return Woken(request=request)
        if isinstance(request, AwaitBroker):
            return await self._await_broker(request)
        sends = isinstance(request, SendOrder)
        deadline_s = terminal.send_timeout_s if sends else terminal.read_timeout_s * READ_TRIES
        call = asyncio.to_thread(
            self._world.perform, request, now_ns=clock.now_ns(), epoch=self._epoch
        )
        try:
            return (await asyncio.wait_for(call, deadline_s)).reply
        except TimeoutError:
            return Unanswered(request=request, reason=f"no answer within {deadline_s:g} s")

    async def _await_broker(self, request: AwaitBroker) -> Reply:
        # The mark is kept over renewals: what changes between two of them is noticed too.
        while (wait_s := self._host.plan.clock.wait_s(request.until_ns)) > 0.0:
            mark = await asyncio.to_thread(self._world.broker_mark)
            changed, self._mark = self._mark not in (None, mark), mark
            if changed:
                break
            await asyncio.sleep(min(wait_s, BROKER_POLL_S))
        return BrokerChanged(request=request)

    async def _wait(
        self, reading: asyncio.Task[Any]
    ) -> tuple[list[Entry], list[Reply], asyncio.Task[Any] | None]:
        done, _ = await asyncio.wait({reading, *self._at_work}, return_when=asyncio.FIRST_COMPLETED)
        replies = []
        for task in [task for task in self._at_work if task in done]:
            del self._at_work[task]
            replies.append(task.result())
        if reading not in done:
            return [], replies, reading
        answer = reading.result()
        self._cursor = answer.read_to
        return answer.entries, replies, None

    def _poll_timeout_s(self) -> float:
        # Jitter, from the process id so that no randomness is needed: agents must not poll in step.
        share = (os.getpid() % 100) / 100.0
        return self._host.settings.board.poll_timeout_s * (1.0 + _TIME_OUT_JITTER * share)


async def _cancelled(task: asyncio.Task[Any] | None) -> None:
    if task is not None and not task.done():
        task.cancel()


def spawn(plan: AgentPlan, **options: Any) -> Any:
    """Start the actor of one agent under its own class name, which the dashboard shows."""
    cls = type(class_name(plan.name), (AgentActor,), {"__module__": __name__})
    actor = ray.remote(  # type: ignore[call-overload] # Ray's types do not know the groups
        num_cpus=0, max_restarts=-1, max_task_retries=0, concurrency_groups={"ctl": 1}
    )(cls)
    return actor.options(name=plan.name, **options).remote(msgspec.msgpack.encode(plan))
