"""Where requests become deals: checked, run once under their id, and recorded with their answer."""

from typing import Final

import msgspec

from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.gate import LastGate
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.simulated.account import Account, is_long
from runtime.terminals.simulated.ledger import Answered, Deal, Ledger
from runtime.terminals.simulated.money import margin_level, money
from runtime.terminals.simulated.prices import Prices, Quote
from runtime.terminals.simulated.rules import COMMENTS, Rules
from runtime.terminals.structures import (
    OrderCheckResult,
    OrderSendResult,
    TradePosition,
    TradeRequest,
)

_encode: Final = msgspec.msgpack.Encoder().encode
_result_of: Final = msgspec.msgpack.Decoder(OrderSendResult).decode


class Desk:
    """The broker's desk over one account: an id runs at most once, whatever dies in between."""

    def __init__(
        self, account: Account, prices: Prices, rules: Rules, ledger: Ledger, gate: LastGate
    ) -> None:
        self._account = account
        self._prices = prices
        self._rules = rules
        self._ledger = ledger
        self._gate = gate
        self._sends = 0

    def check(self, request: TradeRequest, now_ns: int) -> OrderCheckResult:
        """Return what a request would do to the account; retcode 0 is success."""
        self._require_interface()
        code = self._rules.retcode(request, now_ns)
        if code:
            return OrderCheckResult(code, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, COMMENTS[code], request)
        balance, equity, margin = self._after(request, now_ns)
        return OrderCheckResult(
            retcode=0,
            balance=balance,
            equity=equity,
            profit=money(equity - balance),
            margin=margin,
            margin_free=money(equity - margin),
            margin_level=margin_level(equity, margin),
            comment=COMMENTS[0],
            request=request,
        )

    def _after(self, request: TradeRequest, now_ns: int) -> tuple[float, float, float]:
        account = self._account
        quote = self._prices.quote(request.symbol, now_ns)
        is_deal = request.action == mt5.TRADE_ACTION_DEAL
        if is_deal and not request.position and quote is not None:
            return account.after_entry(request, quote, now_ns)
        balance = account.standing.balance
        equity = balance + account.floating_total(now_ns)
        if not is_deal:
            return balance, money(equity), account.margin
        return account.after_close(account.positions[request.position], request.volume, now_ns)

    def send(
        self,
        request: TradeRequest,
        request_id: str,
        epoch: int,
        position: TradePosition | None,
        now_ns: int,
    ) -> OrderSendResult | TerminalRefused:
        """Run a request unless its id has run; effects and answer go into the ledger together.

        `position` is the open one that the request names.

        Raises
        ------
        CallFailed
            -8 while the interface is switched off; nothing is recorded then.
        LedgerUnavailable, UnknownRate
            Then nothing was done.
        """
        asked = _encode(request)
        earlier = self._ledger.answered(request_id)
        if earlier is not None:
            # Before the gate: a refusal would claim that nothing was sent, and it may have been.
            return _result_of(earlier.reply) if earlier.request == asked else _reused(request_id)
        refused = self._gate.refusal(request, epoch, position)
        if refused is not None:
            return refused
        self._require_interface()
        if self._ledger.start(request_id, asked) != asked:
            return _reused(request_id)
        result = self._run(request, now_ns)
        answered = Answered(request_id=request_id, request=asked, reply=_encode(result))
        self._account.commit(now_ns, answered)
        return result

    def _require_interface(self) -> None:
        if self._rules.conditions.is_api_disabled:
            raise CallFailed(mt5.RES_E_AUTO_TRADING_DISABLED)

    def _run(self, request: TradeRequest, now_ns: int) -> OrderSendResult:
        self._sends += 1
        code = self._rules.retcode(request, now_ns)
        self._rules.count(now_ns)
        quote = self._prices.quote(request.symbol, now_ns) if code == 0 else None
        if quote is None:
            return self._result(request, code)
        if request.action == mt5.TRADE_ACTION_SLTP:
            position = self._account.positions[request.position]
            self._account.amend(position, request.sl, request.tp, now_ns)
            return self._result(request, mt5.TRADE_RETCODE_DONE)
        deal = (
            self._close(request, quote, now_ns)
            if request.position
            else self._open(request, quote, now_ns)
        )
        return self._result(request, mt5.TRADE_RETCODE_DONE, deal, quote)

    def _open(self, request: TradeRequest, quote: Quote, now_ns: int) -> Deal:
        price = quote.ask if request.type == mt5.ORDER_TYPE_BUY else quote.bid
        return self._account.open(request, price, now_ns)

    def _close(self, request: TradeRequest, quote: Quote, now_ns: int) -> Deal:
        position = self._account.positions[request.position]
        currency = self._prices.traits[position.symbol].currency_profit
        return self._account.close(
            position,
            volume=request.volume,
            price=quote.bid if is_long(position) else quote.ask,
            rate=self._prices.rate(currency, now_ns),
            reason=mt5.DEAL_REASON_EXPERT,
            made_ns=now_ns,
            comment=request.comment,
            magic=request.magic,
            filling=request.type_filling,
        )

    def _result(
        self, request: TradeRequest, code: int, deal: Deal | None = None, quote: Quote | None = None
    ) -> OrderSendResult:
        return OrderSendResult(
            retcode=code,
            deal=0 if deal is None else deal.ticket,
            order=0 if deal is None else deal.order,
            volume=0.0 if deal is None else deal.volume,
            price=0.0 if deal is None else deal.price,
            bid=0.0 if quote is None else quote.bid,
            ask=0.0 if quote is None else quote.ask,
            comment=COMMENTS[code],
            request_id=self._sends,
            retcode_external=0,
            request=request,
        )


def _reused(request_id: str) -> TerminalRefused:
    return TerminalRefused(Refusal.REUSED_ID, f"request_id {request_id} belongs to another request")
