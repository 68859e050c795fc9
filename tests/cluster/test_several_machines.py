"""Several machines, as far as one can show it: nodes of Ray that are processes, one of them killed.

Three nodes with a token, nine agents spread over them, the board on one of two nodes that may have
it, its journal on a Redis of the test's own. The driver and the terminal are on the first node.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from blackboard.facts import Decision, Fill, kind_of
from runtime.proof.lineage import entries_of
from runtime.ray_session import free_port
from tests.bar_writers import some_bars, write_parquet
from tests.cluster.test_chaos import EAGER, check_orders, wait_for
from tests.cluster.test_cluster import (
    ROOT,
    book_of,
    check_journal,
    command,
    driver,
    status,
    until,
    wait_for_kind,
)
from tests.command_line import MONDAY_NS
from tests.redis_server import RedisProcess, needs_redis

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    needs_redis,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray joins machines on Linux alone"),
]

BOARD = '{"quorum_board": 1}'
NODE_WITHIN_S = 60.0
TAKEN_UP_WITHIN_S = 180.0


class Node:
    """One node of Ray: a process with all that belongs to it."""

    def __init__(self, output: Path, variables: dict[str, str], *arguments: str) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *arguments],
                env={**os.environ, **variables},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.id = ""

    def await_id(self) -> None:
        """Wait until the cluster knows the node; the process that hosts actors names it."""
        end_s = time.monotonic() + NODE_WITHIN_S  # noqa: TID251
        while time.monotonic() < end_s:  # noqa: TID251
            said = self._output.read_text()
            assert self._process.poll() is None, said
            started = "runtime started" in said
            with suppress(psutil.Error):
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    words = child.cmdline()
                    if started and words and words[0].endswith("/raylet"):
                        (self.id,) = [w[10:] for w in words if w.startswith("--node_id=")]
                        return
            time.sleep(0.1)
        raise AssertionError("a node of Ray did not start")

    def kill(self) -> None:
        """End it at once, as a machine without power."""
        with suppress(psutil.Error):
            node = psutil.Process(self._process.pid)
            for process in [*node.children(recursive=True), node]:
                with suppress(psutil.Error):
                    process.kill()
        self._process.wait()


class Machines:
    """A cluster of nodes on this machine, the first of which leads it."""

    def __init__(self, folder: Path) -> None:
        token = folder / "token"
        token.write_text("5" * 64)
        token.chmod(0o600)
        self.port = free_port(26_379)
        self.variables = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "PYTHONPATH": str(ROOT),
        }
        self.nodes: list[Node] = []
        self._folder = folder

    @property
    def address(self) -> str:
        """Where the cluster is joined."""
        return f"127.0.0.1:{self.port}"

    def lead(self) -> None:
        """Start the first node."""
        self._add(
            *("--head", "--port", str(self.port), "--include-dashboard", "false"),
            *("--temp-dir", str(self._folder)),
        )

    def join(self, resources: str) -> None:
        """Start a further node."""
        self._add("--address", self.address, "--resources", resources)

    def _add(self, *arguments: str) -> None:
        room = ("--num-cpus", "1", "--object-store-memory", str(100 << 20))
        output = self._folder / f"node{len(self.nodes)}"
        node = Node(output, self.variables, *arguments, *room, "--disable-usage-stats")
        self.nodes.append(node)
        node.await_id()

    def stop(self) -> None:
        """End all nodes, the first one last."""
        for node in reversed(self.nodes):
            node.kill()


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Return three nodes of Ray, two of which may have the board."""
    # A socket's path below it may have 107 bytes at most, so it is not pytest's.
    with tempfile.TemporaryDirectory(prefix="q", ignore_cleanup_errors=True) as folder:
        cluster = Machines(Path(folder))
        try:
            cluster.lead()
            cluster.join(BOARD)
            cluster.join(BOARD)
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def redis_of_run(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a Redis server that keeps what it acknowledges."""
    server = RedisProcess(tmp_path / "redis")
    yield server
    server.kill()


def nodes_of(told: dict[str, Any]) -> set[str]:
    """Return the nodes on which agents run."""
    return {agent["node"] for agent in told["agents"]}


def are_well(told: dict[str, Any]) -> bool:
    """Whether all agents work."""
    return all(agent["health"] == "healthy" and agent["node"] for agent in told["agents"])


def hang(server: RedisProcess, home: Path) -> None:
    """Let the server hang until the driver has noticed it."""
    (log,) = home.glob("books/*/logs/driver.jsonl")
    server.send(signal.SIGSTOP)
    try:
        wait_for(lambda: "board_away" in log.read_text(), "a word of the journal's server")
    finally:
        server.send(signal.SIGCONT)


@contextmanager
def patiently() -> Iterator[None]:
    """Wait longer than usual: Ray takes its time to give a node up."""
    patch = pytest.MonkeyPatch()
    patch.setattr("tests.cluster.test_cluster.WAIT_S", TAKEN_UP_WITHIN_S)
    yield
    patch.undo()


def test_seeds_run_on_the_machines_as_they_run_here(machines: Machines, tmp_path: Path) -> None:
    """A simulated week has the same journal wherever it was run."""
    words = ("simulate", "--seeds", "1", "--json")
    there = command(tmp_path, *words, "--address", machines.address, **machines.variables)
    here = command(tmp_path, *words, "--no-twice", "--jobs", "1")
    assert there.returncode == here.returncode == 0, there.stderr + here.stderr
    hashes = [json.loads(told.stdout.splitlines()[-1])["journal_hash"] for told in (there, here)]
    assert hashes[0] == hashes[1]


def test_a_search_on_the_machines_finds_what_one_here_finds(
    machines: Machines, tmp_path: Path
) -> None:
    """A walk-forward search comes to the same windows, values and verdict wherever it was run."""
    write_parquet(tmp_path / "bars/EURUSD_H1.parquet", some_bars(MONDAY_NS, 2200, minutes=60))
    days = {"in_days": 30, "out_days": 20, "step_days": 20, "trades_min": 2}
    words = ["walkforward", "--history", str(tmp_path / "bars"), "--symbols", "EURUSD", "--json"]
    words += [f"--set=agents.learner.walkforward.{name}={value}" for name, value in days.items()]
    words += ["--set", "timeframe=H1", "--jobs"]
    reports = []
    for place, told in {"here": ("1",), "there": ("3", "--address", machines.address)}.items():
        home = tmp_path / place
        home.mkdir()
        done = command(home, *words, *told, **machines.variables)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        assert report.pop("jobs") == int(told[0])
        del report["version"]  # it stands for the settings too, and the address is one
        reports.append({key: value for key, value in report.items() if not key.endswith("_s")})
    assert len(reports[0]["windows"]) >= 2
    assert reports[0] == reports[1]


def test_a_machine_dies_with_the_board_and_trading_goes_on(
    machines: Machines, redis_of_run: RedisProcess, tmp_path: Path
) -> None:
    """The board comes up on another node; nothing acknowledged is lost, no order is doubled."""
    config = tmp_path / "several.yaml"
    config.write_text(EAGER + f"board: {{journal: redis, redis: {{url: '{redis_of_run.url}'}}}}\n")
    started = (
        *("up", "--address", machines.address, "--config", str(config)),
        *("--symbols", "EURUSD,USDJPY,EURJPY"),
        *("--set", "cluster.placement={board: quorum_board}"),
    )
    with ExitStack() as stack:
        stack.enter_context(patiently())
        process = stack.enter_context(driver(tmp_path, *started, **machines.variables))
        told = until(tmp_path, lambda now: now["head"] > 0 and are_well(now) and now["board_node"])
        assert len(nodes_of(told)) == 3
        wait_for_kind(tmp_path, kind_of(Fill))

        hang(redis_of_run, tmp_path)
        hung_at = int(status(tmp_path)["head"])
        told = until(tmp_path, lambda now: now["head"] > hung_at + 50 and are_well(now))
        assert not any(agent["restarts"] for agent in told["agents"])

        (victim,) = [node for node in machines.nodes if node.id == told["board_node"]]
        acknowledged = int(told["head"])
        victim.kill()
        until(tmp_path, lambda now: now["board_node"] not in {"", victim.id})
        told = until(tmp_path, lambda now: are_well(now) and victim.id not in nodes_of(now))
        after = int(told["head"])
        until(tmp_path, lambda now: now["head"] > after + 50)

        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    entries = list(entries_of(book_of(tmp_path)))
    assert len(entries) > after >= acknowledged
    assert any(entry.seq > after and isinstance(entry.fact, Decision) for entry in entries)
    check_journal(book_of(tmp_path))
    check_orders(tmp_path)
    audit = command(tmp_path, "audit", "--json")
    assert audit.returncode == 0, audit.stdout
    assert json.loads(audit.stdout)["holds"]
