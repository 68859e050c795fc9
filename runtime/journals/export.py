"""A journal's facts as Parquet, one file a kind: what stands in the entry, then the fact's fields.

Lists of a fact (gates, shares, restrictions) are JSON text, because no two of its rows have the
same number. The journal is read once and each kind is written in groups of rows, so memory does not
grow with the book.
"""

import types
import typing
from collections.abc import Iterable
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from blackboard.entry import Entry
from blackboard.errors import ConfigError
from blackboard.facts import AnyFact, Fact, kind_of
from runtime.machine.current import MACHINE

if TYPE_CHECKING:
    import pyarrow

KINDS: Final[dict[str, type[Fact]]] = {kind_of(kind): kind for kind in typing.get_args(AnyFact)}
ROWS_IN_MEMORY_MAX: Final = 5_000
"""Rows of one kind that wait for their group."""
ENTRY_COLUMNS: Final = (
    *("seq", "author", "epoch", "key", "ts_event_ns", "known_at_ns", "read_to", "now_ns"),
    "causes",
)


class _KindFile:
    """One kind's file, growing by groups of rows beside the place where it will lie."""

    def __init__(self, folder: Path, kind: str) -> None:
        from pyarrow import parquet

        self._path = folder / f"{kind}.parquet"
        self._beside = folder / f".{kind}.parquet.part"
        self._fields = KINDS[kind].__struct_fields__
        self._schema = _schema_of(KINDS[kind])
        self._writer = parquet.ParquetWriter(self._beside, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self.count = 0

    def add(self, entry: Entry) -> None:
        """Take one entry of the kind."""
        row = {name: getattr(entry, name) for name in ENTRY_COLUMNS}
        self._rows.append(row | {name: _cell(getattr(entry.fact, name)) for name in self._fields})
        self.count += 1
        if len(self._rows) >= ROWS_IN_MEMORY_MAX:
            self._flush()

    def finish(self) -> None:
        """Write what waits and the foot of the file, and put it into its place."""
        self._flush()
        self._writer.close()
        MACHINE.replace(self._beside, self._path)

    def drop(self) -> None:
        """Leave nothing behind that is not whole."""
        self._writer.close()
        self._beside.unlink(missing_ok=True)

    def _flush(self) -> None:
        import pyarrow

        if self._rows:
            self._writer.write_table(pyarrow.Table.from_pylist(self._rows, self._schema))
            self._rows.clear()


def export(entries: Iterable[Entry], folder: Path, kind: str = "") -> dict[str, int]:
    """Write entries by kind as ``KIND.parquet``; return how many rows each has.

    Files replace those of an earlier export, each in one step, once the last entry is written.

    Raises
    ------
    ConfigError
        If there is no such kind, or the folder is a file.
    """
    if kind and kind not in KINDS:
        raise ConfigError(f"--kind must be one of {', '.join(sorted(KINDS))}, was {kind!r}")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--parquet must be a folder, was the file {folder}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files: dict[str, _KindFile] = {}
    with ExitStack() as unfinished:
        for entry in entries:
            if kind in ("", entry.kind):
                if entry.kind not in files:
                    files[entry.kind] = _KindFile(folder, entry.kind)
                    unfinished.callback(files[entry.kind].drop)
                files[entry.kind].add(entry)
        unfinished.pop_all()
    for file in files.values():
        file.finish()
    return {name: files[name].count for name in sorted(files)}


def _schema_of(kind: type[Fact]) -> "pyarrow.Schema":
    import pyarrow

    hints = typing.get_type_hints(kind)
    entry_hints = {name: typing.get_type_hints(Entry)[name] for name in ENTRY_COLUMNS}
    fields = {**entry_hints, **{name: hints[name] for name in kind.__struct_fields__}}
    return pyarrow.schema([(name, _type_of(hint)) for name, hint in fields.items()])


def _type_of(hint: Any) -> "pyarrow.DataType":
    """Return the type of a column; whatever is no number, flag or list of numbers is text."""
    import pyarrow

    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    if hint == tuple[int, ...]:
        return pyarrow.list_(pyarrow.int64())
    own = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    return own.get(hint, pyarrow.string())


def _cell(value: object) -> object:
    match value:
        case Enum():
            return str(value.value)
        case tuple() | msgspec.Struct():
            return msgspec.json.encode(value).decode()
        case _:
            return value
