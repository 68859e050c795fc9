"""Laws of validation: what is sound passes unchanged, and each defect is caught wherever it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.market.bars import BAR_DTYPE, BarArray, empty_bars
from models.market.grid import bar_numbers
from models.market.sessions import MINUTE_NS, SECOND_NS, next_bar_close_ns
from models.market.validation import Defect, Validation, validate_bars

M15_NS = 15 * MINUTE_NS
START_NS = 1_741_168_800 * SECOND_NS  # Wednesday 2025-03-05 10:00 UTC
FAR_NS = START_NS + 400 * 24 * 60 * MINUTE_NS


@st.composite
def sound_deliveries(draw: st.DrawFn) -> BarArray:
    """Draw bars of a calm market from any moment of two weeks on, with gaps and a weekend."""
    steps = draw(st.lists(st.integers(-20, 20), min_size=2, max_size=60))
    close_ns = START_NS + draw(st.integers(0, 1000)) * M15_NS
    bars = np.zeros(len(steps), dtype=BAR_DTYPE)
    close = 1.1
    for row, step in enumerate(steps):
        for _ in range(draw(st.integers(1, 3))):
            close_ns = next_bar_close_ns(close_ns, M15_NS)
        before, close = close, close + step * 1e-5
        high, low = max(before, close) + 2e-5, min(before, close) - 2e-5
        bars[row] = (close_ns, before, high, low, close, 10, 8)
    return bars


def validate(bars: BarArray, known: BarArray | None = None) -> Validation:
    """Validate with everything closed by now."""
    return validate_bars(
        bars,
        empty_bars() if known is None else known,
        now_ns=FAR_NS,
        length_ns=M15_NS,
        jump_atr_max=40.0,
    )


@given(sound_deliveries())
def test_what_is_sound_passes_unchanged(bars: BarArray) -> None:
    """No sound bar is lost, and exactly the missing closes are counted."""
    outcome = validate(bars)

    numbers = bar_numbers(bars["close_ns"], M15_NS)
    assert np.array_equal(outcome.kept, bars)
    assert outcome.rejections == ()
    assert outcome.missing_bars == numbers[-1] - numbers[0] + 1 - len(bars)


@given(sound_deliveries(), st.data())
def test_each_defect_is_caught_wherever_it_is(bars: BarArray, data: st.DataObject) -> None:
    """A bar that is broken in any way at any place never passes; the others do."""
    row = data.draw(st.integers(1, len(bars) - 1))
    breakage = data.draw(st.sampled_from(sorted(BREAKAGES)))
    broken = bars.copy()
    BREAKAGES[breakage](broken, row)

    outcome = validate(broken)

    assert [each.reason for each in outcome.rejections] == [Defect(breakage)]
    assert np.array_equal(outcome.kept, np.delete(bars, row))


@given(sound_deliveries(), st.integers(0, 59))
def test_cutting_a_delivery_in_two_changes_nothing(bars: BarArray, cut: int) -> None:
    """What passed is known to the next delivery, wherever the border between them is."""
    first = validate(bars[:cut]).kept
    second = validate(bars[cut:], known=first)

    assert np.array_equal(np.concatenate((first, second.kept)), bars)


@given(sound_deliveries(), st.data())
def test_whatever_comes_what_passes_is_in_order(bars: BarArray, data: st.DataObject) -> None:
    """A shuffled delivery with every bar twice yields increasing closes and accounts for all."""
    order = data.draw(st.permutations(list(range(len(bars))) * 2))

    outcome = validate(bars[order])

    assert (np.diff(outcome.kept["close_ns"]) > 0).all()
    assert len(outcome.kept) + len(outcome.rejections) == 2 * len(bars)


def _break_price(bars: BarArray, row: int) -> None:
    bars["low"][row] = np.nan


def _break_range(bars: BarArray, row: int) -> None:
    bars["high"][row] = bars["low"][row] - 1e-5


def _break_volume(bars: BarArray, row: int) -> None:
    bars["tick_volume"][row] = -5


def _break_grid(bars: BarArray, row: int) -> None:
    bars["close_ns"][row] += MINUTE_NS


def _break_future(bars: BarArray, row: int) -> None:
    bars["close_ns"][row] = FAR_NS + M15_NS


def _break_duplicate(bars: BarArray, row: int) -> None:
    bars["close_ns"][row] = bars["close_ns"][row - 1]


def _break_jump(bars: BarArray, row: int) -> None:
    bars["high"][row] *= 1.5


def _break_scale(bars: BarArray, row: int) -> None:
    bars["high"][row] *= 100.0


BREAKAGES = {
    "price": _break_price,
    "range": _break_range,
    "volume": _break_volume,
    "off_grid": _break_grid,
    "forming": _break_future,
    "duplicate": _break_duplicate,
    "jump": _break_jump,
    "off_scale": _break_scale,
}


@given(sound_deliveries(), st.data())
def test_a_bar_alone_is_judged_as_beside_an_unsound_one(
    known: BarArray, data: st.DataObject
) -> None:
    """The short way for a single bar and the way for many come to the same verdict."""
    last = known[-1]
    bar = known[-1:].copy()
    bar["close_ns"] = last["close_ns"] + data.draw(st.sampled_from([M15_NS, 2 * M15_NS, 0, 7]))
    scale = data.draw(st.sampled_from([1.0, 1.01, 0.97, 2.999, 3.001, 0.33, 0.34]))
    for name in ("open", "high", "low", "close"):
        bar[name] *= scale
    if data.draw(st.booleans()):
        breakage = data.draw(st.sampled_from(sorted(BREAKAGES)))
        BREAKAGES[breakage](bar, 0)
    unsound = bar.copy()
    unsound["open"] = np.nan

    alone = validate(bar, known)
    beside = validate(np.concatenate((unsound, bar)), known)

    assert np.array_equal(alone.kept, beside.kept)
    assert alone.rejections == beside.rejections[len(beside.rejections) - len(alone.rejections) :]
    assert len(beside.rejections) == 1 + len(alone.rejections)
    assert alone.missing_bars == beside.missing_bars
