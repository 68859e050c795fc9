"""The watch over the board's process: does it answer, does its journal, has it died too often.

While it does not answer nobody can do his work, so the agents' watch is told why they wait.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import ray
import structlog
from ray.exceptions import ActorDiedError, RayActorError

from blackboard.errors import UnrecoverableError
from config.system import ClusterSection
from runtime.clock import process_s
from runtime.restart_budget import RestartBudget

_log = structlog.get_logger()
SILENT_S_MAX: Final = 30.0
"""Longest silence of the board before its process is ended as frozen."""


class BoardWatch:
    """Looks at the board.

    Parameters
    ----------
    section
        How patient it is.
    """

    def __init__(self, section: ClusterSection) -> None:
        self.handle: Any = None
        """The board's actor, None before it is started."""
        self.pid = 0
        self.node = ""
        """Id of the node of Ray on which it runs."""
        self.away = ""
        """Why nobody can post now, empty while everybody can."""
        self._section = section
        self._restarts = RestartBudget(section, "the board")
        self._silent_since_s: float | None = None

    async def look(self) -> None:
        """Look once; UnrecoverableError if it is dead for good."""
        try:
            # Ray restarts it; one that cannot read its journal dies in its constructor, for good.
            report = await asyncio.wait_for(
                self.handle.health.remote(), self._section.health_timeout_s
            )
        except ActorDiedError as error:
            raise UnrecoverableError(f"the board is dead: {cause_of(error)}") from error
        except RayActorError:
            self._silent_since_s = None
            self._note("the board is started again")
        except TimeoutError:
            self._note("the board does not answer")
            self._end_if_frozen()
        else:
            self._silent_since_s = None
            self._note(report["away"])
            if self.pid and report["pid"] != self.pid:
                self._restarts.spend()
            self.pid, self.node = report["pid"], report["node"]

    def _note(self, reason: str) -> None:
        if reason != self.away:
            self.away = reason
            _log.warning("board_away" if reason else "board_back", reason=reason)

    def _end_if_frozen(self) -> None:
        now_s = process_s()
        self._silent_since_s = now_s if self._silent_since_s is None else self._silent_since_s
        if now_s - self._silent_since_s >= SILENT_S_MAX:
            self._silent_since_s = None
            with suppress(RayActorError):
                ray.kill(self.handle, no_restart=False)


def cause_of(error: RayActorError) -> str:
    """Return the last line of what Ray says of an actor's death."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
