"""The world behind a terminal and the feeds: what is done for an agent's requests.

In virtual time the world stands still at the `now_ns` of a call; a terminal that is away is then
waited for, because nothing else can happen, and a repeated send is answered with the recorded
reply. Following the clock, a read that fails is repeated within its budget and then unanswered, and
a send is done once: whatever its answer is, nobody does it again.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from agents.requests import (
    AwaitBroker,
    BrokerChanged,
    ReadBars,
    ReadBroker,
    ReadCalendar,
    ReadHeadlines,
    ReadQuotes,
    ReadSymbols,
    Reply,
    Request,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from blackboard.errors import TerminalUnavailable
from config.settings import Settings
from runtime.clock import process_s, sleep_s
from runtime.feeds.sources import CalendarSource, HeadlineSource, open_calendar, open_headlines
from runtime.run_plan import RunPlan
from runtime.terminals.constants import RES_E_INTERNAL_FAIL_CONNECT
from runtime.terminals.port import SimulatedControls, Terminal
from runtime.terminals.prices import read_bars, read_quotes, read_symbols
from runtime.terminals.reading import BrokerReader
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.sending import refused_before_send, send_order
from runtime.terminals.server_time import ServerClock
from runtime.terminals.service import open_terminal
from runtime.world import Due

SOURCE: Final = "terminal"
READ_TRIES: Final = 3
"""Tries of one read while following the clock; history may still be loading at the first."""
PAUSE_S: Final = 0.2
PATIENCE_S: Final = 600.0
"""Process seconds for which virtual time stands still for a terminal that is away."""


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent's process reaches the world; plain data, no secrets."""

    settings: str
    """The settings as JSON."""
    terminal_url: str
    token_path: str
    is_virtual: bool


class SteeredTerminal(Terminal, SimulatedControls, Protocol):
    """A terminal whose time is moved from outside."""


class TerminalWorld:
    """The world behind a terminal and the feeds that the settings name.

    One call at a time reaches the terminal, whose last error belongs to the latest call.
    """

    def __init__(
        self,
        terminal: SteeredTerminal,
        settings: Settings,
        *,
        is_virtual: bool,
        calendar: CalendarSource,
        headlines: HeadlineSource,
        is_direct: bool = False,
    ) -> None:
        """Take the terminal and the feeds.

        With `is_direct` the terminal lives in this process: what it cannot do now it cannot do
        later, so `TerminalUnavailable` is raised and ends the run.
        """
        self._is_direct = is_direct
        self._terminal = terminal
        self._is_virtual = is_virtual
        self._calendar = calendar
        self._headlines = headlines
        self._send_timeout_s = settings.terminal.send_timeout_s
        self._server = ServerClock(settings.terminal.server_zone)
        self._broker = BrokerReader(terminal, self._server)
        self._lock = threading.Lock()
        self._is_connected = False

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        match request:
            case Wake():
                return Due(request.at_ns, Woken(request=request))
            case ReadCalendar():
                return Due(now_ns, self._calendar.read(request, now_ns))
            case ReadHeadlines():
                return Due(now_ns, self._headlines.read(request, now_ns))
            case AwaitBroker():
                return self._reach(lambda: self._next_change(request, now_ns), request, now_ns)
            case SendOrder() if not self._is_virtual:
                return self._send_once(request, now_ns, epoch)
            case _:
                return self._reach(
                    lambda: Due(now_ns, self._ask(request, now_ns, epoch)), request, now_ns
                )

    def broker_mark(self) -> tuple[object, ...]:
        """Return something cheap that differs whenever the broker's book does."""
        try:
            with self._lock:
                self._connect(None)
                account = self._terminal.account_info()
                positions = self._terminal.positions_get()
        except TerminalUnavailable:
            account = positions = None
        if account is None or positions is None:
            self._is_connected = False
            return ("cannot tell",)
        return (account.balance, *((p.ticket, p.volume, p.sl, p.tp) for p in positions))

    def close(self) -> None:
        """Release the connection; the terminal goes on."""
        self._terminal.close()

    def _reach(self, call: Callable[[], Due], request: Request, now_ns: int) -> Due:
        end_s = process_s() + (PATIENCE_S if self._is_virtual else 0.0)
        tries = 0
        while True:
            try:
                with self._lock:
                    self._connect(now_ns)
                    return call()
            except TerminalUnavailable as error:
                if self._is_direct:
                    raise
                self._is_connected = False  # a terminal process that was restarted must be told
                tries += 1
                if tries >= READ_TRIES and process_s() >= end_s:
                    return Due(now_ns, Unanswered(request=request, reason=str(error)))
            sleep_s(PAUSE_S)

    def _send_once(self, request: SendOrder, now_ns: int, epoch: int) -> Due:
        asked_s = process_s()
        try:
            with self._lock:
                self._connect(now_ns)
                if process_s() - asked_s > self._send_timeout_s:
                    late = refused_before_send(request, 0, "its time had passed")
                    return Due(now_ns, late)
                return Due(now_ns, self._ask(request, now_ns, epoch))
        except TerminalUnavailable as error:
            self._is_connected = False
            return Due(now_ns, Unanswered(request=request, reason=str(error)))

    def _connect(self, now_ns: int | None) -> None:
        self._terminal.steer(now_ns if self._is_virtual else None)
        if not self._is_connected:
            if not self._terminal.initialize():
                code, text = self._terminal.last_error()
                raise TerminalUnavailable(f"initialize: {code} {text}")
            self._is_connected = True

    def _next_change(self, request: AwaitBroker, now_ns: int) -> Due:
        at_ns = self._terminal.next_event_ns(now_ns, request.until_ns)
        return Due(at_ns, BrokerChanged(request=request))

    def _ask(self, request: Request, now_ns: int, epoch: int) -> Reply:
        terminal = self._terminal
        match request:
            case ReadSymbols():
                return read_symbols(terminal, request.symbols)
            case ReadBars():
                return read_bars(terminal, self._server, request, SOURCE)
            case ReadQuotes():
                return read_quotes(terminal, self._server, request.symbols, SOURCE)
            case ReadBroker():
                return self._broker.read(request, now_ns)
            case SendOrder():
                answered = send_order(terminal, request, epoch, checks_first=not self._is_virtual)
                if self._is_virtual and answered.code == RES_E_INTERNAL_FAIL_CONNECT:
                    # The process was restarted in between. Nothing left, and time stands still.
                    raise TerminalUnavailable(answered.comment)
                return answered
            case _:
                kind = type(request).__name__
                return Unanswered(request=request, reason=f"nobody answers {kind}")


def open_world(plan: WorldPlan) -> TerminalWorld:
    """Return the world behind the terminal process of a run."""
    settings = Settings.model_validate_json(plan.settings)
    token = Path(plan.token_path).read_text(encoding="ascii")
    terminal = RemoteTerminal(plan.terminal_url, token, settings.terminal)
    return _world(terminal, settings, is_virtual=plan.is_virtual)


def direct_world(plan: RunPlan) -> TerminalWorld:
    """Return the world of a run in one process, its terminal included."""
    settings = plan.settings
    terminal = open_terminal(plan)
    return _world(terminal, settings, is_virtual=True, is_direct=True)


def _world(
    terminal: SteeredTerminal, settings: Settings, *, is_virtual: bool, is_direct: bool = False
) -> TerminalWorld:
    return TerminalWorld(
        terminal,
        settings,
        is_virtual=is_virtual,
        calendar=open_calendar(settings),
        headlines=open_headlines(settings),
        is_direct=is_direct,
    )
