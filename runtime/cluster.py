"""The cluster: starts Ray, the terminal process, the board and the agents, watches and stops them.

It runs in the driver, keeps every actor's handle there (a named actor dies with its last handle),
and posts AgentHealth. What follows from an agent's health is the supervisor's decision, not made
here. In virtual time nothing is posted, because a dead agent stops the time until it is back.
"""

import asyncio
import shutil
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import ray
import structlog
from ray.exceptions import ActorDiedError, GetTimeoutError, RayActorError, RayError

from blackboard.access import DRIVER
from blackboard.entry import Draft, Post
from blackboard.errors import BoardUnavailable, UnrecoverableError
from blackboard.facts import AgentHealth
from blackboard.facts.control import Health
from runtime.agent_actor import AgentPlan, spawn
from runtime.board_actor import Blackboard
from runtime.board_client import BOARD_NAME, BoardClient
from runtime.board_plan import BoardPlan
from runtime.board_settings import board_limits
from runtime.clock import process_s
from runtime.council import agent_order, declarations
from runtime.ray_session import RaySession, start_ray
from runtime.restart_budget import RestartBudget
from runtime.run_plan import RunPlan
from runtime.self_check import once_running, require_safe
from runtime.terminal_process import terminal_of
from runtime.terminal_watch import TerminalWatch
from runtime.terminal_world import WorldPlan, with_broker_names

_log = structlog.get_logger()
_READY_TIMEOUT_S = 90.0
HEALTH_MISSES_MAX = 5
"""Health checks in a row that an agent may miss before its process is ended as frozen."""
BOARD_MISSES_MAX = 30
"""The same for the board."""


class AgentView(msgspec.Struct, kw_only=True):
    """What the watch knows of one agent."""

    name: str
    mode: str
    handle: Any
    health: Health = Health.HEALTHY
    pid: int = 0
    restarts: int = 0
    loop_age_s: float = 0.0
    reason: str = ""
    faults: int = 0
    misses: int = 0
    """Health checks in a row without an answer."""
    has_ended: bool = False
    announced: tuple[Health, int] | None = None
    """Health and restarts as the board has them from this start, None before the first word."""
    recent: deque[float] = msgspec.field(default_factory=deque)
    """Process times of the latest restarts, within the budget's window."""


