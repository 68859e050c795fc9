"""What keeps a simulated system running: it starts again what died, and says so on the board.

It does what the cluster's watch does on Ray (`runtime/cluster.py`), after the times that takes
there, but it learns of a death when it happens: looking every second at a week would cost more than
the week. It posts AgentHealth as the driver; what follows from that is the supervisor's decision.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from blackboard.access import DRIVER
from blackboard.entry import Draft, Post
from blackboard.errors import BoardUnavailable, PostRefused
from blackboard.facts import AgentHealth, AnyFact
from blackboard.facts.control import Health
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.board_port import BoardPort
from runtime.clock import ScaledClock
from runtime.simulation.resident import Resident

NOTICE_S: Final = 2.0
"""Time after which a death is noticed and said."""
RETRY_S: Final = 5.0
"""Time between two attempts to post what the board did not take."""


class Watch:
    """Starts agents, and starts them again within the restart budget."""

    def __init__(
        self,
        settings: Settings,
        clock: ScaledClock,
        line: BoardPort,
        make: Callable[[str], Resident],
        delay_s: Callable[[], float],
    ) -> None:
        self.residents: dict[str, Resident] = {}
        self.quarantined: dict[str, str] = {}
        self._settings = settings
        self._clock = clock
        self._line = line
        self._make = make
        self._delay_s = delay_s
        self._restarts: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}
        self._said: dict[str, tuple[Health, int]] = {}
        self._epoch = 0
        self._posts = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._strays: list[Resident] = []
        self._held_until_ns: dict[str, int] = {}

    def start(self, name: str) -> Resident:
        """Start an instance of an agent; the one before is not asked."""
        resident = self._make(name)
        if name in self.residents:
            self._strays = [stray for stray in self._strays if not stray.is_dead]
            self._strays.append(self.residents[name])
        self.residents[name] = resident
        self._restarts.setdefault(name, -1)
        self._restarts[name] += 1
        resident.start()
        assert resident.task is not None, "a started process has a task"
        resident.task.add_done_callback(lambda _: self._has_ended(resident))
        self._soon(self._say(name, Health.HEALTHY, ""))
        return resident

    def kill(self, name: str) -> bool:
        """End an agent's process, which is then noticed; return whether there was one."""
        resident = self.residents.get(name)
        if resident is None or resident.is_dead:
            return False
        resident.kill()
        return True

    def hold(self, name: str, until_ns: int) -> None:
        """Do not start an agent again before a time."""
        self._held_until_ns[name] = until_ns

    def release_quarantined(self) -> None:
        """Start again what was given up, as a person does who has looked at it."""
        for name in list(self.quarantined):
            del self.quarantined[name]
            self._recent.pop(name, None)
            self.start(name)

    def faulted(self, resident: Resident) -> None:
        """Note a fault that an instance has survived, or the end of one."""
        if self.residents.get(resident.name) is not resident or resident.is_dead:
            return
        if not resident.fault:
            self._soon(self._say(resident.name, Health.HEALTHY, ""))
            return
        self._soon(self._say(resident.name, Health.DEGRADED, resident.fault))
        if self._has_spent(resident.name):
            self._quarantine(resident)

    def post(self, fact: AnyFact) -> None:
        """Post a fact of the driver, again until the board has it."""
        self._soon(self._post(fact))

    def stop(self) -> None:
        """End the watch with everything that it watches; it can be started again."""
        for task in self._tasks:
            task.cancel()
        for resident in [*self._strays, *self.residents.values()]:
            resident.kill()
        self._tasks, self._strays = [], []
        self.residents, self.quarantined = {}, {}
        self._restarts, self._recent, self._said = {}, {}, {}
        self._epoch = 0

    def _has_ended(self, resident: Resident) -> None:
        if self.residents.get(resident.name) is not resident:
            return
        if resident.task is not None and not resident.task.cancelled():
            resident.task.exception()  # whatever ended it, it is started again
        if self._has_spent(resident.name):
            self._quarantine(resident)
            return
        self._soon(self._revive(resident))

    def _has_spent(self, name: str) -> bool:
        cluster = self._settings.cluster
        now_s = asyncio.get_running_loop().time()
        recent = self._recent.setdefault(name, deque())
        recent.append(now_s)
        while recent[0] < now_s - cluster.restarts_window_s:
            recent.popleft()
        return len(recent) > cluster.restarts_max

    def _quarantine(self, resident: Resident) -> None:
        reason = resident.fault or f"more than {self._settings.cluster.restarts_max} restarts"
        self.quarantined[resident.name] = reason
        resident.kill()
        self._soon(self._say(resident.name, Health.QUARANTINED, reason))

    async def _revive(self, resident: Resident) -> None:
        await asyncio.sleep(NOTICE_S)
        await self._say(resident.name, Health.DOWN, "ActorDiedError")
        held_ns = self._held_until_ns.get(resident.name, 0) - self._clock.now_ns()
        await asyncio.sleep(max(self._delay_s(), held_ns / SECOND_NS))
        if self.residents.get(resident.name) is resident and (
            resident.name not in self.quarantined
        ):
            self.start(resident.name)

    async def _say(self, name: str, health: Health, reason: str) -> None:
        told = health, self._restarts[name]
        if self._said.get(name) == told:
            return
        self._said[name] = told
        await self._post(
            AgentHealth(
                scope=name,
                health=health,
                mode=self._settings.mode(name).value,
                restarts=self._restarts[name],
                reason=reason,
            )
        )

    async def _post(self, fact: AnyFact) -> None:
        self._posts += 1
        ordinal = f"driver.{self._posts}"
        while True:
            now_ns = self._clock.now_ns()
            with suppress(BoardUnavailable, PostRefused):
                if not self._epoch:
                    self._epoch = (await self._line.join(DRIVER)).epoch
                await self._line.post(
                    Post(
                        author=DRIVER,
                        epoch=self._epoch,
                        drafts=(Draft(fact=fact, ts_event_ns=now_ns, ordinal=ordinal),),
                        read_to=0,
                        now_ns=now_ns,
                    )
                )
                return
            self._epoch = 0  # after a power cut the board may not know this instance any more
            await asyncio.sleep(RETRY_S)

    def _soon(self, work: "asyncio.Future[None] | object") -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.get_running_loop().create_task(work))  # type: ignore[arg-type]
