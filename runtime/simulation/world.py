"""One whole system in one process: nine agents, the board, the terminal, and what surrounds them.

The code on the live path is the production's: agents, live loop, board and its service, the world
behind the requests, the simulated terminal. What is replaced is what a machine gives: time, disk,
processes, the lines between them; and there the faults of the plan strike.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from agents.requests import BrokerRead, ReadBroker, Request
from blackboard.access import Access
from blackboard.board import BoardLimits
from blackboard.entry import Post
from blackboard.errors import RecoverableError
from config.settings import Settings
from models.market.sessions import SECOND_NS
from runtime.board_port import BoardPort
from runtime.clock import start_clock
from runtime.council import agent_order, declarations
from runtime.feeds.sources import MarketCalendar
from runtime.simulation.board import BoardLine, BoardProcess
from runtime.simulation.broker import Broker
from runtime.simulation.checks.record import Violation
from runtime.simulation.disk import SimulatedDisk
from runtime.simulation.distortion import Distortion
from runtime.simulation.faults import Faults
from runtime.simulation.feeds import FaultyCalendar, SeededHeadlines
from runtime.simulation.hand import Hand
from runtime.simulation.loop import VirtualTime
from runtime.simulation.plan import FaultPlan
from runtime.simulation.process import RUNNING, Process
from runtime.simulation.recorder import Recorder
from runtime.simulation.resident import Resident
from runtime.simulation.scenario import Scenario
from runtime.simulation.sending import Sending
from runtime.simulation.switch import Switch
from runtime.simulation.terminal import FaultyTerminal
from runtime.simulation.watch import Watch
from runtime.terminal_world import TerminalWorld
from runtime.terminals.simulated.market import open_market
from runtime.world import Due, World

LATENCIES: Final = 4096
"""Latencies drawn at once; they are used in turn."""
LATENCY_S: Final = (0.0005, 0.02)
TAIL_ENTRIES: Final = 300
SNAPSHOT_ENTRIES: Final = 200
"""What the board keeps, and how often it stores that: so little that short runs tell of it."""
DELAY_S: Final = (1.0, 15.0)
"""Bounds of the time in which a dead process is started again."""
FAILURE_SEEN_S: Final = 1.0
"""After how long the driver sees that the journal cannot be written, and stops the run."""
STARTED_AGAIN_S: Final = 300.0
"""After how long somebody starts a run again that has stopped by itself."""
HUNG_S: Final = 9.0
"""After how long the watch ends a terminal process that does not answer: three looks."""


def drawn_from(rng: np.random.Generator, low: float, high: float) -> Callable[[], float]:
    """Return an endless supply of numbers between two bounds."""
    numbers: list[float] = rng.uniform(low, high, LATENCIES).tolist()
    place = -1

    def draw() -> float:
        nonlocal place
        place = (place + 1) % LATENCIES
        return numbers[place]

    return draw


class Crashed(RecoverableError):
    """An agent's process fails while it starts."""


