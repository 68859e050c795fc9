"""A MetaTrader 5 terminal with its broker, over the minutes of a market source.

Every call first lives through the market up to the moment of the call, so what a caller sees is
always settled. An order fills at the running minute's open, which is the only price that is known
by then; what a later minute brings is acted on at that minute's close.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from models.decision.booking import margin_level, money
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed, check_calculation, read_request
from runtime.terminals.binding import Binding
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.port import Request, TerminalRefused
from runtime.terminals.server_time import ServerClock
from runtime.terminals.simulated import views
from runtime.terminals.simulated.broker import Broker, conditions_of
from runtime.terminals.simulated.ledger import Deal, Ledger, LedgerUnavailable, Order
from runtime.terminals.simulated.market_view import (
    LATEST_NS,
    MarketView,
    count_syncing,
    server_ns,
)
from runtime.terminals.simulated.masks import is_in_group, is_selected
from runtime.terminals.simulated.order_types import buys
from runtime.terminals.simulated.prices import Prices, UnknownRate
from runtime.terminals.simulated.source import MarketSource
from runtime.terminals.structures import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    TerminalInfo,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

T = TypeVar("T")


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
        self.conditions = conditions_of(own)
        self._bars_max = own.bars_max
        self._currency = own.currency
        self._market_clock = clock
        self._steered_ns: int | None = None
        self._is_connected = False
        self._ledger = ledger
        self._clock = ServerClock(own.server_zone)
        self._prices = Prices(source, own.currency, own.spread_factor)
        path = settings.home / STOP_FILE_NAME if stop_file == "" else stop_file
        self._broker = Broker(
            own,
            self.conditions,
            ledger,
            self._prices,
            self._clock,
            opened_ns=source.start_ns,
            stop_file=None if path is None else Path(path),
        )
        self._account = self._broker.account
        self._stepping = self._broker.stepping
        self._market = MarketView(
            source,
            self._prices,
            self._clock,
            settings,
            self.conditions,
            now=lambda: self.now_ns,
            is_in_use=self._is_in_use,
        )
        self._functions = self._table()

    def _table(self) -> dict[str, Callable[..., object]]:
        return {
            **self._market.table(),
            "version": self._version,
            "terminal_info": self._terminal_info,
            "account_info": self._account_info,
            "positions_total": self._positions_total,
            "positions_get": self._positions_get,
            "orders_total": self._orders_total,
            "orders_get": self._orders_get,
            "history_orders_total": self._history_orders_total,
            "history_orders_get": self._history_orders_get,
            "history_deals_total": self._history_deals_total,
            "history_deals_get": self._history_deals_get,
            "order_calc_margin": self._order_calc_margin,
            "order_calc_profit": self._order_calc_profit,
            "order_check": self._order_check,
            "order_send": self._order_send,
            "epoch_seen": self._epoch_seen,
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
        # Beyond what 64 bits hold an open position would have rollovers without end.
        to_ns = min(to_ns, LATEST_NS)
        if to_ns > self._stepping.now_ns:
            self._stepping.live_until(to_ns)

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Return the broker's next own change; see `port.SimulatedControls`."""
        self.advance(now_ns)
        try:
            found_ns = self._stepping.next_event_ns(min(until_ns, LATEST_NS))
        except UnknownRate as error:
            raise TerminalUnavailable(str(error)) from error
        return until_ns if found_ns is None else found_ns

    def trade_by_hand(self, request: Request) -> OrderSendResult:
        """Run a request as a person would at another terminal: reason CLIENT, magic 0.

        It has no id and passes no gate; forced codes and delays do not concern it.

        Raises
        ------
        TerminalUnavailable
            If it could not be booked; nothing was done then.
        """
        asked = read_request((request,), {})
        return self._by_another(lambda: self._broker.desk.by_hand(asked, self.now_ns))

    def transfer(self, amount: float, deal_type: int = mt5.DEAL_TYPE_BALANCE) -> int:
        """Book a deposit, a withdrawal, a credit or the like, and return the deal's ticket.

        Raises
        ------
        TerminalUnavailable
            If it could not be booked; nothing was done then.
        """
        return self._by_another(
            lambda: self._broker.desk.transfer(amount, deal_type, self.now_ns).ticket
        )

    def _by_another(self, doing: Callable[[], T]) -> T:
        try:
            self._live_until(self._moment_ns())
            return doing()
        except LedgerUnavailable as error:
            self._stepping.return_to_ledger()
            raise TerminalUnavailable(str(error)) from error
        except UnknownRate as error:
            raise TerminalUnavailable(str(error)) from error

    def _moment_ns(self) -> int:
        return self._market_clock() if self._steered_ns is None else self._steered_ns

    def close(self) -> None:
        """Keep the moment reached and let go of the ledger."""
        if self._stepping.now_ns > self._account.standing.now_ns:
            # Every deal is in the ledger already; minutes without one can be lived through again.
            with suppress(LedgerUnavailable):
                self._account.commit(self._stepping.now_ns)
        self._ledger.close()

    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        if function in ("initialize", "login"):
            # A connection that is open is closed first, whatever comes of the new one.
            self._is_connected = self._is_connected and function == "login"
            return self._connect(**named)
        if function == "shutdown":
            self._is_connected = False
            return True
        if not self._is_connected:
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL_CONNECT)
        try:
            self._live_until(self._moment_ns())
            return self._functions[function](*arguments, **named)
        except LedgerUnavailable as error:
            # What the account has and the book has not is dropped, so that nothing half done shows.
            self._stepping.return_to_ledger()
            raise CallFailed(mt5.RES_E_INTERNAL_FAIL) from error
        except UnknownRate as error:
            raise CallFailed(mt5.RES_E_FAIL) from error

    def _connect(self, *_: object, login: object, server: object, **__: object) -> bool:
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
        profit = self._broker.valuation.floating_total(self.now_ns)
        equity = money(self._account.funds + profit)
        return views.account_of(
            balance=balance,
            profit=profit,
            equity=equity,
            margin=margin,
            margin_free=money(equity - margin),
            level=margin_level(equity, margin),
            currency=self._currency,
            credit=self._account.standing.credit,
            leverage=self._broker.valuation.leverage,
            margin_mode=self._broker.margin_mode,
            conditions=self.conditions,
        )

    def _epoch_seen(self, epoch: int) -> int:
        self._ledger.raise_epoch(epoch)
        return self._ledger.epoch()

    def _positions_total(self) -> int:
        return len(self._account.positions)

    def _positions_get(self, **asked: Any) -> tuple[TradePosition, ...]:
        return tuple(
            self._shown_position(one.ticket)
            for one in self._account.positions.values()
            if is_selected(one.ticket, one.symbol, **asked)
        )

    def _shown_position(self, ticket: int) -> TradePosition:
        position = self._account.positions[ticket]
        price, profit = self._broker.valuation.floating(position, self.now_ns)
        return views.position_of(position, price, profit, self._clock)

    def _is_in_use(self, symbol: str) -> bool:
        account = self._account
        return any(
            symbol in (one.symbol for one in held.values())
            for held in (account.positions, account.working)
        )

    def _orders_total(self) -> int:
        return len(self._account.working)

    def _orders_get(self, **asked: Any) -> tuple[TradeOrder, ...]:
        return tuple(
            views.order_of(one, self._price_for(one), self._clock)
            for one in self._account.working.values()
            if is_selected(one.ticket, one.symbol, **asked)
        )

    def _price_for(self, order: Order) -> float:
        quote = self._prices.quote(order.symbol, self.now_ns)
        if quote is None:
            return 0.0
        return quote.ask if buys(order.type) else quote.bid

    def _history_orders_total(self, date_from: float, date_to: float) -> int:
        return len(self._history_orders_get(date_from, date_to))

    def _history_orders_get(
        self,
        *dates: float,
        group: str = "",
        ticket: int | None = None,
        position: int | None = None,
    ) -> tuple[TradeOrder, ...]:
        self._require_history()
        found: Iterable[Order]
        if ticket is not None:
            one = self._ledger.order(ticket)
            found = () if one is None or one.is_working else (one,)
        elif position is not None:
            found = self._ledger.orders_of_position(position)
        else:
            found = self._ledger.orders_between(*map(self._utc_ns, dates))
        return tuple(
            views.order_of(one, one.price_done, self._clock)
            for one in found
            if is_in_group(group, one.symbol)
        )

    def _history_deals_total(self, date_from: float, date_to: float) -> int:
        return len(self._history_deals_get(date_from, date_to))

    def _history_deals_get(
        self,
        *dates: float,
        group: str = "",
        ticket: int | None = None,
        position: int | None = None,
    ) -> tuple[TradeDeal, ...]:
        self._require_history()
        found: Iterable[Deal]
        if ticket is not None:
            deals = tuple(self._ledger.deals_of_order(ticket))
            found = deals[-1:] if self.conditions.shows_last_deal else deals[:1]
        elif position is not None:
            found = self._ledger.deals_of_position(position)
        else:
            found = self._ledger.deals_between(*map(self._utc_ns, dates))
        return tuple(
            views.deal_of(one, self._clock) for one in found if is_in_group(group, one.symbol)
        )

    def _require_history(self) -> None:
        if count_syncing(self.conditions):
            raise CallFailed(mt5.RES_E_FAIL)

    def _order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float:
        self._market.traits(symbol)
        check_calculation(action, volume, price)
        return self._broker.valuation.margin_of(symbol, volume, self.now_ns)

    def _order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float:
        traits = self._market.traits(symbol)
        check_calculation(action, volume, price_open, price_close)
        rate = self._prices.rate(traits.currency_profit, self.now_ns)
        is_buy = action == mt5.ORDER_TYPE_BUY
        return self._broker.valuation.profit_of(
            symbol, is_buy, volume, (price_open, price_close), rate
        )

    def _order_check(self, request: TradeRequest) -> OrderCheckResult:
        return self._broker.desk.check(request, self.now_ns)

    def _order_send(
        self, request: TradeRequest, *, request_id: str, epoch: int
    ) -> OrderSendResult | TerminalRefused:
        named = request.position in self._account.positions
        position = self._shown_position(request.position) if named else None
        return self._broker.desk.send(request, request_id, epoch, position, self.now_ns)

    def _utc_ns(self, server_s: float) -> int:
        return max(self._clock.to_utc_ns(server_ns(server_s)), 0)
