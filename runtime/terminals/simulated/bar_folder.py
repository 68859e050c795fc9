"""A folder of recorded bars: which files belong to which symbol, and are their times sound."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from blackboard.errors import ConfigError
from blackboard.facts.market import Timeframe
from runtime.bar_formats.registry import open_bars, subject_of
from runtime.bar_formats.source_clock import Clocks
from runtime.instants import iso
from runtime.terminals.simulated.bar_files import BarsFile, FileName, time_problems

PROBLEMS_MAX: Final = 50
"""Problems that one refusal names; the rest are counted."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

_Found = dict[str, dict[Timeframe, list[Path]]]


class BarFolder(NamedTuple):
    """Files of all symbols on one timeframe."""

    step: Timeframe
    files: dict[str, list[BarsFile]]
    """By symbol, in the order of time, without overlaps."""


def open_folder(
    path: Path, symbols: tuple[str, ...], trading: Timeframe, clocks: Clocks
) -> BarFolder:
    """Open the files of the finest timeframe that all symbols have.

    Parameters
    ----------
    path : Path
        A folder, searched with all below it, or one file.
    symbols : tuple of str
        Canonical names.
    trading : Timeframe
        The coarsest timeframe that is of use.
    clocks : Clocks
        Of files that do not state theirs.

    Raises
    ------
    ConfigError
        If files are missing or wrong; names all of them.
    """
    if not path.exists():
        raise ConfigError(f"market.history.path: there is no {path}")
    found = _find(path, symbols)
    step = _choose(path, found, trading)
    pairs = [(symbol, file) for symbol in symbols for file in found[symbol][step]]
    files_opened = each(
        pairs,
        lambda pair: opened(pair[1], FileName(pair[0], step), clocks),
        lambda pair: str(pair[1]),
    )
    files: dict[str, list[BarsFile]] = {symbol: [] for symbol in symbols}
    for (symbol, _), file in zip(pairs, files_opened, strict=True):
        files[symbol].append(file)
    for parts in files.values():
        parts.sort(key=lambda file: int(file.open_ns[0]))
    refuse(text for parts in files.values() for text in _overlaps(parts))
    return BarFolder(step, files)


def opened(path: Path, subject: FileName, clocks: Clocks) -> BarsFile:
    """Open a file whose times are sound; raises ValueError with all that is wrong with them."""
    file = open_bars(path, subject, clocks)
    problems = list(time_problems(file.open_ns, subject.timeframe))
    if problems:
        raise ValueError("\n".join(problems))
    return file


def symbols_in(path: Path) -> tuple[str, ...]:
    """Return the symbols of which a folder holds bars, in the order of their names."""
    files = [path] if path.is_file() else path.rglob("*")
    names = (subject_of(file) for file in files if file.is_file())
    return tuple(sorted({name.symbol for name in names if name is not None}))


def each(
    items: Iterable[_Item], make: Callable[[_Item], _Made], label: Callable[[_Item], str]
) -> list[_Made]:
    """Return what is made of each item; raises ConfigError with every item's ValueError."""
    made: list[_Made] = []
    problems: list[str] = []
    for item in items:
        try:
            made.append(make(item))
        except ValueError as wrong:
            problems.extend(f"{label(item)}: {line}" for line in str(wrong).splitlines())
    refuse(problems)
    return made


def refuse(problems: Iterable[str]) -> None:
    """Raise ConfigError with all problems, if there are any."""
    lines = list(problems)
    if len(lines) > PROBLEMS_MAX:
        lines = [*lines[:PROBLEMS_MAX], f"and {len(lines) - PROBLEMS_MAX} more"]
    if lines:
        raise ConfigError("\n".join(lines))


def _find(path: Path, symbols: tuple[str, ...]) -> _Found:
    found: _Found = {symbol: {} for symbol in symbols}
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        name = subject_of(file) if file.is_file() else None
        if name is not None and name.symbol in found:
            found[name.symbol].setdefault(name.timeframe, []).append(file)
    return found


def _choose(path: Path, found: _Found, trading: Timeframe) -> Timeframe:
    usable = {
        symbol: {one for one in kinds if one.minutes <= trading.minutes}
        for symbol, kinds in found.items()
    }
    refuse(
        f"market.history.path: no file of {symbol} on {trading} or finer below {path}; needed is "
        f"a name such as {symbol}_M1.parquet, found {', '.join(_sorted(found[symbol])) or 'none'}"
        for symbol, kinds in usable.items()
        if not kinds
    )
    common = set[Timeframe].intersection(*usable.values())
    if not common:
        each_has = ", ".join(f"{one} {'/'.join(_sorted(kinds))}" for one, kinds in usable.items())
        refuse([f"market.history.path: mixed timeframes, one must be common to all: {each_has}"])
    return min(common, key=lambda one: one.minutes)


def _sorted(kinds: Iterable[Timeframe]) -> list[Timeframe]:
    return sorted(kinds, key=lambda one: one.minutes)


def _overlaps(parts: list[BarsFile]) -> Iterable[str]:
    for earlier, later in pairwise(parts):
        first_ns, last_ns = int(later.open_ns[0]), int(earlier.open_ns[-1])
        if first_ns <= last_ns:
            yield (
                f"{later.path}: begins at {iso(first_ns)}, which must be after the end of "
                f"{earlier.path}, {iso(last_ns)}"
            )
