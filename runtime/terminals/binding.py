"""What the MetaTrader5 package is between its caller and the terminal: functions and last error.

The package reads its arguments strictly before they leave the process, and it remembers the last
error of the process. The simulated terminal and the client of the terminal process both stand
behind this one class, so their strictness is the same code.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from runtime.terminals import constants as mt5
from runtime.terminals.arguments import (
    SIGNED_64_MAX,
    UNSIGNED_64_MAX,
    CallFailed,
    check_credentials,
    epoch_s_of,
    group_of,
    integer_of,
    invalid,
    name_of,
    number_of,
    read_request,
    selection_of,
    unsigned_of,
)
from runtime.terminals.port import Moment, Request, TerminalRefused
from runtime.terminals.structures import (
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
)

SUCCESS: Final = (mt5.RES_S_OK, "Success")
REQUEST_ID_LENGTH_MAX: Final = 128

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F")
_Method = Callable[Concatenate["Binding", P], R]


def _answers(failed: F) -> Callable[[_Method[P, R]], _Method[P, R | F]]:
    """Let a function of the package keep the last error, and answer `failed` where it fails."""

    def keep(method: _Method[P, R]) -> _Method[P, R | F]:
        @wraps(method)
        def kept(binding: "Binding", /, *args: P.args, **kwargs: P.kwargs) -> R | F:
            binding.error = SUCCESS
            try:
                return method(binding, *args, **kwargs)
            except CallFailed as failure:
                binding.error = (failure.code, failure.text)
                return failed

        return kept

    return keep


class Binding(ABC):
    """The package's functions over one way of reaching a terminal; they are `port.Terminal`'s."""

    def __init__(self) -> None:
        self.error = SUCCESS

    @abstractmethod
    def _forward(self, function: str, *arguments: object, **named: object) -> Any:
        """Run a function of the terminal with arguments that the binding has let pass.

        Raises
        ------
        CallFailed
            If the call ends with `None`.
        """

    @_answers(failed=False)
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
        """Connect."""
        check_credentials(password, server)
        return bool(
            self._forward(
                "initialize",
                path,
                login=login,
                password=password,
                server=server,
                timeout=timeout,
                portable=portable,
            )
        )

    @_answers(failed=False)
    def login(
        self, login: int, password: str = "", server: str = "", timeout: int = 60_000
    ) -> bool:
        """Switch to an account."""
        check_credentials(password, server)
        return bool(
            self._forward("login", login=login, password=password, server=server, timeout=timeout)
        )

    @_answers(failed=False)
    def shutdown(self) -> bool:
        """Disconnect."""
        return bool(self._forward("shutdown"))

    def last_error(self) -> tuple[int, str]:
        """Return code and text of the call before this one; changes nothing."""
        return self.error

    @_answers(failed=None)
    def version(self) -> tuple[int, int, str]:
        """Return version, build and build date."""
        answer: tuple[int, int, str] = self._forward("version")
        return answer

    @_answers(failed=None)
    def terminal_info(self) -> TerminalInfo:
        """Return the state of the terminal program."""
        answer: TerminalInfo = self._forward("terminal_info")
        return answer

    @_answers(failed=None)
    def account_info(self) -> AccountInfo:
        """Return the account."""
        answer: AccountInfo = self._forward("account_info")
        return answer

    @_answers(failed=None)
    def symbols_total(self) -> int:
        """Return how many symbols there are."""
        answer: int = self._forward("symbols_total")
        return answer

    def symbols_get(self, group: str = "*") -> tuple[SymbolInfo, ...] | bool | None:
        """Return the symbols that match; False for wrong arguments, None for other failures."""
        answer = self._matching_symbols(group)
        is_ours = answer is None and self.error[0] == mt5.RES_E_INVALID_PARAMS
        return False if is_ours else answer

    @_answers(failed=None)
    def _matching_symbols(self, group: str) -> tuple[SymbolInfo, ...]:
        answer: tuple[SymbolInfo, ...] = self._forward("symbols_get", group_of(group))
        return answer

    @_answers(failed=None)
    def symbol_info(self, symbol: str) -> SymbolInfo:
        """Return a symbol's properties."""
        answer: SymbolInfo = self._forward("symbol_info", name_of("symbol_info", symbol))
        return answer

    @_answers(failed=None)
    def symbol_info_tick(self, symbol: str) -> Tick:
        """Return a selected symbol's latest tick."""
        answer: Tick = self._forward("symbol_info_tick", name_of("symbol_info_tick", symbol))
        return answer

    @_answers(failed=False)
    def symbol_select(self, symbol: str, enable: bool = True) -> bool:
        """Show or hide a symbol."""
        return bool(self._forward("symbol_select", name_of("symbol_select", symbol), bool(enable)))

    @_answers(failed=None)
    def copy_rates_from_pos(
        self, symbol: str, timeframe: int, start_pos: int, count: int
    ) -> RatesArray:
        """Return bars back from a position."""
        function = "copy_rates_from_pos"
        numbers = [integer_of(function, number) for number in (timeframe, start_pos, count)]
        answer: RatesArray = self._forward(function, name_of(function, symbol), *numbers)
        return answer

    @_answers(failed=None)
    def copy_rates_from(
        self, symbol: str, timeframe: int, date_from: Moment, count: int
    ) -> RatesArray:
        """Return bars back from a moment."""
        function = "copy_rates_from"
        answer: RatesArray = self._forward(
            function,
            name_of(function, symbol),
            integer_of(function, timeframe),
            epoch_s_of(function, date_from),
            integer_of(function, count),
        )
        return answer

    @_answers(failed=None)
    def copy_rates_range(
        self, symbol: str, timeframe: int, date_from: Moment, date_to: Moment
    ) -> RatesArray:
        """Return the bars of a range."""
        function = "copy_rates_range"
        answer: RatesArray = self._forward(
            function,
            name_of(function, symbol),
            integer_of(function, timeframe),
            epoch_s_of(function, date_from),
            epoch_s_of(function, date_to),
        )
        return answer

    @_answers(failed=None)
    def positions_total(self) -> int:
        """Return how many positions are open."""
        answer: int = self._forward("positions_total")
        return answer

    @_answers(failed=None)
    def positions_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradePosition, ...]:
        """Return open positions."""
        answer: tuple[TradePosition, ...] = self._forward(
            "positions_get", **selection_of("positions_get", unnamed, ticket, symbol, group)
        )
        return answer

    @_answers(failed=None)
    def orders_get(
        self, *unnamed: object, ticket: int = 0, symbol: str = "", group: str = ""
    ) -> tuple[TradeOrder, ...]:
        """Return working orders."""
        answer: tuple[TradeOrder, ...] = self._forward(
            "orders_get", **selection_of("orders_get", unnamed, ticket, symbol, group)
        )
        return answer

    @_answers(failed=None)
    def history_orders_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeOrder, ...]:
        """Return finished orders: of a range, with a ticket, or of a position."""
        answer: tuple[TradeOrder, ...] = self._history(
            "history_orders_get", dates, group, ticket, position
        )
        return answer

    @_answers(failed=None)
    def history_deals_get(
        self, *dates: Moment, group: str = "", ticket: int = 0, position: int = 0
    ) -> tuple[TradeDeal, ...]:
        """Return deals: of a range, the first of an order, or of a position."""
        answer: tuple[TradeDeal, ...] = self._history(
            "history_deals_get", dates, group, ticket, position
        )
        return answer

    def _history(
        self, function: str, dates: tuple[Moment, ...], group: str, ticket: int, position: int
    ) -> Any:
        if sum((bool(dates), bool(ticket), bool(position))) != 1 or len(dates) not in (0, 2):
            raise invalid("Invalid arguments")
        return self._forward(
            function,
            *(epoch_s_of(function, date) for date in dates),
            group=group_of(group),
            ticket=unsigned_of(function, ticket, UNSIGNED_64_MAX),
            position=unsigned_of(function, position, UNSIGNED_64_MAX),
        )

    @_answers(failed=None)
    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float) -> float:
        """Return the margin of an order."""
        function = "order_calc_margin"
        numbers = [number_of(function, number) for number in (volume, price)]
        answer: float = self._forward(
            function, integer_of(function, action), name_of(function, symbol), *numbers
        )
        return answer

    @_answers(failed=None)
    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float
    ) -> float:
        """Return the profit between two prices."""
        function = "order_calc_profit"
        numbers = [number_of(function, number) for number in (volume, price_open, price_close)]
        answer: float = self._forward(
            function, integer_of(function, action), name_of(function, symbol), *numbers
        )
        return answer

    @_answers(failed=None)
    def order_check(self, request: Request) -> OrderCheckResult:
        """Return what a request would do."""
        answer: OrderCheckResult = self._forward(
            "order_check", read_request("order_check", request)
        )
        return answer

    @_answers(failed=None)
    def order_send(
        self, request: Request, *, request_id: str, epoch: int
    ) -> OrderSendResult | TerminalRefused:
        """Send a request once, ever.

        Raises
        ------
        ValueError
            If the id is empty or too long, or the epoch negative: that is our own error, not one
            of the request.
        """
        if not 0 < len(request_id) <= REQUEST_ID_LENGTH_MAX:
            raise ValueError(f"request_id must have 1..{REQUEST_ID_LENGTH_MAX} characters")
        if not 0 <= epoch <= SIGNED_64_MAX:
            raise ValueError(f"epoch must be in [0, 2**63), was {epoch}")
        answer: OrderSendResult | TerminalRefused = self._forward(
            "order_send", read_request("order_send", request), request_id=request_id, epoch=epoch
        )
        return answer

    @_answers(failed=None)
    def epoch_seen(self) -> int:
        """Return the highest epoch that has sent here."""
        answer: int = self._forward("epoch_seen")
        return answer
