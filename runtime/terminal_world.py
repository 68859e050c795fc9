"""The world behind a terminal and the feeds: what is done for an agent's requests.

In virtual time the world stands still at the `now_ns` of a call; a terminal that is away is then
waited for, because nothing else can happen, and a repeated send is answered with the recorded
reply. Following the clock, requests take turns, a read that fails is repeated within its budget and
then unanswered, and a send is done once: whatever its answer is, nobody does it again.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, Protocol

import msgspec

from agents.requests import (
    AwaitBroker,
    BrokerChanged,
    ReadBroker,
    ReadCalendar,
    ReadHeadlines,
    ReadSecondPrices,
    Request,
    SendOrder,
    Unanswered,
    Wake,
    Woken,
)
from blackboard.errors import TerminalUnavailable
from blackboard.facts.execution import Purpose
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.clock import process_s, sleep_s
from runtime.feeds.price_feeds import PriceFeeds, open_price_feeds
from runtime.feeds.sources import CalendarSource, HeadlineSource, open_calendar, open_headlines
from runtime.learning_world import LearningWorld
from runtime.placement import training_options
from runtime.run_plan import RunPlan
from runtime.terminals.constants import (
    RES_E_INTERNAL_FAIL_CONNECT,
    TRADE_RETCODE_TOO_MANY_REQUESTS,
)
from runtime.terminals.edge import Edge
from runtime.terminals.gate import STOP_FILE_NAME
from runtime.terminals.pacing import PRIORITIES, Pacing, Priority
from runtime.terminals.port import SimulatedControls, Terminal
from runtime.terminals.remote import RemoteTerminal
from runtime.terminals.sending import refused_before_send, send_order
from runtime.terminals.server_offset import NotDated
from runtime.terminals.service import open_terminal
from runtime.terminals.symbols import resolve_symbols
from runtime.training.places import Child, RayTasks
from runtime.world import Due

_CLOSE_REQUESTS_PER_SYMBOL: Final = 2
"""Bars, and at the first close of a week the history before them."""
_CLOSE_REQUESTS_BESIDE: Final = 2
"""Quotes, and the specifications of all symbols once a day."""
PAUSE_S: Final = 0.2
"""Process seconds between two tries while virtual time stands still."""
PATIENCE_S: Final = 600.0
"""Process seconds for which virtual time stands still for a terminal that is away."""


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent's process reaches the world; plain data, no secrets."""

    settings: str
    """The settings as JSON."""
    terminal_url: str
    token_path: str
    is_virtual: bool
    models: str
    """Folder of the trained models."""


class SteeredTerminal(Terminal, SimulatedControls, Protocol):
    """A terminal whose time is moved from outside."""


