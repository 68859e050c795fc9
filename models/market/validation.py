"""What a source delivers, held against what is already known: nothing unsound gets past here.

A bar passes or is rejected with a typed reason. Passing depends on the delivery and the known bars
alone, so an interrupted reading that is repeated gives the same answer. Nothing is repaired: a
rejected bar leaves a gap, and a gap is counted.
"""

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.market.bars import BAR_DTYPE, BarArray
from models.market.grid import bar_numbers, market_opens_ns, weekdays
from models.market.sessions import (
    DAY_NS,
    TRADING_WEEK_DAYS,
    market_clock_ns,
    weekday,
)

ATR_BARS: Final = 14
"""True ranges behind the average that jumps are measured in."""
CONTEXT_BARS: Final = ATR_BARS + 1
"""Known bars that a validation looks at; earlier ones change nothing."""
ATR_FLOOR_FRAC: Final = 2e-4
"""Least average true range as a share of the price: after a dead night any move looks wild."""
CONFIRMING_BARS: Final = 2
"""Bars that must follow at a new level before a jump to it counts as real."""
SCALE_FACTOR_MAX: Final = 3.0
"""Factor from the median close beyond which a price belongs to something else."""
COUNT_MAX: Final = 2**31
"""Largest believable tick volume or spread."""
PRECHECK_SLACK: Final = 1.0 - 1e-9
"""Sums and differences are rounded; a check before another never finds fewer."""


class Defect(StrEnum):
    """Why a bar is rejected; a bar with several defects has the first."""

    PRICE = "price"
    """Not finite, or not above zero."""
    RANGE = "range"
    """Open or close outside of low and high."""
    VOLUME = "volume"
    """Tick volume or spread below zero, or absurd."""
    FORMING = "forming"
    """Not closed yet."""
    OFF_GRID = "off_grid"
    """The close is no close of the timeframe."""
    CLOSED_MARKET = "closed_market"
    """In the weekend."""
    KNOWN = "known"
    """Not after the last known bar: history is never revised."""
    DUPLICATE = "duplicate"
    """The close was delivered before."""
    DISORDER = "disorder"
    """An earlier place in the delivery holds a later close."""
    OFF_SCALE = "off_scale"
    """A multiple or a fraction of what the symbol costs."""
    JUMP = "jump"
    """Too far from the close before, and no later bar confirms the new level."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One bar that did not pass."""

    reason: Defect
    close_ns: int


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome for one delivery."""

    kept: BarArray
    """Bars that passed, strictly increasing."""
    rejections: tuple[Rejection, ...]
    """In the order of delivery."""
    missing_bars: int
    """Closes of an open market between the known and the kept bars for which there is no bar."""

    @property
    def faults(self) -> tuple[Rejection, ...]:
        """Rejections that speak against the source; a bar delivered again does not."""
        return tuple(each for each in self.rejections if each.reason is not Defect.KNOWN)

    @property
    def summary(self) -> str:
        """The faults in words, such as ``rejected: duplicate 1, jump 2``; empty if none."""
        counts = Counter(each.reason.value for each in self.faults)
        listed = ", ".join(f"{reason} {counts[reason]}" for reason in sorted(counts))
        return f"rejected: {listed}" if listed else ""


def validate_bars(
    bars: BarArray, known: BarArray, *, now_ns: int, length_ns: int, jump_atr_max: float
) -> Validation:
    """Split a delivery into bars that pass and typed rejections.

    Parameters
    ----------
    bars : BarArray
        What the source delivered, in its order; NaN and any other nonsense allowed.
    known : BarArray
        Bars of the symbol that passed before, oldest first; the last `CONTEXT_BARS` count.
    now_ns : int
        Bars that close later are still forming.
    length_ns : int
        Length of a bar.
    jump_atr_max : float
        Largest distance of a bar's extremes from the close before, in average true ranges.

    Returns
    -------
    Validation
        A jump passes once `CONFIRMING_BARS` later bars of the delivery stay at its level, so a
        real shift is accepted late and a spike never. The first bar ever has nothing before it
        and is held against the median of the delivery only.

    Raises
    ------
    ValueError
        If an array is not of `BAR_DTYPE`.
    """
    for name, array in (("bars", bars), ("known", known)):
        if array.dtype != BAR_DTYPE:
            raise ValueError(f"dtype of {name} must be BAR_DTYPE, was {array.dtype}")
    known = known[-CONTEXT_BARS:]
    # Nearly every delivery is one sound bar after the known ones, asked at every close.
    if len(bars) == 1 and len(known) and _is_plainly_next(bars, known, now_ns, length_ns):
        before = known["close"][-1]
        reach = max(abs(bars["high"][0] - before), abs(bars["low"][0] - before))
        if reach <= jump_atr_max * average_range(known) * PRECHECK_SLACK:
            return Validation(bars, (), missing_bars=0)
    verdicts = _Verdicts(len(bars))
    _judge_values(bars, verdicts)
    _judge_times(bars["close_ns"], verdicts, now_ns, length_ns)
    _judge_order(bars["close_ns"], verdicts, int(known["close_ns"][-1]) if len(known) else 0)
    _judge_scale(bars, known, verdicts)
    _judge_jumps(bars, known, verdicts, jump_atr_max)
    kept = bars[verdicts.is_sound]
    return Validation(kept, verdicts.rejections(bars), _missing_bars(known, kept, length_ns))


def _is_plainly_next(bars: BarArray, known: BarArray, now_ns: int, length_ns: int) -> bool:
    """Whether a bar follows the known ones without a gap, and no rule but the jump's can fail."""
    close_ns, opened, high, low, closed, volume, spread_points = bars.item()
    if not DAY_NS <= close_ns <= now_ns or close_ns - int(known["close_ns"][-1]) != length_ns:
        return False
    market_ns = market_clock_ns(close_ns - length_ns)
    if market_ns % length_ns or weekday(close_ns - length_ns) >= TRADING_WEEK_DAYS:
        return False
    has_shape = 0.0 < low <= min(opened, closed) and max(opened, closed) <= high < math.inf
    has_counts = 0 <= volume < COUNT_MAX and 0 <= spread_points < COUNT_MAX
    # The median lies between the least and the greatest close.
    closes = known["close"].tolist()
    has_scale = high <= min(closes) * SCALE_FACTOR_MAX and low >= max(closes) / SCALE_FACTOR_MAX
    return has_shape and has_counts and has_scale


