"""The whole council on real Ray, started as an operator starts it: what only processes can show."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from blackboard.facts import Decision, Fill, OrderSubmitting, PositionChanged, kind_of
from blackboard.facts.execution import DealEntry
from runtime.proof.lineage import entries_of, explain_ticket
from runtime.ray_session import free_port

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    pytest.mark.skipif(
        sys.platform == "win32", reason="processes are killed and frozen by POSIX signals"
    ),
]

ROOT = Path(__file__).resolve().parents[2]
COUNCIL = (
    "data",
    "technical",
    "lstm_vol",
    "sentiment",
    "portfolio",
    "risk",
    "execution",
    "learner",
)
ARGUMENTS = ("up", "--symbols", "EURUSD,USDJPY,EURJPY", "--set", "cluster.dashboard=false")
HISTORY = (*ARGUMENTS, "--speed", "max", "--json")
WAIT_S = 90.0


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a driver that touches nothing of this user."""
    return {**os.environ, "QUORUM_HOME": str(home), "RAY_AUTH_MODE": "disabled", **variables}


@contextmanager
def driver(home: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command line; whatever is left of it at the end is ended."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        env=environment(home, **variables),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def finished(home: Path, *arguments: str) -> dict[str, Any]:
    """Run the command line to its end and return its closing summary."""
    with driver(home, *arguments) as process:
        output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    closing: dict[str, Any] = json.loads(output.splitlines()[-1])
    return closing


def status(home: Path) -> dict[str, Any]:
    """Return what the driver says of itself, empty before it does."""
    for path in home.glob("books/*/cluster.json"):
        told: dict[str, Any] = json.loads(path.read_bytes())
        return told
    return {}


def until(home: Path, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until what the driver says of itself fulfils a condition."""
    end_s = time.monotonic() + WAIT_S  # noqa: TID251 - a test outside of the system's clocks
    while time.monotonic() < end_s:  # noqa: TID251
        told = status(home)
        if told and holds(told):
            return told
        time.sleep(0.1)
    raise AssertionError(f"did not come about: {status(home)}")


def pid_of(told: dict[str, Any], name: str) -> int:
    """Return the process of an agent, of the board, or of the terminal."""
    if name in {"board", "terminal"}:
        return int(told[f"{name}_pid"])
    return next(int(agent["pid"]) for agent in told["agents"] if agent["name"] == name)


def book_of(home: Path) -> Path:
    """Return the journal of the one book."""
    return next(home.glob("books/*/journal"))


def test_killing_every_process_changes_no_decision(tmp_path: Path) -> None:
    """A run in which each agent, the board and the terminal are killed decides what it would have.

    The reference is the same run in one process, undisturbed. The journal is gapless, no order is
    doubled, every position keeps its stop, and the account's arithmetic holds.
    """
    span = ("--duration", "60h")
    reference_home, home = tmp_path / "reference", tmp_path / "killed"
    reference_home.mkdir()
    home.mkdir()
    reference = finished(reference_home, *HISTORY, *span, "--in-process")

    with driver(home, *HISTORY, *span) as process:
        for name in (*COUNCIL, "supervisor", "board", "terminal"):
            head = kill(home, name)
            wait_beyond(home, head)
        output, _ = process.communicate(timeout=200)
    closing = json.loads(output.splitlines()[-1])

    assert closing["decisions_hash"] == reference["decisions_hash"]
    assert closing["entries"] == reference["entries"]
    assert closing["trades"] > 0
    assert closing["accounting_holds"]
    check_journal(book_of(home))


def kill(home: Path, name: str) -> int:
    """Kill a process as soon as it is at work; return how far the journal had come."""
    told = until(home, lambda told: pid_of(told, name) > 0 and told["head"] > 0)
    os.kill(pid_of(told, name), signal.SIGKILL)
    return int(told["head"])


def wait_beyond(home: Path, head: int) -> None:
    """Wait until the journal has grown."""
    until(home, lambda now: now["head"] > head)


def check_journal(folder: Path) -> None:
    """Assert what holds of every journal, whatever was killed."""
    submitted: Counter[str] = Counter()
    entered: Counter[str] = Counter()
    naked = []
    for place, entry in enumerate(entries_of(folder), 1):
        assert entry.seq == place
        match entry.fact:
            case OrderSubmitting(intent_id=intent):
                submitted[intent] += 1
            case Fill(intent_id=intent, entry=DealEntry.IN):
                entered[intent] += 1
            case PositionChanged(lots=lots, stop_price=stop) if lots > 0.0 and stop == 0.0:
                naked.append(entry)
            case _:
                pass
    assert set(submitted.values()) == {1}
    assert set(entered.values()) == {1}
    assert naked == []


def test_a_live_system_trades_obeys_stops_and_goes_on(tmp_path: Path) -> None:
    """Live it opens a position, takes commands, stops on a signal, and continues its book."""
    with driver(tmp_path, *ARGUMENTS, "--speed", "600") as process:
        until(tmp_path, lambda told: told["head"] > 0)
        wait_for_kind(tmp_path, kind_of(Fill))
        assert command(tmp_path, "pause").returncode == 0
        assert json.loads(command(tmp_path, "status", "--json").stdout)["state"]["state"] == (
            "REDUCING"
        )
        assert command(tmp_path, "resume").returncode == 0
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "asked to stop" in output
    told = status(tmp_path)
    left = [agent["pid"] for agent in told["agents"] if exists(agent["pid"])]
    assert left == []
    assert not exists(told["terminal_pid"])
    before = len(list(entries_of(book_of(tmp_path))))

    with driver(tmp_path, *ARGUMENTS, "--speed", "600"):
        until(tmp_path, lambda told: told["head"] > before + 20)

    check_journal(book_of(tmp_path))
    ticket = next(
        entry.fact.position_ticket
        for entry in entries_of(book_of(tmp_path))
        if isinstance(entry.fact, Fill)
    )
    _, lineage = explain_ticket(book_of(tmp_path), ticket)
    assert {"Decision", "OrderIntent", "RiskApproved", "Vote", "Bar"} <= {
        entry.kind for entry in lineage.values()
    }


@pytest.mark.parametrize("name", ["lstm_vol", pytest.param("board", marks=pytest.mark.slow)])
def test_what_is_frozen_is_replaced(tmp_path: Path, name: str) -> None:
    """A process that hangs is ended by the watch and comes back; all are well and it is told."""
    with driver(tmp_path, *ARGUMENTS, "--speed", "600"):
        told = until(tmp_path, lambda told: pid_of(told, name) > 0)
        os.kill(pid_of(told, name), signal.SIGSTOP)
        until(
            tmp_path,
            lambda now: (
                pid_of(now, name) not in {0, pid_of(told, name)}
                and all(agent["health"] == "healthy" for agent in now["agents"])
            ),
        )
        wait_for_kind(tmp_path, "AgentHealth")


def test_an_agent_is_switched_while_the_others_trade(tmp_path: Path) -> None:
    """Off at once, also after a start, decisions go on; on again it votes, and parity holds.

    Another agent's process is begun anew by a person on the way, and Ray tells of their turns.
    """
    calm = (*ARGUMENTS, "--speed", "200", "--set", "agents.learner.training.when=never")
    with driver(tmp_path, *calm):
        until(tmp_path, lambda told: told["head"] > 0)
        wait_for_voter(tmp_path, 0, "sentiment")
        assert "applied now" in command(tmp_path, "agents", "disable", "sentiment").stdout
        assert health(tmp_path, "sentiment") == "off"
        head = status(tmp_path)["head"]
        wait_for_voter(tmp_path, head, "technical.trend")
        assert "sentiment" not in voters_after(tmp_path, head)
        before = pid_of(status(tmp_path), "portfolio")
        assert "applied now" in command(tmp_path, "agents", "restart", "portfolio").stdout
        assert pid_of(status(tmp_path), "portfolio") != before

    head = len(list(entries_of(book_of(tmp_path))))
    port = free_port(18_700)
    with driver(tmp_path, *calm, "--set", f"cluster.metrics_port={port}"):
        until(tmp_path, lambda told: told["head"] > head + 20)
        assert health(tmp_path, "sentiment") == "off"
        assert "applied now" in command(tmp_path, "agents", "enable", "sentiment").stdout
        wait_for_voter(tmp_path, head, "sentiment")
        wait_until(lambda: {"risk", "sentiment"} <= told_by_ray(port), "Ray tells of no turns")

    told = command(tmp_path, "parity", "--json")
    assert json.loads(told.stdout)["holds"], told.stdout
    assert command(tmp_path, "audit").returncode == 0


def told_by_ray(port: int) -> set[str]:
    """Return the agents of whose turns Ray's metrics tell."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return set(re.findall(r'ray_quorum_agent_turn_seconds_count{.*agent="(\w+)"', text))


def health(home: Path, name: str) -> str:
    """Return what the driver says of an agent."""
    return next(str(one["health"]) for one in status(home)["agents"] if one["name"] == name)


def voters_after(home: Path, seq: int) -> set[str]:
    """Return the voters that had a share in the decisions after an entry."""
    return {
        share.scope
        for entry in entries_of(book_of(home))
        if entry.seq > seq and isinstance(entry.fact, Decision)
        for share in entry.fact.shares
    }


def wait_for_voter(home: Path, seq: int, voter: str) -> None:
    """Wait until a voter has a share in a decision after an entry."""
    wait_until(lambda: voter in voters_after(home, seq), f"no share of {voter}")


def command(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a verb beside the driver."""
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *words],
        env=environment(home, **variables),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def wait_for_kind(home: Path, kind: str) -> None:
    """Wait until a fact of a kind stands in the journal."""
    wait_until(
        lambda: any(entry.kind == kind for entry in entries_of(book_of(home))),
        f"no {kind} in the journal",
    )


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + WAIT_S  # noqa: TID251
    while time.monotonic() < end_s:  # noqa: TID251
        if holds():
            return
        time.sleep(0.5)
    raise AssertionError(otherwise)


def exists(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
