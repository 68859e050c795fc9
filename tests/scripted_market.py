"""A market whose every minute a test writes down, and a terminal over it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.requests import CalendarEvent
from config.settings import Settings
from config.system import TerminalSection
from models.market.sessions import MINUTE_NS
from runtime.terminals.simulated.ledger import Ledger, MemoryLedger
from runtime.terminals.simulated.source import (
    ENDLESS_NS,
    MINUTE_DTYPE,
    MinuteArray,
    SymbolTraits,
)
from runtime.terminals.simulated.terminal import SimulatedTerminal

START_NS: Final = int(datetime(2025, 3, 4, 12, 0, tzinfo=UTC).timestamp()) * 10**9
"""Tuesday 12:00 UTC, 07:00 New York, 14:00 on the server."""

Minute = tuple[int, float, float, float, float, int]
"""Minutes after the start, open, high, low, close (bid), spread in points."""


def traits(name: str, *, digits: int = 5, **terms: Any) -> SymbolTraits:
    """Return the terms of a symbol without swap, some of them changed."""
    known: dict[str, Any] = {"swap_long_points": 0.0, "swap_short_points": 0.0} | dict(terms)
    return SymbolTraits(
        name=name, digits=digits, currency_base=name[:3], currency_profit=name[3:], **known
    )


class ScriptedMarket:
    """A market source of written minutes."""

    start_ns = START_NS
    end_ns = ENDLESS_NS
    has_calendar = False

    def __init__(self, *all_traits: SymbolTraits) -> None:
        self._traits = all_traits
        self._minutes: dict[str, MinuteArray] = {
            one.name: np.empty(0, dtype=MINUTE_DTYPE) for one in all_traits
        }

    def write(self, symbol: str, minutes: Iterable[Minute]) -> "ScriptedMarket":
        """Set the minutes of a symbol."""
        rows = [
            (START_NS + after * MINUTE_NS, opened, high, low, close, spread, 10)
            for after, opened, high, low, close, spread in minutes
        ]
        self._minutes[symbol] = np.array(rows, dtype=MINUTE_DTYPE)
        return self

    def still(
        self, symbol: str, price: float, minutes: range, spread: int = 10
    ) -> "ScriptedMarket":
        """Let a symbol stand at one price."""
        return self.write(symbol, ((m, price, price, price, price, spread) for m in minutes))

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol."""
        return self._traits

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return the minutes that open in [from_ns, until_ns)."""
        every = self._minutes[symbol]
        first, last = every["open_ns"].searchsorted((from_ns, until_ns))
        return every[first:last]

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return nothing: there is no calendar."""
        return ()


class HandClock:
    """A market clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        """Return the moment that was set."""
        return self.now_ns

    def minute(self, after: int) -> None:
        """Go to a full minute after the start."""
        self.now_ns = START_NS + after * MINUTE_NS


def settings_of(symbols: tuple[str, ...] = ("EURUSD",), **terminal: Any) -> Settings:
    """Return settings without commission, some of the terminal's changed."""
    section = {"commission_per_lot": 0.0} | terminal
    return Settings(symbols=symbols, terminal=TerminalSection(**section))


def a_terminal(
    market: ScriptedMarket,
    clock: HandClock,
    *,
    ledger: Ledger | None = None,
    stop_file: Path | None = None,
    **terminal: Any,
) -> SimulatedTerminal:
    """Return a connected terminal over a market."""
    names = tuple(one.name for one in market.traits())
    made = SimulatedTerminal(
        market,
        MemoryLedger() if ledger is None else ledger,
        settings_of(names, **terminal),
        clock,
        stop_file=stop_file,
    )
    assert made.initialize()
    return made
