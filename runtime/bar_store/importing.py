"""Files of others, checked whole and kept as our own Parquet.

All files are read and checked before the first bar is kept, so a wrong one leaves nothing half
done. A bar that is held already stays as it is.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from blackboard.errors import ConfigError
from models.market.bars import BAR_DTYPE, BarArray
from runtime.bar_formats.registry import subject_of
from runtime.bar_formats.source_clock import Clocks
from runtime.bar_store.store import BarStore
from runtime.terminals.simulated.bar_files import PRICES, FileName, price_problems, within_week
from runtime.terminals.simulated.bar_folder import each, opened
from runtime.terminals.simulated.traits import traits_of


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What one file brought."""

    file: str
    symbol: str
    timeframe: str
    origin: str
    """Format and clock that were found; empty for Parquet and the exports of MetaTrader 5."""
    bars: int
    added: int
    """Bars that were not held before."""
    outside: int
    """Bars outside the FX week, which were left out."""


def bar_files_in(path: Path) -> list[tuple[Path, FileName]]:
    """Return the files of bars at or below a path, in the order of their names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    found = [(file, subject) for file in files if file.is_file() and (subject := subject_of(file))]
    if not found:
        raise ConfigError(
            f"{path}: no file of bars; a name must tell symbol and timeframe, such as "
            "EURUSD_M1.csv, or be its provider's, such as DAT_ASCII_EURUSD_M1_2018.csv"
        )
    return found


def import_files(
    store: BarStore,
    files: list[tuple[Path, FileName]],
    clocks: Clocks,
    advance: Callable[[str], None],
) -> list[Imported]:
    """Keep the bars of files.

    Parameters
    ----------
    store : BarStore
        Where they are kept.
    files : list
        Files and what they are of.
    clocks : Clocks
        Of files that do not state theirs.
    advance : callable
        Told the name of each file once it is checked, and once more when it is kept.

    Raises
    ------
    ConfigError
        If anything is wrong with any file, with all problems; nothing was kept then.
    """

    def checked(one: tuple[Path, FileName]) -> None:
        _read(*one, clocks)
        advance(one[0].name)

    each(files, checked, lambda one: str(one[0]))
    done = []
    for path, subject in files:
        bars, origin, outside = _read(path, subject, clocks)
        done.append(
            Imported(
                file=path.name,
                symbol=subject.symbol,
                timeframe=subject.timeframe.value,
                origin=origin,
                bars=len(bars),
                added=store.add(subject.symbol, subject.timeframe, bars) if len(bars) else 0,
                outside=outside,
            )
        )
        advance(path.name)
    return done


def _read(path: Path, subject: FileName, clocks: Clocks) -> tuple[BarArray, str, int]:
    traits = traits_of(subject.symbol)
    file = opened(path, subject, clocks)
    rows = len(file.open_ns)
    columns = file.columns(0, rows, traits.point)
    if problems := list(price_problems(file.open_ns, columns.prices, 0)):
        raise ValueError("\n".join(problems))
    bars = np.zeros(rows, dtype=BAR_DTYPE)
    bars["close_ns"] = file.open_ns + subject.timeframe.length_ns
    for name in PRICES:
        bars[name] = columns.prices[name].round(traits.digits)
    bars["tick_volume"] = columns.tick_volume
    if columns.spread is not None:
        # As terminals write it, 0 stands for a spread that nobody recorded.
        bars["spread_points"] = np.nan_to_num(np.rint(columns.spread / traits.point), nan=0.0)
    is_inside = within_week(file.open_ns)
    return bars[is_inside], file.origin, int(np.count_nonzero(~is_inside))
