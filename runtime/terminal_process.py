"""The terminal process as its watcher sees it: started, asked for its health, restarted, ended.

It is a process of its own because the MetaTrader 5 binding holds the interpreter lock in a blocking
read, and because a broker must outlive an agent. Its output goes to a log file; it is reached by
HTTP on loopback with a token. One that runs on another machine is used, and neither started nor
ended from here.
"""

import re
import secrets
import ssl
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import structlog

from blackboard.errors import ConfigError, TerminalUnavailable
from config.secrets import load_secrets, terminal_environment
from config.settings import Settings
from runtime.book import Book, write_atomically
from runtime.clock import process_s, sleep_s
from runtime.log_setup import output_file
from runtime.machine.current import MACHINE
from runtime.ray_session import free_port
from runtime.run_plan import RunPlan
from runtime.terminal_watch import START_DEADLINE_S
from runtime.terminals.connecting import connects_still
from runtime.terminals.identity import MODES
from runtime.terminals.remote import RemoteTerminal

_POLL_S = 0.05
_STOP_WITHIN_S = 3.0
_LAUNCH = Path(__file__).resolve().parents[1] / "launch.py"
_LOG_SHOWN_MAX: Final = 300
"""Characters of the log's last line that an error repeats at most."""

_log = structlog.get_logger()


class TerminalProcess:
    """Starts and watches one terminal process; its address stays the same over restarts."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        settings = plan.settings.terminal
        self.host = settings.host
        self.port = settings.port or free_port(0, settings.host)
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        # Read now, and kept for every restart: the driver hides it from its other children.
        self._environment = terminal_environment(
            load_secrets(), with_account=settings.kind == "metatrader"
        )
        token_path = plan.book.terminal_token
        if not token_path.exists():
            write_atomically(token_path, secrets.token_urlsafe(32).encode())

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id, 0 if it does not run."""
        return self._process.pid if self._process is not None else 0

    def launch(self) -> None:
        """Start it without waiting for its first answer.

        The broker's password reaches it by its environment, and no other secret does.
        """
        book = self._plan.book
        book.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        book.connecting.unlink(missing_ok=True)  # of a process that was killed while it connected
        bytes_max = self._plan.settings.log.file_bytes_max
        with output_file(book.logs / "terminal.log", bytes_max) as log:
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
                env=self._environment,
                # Ctrl-C is for the driver, which stops it last.
                **MACHINE.child_options(),
            )

    def is_running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def is_healthy(self, timeout_s: float = 2.0) -> bool:
        """Whether it answers."""
        return answers(self.url, self._plan.book, timeout_s)

    def is_connecting(self) -> bool:
        """Whether it has said that it connects, and its time for that has not passed."""
        return connects_still(self._plan.book.connecting)

    def await_answer(self) -> None:
        """Wait for its first answer; TerminalUnavailable if it ends, or takes too long."""
        end_s = process_s() + START_DEADLINE_S
        while self.is_running() and (process_s() < end_s or self.is_connecting()):
            if self.is_healthy():
                return
            self._pause()
        log = self._plan.book.logs / "terminal.log"
        raise TerminalUnavailable(
            f"the terminal process did not start: {_last_line(log)}; its output is in {log}"
        )

    def stop(self) -> None:
        """End it; what it keeps is durable at every moment, so even a kill loses nothing."""
        if self._process is None:
            return
        if self.is_running():
            MACHINE.ask_to_end(self._process)
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_WITHIN_S)

    def _pause(self) -> None:
        """Wait a moment, or until it ends."""
        assert self._process is not None
        try:
            self._process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return


