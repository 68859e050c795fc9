"""The watch over one agent's process: is it there, does it work, has it died too often.

What it finds is said in `AgentHealth`, once a change. What follows from it is the supervisor's
decision. In virtual time nothing is posted, because a dead agent stops the time until it is back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
import ray
import structlog
from ray.exceptions import RayActorError

from blackboard.errors import BoardUnavailable
from blackboard.facts import AgentHealth
from blackboard.facts.control import Health
from config.system import ClusterSection
from runtime.clock import process_s

_log = structlog.get_logger()
HEALTH_MISSES_MAX: Final = 5
"""Health checks in a row that an agent may miss before its process is ended as frozen."""


class AgentView(msgspec.Struct, kw_only=True):
    """What the watch knows of one agent."""

    name: str
    mode: str
    handle: Any
    """Of its actor, None where it is switched off."""
    health: Health = Health.HEALTHY
    pid: int = 0
    node: str = ""
    """Id of the node of Ray on which it runs."""
    restarts: int = 0
    loop_age_s: float = 0.0
    reason: str = ""
    faults: int = 0
    misses: int = 0
    """Health checks in a row without an answer."""
    has_ended: bool = False
    announced: tuple[Health, int] | None = None
    """Health and restarts as the board has them from this start, None before the first word."""
    logged: tuple[Health, int] | None = None
    """The same as the log has them: it is told at once, also while the board is away."""
    recent: deque[float] = msgspec.field(default_factory=deque)
    """Process times of the latest restarts, within the budget's window."""

    @property
    def is_watched(self) -> bool:
        """Whether there is a process to look at, or one that comes back by itself."""
        return self.handle is not None and self.health is not Health.QUARANTINED

    def anew(self, mode: str, handle: Any) -> "AgentView":
        """Return what is known of it with a new process, or without one: its budget is fresh."""
        is_same = mode == self.mode and handle is not None
        return AgentView(
            name=self.name,
            mode=mode,
            handle=handle,
            health=Health.OFF if handle is None else Health.HEALTHY,
            restarts=self.restarts,
            has_ended=handle is None,
            announced=self.announced if is_same else None,
            logged=self.logged if is_same else None,
        )


def off(name: str, mode: str) -> AgentView:
    """Return what is known of an agent that takes no part."""
    return AgentView(name=name, mode=mode, handle=None, health=Health.OFF, has_ended=True)


class AgentWatch:
    """Looks at agents.

    Parameters
    ----------
    section
        How patient it is.
    tell
        Posts what it found.
    is_virtual
        Whether time waits for the agents, so that nobody is stuck and nothing is posted.
    """

    def __init__(
        self,
        section: ClusterSection,
        tell: Callable[[AgentHealth], Awaitable[None]],
        *,
        is_virtual: bool,
    ) -> None:
        self._section = section
        self._tell = tell
        self._is_virtual = is_virtual
        self.board_waits = ""
        """Why the board is away, empty while it answers: nobody is stuck then."""

    async def look(self, view: AgentView) -> None:
        """Look at one agent and say what has changed."""
        if view.is_watched:
            await self._examine(view)
            self._check_budget(view)
        now = view.health, view.restarts
        if now != view.logged:
            self._log(view)
        if now != view.announced:
            await self._announce(view)

    async def _examine(self, view: AgentView) -> None:
        try:
            report = await asyncio.wait_for(
                view.handle.health.remote(), self._section.health_timeout_s
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
        view.node = report["node"]
        view.loop_age_s = report["loop_age_s"]
        view.has_ended = report["has_ended"]
        view.reason = report["fault"]
        stuck = view.loop_age_s > self._section.loop_age_max_s
        if stuck and not self._is_virtual and not self.board_waits:
            view.health, view.reason = Health.DOWN, f"no turn for {view.loop_age_s:.0f} s"
            with suppress(RayActorError):
                ray.kill(view.handle, no_restart=False)
            return
        view.health = Health.DEGRADED if view.reason else Health.HEALTHY

    def _check_budget(self, view: AgentView) -> None:
        section = self._section
        while view.recent and view.recent[0] < process_s() - section.restarts_window_s:
            view.recent.popleft()
        if len(view.recent) > section.restarts_max:
            view.health = Health.QUARANTINED
            view.reason = view.reason or f"more than {section.restarts_max} restarts"
            with suppress(RayActorError):
                ray.kill(view.handle, no_restart=True)

    async def _announce(self, view: AgentView) -> None:
        if self._is_virtual:
            view.announced = view.health, view.restarts
            return
        fact = AgentHealth(
            scope=view.name,
            health=view.health,
            mode=view.mode,
            restarts=view.restarts,
            reason=view.reason,
        )
        with suppress(BoardUnavailable):  # then the next look says it again
            await self._tell(fact)
            view.announced = view.health, view.restarts

    def _log(self, view: AgentView) -> None:
        is_news = view.logged is not None or view.health is not Health.HEALTHY
        view.logged = view.health, view.restarts
        if is_news:
            _log.warning(
                "agent_health_changed",
                agent=view.name,
                health=view.health.value,
                restarts=view.restarts,
                reason=view.reason,
            )
