"""One send: the symbol is read again, the request built and checked, and handed over once.

Whatever stops it before `order_send` is definitive: nothing left. After that only the terminal's
own answer counts, and no answer is raised, not interpreted.
"""

from typing import Final

from agents.requests import SendAnswered, SendOrder
from blackboard.facts import SymbolSpec
from blackboard.facts.execution import Purpose
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal
from runtime.terminals.prices import symbol_spec
from runtime.terminals.reading import send_answered
from runtime.terminals.requests import UnfitRequest, order_request
from runtime.terminals.structures import SymbolInfo
from runtime.terminals.symbols import SymbolNames

CHECK_PASSED = 0
"""`order_check` answers 0, not 10009, where the order could be sent."""

TERMS: Final = (
    "terminal_name",
    "digits",
    "point",
    "contract_size",
    "currency_base",
    "currency_profit",
    "volume_min_lots",
    "volume_max_lots",
    "volume_step_lots",
    "stops_level_points",
    "freeze_level_points",
    "trade_mode",
)
"""What an entry was sized and priced by; a swap that changes overnight is none of it."""

CONTRACT: Final = ("contract_size", "currency_base", "currency_profit")
"""What makes it the same symbol. An order that reduces risk is held to this alone: the broker
judges the rest, and a changed volume step must not keep a position open."""


def send_order(
    terminal: Terminal,
    names: SymbolNames,
    order: SendOrder,
    epoch: int,
    *,
    checks_first: bool,
    expires_s: int = 0,
) -> SendAnswered:
    """Send an order once and return what came back; TerminalUnavailable if nothing did.

    `checks_first` asks `order_check` before the send. It is left out in virtual time, where a send
    may be repeated after a death: the terminal answers the repetition by its id, but a check would
    judge the order anew, against what the first send has changed. `expires_s` is when an entry that
    rests ends, on the server's clock.
    """
    name = _name(terminal, names, order)
    info = terminal.symbol_info(name)
    if info is not None and not info.select and terminal.symbol_select(name, True):
        info = terminal.symbol_info(name)
    if info is None or not info.select:
        code, text = terminal.last_error()
        names.forget()
        return refused_before_send(order, code, f"no {name} to trade: {text}")
    changes = changed_terms(order, info)
    if changes:
        names.forget()
        return refused_before_send(order, mt5.RES_E_INVALID_PARAMS, changes)
    try:
        request = order_request(order, info, expires_s)
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


def _name(terminal: Terminal, names: SymbolNames, order: SendOrder) -> str:
    name = names.terminal_name(terminal, order.symbol)
    if order.position_ticket and name != order.symbol:
        # A position may be held under another of the broker's names for the same symbol.
        held = terminal.positions_get(ticket=order.position_ticket)
        return held[0].symbol if held else name
    return name


def changed_terms(order: SendOrder, info: SymbolInfo) -> str:
    """Return what the terminal has changed since an order was made, empty if that is nothing."""
    if order.spec is None:
        return ""
    try:
        now: SymbolSpec = symbol_spec(order.spec.scope, info)
    except ValueError as error:
        return f"the terminal's terms make no sense: {error}"
    return "; ".join(
        f"{name} of {order.symbol} was {getattr(order.spec, name)}, is {getattr(now, name)}"
        for name in (TERMS if order.purpose is Purpose.ENTRY else CONTRACT)
        if getattr(order.spec, name) != getattr(now, name)
    )


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
