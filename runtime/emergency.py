"""Closing everything at the terminal itself, for when Ray or the journal is broken.

Nothing of the council is needed: the book's folder says where the terminal answers. If it does not
run either, it is started for this. Every order that rests is taken back, lest it open anew what is
closed, and every position of the account is closed, whoever opened it: in an emergency nobody asks
whose it was. What was done is found by the next reconciliation and
journaled.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import msgspec

from blackboard.errors import ConfigError, TerminalUnavailable
from runtime.book import Book
from runtime.clock import wall_ns
from runtime.run_plan import PLAN_FILE, read_plan
from runtime.status import read_status
from runtime.terminal_process import TerminalProcess, answers
from runtime.terminals import constants as mt5
from runtime.terminals.port import Terminal, TerminalRefused
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.requests import UnfitRequest, close_request
from runtime.terminals.structures import TradePosition
from runtime.terminals.withdrawal import withdraw, working_orders

_PASSES_MAX = 3
"""Times that all positions are gone through: a close may be filled in part."""
_TAKEN = frozenset(
    {mt5.TRADE_RETCODE_PLACED, mt5.TRADE_RETCODE_DONE, mt5.TRADE_RETCODE_DONE_PARTIAL}
)


def flatten_at_terminal(book: Book) -> int:
    """Close every position of the account and return how many; OSError if one is left."""
    path = book.folder / PLAN_FILE
    try:
        settings = read_plan(path).settings
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} does not say how to reach the terminal of {book.name}: {error}"
        ) from error
    with ExitStack() as stack:
        with suppress(
            ConfigError
        ):  # a driver that hangs holds the book; closing cannot wait for it
            stack.enter_context(book.held())
        url = stack.enter_context(_reached(book))
        token = book.terminal_token.read_text(encoding="ascii")
        terminal = RemoteTerminal(url, token, settings.terminal)
        stack.callback(terminal.close)
        return close_all(terminal)


@contextmanager
def _reached(book: Book) -> Iterator[str]:
    """Yield the address of the book's terminal process, started for this if it does not answer."""
    told = read_status(book.state)
    if told is not None and told.terminal_url and answers(told.terminal_url, book):
        yield told.terminal_url
        return
    if told is not None and told.is_alive() and not told.terminal_url:
        raise OSError(
            f"process {told.pid} holds the terminal of {book.name} itself: end it first "
            "(python launch.py stop --kill), then flatten again"
        )
    if elsewhere := read_plan(book.folder / PLAN_FILE).settings.terminal.url:
        if not answers(elsewhere, book):
            raise OSError(f"nobody answers at {elsewhere}: look at the machine with MetaTrader 5")
        yield elsewhere
        return
    # It shows the market at the moment up to which the ledger has lived. By a clock of its own it
    # would live on without the council, and the next start would find its market in the future.
    plan = msgspec.structs.replace(read_plan(book.folder / PLAN_FILE), is_virtual=True)
    process = TerminalProcess(plan)
    process.launch()
    try:
        process.await_answer()
        yield process.url
    finally:
        process.stop()


def close_all(terminal: Terminal) -> int:
    """Close every position at a terminal and return how many; OSError if one or an order is left.

    Orders go first. One that fills meanwhile is a position, which the passes find.
    """
    if not terminal.initialize():
        raise OSError(f"the terminal cannot be used: {terminal.last_error()}")
    seen: set[int] = set()
    failures: list[str] = []
    for _ in range(_PASSES_MAX):
        failures = withdraw(terminal, working_orders(terminal))
        positions = _positions(terminal)
        seen.update(position.ticket for position in positions)
        failures += [text for position in positions if (text := _try_close(terminal, position))]
        if not (failures or positions):
            break
    left, resting = _positions(terminal), working_orders(terminal)
    if left or resting:
        text = f"{len(left)} positions are still open, {len(resting)} orders still rest"
        raise OSError("\n".join([text, *failures]))
    return len(seen)


def _positions(terminal: Terminal) -> tuple[TradePosition, ...]:
    positions = terminal.positions_get()
    if positions is None:
        raise OSError(f"positions cannot be read: {terminal.last_error()}")
    return positions


def _try_close(terminal: Terminal, position: TradePosition) -> str:
    # One call without an answer must not leave the others open; each pass reads what is left.
    try:
        return _close(terminal, position)
    except TerminalUnavailable as error:
        return f"#{position.ticket} {position.symbol}: {error}"


def _close(terminal: Terminal, position: TradePosition) -> str:
    """Close one position; return why it could not be closed, empty if it could."""
    name = f"#{position.ticket} {position.symbol}"
    info = terminal.symbol_info(position.symbol)
    if info is None:
        return f"{name}: {terminal.last_error()}"
    try:
        request = close_request(position, info)
    except UnfitRequest as error:
        return f"{name}: {error}"
    epoch = terminal.epoch_seen() or 0
    answer = terminal.order_send(request, request_id=f"flatten-{wall_ns()}", epoch=epoch)
    match answer:
        case None:
            return f"{name}: {terminal.last_error()}"
        case TerminalRefused():
            return f"{name}: {answer.text}"
        case _:
            return "" if answer.retcode in _TAKEN else f"{name}: {answer.retcode} {answer.comment}"
