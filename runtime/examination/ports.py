"""Which ports a start will take, who has them, and who can reach what listens."""

from collections.abc import Iterator
from typing import Final

import psutil

from blackboard.errors import ConfigError
from config.settings import Settings
from runtime.book import book_of
from runtime.examination.finding import FAIL, OK, WARN, Finding
from runtime.ray_session import free_port
from runtime.self_check import is_loopback, listening
from runtime.status import read_status

_UNKNOWN: Final = "a program of another user"


def ports(settings: Settings) -> Iterator[Finding]:
    """Examine the ports of terminal, dashboard and console; name who has one that is taken."""
    terminal, console = settings.terminal, settings.console
    if not terminal.url:
        yield _fixed("terminal port", terminal.port, terminal.host)
    if settings.cluster.dashboard:
        yield _passed_over("dashboard port", settings.cluster.dashboard_port, "127.0.0.1")
    if console.enabled:
        yield _passed_over("console port", console.port, console.host)


def listeners(settings: Settings) -> Iterator[Finding]:
    """Examine what listens of the system that runs on the book, if one does."""
    status = read_status(book_of(settings.home.absolute(), settings.book).state)
    if status is None or not status.is_alive():
        return
    try:
        driver = psutil.Process(status.pid)
        processes = [driver, *driver.children(recursive=True)]
    except psutil.Error:
        return  # it has just ended
    found = [one for process in processes for one in listening(process)]
    reached = sorted({port for host, port in found if not is_loopback(host)})
    if reached:
        detail = f"{len(reached)} of {len(found)} can be reached from elsewhere: {reached}"
        yield Finding(WARN, "listeners", detail, "put a host firewall before this machine")
    else:
        yield Finding(OK, "listeners", f"{len(found)} of process {status.pid}, all on loopback")


def who_listens(port: int) -> str:
    """Return which program has a port; of another user's the system tells no name."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return _UNKNOWN
    for connection in connections:
        is_it = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if is_it and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
            except psutil.Error:
                return f"process {connection.pid}"
    return _UNKNOWN


def _fixed(subject: str, port: int, host: str) -> Finding:
    if not port:
        return Finding(OK, subject, "a free one is taken at the start")
    try:
        is_free = free_port(port, host) == port
    except (ConfigError, OSError) as error:
        return Finding(FAIL, subject, f"{host} cannot be listened on: {error}", "correct the host")
    if is_free:
        return Finding(OK, subject, f"{port} is free")
    mend = "end that, or set terminal.port to 0, which takes a free one"
    return Finding(FAIL, subject, f"{port} is taken by {who_listens(port)}", mend)


def _passed_over(subject: str, wanted: int, host: str) -> Finding:
    if not wanted:
        return Finding(OK, subject, "a free one is taken at the start")
    try:
        found = free_port(wanted, host)
    except (ConfigError, OSError) as error:
        return Finding(FAIL, subject, f"none from {wanted} on at {host}: {error}", "free one")
    if found == wanted:
        return Finding(OK, subject, f"{wanted} is free")
    detail = f"{wanted} is taken by {who_listens(wanted)}; {found} will be used"
    return Finding(WARN, subject, detail, "nothing, if that is this system")
