"""What each reading has been worth lately, and the weight that follows: the feedback of outcomes.

Every trading day, at the first close after 17:00 New York, each component (a reading on a
timeframe) is scored on the labels that were settled by then: over the latest 24 hours, which is
shown and alarmed on, and over the latest 30 days, which sets its weight. A label is that of
`calibration.first_barrier`, and counts from the row at which its horizon ends, touched early or
not, so that quick outcomes are not over-represented.

The edge of a component is Σ u·v·(2y − 1) ÷ Σ u·abs(v), v its reading, y the label, u the label's
uniqueness among those of the component: −1 always wrong, 0 a coin, +1 always right. Its weight is

    max(floor, 1 + 10 · n ÷ (n + k) · soft(edge, 1 ÷ √n)),

n = Σ u independent outcomes, k the strength of the shrinkage, soft(e, s) the edge moved by s
towards 0, and 0 within s: what one standard error could have made keeps the prior weight of 1.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from models.market.bars import FloatArray, IntArray, bin_opens_ns
from models.market.sessions import DAY_NS, trading_day_start_ns

DAY_SPAN_NS: Final = DAY_NS
"""The shorter record."""
MONTH_SPAN_NS: Final = 30 * DAY_NS
"""The longer record; as much of it as the window holds."""
PRIOR_WEIGHT: Final = 1.0
"""Weight of a component without a record."""
EDGE_GAIN: Final = 10.0
"""Weight for a whole edge: 0.1, which is a hit rate of 55 %, would double a weight."""


class RecordTerms(NamedTuple):
    """How components are scored and weighed."""

    barrier_atr: float
    """Half-width of the barriers in average true ranges of the trading timeframe."""
    horizon_bars: int
    shrink_outcomes: float
    """Strength k of the shrinkage, in independent outcomes."""
    weight_min: float
    """Floor of a weight, >= 0."""


class ComponentRecord(NamedTuple):
    """What one component's readings came to over one span."""

    edge: float
    """−1 always wrong, 0 a coin or silence, +1 always right."""
    outcomes: float
    """Independent outcomes behind it."""


@njit(cache=True)
def _judged(values: FloatArray, labels: FloatArray) -> IntArray:
    # Rows at which something was said and judged.
    rows = np.empty(len(values), dtype=np.int64)
    count = 0
    for row in range(len(values)):
        rows[count] = row
        count += int((values[row] != 0.0) & (labels[row] == labels[row]))
    return rows[:count]


@njit(cache=True)
def _shares(rows: IntArray, ends: IntArray, newest: int) -> FloatArray:
    # Uniqueness of the labels of these rows.
    alive = np.zeros(newest + 2)
    for row in rows:
        alive[row + 1] += 1.0
        alive[ends[row] + 1] -= 1.0
    elapsed = np.zeros(len(alive))
    count = 0.0
    for bar in range(1, len(alive)):
        count += alive[bar]
        elapsed[bar] = elapsed[bar - 1] + (1.0 / count if count > 0.5 else 0.0)
    shares = np.empty(len(rows))
    for number, row in enumerate(rows):
        shares[number] = (elapsed[ends[row]] - elapsed[row]) / (ends[row] - row)
    return shares


@njit(cache=True)
def _record(
    values: FloatArray, labels: FloatArray, rows: IntArray, shares: FloatArray
) -> tuple[float, float]:
    gain, said, outcomes = 0.0, 0.0, 0.0
    for number, row in enumerate(rows):
        gain += shares[number] * values[row] * (2.0 * labels[row] - 1.0)
        said += shares[number] * abs(values[row])
        outcomes += shares[number]
    return (gain / said if said > 0.0 else 0.0), outcomes


@njit(cache=True)
def _records(said: FloatArray, places: IntArray, labels: FloatArray, ends: IntArray) -> FloatArray:
    # Edge and independent outcomes of each component. Sums start at the first row that is given,
    # so that they do not depend on what the window holds before it.
    records = np.zeros((len(places), 2))
    if not len(labels):
        return records
    newest = ends.max()
    all_rows = _judged(np.ones(len(labels)), labels)
    all_shares = _shares(all_rows, ends, newest)
    for number, place in enumerate(places):
        rows = _judged(said[place], labels)
        # Most components speak at every row, and then share alike.
        is_whole = len(rows) == len(all_rows)
        shares = all_shares if is_whole else _shares(rows, ends, newest)
        records[number] = _record(said[place], labels, rows, shares)
    return records


@njit(cache=True)
def component_weight(
    edge: float, outcomes: float, shrink_outcomes: float, weight_min: float
) -> float:
    """Return the weight of a component by its record; 1 without one. Formula: see the module."""
    if not outcomes > 0.0:
        return PRIOR_WEIGHT
    excess = max(abs(edge) - 1.0 / math.sqrt(outcomes), 0.0)
    moved = EDGE_GAIN * outcomes / (outcomes + shrink_outcomes) * excess
    return max(weight_min, PRIOR_WEIGHT + (moved if edge > 0.0 else -moved))


def first_judged(close_ns: IntArray, night: int, horizon_bars: int, span_ns: int) -> int:
    """Return the first row whose label counts at a night: see `component_records`."""
    oldest = int(np.searchsorted(close_ns, close_ns[night] - span_ns, side="right"))
    return max(oldest - horizon_bars, 0)


def component_records(
    said: FloatArray,
    places: IntArray,
    labels: FloatArray,
    ends: IntArray,
    close_ns: IntArray,
    night: int,
    horizon_bars: int,
    span_ns: int,
) -> list[ComponentRecord]:
    """Return the records of components at a night, over the labels settled within a span.

    Uses rows ≤ `night` only: a label counts where its horizon ends after `span_ns` before the
    night's close, and not after it.

    Parameters
    ----------
    said : ndarray of shape (n_readings, n_rows)
        Readings in −1..1; 0 where nothing was said.
    places : ndarray of shape (n_components,)
        Which of the readings are judged.
    labels, ends : ndarray of shape (n_rows,)
        See `calibration.first_barrier`; a row without a label is NaN.
    close_ns : ndarray of shape (n_rows,)
        Closes, increasing.
    night : int
        Row at which the record is taken.
    horizon_bars : int
        Horizon of the labels.
    span_ns : int
        Length of the span that ends with the night.
    """
    first = first_judged(close_ns, night, horizon_bars, span_ns)
    rows = slice(first, max(night - horizon_bars + 1, first))
    records = _records(said[:, rows], places, labels[rows], ends[rows] - first)
    return [ComponentRecord(edge, outcomes) for edge, outcomes in records.tolist()]


def nights(close_ns: IntArray) -> IntArray:
    """Return the rows that are the first of their trading day; row 0 begins none."""
    first_ns, last_ns = (close_ns[0], close_ns[-1]) if len(close_ns) else (0, 0)
    if trading_day_start_ns(int(first_ns) - 1) == trading_day_start_ns(int(last_ns) - 1):
        return np.empty(0, dtype=np.int64)
    days_ns = bin_opens_ns(close_ns - 1, DAY_NS)
    rows: IntArray = np.flatnonzero(np.diff(days_ns)) + 1
    return rows
