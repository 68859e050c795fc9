"""A terminal process kept for another machine, and what a cluster has of it by its address."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from config.system import ClusterSection, TerminalSection
from runtime.book import Book
from runtime.clock import ScaledClock, process_s, sleep_s
from runtime.run_plan import RunPlan
from runtime.terminal_process import DistantTerminal, terminal_of
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.structures import OrderSendResult
from tests.fake_metatrader import HANG, PASSWORD, ROOT, install

pytestmark = pytest.mark.slow
BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
PATIENCE_S = 60.0
WATCH_S = 0.2


@dataclass
class Kept:
    """A keeper at work, as the machine of the cluster sees it."""

    process: "subprocess.Popen[str]"
    distant: DistantTerminal
    remote: RemoteTerminal
    home: Path
    package: Path

    def terminal(self) -> psutil.Process:
        """Return the process that holds the terminal."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def await_another(self, than: psutil.Process) -> None:
        """Wait until another process answers than one that was there."""
        end_s = process_s() + PATIENCE_S
        while than.is_running() or not self.distant.is_healthy():
            assert process_s() < end_s, "nobody took over"
            sleep_s(0.1)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Give a keeper on loopback with a stand-in package, reached by its address and token."""
    home, package = tmp_path / "windows", tmp_path / "package"
    environment = os.environ | install(package) | {"QUORUM_HOME": str(home)}
    settings = (
        "profile=paper", "paper.fills=demo", "terminal.kind=metatrader", "speed=1",
        "terminal.hang_deadline_s=3", "terminal.send_timeout_s=2",
        f"cluster.watch_interval_s={WATCH_S}",
    )  # fmt: skip
    arguments = [part for text in settings for part in ("--set", text)]
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "launch.py"),
            "terminal",
            "serve",
            "--book",
            "kept",
            *arguments,
        ],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = [process.stdout.readline(), process.stdout.readline()]
    assert all(said), process.communicate()
    url = re.findall(r"http://\S+", said[0])[0]
    token = (home / "books" / "kept" / "terminal.token").read_text(encoding="ascii")
    monkeypatch.setenv("TERMINAL_TOKEN", token)
    distant = terminal_of(a_plan(tmp_path / "linux", url))
    assert isinstance(distant, DistantTerminal)
    distant.await_answer()
    remote = RemoteTerminal(url, token, TerminalSection(send_timeout_s=2.0))
    assert remote.initialize()
    yield Kept(process, distant, remote, home, package)
    remote.close()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)


def a_plan(folder: Path, url: str) -> RunPlan:
    """Return the plan of a cluster whose terminal is elsewhere."""
    settings = Settings(
        profile="paper",
        speed=1.0,
        terminal=TerminalSection(kind="metatrader", url=url),
        cluster=ClusterSection(),
    )
    folder.mkdir(mode=0o700)
    return RunPlan(
        run_id="one",
        folder=str(folder),
        settings_json=settings.model_dump_json(),
        clock=ScaledClock(wall_anchor_ns=0, market_anchor_ns=0, speed=1.0),
        is_virtual=False,
        is_paced=True,
        start_ns=0,
    )


def test_f5_a_killed_process_is_replaced_and_repeats_no_send(kept: Kept) -> None:
    """Another process at the same address answers a repeated id with what was answered."""
    first = kept.remote.order_send(BUY, request_id="one", epoch=1)
    assert isinstance(first, OrderSendResult)
    killed = kept.terminal()
    killed.kill()
    kept.await_another(killed)

    assert kept.remote.initialize()
    assert kept.remote.order_send(BUY, request_id="one", epoch=1) == first
    assert len(kept.remote.positions_get() or ()) == 1


def test_f5_a_hung_process_is_ended_and_its_send_is_unknown(kept: Kept) -> None:
    """The send has no answer, the process is ended from outside, and nobody sends the id again."""
    seen_s = process_s() + 5 * WATCH_S
    while process_s() < seen_s:  # until the watch has seen it too, a start's deadline holds
        assert kept.distant.is_healthy()
    hung = kept.terminal()
    (kept.package / HANG).write_text("order_send", encoding="ascii")
    with pytest.raises(TerminalUnavailable):
        kept.remote.order_send(BUY, request_id="one", epoch=1)

    kept.await_another(hung)
    (kept.package / HANG).unlink()
    assert kept.remote.initialize()
    assert kept.remote.order_send(BUY, request_id="one", epoch=1) is None
    assert kept.remote.last_error()[0] == -10005
    assert kept.remote.positions_get() == ()
    other = kept.remote.order_send(BUY, request_id="two", epoch=1)
    assert isinstance(other, OrderSendResult)


def test_f41_the_password_stands_nowhere(kept: Kept) -> None:
    """Neither arguments nor any file of the book, plan and logs included, hold the password."""
    child = kept.terminal()
    arguments = [*child.cmdline(), *psutil.Process(kept.process.pid).cmdline()]

    assert not any(PASSWORD in argument for argument in arguments)
    files = [path for path in kept.home.rglob("*") if path.is_file()]
    assert Book(kept.home / "books" / "kept").sends in files
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
