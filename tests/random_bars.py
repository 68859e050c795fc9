"""Seeded bars on the grid of the FX week, for tests that need many."""

from pathlib import Path

import numpy as np
import pytest

from models.market.bars import BAR_DTYPE, BarArray, resample
from models.market.sessions import MINUTE_NS, next_bar_close_ns

M15_NS = 15 * MINUTE_NS
SUNDAY_OPEN_NS = 1_736_114_400_000_000_000
"""2025-01-05 22:00 UTC, which is Sunday 17:00 in New York."""
_REAL_BARS = Path(__file__).parents[2] / "shared/data/unlicensed_internal_only/m1"


def random_bars(
    count: int, seed: int = 1, from_ns: int = SUNDAY_OPEN_NS, length_ns: int = M15_NS
) -> BarArray:
    """Return a random walk around 1.1 in steps of 5 digits, from an instant on."""
    rng = np.random.default_rng(seed)
    bars = np.zeros(count, dtype=BAR_DTYPE)
    close_ns = from_ns
    for row in range(count):
        close_ns = next_bar_close_ns(close_ns, length_ns)
        bars["close_ns"][row] = close_ns
    bars["close"] = np.round(1.1 + np.cumsum(rng.normal(0.0, 4e-4, count)), 5)
    bars["open"] = np.concatenate(([1.1], bars["close"][:-1]))
    wicks = np.round(np.abs(rng.normal(0.0, 2e-4, (2, count))), 5)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + wicks[0]
    bars["low"] = np.minimum(bars["open"], bars["close"]) - wicks[1]
    bars["tick_volume"] = rng.integers(1, 500, count)
    bars["spread_points"] = rng.integers(1, 20, count)
    return bars


def real_bars(symbol: str) -> BarArray:
    """Return recorded M15 bars of 2018, or skip the test where the data is absent."""
    path = _REAL_BARS / f"{symbol}_M1_2018.parquet"
    if not path.exists():
        pytest.skip(f"no recorded bars at {path}")
    import pandas as pd

    frame = pd.read_parquet(path)
    bars = np.zeros(len(frame), dtype=BAR_DTYPE)
    opens_ns = frame["time"].dt.as_unit("ns").astype("int64").to_numpy()
    bars["close_ns"] = opens_ns + MINUTE_NS
    for name in ("open", "high", "low", "close"):
        bars[name] = frame[name]
    bars["tick_volume"] = 1
    return resample(bars, M15_NS)
