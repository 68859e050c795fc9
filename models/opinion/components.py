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
from models.market.sessions import DAY_NS

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
def _record(
    values: FloatArray, labels: FloatArray, ends: IntArray, first: int, last: int
) -> tuple[float, float]:
    # Edge and independent outcomes of one component over rows first..last − 1. Sums start at
    # `first`, so that they do not depend on what the arrays hold before it.
    if last <= first:
        return 0.0, 0.0
    newest = first
    for row in range(first, last):
        newest = max(newest, ends[row])
    alive = np.zeros(newest - first + 2)
    for row in range(first, last):
        if values[row] != 0.0 and not np.isnan(labels[row]):
            alive[row + 1 - first] += 1.0
            alive[ends[row] + 1 - first] -= 1.0
    share = np.zeros(len(alive))
    count = 0.0
    for bar in range(1, len(alive)):
        count += alive[bar]
        share[bar] = share[bar - 1] + (1.0 / count if count > 0.5 else 0.0)
    gain, said, outcomes = 0.0, 0.0, 0.0
    for row in range(first, last):
        if values[row] != 0.0 and not np.isnan(labels[row]):
            life = ends[row] - row
            unique = (share[ends[row] - first] - share[row - first]) / life
            gain += unique * values[row] * (2.0 * labels[row] - 1.0)
            said += unique * abs(values[row])
            outcomes += unique
    return (gain / said if said > 0.0 else 0.0), outcomes


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


def component_record(
    values: FloatArray,
    labels: FloatArray,
    ends: IntArray,
    close_ns: IntArray,
    night: int,
    horizon_bars: int,
    span_ns: int,
) -> ComponentRecord:
    """Return the record of one component at a night, over the labels settled within a span.

    Uses rows ≤ `night` only: a label counts where its horizon ends after `span_ns` before the
    night's close, and not after it.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Readings in −1..1; 0 where nothing was said.
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
    oldest = int(np.searchsorted(close_ns, close_ns[night] - span_ns, side="right"))
    first = max(oldest - horizon_bars, 0)
    return ComponentRecord(*_record(values, labels, ends, first, night - horizon_bars + 1))


def nights(close_ns: IntArray) -> IntArray:
    """Return the rows that are the first of their trading day; row 0 begins none."""
    if len(close_ns) < 2:
        return np.empty(0, dtype=np.int64)
    days_ns = bin_opens_ns(close_ns - 1, DAY_NS)
    rows: IntArray = np.flatnonzero(np.diff(days_ns)) + 1
    return rows
