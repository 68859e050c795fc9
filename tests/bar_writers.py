"""Writers of recorded bars, for tests: the same bars as Parquet and as a MetaTrader 5 export."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.market.sessions import MINUTE_NS, SECOND_NS, is_open

Columns = dict[str, Any]

NEW_YORK_7 = (ZoneInfo("America/New_York"), 7 * 3600)


def some_bars(from_ns: int, count: int, minutes: int = 1, seed: int = 1) -> Columns:
    """Return the columns of `count` bars of the open market, at five digits."""
    opens_ns: list[int] = []
    ts_ns = from_ns
    while len(opens_ns) < count:
        if is_open(ts_ns):
            opens_ns.append(ts_ns)
        ts_ns += minutes * MINUTE_NS
    generator = np.random.default_rng(seed)
    close = 1.1 + np.cumsum(generator.integers(-5, 6, count)) * 1e-5
    openings = np.concatenate([[1.1], close[:-1]])
    return {
        "time": np.array(opens_ns, dtype=np.int64),
        "open": openings.round(5),
        "high": (np.maximum(openings, close) + 2e-5).round(5),
        "low": (np.minimum(openings, close) - 2e-5).round(5),
        "close": close.round(5),
        "tick_volume": generator.integers(1, 60, count),
        "spread_points": generator.integers(8, 15, count).astype(np.int64),
    }


def write_parquet(path: Path, columns: Mapping[str, Any], zone: str | None = "UTC") -> Path:
    """Write columns as they are; integer times become timestamps in a zone."""
    arrays = dict(columns)
    times = np.asarray(arrays["time"])
    if times.dtype == np.int64:
        arrays["time"] = pa.array(times // 1_000_000, pa.timestamp("ms", zone))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path, row_group_size=1000)
    return path


def write_export(
    path: Path, columns: Mapping[str, Any], *, encoding: str = "utf-8", seconds: bool = True
) -> Path:
    """Write columns as a terminal exports them, in a server zone of New York plus seven hours."""
    names = ("DATE", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL", "SPREAD")
    lines = ["\t".join(f"<{name}>" for name in names)]
    clock = "%H:%M:%S" if seconds else "%H:%M"
    lines.extend("\t".join(_cells(columns, row, clock)) for row in range(len(columns["time"])))
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


def _cells(columns: Mapping[str, Any], row: int, clock: str) -> Sequence[str]:
    moment = datetime.fromtimestamp(int(columns["time"][row]) / SECOND_NS, UTC)
    zone, ahead_s = NEW_YORK_7
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    shown = datetime.fromtimestamp(
        int(columns["time"][row]) // SECOND_NS + int(offset.total_seconds()) + ahead_s, UTC
    )
    prices = [f"{columns[name][row]:.5f}" for name in ("open", "high", "low", "close")]
    ends = [str(columns["tick_volume"][row]), "0", str(columns["spread_points"][row])]
    return [f"{shown:%Y.%m.%d}", shown.strftime(clock), *prices, *ends]
