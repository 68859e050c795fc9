"""Files of recorded bars as columns: Parquet of ours, and the bars export of MetaTrader 5.

Parquet: ``time`` (the bar's open, a timestamp in UTC), ``open``, ``high``, ``low``, ``close``, and
optionally ``tick_volume``, ``spread_points``, or ``bid_open`` .. ``ask_close``, whose bid then
replaces the plain prices and whose wider end makes the spread. Export: tab-separated ``<DATE>``,
``<TIME>``, ``<OPEN>``, ``<HIGH>``, ``<LOW>``, ``<CLOSE>``, ``<TICKVOL>``, ``<VOL>``, ``<SPREAD>``
on the server's clock. The content decides which of the two a file is, never its suffix.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from blackboard.facts.market import Timeframe
from models.market.sessions import HOUR_NS, MINUTE_NS, is_open
from runtime.instants import iso
from runtime.terminals.server_time import ServerClock

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PRICES: Final = ("open", "high", "low", "close")
OUTSIDE_WEEK_SHARE_MAX: Final = 0.005
"""Share of bars outside the FX week beyond which the times are taken to be in another zone."""
OUTSIDE_WEEK_MIN: Final = 10
"""Fewer bars than this outside the week never prove a wrong zone."""

_UTC_NAMES: Final = frozenset({"UTC", "Etc/UTC", "+00:00", "Z"})
_EXPORT_PRICES: Final = {"open": "<OPEN>", "high": "<HIGH>", "low": "<LOW>", "close": "<CLOSE>"}
_NAME: Final = re.compile(
    r"^(?P<symbol>[A-Za-z]{6})(\.[A-Za-z]+)?[_-]?"
    r"(?P<timeframe>M1|M5|M15|M30|H1|H4|D1)(?![0-9A-Za-z])"
)


class BarColumns(NamedTuple):
    """Rows of a file; all arrays have one length."""

    prices: dict[str, FloatArray]
    """Bid by name, in quote currency; NaN where the file has none."""
    spread: FloatArray | None
    """Ask less bid in quote currency, NaN where unknown; None if the file has no spread."""
    tick_volume: IntArray
    """0 where the file has none."""


class BarsFile(Protocol):
    """A file whose times are known and whose columns are read on demand."""

    path: Path
    origin: str
    """Format and clock where they were found out; empty where nothing was to be found out."""
    open_ns: IntArray
    """Opens in UTC, as they stand in the file."""

    def columns(self, first: int, last: int, point: float) -> BarColumns:
        """Return the rows [first, last); raises ValueError with what is wrong with a column."""


class FileName(NamedTuple):
    """What a file's name says."""

    symbol: str
    timeframe: Timeframe


def name_of(path: Path) -> FileName | None:
    """Return symbol and timeframe from a name such as EURUSD_M1_2018.parquet, None for others."""
    match = _NAME.match(path.name)
    if match is None:
        return None
    return FileName(match["symbol"].upper(), Timeframe(match["timeframe"]))


class ParquetBars:
    """A Parquet file of bars."""

    origin = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowException as broken:
            raise ValueError(f"is no readable Parquet: {broken}") from broken
        self._names = frozenset(self._file.schema_arrow.names)
        missing = [name for name in ("time", *PRICES) if name not in self._names]
        if missing:
            raise ValueError(
                f"column {', '.join(missing)} missing; needed are time, {', '.join(PRICES)}, "
                f"found {', '.join(self._file.schema_arrow.names)}"
            )
        kind = self._file.schema_arrow.field("time").type
        if not pa.types.is_timestamp(kind) or kind.tz not in _UTC_NAMES:
            raise ValueError(f"column time must be a timestamp in UTC, was {kind}")
        times = self._file.read(columns=["time"])["time"]
        if times.null_count:
            raise ValueError(f"column time must have no missing value, has {times.null_count}")
        self.open_ns: IntArray = times.cast(pa.timestamp("ns", kind.tz)).cast("int64").to_numpy()

    def columns(self, first: int, last: int, point: float) -> BarColumns:
        """Return the rows [first, last)."""
        has_bid_ask = {
            f"{side}_{name}" for side in ("bid", "ask") for name in PRICES
        } <= self._names
        wanted = [f"bid_{name}" if has_bid_ask else name for name in PRICES]
        asks = ["ask_open", "ask_close"] if has_bid_ask else []
        extra = [name for name in ("tick_volume", "spread_points") if name in self._names]
        table = self._rows(first, last, [*wanted, *asks, *extra])
        columns = {name: _floats(table[name], name) for name in table.column_names}
        spread = None
        if has_bid_ask:
            ends = [columns[f"ask_{end}"] - columns[f"bid_{end}"] for end in ("open", "close")]
            spread = np.maximum(*ends)
        elif "spread_points" in columns:
            spread = _recorded_spread(columns["spread_points"], point)
        prices = {name: columns[column] for name, column in zip(PRICES, wanted, strict=True)}
        return BarColumns(prices, spread, _counts(columns.get("tick_volume"), last - first))

    def _rows(self, first: int, last: int, names: list[str]) -> pa.Table:
        # Row groups outside the range are not read.
        meta = self._file.metadata
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        groups = [
            group for group in range(len(sizes)) if ends[group] < last and ends[group + 1] > first
        ]
        table = self._file.read_row_groups(groups, columns=names)
        offset = first - int(ends[groups[0]]) if groups else 0
        return table.slice(offset, last - first)


