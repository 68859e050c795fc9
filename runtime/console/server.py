"""The console's server: a thread of the driver, so that nothing that trades waits for a browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
import uvicorn

from blackboard.entry import Entry
from runtime.book import CONSOLE_TOKEN
from runtime.console.access import Access, provide_token
from runtime.console.app import Site
from runtime.console.metrics import Metrics
from runtime.console.present import Present
from runtime.driver import Display
from runtime.picture import Picture
from runtime.run_plan import RunPlan
from runtime.status import Status

PORTS_TRIED: Final = 50
CONNECTIONS_MAX: Final = 64
STOP_WITHIN_S: Final = 2.0
"""A stream left open keeps a server from stopping: it is cut then."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_log = structlog.get_logger()


class Console(Display):
    """Shows a memory, which somebody else feeds, to whoever looks by a browser."""

    kinds = None

    def __init__(self, plan: RunPlan, present: Present) -> None:
        settings = plan.settings
        self._section = settings.console
        self._metrics = Metrics(plan)
        self._token = provide_token(token_path(settings.home.absolute()))
        self._socket = _take_port(self._section.host, self._section.port)
        self.port: int = self._socket.getsockname()[1]
        host = f"[{self._section.host}]" if ":" in self._section.host else self._section.host
        self.url = f"http://{host}:{self.port}"
        names = {host, *LOOPBACK, *self._section.names}
        access = Access(
            self._token,
            frozenset(f"{name}:{self.port}" for name in names),
            self._section.session_hours * 3600.0,
        )
        site = Site(plan, present, access, self._metrics, self._is_over)
        self._server = uvicorn.Server(
            uvicorn.Config(
                site.application(),
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                lifespan="off",
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=int(STOP_WITHIN_S),
            )
        )
        self._thread = threading.Thread(target=self._serve, name="console", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.should_exit = True
        self._thread.join(STOP_WITHIN_S + 1.0)
        self._socket.close()

    def see(self, entry: Entry) -> None:
        """Take an entry."""
        self._metrics.add(entry)

    def update(self, picture: Picture, status: Status) -> None:
        """Take what the driver says of the processes."""
        del picture
        self._metrics.tell(status)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _is_over(self) -> bool:
        return self._server.should_exit


@contextmanager
def console_of(plan: RunPlan, present: Present) -> Iterator[Console | None]:
    """Run the console while a system runs; None where it is off or its port cannot be had."""
    if not plan.settings.console.enabled:
        yield None
        return
    try:
        console = Console(plan, present)
    except OSError as error:
        # Nobody stops trading because a page cannot be shown.
        _log.warning("console_not_started", reason=str(error))
        yield None
        return
    console.start()
    try:
        yield console
    finally:
        console.close()


def token_path(home: Path) -> Path:
    """Return where the token of the consoles of a home is kept."""
    return home / CONSOLE_TOKEN


def _take_port(host: str, port: int) -> socket.socket:
    """Return a listening socket; a port that is taken is passed over, 0 takes any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    candidates = [0] if port == 0 else range(port, min(port + PORTS_TRIED, 65_536))
    error: OSError | None = None
    for candidate in candidates:
        try:
            return socket.create_server((host, candidate), family=family)
        except OSError as failed:
            error = failed
    raise OSError(f"console: no port from {port} on can be taken on {host}: {error}")
