"""What a training hands to its judges: the model as files, and how it did on rows it had not seen.

Every family of models trains to this one shape, so that the gates, the store and the registry of
trials know nothing of networks, trees or policies. A family's own module turns the files back into
something that predicts; nothing in them is code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def _no_values() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration that was evaluated; all are counted, the bad ones above all."""

    parameters: str
    """Canonical JSON."""
    score: float
    """What the search ranks by, higher is better; out of sample, after costs."""
    returns: FloatArray = field(default_factory=_no_values)
    """Out-of-sample return of each period, the same periods for all trials of a search; empty for
    families that forecast and do not trade."""


@dataclass(frozen=True, slots=True)
class ForecastEvidence:
    """Losses of a forecaster on purged rows after its training end, the same rows for all."""

    close_ns: IntArray
    """Closes at which the forecasts were made, shape (n_rows,), oldest first within a symbol."""
    settled_ns: IntArray
    """When their outcomes were known, shape (n_rows,)."""
    loss: FloatArray
    """The candidate's, shape (n_rows,)."""
    baseline_loss: FloatArray
    """Of what serves where no model has earned its place: HAR, or the base rate."""
    champion_loss: FloatArray
    """Of the model that serves now; the baseline's where none does."""


@dataclass(frozen=True, slots=True)
class StrategyEvidence:
    """Returns of a strategy out of sample and after costs."""

    day_returns: FloatArray
    """Return of each trading day as a share of equity, shape (n_days,); 0 on days without trade."""
    champion_day_returns: FloatArray
    """Of what serves now, on the same days."""
    trades: int
    fold_scores: FloatArray
    """Score of each out-of-sample window, shape (n_folds,)."""
    drawdown_frac: float
    champion_drawdown_frac: float
    neighbour_scores: FloatArray
    """Scores of the cells next to the chosen one; empty where the family has no grid."""
    score: float
    """Of the chosen cell, on the scale of `neighbour_scores`."""
    paired_gains: FloatArray = field(default_factory=_no_values)
    """Score over the best rule that adapts nothing, shape (n_windows, n_seeds); empty where the
    family is not judged beside one."""


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """Classes of labelled texts, and what was said of them, in the order of the file."""

    label: IntArray
    """Shape (n_texts,)."""
    said: IntArray
    """By the candidate's recipe, fitted on the other folds."""
    baseline_said: IntArray
    """By what serves where no model has earned its place."""
    champion_said: IntArray
    """By the model that serves now, −1 on texts that it was fitted on; the baseline's where none
    serves."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model that wants to serve."""

    family: str
    """har, lstm, rf, xgboost, logistic, direction_lstm, ppo, walkforward or sentiment."""
    files: Mapping[str, bytes]
    """Name to content: safetensors, UBJ, skops or JSON, never a pickle."""
    feature_schema: tuple[str, ...]
    """Names of the input columns in their order."""
    rows: int
    """Rows that it was trained on."""
    trained_until_ns: int
    """Last outcome that training saw."""
    data_hash: str
    """SHA-256 over the input columns, 64 hex digits."""
    evidence: ForecastEvidence | StrategyEvidence | TextEvidence
    trials: tuple[Trial, ...]
    """Every configuration tried on the way, the chosen one among them."""


@dataclass(frozen=True, slots=True)
class Untrained:
    """Why there is no candidate; a result like any other, never an exception."""

    reason: str
    have: int
    need: int
