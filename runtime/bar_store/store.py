"""A folder of bars as Parquet, one file a symbol, timeframe and year, as `--history` reads them.

``EURUSD_M1_2018.parquet`` holds the bars that opened in 2018 UTC: ``time`` (the open, timestamp in
UTC), bid ``open`` .. ``close``, ``tick_volume``, ``spread_points``. A file is replaced in one step,
so a download that is cut off leaves whole files, and the next one goes on from there.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from blackboard.errors import ConfigError
from blackboard.facts.market import Timeframe
from models.market.bars import BAR_DTYPE, BarArray
from models.market.grid import bar_numbers
from runtime.book import write_durably
from runtime.terminals.simulated.bar_files import (
    FileName,
    IntArray,
    ParquetBars,
    name_of,
    price_problems,
    time_problems,
    within_week,
)

DATA_FOLDER: Final = "data"
"""Folder under the home in which bars are kept."""
PRICES: Final = ("open", "high", "low", "close")
_COUNTS: Final = ("tick_volume", "spread_points")
_MILLISECOND_NS: Final = 1_000_000


class Held(NamedTuple):
    """What is held of one symbol and timeframe."""

    symbol: str
    timeframe: Timeframe
    open_ns: IntArray
    """Opens of all bars, rising."""


class Gap(NamedTuple):
    """Bars that an open market owed and that are not there."""

    from_ns: int
    """Open of the bar before it."""
    until_ns: int
    """Open of the bar after it."""
    bars: int


class BarStore:
    """One folder; one process writes to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def held(self, symbol: str, timeframe: Timeframe) -> Held:
        """Return what is held; raises ConfigError if a file cannot be read."""
        opens = [_opened(path).open_ns for path in self.files(symbol, timeframe)]
        empty: IntArray = np.empty(0, dtype=np.int64)
        return Held(symbol, timeframe, np.concatenate([empty, *opens]))

    def bars(self, symbol: str, timeframe: Timeframe) -> BarArray:
        """Return all bars that are held, oldest first; raises ConfigError as `held` does."""
        parts = [_bars_of(_opened(path), timeframe) for path in self.files(symbol, timeframe)]
        return np.concatenate([np.empty(0, dtype=BAR_DTYPE), *parts])

    def files(self, symbol: str, timeframe: Timeframe) -> tuple[Path, ...]:
        """Return the files of a symbol and timeframe, the oldest year first."""
        return tuple(sorted(self.folder.glob(f"{symbol}_{timeframe.value}_[0-9]*.parquet")))

    def names(self) -> list[FileName]:
        """Return the symbols and timeframes of which there are files."""
        found = {name for path in self.folder.glob("*.parquet") if (name := name_of(path))}
        return sorted(found, key=lambda one: (one.symbol, one.timeframe.minutes))

    def add(self, symbol: str, timeframe: Timeframe, bars: BarArray) -> int:
        """Add bars and return how many were not there before; a bar that is there stays as it is.

        Parameters
        ----------
        symbol, timeframe
            Whose bars they are.
        bars : BarArray
            Closed bars, oldest first.
        """
        opens_ns = bars["close_ns"] - timeframe.length_ns
        years = opens_ns.astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64) + 1970
        added = 0
        for year in np.unique(years).tolist():
            of_year = years == year
            path = self.folder / f"{symbol}_{timeframe.value}_{year}.parquet"
            added += _merge(path, opens_ns[of_year], bars[of_year])
        return added


def gaps_of(held: Held, bars_min: int) -> list[Gap]:
    """Return the gaps of at least so many bars, weekends left out, the longest first."""
    inside = held.open_ns[within_week(held.open_ns)]
    if len(inside) < 2:
        return []
    length_ns = held.timeframe.length_ns
    owed = np.diff(bar_numbers(inside + length_ns, length_ns)) - 1
    rows = np.flatnonzero(owed >= bars_min)
    found = [Gap(int(inside[row]), int(inside[row + 1]), int(owed[row])) for row in rows]
    return sorted(found, key=lambda gap: -gap.bars)


def problems_of(files: Iterable[Path], timeframe: Timeframe) -> Iterator[str]:
    """Yield everything that is wrong with the files of one symbol, each with its file and row."""
    last_ns = 0
    for path in files:
        try:
            file = ParquetBars(path)
            wrong = [*time_problems(file.open_ns, timeframe)]
            rows = len(file.open_ns)
            wrong += price_problems(file.open_ns, file.columns(0, rows, 1.0).prices, 0)
        except ValueError as error:
            yield f"{path.name}: {error}"
            continue
        yield from (f"{path.name}: {text}" for text in wrong)
        if rows and int(file.open_ns[0]) <= last_ns:
            yield f"{path.name}: begins before the file of the year before ends"
        last_ns = int(file.open_ns[-1]) if rows else last_ns


def _opened(path: Path) -> ParquetBars:
    try:
        return ParquetBars(path)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _bars_of(file: ParquetBars, timeframe: Timeframe) -> BarArray:
    table = pq.read_table(file.path)
    bars = np.zeros(len(table), dtype=BAR_DTYPE)
    bars["close_ns"] = file.open_ns + timeframe.length_ns
    for name in (*PRICES, *(name for name in _COUNTS if name in table.column_names)):
        bars[name] = table[name].to_numpy()
    return bars


def _merge(path: Path, opens_ns: IntArray, bars: BarArray) -> int:
    columns = {"time": opens_ns, **{name: bars[name] for name in (*PRICES, *_COUNTS)}}
    before = 0
    if path.exists():
        kept = pq.read_table(_opened(path).path)
        before = len(kept)
        old = {name: kept[name].to_numpy() for name in (*PRICES, *_COUNTS)}
        old["time"] = kept["time"].cast(pa.timestamp("ns", "UTC")).cast("int64").to_numpy()
        is_new = ~np.isin(opens_ns, old["time"])
        if not is_new.any():
            return 0
        columns = {name: np.concatenate((old[name], columns[name][is_new])) for name in columns}
    order = np.argsort(columns["time"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    times = pa.array(columns.pop("time") // _MILLISECOND_NS).cast(pa.timestamp("ms", "UTC"))
    table = pa.table({"time": times, **columns})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(path, buffer.getvalue())
    return len(table) - before
