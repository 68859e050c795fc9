"""The driver: one start from the first process to the closing summary, on either host.

It follows the facts for the view, takes the operator's letters, writes the status file, and stops
everything in order at the first signal. It decides nothing.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from blackboard.admission import Pulse
from blackboard.entry import Entry
from blackboard.errors import BoardUnavailable, ConfigError, UnrecoverableError
from blackboard.facts import Summary
from blackboard.facts.control import Command
from blackboard.reading import Filter
from runtime.board_plan import BoardPulse
from runtime.clock import process_s, wall_ns
from runtime.council import class_name
from runtime.letter_carrier import LetterCarrier
from runtime.machine.current import MACHINE
from runtime.mailbox import Letter
from runtime.picture import SEEN_KINDS, Picture
from runtime.run_plan import RunPlan
from runtime.status import STALE_AFTER_S, AgentLine, Status, write_status

if TYPE_CHECKING:
    from runtime.cluster import Cluster  # it imports ray, which a run in one process does without

_log = structlog.get_logger()
_STATUS_EVERY_S = 1.0
_PULSE_WITHIN_S: Final = STALE_AFTER_S / 3
"""Longest wait for what a status tells of the board."""
_MAILBOX_EVERY_S = 0.25
_FOLLOW_TIMEOUT_S = 1.0
_FOLLOW_BATCH_MAX = 5000
MARKERS = {"sim": "SIMULATED", "paper": "PAPER", "live": "LIVE"}


class Ending(Enum):
    """Why a run ended."""

    FINISHED = "the market's time is over"
    ASKED = "asked to stop"
    FAILED = "failed"


class Display:
    """What the driver tells a person; this one tells nothing."""

    kinds: frozenset[str] | None = SEEN_KINDS
    """Kinds of facts that it wants to see; None are all."""
    url: str = ""
    """Where a browser finds it, empty for what is no page."""

    def line(self, text: str) -> None:
        """Show an event."""

    def see(self, entry: Entry) -> None:
        """Take a fact, also one that an earlier start has made."""

    def update(self, picture: Picture, status: Status) -> None:
        """Show the present."""


class Displays(Display):
    """Several at once, such as the terminal's view and the console."""

    def __init__(self, *displays: Display) -> None:
        self._displays = displays
        self.url = next((display.url for display in displays if display.url), "")
        wanted = [display.kinds for display in displays]
        self.kinds = None if None in wanted else frozenset().union(*filter(None, wanted))

    def line(self, text: str) -> None:
        """Show an event on each."""
        for display in self._displays:
            display.line(text)

    def see(self, entry: Entry) -> None:
        """Hand a fact to each."""
        for display in self._displays:
            display.see(entry)

    def update(self, picture: Picture, status: Status) -> None:
        """Show the present on each."""
        for display in self._displays:
            display.update(picture, status)


Notify = Callable[[Summary], None]
"""Takes what the council reports for the operator's messenger; returns at once."""


def to_nobody(_summary: Summary) -> None:
    """Send nothing: no messenger is configured."""


def show(entry: Entry, plan: RunPlan, picture: Picture, display: Display, notify: Notify) -> None:
    """Fold an entry into the picture; tell people of it if this start has made it."""
    display.see(entry)
    line = picture.add(entry)
    if entry.seq < plan.first_seq:
        return
    if line:
        display.line(line)
    if isinstance(entry.fact, Summary):
        notify(entry.fact)


