"""Columns of one run made longer, shorter or wider by repeating what is there."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.market.sessions import WEEK_NS
from runtime.columns import Columns
from runtime.columns.calendar import days_of

CLOSE_TIMES = ("close_ns", "week_open_ns", "week_close_ns", "week_close_before_ns")
QUOTE_TIMES = ("quote_ns", "quote_valid_until_ns")
VALUED_BY = ("profit_first", "profit_second", "base_first", "base_second")
"""Places of the symbols by which a currency is valued."""

Rows = NDArray[np.void]


def of_closes(columns: Columns, closes: int) -> Columns:
    """Return the first so many closes."""
    end_ns = int(columns.closes["close_ns"][closes - 1])
    return msgspec.structs.replace(
        columns,
        end_ns=end_ns,
        closes=columns.closes[:closes],
        views=columns.views[:closes],
        votes=columns.votes[:closes],
        voters_at=columns.voters_at[:closes],
        correlation=columns.correlation[:closes],
        readings_ns=columns.readings_ns[columns.readings_ns <= end_ns],
    )


def in_time(columns: Columns, times: int) -> Columns:
    """Return the run several times over, whole weeks apart."""
    start_ns = int(columns.readings_ns[0])
    span_ns = ((columns.end_ns - start_ns) // WEEK_NS + 1) * WEEK_NS
    end_ns = columns.end_ns + (times - 1) * span_ns
    minutes = [_later(each, ("open_ns",), times, span_ns) for each in _by_symbol(columns)]
    points = [np.tile(each, times) for each in np.split(columns.spread_points, columns.first[1:-1])]
    return msgspec.structs.replace(
        columns,
        end_ns=end_ns,
        first=np.cumsum([0, *map(len, minutes)]),
        minutes=np.concatenate(minutes),
        spread_points=np.concatenate(points),
        closes=_later(columns.closes, CLOSE_TIMES, times, span_ns),
        views=_later(columns.views, QUOTE_TIMES, times, span_ns),
        votes=np.concatenate([columns.votes] * times),
        voters_at=np.concatenate([columns.voters_at] * times),
        correlation=np.concatenate([columns.correlation] * times),
        days=days_of(start_ns, end_ns),
        rollovers=_later(columns.rollovers, ("at_ns",), times, span_ns),
        readings_ns=np.concatenate([columns.readings_ns + n * span_ns for n in range(times)]),
    )


def in_symbols(columns: Columns, count: int) -> Columns:
    """Return the run with so many symbols, which repeat those that are there."""
    picked = [place % len(columns.symbols) for place in range(count)]
    contracts = columns.contracts[picked].copy()
    for field in VALUED_BY:
        contracts[field] = [picked.index(v) if v in picked else -1 for v in contracts[field]]
    minutes = _by_symbol(columns)
    points = np.split(columns.spread_points, columns.first[1:-1])
    return msgspec.structs.replace(
        columns,
        symbols=tuple(f"{columns.symbols[each]}{place}" for place, each in enumerate(picked)),
        contracts=contracts,
        first=np.cumsum([0, *(len(minutes[each]) for each in picked)]),
        minutes=np.concatenate([minutes[each] for each in picked]),
        spread_points=np.concatenate([points[each] for each in picked]),
        views=np.ascontiguousarray(columns.views[:, picked]),
        votes=np.ascontiguousarray(columns.votes[:, picked]),
        correlation=np.ascontiguousarray(columns.correlation[:, picked][:, :, picked]),
    )


def _by_symbol(columns: Columns) -> list[Rows]:
    return np.split(columns.minutes, columns.first[1:-1])


def _later(rows: Rows, times_of: tuple[str, ...], times: int, span_ns: int) -> Rows:
    copies = []
    for place in range(times):
        copy = rows.copy()
        for field in times_of:
            copy[field] += place * span_ns
        copies.append(copy)
    return np.concatenate(copies)
