"""What can be said of the direction of prices, and what a leaking split makes of the same rows.

The reference's benchmark: a label on every bar, long at the next open, barriers two mean true
ranges away, 24 bars, timeout by the sign of the move, both barriers in one bar a stop. Shuffled
folds let labels of neighbouring bars answer for each other; purged walk-forward does not. Beside
it the next close's return is predicted, against the random walk's 0.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.sections import Section, table
from models.learning.skill import auc
from models.market.bars import FloatArray, IntArray, resample
from models.market.sessions import MINUTE_NS
from models.opinion.calibration import uniqueness

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT.parent / "shared/data"
BARRIER_ATR, HORIZON, ATR_BARS = 2.0, 24, 14
RETURNS: Final = (1, 2, 4, 8, 24, 72, 120)
MEANS: Final = (20, 50, 200)
FIRST_ROW: Final = 200
TRAIN, TEST, TESTS = 10_000, 3_000, 4
SHUFFLED_ROWS: Final = 12_000
SAMPLES: Final = (("GBPUSD", "H1", 36), ("USDJPY", "H1", 36), ("EURUSD", "M15", 36))
"""Symbol, timeframe and the bars that are purged: 36 hours, or nine hours of M15."""


class Bars(NamedTuple):
    """Columns of one sample."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    hour: IntArray
    weekday: IntArray


class Labels(NamedTuple):
    """A label on every bar from `FIRST_ROW` on."""

    rows: IntArray
    ends: IntArray
    is_target: FloatArray


class Row(NamedTuple):
    """The figures of one classifier on one sample."""

    shuffled_auc: float
    shuffled_accuracy: float
    purged_auc: float
    purged_brier: float


def run() -> Section:
    """Measure all samples."""
    rows, notes = [], []
    for symbol, timeframe, purge in SAMPLES:
        bars = _bars(symbol, timeframe)
        labels = labels_of(bars)
        features = features_of(bars)
        # The measured figures count the bar of the row itself as part of a label's life.
        mean_uniqueness = float(uniqueness(labels.rows - 1, labels.ends).mean())
        for name in ("forest", "trees"):
            found = measure(name, features[labels.rows], labels.is_target, purge)
            rows.append(
                [
                    f"{symbol} {timeframe}",
                    name,
                    f"{found.shuffled_auc:.3f} ({found.shuffled_accuracy:.0%})",
                    f"{found.purged_auc:.3f}",
                    f"{found.purged_brier:.4f}",
                    f"{mean_uniqueness:.3f}",
                ]
            )
        notes.append(_next_close(symbol, timeframe, bars, features))
    head = (
        "bars",
        "classifier",
        "shuffled AUC (accuracy)",
        "purged AUC",
        "purged Brier",
        "uniqueness",
    )
    text = (
        "A label on every bar, 16 features, 120 trees with leaves of 5, 150 boosted ones. "
        "A coin has AUC 0.5 and Brier 0.25; shuffled folds are what a leak looks like."
    )
    return Section(
        "direction",
        "Direction, and what a leak looks like",
        text,
        (table(head, rows),),
        tuple(notes),
    )


def labels_of(bars: Bars) -> Labels:
    """Return which barrier is touched first after each bar; looks ahead by design."""
    distance = BARRIER_ATR * mean_true_range(bars)
    rows = np.arange(FIRST_ROW, len(bars.close) - HORIZON)
    ends, is_target = rows + HORIZON, np.empty(len(rows))
    for place, row in enumerate(rows.tolist()):
        entry, away = bars.open[row + 1], distance[row]
        ahead = slice(row + 1, row + HORIZON + 1)
        is_stop = bars.low[ahead] <= entry - away
        is_touched = is_stop | (bars.high[ahead] >= entry + away)
        first = int(np.argmax(is_touched))
        if is_touched[first]:
            ends[place] = row + 1 + first
            is_target[place] = not is_stop[first]
        else:
            is_target[place] = bars.close[row + HORIZON] > entry
    return Labels(rows, ends, is_target)


def mean_true_range(bars: Bars) -> FloatArray:
    """Return the simple mean of the last true ranges; row t uses bars ≤ t."""
    before = np.concatenate((bars.close[:1], bars.close[:-1]))
    true_range = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    return _mean(true_range, ATR_BARS)


def features_of(bars: Bars) -> FloatArray:
    """Return the 16 features of every bar, NaN in the warm-up; row t uses bars ≤ t."""
    close, unit = bars.close, mean_true_range(bars)
    columns = [
        (close / _before(close, step) - 1.0) / (unit / close) / np.sqrt(step) for step in RETURNS
    ]
    columns += [_strength(close), *((close - _mean(close, step)) / unit for step in MEANS)]
    columns.append((_smoothed(close, 12) - _smoothed(close, 26)) / unit)
    windows = np.lib.stride_tricks.sliding_window_view
    place = np.full(len(close), np.nan)
    lowest, highest = windows(bars.low, 20).min(axis=1), windows(bars.high, 20).max(axis=1)
    place[19:] = (close[19:] - lowest) / np.maximum(highest - lowest, 1e-12)
    return np.column_stack((*columns, place, np.log(unit / close), bars.hour, bars.weekday))


