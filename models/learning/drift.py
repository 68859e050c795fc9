"""Has the market, or what a model makes of it, changed? ADWIN on losses, PSI on features.

A stream of losses is watched by ADWIN (Bifet, Gavaldà, "Learning from time-changing data with
adaptive windowing", 2007), on the logarithm, which tames the long tail that losses have. Outcomes
that overlap share bars and would look like drift, so of those only the first is taken. A feature is
watched by its population stability index against the training rows, held to a critical value that
knows how many rows stand behind it (Yurdakul, Naranjo, "Statistical properties of the population
stability index", 2020). Both only ask for a retraining; the gates decide what becomes of it.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import chdtri

from models.market.bars import FloatArray, IntArray

LOSS_FLOOR: Final = 1e-3
"""Added to a loss before its logarithm: a loss of 0 happens, and is only a good forecast."""
PSI_BINS: Final = 10
"""Reference deciles."""
PSI_LEVEL: Final = 0.01
"""Chance that a feature that has not changed exceeds the critical value."""
PSI_WARNING: Final = 3.0
"""Multiple of the critical value that counts as moved: rows of neighbouring bars are dependent."""
PSI_SHARE_MIN: Final = 0.2
"""Share of the features that must have moved before anybody is warned."""


class LossAlarm(NamedTuple):
    """The losses of a stream have changed at an outcome."""

    settled_ns: int
    """When the outcome that gave the alarm was known."""
    before: float
    """Mean log loss of the window before."""
    after: float
    """Mean log loss of the part that ADWIN kept."""
    outcomes: int
    """Outcomes in that part."""

    @property
    def is_worse(self) -> bool:
        """Whether losses rose; a fall is told too, and asks for nothing."""
        return self.after > self.before


class LossStream:
    """The losses of one model in the order in which its outcomes settled.

    A fold without randomness: the same outcomes give the same alarms, so a rebuilt reader has the
    alarms that the first one had. Memory grows with the logarithm of the stream. Without the
    package river there are no alarms.

    Parameters
    ----------
    delta : float
        ADWIN's confidence, in (0, 1): smaller raises fewer alarms.
    """

    def __init__(self, delta: float = 0.002) -> None:
        try:
            from river.drift import ADWIN
        except ModuleNotFoundError:
            self._window: Any = None
        else:
            self._window = ADWIN(delta=delta)  # type: ignore[no-untyped-call]
        self._settled_ns = 0

    def add(self, close_ns: int, settled_ns: int, loss: float) -> LossAlarm | None:
        """Take one outcome; return the alarm that it gives, if any.

        An outcome whose forecast was made before the last one taken had settled is left out. Where
        several symbols are forecast at a close, give their mean loss: they move together.

        Parameters
        ----------
        close_ns, settled_ns : int
            Close of the forecast, and of the bar that settled it.
        loss : float
            Loss, >= 0; one that is not finite is left out.
        """
        if self._window is None or close_ns < self._settled_ns or not math.isfinite(loss):
            return None
        self._settled_ns = settled_ns
        before = float(self._window.estimation)
        self._window.update(math.log(loss + LOSS_FLOOR))
        if not self._window.drift_detected:
            return None
        after, outcomes = float(self._window.estimation), int(self._window.width)
        return LossAlarm(settled_ns, before, after, outcomes)


class RenewedStream:
    """A stream that depends on no loss older than its memory, and on those of half of it at least.

    Two streams are begun half a memory apart. The older one tells, until a new one is begun.

    Parameters
    ----------
    memory_ns : int
        Market time, > 1.
    """

    def __init__(self, memory_ns: int) -> None:
        self._half_ns = memory_ns // 2
        self._half = -1
        self._older = self._younger = LossStream()

    def add(self, close_ns: int, settled_ns: int, loss: float) -> LossAlarm | None:
        """Take one outcome, see `LossStream.add`."""
        half = settled_ns // self._half_ns
        if half != self._half:
            is_next = half == self._half + 1
            self._older = self._younger if is_next else LossStream()
            self._younger = LossStream()
            self._half = half
        self._younger.add(close_ns, settled_ns, loss)
        return self._older.add(close_ns, settled_ns, loss)


def loss_alarms(
    close_ns: IntArray, settled_ns: IntArray, loss: FloatArray, delta: float = 0.002
) -> tuple[LossAlarm, ...]:
    """Return the alarms of a whole stream; see `LossStream`.

    Parameters
    ----------
    close_ns, settled_ns : ndarray of shape (n_outcomes,), int64
        In the order of `close_ns`.
    loss : ndarray of shape (n_outcomes,), float64
        Loss of each outcome.
    delta : float
        ADWIN's confidence.
    """
    stream = LossStream(delta)
    told = (
        stream.add(*outcome)
        for outcome in zip(close_ns.tolist(), settled_ns.tolist(), loss.tolist(), strict=True)
    )
    return tuple(alarm for alarm in told if alarm is not None)


class Reference(NamedTuple):
    """What one feature looked like in training: deciles, and how the rows fell between them."""

    edges: tuple[float, ...]
    """Inner edges, increasing; fewer where the feature has few values."""
    shares: tuple[float, ...]
    """Share of the training rows in each bin, one more than edges; they sum to 1."""
    rows: int
    """Training rows."""


class FeatureDrift(NamedTuple):
    """How far one feature has moved from its training rows."""

    psi: float
    threshold: float
    """Above it the feature counts as moved."""
    rows: int

    @property
    def is_moved(self) -> bool:
        """Whether the index is beyond what chance makes."""
        return self.psi > self.threshold


def reference_of(values: FloatArray) -> Reference:
    """Return the reference of one feature; NaN rows are left out.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        The feature over the training rows.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Reference((), (1.0,), 0)
    steps = np.arange(1, PSI_BINS) / PSI_BINS
    edges = np.unique(np.quantile(finite, steps))
    counts = _counts(finite, edges)
    is_kept = np.append(counts[:-1] > 0, True)
    edges = edges[is_kept[:-1]]
    if len(edges) and not _counts(finite, edges)[-1]:
        edges = edges[:-1]  # the last decile is the maximum itself: nothing lies beyond it
    shares = _counts(finite, edges) / len(finite)
    return Reference(tuple(edges.tolist()), tuple(shares.tolist()), len(finite))


