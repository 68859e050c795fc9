"""What a training may cost: its process ends itself when time or memory is over.

A library that computes for minutes without coming back cannot be asked to stop, so a thread of its
own watches, writes down why, and ends the process. What served goes on serving.
"""

import os
import threading
from pathlib import Path
from typing import Final

import psutil

from runtime.book import write_atomically
from runtime.clock import process_s
from runtime.training.job import END_FILE

LOOK_EVERY_S: Final = 0.5
OVER_BUDGET: Final = 75
"""Exit code of a process that has ended itself."""
_MEBIBYTE: Final = 1 << 20


class Budget:
    """Watches over the process that it is started in."""

    def __init__(self, folder: Path, time_s: float, memory_mb: int) -> None:
        self._folder = folder
        self._time_s = time_s
        self._memory_mb = memory_mb
        self._began_s = process_s()
        self._is_over = threading.Event()

    def __enter__(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        """End watching: the training has come to its end."""
        self._is_over.set()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._is_over.wait(LOOK_EVERY_S):
            reason = self.excess(process_s() - self._began_s, process.memory_info().rss)
            if reason:
                write_atomically(self._folder / END_FILE, reason.encode())
                os._exit(OVER_BUDGET)

    def excess(self, elapsed_s: float, memory_bytes: int) -> str:
        """Return which budget is over, empty while none is."""
        if elapsed_s > self._time_s:
            return f"over time: more than {self._time_s:g} s"
        if memory_bytes > self._memory_mb * _MEBIBYTE:
            return f"over memory: more than {self._memory_mb} MB"
        return ""
