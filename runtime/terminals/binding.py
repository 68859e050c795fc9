"""What the MetaTrader5 package is between its caller and the terminal: functions and last error.

The package reads its arguments strictly before they leave the process, and it remembers the last
error of the process. The simulated terminal, the real one and the client of the terminal process
all stand behind this one class, so their strictness is the same code.
"""

from typing import Any, Final

from runtime.terminals.arguments import (
    SIGNED_64_MAX,
    CallFailed,
    account_fields,
    credentials_of,
    epoch_s_of,
    first_text,
    masked_of,
    number_of,
    past_of,
    read_request,
    selection_of,
    symbol_of,
    text_field,
)
from runtime.terminals.calling import answers
from runtime.terminals.market_binding import MarketBinding
from runtime.terminals.port import Moment, Request, TerminalRefused
from runtime.terminals.structures import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    TerminalInfo,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

PATH_LENGTH_MAX: Final = 257
TIMEOUT_MS: Final = 60_000
"""Of `initialize` and `login`, where none is given."""
REQUEST_ID_LENGTH_MAX: Final = 128


class Binding(MarketBinding):
    """The package's functions over one way of reaching a terminal; they are `port.Terminal`'s."""

    @answers(failed=False)
    def initialize(self, /, *unnamed: str, **named: Any) -> bool:
        """Connect; a connection that is open is closed first, whatever comes of it."""
        try:
            first = first_text(unnamed, {}, "path", PATH_LENGTH_MAX)
            account = account_fields(named)
            path = text_field(named, "path", PATH_LENGTH_MAX)
        except CallFailed:
            self._forward("shutdown")
            raise
        return bool(
            self._forward(
                "initialize",
                path or first or "",
                login=account.get("login", 0),
                password=account.get("password", ""),
                server=account.get("server", ""),
                timeout=account.get("timeout", TIMEOUT_MS),
                portable=bool(named.get("portable", False)),
            )
        )

    @answers(failed=False)
    def login(self, /, *unnamed: Any, **named: Any) -> bool:
        """Switch to an account."""
        missing = {"password": "", "server": "", "timeout": TIMEOUT_MS}
        return bool(self._forward("login", **missing | credentials_of(unnamed, named)))

    @answers(failed=False)
    def shutdown(self) -> bool:
        """Disconnect."""
        return bool(self._forward("shutdown"))

    def last_error(self) -> tuple[int, str]:
        """Return code and text of the call before this one; changes nothing."""
        return self.error

    @answers(failed=None)
    def version(self) -> tuple[int, int, str]:
        """Return version, build and build date."""
        answer: tuple[int, int, str] = self._forward("version")
        return answer

    @answers(failed=None)
    def terminal_info(self) -> TerminalInfo:
        """Return the state of the terminal program."""
        answer: TerminalInfo = self._forward("terminal_info")
        return answer

    @answers(failed=None)
    def account_info(self) -> AccountInfo:
        """Return the account."""
        answer: AccountInfo = self._forward("account_info")
        return answer

    @answers(failed=None)
    def positions_total(self) -> int:
        """Return how many positions are open."""
        answer: int = self._forward("positions_total")
        return answer

    @answers(failed=None)
    def positions_get(self, /, *unnamed: object, **named: Any) -> tuple[TradePosition, ...]:
        """Return open positions."""
        asked = selection_of(unnamed, named)
        answer: tuple[TradePosition, ...] = self._forward("positions_get", **asked)
        return answer

    @answers(failed=None)
    def orders_total(self) -> int:
        """Return how many orders are working."""
        answer: int = self._forward("orders_total")
        return answer

    @answers(failed=None)
    def orders_get(self, /, *unnamed: object, **named: Any) -> tuple[TradeOrder, ...]:
        """Return working orders."""
        asked = selection_of(unnamed, named)
        answer: tuple[TradeOrder, ...] = self._forward("orders_get", **asked)
        return answer

    @answers(failed=None)
    def history_orders_total(self, date_from: Moment, date_to: Moment, /) -> int:
        """Return how many orders were finished in a range."""
        dates = epoch_s_of(date_from), epoch_s_of(date_to)
        answer: int = self._forward("history_orders_total", *dates)
        return answer

    @answers(failed=None)
    def history_orders_get(self, /, *unnamed: Moment, **named: Any) -> tuple[TradeOrder, ...]:
        """Return finished orders: of a range, with a ticket, or of a position."""
        dates, asked = past_of(unnamed, named)
        answer: tuple[TradeOrder, ...] = self._forward("history_orders_get", *dates, **asked)
        return answer

    @answers(failed=None)
    def history_deals_total(self, date_from: Moment, date_to: Moment, /) -> int:
        """Return how many deals were made in a range."""
        dates = epoch_s_of(date_from), epoch_s_of(date_to)
        answer: int = self._forward("history_deals_total", *dates)
        return answer

    @answers(failed=None)
    def history_deals_get(self, /, *unnamed: Moment, **named: Any) -> tuple[TradeDeal, ...]:
        """Return deals: of a range, the first of an order, or of a position."""
        dates, asked = past_of(unnamed, named)
        answer: tuple[TradeDeal, ...] = self._forward("history_deals_get", *dates, **asked)
        return answer

    @answers(failed=None)
    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float, /) -> float:
        """Return the margin of an order."""
        numbers = [masked_of(action), *map(number_of, (volume, price))]
        answer: float = self._forward(
            "order_calc_margin", numbers[0], symbol_of(symbol), *numbers[1:]
        )
        return answer

    @answers(failed=None)
    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float, /
    ) -> float:
        """Return the profit between two prices."""
        numbers = [masked_of(action), *map(number_of, (volume, price_open, price_close))]
        answer: float = self._forward(
            "order_calc_profit", numbers[0], symbol_of(symbol), *numbers[1:]
        )
        return answer

    @answers(failed=None)
    def order_check(self, /, *unnamed: Request, **named: Any) -> OrderCheckResult:
        """Return what a request would do."""
        answer: OrderCheckResult = self._forward("order_check", read_request(unnamed, named))
        return answer

    @answers(failed=None)
    def order_send(
        self, /, *unnamed: Request, request_id: str, epoch: int, **named: Any
    ) -> OrderSendResult | TerminalRefused:
        """Send a request once, ever.

        Raises
        ------
        ValueError
            If the id is empty, too long or no plain text, or the epoch negative: that is our own
            error, not one of the request.
        """
        is_plain = request_id.isascii() and request_id.isprintable()
        if not (is_plain and 0 < len(request_id) <= REQUEST_ID_LENGTH_MAX):
            raise ValueError(f"request_id must have 1..{REQUEST_ID_LENGTH_MAX} plain characters")
        if not 0 <= epoch <= SIGNED_64_MAX:
            raise ValueError(f"epoch must be in [0, 2**63), was {epoch}")
        answer: OrderSendResult | TerminalRefused = self._forward(
            "order_send", read_request(unnamed, named), request_id=request_id, epoch=epoch
        )
        return answer

    @answers(failed=None)
    def epoch_seen(self, epoch: int = 0) -> int:
        """Note an epoch, and return the highest one noted."""
        if not 0 <= epoch <= SIGNED_64_MAX:
            raise ValueError(f"epoch must be in [0, 2**63), was {epoch}")
        answer: int = self._forward("epoch_seen", epoch)
        return answer
