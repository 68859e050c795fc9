"""Turns at the terminal: how many, how fast, and who goes first."""

import threading
from collections.abc import Iterator

import pytest

from agents.requests import SendAnswered
from config.system import TerminalSection
from runtime import clock
from runtime.terminals.pacing import Pacing, Priority
from tests.unit.test_terminal_reading import ENTRY


class HandTime:
    """Clocks that move by sleeping only."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.naps: list[float] = []

    def wall_ns(self) -> int:
        """Return the same as the monotonic clock."""
        return int(self.now_s * clock.NS)

    def process_s(self) -> float:
        """Return what has been slept."""
        return self.now_s

    def sleep_s(self, seconds: float) -> None:
        """Let time pass at once."""
        self.naps.append(seconds)
        self.now_s += seconds


@pytest.fixture
def time() -> Iterator[HandTime]:
    """Return clocks that stand still but for sleeping."""
    source = HandTime()
    with clock.installed(source):
        yield source


def a_pacing(parallel_max: int = 5, **changes: float) -> Pacing:
    """Return a pacing of two requests a second."""
    return Pacing(TerminalSection(**({"requests_per_s": 2.0} | changes)), parallel_max)


def answered(code: int) -> SendAnswered:
    """Return what a send came back with."""
    return SendAnswered(
        request=ENTRY,
        has_result=True,
        code=code,
        comment="",
        lots=0.0,
        price=0.0,
        order_ticket=0,
        deal_ticket=0,
    )


def take(pacing: Pacing, priority: Priority = Priority.READS) -> None:
    """Take a turn and give it back."""
    with pacing.turn(priority):
        pass


def test_a_burst_passes_and_then_the_rate_holds(time: HandTime) -> None:
    """Two at once, then one each half second: five requests take one and a half."""
    pacing = a_pacing()

    for _ in range(5):
        take(pacing)

    assert time.now_s - 100.0 == pytest.approx(1.5, abs=0.02)  # (5 - 2) / 2 a second


def test_what_one_close_asks_for_passes_at_once(time: HandTime) -> None:
    """Twenty-eight symbols and two a second: the last one is not read thirteen seconds late."""
    pacing = Pacing(TerminalSection(requests_per_s=2.0), 5, burst_min=29)

    for _ in range(30):
        take(pacing)

    assert time.now_s - 100.0 == pytest.approx(0.5, abs=0.02)


def test_idle_time_fills_one_burst_and_no_more(time: HandTime) -> None:
    """An hour of silence is no licence for an hour's worth of requests."""
    pacing = a_pacing()
    take(pacing)
    time.now_s += 3600.0

    for _ in range(3):
        take(pacing)

    assert time.now_s - 3700.0 == pytest.approx(0.5, abs=0.02)


def test_f19_after_too_many_requests_everything_pauses(time: HandTime) -> None:
    """F19: the next request leaves a second later, not at once."""
    pacing = a_pacing(backoff_s=1.0)

    pacing.learn(answered(10024))

    assert pacing.pause_s(Priority.ENTERS) == pacing.pause_s(Priority.READS) == 1.0
    take(pacing, Priority.ENTERS)
    assert time.now_s >= 101.0


def test_f19_the_pause_of_entries_doubles_and_exits_wait_the_first_length(
    time: HandTime,
) -> None:
    """F19: 1, 2, 4, 5, 5 seconds for entries; a close or a reading never waits more than 1."""
    pacing = a_pacing(backoff_s=1.0, backoff_max_s=5.0)
    lengths, others = [], []

    for _ in range(5):
        pacing.learn(answered(10024))
        lengths.append(pacing.pause_s(Priority.ENTERS))
        others.append((pacing.pause_s(Priority.REDUCES), pacing.pause_s(Priority.READS)))

    assert lengths == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert others == [(1.0, 1.0)] * 5


def test_f19_what_the_broker_takes_ends_the_doubling(time: HandTime) -> None:
    """F19: after an order that was taken the next pause is a short one again."""
    pacing = a_pacing(backoff_s=1.0)
    pacing.learn(answered(10024))
    pacing.learn(answered(10024))

    pacing.learn(answered(10009))
    pacing.learn(answered(10024))

    assert pacing.pause_s(Priority.ENTERS) == 2.0  # what runs already is not cut short
    time.now_s += 2.0
    pacing.learn(answered(10009))
    pacing.learn(answered(10024))
    assert pacing.pause_s(Priority.ENTERS) == 1.0


def in_order(pacing: Pacing, priorities: list[Priority]) -> list[Priority]:
    """Let threads ask one after another while one turn is held, and return who went when."""
    went: list[Priority] = []

    def ask(priority: Priority) -> None:
        with pacing.turn(priority):
            went.append(priority)

    threads = [threading.Thread(target=ask, args=(each,)) for each in priorities]
    with pacing.turn(Priority.READS):
        for count, thread in enumerate(threads, 1):
            thread.start()
            while pacing.waiting < count:
                pass
    for thread in threads:
        thread.join()
    return went


def test_exits_go_before_entries_and_entries_before_readings() -> None:
    """Whoever asked first: what reduces risk leaves first, and equals keep their order."""
    reads, enters, reduces = Priority.READS, Priority.ENTERS, Priority.REDUCES
    pacing = a_pacing(1, requests_per_s=10_000.0)

    went = in_order(pacing, [reads, enters, reads, reduces, enters])

    assert went == [reduces, enters, enters, reads, reads]


def test_no_more_are_under_way_than_may_be() -> None:
    """The sixth of six waits until one of five is back."""
    pacing = a_pacing(5, requests_per_s=10_000.0)
    held = [pacing.turn(Priority.READS) for _ in range(5)]
    for turn in held:
        turn.__enter__()
    sixth = threading.Thread(target=take, args=(pacing,))

    sixth.start()
    while pacing.waiting < 1:
        pass
    assert sixth.is_alive()
    held[0].__exit__(None, None, None)
    sixth.join()

    assert pacing.waiting == 0


def test_a_turn_is_given_back_when_its_work_fails(time: HandTime) -> None:
    """Failures do not use turns up."""
    pacing = a_pacing(1)

    for _ in range(3):
        with pytest.raises(ValueError, match="away"), pacing.turn(Priority.READS):
            raise ValueError("away")

    take(pacing)