class StopFlag:
    """Set by the first signal; the second one leaves at once."""

    def __init__(self) -> None:
        self.is_set = False
        self.wake: Callable[[], object] = lambda: None

    def set(self) -> None:
        """Ask for an ordered stop."""
        self.is_set = True
        self.wake()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM set the flag; the handlers before are restored."""

        def handle(_number: int, _frame: object) -> None:
            if self.is_set:
                os._exit(1)
            self.set()

        before = {number: signal.signal(number, handle) for number in MACHINE.stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Driver:
    """Drives one run on Ray."""

    def __init__(
        self,
        plan: RunPlan,
        cluster: "Cluster",
        display: Display,
        duration_s: float = 0.0,
        notify: Notify = to_nobody,
    ) -> None:
        self.plan = plan
        self._notify = notify
        self.cluster = cluster
        self.display = display
        self.picture = Picture(now_ns=plan.start_ns)
        self.stop = StopFlag()
        self._ends_at_s = process_s() + duration_s if duration_s else float("inf")
        self._started_wall_ns = wall_ns()
        self._pulses: dict[str, tuple[float, int, float]] = {}
        self._letters = LetterCarrier(plan.book.mailbox, cluster.post, self._apply, display.line)
        self._cursor = 0
        self._ending = Ending.ASKED

    async def run(self) -> Ending:
        """Run until the market's time is over, somebody asks to stop, or it cannot go on."""
        with self.stop.on_signals():
            stopped = asyncio.Event()
            loop = asyncio.get_running_loop()
            self.stop.wake = lambda: loop.call_soon_threadsafe(stopped.set)
            loops = [
                asyncio.create_task(work)
                for work in (
                    self._watch(),
                    self._follow(),
                    self._tell(),
                    self._mail(),
                    self._letters.deliver(),
                )
            ]
            waiting = asyncio.create_task(stopped.wait())
            done, _ = await asyncio.wait([waiting, *loops], return_when=asyncio.FIRST_COMPLETED)
            for task in [waiting, *loops]:
                task.cancel()
            await asyncio.gather(waiting, *loops, return_exceptions=True)
            await self._follow_once(0.0)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        return self._ending

    async def _watch(self) -> None:
        while not self.stop.is_set:
            await self.cluster.watch()
            await asyncio.sleep(self.cluster.settings.cluster.watch_interval_s)

    async def _follow(self) -> None:
        while not self.stop.is_set:
            await self._follow_once(_FOLLOW_TIMEOUT_S)
            if self.plan.is_virtual and not self.plan.is_paced:
                await asyncio.sleep(_FOLLOW_TIMEOUT_S)  # the agents need the processor more

    async def _follow_once(self, timeout_s: float) -> None:
        wanted = Filter(kinds=self.display.kinds, unhurried=None)
        with suppress(BoardUnavailable):
            answer = await self.cluster.board.read(
                self._cursor,
                wanted,
                _FOLLOW_BATCH_MAX,
                timeout_s,
                self.plan.settings.board.linger_s if timeout_s else 0.0,
            )
            self._cursor = answer.read_to
            for entry in answer.entries:
                self._show(entry)

    def _show(self, entry: Entry) -> None:
        show(entry, self.plan, self.picture, self.display, self._notify)

    async def _mail(self) -> None:
        while not self.stop.is_set:
            if self._letters.collect(self._now_ns()) or process_s() > self._ends_at_s:
                self.stop.set()
            await asyncio.sleep(_MAILBOX_EVERY_S)

    async def _apply(self, letter: Letter) -> None:
        """Do what concerns processes; the council reads of the rest."""
        try:
            match letter.operator_command:
                case Command.SWITCH:
                    await self.cluster.switch(letter.argument)
                case Command.RESTART:
                    await self.cluster.restart(letter.argument)
                case _:
                    pass
        except (ConfigError, BoardUnavailable, OSError) as error:
            _log.warning("switch_refused", argument=letter.argument, reason=str(error))

    def _now_ns(self) -> int:
        return self.picture.now_ns if self.plan.is_virtual else self.plan.clock.now_ns()

    async def _tell(self) -> None:
        pulse: BoardPulse | None = None
        while not self.stop.is_set:
            # Without an answer the last one is told: the driver lives, and takes commands.
            pulse = await self._pulse() or pulse
            if pulse is None:
                continue
            if pulse.failure:
                raise UnrecoverableError(f"the journal cannot be written: {pulse.failure}")
            self.picture.now_ns = max(self.picture.now_ns, pulse.now_ns)
            status = self._status(pulse)
            tell_status(self.plan.book.state, status)
            self.display.update(self.picture, status)
            if pulse.has_ended or self.cluster.has_ended:
                self._ending = Ending.FINISHED
                self.stop.set()
            await asyncio.sleep(_STATUS_EVERY_S)

    async def _pulse(self) -> BoardPulse | None:
        try:
            async with asyncio.timeout(_PULSE_WITHIN_S):
                return await self.cluster.board.pulse()
        except (BoardUnavailable, TimeoutError) as error:
            reason = str(error) or f"it did not answer within {_PULSE_WITHIN_S:g} s"
            self.display.line(f"board      {reason}")
            return None

    def _status(self, pulse: BoardPulse) -> Status:
        cluster = self.cluster
        session = cluster.session
        return Status(
            pid=os.getpid(),
            book=self.plan.book.name,
            marker=MARKERS[self.plan.settings.profile],
            started_wall_ns=self._started_wall_ns,
            written_wall_ns=wall_ns(),
            now_ns=pulse.now_ns,
            host="ray",
            ray_address=session.address if session else "",
            dashboard_url=session.dashboard_url if session else "",
            console_url=self.display.url,
            terminal_url=cluster.terminal.url,
            terminal_pid=cluster.terminal.pid,
            board_pid=cluster.board_pid,
            board_node=cluster.board_node,
            head=pulse.head,
            supersteps=pulse.supersteps,
            agents=[self._agent_line(view, pulse.authors) for view in cluster.agents.values()],
        )

    def _agent_line(self, view: Any, authors: dict[str, Pulse]) -> AgentLine:
        pulse = authors.get(view.name)
        age_s, rate = post_rate(self._pulses, view.name, pulse)
        return AgentLine(
            name=view.name,
            class_name=class_name(view.name),
            mode=view.mode,
            health=view.health.value,
            pid=view.pid,
            node=view.node,
            restarts=view.restarts,
            reason=view.reason,
            last_fact_age_s=age_s,
            posts_per_s=rate,
            posts_refused=pulse.refused if pulse else 0,
        )


def tell_status(path: Path, status: Status) -> None:
    """Write the status file; neither a full disk nor a reader of it may stop trading."""
    try:
        write_status(path, status)
    except OSError as error:
        _log.warning("status_not_written", reason=str(error))


def post_rate(
    seen: dict[str, tuple[float, int, float]], name: str, pulse: Pulse | None
) -> tuple[float, float]:
    """Return the age of an author's last fact in process seconds, and its facts a second.

    The rate is that since last asked. `seen` keeps, by author, when that was, how many facts there
    were, and when their number last grew.
    """
    now_s = process_s()
    posted = pulse.entries if pulse else 0
    asked_s, entries, grew_s = seen.get(name, (now_s, 0, -1.0))
    if posted > entries:
        grew_s = now_s
    elapsed_s = now_s - asked_s
    rate = (posted - entries) / elapsed_s if elapsed_s > 0.0 else 0.0
    seen[name] = now_s, posted, grew_s
    return (now_s - grew_s if grew_s >= 0.0 else -1.0), rate
