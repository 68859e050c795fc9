"""The kill switch of a simulation: a real file, set and released by persons who do not agree."""

from collections.abc import Callable
from pathlib import Path

from runtime.book import write_atomically
from runtime.simulation.history import StopFile
from runtime.simulation.recorder import Recorder


class Switch:
    """The stop file; it is there while anybody holds it."""

    def __init__(self, path: Path, recorder: Recorder, now_ns: Callable[[], int]) -> None:
        self._path = path
        self._recorder = recorder
        self._now_ns = now_ns
        self._holders = 0
        self._since_ns = 0

    def set(self) -> None:
        """Set it, once more if it is set."""
        if not self._holders:
            write_atomically(self._path, b"halt\n")
            self._since_ns = self._now_ns()
        self._holders += 1

    def release(self) -> None:
        """Let go of it; the last one removes the file."""
        self._holders -= 1
        if not self._holders:
            self._path.unlink()
            self._note()

    def end(self) -> None:
        """Write down a switch that is still set when the run ends."""
        if self._holders:
            self._note()

    def _note(self) -> None:
        self._recorder.stop_files.append(StopFile(from_ns=self._since_ns, until_ns=self._now_ns()))
