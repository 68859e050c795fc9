"""Cases of what makes a feed one that nothing is entered by: silence, and bars nobody believes."""

from functools import partial
from typing import Final

import numpy as np

from agents.data import DataAgent
from agents.requests import (
    BarsRead,
    QuoteReading,
    QuotesRead,
    ReadBars,
    ReadQuotes,
    ReadSecondPrices,
    ReadSymbols,
    Reply,
    Request,
    SecondPricesRead,
    SymbolsRead,
)
from agents.risk import RiskAgent
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import was_open_before
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    BID,
    NOON_NS,
    POINT,
    SPREAD_POINTS,
    EntryScene,
    a_spec,
)
from runtime.proof.safety.scene import Answer

RANGE: Final = 100.0 * POINT
"""High less low of every bar, and so the average true range."""
_NUDGE: Final = 0.01


class FeedScene(EntryScene):
    """An entry by prices that the DataAgent has read, from a terminal of flat bars."""

    def __init__(self, settings: Settings) -> None:
        self.newest_ns = NOON_NS
        """Close of the latest bar that the terminal has."""
        self.jump_ranges = 0.5
        """How far the latest bar reaches from the close before it, in ranges."""
        self.apart_frac = 0.0
        """How far the second source's prices lie above the terminal's."""
        super().__init__(settings, (DataAgent, RiskAgent))

    def quote_all(self) -> None:
        """Let the DataAgent read by itself: nobody else speaks of prices here."""
        self.settle()

    def answer(self, request: Request) -> Reply | None:
        """Answer as a terminal does."""
        match request:
            case ReadSymbols(symbols=symbols):
                return SymbolsRead(specs=tuple(a_spec(symbol) for symbol in symbols))
            case ReadQuotes(symbols=symbols):
                quotes = tuple(_quote(symbol, self.now_ns) for symbol in symbols)
                return QuotesRead(quotes=quotes, source="terminal")
            case ReadBars():
                return BarsRead(request=request, bars=self._bars(request), source="terminal")
            case ReadSecondPrices(bars=asked):
                return SecondPricesRead(
                    request=request,
                    source="second",
                    bars=tuple(
                        BarsRead(request=one, bars=self._apart(self._bars(one)), source="second")
                        for one in asked
                    ),
                    worths=(),
                )
            case _:
                return None

    def close_bars(self, count: int) -> None:
        """Let so many closes pass, one after the other."""
        for _ in range(count):
            self.now_ns += self.settings.timeframe.length_ns
            self.settle()

    def _apart(self, bars: BarArray) -> BarArray:
        for name in ("open", "high", "low", "close"):
            bars[name] *= 1.0 + self.apart_frac
        return bars

    def _bars(self, request: ReadBars) -> BarArray:
        length_ns = request.timeframe.length_ns
        until_ns = min(request.until_ns, self.newest_ns)
        closes_ns = [
            close_ns
            for close_ns in range(request.from_ns + length_ns, until_ns + 1, length_ns)
            if was_open_before(close_ns)
        ]
        half = RANGE / 2.0
        bars = np.zeros(len(closes_ns), dtype=BAR_DTYPE)
        bars["close_ns"] = closes_ns
        bars["open"] = bars["close"] = BID
        bars["high"], bars["low"] = BID + half, BID - half
        bars["high"][bars["close_ns"] > NOON_NS] = BID + self.jump_ranges * RANGE
        bars["tick_volume"], bars["spread_points"] = 100, SPREAD_POINTS
        return bars


def _quote(symbol: str, now_ns: int) -> QuoteReading:
    ask = round(BID + SPREAD_POINTS * POINT, 5)
    return QuoteReading(symbol=symbol, bid=BID, ask=ask, account_per_quote=1.0, tick_ns=now_ns)


def _silent(scene: FeedScene, closes: int) -> Answer:
    scene.close_bars(closes)
    return scene.ask()


def _jumped(scene: FeedScene, ranges: float) -> Answer:
    scene.jump_ranges = ranges
    scene.newest_ns = NOON_NS + scene.settings.timeframe.length_ns
    scene.close_bars(1)
    return scene.ask()


def _diverged(scene: FeedScene, frac: float) -> Answer:
    scene.apart_frac = frac
    scene.newest_ns = NOON_NS + scene.settings.timeframe.length_ns
    scene.close_bars(1)
    return scene.ask()


_case = partial(
    Case, reason="feed_stale", stage=FeedScene, changes={"agents.data.read_attempts_max": 1}
)

CASES: Final = (
    _case(
        "agents.data.stale_after_bars",
        "closes without a new bar, then one more: quotes go on, and nobody knows what of",
        inside=lambda scene, limit: _silent(scene, limit - 1),
        beyond=_silent,
    ),
    _case(
        "agents.data.jump_atr_max",
        "a bar that reaches further from the close before it than any market does",
        inside=lambda scene, limit: _jumped(scene, limit - _NUDGE),
        beyond=lambda scene, limit: _jumped(scene, limit + _NUDGE),
    ),
    _case(
        "agents.data.divergence_frac_max",
        "a second source closes the bar elsewhere: one of them is wrong, and nobody knows which",
        inside=lambda scene, limit: _diverged(scene, limit * (1.0 - _NUDGE)),
        beyond=lambda scene, limit: _diverged(scene, limit * (1.0 + _NUDGE)),
        changes={
            "agents.data.read_attempts_max": 1,
            "agents.data.second_source": "twelvedata",
            "agents.data.compare_every_bars": 1,
            "feeds.twelvedata.url": "http://127.0.0.1:1",
        },
    ),
)
