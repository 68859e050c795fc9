"""Chance as a baseline: the run's own trades at other moments, with sides drawn by lot, many times.

Each trade keeps symbol, size, distances of stop and target, commission and swap, and is held for as
long as it was at the most. What differs is when it begins and to which side, which is what opinions
are for. Trades are placed independently of each other and never over a weekend.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learning.random_entry import outcome
from models.learning.returns import deepest_fall
from models.market.sessions import MINUTE_NS, week_close_ns
from runtime.reports.baselines import Band, band_of, day_ends_ns
from runtime.reports.record import ClosedTrade, RunRecord
from runtime.terminals.simulated.prices import Prices
from runtime.terminals.simulated.source import MarketSource

FloatArray = NDArray[np.float64]
TRIES_MAX: Final = 200
"""Moments that are drawn for a trade until one fits into a week."""
ABOUT: Final = (
    "The run's own trades at random moments with sides drawn by lot: as many in each symbol, with "
    "the same sizes, distances of stop and target, and times held at the most."
)


class _Tape(NamedTuple):
    """The minutes of one symbol over the run."""

    open_ns: NDArray[np.int64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    spread: FloatArray
    week_end_ns: NDArray[np.int64]
    """End of the week that holds each minute."""
    per_price: float
    """Worth of a move of 1 in one lot, in account currency, at the middle of the run."""


class RandomEntries:
    """Moves the trades of a run.

    Parameters
    ----------
    source : MarketSource
        Market of the run.
    record : RunRecord
        The run; trades whose stop is not known are left out.
    """

    def __init__(self, source: MarketSource, record: RunRecord) -> None:
        self._record = record
        self._trades = [one for one in record.trades if one.stop_price > 0.0]
        prices = Prices(source, record.identity.currency, record.identity.spread_factor)
        symbols = sorted({one.symbol for one in self._trades})
        self._tapes = {symbol: self._tape(source, prices, symbol) for symbol in symbols}

    def band(self, runs: int) -> Band | None:
        """Return the band of many random runs, None where there is no trade to move.

        Parameters
        ----------
        runs : int
            How many; their seeds count from 0.
        """
        if not self._trades or not runs:
            return None
        one = self._record.identity
        moments = np.array([one.start_ns, *day_ends_ns(one.start_ns, one.end_ns), one.end_ns])
        equity = np.empty((runs, len(moments)))
        falls = []
        for seed in range(runs):
            ended_ns, pnls = self.drawn(np.random.default_rng(seed))
            order = np.argsort(ended_ns, kind="stable")
            curve = one.deposit + np.concatenate(([0.0], np.cumsum(pnls[order])))
            equity[seed] = curve[np.searchsorted(ended_ns[order], moments, side="right")]
            falls.append(deepest_fall(curve).depth_frac)
        return band_of(moments, equity, ABOUT, falls)

    def drawn(self, generator: np.random.Generator) -> tuple[NDArray[np.int64], FloatArray]:
        """Return when each moved trade ended, and what it brought after costs."""
        ended_ns = np.empty(len(self._trades), np.int64)
        pnls = np.empty(len(self._trades))
        for place, trade in enumerate(self._trades):
            tape = self._tapes[trade.symbol]
            minutes = held_minutes(tape.open_ns, trade)
            row = _row_within_a_week(tape, minutes, generator)
            side = 1 if generator.random() < 0.5 else -1
            last, move = outcome(
                side,
                row,
                minutes,
                abs(trade.open_price - trade.stop_price),
                abs(trade.target_price - trade.open_price),
                tape.open,
                tape.high,
                tape.low,
                tape.close,
                tape.spread,
            )
            ended_ns[place] = tape.open_ns[last] + MINUTE_NS
            pnls[place] = move * tape.per_price * trade.lots + trade.commission + trade.swap
        return ended_ns, pnls

    def _tape(self, source: MarketSource, prices: Prices, symbol: str) -> _Tape:
        one = self._record.identity
        traits = prices.traits[symbol]
        minutes = source.minutes(symbol, one.start_ns, one.end_ns)
        points = np.rint(minutes["spread_points"] * one.spread_factor)
        middle_ns = int(minutes["open_ns"][len(minutes) // 2]) + MINUTE_NS
        rate = prices.closing_rate(traits.currency_profit, middle_ns)
        return _Tape(
            np.ascontiguousarray(minutes["open_ns"]),
            np.ascontiguousarray(minutes["open"]),
            np.ascontiguousarray(minutes["high"]),
            np.ascontiguousarray(minutes["low"]),
            np.ascontiguousarray(minutes["close"]),
            points * traits.point,
            np.array([week_close_ns(int(each)) for each in minutes["open_ns"]], np.int64),
            traits.contract_size * rate,
        )


def held_minutes(open_ns: NDArray[np.int64], trade: ClosedTrade) -> int:
    """Return for how many minutes of its symbol a trade was open, at least one."""
    first, last = np.searchsorted(open_ns, (trade.opened_ns, trade.closed_ns))
    return max(int(last - first), 1)


def _row_within_a_week(tape: _Tape, minutes: int, generator: np.random.Generator) -> int:
    room = max(len(tape.open_ns) - minutes + 1, 1)
    row = 0
    for _ in range(TRIES_MAX):
        row = int(generator.integers(room))
        if tape.open_ns[row + minutes - 1] < tape.week_end_ns[row]:
            break
    return row
