"""Paper trading: the simulated broker over the prices of MetaTrader 5.

Prices are real, money is not: whoever uses this terminal meets the simulated account and ledger,
and no request of any kind reaches the broker. The simulated broker lives a few seconds behind the
clock, so that a minute is acted on when its bar is final. Its running minute has one price, the
latest quote of the real terminal, and that is what orders fill at.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from agents.requests import CalendarEvent
from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from models.market.sessions import HOUR_NS, MINUTE_NS, SECOND_NS, WEEK_NS
from runtime.clock import process_s
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.port import Terminal
from runtime.terminals.prices import bars_of
from runtime.terminals.server_offset import ServerTime
from runtime.terminals.simulated.ledger import Ledger, LedgerUnavailable
from runtime.terminals.simulated.source import (
    ENDLESS_NS,
    MINUTE_DTYPE,
    MinuteArray,
    SymbolTraits,
)
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.structures import SymbolInfo
from runtime.terminals.symbols import SymbolNames, discover

LAG_NS: Final = 5 * SECOND_NS
"""How far the simulated broker lives behind the clock: ticks come late, and clocks differ."""
RENEW_S: Final = 0.25
"""Process seconds for which quotes that were read are the latest."""
SETTLED_S: Final = 30.0
"""Process seconds between two equal readings of a past week, after which it is taken for whole: a
terminal answers with a part of it while its history still loads."""
HISTORY_WEEKS_MAX: Final = 60
"""Weeks before the start that are read; older ones count as empty."""
WEEKS_KEPT_MAX: Final = 256
"""Weeks of minutes kept in memory, over all symbols: about a hundred megabytes."""
ZONE_HOURS: Final = 5_000
"""Hourly bars by which the server's zone is found."""
BRIDGE: Final = "USD"
"""Through which a currency is valued that has no symbol with the account's."""


class MinutesUnavailable(LedgerUnavailable):
    """The real terminal did not tell its prices, so nothing of the attempted change is done."""


class _Week(msgspec.Struct):
    """The minutes of a symbol in one week, as far as they were read."""

    rows: MinuteArray
    until_ns: int
    """Up to where it was read."""
    read_s: float
    is_whole: bool = False
    """Whether it is past and two readings of it were the same."""


