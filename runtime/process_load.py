"""How much processor and memory processes take, as the operating system counts it."""

from collections.abc import Iterable

import msgspec
import psutil


class Load(msgspec.Struct, frozen=True):
    """What one process takes."""

    cpu_frac: float
    """Share of one processor since it was asked last, 0 at first."""
    memory_bytes: int
    """Resident memory, shared pages included."""


class ProcessLoads:
    """Asks for processes again and again; the share of a processor is that in between."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def of(self, pids: Iterable[int]) -> dict[int, Load]:
        """Return the load by process id; who has ended, or is another user's, is left out."""
        wanted = {pid for pid in pids if pid > 0}
        self._known = {pid: each for pid, each in self._known.items() if pid in wanted}
        found = {pid: load for pid in wanted if (load := self._load(pid)) is not None}
        return dict(sorted(found.items()))

    def _load(self, pid: int) -> Load | None:
        try:
            process = self._known.get(pid) or psutil.Process(pid)
            self._known[pid] = process
            return Load(process.cpu_percent() / 100.0, process.memory_info().rss)
        except psutil.Error:
            self._known.pop(pid, None)
            return None
