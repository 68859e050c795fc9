"""What the processes of a running system hold: memory and open files, sampled beside it."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import psutil

from runtime.status import Status


class Sample(NamedTuple):
    """One process at one moment."""

    now_ns: int
    """Market time."""
    pid: int
    rss_mb: float
    files: int


class Growth(NamedTuple):
    """How a process grew while it lived."""

    name: str
    first_mb: float
    last_mb: float
    slope_mb: float
    """Least squares, a market week."""
    error_mb: float
    """Standard error of the slope, from the scatter about the line."""
    files_first: int
    files_last: int

    @property
    def is_flat(self) -> bool:
        """Whether the slope lies within three of its errors, or below a megabyte a week."""
        return abs(self.slope_mb) < max(1.0, 3.0 * self.error_mb)


class Watch:
    """Samples of every process of one run, by the name that people know it by."""

    def __init__(self) -> None:
        self.samples: dict[str, list[Sample]] = defaultdict(list)

    def look(self, status: Status) -> None:
        """Take a sample of each process; one that has just ended is left out."""
        for name, pid in self._processes(status):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                memory_mb = process.memory_info().rss / 2**20
                sample = Sample(status.now_ns, pid, memory_mb, process.num_fds())
                if memory_mb:  # none is left to one that has ended and is not yet waited for
                    self.samples[name].append(sample)

    def growth(self, first_ns: int, week_ns: int) -> list[Growth]:
        """Return the growth since a moment of each process that has lived since then."""
        found = []
        for name, samples in self.samples.items():
            late = [sample for sample in samples if sample.now_ns >= first_ns]
            same = [sample for sample in late if sample.pid == late[-1].pid]
            if len(same) >= 10 and len(same) == len(late):
                found.append(_growth(name, same, week_ns))
        return found

    def _processes(self, status: Status) -> Iterator[tuple[str, int]]:
        yield "driver", status.pid
        yield "board", status.board_pid
        yield "terminal", status.terminal_pid
        yield from ((agent.name, agent.pid) for agent in status.agents)
        with suppress(psutil.Error):
            for child in psutil.Process(status.pid).children(recursive=True):
                if child.name() in ("gcs_server", "raylet"):
                    yield f"Ray's {child.name()}", child.pid


def _growth(name: str, samples: list[Sample], week_ns: int) -> Growth:
    weeks = np.array([sample.now_ns for sample in samples], dtype=float) / week_ns
    memory = np.array([sample.rss_mb for sample in samples])
    centred = weeks - weeks.mean()
    spread = float(centred @ centred)
    slope = float(centred @ memory) / spread
    rest = memory - memory.mean() - slope * centred
    error = float(np.sqrt(rest @ rest / (len(samples) - 2) / spread))
    return Growth(
        name=name,
        first_mb=float(memory[0]),
        last_mb=float(memory[-1]),
        slope_mb=slope,
        error_mb=error,
        files_first=samples[0].files,
        files_last=samples[-1].files,
    )
