"""How often, and what is told of it: medians, spreads, and the machine that they hold for.

Seconds are of processor time, for us and for the peers: none of them uses a second thread, and what
else the machine does stretches the clock only.
"""

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Final, NamedTuple

REPETITIONS: Final = 5
PACKAGES: Final = ("numpy", "numba", "msgspec", "diskcache", "ray")


class Timing(NamedTuple):
    """Repeated seconds of one piece of work."""

    median_s: float
    spread_frac: float
    """Greatest less least, over the median."""
    runs: int


def timing_of(seconds: Sequence[float]) -> Timing:
    """Summarise repetitions."""
    return Timing(statistics.median(seconds), spread_of(seconds), len(seconds))


def spread_of(figures: Sequence[float]) -> float:
    """Return the greatest less the least over the median."""
    return (max(figures) - min(figures)) / statistics.median(figures)


def short(value: float) -> str:
    """Return three figures of a large number."""
    for power, letter in ((1e6, " M"), (1e3, " k")):
        if value >= power:
            return f"{value / power:.3g}{letter}"
    return f"{value:.3g}"


def timed(work: Callable[[], object], repetitions: int = REPETITIONS) -> Timing:
    """Repeat a piece of work; the first call, which compiles, is not counted."""
    work()
    seconds = []
    for _ in range(repetitions):
        started_s = process_time()
        work()
        seconds.append(process_time() - started_s)
    return timing_of(seconds)


def machine() -> str:
    """Return processor, memory, system and versions in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} × {_processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}, revision {_revision()}"
    )


def load() -> str:
    """Return how busy the machine was in the last minute: more than its processors blurs all."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="ascii").splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _revision() -> str:
    command = ("git", "rev-parse", "--short", "HEAD")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