class PaperMarket:
    """A market source over the minutes of a real terminal; implements `MarketSource`.

    Unlike others it grows: `renew` says from which moment on an earlier answer is out of date.

    Parameters
    ----------
    quotes : Terminal
        The real terminal, connected; it is only read.
    settings : Settings
        Symbols, their names, the server's zone, and the currency of the simulated account.
    now_ns : int
        When it is opened; the account can trade from here.
    """

    end_ns = ENDLESS_NS
    has_calendar = False

    def __init__(
        self,
        quotes: Terminal,
        settings: Settings,
        now_ns: int,
        clock_s: Callable[[], float] = process_s,
    ) -> None:
        self.start_ns = now_ns
        self._quotes = quotes
        self._clock_s = clock_s
        self._server = ServerTime(settings.terminal.server_zone)
        self._traits = _all_traits(quotes, settings)
        self._seen_ns = now_ns
        self._renewed_s = float("-inf")
        self._running: dict[str, tuple[float, int]] = {}
        self._weeks: OrderedDict[tuple[str, int], _Week] = OrderedDict()
        if self._server.lacks_zone:
            self._find_zone(now_ns)

    @property
    def seen_ns(self) -> int:
        """Moment up to which the market is known."""
        return self._seen_ns

    def traits(self) -> tuple[SymbolTraits, ...]:
        """Return the terms of every symbol, under the broker's names."""
        return self._traits

    def events(self, from_ns: int, until_ns: int) -> tuple[CalendarEvent, ...]:
        """Return nothing: a real market publishes no calendar of itself."""
        del from_ns, until_ns
        return ()

    def renew(self, now_ns: int) -> int | None:
        """Read the latest quotes; return from when minutes may have changed, None if none has.

        Raises
        ------
        MinutesUnavailable
            If the terminal did not tell, or its times cannot be dated.
        """
        is_same_minute = _minute(now_ns) <= _minute(self._seen_ns)
        if is_same_minute and self._clock_s() - self._renewed_s < RENEW_S:
            return None
        earlier_ns, seen_ns = self._seen_ns, max(now_ns, self._seen_ns)
        ticks_ns: dict[str, int] = {}
        running: dict[str, tuple[float, int]] = {}
        for one in self._traits:
            tick = self._quotes.symbol_info_tick(one.name)
            if tick is None:
                code, text = self._quotes.last_error()
                if code != mt5.RES_E_NOT_FOUND:
                    raise MinutesUnavailable(f"quote of {one.name}: {code} {text}")
                continue
            ticks_ns[one.name] = tick.time * SECOND_NS
            made_ns = self._server.clock.to_utc_ns(tick.time * SECOND_NS)
            if made_ns >= _minute(seen_ns) and tick.ask >= tick.bid > 0.0:
                running[one.name] = (tick.bid, round((tick.ask - tick.bid) / one.point))
        self._date(ticks_ns, now_ns + LAG_NS)
        self._seen_ns, self._running, self._renewed_s = seen_ns, running, self._clock_s()
        return _minute(earlier_ns)

    def minutes(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        """Return the minutes that open in [from_ns, until_ns), none of them later than seen."""
        running_ns = _minute(self._seen_ns)
        first_ns = max(from_ns, self.start_ns - HISTORY_WEEKS_MAX * WEEK_NS)
        end_ns = min(until_ns, running_ns)
        weeks = range(first_ns // WEEK_NS, (end_ns - 1) // WEEK_NS + 1) if end_ns > first_ns else ()
        parts = [self._week(symbol, week) for week in weeks]
        if from_ns <= running_ns < until_ns and symbol in self._running:
            price, spread = self._running[symbol]
            row = (running_ns, price, price, price, price, spread, 1)
            parts.append(np.array([row], dtype=MINUTE_DTYPE))
        if not parts:
            return np.empty(0, dtype=MINUTE_DTYPE)
        rows = np.concatenate(parts)
        first, last = rows["open_ns"].searchsorted((first_ns, min(until_ns, self._seen_ns + 1)))
        return rows[first:last]

    def _week(self, symbol: str, number: int) -> MinuteArray:
        """Return the final minutes of a week: all of a past one, those so far of this one."""
        begin_ns, end_ns = number * WEEK_NS, (number + 1) * WEEK_NS
        until_ns, now_s = min(end_ns, _minute(self._seen_ns)), self._clock_s()
        week = self._weeks.get((symbol, number))
        if week is None:
            week = _Week(self._read(symbol, begin_ns, until_ns), until_ns, now_s)
            self._weeks[symbol, number] = week
            if len(self._weeks) > WEEKS_KEPT_MAX:
                self._weeks.popitem(last=False)
        elif not week.is_whole and now_s - week.read_s >= SETTLED_S:
            rows = self._read(symbol, begin_ns, until_ns)
            week.is_whole = week.until_ns == end_ns and len(rows) == len(week.rows)
            week.rows, week.until_ns, week.read_s = rows, until_ns, now_s
        elif week.until_ns < until_ns:
            newer = self._read(symbol, week.until_ns, until_ns)
            week.rows = np.concatenate((week.rows, newer))
            week.until_ns = until_ns
        self._weeks.move_to_end((symbol, number))
        return week.rows

    def _read(self, symbol: str, from_ns: int, until_ns: int) -> MinuteArray:
        last_ns = until_ns - MINUTE_NS
        if last_ns < from_ns:
            return np.empty(0, dtype=MINUTE_DTYPE)
        clock = self._server.clock
        rates = self._quotes.copy_rates_range(
            symbol,
            mt5.TIMEFRAME_M1,
            float(clock.to_server_s(from_ns)),
            float(clock.to_server_s(last_ns)),
        )
        if rates is None:
            code, text = self._quotes.last_error()
            raise MinutesUnavailable(f"minutes of {symbol}: {code} {text}")
        bars = bars_of(rates, clock, MINUTE_NS)
        rows = np.empty(len(bars), dtype=MINUTE_DTYPE)
        rows["open_ns"] = bars["close_ns"] - MINUTE_NS
        for column in ("open", "high", "low", "close", "spread_points", "tick_volume"):
            rows[column] = bars[column]
        return rows[(rows["open_ns"] >= from_ns) & (rows["open_ns"] <= last_ns)]

    def _date(self, ticks_ns: dict[str, int], now_ns: int) -> None:
        self._server.observe(ticks_ns, now_ns)
        try:
            if self._server.lacks_zone:
                self._weeks.clear()
                self._find_zone(now_ns)
            self._server.require_undoubted()
        except TerminalUnavailable as error:
            raise MinutesUnavailable(str(error)) from error

    def _find_zone(self, now_ns: int) -> None:
        rates = self._quotes.copy_rates_from_pos(
            self._traits[0].name, mt5.TIMEFRAME_H1, 0, ZONE_HOURS
        )
        if rates is None:
            code, text = self._quotes.last_error()
            raise MinutesUnavailable(f"hours of {self._traits[0].name}: {code} {text}")
        self._server.find([int(open_s) * SECOND_NS for open_s in rates["time"]], now_ns + HOUR_NS)


class PaperTerminal(SimulatedTerminal):
    """The simulated terminal over a real one's prices; implements `port.Terminal`.

    Its time is that up to which the market was read; nobody steers it.
    """

    def __init__(
        self,
        quotes: Terminal,
        market: PaperMarket,
        ledger: Ledger,
        settings: Settings,
        clock: Callable[[], int],
        *,
        stop_file: Path | None = None,
    ) -> None:
        self._quotes = quotes
        self._paper = market
        self._real_clock = clock
        # By what was read and not by the clock: a minute that ends in between would be acted on
        # before its bar is final.
        super().__init__(market, ledger, settings, lambda: market.seen_ns, stop_file=stop_file)

    def close(self) -> None:
        """Let go of the ledger and of the real terminal."""
        super().close()
        self._quotes.close()

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        match function:
            case "initialize":
                if not self._quotes.initialize():
                    raise CallFailed(*self._quotes.last_error())
            case "login" | "shutdown":
                pass  # of the simulated account; the real terminal stays connected
            case _:
                self._renew()
        return super()._forward(function, *arguments, **named)

    def _renew(self) -> None:
        try:
            changed_ns = self._paper.renew(self._real_clock() - LAG_NS)
        except MinutesUnavailable as error:
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_CONNECT, str(error)) from error
        if changed_ns is not None:
            self._prices.forget(changed_ns)


def open_paper(
    quotes: Terminal,
    ledger: Ledger,
    settings: Settings,
    clock: Callable[[], int],
    *,
    stop_file: Path | None = None,
    clock_s: Callable[[], float] = process_s,
) -> PaperTerminal:
    """Return the paper terminal over a connected real one.

    Raises
    ------
    TerminalUnavailable
        If the real one cannot tell its symbols, prices or zone.
    """
    try:
        market = PaperMarket(quotes, settings, clock() - LAG_NS, clock_s)
        return PaperTerminal(quotes, market, ledger, settings, clock, stop_file=stop_file)
    except LedgerUnavailable as error:
        raise TerminalUnavailable(str(error)) from error


def _minute(moment_ns: int) -> int:
    return moment_ns // MINUTE_NS * MINUTE_NS


def _all_traits(quotes: Terminal, settings: Settings) -> tuple[SymbolTraits, ...]:
    """Return the terms of what is traded and of what values it, under the broker's names."""
    discovery = discover(quotes, settings)
    if not discovery.found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in discovery.skipped)
        raise TerminalUnavailable(f"no symbol can be traded: {reasons}")
    names = SymbolNames(settings)
    infos = {name: _info(quotes, name) for _, name in discovery.found}
    account = settings.terminal.currency
    for currency in sorted({info.currency_profit for info in infos.values()} - {account}):
        for one in _valuing(quotes, names, currency, account):
            infos.setdefault(one, _info(quotes, one))
    return tuple(_traits_of(info) for info in infos.values())


