"""Minutes made worse on purpose, worked by hand."""

import numpy as np
import pytest

from models.market.distortion import (
    CRASH_FALL_MIN,
    CRASH_KEPT,
    CRASH_RETURN_MIN,
    MINUTE_NS,
    Prices,
    Shock,
    amplified,
    crash_share,
    crashed,
    gapped,
)


def flat(minutes: int, price: float = 1.0) -> Prices:
    """Return minutes that do not move."""
    same = np.full(minutes, price)
    return Prices(np.arange(minutes) * MINUTE_NS, same, same, same, same)


def are_sound(prices: Prices) -> bool:
    """Whether every minute holds its open and close between low and high."""
    above = prices.high >= np.maximum(prices.open, prices.close)
    below = prices.low <= np.minimum(prices.open, prices.close)
    return bool((above & below).all())


def test_moves_are_multiplied_in_log() -> None:
    """With factor 2 a tenth more becomes 1.1² more; what is at the reference stays."""
    prices = flat(2)._replace(
        high=np.array([1.0, 1.1]), close=np.array([1.0, 1.1]), low=np.array([0.9, 1.0])
    )

    worse = amplified(prices, 1.0, 2.0)

    assert worse.close == pytest.approx([1.0, 1.21])
    assert worse.low == pytest.approx([0.81, 1.0])
    assert are_sound(worse)


def test_crosses_keep_agreeing() -> None:
    """EURGBP is EURUSD over GBPUSD before and after."""
    euro, pound = flat(1, 1.2), flat(1, 1.5)
    moved = [
        amplified(one, reference, 3.0).close[0] for one, reference in ((euro, 1.1), (pound, 1.4))
    ]
    cross = amplified(flat(1, 1.2 / 1.5), 1.1 / 1.4, 3.0).close[0]

    assert cross == pytest.approx(moved[0] / moved[1])


def test_a_gap_moves_everything_after_it() -> None:
    """The minute of the gap is the first on the new level, and two gaps add up."""
    gaps = [Shock(2 * MINUTE_NS + 30, 0.1), Shock(4 * MINUTE_NS, -0.3)]

    worse = gapped(flat(6), gaps)

    levels = np.exp([0.0, 0.0, 0.1, 0.1, -0.2, -0.2])
    assert worse.open == pytest.approx(levels)
    assert worse.low == pytest.approx(levels)


def test_no_gap_changes_nothing() -> None:
    """Without shocks all stays to the bit."""
    assert all((gapped(flat(3), [])[place] == flat(3)[place]).all() for place in range(5))
    assert all((crashed(flat(3), [])[place] == flat(3)[place]).all() for place in range(5))


def test_a_crash_falls_and_comes_back() -> None:
    """At the bottom the whole depth is gone, an hour later three tenths of it; the low shows it."""
    worse = crashed(flat(80), [Shock(10 * MINUTE_NS, -0.04)])

    bottom = 10 + CRASH_FALL_MIN
    assert worse.open[:11] == pytest.approx(np.ones(11))
    assert worse.close[bottom - 1] == pytest.approx(np.exp(-0.04))
    assert worse.low.min() == pytest.approx(np.exp(-0.04))
    assert worse.close[10 + CRASH_FALL_MIN + CRASH_RETURN_MIN] == pytest.approx(
        np.exp(-0.04 * CRASH_KEPT)
    )
    assert are_sound(worse)


def test_a_crash_is_the_same_in_pieces() -> None:
    """What is asked for in two parts is what is asked for at once."""
    crash = [Shock(10 * MINUTE_NS, -0.04)]
    whole = crashed(flat(30), crash)
    later = flat(15)._replace(open_ns=flat(30).open_ns[15:])

    assert (crashed(later, crash).low == whole.low[15:]).all()


def test_spreads_are_wide_while_a_crash_runs() -> None:
    """From its first minute to its last, and not before or after."""
    share = crash_share(flat(100).open_ns, [Shock(10 * MINUTE_NS, -0.04)])

    assert np.flatnonzero(share).tolist() == list(range(10, 10 + CRASH_FALL_MIN + CRASH_RETURN_MIN))
