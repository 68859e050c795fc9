"""Where requests are answered: checked, run once under their id, and recorded with their answer."""

from typing import Final

import msgspec

from models.decision.booking import margin_level, money
from runtime.fault_sites import reach
from runtime.terminals import constants as mt5
from runtime.terminals.arguments import CallFailed
from runtime.terminals.gate import LastGate
from runtime.terminals.port import Refusal, TerminalRefused
from runtime.terminals.simulated.account import Account
from runtime.terminals.simulated.asked import Asked
from runtime.terminals.simulated.comments import comment_of
from runtime.terminals.simulated.execution import Executed, Execution
from runtime.terminals.simulated.ledger import Answered, Deal, Ledger
from runtime.terminals.simulated.rules import Rules
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
        self, account: Account, rules: Rules, execution: Execution, ledger: Ledger, gate: LastGate
    ) -> None:
        self._account = account
        self._rules = rules
        self._execution = execution
        self._ledger = ledger
        self._gate = gate
        self._sends = 0

    def check(self, request: TradeRequest, now_ns: int) -> OrderCheckResult:
        """Return what a request would do to the account; retcode 0 is success."""
        self._require_interface()
        asked = self._rules.asked(request, now_ns, is_check=True)
        code = self._rules.retcode(asked)
        if code:
            return OrderCheckResult(code, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, comment_of(code), request)
        balance, equity, margin = asked.after()
        return OrderCheckResult(
            retcode=0,
            balance=balance,
            equity=equity,
            profit=money(equity - balance),
            margin=margin,
            margin_free=money(equity - margin),
            margin_level=margin_level(equity, margin),
            comment=comment_of(0),
            request=request,
        )

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
        reach("terminal.before")
        if self._ledger.start(request_id, asked) != asked:
            return _reused(request_id)
        result = self._run(request, now_ns)
        answered = Answered(request_id=request_id, request=asked, reply=_encode(result))
        reach("terminal.inside")
        self._account.commit(now_ns, answered)
        reach("terminal.after")
        return result

    def by_hand(self, request: TradeRequest, now_ns: int) -> OrderSendResult:
        """Run a request of a person at another terminal, at once: no id, no gate, no magic.

        Neither forced codes nor delays concern it; what holds for the symbol does.

        Raises
        ------
        LedgerUnavailable, UnknownRate
            Then nothing was done.
        """
        request = request._replace(magic=0)
        asked = self._rules.asked(request, now_ns, is_by_hand=True)
        result = self._result(request, self._executed(asked, mt5.ORDER_REASON_CLIENT))
        self._account.commit(now_ns)
        return result

    def transfer(self, amount: float, deal_type: int, now_ns: int) -> Deal:
        """Book money that no trade moved, at once, and return its deal.

        Raises
        ------
        LedgerUnavailable
            Then nothing was done.
        """
        deal = self._account.transfer(amount, deal_type, now_ns)
        self._account.commit(now_ns)
        return deal

    def _require_interface(self) -> None:
        if self._rules.conditions.is_api_disabled:
            raise CallFailed(mt5.RES_E_AUTO_TRADING_DISABLED)

    def _run(self, request: TradeRequest, now_ns: int) -> OrderSendResult:
        self._sends += 1
        forced = self._rules.conditions.forced_retcode
        asked = self._rules.asked(request, now_ns)
        self._rules.count(now_ns)
        if forced and not self._rules.conditions.is_executed_despite:
            return self._result(request, Executed(forced))
        executed = self._executed(asked, mt5.ORDER_REASON_EXPERT)
        return self._result(request, Executed(forced) if forced else executed)

    def _executed(self, asked: Asked, reason: int) -> Executed:
        code = self._rules.retcode(asked)
        if code == mt5.TRADE_RETCODE_REQUOTE:
            return Executed(code, quote=asked.quote)
        if code:
            return Executed(code)
        is_done = False
        try:
            executed = self._execution.run(asked, reason)
            is_done = True
        finally:
            if not is_done:
                self._account.reload()
        return executed

    def _result(self, request: TradeRequest, executed: Executed) -> OrderSendResult:
        quote = executed.quote
        return OrderSendResult(
            retcode=executed.code,
            deal=executed.deal,
            order=executed.order,
            volume=executed.volume,
            price=executed.price,
            bid=0.0 if quote is None else quote.bid,
            ask=0.0 if quote is None else quote.ask,
            comment=comment_of(executed.code),
            request_id=self._sends,
            retcode_external=0,
            request=request,
        )


def _reused(request_id: str) -> TerminalRefused:
    return TerminalRefused(Refusal.REUSED_ID, f"request_id {request_id} belongs to another request")