class ExportedBars:
    """The bars export of a MetaTrader 5 terminal."""

    origin = ""

    def __init__(self, path: Path, server_clock: ServerClock) -> None:
        self.path = path
        self._table = _read_export(path)
        names = self._table.column_names
        missing = [
            name for name in ("<DATE>", "<TIME>", *_EXPORT_PRICES.values()) if name not in names
        ]
        if missing:
            raise ValueError(f"column {', '.join(missing)} missing, found {', '.join(names)}")
        self.open_ns = to_utc(self._server_ns(), server_clock)

    def _server_ns(self) -> IntArray:
        dates = self._table["<DATE>"].to_numpy(zero_copy_only=False)
        clocks = self._table["<TIME>"].to_numpy(zero_copy_only=False)
        # A file has a few thousand distinct dates and times, and each is parsed once.
        days, of_day = np.unique(dates.astype(str), return_inverse=True)
        times, of_time = np.unique(clocks.astype(str), return_inverse=True)
        day_ns = _parsed(days, of_day, "<DATE>", "as 2018.01.31", _day_ns)
        return day_ns + _parsed(times, of_time, "<TIME>", "as 17:45 or 17:45:00", _clock_ns)

    def columns(self, first: int, last: int, point: float) -> BarColumns:
        """Return the rows [first, last)."""
        table = self._table.slice(first, last - first)
        prices = {name: _floats(table[column], column) for name, column in _EXPORT_PRICES.items()}
        optional = {
            column: _floats(table[column], column)
            for column in ("<SPREAD>", "<TICKVOL>")
            if column in table.column_names
        }
        spread = None
        if "<SPREAD>" in optional:
            spread = _recorded_spread(optional["<SPREAD>"], point)
        return BarColumns(prices, spread, _counts(optional.get("<TICKVOL>"), last - first))


def time_problems(open_ns: IntArray, timeframe: Timeframe) -> Iterator[str]:
    """Yield what is wrong with the opens of one file: order, repeats, grid, timeframe, zone."""
    if not len(open_ns):
        yield "has no rows"
        return
    steps = np.diff(open_ns)
    for is_wrong, text in ((steps < 0, "is before the row above it"), (steps == 0, "is repeated")):
        if is_wrong.any():
            row = int(np.argmax(is_wrong)) + 1
            yield f"{_row(open_ns, row)}: time {text}; times must rise ({is_wrong.sum()} such rows)"
    if len(steps) and int(np.median(steps)) != timeframe.length_ns:
        yield (
            f"is named {timeframe} but its rows are {np.median(steps) / MINUTE_NS:g} minutes "
            f"apart (median); {timeframe} has {timeframe.minutes}"
        )
        return
    off_grid = open_ns % min(timeframe.length_ns, HOUR_NS) != 0
    if off_grid.any():
        yield f"{_row(open_ns, int(np.argmax(off_grid)))}: time is no open of a {timeframe} bar"
    outside = int(np.count_nonzero(~within_week(open_ns)))
    if outside >= OUTSIDE_WEEK_MIN and outside > OUTSIDE_WEEK_SHARE_MAX * len(open_ns):
        yield (
            f"{outside} of {len(open_ns)} bars lie outside the FX week (Sunday to Friday 17:00 "
            "New York): the times are in another zone than the one assumed, which is UTC in "
            "Parquet and terminal.server_zone in an export"
        )


