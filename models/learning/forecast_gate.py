"""The gate of forecasters: fewer losses than who serves, and than the baseline, on the same rows.

Rows of one close are one row: symbols move together. Rows follow each other faster than outcomes
do, so losses overlap and their errors are taken with as many lags as a day or an outcome has.
A mean can be carried by a single day, because QLIKE has no upper bound; what a challenger saves
must be saved without its best day too.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from models.learning.candidate import ForecastEvidence
from models.learning.loss_difference import Difference, diebold_mariano
from models.learning.verdict import (
    CONFIDENCE,
    DAY_NS,
    FORECAST_DAYS_MIN,
    LOSS_RATIO_MAX,
    MARGIN,
    Finding,
    at_least,
    at_most,
    holds,
)
from models.market.sessions import trading_day_start_ns

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GATE: Final = "forecast"
BASELINE: Final = "baseline"


class Closes(NamedTuple):
    """Mean losses of each close, oldest first, and how far outcomes reach."""

    day: IntArray
    """Number of the trading day within the record."""
    loss: FloatArray
    champion_loss: FloatArray
    baseline_loss: FloatArray
    horizon: int
    """Closes until an outcome is known, at least 1."""
    lags: int
    """Closes within a day or a horizon, whichever is longer."""


def findings(
    evidence: ForecastEvidence,
    *,
    trained_until_ns: int,
    trials: int,
    is_refresh: bool,
    level: float,
) -> Iterator[Finding]:
    """Yield what the tests of the gate find, in order.

    Parameters
    ----------
    evidence : ForecastEvidence
        Losses on the rows that nobody was trained on. NaN in a loss fails.
    trained_until_ns : int
        Last outcome that training saw.
    trials : int
        Configurations of this training. They share the attempt's level (Šidák), since the best of
        them may have been chosen on these very rows.
    is_refresh : bool
        Whether being no worse than the champion is enough.
    level : float
        What the attempt may spend.
    """
    losses = (evidence.loss, evidence.champion_loss, evidence.baseline_loss)
    rows = len(evidence.close_ns)
    is_whole = len(evidence.settled_ns) == rows and all(
        np.isfinite(each).all() and len(each) == rows for each in losses
    )
    yield holds(GATE, "losses", is_true=is_whole)
    first_ns = int(evidence.close_ns.min()) if rows else trained_until_ns - 1
    yield at_least(GATE, "purged_ns", first_ns - trained_until_ns, 0)
    closes = closes_of(evidence)
    yield at_least(GATE, "days", len(np.unique(closes.day)), FORECAST_DAYS_MIN)
    shared = 1.0 - (1.0 - level) ** (1.0 / trials)
    yield from _against_champion(closes, is_refresh, shared)
    found = difference_of(closes, closes.loss, closes.baseline_loss)
    yield at_most(BASELINE, "loss_ratio", _ratio(closes.loss, closes.baseline_loss), 1.0)
    yield at_most(BASELINE, "loss_ratio_without_best_day", without_best_day(closes), 1.0)
    yield at_most(BASELINE, "p_value", found.p_value, shared)


def _against_champion(closes: Closes, is_refresh: bool, level: float) -> Iterator[Finding]:
    found = difference_of(closes, closes.loss, closes.champion_loss)
    ratio = at_most(GATE, "loss_ratio", _ratio(closes.loss, closes.champion_loss), LOSS_RATIO_MAX)
    better = at_most(GATE, "p_value", found.p_value, level)
    if is_refresh and not (ratio.is_passed and better.is_passed):
        reach = found.mean + float(stdtrit(len(closes.loss) - 1, CONFIDENCE)) * found.error
        bound = reach / float(np.mean(closes.champion_loss))
        yield at_most(GATE, "loss_excess_bound", bound, MARGIN)
    else:
        yield ratio
        yield better


def difference_of(closes: Closes, loss: FloatArray, other: FloatArray) -> Difference:
    """Return how far one row of mean losses lies below another, and how surely."""
    return diebold_mariano(loss, other, horizon=closes.horizon, lags=closes.lags)


def _ratio(loss: FloatArray, other: FloatArray) -> float:
    return float(np.mean(loss) / np.mean(other)) if np.mean(other) > 0.0 else float("nan")


def without_best_day(closes: Closes) -> float:
    """Return the ratio to the baseline's mean loss without the day that saved most."""
    saved = np.bincount(closes.day, closes.baseline_loss - closes.loss)
    rest = closes.day != int(np.argmax(saved))
    return _ratio(closes.loss[rest], closes.baseline_loss[rest])


def closes_of(evidence: ForecastEvidence) -> Closes:
    """Return the evidence by closes: means over the symbols, oldest first."""
    times, place = np.unique(evidence.close_ns, return_inverse=True)
    counts = np.bincount(place, minlength=len(times))
    starts = np.array([trading_day_start_ns(each) for each in times.tolist()], dtype=np.int64)
    horizon_ns = int(np.median(evidence.settled_ns - evidence.close_ns))
    horizon = _closes_within(times, horizon_ns)
    return Closes(
        day=np.unique(starts, return_inverse=True)[1].astype(np.int64),
        loss=np.bincount(place, evidence.loss) / counts,
        champion_loss=np.bincount(place, evidence.champion_loss) / counts,
        baseline_loss=np.bincount(place, evidence.baseline_loss) / counts,
        horizon=horizon,
        lags=max(horizon - 1, _closes_within(times, DAY_NS)),
    )


def _closes_within(times: IntArray, span_ns: int) -> int:
    # Closes that follow one within a span, the usual number: closed markets have fewer.
    ahead = np.searchsorted(times, times + span_ns, side="right") - np.arange(len(times)) - 1
    return max(1, int(np.median(ahead)))
