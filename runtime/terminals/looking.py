"""A terminal to look at and nothing else: no order can be sent through it, nothing is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from blackboard.errors import TerminalUnavailable
from config.secrets import load_secrets
from config.settings import Settings
from runtime.clock import VirtualClock
from runtime.terminal_process import distant_token
from runtime.terminals.credentials import credentials_of, load_package
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.port import Terminal
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.send_record import SendRecord
from runtime.terminals.simulated.ledger import MemoryLedger
from runtime.terminals.simulated.market import open_market
from runtime.terminals.simulated.terminal import SimulatedTerminal


@contextmanager
def looked_at(settings: Settings) -> Iterator[Terminal]:
    """Yield the terminal that settings name, connected.

    Raises
    ------
    ConfigError
        If something to reach it is missing.
    TerminalUnavailable
        If it cannot be connected.
    """
    with TemporaryDirectory() as folder:
        terminal = _opened(settings, Path(folder))
        try:
            if not terminal.initialize():
                code, text = terminal.last_error()
                raise TerminalUnavailable(f"{code} {text}")
            yield terminal
        finally:
            terminal.close()


def _opened(settings: Settings, folder: Path) -> Terminal:
    if settings.terminal.kind == "simulated":
        source = open_market(settings).source
        clock = VirtualClock(source.start_ns)
        return SimulatedTerminal(source, MemoryLedger(), settings, clock.now_ns, stop_file=None)
    if settings.terminal.url:
        return RemoteTerminal(settings.terminal.url, distant_token(settings), settings.terminal)
    return MetaTraderTerminal(
        load_package(),
        credentials_of(load_secrets(), settings),
        SendRecord(folder / "sends.sqlite"),
        is_real=settings.terminal.real_account,
        stop_file=folder,  # it exists, so nothing that may raise risk could leave
    )
