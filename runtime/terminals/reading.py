"""From the terminal's account, positions, orders and deals to one consistent answer.

The server's time becomes UTC here. A `None` from any part makes the whole reading fail: it means
"cannot tell", and taking it for "nothing there" is how positions get opened twice.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from agents.requests import (
    BrokerAccount,
    BrokerDeal,
    BrokerOrder,
    BrokerPosition,
    BrokerRead,
    ReadBroker,
    SendAnswered,
    SendOrder,
)
from blackboard.errors import TerminalUnavailable
from blackboard.facts.decision import Side
from models.market.sessions import DAY_NS
from runtime.terminals import constants as mt5
from runtime.terminals.port import SendAnswer, Terminal, TerminalRefused
from runtime.terminals.requests import FLATTEN_COMMENT
from runtime.terminals.server_time import ServerClock
from runtime.terminals.structures import AccountInfo, TradeDeal, TradeOrder, TradePosition

T = TypeVar("T")

MILLISECOND_NS: Final = 1_000_000

REASONS: Final = {
    mt5.DEAL_REASON_CLIENT: "client",
    mt5.DEAL_REASON_MOBILE: "client",
    mt5.DEAL_REASON_WEB: "client",
    mt5.DEAL_REASON_EXPERT: "expert",
    mt5.DEAL_REASON_SL: "stop",
    mt5.DEAL_REASON_TP: "target",
    mt5.DEAL_REASON_SO: "stop_out",
}
"""What made a deal; whatever is not named is ``other``."""

_TRADES: Final = frozenset({mt5.DEAL_TYPE_BUY, mt5.DEAL_TYPE_SELL})
_FUNDING: Final = frozenset({mt5.DEAL_TYPE_BALANCE, mt5.DEAL_TYPE_CREDIT})
"""Deals that move equity without a trade: deposits, withdrawals, credit given and taken back."""


class BrokerReader:
    """Reads the broker's side of the book.

    The deposits of an account are the sum over its whole history. It is read once; afterwards only
    what is later than the last period asked for is read again and added, in order, so the sum has
    the same last digit as one over everything.
    """

    def __init__(self, terminal: Terminal, server: ServerClock) -> None:
        self._terminal = terminal
        self._server = server
        self._summed_to_msc = 0
        self._deposits = 0.0

    def read(self, request: ReadBroker, now_ns: int) -> BrokerRead:
        """Return everything as one answer.

        Positions come before deals: a position that closes in between is still open in the answer,
        beside the deal that closed it, and never gone without one.

        Raises
        ------
        TerminalUnavailable
            If any part could not be read.
        """
        terminal, server = self._terminal, self._server
        account = self._part("account", terminal.account_info())
        positions = self._part("positions", terminal.positions_get())
        working = self._part("orders", terminal.orders_get())
        # The server's clock may be ahead of ours, so the end lies a day beyond now.
        from_s, to_s = server.to_server_s(request.since_ns), server.to_server_s(now_ns + DAY_NS)
        finished = self._part("past orders", terminal.history_orders_get(from_s, to_s))
        deals_from_s = min(from_s, self._summed_to_msc // 1000)
        deals = self._part("deals", terminal.history_deals_get(deals_from_s, to_s))
        deals = tuple(sorted(deals, key=lambda deal: (deal.time_msc, deal.ticket)))
        return BrokerRead(
            request=request,
            read_ns=now_ns,
            account=account_of(account),
            deposits=self._sum_deposits(deals, from_s * 1000),
            positions=tuple(position_of(position, server) for position in positions),
            orders=(
                *(order_of(order, server, is_working=True) for order in working),
                *(order_of(order, server, is_working=False) for order in finished),
            ),
            deals=tuple(deal_of(deal, server) for deal in deals if deal.time_msc >= from_s * 1000),
        )

    def _sum_deposits(self, deals: Sequence[TradeDeal], keep_to_msc: int) -> float:
        # A plain running sum: the built-in one compensates, and would depend on where it was cut.
        total = self._deposits
        keep_to_msc = max(keep_to_msc, self._summed_to_msc)
        for deal in deals:
            if deal.type in _FUNDING and deal.time_msc >= self._summed_to_msc:
                total += deal.profit
                if deal.time_msc < keep_to_msc:
                    self._deposits = total
        self._summed_to_msc = keep_to_msc
        return total

    def _part(self, name: str, part: T | None) -> T:
        if part is None:
            code, text = self._terminal.last_error()
            raise TerminalUnavailable(f"{name}: {code} {text}")
        return part


def account_of(info: AccountInfo) -> BrokerAccount:
    """Return the account."""
    return BrokerAccount(
        login=info.login,
        server=info.server,
        currency=info.currency,
        trade_mode=info.trade_mode,
        margin_mode=info.margin_mode,
        balance=info.balance,
        equity=info.equity,
        margin=info.margin,
        margin_free=info.margin_free,
        leverage=info.leverage,
    )


def position_of(position: TradePosition, server: ServerClock) -> BrokerPosition:
    """Return an open position."""
    return BrokerPosition(
        ticket=position.ticket,
        symbol=position.symbol,
        side=Side.BUY if position.type == mt5.POSITION_TYPE_BUY else Side.SELL,
        lots=position.volume,
        open_price=position.price_open,
        stop_price=position.sl,
        target_price=position.tp,
        opened_ns=server.to_utc_ns(position.time_msc * MILLISECOND_NS),
        magic=position.magic,
        comment=position.comment,
        profit=position.profit,
        swap=position.swap,
    )


def order_of(order: TradeOrder, server: ServerClock, *, is_working: bool) -> BrokerOrder:
    """Return an order."""
    return BrokerOrder(
        ticket=order.ticket,
        symbol=order.symbol,
        magic=order.magic,
        comment=order.comment,
        is_working=is_working,
        placed_ns=server.to_utc_ns(order.time_setup_msc * MILLISECOND_NS),
    )


def deal_of(deal: TradeDeal, server: ServerClock) -> BrokerDeal:
    """Return a deal; whatever is no trade counts as a balance deal.

    A deal that turns a position round (netting accounts) is read as its close.
    """
    return BrokerDeal(
        ticket=deal.ticket,
        order_ticket=deal.order,
        position_ticket=deal.position_id,
        symbol=deal.symbol,
        side=Side.SELL if deal.type == mt5.DEAL_TYPE_SELL else Side.BUY,
        is_entry=deal.entry == mt5.DEAL_ENTRY_IN,
        is_balance=deal.type not in _TRADES,
        lots=deal.volume,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        swap=deal.swap,
        fee=deal.fee,
        reason=_reason_of(deal),
        magic=deal.magic,
        comment=deal.comment,
        made_ns=server.to_utc_ns(deal.time_msc * MILLISECOND_NS),
    )


def _reason_of(deal: TradeDeal) -> str:
    reason = REASONS.get(deal.reason, "other")
    return FLATTEN_COMMENT if (reason, deal.comment) == ("expert", FLATTEN_COMMENT) else reason


def send_answered(
    request: SendOrder, answer: SendAnswer, last_error: tuple[int, str]
) -> SendAnswered:
    """Return what came back from a send, not yet classified.

    Parameters
    ----------
    request : SendOrder
        What was asked for.
    answer : OrderSendResult, TerminalRefused or None
        What the terminal process answered.
    last_error : tuple of int and str
        Its last error, which counts where there is no answer.
    """
    if answer is None or isinstance(answer, TerminalRefused):
        was_refused = answer is not None
        code, text = (0, f"{answer.refusal}: {answer.text}") if answer else last_error
        return SendAnswered(
            request=request,
            has_result=False,
            code=code,
            comment=text,
            lots=0.0,
            price=0.0,
            order_ticket=0,
            deal_ticket=0,
            was_refused_before_send=was_refused,
        )
    return SendAnswered(
        request=request,
        has_result=True,
        code=answer.retcode,
        comment=answer.comment,
        lots=answer.volume,
        price=answer.price,
        order_ticket=answer.order,
        deal_ticket=answer.deal,
    )
