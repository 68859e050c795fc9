"""The terminal's edge: broker's names and server's time outside, ours inside.

What is known of a terminal is kept here between readings: the names of its symbols, its clock, the
deposits of its account. Readings go through any client of the same terminal.
"""

import threading
from typing import Final

from agents.requests import (
    BarsRead,
    QuotesRead,
    ReadBars,
    ReadBroker,
    ReadQuotes,
    ReadSymbols,
    Reply,
    Request,
    SendOrder,
    Unanswered,
)
from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from models.market.sessions import MINUTE_NS, SECOND_NS, week_open_ns
from runtime.clock import sleep_s
from runtime.feeds.worth import OutsideRates
from runtime.terminals.constants import TIMEFRAME_H1
from runtime.terminals.port import Terminal
from runtime.terminals.prices import (
    quotes_of,
    read_bars,
    read_infos,
    read_symbols,
    starts_late,
    ticks_of,
)
from runtime.terminals.reading import BrokerReader
from runtime.terminals.server_offset import NotDated, ServerTime
from runtime.terminals.server_time import AUTO_ZONE, MARKET_ZONE, ServerClock
from runtime.terminals.symbols import SymbolNames

ZONE_HOURS: Final = 52 * 5 * 24
"""Hourly bars by which a server's zone is found: a year tells its dates of daylight saving."""
CHART_SHARE: Final = 2
"""Calls ask for at most this part of what a chart keeps: near the whole a terminal fails."""