class _Verdicts:
    """The first defect found for each bar of a delivery."""

    def __init__(self, count: int) -> None:
        self._codes = np.zeros(count, dtype=np.int8)

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        return np.equal(self._codes, 0)

    @property
    def sound_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.is_sound)

    def reject(self, defect: Defect, rows: NDArray[np.bool_] | NDArray[np.intp]) -> None:
        fresh = np.zeros(len(self._codes), dtype=np.bool_)
        fresh[rows] = True
        self._codes[fresh & self.is_sound] = 1 + _DEFECTS.index(defect)

    def rejections(self, bars: BarArray) -> tuple[Rejection, ...]:
        return tuple(
            Rejection(_DEFECTS[self._codes[row] - 1], int(bars["close_ns"][row]))
            for row in np.flatnonzero(self._codes)
        )


_DEFECTS: Final = tuple(Defect)


def _judge_values(bars: BarArray, verdicts: _Verdicts) -> None:
    prices = np.stack([bars[name] for name in ("open", "high", "low", "close")])  # (price, bar)
    verdicts.reject(Defect.PRICE, ~(np.isfinite(prices) & (prices > 0.0)).all(axis=0))
    body_high = np.maximum(bars["open"], bars["close"])
    body_low = np.minimum(bars["open"], bars["close"])
    verdicts.reject(Defect.RANGE, ~((bars["low"] <= body_low) & (body_high <= bars["high"])))
    for name in ("tick_volume", "spread_points"):
        verdicts.reject(Defect.VOLUME, (bars[name] < 0) | (bars[name] >= COUNT_MAX))


def _judge_times(
    close_ns: NDArray[np.int64], verdicts: _Verdicts, now_ns: int, length_ns: int
) -> None:
    verdicts.reject(Defect.FORMING, close_ns > now_ns)
    verdicts.reject(Defect.OFF_GRID, close_ns < DAY_NS)  # before any calendar that can be computed
    rows = verdicts.sound_rows
    market_ns = market_opens_ns(close_ns[rows], length_ns)
    verdicts.reject(Defect.OFF_GRID, rows[market_ns % length_ns != 0])
    verdicts.reject(Defect.CLOSED_MARKET, rows[weekdays(market_ns) >= TRADING_WEEK_DAYS])


def _judge_order(close_ns: NDArray[np.int64], verdicts: _Verdicts, known_ns: int) -> None:
    rows = verdicts.sound_rows
    verdicts.reject(Defect.KNOWN, rows[close_ns[rows] <= known_ns])
    rows = verdicts.sound_rows
    _, first_places = np.unique(close_ns[rows], return_index=True)
    verdicts.reject(Defect.DUPLICATE, np.delete(rows, first_places))
    rows = verdicts.sound_rows
    is_late = close_ns[rows] < np.maximum.accumulate(close_ns[rows])
    verdicts.reject(Defect.DISORDER, rows[is_late])


