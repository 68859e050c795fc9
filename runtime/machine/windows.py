"""Windows: no mode bits, no process groups of terminals, files that cannot go while they are read.

Nothing is called at import, and what is called comes in through the constructor, so every branch is
tested on any system.
"""

import ctypes
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Final

from runtime.clock import process_s, sleep_s
from runtime.machine.port import RESERVED_NAMES, Pressed, Run, run

PATH_LENGTH_MAX: Final = 160
"""Longest home; below it lie up to 90 characters, and Windows' own limit is 260 by default."""
_REPLACE_TRIES: Final = 20
_REPLACE_PAUSE_S: Final = 0.05
_KEY_PAUSE_S: Final = 0.05
_NEW_PROCESS_GROUP: Final = 0x00000200
_CTRL_BREAK_EVENT: Final = 1
_BELOW_NORMAL_PRIORITY: Final = 0x00004000
_QUERY_LIMITED_INFORMATION: Final = 0x1000
_STILL_ACTIVE: Final = 259
_ACCESS_DENIED: Final = 5
_TRUSTED: Final = frozenset({"SY", "BA", "S-1-5-18", "S-1-5-32-544", "CO", "S-1-3-0"})
"""The system and the administrators, who can read everything anyway, and CREATOR OWNER, which
means whoever makes a file: the user."""
_SID: Final = re.compile(r"S-1-[0-9-]+")
_ALLOWS: Final = re.compile(r"\((?:A|XA|OA);[^;]*;[^;]*;[^;]*;[^;]*;([^);]+)")


class _MemoryStatus(ctypes.Structure):
    # https://learn.microsoft.com/windows/win32/api/sysinfoapi/ns-sysinfoapi-memorystatusex
    _fields_ = (
        ("dwLength", ctypes.c_uint32),
        ("dwMemoryLoad", ctypes.c_uint32),
        ("ullTotalPhys", ctypes.c_uint64),
        ("ullAvailPhys", ctypes.c_uint64),
        ("ullTotalPageFile", ctypes.c_uint64),
        ("ullAvailPageFile", ctypes.c_uint64),
        ("ullTotalVirtual", ctypes.c_uint64),
        ("ullAvailVirtual", ctypes.c_uint64),
        ("ullAvailExtendedVirtual", ctypes.c_uint64),
    )


class WindowsMachine:
    """Implements `port.Machine` with Windows' calls and programs.

    Parameters
    ----------
    libraries : callable
        Returns a system library (``kernel32``, ``shell32``) by its name.
    execute : callable
        Runs a program of the system.
    """

    def __init__(self, libraries: Callable[[str], Any] | None = None, execute: Run = run) -> None:
        self._libraries = libraries or _library
        self._run = execute

    def stop_signals(self) -> tuple[signal.Signals, ...]:
        """Return Ctrl-C, Ctrl-Break, and SIGTERM, which nobody can send."""
        found = (getattr(signal, name, None) for name in ("SIGINT", "SIGBREAK", "SIGTERM"))
        return tuple(one for one in found if one is not None)

    def child_options(self) -> Mapping[str, Any]:
        """Ask for a process group, which gets no Ctrl-C and can be sent Ctrl-Break."""
        return {"creationflags": _NEW_PROCESS_GROUP}

    def ask_to_end(self, process: "subprocess.Popen[bytes]") -> None:
        """Send Ctrl-Break, because SIGTERM would end it at once."""
        process.send_signal(_CTRL_BREAK_EVENT)

    def make_private(self, path: Path) -> None:
        """Drop inherited rights and give full ones to this user alone."""
        inherits = "(OI)(CI)" if path.is_dir() else ""
        grant = f"*{self._user()}:{inherits}F"
        self._run(["icacls", str(path), "/inheritance:r", "/grant:r", grant, "/q"])

    def open_to_others(self, path: Path) -> str:
        """Return the accounts, as security identifiers, that are neither user nor system."""
        script = f"(Get-Acl -LiteralPath '{_quoted(path)}').Sddl"
        sddl = self._run(["powershell", "-NoProfile", "-NonInteractive", "-Command", script])
        others = sorted(set(_ALLOWS.findall(sddl)) - _TRUSTED - {self._user()})
        return f"allowed to {', '.join(others)}" if others else ""

    def sync_folder(self, folder: Path) -> None:
        """Do nothing: NTFS journals names, and a folder cannot be opened to be flushed."""
        del folder

    def replace(self, source: Path, target: Path) -> None:
        """Try for a second while a reader (a virus scanner, a backup) has the target."""
        for _ in range(_REPLACE_TRIES - 1):
            try:
                source.replace(target)
            except PermissionError:
                sleep_s(_REPLACE_PAUSE_S)
            else:
                return
        source.replace(target)

    def path_problem(self, path: Path) -> str:
        """Refuse names of devices, a dot or blank at a name's end, and lengths without room."""
        for part in PurePath(path).parts:
            if part.split(".")[0].strip().lower() in RESERVED_NAMES:
                return f"{part} names a device on Windows"
            if part not in {".", ".."} and part != part.rstrip(". "):
                return f"{part!r} ends in a dot or a blank, which Windows drops"
        if len(str(path)) > PATH_LENGTH_MAX:
            return f"{len(str(path))} characters, at most {PATH_LENGTH_MAX} leave room below"
        return ""

    def lower_priority(self) -> None:
        """Set the priority class below the normal one."""
        kernel = self._libraries("kernel32")
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL_PRIORITY)

    def is_running(self, pid: int) -> bool:
        """Ask whether the process can be opened and has no exit code yet."""
        kernel = self._libraries("kernel32")
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, pid)
        if not handle:
            return bool(kernel.GetLastError() == _ACCESS_DENIED)
        try:
            code = ctypes.c_uint32()
            asked = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
            return bool(asked) and code.value == _STILL_ACTIVE
        finally:
            kernel.CloseHandle(handle)

    def memory_bytes(self) -> int:
        """Return the physical memory that is available."""
        status = _MemoryStatus(dwLength=ctypes.sizeof(_MemoryStatus))
        asked = self._libraries("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.ullAvailPhys) if asked else 0

    def shared_memory_bytes(self) -> int | None:
        """Return None: it is memory like any other."""
        return None

    @contextmanager
    def keys(self, descriptor: int) -> Iterator[Pressed]:
        """Ask the console again and again: nothing waits for one key for a limited time."""
        del descriptor
        console = self._libraries("msvcrt")

        def pressed(wait_s: float) -> str:
            end_s = process_s() + wait_s
            while not console._kbhit():
                if process_s() >= end_s:
                    return ""
                sleep_s(_KEY_PAUSE_S)
            return chr(console._getch())

        yield pressed

    def is_administrator(self) -> bool:
        """Ask whether the process runs elevated."""
        return bool(self._libraries("shell32").IsUserAnAdmin())

    def _user(self) -> str:
        found = _SID.search(self._run(["whoami", "/user", "/fo", "csv", "/nh"]))
        if found is None:
            raise OSError("whoami does not tell this user's security identifier")
        return found.group()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _library(name: str) -> Any:
    # Asked for by name, because the attribute exists on Windows only.
    return getattr(getattr(ctypes, "windll"), name)  # noqa: B009
