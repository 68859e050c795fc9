"""The common work in backtesting.py.

It differs in this: the spread is a share of the price, and a stop that a gap passes fills at the
open as with us, but a position that its own entry bar would close is judged by the next bar.
"""

import json
import sys
import warnings
from importlib.metadata import version
from time import process_time
from typing import ClassVar

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy


def averages(close: np.ndarray, count: int) -> np.ndarray:
    """Return the simple moving averages; NaN in the warm-up."""
    return pd.Series(close).rolling(count).mean().to_numpy()


def average_ranges(high: np.ndarray, low: np.ndarray, close: np.ndarray, count: int) -> np.ndarray:
    """Return Wilder's average true ranges."""
    before = np.concatenate((close[:1], close[:-1]))
    ranges = np.maximum(high, before) - np.minimum(low, before)
    return pd.Series(ranges).ewm(alpha=1.0 / count, adjust=False).mean().to_numpy()


class Cross(Strategy):
    """Buys where the fast average crosses above the slow one, sells where it crosses below."""

    work: ClassVar[dict[str, float]] = {}

    def init(self) -> None:
        """Compute the columns."""
        data, work = self.data, self.work
        self.fast = self.I(averages, data.Close, int(work["fast"]))
        self.slow = self.I(averages, data.Close, int(work["slow"]))
        self.atr = self.I(average_ranges, data.High, data.Low, data.Close, int(work["atr"]))

    def next(self) -> None:
        """Open at a cross, with stop and target from its close."""
        is_above = self.fast[-1] > self.slow[-1]
        was_above = self.fast[-2] > self.slow[-2]
        if self.position or is_above == was_above or len(self.data) <= int(self.work["warm"]):
            return
        close, side = self.data.Close[-1], 1.0 if is_above else -1.0
        stop = close - side * self.work["stop_atr"] * self.atr[-1]
        target = close + side * self.work["target_atr"] * self.atr[-1]
        order = self.buy if is_above else self.sell
        order(size=1000, sl=stop, tp=target)


def run(frame: pd.DataFrame, work: dict[str, float]) -> int:
    """Return the number of trades of one backtest."""
    spread_frac = work["spread"] / float(frame["Close"].iloc[0])
    backtest = Backtest(frame, Cross, cash=1e6, spread=spread_frac, finalize_trades=True)
    return int(backtest.run(work=work)["# Trades"])


def main() -> None:
    """Print what the repetitions took."""
    warnings.simplefilter("ignore")
    columns = dict(np.load(sys.argv[1]))
    work = json.loads(sys.argv[3])
    frame = pd.DataFrame(
        {name.capitalize(): columns[name] for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(columns["open_ns"].astype("datetime64[ns]")),
    )
    seconds = []
    trades = 0
    for _ in range(int(sys.argv[2])):
        started_s = process_time()
        trades = run(frame, work)
        seconds.append(process_time() - started_s)
    print(json.dumps({"version": version("backtesting"), "seconds": seconds, "trades": trades}))


if __name__ == "__main__":
    main()
