"""What a stored model of volatility says to a golden batch: its forecasts at the latest closes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.market.bars import BarArray
from models.opinion.volatility_filter import VolatilityFilter

FloatArray = NDArray[np.float64]


def recited(
    filters: Mapping[str, VolatilityFilter],
    bars: Mapping[str, BarArray],
    horizon_bars: int,
    first_row: int,
    closes: int,
) -> FloatArray:
    """Return the standard deviations that fresh filters forecast at the latest closes.

    Parameters
    ----------
    filters : mapping of str to VolatilityFilter
        One a symbol, which has seen no bar yet.
    bars : mapping of str to BarArray
        Bars of each symbol, oldest first.
    horizon_bars : int
        One of the model's horizons.
    first_row : int
        Bars that a filter sees before it speaks.
    closes : int
        Closes of each symbol that are asked for; with fewer bars there are fewer.

    Returns
    -------
    ndarray of shape (n_symbols × n_closes,), float64
        Row t uses bars ≤ t.
    """
    said = []
    for symbol, filtered in filters.items():
        rows = bars[symbol][-(first_row + closes) :]
        prices = (rows[name] for name in ("open", "high", "low", "close"))
        filtered.extend_prices(np.ascontiguousarray(rows["close_ns"]), *prices)
        fit = next(fit for fit in filtered.model.fits if fit.horizon_bars == horizon_bars)
        said.append(filtered.columns(fit, len(rows)).sigma_frac[first_row:])
    return np.concatenate(said)