def _valuing(quotes: Terminal, names: SymbolNames, currency: str, account: str) -> list[str]:
    """Return the broker's symbols that lead from a currency to the account's, none if none do."""
    direct = _joining(quotes, names, currency, account)
    if direct:
        return [direct]
    legs = [_joining(quotes, names, one, BRIDGE) for one in (currency, account)]
    return legs if all(legs) else []


def _joining(quotes: Terminal, names: SymbolNames, one: str, other: str) -> str:
    for symbol in (one + other, other + one):
        if name := names.offered_name(quotes, symbol):
            quotes.symbol_select(name, True)
            return name
    return ""


def _info(quotes: Terminal, name: str) -> SymbolInfo:
    info = quotes.symbol_info(name)
    if info is None:
        code, text = quotes.last_error()
        raise TerminalUnavailable(f"symbol {name}: {code} {text}")
    return info


def _traits_of(info: SymbolInfo) -> SymbolTraits:
    # A swap in another unit than points is left out rather than booked wrongly.
    is_in_points = info.swap_mode == mt5.SYMBOL_SWAP_MODE_POINTS
    return SymbolTraits(
        name=info.name,
        digits=info.digits,
        currency_base=info.currency_base,
        currency_profit=info.currency_profit,
        contract_size=info.trade_contract_size,
        volume_min_lots=info.volume_min,
        volume_max_lots=info.volume_max,
        volume_step_lots=info.volume_step,
        swap_long_points=info.swap_long if is_in_points else 0.0,
        swap_short_points=info.swap_short if is_in_points else 0.0,
        swap_triple_day=info.swap_rollover3days,
        stops_level_points=info.trade_stops_level,
        freeze_level_points=info.trade_freeze_level,
    )
