"""A stretch of columns: the same opinions for an account that begins later and ends earlier."""

import msgspec
import numpy as np

from runtime.columns.table import Columns


def stretch_of(columns: Columns, from_ns: int, until_ns: int) -> Columns:
    """Return the columns of the closes in (from, until]; what is open then stays open."""
    close_ns = columns.closes["close_ns"]
    rows = np.flatnonzero((close_ns > from_ns) & (close_ns <= until_ns))
    readings = columns.readings_ns
    opens_ns = np.ascontiguousarray(columns.minutes["open_ns"])
    chosen, counts = [], [0]
    for first, last in zip(columns.first[:-1], columns.first[1:], strict=True):
        edges = np.searchsorted(opens_ns[first:last], (from_ns, until_ns))
        # One more before: the first quotes may show its close.
        begin, end = max(0, int(edges[0]) - 1), int(edges[1])
        chosen.append(np.arange(first + begin, first + end))
        counts.append(end - begin)
    minutes = np.concatenate(chosen)
    return msgspec.structs.replace(
        columns,
        end_ns=until_ns,
        first=np.cumsum(counts).astype(np.int64),
        minutes=columns.minutes[minutes],
        spread_points=columns.spread_points[minutes],
        closes=columns.closes[rows],
        views=columns.views[rows],
        votes=columns.votes[rows],
        voters_at=columns.voters_at[rows],
        correlation=columns.correlation[rows],
        readings_ns=readings[(readings >= from_ns) & (readings <= until_ns)],
    )
