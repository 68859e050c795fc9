"""Starting Ray safely and quietly: one embedded cluster on loopback, or an existing one.

Every rule here has its reason in how Ray behaves: a bare ``ray.init()`` joins any cluster it finds,
a token of its own making is readable by others, the memory for objects defaults to a third of the
machine.
"""

import contextlib
import logging
import os
import secrets
import socket
import warnings
from pathlib import Path
from typing import Any

import msgspec

from blackboard.errors import ConfigError
from config.system import ClusterSection, LogSection
from runtime.book import write_atomically
from runtime.joining import require_guarded
from runtime.machine.current import MACHINE

NAMESPACE = "quorum"
RAY_VERSION_MIN = (2, 54)
"""Older ones have a dashboard that a web page can command (CVE-2026-27482)."""
RAY_FOLDER = "r"
"""Where Ray's own files lie; short, because a socket's whole path may have 107 bytes."""
_PORTS_TRIED = 50
_TOKEN_BYTES = 32
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
    "MALLOC_ARENA_MAX": "1",
}
"""What Ray and its processes are started with, unless the operator has set it otherwise.

Ray starts its workers at nice 15: whatever else ran on the machine would go before trading. And
glibc has a heap for each thread, while an agent steps in any of several: what one heap was given
for a weekend's work stays free there, and the next weekend fills another.
"""


class RaySession(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the running cluster."""

    address: str
    dashboard_url: str
    """Empty without a dashboard."""
    folder: str


def set_ray_environment(log: LogSection | None = None) -> None:
    """Set what Ray reads when it is imported; an operator's own values stay.

    Its own logs, and what workers print, are rotated as ours are: half a gibibyte a file otherwise.
    """
    log = log or LogSection()
    rotation = {
        "RAY_ROTATION_MAX_BYTES": str(log.file_bytes_max),
        "RAY_ROTATION_BACKUP_COUNT": str(log.files_max),
    }
    for name, value in (ENVIRONMENT | rotation).items():
        os.environ.setdefault(name, value)


def token_path() -> Path:
    """Return where Ray keeps the token of this user."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH", Path.home() / ".ray" / "auth_token"))


def token_hint() -> str:
    """Return how a person gets the token that the dashboard asks for."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        return "no token needed (RAY_AUTH_MODE is not token)"
    return f"it asks for a token once: the content of {token_path()} (or: ray get-auth-token)"


def start_ray(section: ClusterSection, address: str, temporary: Path) -> RaySession:
    """Start an embedded cluster, or join the one at `address`; ConfigError if that fails.

    An embedded one keeps its files in a folder inside `temporary`, which is private: its own Ray
    opens to everybody, again and again.
    """
    _provide_token(joins=bool(address))
    if address:
        require_guarded(address, _token())
    import ray

    version = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if version < RAY_VERSION_MIN:
        need = ".".join(map(str, RAY_VERSION_MIN))
        raise ConfigError(f"ray must be {need} or later, was {ray.__version__}")
    arguments: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False}
    if address:
        arguments["address"] = address
    else:
        arguments |= {
            "address": "local",
            "include_dashboard": section.dashboard,
            "dashboard_host": "127.0.0.1",
            "dashboard_port": free_port(section.dashboard_port) if section.dashboard else None,
            "object_store_memory": section.object_store_mb << 20,
            "_temp_dir": str(temporary / RAY_FOLDER),
            "_metrics_export_port": section.metrics_port or None,
        }
    arguments["logging_level"] = logging.ERROR
    with warnings.catch_warnings():
        # Ray announces changes of its own defaults, which an operator of ours cannot act on.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            # Both kinds of contexts have an `address_info`, their declared base has none.
            context: Any = ray.init(**arguments)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = f"at {address}" if address else f"in {temporary}"
            raise ConfigError(f"Ray could not be started {where}: {error}") from error
    url = context.dashboard_url
    return RaySession(
        address=str(context.address_info["gcs_address"]),
        dashboard_url=f"http://{url}" if url else "",
        folder=str(context.address_info.get("session_dir", "")),
    )


def _token() -> str:
    return os.environ.get("RAY_AUTH_TOKEN") or token_path().read_text(encoding="utf-8").strip()


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """Return the first free port at or after `wanted`; 0 asks the system for one."""
    for port in range(wanted, wanted + _PORTS_TRIED):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise ConfigError(f"no free port from {wanted} to {wanted + _PORTS_TRIED - 1} on {host}")


def _provide_token(*, joins: bool) -> None:
    if joins and os.environ.get("RAY_AUTH_MODE") != "token":
        raise ConfigError(
            "joining a cluster needs RAY_AUTH_MODE=token, was "
            f"{os.environ.get('RAY_AUTH_MODE')}: whoever reaches a cluster without it runs code"
        )
    # With the mode set, Ray makes no token of its own; where it does, others can read the file.
    if os.environ.get("RAY_AUTH_MODE") != "token" or os.environ.get("RAY_AUTH_TOKEN"):
        return
    path = token_path()
    if not path.exists():
        if joins:
            raise ConfigError(f"joining a cluster needs its token in {path}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, secrets.token_hex(_TOKEN_BYTES).encode())
    else:
        MACHINE.make_private(path)