class WatchedWorld(TerminalWorld):
    """The production's world; what it reads of the broker's book is written down beside it."""

    def __init__(self, recorder: Recorder, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._recorder = recorder

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        due = super().perform(request, now_ns=now_ns, epoch=epoch)
        if isinstance(request, ReadBroker):
            self._recorder.read_by(epoch, is_answered=isinstance(due.reply, BrokerRead))
        return due


class SimulatedSystem:
    """Everything that one run consists of."""

    def __init__(self, scenario: Scenario, plan: FaultPlan, time: VirtualTime) -> None:
        settings = scenario.settings
        self.scenario = scenario
        self.settings: Settings = settings
        self.time = time
        self.is_up = False
        """Whether the driver runs; not between an outage of all and the next start."""
        self.open_windows: Counter[tuple[str, str]] = Counter()
        """How many faults of a kind and scope hold something shut at the moment."""
        rng = np.random.default_rng([plan.seed, 3])
        self.latency_s = drawn_from(rng, *LATENCY_S)
        self.clock = start_clock(scenario.start_ns, speed=1.0)
        self.faults = Faults(plan, self._true_ns)
        self.recorder = Recorder(self._true_ns)
        self.source = open_market(settings).source
        self.disk = SimulatedDisk(self._disk_refusal, self.recorder.committed)
        self.board = BoardProcess(
            Access(declarations(settings)),
            self.disk,
            self.clock,
            BoardLimits(tail_entries_max=TAIL_ENTRIES, snapshot_entries=SNAPSHOT_ENTRIES),
        )
        self.broker = Broker(self.source, settings, self._true_ns, self.recorder, self._head)
        self.hand = Hand(self.broker)
        self.switch = Switch(self.broker.stop_file, self.recorder, self._true_ns)
        self._sending = Sending(
            self.broker, self.faults, self.hand, settings.terminal, self._terminal_hangs
        )
        self._distortion = Distortion(
            self.broker, self.faults, self.recorder, self._true_ns, settings.timeframe
        )
        self._calendar = FaultyCalendar(MarketCalendar(self.source), self.faults)
        currencies = tuple(
            sorted({name[:3] for name in settings.symbols} | {n[3:] for n in settings.symbols})
        )
        self._headlines = SeededHeadlines(
            rng, currencies, scenario.start_ns, scenario.end_ns, self.faults
        )
        self.watch = Watch(
            settings,
            self.clock,
            self.line(Process("driver")),
            self._resident,
            drawn_from(rng, *DELAY_S),
        )

    def come_up(self) -> None:
        """Start everything that does not run: terminal, board, agents."""
        if self.is_up:
            return
        if not self.broker.is_running:
            self.broker.start()
        if not self.board.start():
            self.broke("P6", "the_journal_can_be_read", self.board.corruption)
            return
        self.is_up = True
        for name in agent_order(self.settings):
            self.watch.start(name)

    def go_down(self) -> None:
        """End agents and board at once; the terminal process goes on."""
        self.is_up = False
        self.watch.stop()
        self.board.kill()

    def line(self, process: Process) -> BoardPort:
        """Return a process's way to the board."""
        deadline_s = self.settings.board.call_deadline_s
        return BoardLine(
            self.board, process, self.faults, self.recorder, self.latency_s, deadline_s
        )

    def emergency_line(self) -> FaultyTerminal:
        """Return a person's own way to the terminal, past the council."""
        return FaultyTerminal(
            self.broker,
            Process("operator"),
            self._sending,
            self._distortion,
            self.settings.terminal,
            is_emergency=True,
        )

    def broke(self, promise: str, invariant: str, text: str) -> None:
        """Note a promise that was seen to be broken."""
        self.recorder.broken.append(
            Violation(promise=promise, invariant=invariant, at_ns=self._true_ns(), text=text)
        )

    def reached(self, site: str) -> None:
        """Let a fault strike where a process has come to a named site."""
        process = RUNNING.get()
        if process is None:
            return
        if self.faults.strike(f"killed_at_{site}", process.name):
            process.kill()
        elif site == "send.before" and (
            fault := self.faults.strike("zombie_at_send", process.name)
        ):
            process.freeze()
            self.watch.start(process.name)
            asyncio.get_running_loop().call_later(fault.value, process.thaw)
        process.require_alive()

    def _resident(self, name: str) -> Resident:
        resident = Resident(
            name, self.settings, self.clock, self.line, self._open_world, self._faulted
        )

        def on_post(post: Post, is_done: bool) -> None:
            kind = "killed_after_post" if is_done else "killed_before_post"
            if self.faults.strike(kind, post.author):
                resident.kill()

        resident.on_post = on_post
        return resident

    def _faulted(self, resident: Resident) -> None:
        self.watch.faulted(resident)

    def _open_world(self, process: Process) -> World:
        if self.faults.strike("agent_crashes", process.name):
            raise Crashed(f"{process.name}: cannot allocate memory")
        terminal = FaultyTerminal(
            self.broker, process, self._sending, self._distortion, self.settings.terminal
        )
        return WatchedWorld(
            self.recorder,
            terminal,
            self.settings,
            is_virtual=False,
            calendar=self._calendar,
            headlines=self._headlines,
        )

    def _disk_refusal(self) -> str:
        for kind, reason in (("disk_full", "No space left on device"), ("disk_error", "I/O error")):
            if self.faults.strike(kind):
                # As the driver on Ray does: a run that cannot journal is stopped as a whole.
                asyncio.get_running_loop().call_later(FAILURE_SEEN_S, self._stop_and_start_again)
                return reason
        return ""

    def _stop_and_start_again(self) -> None:
        if self.is_up:
            self.go_down()
            asyncio.get_running_loop().call_later(STARTED_AGAIN_S, self.come_up)

    def _terminal_hangs(self) -> None:
        broker = self.broker
        broker.hangs = True
        instance = broker.instance

        def end_and_start() -> None:
            if broker.instance == instance and broker.is_running:
                broker.start()

        asyncio.get_running_loop().call_later(HUNG_S, end_and_start)

    def seconds_to(self, at_ns: int) -> float:
        """Return how long it is to a true time, 0 if it has come."""
        return max(0.0, (at_ns - self._true_ns()) / SECOND_NS)

    def _true_ns(self) -> int:
        return self.time.true_ns

    def _head(self) -> int:
        return self.disk.head
