"""What prices did while a position was open, minute by minute, and what crossing the spread cost.

Long positions live on bids, short ones on asks, as at the broker. A minute in which the broker
closed a position by its stop or target counts with the closing price alone: what else it touched
may have come afterwards.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blackboard.facts.decision import Side
from models.market.sessions import DAY_NS, MINUTE_NS
from runtime.terminals.simulated.prices import Prices, UnknownRate
from runtime.terminals.simulated.source import MarketSource

_LOOKBACK_NS = 4 * DAY_NS
"""Further back than any weekend."""


class Held(NamedTuple):
    """A position as far as its prices go."""

    symbol: str
    side: Side
    lots: float
    opened_ns: int
    closed_ns: int
    open_price: float
    close_price: float
    closed_within: bool
    """Whether the broker closed it inside the minute that ends at `closed_ns`."""


class Course(NamedTuple):
    """What became of it, in account currency; all NaN where there are no prices."""

    adverse: float
    favourable: float
    spread_cost: float


UNSEEN = Course(math.nan, math.nan, math.nan)


class MinutePrices:
    """The minutes of a run's market, with its spreads."""

    def __init__(self, source: MarketSource, currency: str, spread_factor: float) -> None:
        self._source = source
        self._factor = spread_factor
        self._prices = Prices(source, currency, spread_factor)
        self._traits = {traits.name: traits for traits in source.traits()}

    def course(self, held: Held) -> Course:
        """Return how far the price went against and for a position, and what the spread took."""
        traits = self._traits.get(held.symbol)
        if traits is None:
            return UNSEEN
        try:
            rate = self._prices.closing_rate(traits.currency_profit, held.closed_ns)
        except UnknownRate:
            return UNSEEN
        per_price = held.lots * traits.contract_size * rate
        lowest, highest = self._extremes(held)
        moves = ((lowest - held.open_price), (highest - held.open_price))
        down, up = -moves[0] * per_price, moves[1] * per_price
        adverse, favourable = (down, up) if held.side is Side.BUY else (up, down)
        last_ns = held.closed_ns - MINUTE_NS if held.closed_within else held.closed_ns
        spreads = self._spread(held.symbol, held.opened_ns) + self._spread(held.symbol, last_ns)
        return Course(max(adverse, 0.0), max(favourable, 0.0), 0.5 * spreads * per_price)

    def _extremes(self, held: Held) -> tuple[float, float]:
        from_ns = held.opened_ns // MINUTE_NS * MINUTE_NS
        until_ns = held.closed_ns - MINUTE_NS if held.closed_within else held.closed_ns
        minutes = self._source.minutes(held.symbol, from_ns, until_ns)
        over = np.zeros(len(minutes)) if held.side is Side.BUY else self._over(held.symbol, minutes)
        lows = np.append(minutes["low"] + over, (held.open_price, held.close_price))
        highs = np.append(minutes["high"] + over, (held.open_price, held.close_price))
        return float(lows.min()), float(highs.max())

    def _over(self, symbol: str, minutes: NDArray[np.void]) -> NDArray[np.float64]:
        points: NDArray[np.float64] = np.rint(minutes["spread_points"] * self._factor)
        return points * self._traits[symbol].point

    def _spread(self, symbol: str, open_ns: int) -> float:
        minutes = self._source.minutes(symbol, open_ns - _LOOKBACK_NS, open_ns + 1)
        return float(self._over(symbol, minutes[-1:])[0]) if len(minutes) else math.nan
