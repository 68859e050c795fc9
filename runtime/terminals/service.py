"""Opening the terminal that a run's settings name, and serving it as a process of its own."""

from pathlib import Path

from blackboard.errors import ConfigError
from runtime.clock import VirtualClock
from runtime.log_setup import set_up_logs
from runtime.run_plan import RunPlan, read_plan
from runtime.terminals.server import serve
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.simulated.terminal import SimulatedTerminal


def open_terminal(plan: RunPlan) -> SimulatedTerminal:
    """Return the terminal of a run, its ledger continued where it stopped."""
    settings = plan.settings
    if settings.terminal.kind != "simulated":
        raise ConfigError(
            "terminal.kind must be simulated in this release, was metatrader: the process that "
            "holds MetaTrader 5 comes with the next one"
        )
    market = open_market(settings)
    ledger = SqliteLedger(plan.book.ledger)
    clock = VirtualClock(plan.start_ns) if plan.is_virtual else plan.clock
    return SimulatedTerminal(market.source, ledger, settings, clock.now_ns)


def serve_plan(path: Path, port: int) -> None:
    """Serve the terminal of a plan until the process is told to stop."""
    plan = read_plan(path)
    set_up_logs("terminal", plan.book.logs, plan.settings.log)
    token = plan.book.terminal_token.read_text(encoding="ascii")
    terminal = open_terminal(plan)
    serve(terminal, plan.settings.terminal.host, port, token, announce=lambda _: None)
