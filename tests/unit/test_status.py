"""A driver's account of itself: alive, gone, or silent for too long."""

import os
from pathlib import Path

import pytest

from runtime import status as module
from runtime.status import STALE_AFTER_S, AgentLine, Status, read_status, write_status

NOW_NS = 1_741_176_000_000_000_000
NO_PID = 2**22 + 1
"""Above the largest process id that Linux gives."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wall clock stand still."""
    monkeypatch.setattr(module, "wall_ns", lambda: NOW_NS)


def a_status(pid: int | None = None, age_s: float = 0.0) -> Status:
    """Return what this process would tell of itself."""
    return Status(
        pid=os.getpid() if pid is None else pid,
        book="paper",
        marker="PAPER",
        started_wall_ns=NOW_NS - 10**12,
        written_wall_ns=NOW_NS - int(age_s * 1e9),
        now_ns=NOW_NS,
        host="ray",
        ray_address="",
        dashboard_url="",
        terminal_url="",
        terminal_pid=0,
        board_pid=0,
        head=7,
        supersteps=3,
        agents=[a_line()],
    )


def a_line() -> AgentLine:
    """Return a healthy agent."""
    return AgentLine(
        name="risk",
        class_name="RiskAgent",
        mode="true",
        health="healthy",
        pid=1,
        restarts=0,
        reason="",
        last_fact_age_s=-1.0,
        posts_per_s=0.0,
    )


def test_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A second process sees exactly what the driver told."""
    write_status(tmp_path / "cluster.json", a_status())

    assert read_status(tmp_path / "cluster.json") == a_status()


def test_missing_status_is_none(tmp_path: Path) -> None:
    """Where nothing has run, nothing is told."""
    assert read_status(tmp_path / "cluster.json") is None


@pytest.mark.parametrize(
    ("age_s", "is_alive"),
    [(0.0, True), (STALE_AFTER_S - 0.001, True), (STALE_AFTER_S, False), (86_400.0, False)],
)
def test_silent_driver_counts_as_gone(age_s: float, is_alive: bool) -> None:
    """A process id that lives on, perhaps another program's by now, proves nothing."""
    assert a_status(age_s=age_s).is_alive() is is_alive


def test_ended_process_is_gone_at_once() -> None:
    """After a crash nobody has to wait until the file is old."""
    assert not a_status(pid=NO_PID).is_alive()


def test_process_of_another_user_is_alive() -> None:
    """A process that we may not signal exists: a file that it has just written is believed."""
    refused = a_status(pid=1)  # the first process belongs to the system, or is ours in a container

    assert refused.is_alive()


@pytest.mark.parametrize("content", [b"", b'{"pid": 1}', b"{", b'{"book": "\xff"}'])
def test_status_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    """Another version's account, or half of one, tells nothing; fields are never guessed."""
    (tmp_path / "cluster.json").write_bytes(content)

    assert read_status(tmp_path / "cluster.json") is None
