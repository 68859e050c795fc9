"""HistData.com: minutes as ASCII and in MetaTrader's form, and ticks; bid prices.

Forms, without a header (histdata.com/f-a-q/data-files-detailed-specification, 2012 and later):

- ASCII M1 ``20180101 170000;1.200370;1.201000;1.200370;1.201000;0``
- MetaTrader M1 ``2018.01.01,17:00,1.200370,1.201000,1.200370,1.201000,0``, which is also what a
  MetaTrader 4 terminal exports, then on its server's clock
- ASCII ticks ``20180101 170014123,1.200370,1.200520,0``: bid, ask, volume

The provider states Eastern Standard Time without daylight saving (UTC-05:00 all year). The files of
2018 keep New York's wall time instead, with daylight saving: their weeks open at 17:00 in summer
too, not at 16:00. So both are candidates, and the weeks of a file decide (`source_clock`). The
volume is 0 throughout.
"""

import re
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from models.market.sessions import MINUTE_NS
from runtime.bar_formats.read_file import ReadFile, TextBars
from runtime.bar_formats.source_clock import Clocks, FileClock, dated
from runtime.bar_formats.text_table import TextTable, day_ns, minute_ns, second_ns
from runtime.bar_formats.ticks import minutes_of
from runtime.terminals.simulated.bar_files import PRICES, FileName, IntArray

STATED: Final = FileClock("UTC-05:00", "HistData as stated, without daylight saving")
FOUND: Final = FileClock("America/New_York", "HistData as found in files of 2018")

_ASCII: Final = re.compile(r"\d{8} \d{6};")
_METATRADER: Final = re.compile(r"\d{4}\.\d\d\.\d\d,\d\d:\d\d,")
_TICKS: Final = re.compile(r"\d{8} \d{9},")


def is_ascii(head: str) -> bool:
    """Return whether a file begins as the ASCII form does."""
    return _ASCII.match(head) is not None


def is_metatrader(head: str) -> bool:
    """Return whether a file begins as MetaTrader's form does."""
    return _METATRADER.match(head) is not None


def is_ticks(head: str) -> bool:
    """Return whether a file begins as ticks do."""
    return _TICKS.match(head) is not None


def open_ascii(path: Path, subject: FileName, clocks: Clocks) -> TextBars:
    """Open the ASCII form."""
    table = TextTable(path, ";", ("time", *PRICES, "volume"))
    allowed = "as 20180131 174500"
    table.require(pc.match_substring_regex(table.text("time"), r"^\d{8} \d{6}$"), "time", allowed)
    wall_ns = (
        table.parsed("time", (0, 8), day_ns, allowed)
        + table.parsed("time", (9, 13), minute_ns, allowed)
        + table.parsed("time", (13, None), second_ns, allowed)
    )
    found = dated(wall_ns, subject.timeframe.length_ns, (STATED, FOUND), clocks)
    return TextBars(table, f"HistData ASCII, clock {found.words}", found.open_ns)


def open_metatrader(path: Path, subject: FileName, clocks: Clocks) -> TextBars:
    """Open MetaTrader's form, by HistData or by a terminal."""
    table = TextTable(path, ",", ("date", "time", *PRICES, "volume"))
    wall_ns = table.parsed("date", (0, None), day_ns, "as 2018.01.31") + table.parsed(
        "time", (0, None), minute_ns, "as 17:45"
    )
    server = FileClock(clocks.server.zone, "a MetaTrader server's, terminal.server_zone")
    found = dated(wall_ns, subject.timeframe.length_ns, (STATED, FOUND, server), clocks)
    return TextBars(table, f"MetaTrader CSV, clock {found.words}", found.open_ns)


def open_ticks(path: Path, subject: FileName, clocks: Clocks) -> ReadFile:
    """Open ticks as minutes."""
    table = TextTable(path, ",", ("time", "bid", "ask", "volume"))
    found = dated(_tick_wall_ns(table), MINUTE_NS, (STATED, FOUND), clocks)
    origin = f"HistData ticks, clock {found.words}"
    return minutes_of(path, origin, found.open_ns, table.floats("bid"), table.floats("ask"))


def _tick_wall_ns(table: TextTable) -> IntArray:
    allowed = "as 20180131 174500123"
    table.require(pc.match_substring_regex(table.text("time"), r"^\d{8} \d{9}$"), "time", allowed)
    return (
        table.parsed("time", (0, 8), day_ns, allowed)
        + table.parsed("time", (9, 13), minute_ns, allowed)
        + table.parsed("time", (13, None), second_ns, allowed)
    )
