"""Every format in which recorded bars can be given, and which of them a file is.

The content decides, never the suffix. What a file is of, its symbol and timeframe, stands in its
name, by our own scheme or its provider's, or inside it.
"""

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from blackboard.facts.market import Timeframe
from runtime.bar_formats import dukascopy, histdata, price_json
from runtime.bar_formats.source_clock import Clocks
from runtime.bar_formats.text_table import shown
from runtime.terminals.simulated.bar_files import (
    BarsFile,
    ExportedBars,
    FileName,
    ParquetBars,
    name_of,
)

HEAD_BYTES: Final = 4096

_PARQUET_MAGIC: Final = b"PAR1"
_HISTDATA_NAME: Final = re.compile(r"^DAT_[A-Z]+_(?P<symbol>[A-Z]{6})_(M1|T)_")
_DUKASCOPY_NAME: Final = re.compile(
    r"^(?P<symbol>[A-Za-z]{6})_Candlestick_(?P<count>\d+)_(?P<unit>[A-Za-z]+)_"
)
_TICKS_NAME: Final = re.compile(r"^(?P<symbol>[A-Za-z]{6})_Ticks_")
_NODE_NAME: Final = re.compile(r"^(?P<symbol>[a-z]{6})-(?P<timeframe>tick|[mhd]\d+)(-|\.)")
_UNITS: Final = {"M": "M", "MIN": "M", "HOUR": "H", "H": "H", "D": "D", "DAY": "D"}


class Format(NamedTuple):
    """One format."""

    name: str
    clock: str
    """How its times become UTC, for people."""
    recognises: Callable[[str], bool]
    """Given the first characters of a file."""
    opens: Callable[[Path, FileName, Clocks], BarsFile]
    """Raises ValueError with what is wrong with a file."""


FORMATS: Final = (
    Format(
        "MetaTrader 5 export (begins with <DATE>)",
        "terminal.server_zone",
        lambda head: "<DATE>" in head,
        lambda path, _, clocks: ExportedBars(path, clocks.server),
    ),
    Format("HistData ASCII M1", "found", histdata.is_ascii, histdata.open_ascii),
    Format(
        "HistData or MetaTrader 4 CSV", "found", histdata.is_metatrader, histdata.open_metatrader
    ),
    Format("HistData ticks", "found", histdata.is_ticks, histdata.open_ticks),
    Format("Dukascopy CSV", "its header's", dukascopy.is_dukascopy, dukascopy.open_dukascopy),
    Format("dukascopy-node CSV", "UTC", dukascopy.is_node, dukascopy.open_node),
    Format(
        "Twelve Data or FMP JSON", "its meta's, or found", price_json.is_json, price_json.open_json
    ),
)
"""Text formats; Parquet is told by its first bytes."""


def open_bars(path: Path, subject: FileName, clocks: Clocks) -> BarsFile:
    """Open a file of any format.

    Raises
    ------
    ValueError
        If it is of none, or what is wrong with it.
    """
    with path.open("rb") as file:
        raw = file.read(HEAD_BYTES)
    if raw.startswith(_PARQUET_MAGIC):
        return ParquetBars(path)
    head = _text_of(raw)
    for each in FORMATS:
        if each.recognises(head):
            return each.opens(path, subject, clocks)
    known = "; ".join(["Parquet", *(each.name for each in FORMATS)])
    begins = shown(head.splitlines()[0] if head.strip() else "")
    raise ValueError(f"is of no known format, it begins with {begins}; known are: {known}")


def subject_of(path: Path) -> FileName | None:
    """Return what a file is of, None where neither its name nor its content tells."""
    return name_of(path) or _provider_name(path.name) or _inside(path)


def _provider_name(name: str) -> FileName | None:
    if match := _HISTDATA_NAME.match(name) or _TICKS_NAME.match(name):
        return FileName(match["symbol"].upper(), Timeframe.M1)
    if match := _DUKASCOPY_NAME.match(name):
        unit = _UNITS.get(match["unit"].upper(), "")
        return _named(match["symbol"], f"{unit}{match['count']}")
    if match := _NODE_NAME.match(name):
        return _named(match["symbol"], match["timeframe"].upper().replace("TICK", "M1"))
    return None


def _named(symbol: str, timeframe: str) -> FileName | None:
    try:
        return FileName(symbol.upper(), Timeframe(timeframe))
    except ValueError:
        return None  # such as 10 seconds


def _inside(path: Path) -> FileName | None:
    if path.suffix.lower() != ".json":
        return None
    try:
        return price_json.subject_in(price_json.answer_of(path))
    except ValueError:
        return None  # files of other things lie beside bars, and none of them is asked for


def _text_of(raw: bytes) -> str:
    # Old terminals write UTF-16.
    is_wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")
