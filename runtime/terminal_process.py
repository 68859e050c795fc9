"""The terminal process as its watcher sees it: started, asked for its health, restarted, ended.

It is a process of its own because the MetaTrader 5 binding holds the interpreter lock in a blocking
read, and because a broker must outlive an agent. Its output goes to a log file; it is reached by
HTTP on loopback with a token.
"""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from runtime.book import Book, write_atomically
from runtime.ray_session import free_port
from runtime.run_plan import RunPlan

_POLL_S = 0.05
_STOP_WITHIN_S = 3.0
_LAUNCH = Path(__file__).resolve().parents[1] / "launch.py"


class TerminalProcess:
    """Starts and watches one terminal process; its address stays the same over restarts."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        settings = plan.settings.terminal
        self.host = settings.host
        self.port = settings.port or free_port(0, settings.host)
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        token_path = plan.book.terminal_token
        if not token_path.exists():
            write_atomically(token_path, secrets.token_urlsafe(32).encode())

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id, 0 if it does not run."""
        return self._process.pid if self._process is not None else 0

    def launch(self) -> None:
        """Start it without waiting for its first answer."""
        self._plan.book.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._plan.book.logs / "terminal.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [
                    sys.executable,
                    str(_LAUNCH),
                    "terminal",
                    "serve",
                    "--plan",
                    str(self._plan.write()),
                    "--port",
                    str(self.port),
                    "--with-parent",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the driver, which stops it last.
                start_new_session=os.name == "posix",
            )

    def is_running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def is_healthy(self, timeout_s: float = 2.0) -> bool:
        """Whether it answers."""
        return answers(self.url, self._plan.book, timeout_s)

    def stop(self) -> None:
        """End it; the ledger is durable at every moment, so even a kill loses nothing."""
        if self._process is None:
            return
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_WITHIN_S)

    def pause(self) -> None:
        """Wait a moment, or until it ends."""
        assert self._process is not None
        try:
            self._process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return


def answers(url: str, book: Book, timeout_s: float = 2.0) -> bool:
    """Whether the terminal process of a book answers at a URL."""
    token = book.terminal_token.read_text(encoding="ascii")
    headers = {"authorization": f"Bearer {token}"}
    try:
        reply = httpx.get(f"{url}/health", headers=headers, timeout=timeout_s, trust_env=False)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK
