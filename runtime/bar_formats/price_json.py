"""Prices as JSON: Twelve Data's time series, and Financial Modeling Prep's charts.

- Twelve Data ``{"meta": {"symbol": "EUR/USD", "interval": "1min", ...}, "values": [{"datetime":
  "2018-01-01 22:00:00", "open": "1.20037", ...}], "status": "ok"}``, newest first unless asked
  otherwise, figures as text (twelvedata.com/docs, "Time series"; parameters `timezone`, `order`).
  The zone is the one in `meta` (`timezone`, `exchange_timezone`), where it is named. Currencies
  often have none there: then the weeks of the file decide between UTC and New York.
- FMP ``[{"date": "2018-01-01 17:00:00", "open": 1.20037, "low": ..., "volume": 0}]`` newest first,
  and ``{"symbol": "EURUSD", "historical": [...]}``. The provider says New York
  (github.com/FinancialModelingPrepAPI/Financial-Modeling-Prep-API, issue 30); files on UTC are seen
  too, and the weeks decide.

Prices are a provider's own, near bids. An error that was saved in place of prices is refused with
its message.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from blackboard.errors import ConfigError
from blackboard.facts.market import Timeframe
from runtime.bar_formats.read_file import ReadFile
from runtime.bar_formats.source_clock import Clocks, Dated, FileClock, dated
from runtime.bar_formats.text_table import day_ns, minute_ns, second_ns, shown
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated.bar_files import PRICES, FileName, FloatArray, IntArray

INTERVALS: Final = {
    "1min": Timeframe.M1,
    "5min": Timeframe.M5,
    "15min": Timeframe.M15,
    "30min": Timeframe.M30,
    "1h": Timeframe.H1,
    "4h": Timeframe.H4,
    "1day": Timeframe.D1,
}
"""Twelve Data's names of timeframes."""

_CANDIDATES: Final = (
    FileClock("UTC", "as asked with timezone=UTC"),
    FileClock("America/New_York", "New York's"),
)
_FMP_CLOCKS: Final = (
    FileClock("America/New_York", "FMP as stated"),
    FileClock("UTC", "FMP as found"),
)

_Figure = str | float | None


class Row(msgspec.Struct):
    """One bar of either."""

    open: _Figure = None
    high: _Figure = None
    low: _Figure = None
    close: _Figure = None
    datetime: str = ""
    date: str = ""
    is_complete: bool = True


class Meta(msgspec.Struct):
    """What Twelve Data says of a series."""

    symbol: str
    interval: str
    timezone: str = ""
    exchange_timezone: str = ""


class Answer(msgspec.Struct):
    """Every object that either gives; which fields are there tells what it is."""

    meta: Meta | None = None
    values: list[Row] | None = None
    symbol: str = ""
    historical: list[Row] | None = None
    status: str = ""
    code: int = 0
    message: str = ""
    error: str = msgspec.field(default="", name="Error Message")


def is_json(head: str) -> bool:
    """Return whether a file begins as JSON does."""
    return head.lstrip()[:1] in ("{", "[")


def open_json(path: Path, subject: FileName, clocks: Clocks) -> ReadFile:
    """Open prices of either provider."""
    answer = answer_of(path)
    named = subject_in(answer)
    if named is not None and named != subject:
        raise ValueError(
            f"is named {subject.symbol} {subject.timeframe}, but holds "
            f"{named.symbol} {named.timeframe}"
        )
    if answer.meta is not None and answer.values is not None:
        return _opened(
            path, "Twelve Data", answer.values, subject, _meta_clocks(answer.meta), clocks
        )
    if answer.historical is not None:
        return _opened(path, "FMP", answer.historical, subject, _FMP_CLOCKS, clocks)
    raise ValueError("has no prices: neither meta with values, nor historical, nor a list of bars")


def answer_of(path: Path) -> Answer:
    """Read a file; raises ValueError where it is no JSON of a known shape, or an error's."""
    raw = path.read_bytes()
    try:
        if raw.lstrip()[:1] == b"[":
            return Answer(historical=msgspec.json.decode(raw, type=list[Row]))
        answer = msgspec.json.decode(raw, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as broken:
        raise ValueError(f"is no JSON of prices: {broken}") from broken
    said = answer.error or answer.message
    if answer.status == "error" or (said and not answer.values and not answer.historical):
        raise ValueError(f"is an error's answer, code {answer.code}: {shown(said)}")
    return answer


def subject_in(answer: Answer) -> FileName | None:
    """Return what an answer says that it holds, None where it does not."""
    if answer.meta is not None:
        timeframe = INTERVALS.get(answer.meta.interval)
        if timeframe is None:
            raise ValueError(
                f"interval must be one of {', '.join(INTERVALS)}, was {shown(answer.meta.interval)}"
            )
        return FileName(answer.meta.symbol.replace("/", "").upper(), timeframe)
    if answer.symbol and answer.historical is not None:
        return FileName(answer.symbol.replace("/", "").upper(), Timeframe.D1)
    return None


def _meta_clocks(meta: Meta) -> tuple[FileClock, ...]:
    zone = meta.timezone or meta.exchange_timezone
    return (FileClock(zone, "as its meta states"),) if zone else _CANDIDATES


def _opened(
    path: Path,
    provider: str,
    rows: Sequence[Row],
    subject: FileName,
    candidates: tuple[FileClock, ...],
    clocks: Clocks,
) -> ReadFile:
    if not rows:
        raise ValueError("has no bar")
    wall_ns = _wall_ns(rows)
    if len(candidates) == 1:
        # What a file states of itself is not asked of the settings.
        clocks = Clocks(clocks.server)
        try:
            ServerClock(candidates[0].zone, "the meta's timezone")
        except ConfigError as unknown:
            raise ValueError(str(unknown)) from unknown
    found = dated(wall_ns, subject.timeframe.length_ns, candidates, clocks)
    prices = {name: _figures(rows, name) for name in PRICES}
    if len(rows) > 1 and (np.diff(found.open_ns) < 0).all():
        found = Dated(found.open_ns[::-1], found.words)
        prices = {name: values[::-1] for name, values in prices.items()}
    return ReadFile(path, f"{provider} JSON, clock {found.words}", found.open_ns, prices)


def _wall_ns(rows: Sequence[Row]) -> IntArray:
    known: dict[str, int] = {}
    wall_ns = np.empty(len(rows), dtype=np.int64)
    for number, row in enumerate(rows):
        text = row.datetime or row.date
        day, _, clock = text.partition(" ")
        try:
            if day not in known:
                known[day] = day_ns(day)
            if clock not in known:
                known[clock] = minute_ns(clock[:5]) + second_ns(clock[5:]) if clock else 0
        except ValueError:
            raise ValueError(
                f"row {number + 1}: datetime must be as 2018-01-31 17:45:00, was {shown(text)}"
            ) from None
        wall_ns[number] = known[day] + known[clock]
    return wall_ns


def _figures(rows: Sequence[Row], name: str) -> FloatArray:
    figures: list[Any] = [getattr(row, name) for row in rows]
    try:
        return np.asarray(figures, dtype=np.float64)
    except (ValueError, TypeError):
        at = next(index for index, figure in enumerate(figures) if not _is_number(figure))
    raise ValueError(f"row {at + 1}: {name} must be a number, was {shown(str(figures[at]))}")


def _is_number(figure: _Figure) -> bool:
    try:
        float(figure)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return True
