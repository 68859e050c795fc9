"""How often something may be started again before a person must look."""

from collections import deque
from collections.abc import Callable

from blackboard.errors import UnrecoverableError
from config.system import ClusterSection
from runtime.clock import process_s


class RestartBudget:
    """Restarts of one process within a window."""

    def __init__(
        self, section: ClusterSection, what: str, clock_s: Callable[[], float] = process_s
    ) -> None:
        self._section = section
        self._what = what
        self._clock_s = clock_s
        self._times_s: deque[float] = deque()

    def spend(self) -> None:
        """Count a restart; UnrecoverableError when there were too many."""
        now_s = self._clock_s()
        self._times_s.append(now_s)
        while self._times_s[0] < now_s - self._section.restarts_window_s:
            self._times_s.popleft()
        if len(self._times_s) > self._section.restarts_max:
            raise UnrecoverableError(
                f"{self._what} needed more than {self._section.restarts_max} restarts"
            )
