"""The cluster: starts Ray, the terminal process, the board and the agents, watches and stops them.

It runs in the driver, keeps every actor's handle there (a named actor dies with its last handle),
and posts AgentHealth. What follows from an agent's health is the supervisor's decision, not made
here. An agent that a person switches is a new start for those whom it concerns: they are ended,
fenced, and begin again from the journal under a manifest that says from which entry on it holds.
"""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import ray
import structlog
from ray.exceptions import RayActorError, RayError

from blackboard.access import DRIVER
from blackboard.entry import Draft, Post
from blackboard.errors import BoardUnavailable, ConfigError, QuorumError, UnrecoverableError
from blackboard.facts import AgentHealth
from blackboard.facts.control import Health
from config.agent import Mode
from runtime.agent_actor import AgentPlan, spawn
from runtime.agent_watch import AgentView, AgentWatch, off
from runtime.board_actor import Blackboard
from runtime.board_client import BOARD_NAME, BoardClient
from runtime.board_plan import BoardPlan
from runtime.board_settings import board_limits
from runtime.board_watch import BoardWatch, cause_of
from runtime.clock import process_s
from runtime.council import ORDER, agent_order, declarations, declarations_of
from runtime.ground import CommonGround, ground_of
from runtime.journals.place import read_place
from runtime.placement import BOARD, Placement
from runtime.preparation import note_change
from runtime.ray_session import RaySession, start_ray
from runtime.run_plan import RunPlan
from runtime.self_check import once_running, require_safe
from runtime.switching import CONCERNED, switched
from runtime.terminal_process import terminal_of
from runtime.terminal_watch import TerminalWatch
from runtime.terminal_world import WorldPlan, with_broker_names

_log = structlog.get_logger()
_READY_TIMEOUT_S = 90.0
_NAME_FREE_WITHIN_S = 10.0
"""Longest time for Ray to give the name of an ended actor free; it takes some 20 ms."""
_NAME_PAUSE_S = 0.05


