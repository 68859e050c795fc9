"""When the watch takes silence for a hang, and what it does then."""

import pytest

from blackboard.errors import UnrecoverableError
from config.settings import Settings
from runtime.terminal_watch import START_DEADLINE_S, TerminalWatch

HANG_S = Settings().terminal.hang_deadline_s


class FakeProcess:
    """A terminal process of which a test says how it is."""

    def __init__(self) -> None:
        self.restarts = 0
        self.runs = True
        self.answers = True
        self.connects = False
        self.done: list[str] = []

    def launch(self) -> None:
        """Start anew: running, silent so far."""
        self.done.append("launch")
        self.runs, self.answers = True, False

    def is_running(self) -> bool:
        """Return what the test said."""
        return self.runs

    def is_healthy(self) -> bool:
        """Return what the test said."""
        return self.answers

    def is_connecting(self) -> bool:
        """Return what the test said."""
        return self.connects

    def stop(self) -> None:
        """Note the end."""
        self.done.append("stop")


class Seat:
    """A watch with its process and its clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.process = FakeProcess()
        self.watch = TerminalWatch(self.process, Settings(), lambda: self.now_s)

    def look_at(self, now_s: float) -> list[str]:
        """Look at a moment and return what was done since the last look."""
        self.now_s = now_s
        self.process.done = []
        self.watch.look()
        return self.process.done


def test_f5_a_process_that_hangs_is_ended_at_its_deadline() -> None:
    """Silence of less than the deadline is borne, then the process is ended and started anew."""
    seat = Seat()
    assert seat.look_at(1.0) == []
    seat.process.answers = False

    assert seat.look_at(1.0 + HANG_S - 0.1) == []
    assert seat.look_at(1.0 + HANG_S) == ["stop", "launch"]
    assert seat.process.restarts == 1


def test_f5_one_answer_begins_the_deadline_anew() -> None:
    """A slow call is no hang if the process answers in between."""
    seat = Seat()
    for moment_s in range(0, 200, 20):
        seat.process.answers = moment_s % 40 == 0
        assert seat.look_at(float(moment_s)) == []


def test_f5_connecting_is_no_hang() -> None:
    """While the note stands nothing is ended; when its time has passed the deadline runs."""
    seat = Seat()
    assert seat.look_at(1.0) == []
    seat.process.answers, seat.process.connects = False, True

    assert seat.look_at(61.0) == []  # a connection may take its whole 60 s
    seat.process.connects = False
    assert seat.look_at(61.0 + HANG_S - 0.1) == []
    assert seat.look_at(61.0 + HANG_S) == ["stop", "launch"]


def test_f5_a_new_process_has_time_to_start() -> None:
    """After a launch the longer deadline of a start holds, until the first answer."""
    seat = Seat()
    seat.process.runs = False
    assert seat.look_at(10.0) == ["stop", "launch"]

    assert seat.look_at(10.0 + START_DEADLINE_S - 0.1) == []
    assert seat.look_at(10.0 + START_DEADLINE_S) == ["stop", "launch"]
    seat.process.answers = True
    assert seat.look_at(110.0) == []


def test_f7_a_process_that_is_gone_is_started_at_once() -> None:
    """No deadline is waited for where nothing runs."""
    seat = Seat()
    seat.process.runs = False

    assert seat.look_at(0.5) == ["stop", "launch"]


def test_f5_endless_restarts_end_the_run() -> None:
    """More restarts than the budget within its window are for a person."""
    seat = Seat()
    for count in range(Settings().cluster.restarts_max):
        seat.process.runs = False
        seat.look_at(float(count))
    seat.process.runs = False

    with pytest.raises(UnrecoverableError, match="the terminal process needed more than 5"):
        seat.look_at(10.0)


def test_restarts_long_ago_do_not_count() -> None:
    """The budget is one of a window, so a month of single deaths ends nothing."""
    seat = Seat()
    window_s = Settings().cluster.restarts_window_s
    for count in range(20):
        seat.process.runs = False
        assert seat.look_at(count * (window_s / 5.0 + 1.0)) == ["stop", "launch"]
