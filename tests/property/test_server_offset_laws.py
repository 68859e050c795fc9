"""The server's offset: whatever ticks come when, no wrong one is ever proven."""

from hypothesis import given
from hypothesis import strategies as st

from models.market.sessions import HOUR_NS, MINUTE_NS, SECOND_NS
from runtime.terminals.server_offset import SKEW_NS, ServerTime
from runtime.terminals.server_time import fixed_zone

START_NS = 1_752_660_000 * SECOND_NS  # 2025-07-16 10:00 UTC, a Wednesday

seconds = st.integers(0, 40 * 60)
half_hours = st.integers(-24, 28)


@given(
    half_hours=half_hours,
    skew_s=st.integers(-SKEW_NS // SECOND_NS, SKEW_NS // SECOND_NS),
    waits_s=st.lists(seconds, min_size=2, max_size=20),
    ages_s=st.lists(st.lists(seconds, min_size=2, max_size=2), min_size=20, max_size=20),
)
def test_f26_what_is_proven_is_true(
    half_hours: int, skew_s: int, waits_s: list[int], ages_s: list[list[int]]
) -> None:
    """F26: our clock is wrong by up to a minute, ticks are as old as they like, looks irregular."""
    offset_ns = half_hours * HOUR_NS // 2
    time = ServerTime(fixed_zone(offset_ns))
    now_ns, made_ns = START_NS, [START_NS - HOUR_NS] * 2

    for wait_s, ages in zip(waits_s, ages_s, strict=False):
        looked_ns, now_ns = now_ns, now_ns + wait_s * SECOND_NS
        # A tick that is new at this look was made since the last one.
        made_ns = [
            now_ns - age * SECOND_NS if now_ns - age * SECOND_NS > looked_ns else made
            for made, age in zip(made_ns, ages, strict=True)
        ]
        ticks_ns = {name: made + offset_ns for name, made in zip("ab", made_ns, strict=True)}
        time.observe(ticks_ns, now_ns + skew_s * SECOND_NS)

        time.require_undoubted()


@given(half_hours=half_hours, wrong=half_hours, wait_s=st.integers(1, 20 * 60), age_s=seconds)
def test_f26_a_wrong_zone_is_doubted_at_the_second_new_tick(
    half_hours: int, wrong: int, wait_s: int, age_s: int
) -> None:
    """F26: and a right one is proven by the first."""
    offset_ns = half_hours * HOUR_NS // 2
    time = ServerTime(fixed_zone(wrong * HOUR_NS // 2))
    time.observe({"a": START_NS - 30 * MINUTE_NS + offset_ns}, START_NS)
    later_ns = START_NS

    for _ in range(2):
        looked_ns, later_ns = later_ns, later_ns + wait_s * SECOND_NS
        made_ns = max(looked_ns + 1, later_ns - age_s * SECOND_NS)
        time.observe({"a": made_ns + offset_ns}, later_ns)

    assert bool(time.doubt) == (half_hours != wrong)
    assert time.is_proven(later_ns) == (half_hours == wrong)
