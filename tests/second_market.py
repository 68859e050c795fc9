"""Twelve Data on this machine, for a simulated market: its prices as the provider tells them."""

import json
from collections.abc import Callable

import numpy as np

from models.market.sessions import MINUTE_NS
from runtime.terminals.simulated.source import MarketSource
from tests.feed_server import Asked, Reply, recorded

_MINUTES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "1h": 60}
_SECOND_NS = 1_000_000_000


def time_series(source: MarketSource, fails: Callable[[int], bool]) -> Callable[[Asked], Reply]:
    """Return what answers the path; `fails` takes the end of what was asked for, in UTC."""

    def answer(asked: Asked) -> Reply:
        first, last = (
            int(np.datetime64(asked.query[name], "ns").astype(np.int64))
            for name in ("start_date", "end_date")
        )
        if fails(last):
            return recorded("twelvedata_error.json")
        length_ns = _MINUTES[asked.query["interval"]] * MINUTE_NS
        names = asked.query["symbol"].split(",")
        series = {name: _series(source, name, first, last, length_ns) for name in names}
        whole = series[names[0]] if len(names) == 1 else series
        return Reply(body=json.dumps(whole).encode())

    return answer


def _series(
    source: MarketSource, name: str, first: int, last: int, length_ns: int
) -> dict[str, object]:
    # The forming bar is told too, as it is by the provider.
    minutes = source.minutes(name.replace("/", ""), first, last + MINUTE_NS)
    of_bar = minutes["open_ns"] // length_ns
    values = []
    for number in np.unique(of_bar).tolist():
        rows = minutes[of_bar == number]
        opened = np.datetime64(number * length_ns // _SECOND_NS, "s")
        prices = {
            "open": rows["open"][0],
            "high": rows["high"].max(),
            "low": rows["low"].min(),
            "close": rows["close"][-1],
        }
        values.append(
            {"datetime": str(opened).replace("T", " ")}
            | {key: f"{price:.5f}" for key, price in prices.items()}
        )
    return {"meta": {"symbol": name}, "values": values, "status": "ok"}
