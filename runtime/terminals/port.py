"""What Quorum asks of a terminal: the MetaTrader5 functions it uses, and what a simulation adds.

The simulated terminal, the real one and the client of the terminal process all have this surface,
so no caller can tell them apart. `None` is failure, with the reason in `last_error`; an empty tuple
or array is "nothing found".
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from runtime.terminals.structures import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    RatesArray,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TicksArray,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

Request = Mapping[str, object]
"""A request's fields by name, exactly as the package takes them."""

Moment = datetime | int | float
"""A moment of the server's clock: an epoch, or a datetime, whose `timestamp()` counts.

Fractions of a second are cut off. An `int` has 32 bits on Windows, so callers give a `float`.
"""


class Refusal(StrEnum):
    """Why the terminal process itself did not pass a request on."""

    STOP_FILE = "stop_file"
    """The kill switch is on, and the request is not certain to reduce risk."""
    STALE_EPOCH = "stale_epoch"
    """A younger instance of the sender has been here."""
    REUSED_ID = "reused_id"
    """The id belongs to another request, which may have run."""
    IDENTITY = "identity"
    """The account behind the terminal is not the one that the book trades on."""


class TerminalRefused(msgspec.Struct, frozen=True):
    """The last gate's refusal: the request never reached the broker, which is definitive."""

    refusal: Refusal
    text: str


SendAnswer = OrderSendResult | TerminalRefused | None
"""`None` stands with a last error, whose code says whether the request may have run."""


class Terminal(Protocol):
    """The functions of the MetaTrader5 package, version 5.0.6231, in the subset that is used."""

    def initialize(
        self,
        path: str = "",
        *,
        login: int = 0,
        password: str = "",
        server: str = "",
        timeout: int = 60_000,
        portable: bool = False,
    ) -> bool:
        """Connect; without arguments to the last account."""

    def login(
        self, login: int, password: str = "", server: str = "", *, timeout: int = 60_000
    ) -> bool:
        """Switch to an account."""

    def shutdown(self) -> bool:
        """Disconnect; every later call fails with -10004."""

    def last_error(self) -> tuple[int, str]:
        """Return code and text of the call before this one."""

    def version(self) -> tuple[int, int, str] | None:
        """Return version, build and build date."""

    def terminal_info(self) -> TerminalInfo | None:
        """Return the state of the terminal program."""

    def account_info(self) -> AccountInfo | None:
        """Return the account, floating profit included."""

    def symbols_total(self) -> int | None:
        """Return how many symbols there are."""

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | bool | None:
        """Return the symbols that match comma-separated masks; False for wrong arguments."""

    def symbol_info(self, symbol: str, /) -> SymbolInfo | None:
        """Return a symbol's properties."""

    def symbol_info_tick(self, symbol: str, /) -> Tick | None:
        """Return a selected symbol's latest tick."""

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Show or hide a symbol."""

    def copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int, /
    ) -> RatesArray | None:
        """Return bars back from a position; 0 is the forming bar."""

    def copy_rates_from(
        self, symbol: str, timeframe: int, date_from: Moment, count: int, /
    ) -> RatesArray | None:
        """Return bars back from the one that opened at or before a moment."""

    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: Moment, date_to: Moment, /
    ) -> RatesArray | None:
        """Return the bars that opened within a range, both ends included."""

    def copy_ticks_from(
        self, symbol: str, date_from: Moment, count: int, flags: int, /
    ) -> TicksArray | None:
        """Return the first ticks from a moment on."""

    def copy_ticks_range(
        self, symbol: str, date_from: Moment, date_to: Moment, flags: int, /
    ) -> TicksArray | None:
        """Return the ticks of a range, both ends included."""

    def positions_total(self) -> int | None:
        """Return how many positions are open."""

    def positions_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradePosition, ...] | None:
        """Return open positions; ticket goes before symbol, symbol before group."""

    def orders_total(self) -> int | None:
        """Return how many orders are working."""

    def orders_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradeOrder, ...] | None:
        """Return working orders."""

    def history_orders_total(self, date_from: Moment, date_to: Moment, /) -> int | None:
        """Return how many orders were finished in a range."""

    def history_orders_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeOrder, ...] | None:
        """Return finished orders: of a range, with a ticket, or of a position."""

    def history_deals_total(self, date_from: Moment, date_to: Moment, /) -> int | None:
        """Return how many deals were made in a range."""

    def history_deals_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeDeal, ...] | None:
        """Return deals: of a range, the first of an order, or of a position."""

    def order_calc_margin(
        self, action: int, symbol: str, volume: float, price: float, /
    ) -> float | None:
        """Return the margin of an order in account currency."""

    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float, /
    ) -> float | None:
        """Return the profit between two prices in account currency."""

    def order_check(self, request: Request, /) -> OrderCheckResult | None:
        """Return what a request would do, without doing it; retcode 0 is success."""

    def order_send(self, request: Request, /, *, request_id: str, epoch: int) -> SendAnswer:
        """Send a request once, ever, under an id of the sender's.

        Beyond the package: a repeated id is answered with the recorded answer and runs nothing; a
        sender whose epoch is below the highest one seen is refused.
        """

    def epoch_seen(self, epoch: int = 0) -> int | None:
        """Note an epoch, and return the highest one noted; beyond the package.

        Once it has returned, nothing of an older sender gets through any more.
        """

    def close(self) -> None:
        """Let go of whatever is held; beyond the package, and the last call of all."""


class SimulatedControls(Protocol):
    """What only a simulated terminal can be asked: to move its time, and what comes next."""

    def steer(self, now_ns: int | None) -> None:
        """Take the market time from here; None gives the terminal its own clock back.

        Time never goes backwards: an earlier moment than one already seen changes nothing.
        """

    def advance(self, to_ns: int) -> None:
        """Live through the minutes up to a moment: stops, targets, swaps, stop-outs."""

    def next_event_ns(self, now_ns: int, until_ns: int) -> int:
        """Return the first moment in (now, until] at which the broker changes something by itself.

        With the positions as they are and no further requests; `until_ns` if there is none. Nothing
        is changed by asking.
        """
