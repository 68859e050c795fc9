"""The contract's bench on a real terminal: a demo account, the least volume, and nothing left over.

Whatever is not a demo account is refused before the first request, by the account's own word.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from config.loading import load_settings
from config.secrets import load_secrets
from runtime.terminals import constants as mt5
from runtime.terminals.credentials import credentials_of
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.port import Terminal
from runtime.terminals.send_record import SendRecord
from runtime.terminals.structures import AccountInfo
from tests.contract.terminals import MAGIC, Bench, a_market
from tests.fake_metatrader import FakeMetaTrader5, a_real_terminal
from tests.scripted_market import HandClock, a_terminal

SYMBOL = "EURUSD"
"""Canonical name; the broker's may have a prefix and a suffix."""


class NoDemoAccount(Exception):
    """The terminal is not logged in to a demo account, so no test may run on it."""


def require_demo(account: AccountInfo | None) -> AccountInfo:
    """Return the account if it is a demo account.

    Raises
    ------
    NoDemoAccount
        If it is a contest or a real one, or cannot be read.
    """
    if account is None:
        raise NoDemoAccount("the account cannot be read")
    if account.trade_mode != mt5.ACCOUNT_TRADE_MODE_DEMO:
        raise NoDemoAccount(f"trade_mode must be 0 (demo), was {account.trade_mode}")
    return account


@contextmanager
def bench_on_demo(package: Any, folder: Path) -> Iterator[Bench]:
    """Give a bench on the account of the environment, and close afterwards what its test opened.

    Raises
    ------
    NoDemoAccount
        If it is not a demo account.
    """
    settings = load_settings().settings
    credentials = credentials_of(load_secrets(), settings)
    terminal = MetaTraderTerminal(package, credentials, SendRecord(folder / "sends.sqlite"))
    with closing(terminal):
        assert terminal.initialize(), terminal.last_error()
        require_demo(terminal.account_info())
        bench = Bench(terminal=terminal, symbol=tradable(terminal), prefix=os.urandom(6).hex())
        yield bench
        clear(bench)


@contextmanager
def bench_on_stand_in(folder: Path) -> Iterator[Bench]:
    """Give a bench on the adapter over a stand-in for the package."""
    clock = HandClock()
    package = FakeMetaTrader5(a_terminal(a_market(), clock))
    clock.minute(5)
    with closing(a_real_terminal(package, folder)) as terminal:
        assert terminal.initialize(), terminal.last_error()
        yield Bench(terminal=terminal, symbol=SYMBOL)


def tradable(terminal: Terminal) -> str:
    """Return the broker's name of the symbol that tests trade, and show it."""
    found = terminal.symbols_get(f"*{SYMBOL}*")
    assert isinstance(found, tuple)
    name = next(one.name for one in found if one.trade_mode == mt5.SYMBOL_TRADE_MODE_FULL)
    assert terminal.symbol_select(name, True)
    return name


def clear(bench: Bench) -> None:
    """Close every position and remove every order that tests have made."""
    assert bench.terminal.initialize(), bench.terminal.last_error()
    for position in bench.own_positions():
        is_long = position.type == mt5.POSITION_TYPE_BUY
        bench.exit(
            position.ticket,
            f"clear-{position.ticket}",
            symbol=position.symbol,
            volume=position.volume,
            type=mt5.ORDER_TYPE_SELL if is_long else mt5.ORDER_TYPE_BUY,
        )
    for order in bench.terminal.orders_get() or ():
        if order.magic == MAGIC:
            bench.send(f"clear-{order.ticket}", action=mt5.TRADE_ACTION_REMOVE, order=order.ticket)
