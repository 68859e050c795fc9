"""What Quorum asks of an operating system beyond what Python makes equal everywhere.

Signals, private files, file locks, durable writes, names of files and priorities differ between
Linux and Windows. Whoever needs one of them asks this port, and no other module looks which system
it runs on.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from filelock import FileLock, Timeout

RESERVED_NAMES: Final = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in range(10)}
)
"""File names that mean a device on Windows, whatever their extension."""

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns what it printed; OSError if it is missing or failed."""

Pressed = Callable[[float], str]
"""Waits up to so many seconds for a key and returns it, empty if none was pressed."""


class Held(Exception):
    """Another process holds the lock."""


class Machine(Protocol):
    """One operating system."""

    def stop_signals(self) -> tuple[signal.Signals, ...]:
        """Return the signals by which a person or the system asks a process to stop."""

    def child_options(self) -> Mapping[str, Any]:
        """Return the options under which a child does not get the keyboard's signals."""

    def ask_to_end(self, process: "subprocess.Popen[bytes]") -> None:
        """Ask a child made with `child_options` to end in order."""

    def make_private(self, path: Path) -> None:
        """Let only this user read and write a file or folder; OSError if that cannot be done."""

    def open_to_others(self, path: Path) -> str:
        """Return who else may read or write a file or folder, empty if nobody."""

    def sync_folder(self, folder: Path) -> None:
        """Make names that were made or replaced in a folder survive a power cut."""

    def replace(self, source: Path, target: Path) -> None:
        """Put a file in another's place in one step, also while somebody reads the other."""

    def path_problem(self, path: Path) -> str:
        """Return why state cannot lie at a path, empty if it can."""

    def lower_priority(self) -> None:
        """Let this process give way to those that trade."""

    def is_running(self, pid: int) -> bool:
        """Whether a process exists."""

    def memory_bytes(self) -> int:
        """Return the memory that programs can still have, 0 if nobody tells."""

    def shared_memory_bytes(self) -> int | None:
        """Return what is free of the memory that processes share, None where it is no own place."""

    def keys(self, descriptor: int) -> AbstractContextManager[Pressed]:
        """Read single keys of a terminal without showing them, while the context lasts."""

    def is_administrator(self) -> bool:
        """Whether this process may do anything on this machine."""


def lock(path: Path, wait_s: float = 0.0) -> AbstractContextManager[object]:
    """Hold a file lock while the context lasts; raises Held if it is not free within a time.

    The lock dies with its process on every system; the file may stay and means nothing.
    """
    held = FileLock(path)
    try:
        return held.acquire(timeout=wait_s)
    except Timeout as error:
        raise Held(str(path)) from error


def run(command: Sequence[str]) -> str:
    """Run a program of the system and return what it printed; OSError if that fails."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of the system, arguments of our own
            list(command), capture_output=True, check=True, text=True, timeout=20.0
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"{command[0]} failed: {error}") from error
    return done.stdout


def sync_file(descriptor: int) -> None:
    """Make what was written to an open file survive a power cut; the same call on every system."""
    os.fsync(descriptor)
