"""The only reader of clocks: wall time, monotonic time, and market time derived from them.

Market time (bars, validity, blackouts) runs `speed` times as fast as the wall on a simulated market
and equals it on a real one. Process time (timeouts, heartbeats, deadlines) never scales and comes
from the monotonic clock, so a stepping wall clock cannot stretch or skip a timeout.
"""

import time

import msgspec

NS = 1_000_000_000


def wall_ns() -> int:
    """Return the wall clock in nanoseconds UTC."""
    return time.time_ns()


def process_s() -> float:
    """Return a monotonic clock in seconds; only differences mean anything."""
    return time.monotonic()


def sleep_s(seconds: float) -> None:
    """Wait in process time."""
    time.sleep(seconds)


class ScaledClock(msgspec.Struct, frozen=True, kw_only=True):
    """Market time as a straight line over the wall clock.

    Plain data, so that every process of a run has the same line.
    """

    wall_anchor_ns: int
    market_anchor_ns: int
    speed: float

    def now_ns(self) -> int:
        """Return the market time in nanoseconds UTC."""
        elapsed_ns = max(0, wall_ns() - self.wall_anchor_ns)
        return self.market_anchor_ns + int(elapsed_ns * self.speed)

    def wait_s(self, until_ns: int) -> float:
        """Return the process seconds until a market time, 0 if it has come."""
        return max(0.0, (until_ns - self.now_ns()) / self.speed / NS)


def start_clock(market_ns: int, speed: float) -> ScaledClock:
    """Return a clock that shows `market_ns` now and runs at `speed`."""
    return ScaledClock(wall_anchor_ns=wall_ns(), market_anchor_ns=market_ns, speed=speed)


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
