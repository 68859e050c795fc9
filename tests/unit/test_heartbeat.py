"""The heartbeat: a file that a watcher can trust."""

from pathlib import Path

import msgspec
import pytest

from runtime.clock import installed
from runtime.heartbeat import BEAT_EVERY_S, FILE_NAME, Beat, Heartbeat
from runtime.picture import Picture
from tests.console_run import status_of_run
from tests.recorded_run import entries_of_run


class Steps:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def wall_ns(self) -> int:
        """Return the same moment always."""
        return 7

    def process_s(self) -> float:
        """Return what was set."""
        return self.at_s

    def sleep_s(self, seconds: float) -> None:
        """Move on."""
        self.at_s += seconds


def read(home: Path) -> Beat:
    """Return what the file holds."""
    return msgspec.json.decode((home / FILE_NAME).read_bytes(), type=Beat)


def test_it_is_replaced_every_five_seconds(tmp_path: Path) -> None:
    """Between two beats nothing is written; at the next one the file says what is now."""
    status, steps = status_of_run(entries_of_run()), Steps()
    heartbeat = Heartbeat(tmp_path)
    with installed(steps):
        heartbeat.update(Picture(), status)
        first = read(tmp_path)
        later = msgspec.structs.replace(status, head=status.head + 1)
        steps.at_s += BEAT_EVERY_S - 0.1
        heartbeat.update(Picture(), later)
        assert read(tmp_path) == first
        steps.at_s += 0.1
        heartbeat.update(Picture(), later)
    assert read(tmp_path).head == status.head + 1
    assert (first.state, first.equity, first.unwell) == ("STARTING", None, [])


def test_a_disk_that_fails_stops_nothing(tmp_path: Path) -> None:
    """Where the file cannot be written, nothing is raised."""
    heartbeat = Heartbeat(tmp_path / "gone")
    heartbeat.update(Picture(), status_of_run(entries_of_run()))
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "gone")
