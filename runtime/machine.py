"""What this machine has left for a run, asked of the system without any package."""

import os
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def memory_bytes() -> int:
    """Return the memory that programs can still have, or all there is; 0 if nobody tells."""
    if sys.platform == "win32":
        return _windows_memory_bytes()
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


if sys.platform == "win32":
    import ctypes

    class _MemoryStatus(ctypes.Structure):
        # https://learn.microsoft.com/windows/win32/api/sysinfoapi/ns-sysinfoapi-memorystatusex
        _fields_ = (
            ("dwLength", ctypes.c_ulong),
            ("dwMemoryLoad", ctypes.c_ulong),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("ullTotalPageFile", ctypes.c_ulonglong),
            ("ullAvailPageFile", ctypes.c_ulonglong),
            ("ullTotalVirtual", ctypes.c_ulonglong),
            ("ullAvailVirtual", ctypes.c_ulonglong),
            ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
        )

    def _windows_memory_bytes() -> int:
        status = _MemoryStatus(dwLength=ctypes.sizeof(_MemoryStatus))
        asked = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.ullAvailPhys) if asked else 0