def price_problems(open_ns: IntArray, prices: dict[str, FloatArray], first: int) -> Iterator[str]:
    """Yield what is wrong with the prices of rows from the row `first` on."""
    for name, values in prices.items():
        is_wrong = ~(values > 0.0) | np.isinf(values)  # written so that NaN is wrong too
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            yield (
                f"{_row(open_ns, row, first)}: {name} must be a positive number, was {values[row]} "
                f"({is_wrong.sum()} such rows)"
            )
    tops = np.maximum(prices["open"], prices["close"])
    bottoms = np.minimum(prices["open"], prices["close"])
    for is_wrong, rule in (
        (prices["high"] < np.maximum(tops, prices["low"]), "high must be the highest price"),
        (prices["low"] > bottoms, "low must be the lowest price"),
    ):
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            found = ", ".join(f"{name} {values[row]}" for name, values in prices.items())
            yield f"{_row(open_ns, row, first)}: {rule}, was {found} ({is_wrong.sum()} such rows)"


def within_week(open_ns: IntArray) -> NDArray[np.bool_]:
    """Return which instants lie in the FX week."""
    hours, of_row = np.unique(open_ns // HOUR_NS, return_inverse=True)
    flags = np.fromiter((is_open(int(hour) * HOUR_NS) for hour in hours), np.bool_, len(hours))
    return flags[of_row]


def _row(open_ns: IntArray, row: int, first: int = 0) -> str:
    return f"row {first + row + 1} ({iso(int(open_ns[row]))})"


def _floats(column: pa.ChunkedArray, name: str) -> FloatArray:
    try:
        values: FloatArray = column.cast("float64").to_numpy()
    except pa.ArrowInvalid:
        row, text = next(
            (row, value) for row, value in enumerate(column.to_pylist(), 1) if not _is_number(value)
        )
        raise ValueError(f"row {row}: {name} must be a number, was {text!r}") from None
    except pa.ArrowNotImplementedError:
        raise ValueError(f"column {name} must hold numbers, was {column.type}") from None
    return values


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _counts(values: FloatArray | None, rows: int) -> IntArray:
    if values is None:
        return np.zeros(rows, dtype=np.int64)
    return np.nan_to_num(values, nan=0.0).astype(np.int64)


def _recorded_spread(points: FloatArray, point: float) -> FloatArray:
    # Terminals write 0 where they did not record a spread.
    return np.where(points > 0.0, points * point, np.nan)


def _text_of(raw: bytes) -> str:
    # Old terminals write UTF-16.
    is_wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")


def _read_export(path: Path) -> pa.Table:
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raw = _text_of(raw).encode()
    head = raw.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    names = head.split("\t")
    try:
        return pa_csv.read_csv(
            io.BytesIO(raw),
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter="\t"),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as broken:
        raise ValueError(f"is no tab-separated table: {broken}") from broken


def _parsed(
    texts: NDArray[Any], of_row: IntArray, name: str, example: str, parse: Callable[[str], int]
) -> IntArray:
    values = np.empty(len(texts), dtype=np.int64)
    for index, text in enumerate(texts.tolist()):
        try:
            values[index] = parse(text)
        except ValueError:
            row = int(np.argmax(of_row == index)) + 1
            raise ValueError(f"row {row}: {name} must be {example}, was {text!r}") from None
    return values[of_row]


def _day_ns(text: str) -> int:
    return int(np.datetime64(text.replace(".", "-"), "D").astype("datetime64[ns]").astype(np.int64))


def _clock_ns(text: str) -> int:
    hour, minute, second = ([int(part) for part in text.split(":")] + [0])[:3]
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        raise ValueError(text)
    return (hour * 60 + minute) * MINUTE_NS + second * 1_000_000_000


def to_utc(server_ns: IntArray, clock: ServerClock) -> IntArray:
    """Return the instants behind wall times, in any order."""
    hours, of_row = np.unique(server_ns // HOUR_NS, return_inverse=True)
    shifts = [clock.to_utc_ns(int(hour) * HOUR_NS) - int(hour) * HOUR_NS for hour in hours]
    return server_ns + np.asarray(shifts, dtype=np.int64)[of_row]
