"""The common work in NautilusTrader's event engine, on bid and ask bars.

It differs in this: a market order fills at the close of the signal's bar, because that is the price
its book has then, and prices inside a bar come in the order open, high, low, close. Columns may
hold several symbols, and may be bars of a minute from which the engine makes the quarter hours.
"""

import json
import sys
from collections import deque
from decimal import Decimal
from importlib.metadata import version
from time import process_time

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

VENUE = "SIM"


class CrossConfig(StrategyConfig, frozen=True):
    """Which bars one symbol's strategy follows."""

    instrument_id: InstrumentId
    bar_type: BarType
    work: dict[str, float]


class Cross(Strategy):
    """Buys where the fast average crosses above the slow one, sells where it crosses below."""

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.work = config.work
        self.closes: deque[float] = deque(maxlen=int(config.work["slow"]))
        self.atr = 0.0
        self.was_above = False
        self.count = 0

    def on_start(self) -> None:
        """Follow the bars."""
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Open at a cross, with stop and target from its close."""
        if bar.bar_type.standard() != self.config.bar_type.standard():
            return
        high, low, close = float(bar.high), float(bar.low), float(bar.close)
        before = self.closes[-1] if self.closes else close
        spread = max(high, before) - min(low, before)
        self.atr += (spread - self.atr) / self.work["atr"] if self.count else spread
        self.closes.append(close)
        self.count += 1
        if self.count < self.work["slow"]:
            return
        recent = list(self.closes)
        fast = sum(recent[-int(self.work["fast"]) :]) / self.work["fast"]
        is_above = fast > sum(recent) / self.work["slow"]
        is_cross = is_above != self.was_above and self.count > self.work["warm"]
        self.was_above = is_above
        if is_cross and self.portfolio.is_flat(self.config.instrument_id):
            self.open(close, 1 if is_above else -1)

    def open(self, close: float, side: int) -> None:
        """Send a bracket."""
        instrument = self.cache.instrument(self.config.instrument_id)
        stop = close - side * self.work["stop_atr"] * self.atr
        target = close + side * self.work["target_atr"] * self.atr
        orders = self.order_factory.bracket(
            instrument_id=instrument.id,
            order_side=OrderSide.BUY if side > 0 else OrderSide.SELL,
            quantity=instrument.make_qty(1000),
            sl_trigger_price=instrument.make_price(stop),
            tp_price=instrument.make_price(target),
        )
        self.submit_order_list(orders)


def bars_of(
    columns: dict[str, np.ndarray], instrument: Instrument, spec: str, over: float
) -> list[Bar]:
    """Return the engine's bars of one side; without volumes, which it would take as liquidity."""
    frame = pd.DataFrame(
        {name: columns[name] + over for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(columns["close_ns"].astype("datetime64[ns]"), tz="UTC"),
    )
    bar_type = BarType.from_str(f"{instrument.id}-{spec}-EXTERNAL")
    bars: list[Bar] = BarDataWrangler(bar_type, instrument).process(frame)
    return bars


def run(symbols: dict[str, dict[str, np.ndarray]], work: dict[str, float]) -> tuple[float, int]:
    """Return the seconds of the engine's run, without loading, and its positions."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue(VENUE),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
        default_leverage=Decimal(30),
    )
    minutes = int(work["minutes"])
    for symbol, columns in symbols.items():
        instrument = TestInstrumentProvider.default_fx_ccy(
            f"{symbol[:3]}/{symbol[3:]}", Venue(VENUE)
        )
        engine.add_instrument(instrument)
        spread = work["spread"] * (100.0 if symbol.endswith("JPY") else 1.0)
        engine.add_data(bars_of(columns, instrument, f"{minutes}-MINUTE-BID", 0.0))
        engine.add_data(bars_of(columns, instrument, f"{minutes}-MINUTE-ASK", spread))
        # Of a pair the ask comes later: a signal from the bid's bar would meet a stale ask.
        told = f"{instrument.id}-15-MINUTE-ASK"
        told += "-EXTERNAL" if minutes == 15 else f"-INTERNAL@{minutes}-MINUTE-EXTERNAL"
        config = CrossConfig(
            strategy_id=f"CROSS-{symbol}",
            order_id_tag=symbol,
            instrument_id=instrument.id,
            bar_type=BarType.from_str(told),
            work=work,
        )
        engine.add_strategy(Cross(config))
    started_s = process_time()
    engine.run()
    seconds = process_time() - started_s
    positions = engine.cache.positions_total_count() + len(engine.cache.position_snapshots())
    engine.dispose()
    return seconds, positions


def main() -> None:
    """Print what the repetitions took."""
    loaded = dict(np.load(sys.argv[1]))
    work = json.loads(sys.argv[3])
    names = sorted({name.partition(".")[0] for name in loaded if "." in name})
    symbols = {
        symbol: {key.partition(".")[2]: loaded[key] for key in loaded if key.startswith(symbol)}
        for symbol in names
    } or {"EURUSD": loaded}
    results = [run(symbols, work) for _ in range(int(sys.argv[2]))]
    told = {
        "version": version("nautilus_trader"),
        "seconds": [seconds for seconds, _ in results],
        "trades": results[-1][1],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
