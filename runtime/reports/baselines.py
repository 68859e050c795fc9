"""What a run is held against: no trade, the symbols held without leverage, and random entries."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.learning.baselines import held_equity
from models.market.sessions import DAY_NS, from_market_clock_ns, market_clock_ns, weekday
from runtime.terminals.simulated.prices import Prices
from runtime.terminals.simulated.source import MarketSource

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NO_TRADE: Final = "no trade"
HELD: Final = "buy and hold"
RANDOM: Final = "random entries"
BAND: Final = (5.0, 95.0)
"""Quantiles of the random runs that the band shows, in percent."""
TRIPLE_NIGHTS: Final = 3
_SUNDAY_IS_ZERO: Final = 1  # the terminal counts weekdays from Sunday, the market clock from Monday


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Equity of a baseline over time."""

    name: str
    about: str
    """What it is, in a sentence for people."""
    ts_ns: tuple[int, ...]
    equity: tuple[float, ...]


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Many random runs: their median and the quantiles of `BAND` at each instant."""

    name: str
    about: str
    runs: int
    ts_ns: tuple[int, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]
    final_returns: tuple[float, ...]
    """Total return of each run, in the order of their seeds."""
    final_drawdowns: tuple[float, ...]
    """Deepest fall of each run."""


class Baselines(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    no_trade: Curve
    held: Curve
    random: Band | None
    """None where nothing was traded, so that there is no frequency to copy."""


def no_trade(deposit: float, start_ns: int, end_ns: int) -> Curve:
    """Return an account that nothing happens to."""
    return Curve(
        name=NO_TRADE,
        about="The deposit, left alone.",
        ts_ns=(start_ns, end_ns),
        equity=(deposit, deposit),
    )


class HeldMarket:
    """The symbols of a market, bought once and held."""

    def __init__(
        self, source: MarketSource, currency: str, spread_factor: float, commission: float
    ) -> None:
        self._prices = Prices(source, currency, spread_factor)
        self._commission = commission

    def curve(self, symbols: Sequence[str], deposit: float, start_ns: int, end_ns: int) -> Curve:
        """Return the equity at the start, at the end of every trading day, and at the end."""
        moments = [start_ns, *day_ends_ns(start_ns, end_ns), end_ns]
        shape = len(moments), len(symbols)
        bids, rates, swaps = np.empty(shape), np.empty(shape), np.zeros(shape)
        costs = np.empty(len(symbols))
        for column, symbol in enumerate(symbols):
            traits = self._prices.traits[symbol]
            for row, moment in enumerate(moments):
                quote = self._prices.quote(symbol, moment)
                assert quote is not None, f"{symbol} has a price before the run starts"
                bids[row, column] = quote.bid
                rates[row, column] = self._prices.rate(traits.currency_profit, moment)
                swaps[row, column] = (
                    traits.swap_long_points
                    * traits.point
                    * nights(moment, start_ns, traits.swap_triple_day)
                )
                if row == 0:
                    notional = traits.contract_size * quote.bid * rates[0, column]
                    costs[column] = (quote.ask - quote.bid) / quote.bid
                    costs[column] += 2.0 * self._commission / notional
        equity = held_equity(deposit, bids, rates, costs, swaps)
        return Curve(
            name=HELD,
            about=(
                "Each symbol bought at the start with an equal share of the deposit, without "
                "leverage, and held to the end; spread, commission and overnight interest paid."
            ),
            ts_ns=tuple(moments),
            equity=tuple(equity.tolist()),
        )


def day_ends_ns(start_ns: int, end_ns: int) -> list[int]:
    """Return the ends of the trading days (17:00 New York) within a span, both ends left out."""
    found, day = [], market_clock_ns(start_ns) // DAY_NS
    while (moment := from_market_clock_ns((day + 1) * DAY_NS)) < end_ns:
        if moment > start_ns and weekday(moment - 1) < 5:
            found.append(moment)
        day += 1
    return found


def nights(moment_ns: int, start_ns: int, triple_day: int) -> int:
    """Return the nights for which swap is booked at an instant: 3 at the end of the triple day."""
    is_day_end = market_clock_ns(moment_ns) % DAY_NS == 0 and moment_ns > start_ns
    if not is_day_end:
        return 0
    is_triple = weekday(moment_ns - 1) + _SUNDAY_IS_ZERO == triple_day
    return TRIPLE_NIGHTS if is_triple else 1


def band_of(ts_ns: IntArray, runs: FloatArray, about: str, drawdowns: Sequence[float]) -> Band:
    """Return the band of many runs.

    Parameters
    ----------
    ts_ns : ndarray of shape (n_points,), int64
    runs : ndarray of shape (n_runs, n_points), float64
        Equity of each run at each instant.
    about : str
        What was random.
    drawdowns : sequence of float
        Deepest fall of each run.
    """
    low, median, high = np.percentile(runs, (BAND[0], 50.0, BAND[1]), axis=0)
    return Band(
        name=RANDOM,
        about=about,
        runs=len(runs),
        ts_ns=tuple(ts_ns.tolist()),
        low=tuple(low.tolist()),
        median=tuple(median.tolist()),
        high=tuple(high.tolist()),
        final_returns=tuple((runs[:, -1] / runs[:, 0] - 1.0).tolist()),
        final_drawdowns=tuple(drawdowns),
    )
