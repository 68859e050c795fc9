"""An agent's process in a simulation: the production's live loop around the production's agent."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context

from agents.agent import Agent
from config.settings import Settings
from runtime.board_port import BoardPort
from runtime.clock import ScaledClock
from runtime.live_loop import LiveLoop, reside
from runtime.simulation.process import RUNNING, Process
from runtime.world import World

POLL_TIMEOUT_S = 3600.0
"""A simulated poll costs as much as a real one and is never lost, so it may wait long."""


class Resident(Process):
    """One instance of an agent; a `runtime.live_loop.LiveHost`."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        clock: ScaledClock,
        line: Callable[[Process], BoardPort],
        open_world: Callable[[Process], World],
        has_faulted: Callable[["Resident"], None],
    ) -> None:
        super().__init__(name)
        self.settings = settings
        self.clock = clock
        self.poll_timeout_s = POLL_TIMEOUT_S
        self.has_ended = False
        self.faults = 0
        self.fault = ""
        self._board = line(self)
        self._open_world = open_world
        self._has_faulted = has_faulted

    def start(self) -> None:
        """Start it."""
        context = copy_context()
        context.run(RUNNING.set, self)
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(reside(self, self._follow), context=context)

    @property
    def board(self) -> BoardPort:
        """The way to the board."""
        return self._board

    def open_world(self) -> World:
        """Open the way to terminal and feeds."""
        self.require_alive()
        return self._open_world(self)

    def beat(self) -> None:
        """Say nothing: the watch of a simulation sees deaths as they happen."""

    def well(self) -> None:
        """Note that the agent has worked since its last fault."""
        if self.fault:
            self.fault = ""
            self._has_faulted(self)

    def turned(self, seconds: float, inbox: int, posted: int) -> None:
        """Say nothing: simulated processes have no meters."""

    def failed(self, reason: str) -> int:
        """Note a fault after which the agent is rebuilt."""
        self.faults += 1
        self.fault = reason
        self._has_faulted(self)
        return self.faults

    def waits(self, reason: str) -> None:
        """Note that the board stays away."""
        self.failed(reason)

    def fenced(self, reason: str) -> None:
        """Note that a younger instance has taken over."""
        self.has_ended = True
        self.fault = reason

    async def _follow(self, agent: Agent, world: World) -> None:
        await LiveLoop(self, agent, world).run()