class DistantTerminal:
    """A terminal process that a person started, on the machine with MetaTrader 5 say.

    It is used and looked at; who started it ends it, and a watch beside it ends it when it hangs.
    """

    pid = 0

    def __init__(self, plan: RunPlan) -> None:
        self.restarts = 0
        self.url = plan.settings.terminal.url
        self._plan = plan
        self._book = plan.book
        self._is_away = False
        write_atomically(plan.book.terminal_token, distant_token(plan.settings).encode())

    def launch(self) -> None:
        """Do nothing: a person starts it."""

    def is_running(self) -> bool:
        """Take it for there: whether it is cannot be seen from here."""
        return True

    def is_healthy(self) -> bool:
        """Whether it answers; a change is logged."""
        is_away = not answers(self.url, self._book)
        if is_away != self._is_away:
            _log.warning("terminal_away" if is_away else "terminal_back", url=self.url)
        self._is_away = is_away
        return not is_away

    def is_connecting(self) -> bool:
        """Take its silence for a good one: the watch beside it knows better."""
        return True

    def await_answer(self) -> None:
        """Wait for its answer.

        Raises
        ------
        TerminalUnavailable
            If there is none in time.
        ConfigError
            If its account is real and was not confirmed here, or is another one than was typed.
        """
        end_s = process_s() + START_DEADLINE_S
        while not self.is_healthy():
            if process_s() >= end_s:
                raise TerminalUnavailable(
                    f"terminal.url: nobody answers at {self.url} with this token; on the machine "
                    "with MetaTrader 5 run python launch.py terminal serve"
                )
            sleep_s(_POLL_S)
        self._require_confirmed()

    def _require_confirmed(self) -> None:
        settings = self._plan.settings.terminal
        terminal = RemoteTerminal(self.url, self._book.terminal_token.read_text("ascii"), settings)
        try:
            account = terminal.account_info() if terminal.initialize() else None
            if account is None:
                raise TerminalUnavailable(f"the account at {self.url}: {terminal.last_error()}")
        finally:
            terminal.close()
        mode = MODES.get(account.trade_mode, str(account.trade_mode))
        if (mode == "real") != settings.real_account:
            raise ConfigError(
                f"terminal.real_account is {str(settings.real_account).lower()}, and the account "
                f"at {self.url} is a {mode} one"
            )
        if settings.real_account and account.login != self._plan.real_account:
            raise ConfigError(
                f"--real-account must be the number of the account at {self.url}, was "
                f"{self._plan.real_account}"
            )

    def stop(self) -> None:
        """Do nothing: who started it ends it."""


def terminal_of(plan: RunPlan) -> TerminalProcess | DistantTerminal:
    """Return the terminal process of a run; ConfigError if it is elsewhere and has no token."""
    return DistantTerminal(plan) if plan.settings.terminal.url else TerminalProcess(plan)


def distant_token(settings: Settings) -> str:
    """Return the token for `terminal.url`; ConfigError without a good one."""
    from runtime.terminals.server import TOKEN_LENGTH_MIN

    token = load_secrets().terminal_token.get_secret_value().strip()
    path = settings.terminal.token_file
    if not token and path:
        try:
            token = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"terminal.token_file {path} cannot be read: {error}") from error
    if not re.fullmatch(rf"[!-~]{{{TOKEN_LENGTH_MIN},}}", token):
        raise ConfigError(
            "terminal.url needs the token of the process there: set TERMINAL_TOKEN or "
            f"terminal.token_file, {TOKEN_LENGTH_MIN} printable characters or more"
        )
    return token


@cache
def _tls() -> ssl.SSLContext:
    # Made once: reading the certificates takes longer than everything else in a look at health.
    return httpx.create_ssl_context(trust_env=False)


def answers(url: str, book: Book, timeout_s: float = 2.0) -> bool:
    """Whether the terminal process of a book answers at a URL."""
    token = book.terminal_token.read_text(encoding="ascii")
    headers = {"authorization": f"Bearer {token}"}
    try:
        reply = httpx.get(
            f"{url}/health", headers=headers, timeout=timeout_s, trust_env=False, verify=_tls()
        )
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][-_LOG_SHOWN_MAX:] if lines else "it said nothing"
