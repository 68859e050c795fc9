"""One send: the request is built, checked, and handed to the terminal once.

Whatever stops it before `order_send` is definitive: nothing left. After that only the terminal's
own answer counts, and no answer is raised, not interpreted.
"""

from agents.requests import SendAnswered, SendOrder
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal
from runtime.terminals.reading import send_answered
from runtime.terminals.requests import UnfitRequest, order_request

CHECK_PASSED = 0
"""`order_check` answers 0, not 10009, where the order could be sent."""


def send_order(
    terminal: Terminal, order: SendOrder, epoch: int, *, checks_first: bool
) -> SendAnswered:
    """Send an order once and return what came back; TerminalUnavailable if nothing did.

    `checks_first` asks `order_check` before the send. It is left out in virtual time, where a send
    may be repeated after a death: the terminal answers the repetition by its id, but a check would
    judge the order anew, against what the first send has changed.
    """
    info = terminal.symbol_info(order.symbol)
    if info is None:
        code, text = terminal.last_error()
        return refused_before_send(order, code, f"no {order.symbol}: {text}")
    try:
        request = order_request(order, info)
    except UnfitRequest as error:
        return refused_before_send(order, mt5.RES_E_INVALID_PARAMS, str(error))
    if checks_first:
        check = terminal.order_check(request)
        if check is None:
            return refused_before_send(order, *terminal.last_error())
        if check.retcode != CHECK_PASSED:
            return refused_before_send(order, check.retcode, check.comment, has_result=True)
    answer = terminal.order_send(request, request_id=order.intent_id, epoch=epoch)
    return send_answered(order, answer, terminal.last_error())


def refused_before_send(
    order: SendOrder, code: int, text: str, *, has_result: bool = False
) -> SendAnswered:
    """Return the answer for an order that did not leave."""
    return SendAnswered(
        request=order,
        has_result=has_result,
        code=code,
        comment=text,
        lots=0.0,
        price=0.0,
        order_ticket=0,
        deal_ticket=0,
        was_refused_before_send=True,
    )
