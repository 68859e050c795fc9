"""A driver's account of itself: alive, gone, or silent for too long."""

import os
from pathlib import Path

import pytest

from runtime import status as module
from runtime.status import STALE_AFTER_S, Status, read_status, write_status
from tests.statuses import a_status, an_agent_line

NOW_NS = 1_741_176_000_000_000_000
NO_PID = 2**22 + 1
"""Above the largest process id that Linux gives."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wall clock stand still."""
    monkeypatch.setattr(module, "wall_ns", lambda: NOW_NS)


def told(pid: int | None = None, age_s: float = 0.0) -> Status:
    """Return what this process told of itself some time ago."""
    return a_status(
        an_agent_line(),
        pid=os.getpid() if pid is None else pid,
        written_wall_ns=NOW_NS - int(age_s * 1e9),
    )


def test_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A second process sees exactly what the driver told."""
    write_status(tmp_path / "cluster.json", told())

    assert read_status(tmp_path / "cluster.json") == told()


def test_missing_status_is_none(tmp_path: Path) -> None:
    """Where nothing has run, nothing is told."""
    assert read_status(tmp_path / "cluster.json") is None


@pytest.mark.parametrize(
    ("age_s", "is_alive"),
    [(0.0, True), (STALE_AFTER_S - 0.001, True), (STALE_AFTER_S, False), (86_400.0, False)],
)
def test_silent_driver_counts_as_gone(age_s: float, is_alive: bool) -> None:
    """A process id that lives on, perhaps another program's by now, proves nothing."""
    assert told(age_s=age_s).is_alive() is is_alive


def test_ended_process_is_gone_at_once() -> None:
    """After a crash nobody has to wait until the file is old."""
    assert not told(pid=NO_PID).is_alive()


def test_process_of_another_user_is_alive() -> None:
    """A process that we may not signal exists: a file that it has just written is believed."""
    refused = told(pid=1)  # the first process belongs to the system, or is ours in a container

    assert refused.is_alive()


@pytest.mark.parametrize("content", [b"", b'{"pid": 1}', b"{", b'{"book": "\xff"}'])
def test_status_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    """Another version's account, or half of one, tells nothing; fields are never guessed."""
    (tmp_path / "cluster.json").write_bytes(content)

    assert read_status(tmp_path / "cluster.json") is None
