"""The only reader of clocks: wall time, monotonic time, and market time derived from them.

Market time (bars, validity, blackouts) runs `speed` times as fast as the wall on a simulated market
and equals it on a real one. Process time (timeouts, heartbeats, deadlines) never scales and comes
from the monotonic clock, so a stepping wall clock cannot stretch or skip a timeout.

Where both come from can be replaced: a simulation of the whole system installs a source of its own,
and every module goes on asking the same functions.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec

NS = 1_000_000_000
MACHINE_NAME: Final = platform.node()


class ClockSource(Protocol):
    """Where time comes from."""

    def wall_ns(self) -> int:
        """Return the wall clock in nanoseconds UTC."""

    def process_s(self) -> float:
        """Return a monotonic clock in seconds."""

    def sleep_s(self, seconds: float) -> None:
        """Wait in process time."""


class MachineClocks:
    """The clocks of this machine."""

    def wall_ns(self) -> int:
        """Return the wall clock in nanoseconds UTC."""
        return time.time_ns()

    def process_s(self) -> float:
        """Return a monotonic clock in seconds."""
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        """Wait in process time."""
        time.sleep(seconds)


_sources: Final[list[ClockSource]] = [MachineClocks()]
"""The source in force is the last."""


@contextmanager
def installed(source: ClockSource) -> Iterator[None]:
    """Let every reader of this process take its time from `source` meanwhile."""
    _sources.append(source)
    try:
        yield
    finally:
        _sources.remove(source)


def wall_ns() -> int:
    """Return the wall clock in nanoseconds UTC."""
    return _sources[-1].wall_ns()


def process_s() -> float:
    """Return a monotonic clock in seconds; only differences mean anything."""
    return _sources[-1].process_s()


def processor_s() -> float:
    """Return what this process has computed, in seconds; only differences mean anything."""
    return time.process_time()


def sleep_s(seconds: float) -> None:
    """Wait in process time."""
    _sources[-1].sleep_s(seconds)


class ScaledClock(msgspec.Struct, frozen=True, kw_only=True):
    """Market time as a straight line over the time since the start of a run.

    Plain data, so that every process of a run has the same line. On the machine of the start that
    time is the monotonic clock's, which all its processes share: a wall clock that is set, by NTP
    or by hand, moves neither bars nor blackouts. Elsewhere it is the wall clock's.
    """

    wall_anchor_ns: int
    market_anchor_ns: int
    speed: float
    process_anchor_s: float = 0.0
    """The monotonic clock at the start."""
    machine: str = ""
    """Where that clock was read; empty trusts the wall clock everywhere."""

    def now_ns(self) -> int:
        """Return the market time in nanoseconds UTC."""
        if self.machine and self.machine == MACHINE_NAME:
            elapsed_ns = int((process_s() - self.process_anchor_s) * NS)
        else:
            elapsed_ns = wall_ns() - self.wall_anchor_ns
        return self.market_anchor_ns + int(max(0, elapsed_ns) * self.speed)

    def wait_s(self, until_ns: int) -> float:
        """Return the process seconds until a market time, 0 if it has come."""
        return max(0.0, (until_ns - self.now_ns()) / self.speed / NS)


def start_clock(market_ns: int, speed: float) -> ScaledClock:
    """Return a clock that shows `market_ns` now and runs at `speed`."""
    return ScaledClock(
        wall_anchor_ns=wall_ns(),
        market_anchor_ns=market_ns,
        speed=speed,
        process_anchor_s=process_s(),
        machine=MACHINE_NAME,
    )


class VirtualClock:
    """Market time that stands still until a host moves it."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Return the market time in nanoseconds UTC."""
        return self._now_ns

    def wait_s(self, until_ns: int) -> float:
        """Return 0: virtual time never keeps anybody waiting."""
        del until_ns
        return 0.0

    def set(self, now_ns: int) -> None:
        """Move to a later instant, or stay; an earlier one is ignored."""
        self._now_ns = max(self._now_ns, now_ns)
