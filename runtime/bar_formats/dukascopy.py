"""Dukascopy: candles and ticks from its website, from JForex, and from dukascopy-node.

Forms, all with a header line:

- website ``Gmt time,Open,High,Low,Close,Volume`` with ``01.01.2018 22:00:00.000``, on UTC
- website ``Local time,...`` with ``01.01.2018 23:00:00.000 GMT+0100``: each row states its offset
- JForex ``Time (UTC),...`` or ``Time (EET),...`` with ``2018.01.01 22:00:00``; EET keeps the
  European dates of daylight saving
- website ticks ``Gmt time,Ask,Bid,AskVolume,BidVolume``
- dukascopy-node ``timestamp,open,high,low,close[,volume]`` and, for ticks,
  ``timestamp,askPrice,bidPrice[,...]``, in milliseconds since 1970
  (github.com/Leo4815162342/dukascopy-node, README, "Output formats")

A file of candles holds one side: bids are wanted, and a file that is named as asks is refused.
Minutes without a tick are filled with flat bars of volume 0, weekends too; they are left out, as a
terminal has none. The volume is in millions of the base currency, no count of ticks, and not kept.
"""

import re
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.market.sessions import HOUR_NS, MINUTE_NS
from runtime.bar_formats.read_file import ReadFile, TextBars
from runtime.bar_formats.source_clock import Clocks, Dated, FileClock, dated
from runtime.bar_formats.text_table import TextTable, day_ns, minute_ns, second_ns
from runtime.bar_formats.ticks import minutes_of
from runtime.terminals.simulated.bar_files import PRICES, FileName, IntArray

_HEADER: Final = re.compile(
    r"(gmt time|local time|time \(\w+\)),(open|ask),", re.IGNORECASE
)  # fmt: skip
_NODE_HEADER: Final = re.compile(r"timestamp,(open|askprice|bidprice),", re.IGNORECASE)
_ZONE: Final = re.compile(r"time \((\w+)\)")
_ZONES: Final = {"utc": "UTC", "gmt": "UTC", "eet": "EET"}
_OFFSET: Final = re.compile(r"gmt([+-])(\d\d):?(\d\d)")
_ASKS: Final = re.compile(r"[-_]ask[-_.]", re.IGNORECASE)
_MILLISECOND_NS: Final = 1_000_000
_EPOCH_MS_MIN: Final = 946_684_800_000
_EPOCH_MS_MAX: Final = 4_102_444_800_000
"""Years 2000 to 2100; seconds in the place of milliseconds lie in 1970."""


def is_dukascopy(head: str) -> bool:
    """Return whether a file begins as those of the website and of JForex do."""
    return _HEADER.match(head) is not None


def is_node(head: str) -> bool:
    """Return whether a file begins as those of dukascopy-node do."""
    return _NODE_HEADER.match(head) is not None


def open_dukascopy(path: Path, subject: FileName, clocks: Clocks) -> TextBars | ReadFile:
    """Open candles or ticks of the website or of JForex."""
    table = TextTable(path, ",")
    name = table.names[0]
    found = _stated(table, name, subject.timeframe.length_ns, clocks)
    if "ask" in table.names:
        origin = f"Dukascopy ticks, clock {found.words}"
        return minutes_of(path, origin, found.open_ns, table.floats("bid"), table.floats("ask"))
    return _candles(table, f"Dukascopy candles, clock {found.words}", found.open_ns)


def open_node(path: Path, subject: FileName, clocks: Clocks) -> TextBars | ReadFile:
    """Open candles or ticks of dukascopy-node."""
    table = TextTable(path, ",")
    allowed = "milliseconds since 1970, from the years 2000 to 2100"
    text = table.text("timestamp")
    table.require(pc.match_substring_regex(text, r"^\d{12,13}$"), "timestamp", allowed)
    stamps = text.cast("int64")
    in_range = pc.and_(pc.greater_equal(stamps, _EPOCH_MS_MIN), pc.less(stamps, _EPOCH_MS_MAX))
    table.require(in_range, "timestamp", allowed)
    open_ns = stamps.to_numpy() * _MILLISECOND_NS
    if "askprice" in table.names:
        prices = [table.floats(side) for side in ("bidprice", "askprice")]
        return minutes_of(path, "dukascopy-node ticks, clock UTC", open_ns, *prices)
    return _candles(table, "dukascopy-node candles, clock UTC", open_ns)


def _candles(table: TextTable, origin: str, open_ns: IntArray) -> TextBars:
    if _ASKS.search(table.path.name):
        raise ValueError("holds asks; bars are bids, and the ask is the bid with the spread")
    missing = [name for name in PRICES if name not in table.names]
    if missing:
        raise ValueError(f"column {', '.join(missing)} missing, found {', '.join(table.names)}")
    kept = None
    if "volume" in table.names:
        traded = table.floats("volume") > 0.0
        if not traded.all():
            texts = [table.text(name) for name in PRICES]
            is_flat = pc.and_(pc.equal(texts[1], texts[2]), pc.equal(texts[0], texts[3])).to_numpy(
                zero_copy_only=False
            )
            kept = np.flatnonzero(traded | ~is_flat)
    return TextBars(table, origin, open_ns, kept=kept)


def _stated(table: TextTable, name: str, length_ns: int, clocks: Clocks) -> Dated:
    allowed = "as 31.01.2018 17:45:00.000 or 2018.01.31 17:45:00"
    moments = table.text(name)
    if name == "local time":
        allowed = "as 31.01.2018 17:45:00.000 GMT+0100: a local time needs its offset"
        pattern = r"^.{10} \d\d:\d\d:\d\d(\.\d{3})? GMT[+-]\d\d:?\d\d$"
    else:
        pattern = r"^.{10} \d\d:\d\d:\d\d(\.\d{3})?$"
    table.require(pc.match_substring_regex(moments, pattern), name, allowed)
    wall_ns = table.parsed(name, (0, 10), day_ns, allowed) + table.parsed(
        name, (11, 16), minute_ns, allowed
    )
    seconds = pc.replace_substring_regex(pc.utf8_slice_codeunits(moments, 16, None), r" GMT.*$", "")
    wall_ns += table.parsed_of(seconds, name, second_ns, allowed)
    if name == "local time":
        return Dated(wall_ns - _offsets_ns(table, moments, allowed), "as each row states")
    zone = "gmt" if name == "gmt time" else _ZONE.fullmatch(name)[1]  # type: ignore[index]
    if zone not in _ZONES:
        raise ValueError(f"column {name} must be on one of {', '.join(_ZONES)}")
    return dated(
        wall_ns,
        length_ns,
        (FileClock(_ZONES[zone], "as the header states"),),
        Clocks(clocks.server),
    )


def _offsets_ns(table: TextTable, moments: pa.ChunkedArray, allowed: str) -> IntArray:
    texts = pc.utf8_lower(pc.replace_substring_regex(moments, r"^.* ", ""))
    return table.parsed_of(texts, "local time", _offset_ns, allowed)


def _offset_ns(text: str) -> int:
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise ValueError(text)
    size_ns = int(match[2]) * HOUR_NS + int(match[3]) * MINUTE_NS
    return size_ns if match[1] == "+" else -size_ns
