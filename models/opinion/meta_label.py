"""At which closes the rules point to a side, and whether that side was right: meta-labels.

The rules give the side, a model the chance that the side's barrier is touched first (López de
Prado, Advances in Financial Machine Learning, 3.6). Rows are sampled where the rules begin to
point, not at every bar, so that labels overlap less and each counts for more.

The rules point by one score without memory of their records, so that a long training and a short
window of a running week say the same: on every timeframe that is warm g·(mean trend reading) +
(1 − g)·(mean reversion reading), g the trendiness there, and the mean of these over timeframes.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from models.market.bars import FloatArray, IntArray
from models.market.sessions import DAY_NS
from models.opinion.calibration import first_barrier, uniqueness
from models.opinion.readings import READING_COUNT, TREND_NAMES, TRENDINESS, WARM

HALF_LIFE_NS: Final = 365 * DAY_NS
"""Age at which a label counts half."""
_TREND_COUNT: Final = len(TREND_NAMES)


@njit(cache=True)
def ensemble_scores(said: FloatArray) -> FloatArray:
    """Return where all rules together point, shape (n_rows,), in −1..1; positive for up.

    NaN where a timeframe has not finished its warm-up. Row t uses the readings of row t.

    Parameters
    ----------
    said : ndarray of shape (n_timeframes, ROW_SIZE, n_rows)
        Readings, see `readings.read_row`.
    """
    frames, _, rows = said.shape
    scores = np.full(rows, np.nan)
    for row in range(rows):
        total = 0.0
        for frame in range(frames):
            if said[frame, WARM, row] == 0.0:
                total = np.nan
            trend, reversion = 0.0, 0.0
            for place in range(_TREND_COUNT):
                trend += said[frame, place, row]
            for place in range(_TREND_COUNT, READING_COUNT):
                reversion += said[frame, place, row]
            trust = said[frame, TRENDINESS, row]
            total += trust * trend / _TREND_COUNT
            total += (1.0 - trust) * reversion / (READING_COUNT - _TREND_COUNT)
        scores[row] = total / frames
    return scores


@njit(cache=True)
def signal_sides(scores: FloatArray, signal_min: float) -> FloatArray:
    """Return the side of each row at which the rules begin to point, shape (n_rows,).

    +1 or −1 where a score reaches `signal_min` in size and the row before did not point to the
    same side; 0 elsewhere, in the warm-up, and at row 0. Row t uses the scores of t and t − 1.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        See `ensemble_scores`.
    signal_min : float
        Size that counts as pointing, > 0.
    """
    sides = np.zeros(len(scores))
    pointed = 0.0
    for row in range(len(scores)):
        side = 0.0
        if abs(scores[row]) >= signal_min:  # false for NaN
            side = 1.0 if scores[row] > 0.0 else -1.0
        if row and side != pointed:
            sides[row] = side
        pointed = side
    return sides


class MetaLabels(NamedTuple):
    """What became of signals; arrays of shape (n_labels,), oldest first."""

    rows: IntArray
    ends: IntArray
    """Row of the bar that decided each."""
    target_first: FloatArray
    """1 where the barrier on the side of the rules was touched first, else 0."""
    weights: FloatArray
    """Mean share over the label's life that it does not have in common with others, in (0, 1]."""


def meta_labels(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    rows: IntArray,
    sides: FloatArray,
    distance: FloatArray,
    horizon: int,
) -> MetaLabels:
    """Return the labels of the signals that can be judged; looks ahead by design.

    Parameters
    ----------
    high, low, close : ndarray of shape (n_bars,)
        Bars of one symbol, oldest first, in quote currency.
    rows, sides : ndarray of shape (n_signals,)
        Rows of the signals, and +1 or −1 for each.
    distance : ndarray of shape (n_signals,)
        Half-width of the barriers, in quote currency; NaN leaves a signal unlabelled.
    horizon : int
        Bars that decide; see `calibration.first_barrier`. A signal whose deciding close equals its
        own says nothing and is left out.
    """
    is_up, ends = first_barrier(high, low, close, rows, distance, horizon)
    is_judged = np.isfinite(is_up) & (is_up != 0.5)
    rows, ends, is_up = rows[is_judged], ends[is_judged], is_up[is_judged]
    is_right = (is_up == 1.0) == (sides[is_judged] > 0.0)
    return MetaLabels(rows, ends, is_right.astype(np.float64), uniqueness(rows, ends))


def time_decay(close_ns: IntArray) -> FloatArray:
    """Return ½ to the age of each row in half-lives, 1 for the newest, shape (n_rows,)."""
    if not len(close_ns):
        return np.empty(0)
    decay: FloatArray = np.exp2((close_ns - close_ns.max()) / HALF_LIFE_NS)
    return decay
