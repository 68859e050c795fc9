"""Small text files from outside: read within a size, as records, with texts cut and cleaned."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from blackboard.errors import ConfigError

FILE_BYTES_MAX: Final = 50_000_000
"""Largest file that is read."""
PROBLEMS_MAX: Final = 20
"""Problems of one file that a message names; the rest are counted."""

Record = Mapping[str, str]
FileStamp = tuple[int, int]
"""Size and time of change; a file with the same stamp is taken to be the same."""


def stamp_of(path: Path) -> FileStamp:
    """Return a file's stamp; raises ConfigError if there is no such file."""
    try:
        status = path.stat()
    except OSError as missing:
        raise ConfigError(f"{path}: cannot be read: {missing.strerror}") from missing
    return status.st_size, status.st_mtime_ns


def text_of(path: Path) -> str:
    """Return a file's text; raises ConfigError if it is absent, too large or not UTF-8."""
    size, _ = stamp_of(path)
    if size > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: must have at most {FILE_BYTES_MAX} bytes, has {size}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ConfigError(f"{path}: must be UTF-8, byte {wrong.start} is not") from wrong
    except OSError as failed:
        raise ConfigError(f"{path}: cannot be read: {failed.strerror}") from failed


def csv_records(text: str) -> tuple[tuple[str, ...], list[Record]]:
    """Return the column names in lower case, and a record a row; missing cells are empty.

    Raises
    ------
    ValueError
        If there is no header, or a row has more cells than it.
    """
    reader = csv.reader(io.StringIO(text))
    try:
        rows = [row for row in reader if row]
    except csv.Error as wrong:
        raise ValueError(f"line {reader.line_num}: is no CSV: {wrong}") from wrong
    if not rows:
        raise ValueError("is empty; a header with the column names is needed")
    names = tuple(name.strip().lower() for name in rows[0])
    for number, row in enumerate(rows[1:], 1):
        if len(row) > len(names):
            raise ValueError(f"row {number}: has {len(row)} cells, the header {len(names)}")
    return names, [
        dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=True)) for row in rows[1:]
    ]


def table_of(path: Path, columns: Sequence[str]) -> list[Record]:
    """Return the records of a CSV file that has these columns, and perhaps more.

    Raises
    ------
    ConfigError
        If there is no such file, it is no CSV, or a column is missing.
    """
    try:
        names, records = csv_records(text_of(path))
    except ValueError as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong
    missing = [name for name in columns if name not in names]
    if missing:
        refuse(path, [f"column {' and '.join(missing)} missing; found {', '.join(names)}"])
    return records


def cleaned(text: str, length_max: int) -> str:
    """Return a text on one line without control characters, cut at a length."""
    printable = "".join(one if one.isprintable() else " " for one in text[: 4 * length_max])
    return " ".join(printable.split())[:length_max]


def refuse(path: Path, problems: Sequence[str]) -> None:
    """Raise ConfigError with all problems of a file, if there are any."""
    if not problems:
        return
    lines = [f"{path}: {problem}" for problem in problems[:PROBLEMS_MAX]]
    if len(problems) > PROBLEMS_MAX:
        lines.append(f"{path}: and {len(problems) - PROBLEMS_MAX} more")
    raise ConfigError("\n".join(lines))
