"""A Redis server of a test's own: a process on a free port, with its files in a folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from config.system import BoardSection, RedisSection
from runtime.book import Book
from runtime.journals.opening import lay_journal
from runtime.ray_session import free_port

PROGRAM: Final = None if sys.platform == "win32" else shutil.which("redis-server")
WAIT_S: Final = 20.0
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")


class RedisProcess:
    """Started, killed and started again on the same port and files; options as of the program."""

    def __init__(self, folder: Path, **options: str) -> None:
        if PROGRAM is None:
            pytest.skip("redis-server is not installed")
        self.folder = folder
        self.port = free_port(0)
        self.options = {"appendonly": "yes", "appendfsync": "always", "save": "", **options}
        self._process: subprocess.Popen[bytes] | None = None
        self._laid = 0
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def section(self) -> RedisSection:
        """The settings that lead to it, with short waits."""
        return RedisSection(url=self.url, timeout_s=0.3, patience_s=WAIT_S)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [str(PROGRAM), "--port", str(self.port), "--dir", str(self.folder)]
        arguments += ["--bind", "127.0.0.1"]
        for name, value in self.options.items():
            arguments += [f"--{name.replace('_', '-')}", value]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(arguments, stdout=log, stderr=log)
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        end_s = time.monotonic() + WAIT_S  # noqa: TID251 - a test outside of the system's clocks
        while time.monotonic() < end_s:  # noqa: TID251
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()
            try:
                with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
                    client.ping()
                return
            except redis.AuthenticationError:
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise AssertionError("redis-server does not answer")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def journal_folder(self, book: Path, **section: str) -> Path:
        """Lay a new journal on it; return the folder that leads there."""
        self._laid += 1
        settings = BoardSection(journal="redis", redis=self.section.model_copy(update=section))
        home = Book(book / f"book{self._laid}")
        lay_journal(home, settings, f"{os.getpid()}-{self._laid}")
        return home.journal