class Cluster:
    """One running system on Ray."""

    def __init__(self, plan: RunPlan, address: str = "") -> None:
        self.plan = plan
        self.settings = plan.settings
        self.address = address
        self.session: RaySession | None = None
        # Short, because a Unix socket's path below it may have 107 bytes at most.
        self._temporary = Path(tempfile.gettempdir()) / f"quorum-{plan.run_id}"
        self.terminal = terminal_of(plan)
        self._terminal_watch: TerminalWatch | None = None
        self.board = BoardClient(self.settings.board.call_deadline_s)
        self.agents: dict[str, AgentView] = {}
        self.board_pid = 0
        self.has_ended = False
        """Whether every agent has been told that the market's time is over."""
        self._board_handle: Any = None
        self._board_restarts = RestartBudget(self.settings.cluster, "the board")
        self._board_misses = 0
        self._epoch = 0
        self._health_posts = 0

    async def start(self) -> None:
        """Start everything and return when every agent answers."""
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        self.terminal.launch()  # it loads its market while Ray starts
        self.session = start_ray(self.settings.cluster, self.address, self._temporary)
        if self.settings.terminal.kind == "metatrader":
            await asyncio.to_thread(_examine, self.session)
        self._start_board()
        await asyncio.to_thread(self.terminal.await_answer)
        self.plan = await asyncio.to_thread(with_broker_names, self.plan, self.terminal.url)
        self.settings = self.plan.settings
        self._terminal_watch = TerminalWatch(self.terminal, self.settings)
        for name in agent_order(self.settings):
            self._spawn(name)
        await self._ready([self._board_handle, *(view.handle for view in self.agents.values())])
        self._epoch = (await self.board.join(DRIVER)).epoch

    async def watch(self) -> None:
        """Look at everything once; raises UnrecoverableError where the run cannot go on."""
        if self._terminal_watch is not None:
            await asyncio.to_thread(self._terminal_watch.look)
        await self._watch_board()
        await asyncio.gather(*(self._watch_agent(view) for view in self.agents.values()))
        if self.plan.is_virtual and all(view.has_ended for view in self.agents.values()):
            self.has_ended = True  # also where the board died with the news
        dead = [v.name for v in self.agents.values() if v.health is Health.QUARANTINED]
        if dead and self.plan.is_virtual:
            reasons = "; ".join(f"{name}: {self.agents[name].reason}" for name in dead)
            raise UnrecoverableError(f"virtual time stands still without {reasons}")

    async def post(self, draft: Draft) -> None:
        """Post a fact of the driver."""
        await self.board.post(
            Post(
                author=DRIVER,
                epoch=self._epoch,
                drafts=(draft,),
                read_to=0,
                now_ns=draft.ts_event_ns,
            )
        )

    async def stop(self) -> None:
        """Stop in order: agents, board, terminal process, Ray; bounded in time."""
        budget_s = self.settings.cluster.shutdown_timeout_s
        handles = [view.handle for view in self.agents.values()]
        if handles:
            with suppress(RayError, GetTimeoutError):
                await asyncio.wait_for(
                    asyncio.gather(*(h.stop.remote() for h in handles), return_exceptions=True),
                    budget_s / 4,
                )
        for handle in [*handles, *([self._board_handle] if self._board_handle else [])]:
            with suppress(RayActorError, ValueError):
                ray.kill(handle, no_restart=True)
        await asyncio.to_thread(self.terminal.stop)
        ray.shutdown()
        if self.session is not None:
            # Ray prunes none of its folders. That of a failed start is kept: its logs say why.
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _start_board(self) -> None:
        plan = self.plan
        board = self.settings.board
        declared = declarations(self.settings)
        board_plan = BoardPlan(
            folder=str(plan.book.journal),
            declarations=declared,
            order=agent_order(self.settings),
            limits=board_limits(board),
            bytes_max=board.journal_bytes_max,
            clock=plan.clock,
            is_virtual=plan.is_virtual,
            start_ns=plan.start_ns,
            end_ns=plan.end_ns,
            is_paced=plan.is_paced,
            log_folder=str(plan.book.logs),
            log=self.settings.log.model_dump_json(),
            profile=self.settings.profile,
        )
        actor = ray.remote(  # type: ignore[call-overload] # Ray's types do not know the groups
            num_cpus=0, max_restarts=-1, max_task_retries=0, concurrency_groups={"ctl": 1}
        )(Blackboard)
        # One call waits for each agent, so the default of 1,000 concurrent calls is plenty.
        self._board_handle = actor.options(name=BOARD_NAME).remote(
            msgspec.msgpack.encode(board_plan)
        )

    def _spawn(self, name: str) -> None:
        plan = AgentPlan(
            name=name,
            settings=self.plan.settings_json,
            world=self._world_plan(),
            is_virtual=self.plan.is_virtual,
            clock=self.plan.clock,
            log_folder=str(self.plan.book.logs),
        )
        mode = self.settings.mode(name).value
        self.agents[name] = AgentView(name=name, mode=mode, handle=spawn(plan))

    def _world_plan(self) -> WorldPlan:
        return WorldPlan(
            settings=self.plan.settings_json,
            terminal_url=self.terminal.url,
            token_path=str(self.plan.book.terminal_token),
            is_virtual=self.plan.is_virtual,
            models=str(self.plan.models),
        )

    async def _ready(self, handles: list[Any]) -> None:
        waiting = [handle.__ray_ready__.remote() for handle in handles]
        try:
            await asyncio.wait_for(asyncio.gather(*waiting), _READY_TIMEOUT_S)
        except RayActorError as error:
            raise UnrecoverableError(f"an actor could not start: {_cause(error)}") from error

    async def _watch_board(self) -> None:
        # Ray restarts it; a board that cannot read its journal dies in its constructor, for good.
        try:
            report = await asyncio.wait_for(
                self._board_handle.health.remote(), self.settings.cluster.health_timeout_s
            )
        except ActorDiedError as error:
            raise UnrecoverableError(f"the board is dead: {_cause(error)}") from error
        except RayActorError:
            return  # Ray restarts it
        except TimeoutError:
            self._count_board_miss()
            return
        self._board_misses = 0
        if self.board_pid and report["pid"] != self.board_pid:
            self._board_restarts.spend()
        self.board_pid = report["pid"]

    def _count_board_miss(self) -> None:
        # A board that rebuilds itself from a long journal does not answer either: a wide bound.
        self._board_misses += 1
        if self._board_misses >= BOARD_MISSES_MAX:
            self._board_misses = 0
            with suppress(RayActorError):
                ray.kill(self._board_handle, no_restart=False)

    async def _watch_agent(self, view: AgentView) -> None:
        if view.health is not Health.QUARANTINED:
            await self._examine(view)
            self._check_budget(view)
        if (view.health, view.restarts) != view.announced:
            await self._announce(view)

    async def _examine(self, view: AgentView) -> None:
        try:
            report = await asyncio.wait_for(
                view.handle.health.remote(), self.settings.cluster.health_timeout_s
            )
        except RayActorError as error:  # Ray restarts it
            view.health, view.reason, view.misses = Health.DOWN, type(error).__name__, 0
        except TimeoutError as error:
            view.health, view.reason = Health.DOWN, type(error).__name__
            self._count_miss(view)
        else:
            view.misses = 0
            self._take_report(view, report)

    def _count_miss(self, view: AgentView) -> None:
        # A dead process is restarted by Ray. One that is frozen is dead to us only, so it is ended.
        view.misses += 1
        if view.misses >= HEALTH_MISSES_MAX:
            view.misses = 0
            with suppress(RayActorError):
                ray.kill(view.handle, no_restart=False)

    def _take_report(self, view: AgentView, report: dict[str, Any]) -> None:
        if view.pid and report["pid"] != view.pid:
            view.restarts += 1
            view.faults = 0
            view.recent.append(process_s())
        for _ in range(report["faults"] - view.faults):
            view.recent.append(process_s())
        view.pid, view.faults = report["pid"], report["faults"]
        view.loop_age_s = report["loop_age_s"]
        view.has_ended = report["has_ended"]
        view.reason = report["fault"]
        stuck = view.loop_age_s > self.settings.cluster.loop_age_max_s
        if stuck and not self.plan.is_virtual:
            view.health, view.reason = Health.DOWN, f"no turn for {view.loop_age_s:.0f} s"
            with suppress(RayActorError):
                ray.kill(view.handle, no_restart=False)
            return
        view.health = Health.DEGRADED if view.reason else Health.HEALTHY

    def _check_budget(self, view: AgentView) -> None:
        cluster = self.settings.cluster
        while view.recent and view.recent[0] < process_s() - cluster.restarts_window_s:
            view.recent.popleft()
        if len(view.recent) > cluster.restarts_max:
            view.health = Health.QUARANTINED
            view.reason = view.reason or f"more than {cluster.restarts_max} restarts"
            with suppress(RayActorError):
                ray.kill(view.handle, no_restart=True)

    async def _announce(self, view: AgentView) -> None:
        if view.announced is not None or view.health is not Health.HEALTHY:
            self._log_health(view)
        if self.plan.is_virtual:
            view.announced = view.health, view.restarts
            return
        fact = AgentHealth(
            scope=view.name,
            health=view.health,
            mode=view.mode,
            restarts=view.restarts,
            reason=view.reason,
        )
        self._health_posts += 1
        ordinal = f"{self._epoch}.{self._health_posts}"
        draft = Draft(fact=fact, ts_event_ns=self.plan.clock.now_ns(), ordinal=ordinal)
        with suppress(BoardUnavailable):  # then the next look says it again
            await self.post(draft)
            view.announced = view.health, view.restarts

    def _log_health(self, view: AgentView) -> None:
        _log.warning(
            "agent_health_changed",
            agent=view.name,
            health=view.health.value,
            restarts=view.restarts,
            reason=view.reason,
        )


def _examine(session: RaySession) -> None:
    """Check what only a running Ray shows, before an agent lives; ConfigError stops the start."""
    for found in require_safe(once_running(session, declared=())):
        _log.info("self_checked", **msgspec.structs.asdict(found))


def _cause(error: RayActorError) -> str:
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
