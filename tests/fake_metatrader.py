"""A stand-in for the MetaTrader5 package: its functions and strictness over a simulated terminal.

It takes arguments as the compiled module does (what is positional there is positional here) and
gives structures of its own types, so whoever relies on ours is found out. A test can switch the
account behind it, fail or hang a call, and see every request that left.
"""

import os
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

from runtime.terminals import constants as mt5
from runtime.terminals.credentials import Credentials
from runtime.terminals.metatrader import MetaTraderTerminal
from runtime.terminals.send_record import SendRecord
from runtime.terminals.simulated import views
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger
from runtime.terminals.simulated.terminal import SimulatedTerminal
from tests.contract.terminals import a_market
from tests.scripted_market import HandClock, a_terminal

ROOT = Path(__file__).parents[1]
HANG = "HANG"
PASSWORD = "the-password-of-the-test"
CREDENTIALS = Credentials(login=views.LOGIN, server=views.SERVER, password=SecretStr(PASSWORD))

_KEYWORDS_ONLY = frozenset({"positions_get", "orders_get"})
_NAMES = {
    "initialize": {"login", "password", "server", "timeout", "portable"},
    "login": {"login", "password", "server", "timeout"},
    "positions_get": {"ticket", "symbol", "group"},
    "orders_get": {"ticket", "symbol", "group"},
    "history_orders_get": {"group", "ticket", "position"},
    "history_deals_get": {"group", "ticket", "position"},
    "symbols_get": {"group"},
}
"""Keywords that each function takes; every other function takes places only."""


class FakeMetaTrader5:
    """The package over a simulated terminal, whose broker takes requests without ids."""

    def __init__(self, behind: SimulatedTerminal, password: str = PASSWORD) -> None:
        self.behind = behind
        self.account: dict[str, object] = {}
        """Fields of the account that differ from the simulated broker's, as after a switch."""
        self.sent: list[dict[str, Any]] = []
        """Every request that reached the broker's door."""
        self.calls: list[str] = []
        self.failures: dict[str, tuple[int, str]] = {}
        """Functions that answer None with an error, without having done anything."""
        self.lost: set[str] = set()
        """Functions that are done and then answer None with -10005."""
        self.hangs: set[str] = set()
        """Functions that do not return until `released` is set."""
        self.released = threading.Event()
        self.hang_file: Path | None = None
        """While it is there the functions in it hang, for tests in another process."""
        self.on_send: Callable[[], None] = lambda: None
        """Called between a request's arrival and its execution."""
        self._password = password
        self._error = (mt5.RES_S_OK, "Success")
        behind.shutdown()

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if function.startswith("_") or not hasattr(self.behind, function):
            raise AttributeError(f"module 'MetaTrader5' has no attribute {function!r}")

        def call(*arguments: Any, **named: Any) -> Any:
            return self._call(function, arguments, named)

        return call

    def last_error(self) -> tuple[int, str]:
        """Return the error of the latest call of the process."""
        return self._error

    def _call(self, function: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self.calls.append(function)
        if function in self.hangs or function in self._hanging():
            self.released.wait()
        if function in self.failures:
            self._error = self.failures[function]
            return False if function in ("initialize", "login") else None
        unknown = set(named) - _NAMES.get(function, set())
        if unknown or (arguments and function in _KEYWORDS_ONLY):
            self._error = (mt5.RES_E_INVALID_PARAMS, "Unnamed arguments not allowed")
            return None
        answer = self._run(function, arguments, named)
        if function in self.lost:
            self._error = (mt5.RES_E_INTERNAL_FAIL_TIMEOUT, "IPC timeout")
            return None
        return answer

    def _hanging(self) -> list[str]:
        if self.hang_file is None or not self.hang_file.exists():
            return []
        return self.hang_file.read_text(encoding="ascii").split()

    def _run(self, function: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if function in ("initialize", "login") and named.get("password") != self._password:
            self._error = (mt5.RES_E_AUTH_FAILED, "Terminal: Authorization failed")
            return False
        if function == "order_send":
            (request,) = arguments
            self.sent.append(dict(request))
            self.on_send()
            found: Any = self.behind.order_send(
                request, request_id=f"package-{os.getpid()}-{len(self.sent)}", epoch=0
            )
        else:
            found = getattr(self.behind, function)(*arguments, **named)
        self._error = self.behind.last_error()
        if function == "account_info" and found is not None:
            found = found._replace(**self.account)
        return _native(found)


def _native(value: Any) -> Any:
    """Return an answer in types that are nobody's but the package's."""
    if isinstance(value, np.ndarray) or not isinstance(value, tuple):
        return value
    if not hasattr(value, "_fields"):
        return tuple(map(_native, value))
    kind: Any = namedtuple("Native", value._fields)  # type: ignore[misc] # made from a type
    return kind(*map(_native, value))


def a_real_terminal(
    package: FakeMetaTrader5,
    folder: Path,
    *,
    is_real: bool = False,
    stop_file: Path | None = None,
    **changed: Any,
) -> MetaTraderTerminal:
    """Return what serves a book in a folder by the package; not connected yet."""
    return MetaTraderTerminal(
        package,
        CREDENTIALS,
        SendRecord(folder / "sends.sqlite"),
        is_real=is_real,
        stop_file=stop_file,
        **changed,
    )


INSTALLED = """
from pathlib import Path

from tests.fake_metatrader import a_package

_package = a_package(Path(__file__).parent)


def __getattr__(name):
    return getattr(_package, name)
"""


def install(folder: Path) -> dict[str, str]:
    """Write the package into a folder and return the environment in which a process finds it.

    Its broker lives in a ledger in that folder and outlives the process. While a file `HANG` is
    there, the functions that it names hang.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MetaTrader5.py").write_text(INSTALLED, encoding="utf-8")
    return {
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "MT5_LOGIN": str(views.LOGIN),
        "MT5_PASSWORD": PASSWORD,
        "MT5_SERVER": views.SERVER,
    }


def a_package(folder: Path) -> FakeMetaTrader5:
    """Return the package over a broker whose ledger lies in a folder."""
    clock = HandClock()
    ledger = SqliteLedger(folder / "broker.sqlite")
    behind = a_terminal(a_market(), clock, ledger=ledger)
    clock.minute(5)
    package = FakeMetaTrader5(behind)
    package.hang_file = folder / HANG
    return package
