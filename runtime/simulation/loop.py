"""An event loop whose time is virtual: nothing waits, nothing is random, nothing runs beside it.

It is asyncio's own loop with another clock. Where the real one would wait for sockets until the
next timer, this one moves its clock there. What the code hands to a thread runs at once on the
loop's own thread, as if it had started and ended in that instant; what it waits for meanwhile
(`sleep_s`) is added to the time after which its result arrives. So callbacks have one order, which
depends on nothing but the program and its seed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from runtime.clock import NS

CLOCK_RESOLUTION_S: Final = 1e-9

Latency = Callable[[], float]
"""Returns the seconds that one call off the loop takes, beside what it waits for itself."""


Entering = Callable[[], Awaitable[None]]
"""What a call off the loop waits for before it begins."""


async def _at_once() -> None:
    pass


def _hand_over(future: asyncio.Future[Any], call: asyncio.Task[Any]) -> None:
    if call.cancelled():
        future.cancel()
        return
    error = call.exception()
    if future.done():
        return
    if error is None:
        future.set_result(call.result())
    else:
        future.set_exception(error)


class Stalled(RuntimeError):
    """Everybody waits and nothing is due: in real time the program would hang for ever."""


class VirtualTime:
    """The clocks of a simulation; a `runtime.clock.ClockSource`.

    The wall clock can be moved against the true time, as an operator or NTP would.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._elapsed_ns = 0
        self._inside_ns = 0
        self.wall_shift_ns = 0
        """How far the machine's wall clock is ahead of the truth."""

    @property
    def true_ns(self) -> int:
        """The time that the rest of the world has, in nanoseconds UTC."""
        return self._start_ns + self._elapsed_ns + self._inside_ns

    def wall_ns(self) -> int:
        """Return what the machine's wall clock shows."""
        return self.true_ns + self.wall_shift_ns

    def process_s(self) -> float:
        """Return the seconds since the start."""
        return (self._elapsed_ns + self._inside_ns) / NS

    def sleep_s(self, seconds: float) -> None:
        """Let the call that runs off the loop take so much longer."""
        self._inside_ns += int(seconds * NS)

    def move(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self._elapsed_ns += int(seconds * NS) + 1  # rounded up, or the timer would not be due

    @contextmanager
    def aside(self) -> Iterator[Callable[[], float]]:
        """Let a call run off the loop; what is given tells the seconds that it has waited."""
        assert self._inside_ns == 0, "a call off the loop may not start another one"
        try:
            yield lambda: self._inside_ns / NS
        finally:
            self._inside_ns = 0


class _Jump:
    """Takes the place of a selector: it waits for nothing and moves the clock."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stalled("all tasks wait and no timer is set")
        if timeout > 0.0:
            self._time.move(timeout)
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop over virtual time.

    Parameters
    ----------
    time : VirtualTime
        Its clock, which the code under test should have installed as well.
    latency_s : callable
        Seconds that each call off the loop takes.
    entering : callable
        Awaited before each call off the loop: whoever is frozen waits there.
    """

    _clock_resolution: float

    def __init__(
        self,
        time: VirtualTime,
        latency_s: Latency = lambda: 0.0,
        entering: Entering = _at_once,
    ) -> None:
        super().__init__()
        self.virtual = time
        self._latency_s = latency_s
        self._entering = entering
        self._selector = _Jump(time)
        self._clock_resolution = CLOCK_RESOLUTION_S

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.virtual.process_s()

    def run_in_executor(  # type: ignore[override] # the future is made here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a call in one instant; its result, or what it raised, arrives after its latency.

        Giving up the future does not take the call back, as with a thread.
        """
        del executor
        future: asyncio.Future[Any] = self.create_future()
        call = self.create_task(self._run_aside(partial(func, *args)))
        call.add_done_callback(partial(_hand_over, future))
        return future

    async def _run_aside(self, work: Callable[[], Any]) -> Any:
        await self._entering()
        waited_s = 0.0
        try:
            with self.virtual.aside() as waited:
                try:
                    return work()
                finally:
                    waited_s = waited()
        finally:
            await asyncio.sleep(self._latency_s() + waited_s)

    def close(self) -> None:
        """Drop what is scheduled; there is nothing else to release."""
        if not self.is_closed():
            self._ready.clear()  # type: ignore[attr-defined]
            self._scheduled.clear()  # type: ignore[attr-defined]
            super().close()

    def _process_events(self, event_list: list[Any]) -> None:
        del event_list

    def _write_to_self(self) -> None:
        pass
