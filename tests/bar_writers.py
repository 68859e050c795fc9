"""Writers of recorded bars, for tests: the same bars as Parquet and as a MetaTrader 5 export."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
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


def write_histdata(
    path: Path, columns: Mapping[str, Any], zone: str, *, form: str = "ascii"
) -> Path:
    """Write columns as HistData does, on a zone's wall clock; `form` is ascii or metatrader."""
    lines = []
    for row, moment in enumerate(_walls(columns, zone)):
        prices = [f"{columns[name][row]:.6f}" for name in ("open", "high", "low", "close")]
        if form == "ascii":
            lines.append(";".join([f"{moment:%Y%m%d %H%M%S}", *prices, "0"]))
        else:
            lines.append(",".join([f"{moment:%Y.%m.%d,%H:%M}", *prices, "0"]))
    return _written(path, lines)


def write_dukascopy(path: Path, columns: Mapping[str, Any], header: str, zone: str = "UTC") -> Path:
    """Write columns as Dukascopy does, under the header of their times."""
    lines = [f"{header},Open,High,Low,Close,Volume"]
    for row, moment in enumerate(_walls(columns, zone)):
        shown = f"{moment:%d.%m.%Y %H:%M:%S}.000"
        if header == "Local time":
            shown += f" GMT{moment:%z}"
        elif header.startswith("Time ("):
            shown = f"{moment:%Y.%m.%d %H:%M:%S}"
        prices = [f"{columns[name][row]:.5f}" for name in ("open", "high", "low", "close")]
        lines.append(",".join([shown, *prices, "97.43"]))
    return _written(path, lines)


def write_node(path: Path, columns: Mapping[str, Any]) -> Path:
    """Write columns as dukascopy-node does."""
    lines = ["timestamp,open,high,low,close"]
    for row, open_ns in enumerate(columns["time"].tolist()):
        prices = [f"{columns[name][row]:.5f}" for name in ("open", "high", "low", "close")]
        lines.append(",".join([str(open_ns // 1_000_000), *prices]))
    return _written(path, lines)


def write_twelvedata(
    path: Path, columns: Mapping[str, Any], zone: str, *, meta: Mapping[str, str]
) -> Path:
    """Write columns as Twelve Data answers, newest first, figures as text."""
    values = [
        {"datetime": f"{moment:%Y-%m-%d %H:%M:%S}"}
        | {name: f"{columns[name][row]:.5f}" for name in ("open", "high", "low", "close")}
        for row, moment in enumerate(_walls(columns, zone))
    ]
    answer = {"meta": dict(meta), "values": values[::-1], "status": "ok"}
    return _written(path, [json.dumps(answer)])


def write_fmp(path: Path, columns: Mapping[str, Any], zone: str) -> Path:
    """Write columns as FMP's charts answer, newest first."""
    rows = [
        {"date": f"{moment:%Y-%m-%d %H:%M:%S}", "volume": 12}
        | {name: float(columns[name][row]) for name in ("open", "low", "high", "close")}
        for row, moment in enumerate(_walls(columns, zone))
    ]
    return _written(path, [json.dumps(rows[::-1])])


def _walls(columns: Mapping[str, Any], zone: str) -> Iterator[datetime]:
    info = timezone(timedelta(hours=-5)) if zone == "UTC-05:00" else ZoneInfo(zone)
    for open_ns in columns["time"].tolist():
        yield datetime.fromtimestamp(open_ns / SECOND_NS, UTC).astimezone(info)


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
