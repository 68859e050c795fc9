"""A MetaTrader 5 terminal with its broker, over the minutes of a market source.

Every call first lives through the market up to the moment of the call, so what a caller sees is
always settled. An order fills at the running minute's open, which is the only price that is known
by then; what a later minute brings is acted on at that minute's close.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from models.market.sessions import DAY_NS, SECOND_NS
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed, check_calculation
from runtime.terminals.binding import Binding
from runtime.terminals.gate import STOP_FILE_NAME, LastGate
from runtime.terminals.port import TerminalRefused
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated import views
from runtime.terminals.simulated.account import Account
from runtime.terminals.simulated.desk import Desk
from runtime.terminals.simulated.ledger import Deal, Ledger, LedgerUnavailable, Order
from runtime.terminals.simulated.masks import is_in_group, is_selected, matching
from runtime.terminals.simulated.money import margin_level, money
from runtime.terminals.simulated.prices import Prices, UnknownRate
from runtime.terminals.simulated.rates import LENGTHS_NS, Rates
from runtime.terminals.simulated.rules import Conditions, Rules
from runtime.terminals.simulated.source import MarketSource, SymbolTraits
from runtime.terminals.simulated.stepping import Stepping
from runtime.terminals.structures import (
    RATES_DTYPE,
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    RatesArray,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

LATEST_NS: Final = 2**62
"""Moments asked for are cut to [0, this]: far beyond any market, still a 64-bit integer."""


class SimulatedTerminal(Binding):
    """The simulated terminal; implements `port.Terminal` and `port.SimulatedControls`.

    Guarantees: time never goes backwards. A request id runs at most once, also across the death of
    the process: effects and answer are in the ledger together or not at all. The same source,
    ledger and calls give the same answers.

    Parameters
    ----------
    source : MarketSource
        The market, later minutes included; none of them is shown before its time.
    ledger : Ledger
        The broker's book. An empty one receives the deposit of the settings.
    settings : Settings
        Account, spreads, server zone and limits; symbols that are shown from the start.
    clock : callable
        Market time in nanoseconds UTC, while nobody steers.
    stop_file : Path, optional
        The kill switch; by default ``STOP`` in the settings' home. None for runs over history,
        which no kill switch concerns.
    """

    def __init__(
        self,
        source: MarketSource,
        ledger: Ledger,
        settings: Settings,
        clock: Callable[[], int],
        *,
        stop_file: Path | str | None = "",
    ) -> None:
        super().__init__()
        own = settings.terminal
        self.conditions = Conditions(positions_max=own.positions_max)
        self._bars_max = own.bars_max
        self._currency = own.currency
        self._market_clock = clock
        self._steered_ns: int | None = None
        self._is_connected = False
        self._ledger = ledger
        self._clock = ServerClock(own.server_zone)
        self._prices = Prices(source, own.currency, own.spread_factor)
        self._rates = Rates(source, self._clock, own.spread_factor)
        self._account = Account(
            ledger,
            self._prices,
            opened_ns=source.start_ns,
            deposit=own.deposit,
            leverage=own.leverage,
            commission_per_lot=own.commission_per_lot,
        )
        self._stepping = Stepping(self._account, self._prices, self._clock)
        path = settings.home / STOP_FILE_NAME if stop_file == "" else stop_file
        self._desk = Desk(
            self._account,
            self._prices,
            Rules(self.conditions, self._account, self._prices),
            ledger,
            LastGate(ledger, None if path is None else Path(path)),
        )
        self._selected = set(settings.symbols) & set(self._prices.traits)
        self._functions = self._table()

    def _table(self) -> dict[str, Callable[..., object]]:
        return {
            "version": self._version,
            "terminal_info": self._terminal_info,
            "account_info": self._account_info,
            "symbols_total": self._symbols_total,
            "symbols_get": self._symbols_get,
            "symbol_info": self._symbol_info,
            "symbol_info_tick": self._symbol_info_tick,
            "symbol_select": self._symbol_select,
            "copy_rates_from_pos": self._copy_rates_from_pos,
            "copy_rates_from": self._copy_rates_from,
            "copy_rates_range": self._copy_rates_range,
            "positions_total": self._positions_total,
            "positions_get": self._positions_get,
            "orders_get": self._orders_get,
            "history_orders_get": self._history_orders_get,
            "history_deals_get": self._history_deals_get,
            "order_calc_margin": self._order_calc_margin,
            "order_calc_profit": self._order_calc_profit,
            "order_check": self._order_check,
            "order_send": self._order_send,
            "epoch_seen": self._ledger.epoch,
        }

    @property
    def now_ns(self) -> int:
        """Market time up to which the terminal has lived."""
        return self._stepping.now_ns

    def steer(self, now_ns: int | None) -> None:
        """Take the market time from here; see `port.SimulatedControls`."""
        self._steered_ns = now_ns

    def advance(self, to_ns: int) -> None:
        """Live through the minutes up to a moment; see `port.SimulatedControls`."""
        try:
            self._live_until(to_ns)
        except (LedgerUnavailable, UnknownRate) as error:
            raise TerminalUnavailable(str(error)) from error

    def _live_until(self, to_ns: int) -> None:
        if to_ns > self._stepping.now_ns:
            self._stepping.live_until(to_ns)

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Return the broker's next own change; see `port.SimulatedControls`."""
        self.advance(now_ns)
        try:
            found_ns = self._stepping.next_event_ns(until_ns)
        except UnknownRate as error:
            raise TerminalUnavailable(str(error)) from error
        return until_ns if found_ns is None else found_ns

    def close(self) -> None:
        """Keep the moment reached and let go of the ledger."""
        if self._stepping.now_ns > self._account.standing.now_ns:
            # Every deal is in the ledger already; minutes without one can be lived through again.
            with suppress(LedgerUnavailable):
                self._account.commit(self._stepping.now_ns)
        self._ledger.close()

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        if function in ("initialize", "login"):
            return self._connect(**named)
        if function == "shutdown":
            self._is_connected = False
            return True
        if not self._is_connected:
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_CONNECT)
        try:
            steered_ns = self._steered_ns
            self._live_until(self._market_clock() if steered_ns is None else steered_ns)
            return self._functions[function](*arguments, **named)
        except LedgerUnavailable as error:
            # What the account has and the book has not is dropped, so that nothing half done shows.
            self._stepping.return_to_ledger()
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL) from error
        except UnknownRate as error:
            raise CallFailed(mt5.RES_E_FAIL) from error

    def _connect(self, *, login: object, server: object, **_: object) -> bool:
        if login not in (0, views.LOGIN) or server not in ("", views.SERVER):
            raise CallFailed(mt5.RES_E_AUTH_FAILED)
        self._is_connected = True
        return True

    def _version(self) -> tuple[int, int, str]:
        return views.VERSION

    def _terminal_info(self) -> TerminalInfo:
        return views.terminal_of(self.conditions, self._bars_max)

    def _account_info(self) -> AccountInfo:
        balance, margin = self._account.standing.balance, self._account.margin
        profit = self._account.floating_total(self.now_ns)
        equity = money(balance + profit)
        return views.account_of(
            balance=balance,
            profit=profit,
            equity=equity,
            margin=margin,
            margin_free=money(equity - margin),
            level=margin_level(equity, margin),
            currency=self._currency,
            leverage=self._account.leverage,
            conditions=self.conditions,
        )

    def _symbols_total(self) -> int:
        return len(self._prices.traits)

    def _symbols_get(self, group: str) -> tuple[SymbolInfo, ...]:
        return tuple(map(self._symbol_info, matching(group, self._prices.traits)))

    def _symbol_info(self, symbol: str) -> SymbolInfo:
        traits = self._traits(symbol)
        now_ns = self.now_ns
        midnight_ns = self._clock.to_server_ns(now_ns) // DAY_NS * DAY_NS
        today = self._rates.range(
            traits, mt5.TIMEFRAME_M1, midnight_ns, midnight_ns + DAY_NS, now_ns
        )
        try:
            account_per_quote = self._prices.rate(traits.currency_profit, now_ns)
        except UnknownRate:
            account_per_quote = 0.0
        return views.symbol_of(
            traits,
            self._prices.quote(symbol, now_ns),
            today,
            account_per_quote,
            is_selected=symbol in self._selected,
            trade_mode=self.conditions.trade_mode(symbol),
            clock=self._clock,
        )

    def _symbol_info_tick(self, symbol: str) -> Tick:
        self._traits(symbol)
        quote = self._prices.quote(symbol, self.now_ns)
        if quote is None or symbol not in self._selected:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return views.tick_of(quote, self._clock)

    def _symbol_select(self, symbol: str, enable: bool) -> bool:
        self._traits(symbol)
        if enable:
            self._selected.add(symbol)
            return True
        if any(position.symbol == symbol for position in self._account.positions.values()):
            raise CallFailed(mt5.RES_E_FAIL)
        self._selected.discard(symbol)
        return True

    def _traits(self, symbol: str) -> SymbolTraits:
        if symbol not in self._prices.traits:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return self._prices.traits[symbol]

    def _copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, count)
        if start_pos < 0:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        bars = self._rates.back(traits, timeframe, self.now_ns, start_pos + count, self.now_ns)
        if len(bars) <= start_pos:
            raise CallFailed(mt5.RES_E_FAIL)
        return bars[: len(bars) - start_pos][-count:]

    def _copy_rates_from(
        self, symbol: str, timeframe: int, date_from: float, count: int
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, count)
        until_ns = min(self._utc_ns(date_from), self.now_ns)
        return self._rates.back(traits, timeframe, until_ns, count, self.now_ns)

    def _copy_rates_range(
        self, symbol: str, timeframe: int, date_from: float, date_to: float
    ) -> RatesArray:
        traits = self._rates_of(symbol, timeframe, 1)
        from_ns, until_ns = _server_ns(date_from), _server_ns(date_to)
        if from_ns > until_ns:
            return np.empty(0, dtype=RATES_DTYPE)
        bars = self._rates.range(traits, timeframe, from_ns, until_ns, self.now_ns)
        if len(bars) >= self._bars_max:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        return bars

    def _rates_of(self, symbol: str, timeframe: int, count: int) -> SymbolTraits:
        if timeframe not in LENGTHS_NS or not 0 < count < self._bars_max:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        if symbol not in self._prices.traits:
            raise CallFailed(mt5.RES_E_FAIL)
        return self._prices.traits[symbol]

    def _positions_total(self) -> int:
        return len(self._account.positions)

    def _positions_get(self, *, ticket: int, symbol: str, group: str) -> tuple[TradePosition, ...]:
        return tuple(
            self._shown_position(one.ticket)
            for one in self._account.positions.values()
            if is_selected(one.ticket, one.symbol, ticket, symbol, group)
        )

    def _shown_position(self, ticket: int) -> TradePosition:
        position = self._account.positions[ticket]
        price, profit = self._account.floating(position, self.now_ns)
        return views.position_of(position, price, profit, self._clock)

    def _orders_get(self, *, ticket: int, symbol: str, group: str) -> tuple[TradeOrder, ...]:
        # Market orders are filled within the call that sends them, so none is ever working.
        return ()

    def _history_orders_get(
        self, *dates: float, group: str, ticket: int, position: int
    ) -> tuple[TradeOrder, ...]:
        found: Iterable[Order]
        if ticket:
            one = self._ledger.order(ticket)
            found = () if one is None else (one,)
        elif position:
            found = self._ledger.orders_of_position(position)
        else:
            found = self._ledger.orders_between(*map(self._utc_ns, dates))
        return tuple(
            views.order_of(one, self._clock) for one in found if is_in_group(group, one.symbol)
        )

    def _history_deals_get(
        self, *dates: float, group: str, ticket: int, position: int
    ) -> tuple[TradeDeal, ...]:
        found: Iterable[Deal]
        if ticket:
            found = tuple(self._ledger.deals_of_order(ticket))[:1]
        elif position:
            found = self._ledger.deals_of_position(position)
        else:
            found = self._ledger.deals_between(*map(self._utc_ns, dates))
        return tuple(
            views.deal_of(one, self._clock) for one in found if is_in_group(group, one.symbol)
        )

    def _order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float:
        self._traits(symbol)
        check_calculation(action, volume, price)
        return self._account.margin_of(symbol, volume, self.now_ns)

    def _order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float:
        traits = self._traits(symbol)
        check_calculation(action, volume, price_open, price_close)
        rate = self._prices.rate(traits.currency_profit, self.now_ns)
        is_buy = action == mt5.ORDER_TYPE_BUY
        return self._account.profit_of(symbol, is_buy, volume, (price_open, price_close), rate)

    def _order_check(self, request: TradeRequest) -> OrderCheckResult:
        return self._desk.check(request, self.now_ns)

    def _order_send(
        self, request: TradeRequest, *, request_id: str, epoch: int
    ) -> OrderSendResult | TerminalRefused:
        named = request.position in self._account.positions
        position = self._shown_position(request.position) if named else None
        return self._desk.send(request, request_id, epoch, position, self.now_ns)

    def _utc_ns(self, server_s: float) -> int:
        return max(self._clock.to_utc_ns(_server_ns(server_s)), 0)


def _server_ns(epoch_s: float) -> int:
    if not math.isfinite(epoch_s):
        raise CallFailed(mt5.RES_E_INVALID_PARAMS)
    if not 0 <= epoch_s < LATEST_NS / SECOND_NS:
        return 0 if epoch_s < 0 else LATEST_NS
    return views.seconds_to_ns(epoch_s)
