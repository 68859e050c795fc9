"""A terminal of flat prices that a test can spoil, and a data agent that reads it alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from agents.data import DataAgent
from agents.requests import (
    BarsRead,
    QuoteReading,
    QuotesRead,
    ReadBars,
    ReadQuotes,
    ReadSymbols,
    Reply,
    Request,
    SymbolsRead,
    Unanswered,
)
from blackboard.entry import Entry
from blackboard.facts import Fact, FeedStatus, OrderOutcome, SymbolSpec
from blackboard.facts.market import FeedState
from config.settings import Settings
from models.market.bars import BAR_DTYPE, BarArray
from models.market.sessions import MINUTE_NS, SECOND_NS, next_bar_close_ns
from tests.lone_agent import LoneAgent

M15_NS = 15 * MINUTE_NS
WEDNESDAY_NS = 1_741_168_800 * SECOND_NS  # 2025-03-05 10:00 UTC
FRIDAY_CLOSE_NS = 1_741_384_800 * SECOND_NS  # 2025-03-07 22:00 UTC, 17:00 New York
SUNDAY_FIRST_NS = 1_741_554_900 * SECOND_NS  # 2025-03-09 21:15 UTC, after the clock change
SYMBOLS = ("EURUSD", "USDJPY")
SETTINGS = Settings(symbols=SYMBOLS, anchor_weeks=2)
PRICES = {"EURUSD": 1.1, "USDJPY": 150.0}

F = TypeVar("F", bound=Fact)


def a_spec(symbol: str) -> SymbolSpec:
    """Return a valid specification."""
    is_yen = symbol.endswith("JPY")
    return SymbolSpec(
        scope=symbol,
        terminal_name=symbol,
        digits=3 if is_yen else 5,
        point=1e-3 if is_yen else 1e-5,
        pip=1e-2 if is_yen else 1e-4,
        contract_size=100_000.0,
        currency_base=symbol[:3],
        currency_profit=symbol[3:],
        volume_min_lots=0.01,
        volume_max_lots=100.0,
        volume_step_lots=0.01,
        stops_level_points=0,
        freeze_level_points=0,
        filling_mask=3,
        trade_mode=4,
        swap_long_points=0.0,
        swap_short_points=0.0,
    )


def flat_bars(symbol: str, from_ns: int, until_ns: int) -> BarArray:
    """Return every bar of an open market between two closes, at one price."""
    closes = []
    close_ns = next_bar_close_ns(from_ns, M15_NS)
    while close_ns <= until_ns:
        closes.append(close_ns)
        close_ns = next_bar_close_ns(close_ns, M15_NS)
    bars = np.zeros(len(closes), dtype=BAR_DTYPE)
    price = PRICES[symbol]
    bars["close_ns"] = closes
    bars["open"] = bars["close"] = price
    bars["high"], bars["low"] = price * 1.0005, price * 0.9995
    bars["tick_volume"], bars["spread_points"] = 50, 10
    return bars


@dataclass
class Terminal:
    """A terminal of flat prices, with whatever a test wants to go wrong."""

    specs: dict[str, SymbolSpec] = field(default_factory=lambda: {s: a_spec(s) for s in SYMBOLS})
    skipped: dict[str, str] = field(default_factory=dict)
    quoted_specs: dict[str, SymbolSpec] = field(default_factory=dict)
    """Specifications that come with quotes."""
    fails: Callable[[Request, int], bool] = lambda request, now_ns: False
    bars: Callable[[ReadBars, int, BarArray], BarArray] = lambda request, now_ns, bars: bars
    quote: Callable[[QuoteReading, int], QuoteReading | None] = lambda quote, now_ns: quote

    def __call__(self, request: Request, now_ns: int) -> Reply:
        """Answer a request."""
        if self.fails(request, now_ns):
            return Unanswered(request=request, reason="timeout")
        if isinstance(request, ReadSymbols):
            specs = tuple(self.specs[s] for s in request.symbols if s not in self.skipped)
            return SymbolsRead(specs=specs, skipped=tuple(self.skipped.items()))
        if isinstance(request, ReadBars):
            bars = flat_bars(request.symbol, request.from_ns, request.until_ns)
            return BarsRead(request=request, bars=self.bars(request, now_ns, bars), source="test")
        assert isinstance(request, ReadQuotes)
        quotes = [self.quote(a_quote(symbol, now_ns), now_ns) for symbol in request.symbols]
        return QuotesRead(
            quotes=tuple(each for each in quotes if each),
            source="test",
            specs=tuple(self.quoted_specs[s] for s in request.symbols if s in self.quoted_specs),
        )


def a_quote(symbol: str, now_ns: int) -> QuoteReading:
    """Return a valid quote at the flat price."""
    bid = PRICES[symbol]
    return QuoteReading(
        symbol=symbol, bid=bid, ask=bid * 1.0001, account_per_quote=1.0, tick_ns=now_ns
    )


def drop(
    symbols: tuple[str, ...], *closes_ns: int
) -> Callable[[ReadBars, int, BarArray], BarArray]:
    """Return a source without the bars of some symbols at some closes."""

    def without(request: ReadBars, _: int, bars: BarArray) -> BarArray:
        hit = request.symbol in symbols
        return bars[~np.isin(bars["close_ns"], closes_ns)] if hit else bars

    return without


def start(terminal: Terminal, now_ns: int, kill_before: frozenset[int] = frozenset()) -> LoneAgent:
    """Start a data agent on an empty book."""
    return LoneAgent(
        DataAgent,
        SETTINGS,
        terminal,
        now_ns=now_ns,
        neighbour_posts=[OrderOutcome],
        kill_before=kill_before,
    )


def told(host: LoneAgent, kind: type[F], scope: str | None = None) -> list[tuple[int, F]]:
    """Return the facts of a kind with their event times, in order."""
    entries: list[Entry] = host.entries(kind)
    return [
        (entry.ts_event_ns, entry.fact)
        for entry in entries
        if isinstance(entry.fact, kind) and scope in (None, entry.fact.scope)
    ]


def states(host: LoneAgent, symbol: str) -> list[tuple[int, FeedState, str]]:
    """Return what was said of a symbol's feed."""
    return [(ts, fact.state, fact.reason) for ts, fact in told(host, FeedStatus, symbol)]