class TerminalWorld:
    """The world behind a terminal and the feeds that the settings name.

    Several requests may be on their way at once, each through a client of its own: the last error
    of a client belongs to the latest call. The terminal process itself answers one after another.
    """

    def __init__(
        self,
        terminal: SteeredTerminal,
        settings: Settings,
        *,
        is_virtual: bool,
        calendar: CalendarSource,
        headlines: HeadlineSource,
        prices: PriceFeeds | None = None,
        is_direct: bool = False,
        another: Callable[[], SteeredTerminal] | None = None,
    ) -> None:
        """Take the terminal and the feeds.

        With `is_direct` the terminal lives in this process: what it cannot do now it cannot do
        later, so `TerminalUnavailable` is raised and ends the run. `another` makes further clients
        of the same terminal; without it requests go one by one.
        """
        self._is_direct = is_direct
        self._is_virtual = is_virtual
        self._calendar = calendar
        self._headlines = headlines
        self._settings = settings.terminal
        self._ns_per_s = settings.speed * SECOND_NS  # of process time
        self._prices = prices or open_price_feeds(settings)
        self._edge = Edge(settings, is_virtual=is_virtual, rates=self._prices.rates)
        # A terminal process on another machine has a kill switch of its own, and does not see ours.
        self._stop_file = settings.home / STOP_FILE_NAME if settings.terminal.url else None
        parallel_max = settings.terminal.calls_parallel_max if another else 1
        # Else the last symbols of a close would wait for their tokens, and every decision for them.
        burst_min = _CLOSE_REQUESTS_PER_SYMBOL * len(settings.symbols) + _CLOSE_REQUESTS_BESIDE
        self._pacing = Pacing(settings.terminal, parallel_max, burst_min)
        self._clients = [terminal]
        self._idle = [terminal]
        self._another = another
        self._guard = threading.Lock()
        self._connecting = threading.Lock()
        self._is_connected = False
        self._fenced_epoch = 0

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        match request:
            case Wake():
                return Due(request.at_ns, Woken(request=request))
            case ReadCalendar():
                return Due(now_ns, self._calendar.read(request, now_ns))
            case ReadHeadlines():
                return Due(now_ns, self._headlines.read(request, now_ns))
            case ReadSecondPrices():
                currency = self._edge.last_currency
                return Due(now_ns, self._prices.second.read(request, currency, now_ns))
            case SendOrder() if not self._is_virtual:
                return self._send_once(request, now_ns, epoch)
            case _:
                return self._reach(request, now_ns, epoch)

    def broker_mark(self) -> tuple[object, ...]:
        """Return something cheap that differs whenever the broker's book does."""
        try:
            with self._turn(Priority.READS) as terminal:
                self._connect(terminal, None)
                account = terminal.account_info()
                positions, working = terminal.positions_get(), terminal.orders_get()
        except TerminalUnavailable:
            account = positions = working = None
        if account is None or positions is None or working is None:
            self._is_connected = False
            return ("cannot tell",)
        held = ((p.ticket, p.volume, p.sl, p.tp) for p in positions)
        return (account.balance, *held, *((o.ticket, o.volume_current) for o in working))

    def close(self) -> None:
        """Release the connections; the terminal goes on."""
        for client in self._clients:
            client.close()
        self._prices.close()

    @contextmanager
    def _turn(self, priority: Priority) -> Iterator[SteeredTerminal]:
        """Wait for a turn and hold a client of the terminal meanwhile."""
        with self._pacing.turn(priority) if not self._is_virtual else nullcontext():
            with self._guard:
                if not self._idle:
                    assert self._another is not None, "turns go one by one without more clients"
                    self._clients.append(self._another())
                    self._idle.append(self._clients[-1])
                terminal = self._idle.pop()
            try:
                yield terminal
            finally:
                with self._guard:
                    self._idle.append(terminal)

    def _reach(self, request: Request, now_ns: int, epoch: int) -> Due:
        asked_s = process_s()
        end_s = asked_s + (PATIENCE_S if self._is_virtual else 0.0)
        tries = 0
        while True:
            try:
                with self._turn(Priority.READS) as terminal:
                    self._connect(terminal, now_ns)
                    return self._ask(terminal, request, self._later_ns(now_ns, asked_s), epoch)
            except TerminalUnavailable as error:
                if self._is_virtual and isinstance(error, NotDated):
                    return Due(now_ns, Unanswered(request=request, reason=str(error)))
                if self._is_direct:
                    raise
                self._is_connected = False  # a terminal process that was restarted must be told
                tries += 1
                if tries >= self._settings.read_tries and process_s() >= end_s:
                    return Due(now_ns, Unanswered(request=request, reason=str(error)))
            sleep_s(PAUSE_S if self._is_virtual else self._settings.read_pause_s)

    def _later_ns(self, asked_ns: int, asked_s: float) -> int:
        """Return the market time of a try; a reading is dated when it is made, not asked for."""
        if self._is_virtual:
            return asked_ns
        return asked_ns + int((process_s() - asked_s) * self._ns_per_s)

    def _send_once(self, request: SendOrder, now_ns: int, epoch: int) -> Due:
        asked_s = process_s()
        if self._is_stopped(request):
            return Due(now_ns, refused_before_send(request, 0, f"{self._stop_file} exists"))
        priority = PRIORITIES[request.purpose]
        if self._pacing.pause_s(priority) > self._settings.backoff_s:
            # Waiting longer would keep an exit waiting behind it: sends keep their order.
            refused = refused_before_send(
                request, TRADE_RETCODE_TOO_MANY_REQUESTS, "the broker's pause", has_result=True
            )
            return Due(now_ns, refused)
        try:
            with self._turn(priority) as terminal:
                self._connect(terminal, now_ns)
                if process_s() - asked_s > self._settings.send_timeout_s:
                    return Due(now_ns, refused_before_send(request, 0, "its time had passed"))
                due = self._ask(terminal, request, now_ns, epoch)
        except TerminalUnavailable as error:
            self._is_connected = False
            return Due(now_ns, Unanswered(request=request, reason=str(error)))
        self._pacing.learn(due.reply)
        return due

    def _is_stopped(self, request: SendOrder) -> bool:
        is_entry = request.purpose is Purpose.ENTRY
        return is_entry and self._stop_file is not None and self._stop_file.exists()

    def _connect(self, terminal: SteeredTerminal, now_ns: int | None) -> None:
        terminal.steer(now_ns if self._is_virtual else None)
        with self._connecting:
            if not self._is_connected:
                _initialize(terminal)
                self._edge.begin()
                self._is_connected = True

    def _ask(self, terminal: SteeredTerminal, request: Request, now_ns: int, epoch: int) -> Due:
        if isinstance(request, AwaitBroker):
            at_ns = terminal.next_event_ns(now_ns, request.until_ns)
            return Due(at_ns, BrokerChanged(request=request))
        if isinstance(request, ReadBroker) and not self._is_virtual:
            self._fence(terminal, epoch)
        if not isinstance(request, SendOrder):
            return Due(now_ns, self._edge.read(terminal, request, now_ns))
        try:
            expires_s = self._edge.expires_s(request)
        except NotDated as error:
            return Due(now_ns, refused_before_send(request, 0, str(error)))
        answered = send_order(
            terminal,
            self._edge.names,
            request,
            epoch,
            expires_s=expires_s,
            checks_first=not self._is_virtual,
        )
        if self._is_virtual and answered.code == RES_E_INTERNAL_FAIL_CONNECT:
            # The process was restarted in between. Nothing left, and time stands still.
            raise TerminalUnavailable(answered.comment)
        return Due(now_ns, answered)

    def _fence(self, terminal: SteeredTerminal, epoch: int) -> None:
        """Shut out older instances before the book is first read.

        An order is said not to have been executed when readings do not show it. That holds only if
        whoever was asked to send it, and is late, finds the way closed.
        """
        if self._fenced_epoch == epoch:
            return
        if terminal.epoch_seen(epoch) is None:
            code, text = terminal.last_error()
            raise TerminalUnavailable(f"epoch {epoch}: {code} {text}")
        self._fenced_epoch = epoch


