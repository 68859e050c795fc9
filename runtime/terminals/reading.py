"""From the terminal's account, positions, orders and deals to one consistent answer.

The server's time becomes UTC here. A `None` from any part makes the whole reading fail: it means
"cannot tell", and taking it for "nothing there" is how positions get opened twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

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
from runtime.terminals.deal_sums import DealSums
from runtime.terminals.port import SendAnswer, Terminal, TerminalRefused
from runtime.terminals.requests import FLATTEN_COMMENT
from runtime.terminals.server_time import ServerClock
from runtime.terminals.structures import AccountInfo, TradeDeal, TradeOrder, TradePosition
from runtime.terminals.symbols import SymbolNames

T = TypeVar("T")
Record = TypeVar("Record", BrokerPosition, BrokerOrder, BrokerDeal)

MILLISECOND_NS: Final = 1_000_000
READINGS_MAX: Final = 4
"""How often the broker is read for one answer while its balance and its deals do not agree."""

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
_DEAD: Final = {
    mt5.ORDER_STATE_CANCELED: "cancelled",
    mt5.ORDER_STATE_REJECTED: "rejected",
    mt5.ORDER_STATE_EXPIRED: "expired",
}


class BrokerReader:
    """Reads the broker's side of the book, under our names; not thread-safe.

    What an account was paid and what it had at most are sums over its whole history. It is read
    once; afterwards only what is later than the last period asked for is read again and added, in
    order, so the sums have the same last digit as over everything.

    Deals that do not make the balance are not all there: terminals do answer "none" while there are
    some. Nothing is kept of such an answer, and the sums stay those of the last one that did.
    """

    def __init__(self, names: SymbolNames) -> None:
        self._names = names
        self._summed_to_msc = 0
        self._summed = DealSums()
        self._explained: DealSums | None = None
        """Sums over everything, of the last reading whose deals made the balance."""

    def read(
        self, terminal: Terminal, server: ServerClock, request: ReadBroker, now_ns: int
    ) -> BrokerRead:
        """Return everything as one answer.

        The account is read before the deals. A deal that is made in between stands beside a balance
        without it, so what does not add up is read again, until it does or is the same twice: then
        it is the broker's history that lacks something.

        Raises
        ------
        TerminalUnavailable
            If any part could not be read, or the balance moved during each of the readings.
        """
        self._names.learn(terminal)
        before: BrokerRead | None = None
        for _ in range(READINGS_MAX):
            reading = self._read_once(terminal, server, request, now_ns)
            if reading.is_explained or _is_same_money(before, reading):
                return reading
            before = reading
        raise TerminalUnavailable(f"account: moved during each of {READINGS_MAX} readings")

    def _read_once(
        self, terminal: Terminal, server: ServerClock, request: ReadBroker, now_ns: int
    ) -> BrokerRead:
        """Read every part once.

        Positions come before deals: a position that closes in between is still open in the answer,
        beside the deal that closed it, and never gone without one. Deals are read by range: by
        ticket a terminal gives one of an order's deals, whatever their number.
        """
        account = _part(terminal, "account", terminal.account_info())
        positions = _part(terminal, "positions", terminal.positions_get())
        working = _part(terminal, "orders", terminal.orders_get())
        # The server's clock may be ahead of ours, so the end lies a day beyond now.
        from_s, to_s = server.to_server_s(request.since_ns), server.to_server_s(now_ns + DAY_NS)
        # As floats: the package takes an int for a C long, which has 32 bits on Windows.
        dates = float(from_s), float(to_s)
        finished = _part(terminal, "past orders", terminal.history_orders_get(*dates))
        dates = float(min(from_s, self._summed_to_msc // 1000)), float(to_s)
        deals = _part(terminal, "deals", terminal.history_deals_get(*dates))
        if not deals and not self._summed_to_msc and account.balance:
            # Money comes by a deal. Nothing here would make the deposits look withdrawn.
            raise TerminalUnavailable("deals: none ever made, and the balance is not 0")
        deals = tuple(sorted(deals, key=lambda deal: (deal.time_msc, deal.ticket)))
        sums = self._sums(deals, from_s * 1000, account.balance)
        is_explained = sums.explain(account.balance)
        told = sums if is_explained else self._explained or sums
        return BrokerRead(
            request=request,
            read_ns=now_ns,
            account=account_of(account),
            deposits=told.deposits,
            peak_balance=told.peak,
            is_explained=is_explained,
            positions=tuple(self._renamed(position_of(each, server)) for each in positions),
            orders=(
                *(self._renamed(order_of(each, server, is_working=True)) for each in working),
                *(self._renamed(order_of(each, server, is_working=False)) for each in finished),
            ),
            deals=tuple(
                self._renamed(deal_of(each, server))
                for each in deals
                if each.time_msc >= from_s * 1000
            ),
        )

    def _sums(self, deals: Sequence[TradeDeal], keep_to_msc: int, balance: float) -> DealSums:
        keep_to_msc = max(keep_to_msc, self._summed_to_msc)
        new = [deal for deal in deals if deal.time_msc >= self._summed_to_msc]
        kept = replace(self._summed)
        for deal in new:
            if deal.time_msc < keep_to_msc:
                kept.add(deal)
        sums = replace(kept)
        for deal in new:
            if deal.time_msc >= keep_to_msc:
                sums.add(deal)
        if sums.explain(balance):
            self._summed, self._summed_to_msc, self._explained = kept, keep_to_msc, sums
        return sums

    def _renamed(self, record: Record) -> Record:
        symbol = self._names.canonical(record.symbol)
        if symbol == record.symbol:
            return record
        return msgspec.structs.replace(record, symbol=symbol)


def _is_same_money(before: BrokerRead | None, now: BrokerRead) -> bool:
    return before is not None and (before.account.balance, before.deals) == (
        now.account.balance,
        now.deals,
    )


def _part(terminal: Terminal, name: str, part: T | None) -> T:
    if part is None:
        code, text = terminal.last_error()
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
        fifo_close=bool(info.fifo_close),
        credit=info.credit,
    )


def position_of(position: TradePosition, server: ServerClock) -> BrokerPosition:
    """Return an open position, under the identifier that its deals name.

    A netting position that turned round, or one that was opened again for its swap, has another
    ticket than at first; requests must name that one.
    """
    identifier = position.identifier or position.ticket
    return BrokerPosition(
        ticket=identifier,
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
        broker_ticket=0 if position.ticket == identifier else position.ticket,
    )


def order_of(order: TradeOrder, server: ServerClock, *, is_working: bool) -> BrokerOrder:
    """Return an order."""
    return BrokerOrder(
        ticket=order.ticket,
        symbol=order.symbol,
        magic=order.magic,
        comment=order.comment,
        is_working=is_working,
        is_dead=order.state in _DEAD,
        end=_DEAD.get(order.state, ""),
        placed_ns=server.to_utc_ns(order.time_setup_msc * MILLISECOND_NS),
    )


def deal_of(deal: TradeDeal, server: ServerClock) -> BrokerDeal:
    """Return a deal; whatever is no trade counts as a balance deal.

    A close against an opposite position (OUT_BY) is a close like any other: each of the two
    positions has a deal of its own.
    """
    return BrokerDeal(
        ticket=deal.ticket,
        order_ticket=deal.order,
        position_ticket=deal.position_id,
        symbol=deal.symbol,
        side=Side.SELL if deal.type == mt5.DEAL_TYPE_SELL else Side.BUY,
        is_entry=deal.entry == mt5.DEAL_ENTRY_IN,
        is_reversal=deal.entry == mt5.DEAL_ENTRY_INOUT,
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
