"""Market time: a straight line over a clock that nobody can set."""

from collections.abc import Iterator

import pytest

from runtime.clock import installed, start_clock, wall_ns
from runtime.simulation.loop import VirtualTime

START_NS = 1_700_000_000_000_000_000
MARKET_NS = 1_600_000_000_000_000_000
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def time() -> Iterator[VirtualTime]:
    """Install clocks that the test moves."""
    time = VirtualTime(START_NS)
    with installed(time):
        yield time


def test_market_time_runs_at_its_speed(time: VirtualTime) -> None:
    """Ten seconds at sixty times the pace are ten minutes."""
    clock = start_clock(MARKET_NS, 60.0)

    time.move(10.0)

    assert clock.now_ns() - MARKET_NS == pytest.approx(600e9, abs=100)  # 10 s * 60
    assert clock.wait_s(MARKET_NS + 1200 * 10**9) == pytest.approx(10.0, abs=1e-6)


@pytest.mark.parametrize("shift_ns", [HOUR_NS, -HOUR_NS, 2_000_000_000, -300_000_000])
def test_f26_a_wall_clock_that_is_set_moves_no_market_time(
    time: VirtualTime, shift_ns: int
) -> None:
    """An hour, or a step of NTP, is no reason for a bar to come twice or a blackout to be over."""
    clock = start_clock(MARKET_NS, 1.0)
    time.move(5.0)

    time.wall_shift_ns = shift_ns

    assert wall_ns() == START_NS + 5_000_000_001 + shift_ns
    assert clock.now_ns() - MARKET_NS == pytest.approx(5e9, abs=100)


def test_on_another_machine_the_wall_clock_counts(time: VirtualTime) -> None:
    """Monotonic clocks of two machines have nothing to do with each other."""
    here = start_clock(MARKET_NS, 1.0)
    there = type(here)(
        wall_anchor_ns=here.wall_anchor_ns,
        market_anchor_ns=here.market_anchor_ns,
        speed=1.0,
        process_anchor_s=123_456.0,
        machine="somewhere else",
    )

    time.move(7.0)

    assert there.now_ns() - MARKET_NS == pytest.approx(7e9, abs=100)


def test_sources_are_given_back(time: VirtualTime) -> None:
    """Who installs a source inside another one takes only his own away."""
    with installed(VirtualTime(START_NS + HOUR_NS)):
        assert wall_ns() == START_NS + HOUR_NS
    assert wall_ns() == START_NS
