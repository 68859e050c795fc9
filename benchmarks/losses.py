"""Losses of several forecasts on the same rows, and how a table tells of them.

QLIKE has no upper bound: one day on which a forecast was far too low can carry a mean of years. So
every mean can be had without its worst day, which is that of the yardstick and is named.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learning.loss_difference import diebold_mariano
from models.market.sessions import DAY_NS
from models.opinion.volatility_baselines import HAR_DESEASONALISED

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Losses(NamedTuple):
    """QLIKE of every forecast on the test rows of one symbol and horizon."""

    close_ns: IntArray
    by_name: dict[str, FloatArray]

    def mean(self, name: str) -> float:
        """Return the mean over all test rows."""
        return float(self.by_name[name].mean())

    def ratio(self, name: str) -> float:
        """Return the mean over that of HAR deseasonalised."""
        return self.mean(name) / self.mean(HAR_DESEASONALISED)

    def worst_day(self) -> np.datetime64:
        """Return the day (UTC) on which HAR deseasonalised lost most in all."""
        days, places = np.unique(self.close_ns // DAY_NS, return_inverse=True)
        worst = np.argmax(np.bincount(places, weights=self.by_name[HAR_DESEASONALISED]))
        return np.datetime64(int(days[worst]), "D")

    def without(self, day: np.datetime64) -> "Losses":
        """Return the rows of all other days."""
        kept = self.close_ns // DAY_NS != day.astype("datetime64[D]").astype(np.int64)
        return Losses(
            self.close_ns[kept], {name: loss[kept] for name, loss in self.by_name.items()}
        )


def pooled(losses: Sequence[Losses]) -> Losses:
    """Return the mean loss of several symbols at each close: symbols move together."""
    every = np.concatenate([each.close_ns for each in losses])
    close_ns, places = np.unique(every, return_inverse=True)
    counts = np.bincount(places)
    by_name = {
        name: np.bincount(places, np.concatenate([each.by_name[name] for each in losses])) / counts
        for name in losses[0].by_name
    }
    return Losses(close_ns, by_name)


def cell(losses: Losses, name: str, horizon_bars: int, lag_rows: int) -> str:
    """Return mean loss, its distance from HAR deseasonalised, and Diebold and Mariano's t."""
    if name == HAR_DESEASONALISED:
        return f"{losses.mean(name):.3f}"
    own, yardstick = losses.by_name[name], losses.by_name[HAR_DESEASONALISED]
    share = losses.ratio(name) - 1.0
    if np.array_equal(own, yardstick):
        return f"{losses.mean(name):.3f} {share:+.1%} (-)"
    test = diebold_mariano(own, yardstick, horizon=horizon_bars, lags=lag_rows)
    return f"{losses.mean(name):.3f} {share:+.1%} ({test.mean / test.error:.1f})"


def without_worst_days(losses: Mapping[str, Losses]) -> dict[str, Losses]:
    """Return every symbol's losses without its own worst day."""
    return {symbol: each.without(each.worst_day()) for symbol, each in losses.items()}
