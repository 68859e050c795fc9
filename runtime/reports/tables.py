"""Rows of one kind as a table on disk: CSV for people, Parquet for programs.

A spreadsheet takes a text that begins like a formula for one and runs it. Texts of a journal come
from outside too (comments of a broker, headlines), so such a text is written behind an apostrophe.
"""

import csv
import io
import types
import typing
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from blackboard.errors import ConfigError
from runtime.book import write_atomically

if TYPE_CHECKING:
    import pyarrow

FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet takes for a formula."""
_ITSELF: Final = "value"
"""Field of a nested struct that stands under the name of the struct."""


def columns_of(kind: type[msgspec.Struct]) -> dict[str, type]:
    """Return the columns of a struct and their types; nested structs become columns of their own.

    The field ``value`` of a nested struct has its name alone, others have it in front.
    """
    columns: dict[str, type] = {}
    for name, hint in typing.get_type_hints(kind).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            for inner, own in columns_of(hint).items():
                columns[_joined(name, inner)] = own
        else:
            columns[name] = _plain(hint)
    return columns


def cells_of(row: msgspec.Struct) -> dict[str, Any]:
    """Return the cells of a row by column; NaN is None."""
    cells: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, msgspec.Struct):
            cells |= {_joined(name, inner): cell for inner, cell in cells_of(value).items()}
        else:
            # Only a NaN differs from itself.
            cells[name] = None if value != value else value
    return cells


def csv_text(kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> str:
    """Return rows as CSV with a head; instants in ISO 8601, what is not known as an empty cell."""
    # Lines end as RFC 4180 has it: with another end a text that holds a return is not quoted.
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    names = list(columns_of(kind))
    writer.writerow(names)
    for row in rows:
        cells = cells_of(row)
        writer.writerow(_cell(cells[name]) for name in names)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text, replacing the file in one step; ConfigError if it cannot be."""
    _write(path, text.encode())


def write_parquet(path: Path, kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> None:
    """Write rows as Parquet, replacing the file in one step; ConfigError if it cannot be."""
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pylist([cells_of(row) for row in rows], schema_of(columns_of(kind)))
    parquet.write_table(table, sink, compression="zstd")
    _write(path, sink.getvalue().to_pybytes())


def schema_of(columns: dict[str, type]) -> "pyarrow.Schema":
    """Return the Parquet schema of columns; a type that has no column of its own is text."""
    import pyarrow

    own = {
        bool: pyarrow.bool_(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        datetime: pyarrow.timestamp("us", "UTC"),
    }
    return pyarrow.schema(
        [(name, own.get(kind, pyarrow.string())) for name, kind in columns.items()]
    )


def _plain(hint: Any) -> type:
    """Return the type of a column: that of the value where it may be missing too."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    return hint if isinstance(hint, type) else str


def _joined(name: str, inner: str) -> str:
    return name if inner == _ITSELF else f"{name}_{inner}"


def _cell(value: object) -> object:
    match value:
        case str() if value.startswith(FORMULA_BEGINNINGS):
            return f"'{value}"
        case datetime():
            return value.isoformat()
        case _:
            return value


def _write(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")
    if path.is_dir():
        raise ConfigError(f"{path} cannot be written: it is a folder")
    write_atomically(path, content)