def reference_from(plain: Mapping[str, Any]) -> Reference:
    """Return a reference from its fields; ValueError if they are none, or not finite."""
    edges, shares = tuple(map(float, plain["edges"])), tuple(map(float, plain["shares"]))
    if len(shares) != len(edges) + 1 or not np.isfinite((*edges, *shares)).all():
        raise ValueError("a reference must hold finite edges, and one share more")
    return Reference(edges, shares, int(plain["rows"]))


def feature_drift(reference: Reference, values: FloatArray) -> FeatureDrift:
    """Return a feature's population stability index, and the threshold that it is held to.

    PSI = Σ (c − p) ln(c / p) over the bins, p the share of the reference and c of the rows, an
    empty bin counted as half a row. The critical value is (1/n + 1/m)·χ²(bins − 1, 1 − level).

    Parameters
    ----------
    reference : Reference
        Of the training rows.
    values : ndarray of shape (n_rows,)
        The feature lately; NaN rows are left out. Deseasonalise it first, or the mix of hours
        counts as drift.
    """
    finite = values[np.isfinite(values)]
    bins, rows = len(reference.shares), len(finite)
    if bins < 2 or not rows:
        return FeatureDrift(0.0, math.inf, rows)
    share = np.array(reference.shares)
    counts = np.maximum(_counts(finite, np.array(reference.edges)), 0.5)
    now = counts / counts.sum()
    psi = float(((now - share) * np.log(now / share)).sum())
    return FeatureDrift(psi, PSI_WARNING * critical_psi(reference.rows, rows, bins), rows)


def critical_psi(reference_rows: int, rows: int, bins: int = PSI_BINS) -> float:
    """Return the index that unchanged rows exceed with a chance of `PSI_LEVEL`.

    >>> round(critical_psi(5_000, 500), 3)
    0.048
    """
    return float((1.0 / reference_rows + 1.0 / rows) * chdtri(bins - 1, PSI_LEVEL))


def moved_share(drifts: tuple[FeatureDrift, ...]) -> float:
    """Return the share of features that have moved; warn from `PSI_SHARE_MIN` on."""
    return sum(each.is_moved for each in drifts) / len(drifts) if drifts else 0.0


def _counts(values: FloatArray, edges: FloatArray) -> FloatArray:
    places = np.searchsorted(edges, values, side="left")  # an edge belongs to the bin below it
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
