"""Twelve Data as the second source: bars of the same closes, and the worth of currencies."""

from collections.abc import Callable
from typing import Final

from agents.requests import BarsRead, ReadSecondPrices, SecondPricesRead, Worth
from runtime.feeds.twelvedata import SOURCE, TwelveData
from runtime.feeds.worth import OutsideRate, OutsideRates
from runtime.terminals.conversion import Price, live_rate

_CODE_LENGTH: Final = 3


class TwelveDataPrices:
    """Twelve Data's bars; profit currencies are valued by them, else by the rates from outside."""

    def __init__(self, feed: TwelveData, rates: OutsideRates) -> None:
        self._feed = feed
        self._rates = rates

    def read(self, request: ReadSecondPrices, currency: str, now_ns: int) -> SecondPricesRead:
        """Answer a request."""
        bars = tuple(self._feed.bars(request.bars, now_ns))
        prices = {
            each.request.symbol: Price(
                float(each.bars["close"][-1]), int(each.bars["close_ns"][-1])
            )
            for each in bars
            if isinstance(each, BarsRead) and len(each.bars)
        }
        worths = [self._worth(symbol, currency, prices.get, now_ns) for symbol in prices]
        return SecondPricesRead(
            request=request,
            source=SOURCE,
            bars=bars,
            worths=tuple(each for each in worths if each is not None),
        )

    def _worth(
        self, symbol: str, currency: str, price_of: Callable[[str], Price | None], now_ns: int
    ) -> Worth | None:
        if not currency:
            return None
        own = price_of(symbol)
        rate = live_rate(symbol[_CODE_LENGTH:], currency, price_of, 0)
        if rate is not None and own is not None:
            return Worth(symbol=symbol, account_per_quote=rate, source=SOURCE, made_ns=own.tick_ns)
        outside = self._rates.rate(symbol[_CODE_LENGTH:], currency, now_ns)
        if not isinstance(outside, OutsideRate):
            return None
        return Worth(
            symbol=symbol,
            account_per_quote=outside.rate,
            source=outside.source,
            made_ns=outside.made_ns,
        )
