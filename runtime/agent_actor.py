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

from agents.agent import Agent
from blackboard.errors import QuorumError
from config.settings import Settings
from runtime.actor_metrics import GAUGES_EVERY_S, ActorMetrics
from runtime.board_client import BoardClient
from runtime.board_port import read_past
from runtime.clock import ScaledClock, process_s
from runtime.council import class_name
from runtime.ground import CommonGround, require_ground
from runtime.live_loop import LiveLoop, reside, wanted_by
from runtime.log_setup import set_up_logs
from runtime.seat import Seat
from runtime.settled_heap import leave_out_of_collections
from runtime.supersteps import Turn
from runtime.terminal_world import WorldPlan, open_world
from runtime.world import World

_log = structlog.get_logger()
TURN_DEADLINE_S = 3600.0
"""Longest wait for a turn in virtual time: a dead agent stops the time while it is dead."""
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
    ground: CommonGround | None = None
    """What its node must have, on a cluster that was joined."""


class AgentActor:
    """Hosts one agent: reads the board, steps, posts, hands requests to the world."""

    def __init__(self, plan: bytes) -> None:
        self.plan = msgspec.msgpack.decode(plan, type=AgentPlan)
        require_ground(self.plan.ground, self.plan.world.terminal_url)
        self.name = self.plan.name
        self.clock = self.plan.clock
        self.settings = Settings.model_validate_json(self.plan.settings)
        set_up_logs(
            self.name,
            Path(self.plan.log_folder),
            self.settings.log,
            profile=self.settings.profile,
        )
        self.board = BoardClient(self.settings.board.call_deadline_s)
        self.poll_timeout_s = self.settings.board.poll_timeout_s * (1.0 + _time_out_jitter())
        self.has_ended = False
        self._beat_s = process_s()
        self._faults = 0
        self._fault = ""
        self._metrics = ActorMetrics(self.name, is_on=self.settings.cluster.metrics_port > 0)
        if self._metrics.is_on:
            self._refreshing = asyncio.create_task(self._refresh_metrics())
        self._settling = asyncio.create_task(leave_out_of_collections())
        self._task = asyncio.create_task(
            reside(self, self._follow, errors=(QuorumError, RayError, OSError))
        )
        self._task.add_done_callback(self._loop_ended)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        # Nobody else looks at a task. Ray starts the process again, and the watch counts it.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("agent_loop_ended", agent=self.name, reason=repr(error)[:500])
            os._exit(1)

    async def _follow(self, agent: Agent, world: World) -> None:
        if self.plan.is_virtual:
            await self._take_turns(agent, world)
        else:
            await asyncio.to_thread(agent.warm_up)
            await LiveLoop(self, agent, world).run()

    async def _take_turns(self, agent: Agent, world: World) -> None:
        seat = Seat(agent, world)
        limit = self.settings.board.read_batch_max
        joined = await self.board.join(agent.name)
        past = [
            entry
            async for batch in read_past(self.board, wanted_by(agent), joined, limit)
            for entry in batch.entries
            if entry.seq <= joined.read_to
        ]
        turn: Turn = await asyncio.to_thread(seat.rejoin, joined, past)
        del past  # this frame lives as long as the agent, and would keep all that it has folded
        while not self.has_ended:
            self.beat()
            told = await self.board.turn(turn, TURN_DEADLINE_S)
            self.has_ended = told.has_ended
            if not told.has_ended:
                began_s = process_s()
                turn = await asyncio.to_thread(seat.turn, told)
                self.well()
                self.turned(process_s() - began_s, len(told.entries), len(turn.drafts))

    def open_world(self) -> World:
        """Open the way to the terminal process and the feeds."""
        return open_world(self.plan.world)

    def beat(self) -> None:
        """Note that the loop is alive."""
        self._beat_s = process_s()

    def well(self) -> None:
        """Note that the agent has worked since its last fault."""
        self._fault = ""

    def turned(self, seconds: float, inbox: int, posted: int) -> None:
        """Tell Ray's metrics of a turn."""
        self._metrics.turned(seconds, inbox, posted)

    async def _refresh_metrics(self) -> None:
        while not self.has_ended:
            self._metrics.refresh(process_s() - self._beat_s)
            await asyncio.sleep(GAUGES_EVERY_S)

    def failed(self, reason: str) -> int:
        """Note a fault after which the agent is rebuilt; return how many there were."""
        self._faults += 1
        self._fault = reason
        return self._faults

    def waits(self, reason: str) -> None:
        """Note that the board stays away; it is no fault of the agent, and its loop is alive."""
        self._fault = reason
        self.beat()

    def fenced(self, reason: str) -> None:
        """Note that a younger instance has taken over."""
        self.has_ended = True
        self._fault = reason

    async def stop(self) -> None:
        """End the loop; what the agent has at the broker stays protected there."""
        self.has_ended = True
        self._task.cancel()

    @ray.method(concurrency_group="ctl", enable_task_events=False)
    async def health(self) -> Mapping[str, Any]:
        """Return process id, node, age of the last turn, faults so far, and the open fault."""
        died = self._task.done() and not self._task.cancelled() and not self.has_ended
        return {
            "pid": os.getpid(),
            "loop_age_s": process_s() - self._beat_s,
            "faults": self._faults,
            "fault": repr(self._task.exception()) if died else self._fault,
            "has_ended": self.has_ended,
            "node": ray.get_runtime_context().get_node_id(),
        }

    def __repr__(self) -> str:
        return self.plan.name


def _time_out_jitter() -> float:
    # From the process id so that no randomness is needed: agents must not poll in step.
    return _TIME_OUT_JITTER * (os.getpid() % 100) / 100.0


def spawn(plan: AgentPlan, **options: Any) -> Any:
    """Start the actor of one agent under its own class name, which the dashboard shows."""
    cls = type(class_name(plan.name), (AgentActor,), {"__module__": __name__})
    actor = ray.remote(  # type: ignore[call-overload] # Ray's types do not know the groups
        num_cpus=0, max_restarts=-1, max_task_retries=0, concurrency_groups={"ctl": 1}
    )(cls)
    return actor.options(name=plan.name, **options).remote(msgspec.msgpack.encode(plan))
