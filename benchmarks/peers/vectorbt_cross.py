"""The common work in vectorbt's `from_signals`.

It differs in this: stops count from the entry's open instead of the signal's close, and a bar that
closes a position opens none.
"""

import json
import sys
from time import process_time

import numpy as np
import pandas as pd
import vectorbt as vbt


def run(bars: dict[str, np.ndarray], work: dict[str, float]) -> int:
    """Return the number of trades of one backtest, indicators included."""
    close = pd.Series(bars["close"])
    fast = vbt.MA.run(close, int(work["fast"])).ma
    slow = vbt.MA.run(close, int(work["slow"])).ma
    span = 2 * int(work["atr"]) - 1  # of the exponential mean that is Wilder's
    atr = vbt.ATR.run(bars["high"], bars["low"], bars["close"], span, ewm=True).atr.to_numpy()
    is_above = (fast > slow).to_numpy()
    was_above = np.concatenate(([False], is_above[:-1]))
    is_warm = np.arange(len(close)) >= int(work["warm"])
    rise = is_warm & is_above & ~was_above
    fall = is_warm & ~is_above & was_above
    distance_frac = np.roll(atr / bars["close"], 1)
    portfolio = vbt.Portfolio.from_signals(
        bars["close"],
        entries=np.roll(rise, 1),
        short_entries=np.roll(fall, 1),
        open=bars["open"],
        high=bars["high"],
        low=bars["low"],
        price=bars["open"],
        sl_stop=work["stop_atr"] * distance_frac,
        tp_stop=work["target_atr"] * distance_frac,
        stop_entry_price="price",
        slippage=0.5 * work["spread"] / bars["close"],
        upon_opposite_entry="ignore",
        size=1.0,
        init_cash=1e6,
    )
    return int(portfolio.trades.count())


def main() -> None:
    """Print what the repetitions took; the first call compiles and is not one of them."""
    columns = dict(np.load(sys.argv[1]))
    work = json.loads(sys.argv[3])
    trades = run(columns, work)
    seconds = []
    for _ in range(int(sys.argv[2])):
        started_s = process_time()
        run(columns, work)
        seconds.append(process_time() - started_s)
    print(json.dumps({"version": vbt.__version__, "seconds": seconds, "trades": trades}))


if __name__ == "__main__":
    main()
