"""Where trainings run: as tasks on Ray, or as children of this process.

Either way a training has a process of its own, of low priority, one at a time, and never one that
answers votes. What it raises, and that it was ended, is a reason.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from runtime.machine.current import MACHINE

_LAUNCH: Final = Path(__file__).resolve().parents[2] / "launch.py"
_GRACE_S: Final = 60.0
"""Time beyond a training's own, for starting its process."""
_REASON_LENGTH_MAX: Final = 300

Wait = Callable[[], str]
"""Waits for the end of a job; returns what went wrong, empty if nothing did."""


class Place(Protocol):
    """Runs jobs."""

    def start(self, path: Path, time_s: float) -> Wait:
        """Start the job of a folder; it ends itself after its time."""

    def close(self) -> None:
        """End what still runs: its checkpoints stay, and the next run goes on from them."""


class Child:
    """Runs each job as a process of its own on this machine."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, path: Path, time_s: float) -> Wait:
        """Start the job of a folder; it ends itself after its time."""
        log = path / "log.txt"
        with log.open("ab") as file:
            process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [sys.executable, str(_LAUNCH), "learn", "job", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                **MACHINE.child_options(),
            )
        self._running = [one for one in self._running if one.poll() is None] + [process]

        def wait() -> str:
            try:
                code = process.wait(time_s + _GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return "over time: its process did not end itself"
            return "" if code == 0 else _last_line(log) or f"its process ended with {code}"

        return wait

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            process.kill()
            process.wait()


class RayTasks:
    """Runs each job as a task on Ray, whose worker process serves for nothing else.

    `options` are Ray's, which say where.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})

    def start(self, path: Path, time_s: float) -> Wait:
        """Start the job of a folder; it ends itself after its time."""
        import ray
        from ray.exceptions import GetTimeoutError, RayError

        from runtime.training.worker import work

        # A priority once lowered cannot be raised again, so no worker does two jobs.
        task = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(work)
        reference = task.options(name=f"train {path.name}", **self._options).remote(path)

        def wait() -> str:
            try:
                ray.get(reference, timeout=time_s + _GRACE_S)
            except GetTimeoutError:
                ray.cancel(reference, force=True)
                return "over time: no processor was free, or its process did not end itself"
            except RayError as error:
                return (str(error).strip().splitlines() or [type(error).__name__])[-1]
            return ""

        return wait

    def close(self) -> None:
        """Leave what still runs to the cluster, which ends its workers when it ends."""


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:_REASON_LENGTH_MAX] if lines else ""
