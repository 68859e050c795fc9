"""Keeping a terminal process for a cluster on another machine: launched, watched, ended with us.

The process that holds MetaTrader 5 freezes when the package hangs, so whoever watches it stands
beside it. The cluster reaches it by `terminal.url` and neither starts nor ends it.
"""

import threading
from collections.abc import Callable

from blackboard.errors import ConfigError
from config.loading import LoadedSettings
from runtime.driver import StopFlag
from runtime.log_setup import set_up_logs
from runtime.preparation import StartOptions, prepare
from runtime.self_check import is_loopback
from runtime.terminal_process import TerminalProcess
from runtime.terminal_watch import TerminalWatch


def keep(loaded: LoadedSettings, real_account: int, *, tell: Callable[[str], None]) -> None:
    """Keep a terminal process until a signal asks to stop.

    Parameters
    ----------
    loaded : LoadedSettings
        The settings of this machine; its book holds the record of sends and the token.
    real_account : int
        The account number that was typed, 0 where none was.
    tell : callable
        Takes what the person must know: where it answers, and where its token is.

    Raises
    ------
    ConfigError
        If the settings name a simulated terminal, or one that is elsewhere itself.
    """
    terminal = loaded.settings.terminal
    if terminal.kind != "metatrader" or terminal.url:
        raise ConfigError(
            "terminal.kind must be metatrader and terminal.url empty for a terminal process "
            f"that serves another machine, was {terminal.kind} and {terminal.url!r}"
        )
    plan = prepare(loaded, StartOptions(real_account=real_account)).plan
    settings, stop, stopped = plan.settings, StopFlag(), threading.Event()
    stop.wake = stopped.set
    with plan.book.held(), stop.on_signals():
        set_up_logs("keeper", plan.book.logs, settings.log, profile=settings.profile, console=True)
        process = TerminalProcess(plan)
        process.launch()
        try:
            process.await_answer()
            tell(f"terminal.url    {process.url}")
            tell(f"TERMINAL_TOKEN  in {plan.book.terminal_token}")
            if not is_loopback(process.host):
                tell("note            not encrypted: let nobody else onto this network, or use ssh")
            watch = TerminalWatch(process, settings)
            while not stopped.wait(settings.cluster.watch_interval_s):
                watch.look()
        finally:
            process.stop()
