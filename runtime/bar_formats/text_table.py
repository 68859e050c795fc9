"""A delimited text file as columns of text, and what its cells mean.

Cells are kept as text until they are asked for, so that a refusal can name the line and the value
as they stand in the file.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from models.market.sessions import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from runtime.terminals.simulated.bar_files import FloatArray, IntArray

CELL_LENGTH_MAX: Final = 60
"""Characters of a wrong cell that a message repeats."""

_DAY: Final = re.compile(r"(\d{4})([.-]?)(\d\d)\2(\d\d)|(\d\d)\.(\d\d)\.(\d{4})")
_FRACTION_NS: Final = 1_000_000


class TextTable:
    """One file; raises ValueError where it is no table of so many columns.

    Parameters
    ----------
    path : Path
        The file, in UTF-8.
    delimiter : str
        One character.
    names : tuple of str, optional
        Names of the columns of a file without a header line.
    """

    def __init__(self, path: Path, delimiter: str, names: tuple[str, ...] = ()) -> None:
        self.path = path
        self._has_header = not names
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = file.readline()
        own = names or tuple(cell.strip().lower() for cell in head.split(delimiter))
        self.names = own
        try:
            self._table = pa_csv.read_csv(
                path,
                read_options=pa_csv.ReadOptions(
                    column_names=list(own), skip_rows=int(self._has_header), use_threads=False
                ),
                parse_options=pa_csv.ParseOptions(delimiter=delimiter),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(own, pa.string()), strings_can_be_null=False
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError) as broken:
            raise ValueError(
                f"every line must have {len(own)} cells between {delimiter!r}: {broken}"
            ) from broken
        self._table = self._table.combine_chunks()

    def __len__(self) -> int:
        return len(self._table)

    def text(self, name: str) -> pa.ChunkedArray:
        """Return a column as it stands in the file."""
        return self._table[name]

    def floats(self, name: str, rows: pa.Array | None = None) -> FloatArray:
        """Return a column as numbers, of some rows or all; names the first cell that is none."""
        column = self._table[name] if rows is None else self._table[name].take(rows)
        try:
            values: FloatArray = column.cast("float64").to_numpy()
        except pa.ArrowInvalid:
            is_number = pc.match_substring_regex(column, r"^\s*[-+]?[0-9]*\.?[0-9]+([eE]\S+)?\s*$")
            at = int(np.argmin(is_number.to_numpy(zero_copy_only=False)))
            row = at if rows is None else rows[at].as_py()
            raise ValueError(self.wrong(row, name, "a number such as 1.20015")) from None
        return values

    def wrong(self, row: int, name: str, allowed: str) -> str:
        """Return the refusal of a cell: line, name, what is allowed, and what stands there."""
        found = self._table[name][row].as_py()
        return f"line {self._line(row)}: {name} must be {allowed}, was {shown(found)}"

    def require(self, is_right: pa.ChunkedArray, name: str, allowed: str) -> None:
        """Raise ValueError for the first cell of a column that is not right."""
        flags = is_right.to_numpy(zero_copy_only=False)
        if not flags.all():
            raise ValueError(self.wrong(int(np.argmin(flags)), name, allowed))

    def parsed(
        self, name: str, part: tuple[int, int | None], parse: Callable[[str], int], allowed: str
    ) -> IntArray:
        """Return what characters of each cell mean; each distinct text is parsed once."""
        return self.parsed_of(pc.utf8_slice_codeunits(self.text(name), *part), name, parse, allowed)

    def parsed_of(
        self, texts: pa.ChunkedArray, name: str, parse: Callable[[str], int], allowed: str
    ) -> IntArray:
        """Return what texts that were made of a column mean."""
        coded = texts.combine_chunks().dictionary_encode()
        of_row: IntArray = coded.indices.to_numpy(zero_copy_only=False)
        values = np.empty(len(coded.dictionary), dtype=np.int64)
        for index, text in enumerate(coded.dictionary.to_pylist()):
            try:
                values[index] = parse(text)
            except ValueError:
                row = int(np.argmax(of_row == index))
                raise ValueError(self.wrong(row, name, allowed)) from None
        return values[of_row]

    def _line(self, row: int) -> int:
        """Return the number of the line of a row, empty lines counted as an editor counts them."""
        left = row + int(self._has_header)
        with self.path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip("\r\n"):
                    if left == 0:
                        return number
                    left -= 1
        return row + 1 + int(self._has_header)


def shown(cell: str) -> str:
    """Return a foreign text as a message may repeat it."""
    return repr(cell[:CELL_LENGTH_MAX])


def day_ns(text: str) -> int:
    """Return the first moment of a day such as 20180131, 2018.01.31, 2018-01-31 or 31.01.2018."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day = (
        (match[1], match[3], match[4]) if match[1] else (match[7], match[6], match[5])
    )
    return int(np.datetime64(f"{year}-{month}-{day}", "D").astype(np.int64)) * DAY_NS


def minute_ns(text: str) -> int:
    """Return the time of day of 1745 or 17:45."""
    digits = text.replace(":", "", 1)
    hour, minute = int(digits[:2]), int(digits[2:])
    if len(digits) != 4 or not digits.isdecimal() or hour > 23 or minute > 59:
        raise ValueError(text)
    return hour * HOUR_NS + minute * MINUTE_NS


def second_ns(text: str) -> int:
    """Return what 00, 00123, :00 or :00.123 add to a minute."""
    digits = text.removeprefix(":").replace(".", "", 1)
    if not digits.isdecimal() or len(digits) not in (2, 5) or int(digits[:2]) > 59:
        raise ValueError(text)
    return int(digits[:2]) * SECOND_NS + int(digits[2:] or 0) * _FRACTION_NS
