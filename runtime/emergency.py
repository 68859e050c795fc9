"""Closing every position at the terminal itself, for when Ray or the journal is broken.

Nothing of the council is needed: the book's folder says where the terminal answers. If it does not
run either, it is started for this. What was done is found by the next reconciliation and journaled.
"""

from runtime.book import Book
from runtime.clock import process_s, sleep_s, wall_ns
from runtime.run_plan import PLAN_FILE, read_plan
from runtime.status import read_status
from runtime.terminal_process import TerminalProcess, answers
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.requests import close_request

_READY_WITHIN_S = 60.0
_PAUSE_S = 0.1


def flatten_at_terminal(book: Book) -> int:
    """Close every position and return how many; OSError where one could not be closed."""
    plan = read_plan(book.folder / PLAN_FILE)
    told = read_status(book.state)
    process: TerminalProcess | None = None
    url = told.terminal_url if told else ""
    if not url or not answers(url, book):
        process = TerminalProcess(plan)
        process.launch()
        end_s = process_s() + _READY_WITHIN_S
        while not process.is_healthy() and process_s() < end_s:
            sleep_s(_PAUSE_S)
        url = process.url
    try:
        return _close_all(RemoteTerminal(url, book.terminal_token.read_text(), plan.settings.terminal))
    finally:
        if process is not None:
            process.stop()


def _close_all(terminal: RemoteTerminal) -> int:
    positions = terminal.positions_get()
    if positions is None:
        raise OSError(f"positions cannot be read: {terminal.last_error()}")
    epoch = terminal.epoch_seen() or 0
    failed = []
    for position in positions:
        info = terminal.symbol_info(position.symbol)
        if info is None:
            failed.append(f"#{position.ticket}: no {position.symbol}")
            continue
        request = close_request(position, info)
        answer = terminal.order_send(request, request_id=f"flatten-{wall_ns()}", epoch=epoch)
        if getattr(answer, "retcode", 0) not in _DONE:
            failed.append(f"#{position.ticket}: {answer}")
    if failed:
        raise OSError("; ".join(failed))
    return len(positions)


_DONE = frozenset({10008, 10009, 10010})
