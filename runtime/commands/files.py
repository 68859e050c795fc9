"""Rows into files: the options of verbs that write tables, and what they do."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

OUTPUT: Final = "-"
"""Names the output in the place of a file."""
CsvOption = Annotated[str, typer.Option("--csv", help="Write rows as CSV to a file, or to -.")]
ParquetOption = Annotated[
    Path | None, typer.Option("--parquet", help="Write rows as a Parquet file.")
]


def write_csv(kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct], where: str) -> None:
    """Write rows as CSV into a file, or to the output where that is ``-``."""
    from runtime.reports.tables import csv_text, write_text

    if where == OUTPUT:
        print(csv_text(kind, rows), end="")
    else:
        write_text(Path(where), csv_text(kind, rows))
