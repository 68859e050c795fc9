"""Python, packages, and what the machine has."""

import os
import platform
import sys
from collections.abc import Iterator
from typing import Final

from config.settings import Settings
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.machine.current import MACHINE
from runtime.packages import MEND, OPTIONAL, REQUIRED, is_present, version_of

PYTHON_MIN: Final = (3, 11)
_MEMORY_BYTES_MIN: Final = 4 << 30
_CORES_MIN: Final = 2


def python(_settings: Settings) -> Iterator[Finding]:
    """Examine the interpreter."""
    good = sys.version_info >= PYTHON_MIN
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(OK if good else FAIL, "python", detail, "" if good else "use 3.11 or later")


def packages(_settings: Settings) -> Iterator[Finding]:
    """Examine every package: its version, or what is reduced without it."""
    for name, module in REQUIRED:
        if is_present(module):
            yield Finding(OK, name, version_of(name) or "present")
        else:
            yield Finding(FAIL, name, "missing: nothing starts without it", MEND)
    for package in OPTIONAL:
        if package.name == "ray" and is_present(package.module):
            continue  # the self-check holds its version against the least that is safe
        if is_present(package.module):
            yield Finding(OK, package.name, version_of(package.name) or "present")
        else:
            yield Finding(WARN, package.name, f"missing: {package.without}", MEND)


def machine(settings: Settings) -> Iterator[Finding]:
    """Examine processors, memory, and the memory that processes share."""
    memory, cores = MACHINE.memory_bytes(), os.cpu_count() or 1
    enough = memory >= _MEMORY_BYTES_MIN and cores >= _CORES_MIN
    detail = f"{cores} cores, {memory >> 20} MiB of memory free"
    mend = "" if enough else "close programs, or trade fewer symbols with --in-process"
    yield Finding(OK if enough else WARN, "machine", detail, mend)
    shared = MACHINE.shared_memory_bytes()
    if shared is None:
        return
    wanted = settings.cluster.object_store_mb
    detail = f"{shared >> 20} MiB free in /dev/shm, Ray is given {wanted} MiB"
    if shared >> 20 >= wanted:
        yield Finding(OK, "shared memory", detail)
    else:
        mend = "enlarge it (docker run --shm-size), or lower cluster.object_store_mb"
        yield Finding(WARN, "shared memory", f"{detail}, so it will use a slow file", mend)