def _judge_scale(bars: BarArray, known: BarArray, verdicts: _Verdicts) -> None:
    rows = verdicts.sound_rows
    reference = known["close"] if len(known) else bars["close"][rows]
    if len(reference):
        median = float(np.median(reference))
        is_high = bars["high"][rows] > median * SCALE_FACTOR_MAX
        is_low = bars["low"][rows] < median / SCALE_FACTOR_MAX
        verdicts.reject(Defect.OFF_SCALE, rows[is_high | is_low])


def _judge_jumps(bars: BarArray, known: BarArray, verdicts: _Verdicts, jump_atr_max: float) -> None:
    rows = verdicts.sound_rows
    joined = np.concatenate((known, bars[rows]))
    if _may_jump(joined, len(known), jump_atr_max):
        verdicts.reject(Defect.JUMP, rows[_jumps(joined, len(known), jump_atr_max)])


def _may_jump(bars: BarArray, known_count: int, jump_atr_max: float) -> bool:
    """Whether any bar would jump if all before it passed; if not, all do pass."""
    if len(bars) < 2:
        return False
    ranges = true_ranges(bars)
    sums = np.concatenate((np.zeros(1), np.cumsum(ranges)))
    ends = np.arange(1, len(bars))
    starts = np.maximum(ends - ATR_BARS, 0)
    before = bars["close"][:-1]
    atr = np.maximum((sums[ends] - sums[starts]) / (ends - starts), before * ATR_FLOOR_FRAC)
    reach = np.maximum(np.abs(bars["high"][1:] - before), np.abs(bars["low"][1:] - before))
    is_far = reach > jump_atr_max * atr * PRECHECK_SLACK
    return bool(is_far[max(known_count - 1, 0) :].any())


def _jumps(bars: BarArray, known_count: int, jump_atr_max: float) -> NDArray[np.bool_]:
    """Return for each bar after the known ones whether it jumps, judged one after the other.

    A rejected bar is no reference for the next one, which is why this is a loop; it runs only
    where `_may_jump` says so.
    """
    high, low, close = (bars[name].tolist() for name in ("high", "low", "close"))
    ranges: list[float] = true_ranges(bars[: max(known_count, 1)]).tolist()
    before = close[max(known_count, 1) - 1]
    rejected = np.zeros(len(bars) - known_count, dtype=np.bool_)
    for row in range(max(known_count, 1), len(bars)):
        atr = max(math.fsum(ranges[-ATR_BARS:]) / len(ranges[-ATR_BARS:]), before * ATR_FLOOR_FRAC)
        limit = jump_atr_max * atr
        reach = max(abs(high[row] - before), abs(low[row] - before))
        if reach > limit and not _is_confirmed(high, low, close, row, before, limit):
            rejected[row - known_count] = True
            continue
        ranges.append(max(high[row], before) - min(low[row], before))
        before = close[row]
    return rejected


def _is_confirmed(
    high: list[float], low: list[float], close: list[float], row: int, before: float, limit: float
) -> bool:
    """Whether a bar went from one level to another and the market stayed there.

    A wick far beyond both levels is a spike, whatever follows.
    """
    level = close[row]
    following = range(row + 1, row + 1 + CONFIRMING_BARS)
    if following.stop > len(close) or abs(level - before) <= limit:
        return False
    is_spike = high[row] > max(before, level) + limit or low[row] < min(before, level) - limit
    stays = all(high[i] <= level + limit and low[i] >= level - limit for i in following)
    return stays and not is_spike


def true_ranges(bars: BarArray) -> NDArray[np.float64]:
    """Return the true range of each bar; the first has no close before it and takes high − low.

    Row t uses bars t − 1 and t.
    """
    before = np.concatenate((bars["open"][:1], bars["close"][:-1]))
    ranges: NDArray[np.float64] = np.maximum(bars["high"], before) - np.minimum(bars["low"], before)
    return ranges


def average_range(known: BarArray) -> float:
    """Return the average true range after known bars, at least `ATR_FLOOR_FRAC` of the price."""
    ranges: list[float] = true_ranges(known)[-ATR_BARS:].tolist()
    return max(math.fsum(ranges) / len(ranges), float(known["close"][-1]) * ATR_FLOOR_FRAC)


def _missing_bars(known: BarArray, kept: BarArray, length_ns: int) -> int:
    closes_ns = np.concatenate((known["close_ns"][-1:], kept["close_ns"]))
    if len(closes_ns) < 2:
        return 0
    numbers = bar_numbers(closes_ns, length_ns)
    return int(numbers[-1] - numbers[0]) - (len(numbers) - 1)