def measure(name: str, features: FloatArray, target: FloatArray, purge: int) -> Row:
    """Return the figures of a classifier, in shuffled folds and by purged walk-forward."""
    from sklearn.model_selection import KFold

    late = slice(len(target) - SHUFFLED_ROWS, None)
    rows, said = features[late], np.empty(SHUFFLED_ROWS)
    outcome = target[late]
    for train, test in KFold(3, shuffle=True, random_state=0).split(rows):
        said[test] = _fitted(name, rows[train], outcome[train]).predict_proba(rows[test])[:, 1]
    chances, outcomes = [], []
    for number in range(TESTS):
        first = len(target) - (TESTS - number) * TEST
        until = first - purge
        model = _fitted(name, features[until - TRAIN : until], target[until - TRAIN : until])
        chances.append(model.predict_proba(features[first : first + TEST])[:, 1])
        outcomes.append(target[first : first + TEST])
    chance, came = np.concatenate(chances), np.concatenate(outcomes)
    return Row(
        auc(said, outcome, np.ones(len(outcome))),
        float(np.mean((said > 0.5) == (outcome > 0.5))),
        auc(chance, came, np.ones(len(came))),
        float(np.mean((chance - came) ** 2)),
    )


def _next_close(symbol: str, timeframe: str, bars: Bars, features: FloatArray) -> str:
    # The next close against the random walk, by ridge regression on the same features.
    from sklearn.linear_model import Ridge

    moved = np.log(bars.close[1:] / bars.close[:-1])
    rows, target = features[FIRST_ROW:-1], moved[FIRST_ROW:]
    misses, steps = [], []
    for number in range(TESTS):
        first = len(target) - (TESTS - number) * TEST
        train = slice(first - TRAIN, first - 1)
        centre, scale = rows[train].mean(axis=0), rows[train].std(axis=0)
        model = Ridge(alpha=1_000.0).fit((rows[train] - centre) / scale, target[train])
        told = model.predict((rows[first : first + TEST] - centre) / scale)
        misses.append((target[first : first + TEST] - told) ** 2)
        steps.append(target[first : first + TEST] ** 2)
    share = 1.0 - np.concatenate(misses).mean() / np.concatenate(steps).mean()
    return (
        f"The next close of {symbol} {timeframe}, ridge regression on the same features, leaves "
        f"{-share:+.2%} of squared error against the random walk: reported, used nowhere."
    )


def _fitted(name: str, features: FloatArray, target: FloatArray) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from xgboost import XGBClassifier

    if name == "forest":
        model = RandomForestClassifier(120, min_samples_leaf=5, random_state=0, n_jobs=1)
    else:
        model = XGBClassifier(
            n_estimators=150, max_depth=4, learning_rate=0.05, subsample=0.7, colsample_bytree=0.7,
            n_jobs=1, random_state=0,
        )  # fmt: skip
    return model.fit(features, target)


def _bars(symbol: str, timeframe: str) -> Bars:
    import pandas as pd

    if timeframe == "H1":
        frame = pd.read_parquet(DATA / f"clean_licence/h1/{symbol}_H1.parquet").tail(28_000)
        times = frame["time"]
        prices = [frame[name].to_numpy() for name in ("open", "high", "low", "close")]
    else:
        from models.market.bars import BAR_DTYPE

        path = DATA / f"unlicensed_internal_only/m1/{symbol}_M1_2018.parquet"
        frame = pd.read_parquet(path)
        minutes = np.zeros(len(frame), dtype=BAR_DTYPE)
        opens_ns = frame["time"].dt.as_unit("ns").astype("int64").to_numpy()
        minutes["close_ns"] = opens_ns + MINUTE_NS
        for name in ("open", "high", "low", "close"):
            minutes[name] = frame[name]
        quarters = resample(minutes, 15 * MINUTE_NS)
        times = pd.Series(pd.to_datetime(quarters["close_ns"] - 15 * MINUTE_NS, utc=True))
        prices = [quarters[name] for name in ("open", "high", "low", "close")]
    opened, high, low, close = prices
    return Bars(opened, high, low, close, times.dt.hour.to_numpy(), times.dt.weekday.to_numpy())


def _before(values: FloatArray, steps: int) -> FloatArray:
    return np.concatenate((np.full(steps, np.nan), values[:-steps]))


def _mean(values: FloatArray, count: int) -> FloatArray:
    windows = np.lib.stride_tricks.sliding_window_view(values, count)
    return np.concatenate((np.full(count - 1, np.nan), windows.mean(axis=1)))


def _smoothed(values: FloatArray, span: int, alpha: float = 0.0) -> FloatArray:
    share = alpha or 2.0 / (span + 1.0)
    smoothed = values.copy()
    for row in range(1, len(values)):
        smoothed[row] = smoothed[row - 1] + share * (values[row] - smoothed[row - 1])
    return smoothed


def _strength(close: FloatArray) -> FloatArray:
    moved = np.diff(close, prepend=close[0])
    rise = _smoothed(np.maximum(moved, 0.0), 0, 1.0 / 14.0)
    fall = _smoothed(np.maximum(-moved, 0.0), 0, 1.0 / 14.0)
    return 100.0 * rise / np.maximum(rise + fall, 1e-12)
