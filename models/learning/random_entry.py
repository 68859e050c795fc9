"""What a trade would have brought, entered at another moment or on the other side.

The smallest rules that a trade can have: in at a minute's open, out at its stop, at its target, or
when its time is over. Fills are as pessimistic as everywhere: the stop before the target within a
minute, and gaps go through it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@njit(cache=True)
def outcome(
    side: int,
    row: int,
    minutes: int,
    stop_distance: float,
    target_distance: float,
    opens: FloatArray,
    highs: FloatArray,
    lows: FloatArray,
    closes: FloatArray,
    spreads: FloatArray,
) -> tuple[int, float]:
    """Return the row at which a position ends, and by how much its price moved in its favour.

    Parameters
    ----------
    side : int
        +1 long, −1 short.
    row : int
        Minute at whose open it is entered, with room for `minutes` from there on.
    minutes : int
        Minutes after which it is closed at the latest, at the last one's close; at least 1.
    stop_distance, target_distance : float
        From the entry, in quote currency, > 0.
    opens, highs, lows, closes, spreads : ndarray of shape (n_minutes,), float64
        Bids, and the ask less the bid. NaN is not allowed.

    Returns
    -------
    tuple of int and float
        Row of the minute in which it ends; price moved in quote currency, spread paid.
    """
    # Longs enter at the ask and leave at the bid, shorts the other way round.
    entry = opens[row] + spreads[row] if side > 0 else opens[row]
    stop, target = entry - side * stop_distance, entry + side * target_distance
    last = row + minutes - 1
    for now in range(row, last + 1):
        over = 0.0 if side > 0 else spreads[now]
        opened = opens[now] + over
        worst = lows[now] if side > 0 else highs[now] + over
        best = highs[now] if side > 0 else lows[now] + over
        if side * (worst - stop) <= 0.0:
            price = opened if now > row and side * (opened - stop) < 0.0 else stop
            return now, side * (price - entry)
        if side * (best - target) >= 0.0:
            return now, side * (target - entry)
    over = 0.0 if side > 0 else spreads[last]
    return last, side * (closes[last] + over - entry)