def open_world(plan: WorldPlan) -> LearningWorld:
    """Return the world behind the terminal process of a run, and its models."""
    settings = Settings.model_validate_json(plan.settings)
    token = Path(plan.token_path).read_text(encoding="ascii")

    def client() -> SteeredTerminal:
        return RemoteTerminal(plan.terminal_url, token, settings.terminal)

    # Requests of virtual time come one by one.
    another = None if plan.is_virtual else client
    models = Path(plan.models)
    world = _world(client(), settings, models, is_virtual=plan.is_virtual, another=another)
    place = RayTasks(training_options(settings.cluster))
    return LearningWorld(world, models, settings, place, is_virtual=plan.is_virtual)


def with_broker_names(plan: RunPlan, url: str) -> RunPlan:
    """Return the plan with what a real terminal trades, and what its broker calls it.

    Every process of the run then has the same symbols and names. A simulated terminal uses ours.

    Raises
    ------
    ConfigError
        If the terminal offers nothing to trade.
    TerminalUnavailable
        If it cannot tell within the budget of a read.
    """
    settings = plan.settings
    if settings.terminal.kind == "simulated":
        return plan
    token = plan.book.terminal_token.read_text(encoding="ascii")
    terminal = RemoteTerminal(url, token, settings.terminal)
    tries_left = settings.terminal.read_tries
    try:
        while True:
            tries_left -= 1
            try:
                _initialize(terminal)
                named = resolve_symbols(terminal, settings)
                return msgspec.structs.replace(plan, settings_json=named.model_dump_json())
            except TerminalUnavailable:
                if not tries_left:
                    raise
            sleep_s(settings.terminal.read_pause_s)
    finally:
        terminal.close()


def _initialize(terminal: Terminal) -> None:
    if not terminal.initialize():
        code, text = terminal.last_error()
        raise TerminalUnavailable(f"initialize: {code} {text}")


def direct_world(plan: RunPlan) -> LearningWorld:
    """Return the world of a run in one process, its terminal and its models included."""
    settings = plan.settings
    terminal = open_terminal(plan)
    world = _world(terminal, settings, plan.models, is_virtual=True, is_direct=True)
    return LearningWorld(world, plan.models, settings, Child(), is_virtual=True)


def _world(
    terminal: SteeredTerminal,
    settings: Settings,
    models: Path,
    *,
    is_virtual: bool,
    is_direct: bool = False,
    another: Callable[[], SteeredTerminal] | None = None,
) -> TerminalWorld:
    return TerminalWorld(
        terminal,
        settings,
        is_virtual=is_virtual,
        calendar=open_calendar(settings),
        headlines=open_headlines(settings, models, is_virtual=is_virtual),
        is_direct=is_direct,
        another=another,
    )
