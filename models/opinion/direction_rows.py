"""The rows that direction models learn from and are judged on: signals of all symbols, pooled.

One row is a close at which the rules of a symbol begin to point to a side, what the market looked
like from that side, and, in a training, whether the side's barrier was touched first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.market.bars import BarArray, FloatArray, IntArray
from models.opinion.components import RecordTerms
from models.opinion.direction_features import (
    CHANNELS,
    SEQUENCE_BARS,
    direction_features,
    direction_sequences,
    feature_names,
)
from models.opinion.meta_label import ensemble_scores, meta_labels, signal_sides
from models.opinion.rules import RuleSettings
from models.opinion.signals import RuleWindow

_CONTEXT_BARS: Final = 256
"""Bars before the first row that its features may read; more than any of them does."""


@dataclass(frozen=True, slots=True)
class DirectionTerms:
    """What a signal is, and what becomes of it."""

    rules: RuleSettings
    """Timeframes, indicators, barriers and horizon of the votes."""
    signal_min: float
    """Size of the rules' score that counts as pointing to a side, in (0, 1)."""
    rows_min: int
    """Judged signals that a training needs."""
    leak_auc_max: float
    """AUC out of sample beyond which the data must have leaked, in (0.5, 1]."""

    @property
    def schema(self) -> tuple[str, ...]:
        """Names of the features, and the terms without which they would mean something else."""
        rules = self.rules
        names = feature_names(tuple(name for name, _ in rules.timeframes))
        stamp = f"signal_min={self.signal_min} barrier_atr={rules.barrier_atr}"
        return (*names, f"{stamp} horizon_bars={rules.horizon_bars} {rules.periods}")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model may look at; the same rows in each."""

    symbols: tuple[str, ...]
    """Symbol of each row."""
    features: FloatArray
    """Shape (n_rows, n_features)."""
    sequences: FloatArray
    """Shape (n_rows, SEQUENCE_BARS, channels)."""

    def take(self, rows: IntArray) -> "Inputs":
        """Return some rows."""
        symbols = tuple(self.symbols[row] for row in rows.tolist())
        return Inputs(symbols, self.features[rows], self.sequences[rows])


@dataclass(frozen=True, slots=True)
class DirectionRows:
    """Judged signals, ordered by close, then symbol."""

    inputs: Inputs
    close_ns: IntArray
    settled_ns: IntArray
    """Close of the bar that decided each."""
    target_first: FloatArray
    """1 where the side of the rules was right, else 0."""
    weight: FloatArray
    """Uniqueness of each label among those of its symbol, in (0, 1]."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.close_ns)

    def take(self, rows: IntArray) -> "DirectionRows":
        """Return some rows."""
        return DirectionRows(
            self.inputs.take(rows),
            self.close_ns[rows],
            self.settled_ns[rows],
            self.target_first[rows],
            self.weight[rows],
        )


def inputs_of(
    window: RuleWindow, symbol: str, length_ns: int, rows: IntArray, sides: FloatArray
) -> Inputs:
    """Return what models look at in some rows of a symbol's window, from the sides given.

    Row t uses bars ≤ t. A row that is too early has NaN features.
    """
    bars = window.window
    first = max(int(rows.min()) - _CONTEXT_BARS, 0) if len(rows) else 0
    span = slice(first, len(bars))
    said = window.said(span)
    scores = ensemble_scores(said)
    prices = (bars.high[span], bars.low[span], bars.close[span])
    closes_ns = bars.close_ns[span]
    places = rows - first
    features = direction_features(prices, closes_ns, length_ns, said, scores, places, sides)
    sequences = direction_sequences(prices, closes_ns, length_ns, scores, places, sides)
    return Inputs((symbol,) * len(rows), features, sequences)


def direction_rows(
    bars: Mapping[str, BarArray], length_ns: int, terms: DirectionTerms
) -> DirectionRows:
    """Return the judged signals of all symbols; looks ahead in the labels, by design.

    Parameters
    ----------
    bars : mapping of str to BarArray
        Closed bars of the trading timeframe of each symbol, oldest first.
    length_ns : int
        Length of a bar.
    terms : DirectionTerms
        See there.
    """
    parts = [
        _symbol_rows(symbol, bars[symbol], length_ns, terms)
        for symbol in sorted(bars)
        if len(bars[symbol])
    ]
    if not parts:
        return _empty(len(terms.schema) - 1)
    pooled = DirectionRows(
        Inputs(
            tuple(symbol for part in parts for symbol in part.inputs.symbols),
            np.concatenate([part.inputs.features for part in parts]),
            np.concatenate([part.inputs.sequences for part in parts]),
        ),
        np.concatenate([part.close_ns for part in parts]),
        np.concatenate([part.settled_ns for part in parts]),
        np.concatenate([part.target_first for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )
    return pooled.take(np.argsort(pooled.close_ns, kind="stable"))


def _symbol_rows(
    symbol: str, bars: BarArray, length_ns: int, terms: DirectionTerms
) -> DirectionRows:
    rules = terms.rules
    records = RecordTerms(
        rules.barrier_atr, rules.horizon_bars, rules.shrink_outcomes, rules.weight_min
    )
    window = RuleWindow(bars, rules.timeframes, rules.periods, records)
    sides = signal_sides(ensemble_scores(window.said(slice(None))), terms.signal_min)
    rows = np.flatnonzero(sides)
    columns = window.window
    labels = meta_labels(
        columns.high,
        columns.low,
        columns.close,
        rows,
        sides[rows],
        rules.barrier_atr * window.columns.atr[rows],
        rules.horizon_bars,
    )
    found = DirectionRows(
        inputs_of(window, symbol, length_ns, labels.rows, sides[labels.rows]),
        columns.close_ns[labels.rows],
        columns.close_ns[labels.ends],
        labels.target_first,
        labels.weights,
    )
    is_whole = np.isfinite(found.inputs.features).all(axis=1)
    return found.take(np.flatnonzero(is_whole))


def _empty(features: int) -> DirectionRows:
    none, no_times = np.empty(0), np.empty(0, dtype=np.int64)
    sequences = np.empty((0, SEQUENCE_BARS, len(CHANNELS)))
    inputs = Inputs((), np.empty((0, features)), sequences)
    return DirectionRows(inputs, no_times, no_times, none, none)
