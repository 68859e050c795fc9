"""Opening the terminal that a run's settings name, and serving it as a process of its own."""

import os
import signal
import threading
from pathlib import Path
from typing import Final

from blackboard.errors import ConfigError, TerminalUnavailable
from config.secrets import Secrets, load_secrets
from config.settings import Settings
from runtime.clock import VirtualClock, sleep_s
from runtime.log_setup import set_up_logs
from runtime.machine.current import MACHINE
from runtime.run_plan import RunPlan, read_plan
from runtime.terminals.credentials import (
    Credentials,
    credentials_of,
    load_package,
    require_package,
)
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.identity import require_confirmation
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.paper import open_paper
from runtime.terminals.port import Terminal
from runtime.terminals.send_record import RecordUnavailable, SendRecord
from runtime.terminals.simulated.ledger import LedgerUnavailable
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.simulated.terminal import SimulatedTerminal
from runtime.terminals.withdrawal import WithdrawalWatch

PARENT_LOOK_S: Final = 1.0
"""Process seconds between two looks at whether the parent is there."""


def require_here(settings: Settings, secrets: Secrets) -> None:
    """Refuse settings whose terminal cannot be held on this machine: ConfigError."""
    if settings.terminal.kind == "metatrader":
        require_package()
        credentials_of(secrets, settings)


def open_terminal(plan: RunPlan) -> SimulatedTerminal:
    """Return the simulated terminal of a run, its ledger continued where it stopped."""
    settings = plan.settings
    market = open_market(settings)
    ledger = _own_ledger(plan)
    clock = VirtualClock(plan.start_ns) if plan.is_virtual else plan.clock
    is_history = bool(settings.market.history.path)
    stop_file = None if is_history else settings.home / STOP_FILE_NAME
    return SimulatedTerminal(market.source, ledger, settings, clock.now_ns, stop_file=stop_file)


def _own_ledger(plan: RunPlan) -> SqliteLedger:
    try:
        return SqliteLedger(plan.book.ledger)
    except LedgerUnavailable as error:
        raise TerminalUnavailable(f"{plan.book.ledger}: {error}") from error


def open_metatrader(plan: RunPlan, secrets: Secrets) -> MetaTraderTerminal:
    """Return the real terminal of a run, connected to its account.

    Raises
    ------
    ConfigError
        If the account is not confirmed, or credentials or package are missing.
    TerminalUnavailable
        If it cannot be connected and the book has never met its account. One that has is served
        without a connection, which its callers' reads try to make again.
    """
    settings = plan.settings
    credentials = credentials_of(secrets, settings)
    require_confirmation(settings, credentials.login, plan.real_account)
    try:
        record = SendRecord(plan.book.sends)
        _require_own_book(plan, credentials, record)
    except RecordUnavailable as error:
        raise TerminalUnavailable(str(error)) from error
    terminal = MetaTraderTerminal(
        load_package(),
        credentials,
        record,
        is_real=settings.terminal.real_account,
        stop_file=settings.home / STOP_FILE_NAME,
        note=plan.book.connecting,
    )
    if not terminal.initialize():
        code, text = terminal.last_error()
        if not terminal.has_met():
            terminal.close()
            raise TerminalUnavailable(f"MetaTrader 5: {code} {text}")
    return terminal


def _require_own_book(plan: RunPlan, credentials: Credentials, record: SendRecord) -> None:
    pinned = record.identity()
    if pinned and (pinned.login, pinned.server) != (credentials.login, credentials.server):
        record.close()
        raise ConfigError(
            f"MT5_LOGIN and MT5_SERVER must be {pinned.login} and {pinned.server}, with which book "
            f"{plan.book.name} began: another account needs another --book"
        )


def open_served(plan: RunPlan) -> Terminal:
    """Return the terminal that a process of its own serves."""
    settings = plan.settings
    if settings.terminal.kind == "simulated":
        return open_terminal(plan)
    real = open_metatrader(plan, load_secrets())
    if settings.profile != "paper" or settings.paper.fills == "demo":
        return real
    try:
        return open_paper(
            real,
            _own_ledger(plan),
            settings,
            plan.clock.now_ns,
            stop_file=settings.home / STOP_FILE_NAME,
        )
    except TerminalUnavailable:
        real.close()
        raise


def serve_plan(path: Path, port: int, *, ends_with_parent: bool = False) -> None:
    """Serve the terminal of a plan until the process is told to stop.

    With `ends_with_parent` it also ends when the process that started it is gone: the next start of
    the book needs the ledger.
    """
    plan = read_plan(path)
    if ends_with_parent:
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    settings = plan.settings
    set_up_logs("terminal", plan.book.logs, settings.log, profile=settings.profile)
    token = plan.book.terminal_token.read_text(encoding="ascii")
    terminal = open_served(plan)
    watch = WithdrawalWatch(
        terminal, settings.home / STOP_FILE_NAME, settings.agents.execution.strategy_magic
    )
    from runtime.terminals.server import serve  # a run in one process needs no server

    serve(
        terminal,
        settings.terminal.host,
        port,
        token,
        announce=lambda _: None,
        watch=None if settings.market.history.path else watch.look,
    )


def _watch_parent(parent: int) -> None:
    # Windows keeps telling the id of a parent that has ended.
    while os.getppid() == parent and MACHINE.is_running(parent):
        sleep_s(PARENT_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