class Edge:
    """Answers readings; one that fails raises TerminalUnavailable and may be repeated.

    Several threads may read at once. What they learn of names and clock is the same whoever learns
    it first.
    """

    def __init__(
        self, settings: Settings, *, is_virtual: bool, rates: OutsideRates | None = None
    ) -> None:
        """Take the settings, and who tells rates that no price of the terminal does."""
        self._rates = rates or OutsideRates((), settings.terminal.conversion_age_max_min)
        self.names = SymbolNames(settings)
        self._settings = settings.terminal
        self._symbols = settings.symbols
        self._is_virtual = is_virtual
        # On a clock that runs faster than the server's no two looks can be compared.
        self._may_prove = is_virtual or settings.speed == 1.0
        self._time = ServerTime(_zone_of(settings))
        self._broker = BrokerReader(self.names)
        self._currency = ""
        self.last_currency = settings.terminal.currency if is_simulated(settings) else ""
        """The account's currency as it was last read: it outlives a connection."""
        self._bars_per_call = 0
        self._guard = threading.RLock()

    def begin(self) -> None:
        """Ask anew for what may differ on a new connection."""
        self._currency, self._bars_per_call = "", 0

    def read(self, terminal: Terminal, request: Request, now_ns: int) -> Reply:
        """Answer a reading at an instant."""
        match request:
            case ReadSymbols():
                self.names.forget()
                return read_symbols(terminal, self.names, request.symbols)
            case ReadBars():
                return self._read_bars(terminal, request, now_ns)
            case ReadQuotes():
                return self._read_quotes(terminal, request, now_ns)
            case ReadBroker():
                with self._guard:
                    return self._broker.read(terminal, self._time.clock, request, now_ns)
            case _:
                kind = type(request).__name__
                return Unanswered(request=request, reason=f"nobody answers {kind}")

    def expires_s(self, order: SendOrder) -> int:
        """Return when an entry that rests ends, on the server's clock; 0 for what does not rest.

        Raises
        ------
        NotDated
            If that clock is not known: the order would end at some other moment.
        """
        if not order.limit_price:
            return 0
        with self._guard:
            self._time.require_undoubted()
            if self._time.lacks_zone:
                raise NotDated("the zone of the server's clock has not been found yet")
            return self._time.clock.to_server_s(order.expires_ns)

    def _read_bars(self, terminal: Terminal, request: ReadBars, now_ns: int) -> BarsRead:
        server, per_call = self._clock_for(terminal, request, now_ns), self._per_call(terminal)
        read = read_bars(terminal, self.names, server, request, per_call)
        if self._is_virtual or not starts_late(read):
            return read
        # A terminal that loads history answers with what it has so far: what no longer grows is
        # all there is.
        for _ in range(self._settings.read_tries):
            sleep_s(self._settings.read_pause_s)
            again = read_bars(terminal, self.names, server, request, per_call)
            if len(again.bars) == len(read.bars):
                return again
            read = again
        raise TerminalUnavailable(f"bars of {request.symbol}: history is still loading")

    def _read_quotes(self, terminal: Terminal, request: ReadQuotes, now_ns: int) -> QuotesRead:
        infos = read_infos(terminal, self.names, request.symbols)
        with self._guard:
            if self._may_prove:
                self._time.observe(ticks_of(infos), now_ns)
                self._find_zone(terminal, now_ns)
                self._time.require_dated(now_ns)
            server = self._time.clock
        oldest_ns = now_ns - self._settings.conversion_age_max_min * MINUTE_NS
        currency = self._account_currency(terminal)
        return quotes_of(
            terminal, self.names, server, infos, currency, oldest_ns,
            lambda unit: self._rates.rate(unit, currency, now_ns),
        )  # fmt: skip

    def _clock_for(self, terminal: Terminal, request: ReadBars, now_ns: int) -> ServerClock:
        """Return the clock by which bars can be dated; those of an unproven week cannot."""
        with self._guard:
            if self._may_prove and self._time.wants_proof(now_ns):
                infos = read_infos(terminal, self.names, self._symbols)
                self._time.observe(ticks_of(infos), now_ns)
            self._find_zone(terminal, now_ns)
            if self._may_prove and request.until_ns > week_open_ns(now_ns):
                self._time.require_dated(now_ns)
            self._time.require_undoubted()
            return self._time.clock

    def _find_zone(self, terminal: Terminal, now_ns: int) -> None:
        """Find the server's zone where it is not known, by the bars of the first symbol."""
        with self._guard:
            if not self._time.lacks_zone:
                return
            name = self.names.terminal_name(terminal, self._symbols[0])
            count = min(ZONE_HOURS, self._per_call(terminal))
            rates = terminal.copy_rates_from_pos(name, TIMEFRAME_H1, 1, count)
            if rates is None:
                code, text = terminal.last_error()
                raise TerminalUnavailable(f"hours of {name}: {code} {text}")
            self._time.find([int(open_s) * SECOND_NS for open_s in rates["time"]], now_ns)

    def _per_call(self, terminal: Terminal) -> int:
        per_call = self._bars_per_call
        if not per_call:
            info = terminal.terminal_info()
            if info is None:
                code, text = terminal.last_error()
                raise TerminalUnavailable(f"terminal: {code} {text}")
            kept = max(1, info.maxbars // CHART_SHARE) if info.maxbars > 0 else ZONE_HOURS
            self._bars_per_call = per_call = min(self._settings.bars_per_read_max, kept)
        return per_call

    def _account_currency(self, terminal: Terminal) -> str:
        currency = self._currency
        if not currency:
            account = terminal.account_info()
            if account is None:
                code, text = terminal.last_error()
                raise TerminalUnavailable(f"account: {code} {text}")
            self._currency = self.last_currency = currency = account.currency
        return currency


def is_simulated(settings: Settings) -> bool:
    """Return whether the account is a simulated one, whose currency the settings tell."""
    return settings.terminal.kind == "simulated"


def _zone_of(settings: Settings) -> str:
    zone = settings.terminal.server_zone
    is_paper = settings.terminal.kind == "metatrader" and settings.profile == "paper"
    if zone == AUTO_ZONE and is_paper and settings.paper.fills == "simulated":
        return MARKET_ZONE  # of the broker on paper, whose prices have been dated already
    return zone
