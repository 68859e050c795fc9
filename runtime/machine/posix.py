"""Linux and its kin."""

import os
import select
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from runtime.machine.port import Pressed

_MEMINFO: Final = Path("/proc/meminfo")
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - looked at, never written
_NICE: Final = 10
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077


class PosixMachine:
    """Implements `port.Machine` with POSIX calls."""

    def stop_signals(self) -> tuple[signal.Signals, ...]:
        """Return Ctrl-C's signal and the one a service manager sends."""
        return signal.SIGINT, signal.SIGTERM

    def child_options(self) -> Mapping[str, Any]:
        """Ask for a session of its own, which gets no signal of the terminal."""
        return {"start_new_session": True}

    def ask_to_end(self, process: "subprocess.Popen[bytes]") -> None:
        """Send SIGTERM."""
        process.send_signal(signal.SIGTERM)

    def make_private(self, path: Path) -> None:
        """Set mode 0700 for folders, 0600 for files."""
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)

    def open_to_others(self, path: Path) -> str:
        """Return the mode, where it gives anything to group or others."""
        mode = stat.S_IMODE(path.stat().st_mode)
        return f"mode {mode:04o}" if mode & _OTHERS else ""

    def sync_folder(self, folder: Path) -> None:
        """Sync the folder itself: a name is durable when its folder is."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename once; readers keep the old file."""
        source.replace(target)

    def path_problem(self, path: Path) -> str:
        """Take every path."""
        del path
        return ""

    def lower_priority(self) -> None:
        """Raise the nice value, which cannot be taken back; who was started lower stays there."""
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(own, _NICE))

    def is_running(self, pid: int) -> bool:
        """Send signal 0, which asks and does nothing."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def memory_bytes(self) -> int:
        """Return MemAvailable of Linux, all there is elsewhere."""
        try:
            for line in _MEMINFO.read_text(encoding="ascii").splitlines():
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
        except OSError:
            pass  # not Linux
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            return 0

    def shared_memory_bytes(self) -> int | None:
        """Ask for the room in /dev/shm, which Linux has."""
        return shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else None

    @contextmanager
    def keys(self, descriptor: int) -> Iterator[Pressed]:
        """Take the terminal out of line mode; signals of the keyboard stay."""
        import termios  # Windows has neither
        import tty

        def pressed(wait_s: float) -> str:
            ready, _, _ = select.select([descriptor], [], [], wait_s)
            return os.read(descriptor, 1).decode("utf-8", "replace") if ready else ""

        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            yield pressed
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def is_administrator(self) -> bool:
        """Ask for the user root."""
        return os.geteuid() == 0
