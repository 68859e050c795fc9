"""Opening the terminal that a run's settings name, and serving it as a process of its own."""

import os
import signal
import threading
from pathlib import Path
from typing import Final

from blackboard.errors import ConfigError
from config.settings import Settings
from runtime.clock import VirtualClock, sleep_s
from runtime.log_setup import set_up_logs
from runtime.run_plan import RunPlan, read_plan
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.server import serve
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.simulated.terminal import SimulatedTerminal

PARENT_LOOK_S: Final = 1.0
"""Process seconds between two looks at whether the parent is there."""


def require_simulated(settings: Settings) -> None:
    """Refuse settings that ask for a terminal which is not there: ConfigError."""
    if settings.terminal.kind != "simulated":
        raise ConfigError(
            f"terminal.kind must be simulated in this release, was {settings.terminal.kind}: the "
            "process that holds MetaTrader 5 comes with a later one"
        )


def open_terminal(plan: RunPlan) -> SimulatedTerminal:
    """Return the terminal of a run, its ledger continued where it stopped."""
    settings = plan.settings
    require_simulated(settings)
    market = open_market(settings)
    ledger = SqliteLedger(plan.book.ledger)
    clock = VirtualClock(plan.start_ns) if plan.is_virtual else plan.clock
    is_history = bool(settings.market.history.path)
    stop_file = None if is_history else settings.home / STOP_FILE_NAME
    return SimulatedTerminal(market.source, ledger, settings, clock.now_ns, stop_file=stop_file)


def serve_plan(path: Path, port: int, *, ends_with_parent: bool = False) -> None:
    """Serve the terminal of a plan until the process is told to stop.

    With `ends_with_parent` it also ends when the process that started it is gone: the next start of
    the book needs the ledger. On Windows a process does not learn of that.
    """
    plan = read_plan(path)
    if ends_with_parent:
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    set_up_logs("terminal", plan.book.logs, plan.settings.log)
    token = plan.book.terminal_token.read_text(encoding="ascii")
    terminal = open_terminal(plan)
    serve(terminal, plan.settings.terminal.host, port, token, announce=lambda _: None)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        sleep_s(PARENT_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
