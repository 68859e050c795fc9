"""The watch over the terminal process from outside: what hangs is ended, what ended is started.

A process that hangs within the MetaTrader5 package cannot say so: the package holds the interpreter
and waits without an end. Its silence is all there is, and silence has three meanings. It may still
be starting; it may be connecting, of which it leaves a note; or it hangs. Only the last is ended,
after `terminal.hang_deadline_s`. A send that was in it is then unknown, and its id is in the record
of the new process, which never sends it again.
"""

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from config.settings import Settings
from runtime.clock import process_s
from runtime.restart_budget import RestartBudget

START_DEADLINE_S: Final = 90.0
"""Process seconds in which a process must answer after its launch, connecting not counted."""

_log = structlog.get_logger()


class Watched(Protocol):
    """A terminal process as its watch sees it."""

    restarts: int

    def launch(self) -> None:
        """Start it without waiting for its first answer."""

    def is_running(self) -> bool:
        """Whether the process exists."""

    def is_healthy(self) -> bool:
        """Whether it answers."""

    def is_connecting(self) -> bool:
        """Whether it has said that it connects, and its time for that has not passed."""

    def stop(self) -> None:
        """End it, by force if it does not end."""


class TerminalWatch:
    """Looks at one terminal process, which was launched when this was made."""

    def __init__(
        self, process: Watched, settings: Settings, clock_s: Callable[[], float] = process_s
    ) -> None:
        self._process = process
        self._hang_deadline_s = settings.terminal.hang_deadline_s
        self._budget = RestartBudget(settings.cluster, "the terminal process", clock_s)
        self._clock_s = clock_s
        self._alive_s = clock_s()
        self._has_answered = False

    def look(self) -> None:
        """Look once; start it again if it is gone or hangs.

        Raises
        ------
        UnrecoverableError
            If it was started again too often.
        """
        process = self._process
        if not process.is_running():
            self._restart(reason="it is gone")
        elif process.is_healthy():
            self._alive_s, self._has_answered = self._clock_s(), True
        elif process.is_connecting():
            self._alive_s = self._clock_s()
        elif self._silence_s() >= self._deadline_s():
            self._restart(reason=f"no answer for {self._silence_s():.0f} s")

    def _silence_s(self) -> float:
        return self._clock_s() - self._alive_s

    def _deadline_s(self) -> float:
        return self._hang_deadline_s if self._has_answered else START_DEADLINE_S

    def _restart(self, reason: str) -> None:
        _log.warning("terminal_restarting", reason=reason)
        self._budget.spend()
        self._process.stop()
        self._process.launch()
        self._process.restarts += 1
        self._alive_s, self._has_answered = self._clock_s(), False