class Cluster:
    """One running system on Ray."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.address = self.settings.cluster.address
        self._ground: CommonGround | None = None
        keeps_board = read_place(plan.book.journal) is None
        self._placement = Placement(self.settings.cluster, keeps_board=keeps_board)
        self.session: RaySession | None = None
        # Short, because a Unix socket's path below it may have 107 bytes at most.
        self._temporary = Path(tempfile.gettempdir()) / f"quorum-{plan.run_id}"
        self.terminal = terminal_of(plan)
        self._terminal_watch: TerminalWatch | None = None
        self.board = BoardClient(self.settings.board.call_deadline_s)
        self.agents: dict[str, AgentView] = {}
        """All agents in their order, also those that are off."""
        self._watch_of_agents = AgentWatch(
            self.settings.cluster, self._tell_health, is_virtual=plan.is_virtual
        )
        self._changing = asyncio.Lock()
        self.has_ended = False
        """Whether every agent has been told that the market's time is over."""
        self._board_watch = BoardWatch(self.settings.cluster)
        self._epoch = 0
        self._health_posts = 0

    async def start(self) -> None:
        """Start everything and return when every agent answers."""
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        self.terminal.launch()  # it loads its market while Ray starts
        self.session = start_ray(self.settings.cluster, self.address, self._temporary)
        self._placement.look_around(is_joined=bool(self.address))
        if self.address:
            self._ground = ground_of(self.plan)
        if self.settings.terminal.kind == "metatrader":
            await asyncio.to_thread(_examine, self.session)
        self._start_board()
        await asyncio.to_thread(self.terminal.await_answer)
        self.plan = await asyncio.to_thread(with_broker_names, self.plan, self.terminal.url)
        self.settings = self.plan.settings
        self._terminal_watch = TerminalWatch(self.terminal, self.settings)
        for name in ORDER:
            mode = self.settings.mode(name)
            view = off(name, mode.value)
            is_on = mode is not Mode.DISABLED
            self.agents[name] = view.anew(mode.value, self._spawn(name)) if is_on else view
        await self._ready([self._board_watch.handle, *self.handles])
        self._epoch = (await self.board.join(DRIVER)).epoch

    @property
    def board_pid(self) -> int:
        """Process of the board, 0 before it was heard of."""
        return self._board_watch.pid

    @property
    def board_node(self) -> str:
        """Id of the node of Ray on which the board runs."""
        return self._board_watch.node

    @property
    def handles(self) -> list[Any]:
        """The actors of the agents that take part."""
        return [view.handle for view in self.agents.values() if view.handle is not None]

    async def watch(self) -> None:
        """Look at everything once; raises UnrecoverableError where the run cannot go on."""
        async with self._changing:
            await self._watch()

    async def restart(self, name: str) -> None:
        """Start the process of an agent anew, with a fresh budget; ConfigError if it has none."""
        async with self._changing:
            if name not in self.agents or self.agents[name].handle is None:
                raise ConfigError(f"no agent runs under the name {name!r}")
            self._end(name)
            await self._seat([name])

    async def switch(self, argument: str) -> None:
        """Let an agent take part in another mode from the next entry on; ConfigError if it may not.

        The old processes of all whom it concerns are fenced before the manifest is dated, so that
        no entry of theirs falls into the new start. What fails on the way leaves the old mode; a
        mode that holds already disturbs nobody.
        """
        async with self._changing:
            agent, settings = switched(self.settings, argument)
            if settings.mode(agent) is self.settings.mode(agent):
                return
            concerned = [name for name in ORDER if name == agent or name in CONCERNED]
            plan = msgspec.structs.replace(self.plan, settings_json=settings.model_dump_json())
            try:
                first_seq = await self._fence(concerned)
                await asyncio.to_thread(note_change, plan, first_seq, ("agents", argument))
            except (BoardUnavailable, OSError):
                await self._seat(concerned)
                raise
            self.plan, self.settings = plan, settings
            await self._seat(concerned)

    async def _fence(self, names: list[str]) -> int:
        """End agents for good; return the first seq that none of them can fill any more."""
        running = [name for name in names if self.agents[name].handle is not None]
        for name in running:
            self._end(name)
        for name in running:
            await self.board.join(name)
        return (await self.board.pulse()).head + 1

    def _end(self, name: str) -> None:
        with suppress(RayActorError, ValueError):
            ray.kill(self.agents[name].handle, no_restart=True)

    async def _seat(self, names: list[str]) -> None:
        """Start agents whose processes were ended; those that are off now stay so."""
        fresh = []
        for name in names:
            mode = self.settings.mode(name)
            is_on = mode is not Mode.DISABLED
            handle = await self._spawn_again(name) if is_on else None
            fresh += [handle] if is_on else []
            self.agents[name] = self.agents[name].anew(mode.value, handle)
        with suppress(TimeoutError, UnrecoverableError):  # the watch says what became of them
            await self._ready(fresh)

    async def _spawn_again(self, name: str) -> Any:
        end_s = process_s() + _NAME_FREE_WITHIN_S
        while True:
            try:
                return self._spawn(name)
            except ValueError as error:
                if process_s() > end_s:
                    raise UnrecoverableError(f"{name} cannot be started anew: {error}") from error
                await asyncio.sleep(_NAME_PAUSE_S)

    async def _watch(self) -> None:
        if self._terminal_watch is not None:
            await asyncio.to_thread(self._terminal_watch.look)
        await self._board_watch.look()
        self._watch_of_agents.board_waits = self._board_watch.away
        await asyncio.gather(*map(self._watch_of_agents.look, self.agents.values()))
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

    async def _tell_health(self, fact: AgentHealth) -> None:
        if away := self._board_watch.away:  # a post would hold the watch up until its deadline
            raise BoardUnavailable(away)
        self._health_posts += 1
        ordinal = f"{self._epoch}.{self._health_posts}"
        await self.post(Draft(fact=fact, ts_event_ns=self.plan.clock.now_ns(), ordinal=ordinal))

    async def stop(self) -> None:
        """Stop in order: agents, board, terminal process, Ray; bounded in time."""
        budget_s = self.settings.cluster.shutdown_timeout_s
        handles = self.handles
        if handles:
            with suppress(RayError, TimeoutError):
                await asyncio.wait_for(
                    asyncio.gather(*(h.stop.remote() for h in handles), return_exceptions=True),
                    budget_s / 4,
                )
        self.board.close()
        if (board := self._board_watch.handle) is not None:
            with suppress(RayError, QuorumError, OSError):
                await asyncio.wait_for(board.rest.remote(), budget_s / 4)
            handles = [*handles, board]
        for handle in handles:
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
        # Live, an agent that is off may be switched on.
        declared = declarations(self.settings)
        if not plan.is_virtual:
            declared = {**declarations_of(ORDER, self.settings), **declared}
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
            serves_nodes=bool(self.address),
            ground=self._ground,
        )
        actor = ray.remote(  # type: ignore[call-overload] # Ray's types do not know the groups
            num_cpus=0, max_restarts=-1, max_task_retries=0, concurrency_groups={"ctl": 1}
        )(Blackboard)
        options = self._placement.options(BOARD)
        try:
            self._board_watch.handle = actor.options(name=BOARD_NAME, **options).remote(
                msgspec.msgpack.encode(board_plan)
            )
        except ValueError as error:
            raise ConfigError(
                f"another system runs on the Ray cluster at {self.address}: stop it first, or "
                "start a cluster for this one"
            ) from error

    def _spawn(self, name: str) -> Any:
        plan = AgentPlan(
            name=name,
            settings=self.plan.settings_json,
            world=self._world_plan(),
            is_virtual=self.plan.is_virtual,
            clock=self.plan.clock,
            log_folder=str(self.plan.book.logs),
            ground=self._ground,
        )
        return spawn(plan, **self._placement.options(name))

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
            raise UnrecoverableError(f"an actor could not start: {cause_of(error)}") from error


def _examine(session: RaySession) -> None:
    """Check what only a running Ray shows, before an agent lives; ConfigError stops the start."""
    for found in require_safe(once_running(session, declared=())):
        _log.info("self_checked", **msgspec.structs.asdict(found))
