"""What a policy sees: one function for training and for live facts, so that both mean the same.

Everything is clipped and stationary, and nothing tells the date, so no session can be memorised.
"""

from typing import Final

import numpy as np

from models.learning.adaptation.lattice import PARAMETERS, Space
from models.market.bars import FloatArray

FEATURES: Final = (
    "rsi_distance",  # mean over symbols of |RSI − 50| / 50
    "range_ratio_log",  # mean logarithm of the latest ranges over usual ones
    "lean",  # mean distance of the votes from ½, tenfold
    "correlation_abs",  # mean absolute correlation of the symbols
    "sentiment",  # mean distance of the sentiment's votes from ½, fivefold
    "spread_ratio_log",  # mean logarithm of spread over its usual size
    "week_sin",
    "week_cos",
)
"""Features of the market, in the order of a lattice's context."""
STATE: Final = (*(f"at_{name}" for name in PARAMETERS), "drawdown", "recent_trades")
"""What follows them: where the parameters stand, without which the future would depend on more than
is seen, and how the account fares."""
NAMES: Final = (*FEATURES, *STATE)
CONTEXT_MAX: Final = 3.0
DRAWDOWN_UNIT: Final = 0.1
TRADES_UNIT: Final = 10.0


def observe(
    context: FloatArray,
    parameters: FloatArray,
    drawdown_frac: FloatArray,
    recent_trades: FloatArray,
    space: Space,
) -> FloatArray:
    """Return observations in the order of `NAMES`, shape (n, n_names).

    Parameters
    ----------
    context : ndarray of shape (n, n_features)
        In the order of `FEATURES`; NaN, which is not known, becomes 0.
    parameters : ndarray of shape (n, 4)
        As they stand.
    drawdown_frac, recent_trades : ndarray of shape (n,)
        Of the account, and the trades entered in the latest session.
    space : Space
        Bounds.
    """
    return beside_state(tamed(context), parameters, drawdown_frac, recent_trades, space)


def tamed(context: FloatArray) -> FloatArray:
    """Return the context without what is wild or unknown; a lattice's is tamed once."""
    return np.nan_to_num(np.clip(context, -CONTEXT_MAX, CONTEXT_MAX), nan=0.0)


def beside_state(
    seen: FloatArray,
    parameters: FloatArray,
    drawdown_frac: FloatArray,
    recent_trades: FloatArray,
    space: Space,
) -> FloatArray:
    """Return observations whose context is tamed already; arguments otherwise as in `observe`."""
    count = len(FEATURES)
    whole = np.empty((len(seen), len(NAMES)))
    whole[:, :count] = seen
    whole[:, count:-2] = space.scaled(parameters)
    whole[:, -2] = np.minimum(drawdown_frac / DRAWDOWN_UNIT, CONTEXT_MAX)
    whole[:, -1] = np.minimum(recent_trades / TRADES_UNIT, CONTEXT_MAX)
    return whole
