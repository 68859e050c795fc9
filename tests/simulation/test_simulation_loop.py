"""The virtual event loop: order, latency, cancellation and time-outs depend on nothing outside."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from runtime.clock import installed, process_s, sleep_s, wall_ns
from runtime.simulation.loop import Stalled, VirtualLoop, VirtualTime

T = TypeVar("T")
START_NS = 1_700_000_000_000_000_000
HOUR_S = 3600.0
LATENCY_S = 0.25

Run = Callable[[Awaitable[T]], T]


@pytest.fixture
def time() -> VirtualTime:
    """Return a clock that starts at a known moment."""
    return VirtualTime(START_NS)


@pytest.fixture
def run(time: VirtualTime) -> Iterator[Run]:  # type: ignore[type-arg] # any result
    """Return what runs a coroutine on a virtual loop over that clock."""
    loop = VirtualLoop(time, lambda: LATENCY_S)
    with installed(time):
        yield loop.run_until_complete
    loop.close()


def test_a_sleep_takes_its_time_and_no_longer(run: Run, time: VirtualTime) -> None:  # type: ignore[type-arg]
    """Five days pass at once, to the nanosecond of the timer."""
    run(asyncio.sleep(120 * HOUR_S))

    assert time.true_ns - START_NS == pytest.approx(120 * HOUR_S * 1e9, abs=1000)
    assert wall_ns() == time.true_ns


def test_timers_fire_in_the_order_of_their_times(run: Run) -> None:  # type: ignore[type-arg]
    """Whoever asked first is first only among those of one moment."""
    heard: list[str] = []

    async def say(word: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        heard.append(word)

    async def all_of_them() -> None:
        await asyncio.gather(say("c", 3.0), say("a", 1.0), say("b", 2.0), say("a2", 1.0))

    run(all_of_them())

    assert heard == ["a", "a2", "b", "c"]


def test_a_call_off_the_loop_arrives_after_its_latency_and_its_sleep(run: Run) -> None:  # type: ignore[type-arg]
    """What a thread would wait for delays its result, and nobody else."""
    heard: list[tuple[str, float]] = []

    def work() -> str:
        sleep_s(5.0)
        return "done"

    async def beside() -> None:
        await asyncio.sleep(1.0)
        heard.append(("beside", process_s()))

    async def both() -> None:
        other = asyncio.create_task(beside())
        heard.append((await asyncio.to_thread(work), process_s()))
        await other

    run(both())

    assert [word for word, _ in heard] == ["beside", "done"]
    assert heard[1][1] == pytest.approx(5.0 + LATENCY_S, abs=1e-6)


def test_time_inside_a_call_goes_on_for_it_alone(run: Run) -> None:  # type: ignore[type-arg]
    """A call that waits sees its own deadline pass."""

    def work() -> float:
        begun_s = process_s()
        sleep_s(7.0)
        return process_s() - begun_s

    assert run(asyncio.to_thread(work)) == pytest.approx(7.0)
    assert process_s() == pytest.approx(7.0 + LATENCY_S, abs=1e-6)


def test_a_time_out_comes_before_a_late_result(run: Run) -> None:  # type: ignore[type-arg]
    """The work is done all the same: a thread cannot be taken back."""
    done: list[bool] = []

    def work() -> None:
        done.append(True)
        sleep_s(60.0)

    async def wait() -> None:
        await asyncio.wait_for(asyncio.to_thread(work), 10.0)

    with pytest.raises(TimeoutError):
        run(wait())
    assert done == [True]
    assert process_s() == pytest.approx(10.0, abs=1e-6)


def test_what_a_call_raises_is_raised_to_who_waits(run: Run) -> None:  # type: ignore[type-arg]
    """An error is an answer too."""

    def work() -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        run(asyncio.to_thread(work))


def test_a_cancelled_task_ends_where_it_waits(run: Run) -> None:  # type: ignore[type-arg]
    """Nothing of it happens later."""
    reached: list[str] = []

    async def long() -> None:
        try:
            await asyncio.sleep(HOUR_S)
            reached.append("end")
        finally:
            reached.append("unwound")

    async def kill() -> None:
        task = asyncio.create_task(long())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(2 * HOUR_S)

    run(kill())

    assert reached == ["unwound"]


def test_a_program_in_which_nobody_is_due_is_stalled(run: Run) -> None:  # type: ignore[type-arg]
    """It would hang for ever, and says so instead."""

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled):
        run(wait())


def test_the_wall_clock_can_be_set_and_intervals_stay(run: Run, time: VirtualTime) -> None:  # type: ignore[type-arg]
    """A wall clock that jumps moves no timer."""
    time.wall_shift_ns = -3_600_000_000_000

    run(asyncio.sleep(2.0))

    assert process_s() == pytest.approx(2.0, abs=1e-6)
    assert wall_ns() == time.true_ns - 3_600_000_000_000
